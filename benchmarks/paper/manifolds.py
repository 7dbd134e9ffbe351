r"""Errors of networks on a ray and on sine waves, and m sigma^2 / d (appendix).

    python benchmarks/paper/manifolds.py [--preset laptop|gpu|paper]

For images on a smooth manifold of m dimensions and low noise, the optimal denoiser has
the error m sigma^2 / d and a Jacobian that keeps m directions. A ray has m = 1, and the
sine waves have m = 2.
"""

import numpy as np
from _common import make_parser, preset_of, trained, verdict

from sklearn_gahb import GaussianNoise, JacobianBasis, psnr_curve
from sklearn_gahb.datasets import make_ray_images, make_sine_images

LEVELS = 10 ** (-np.arange(10, 31, 5) / 20)

options = make_parser(__doc__).parse_args()
preset = preset_of(options)
size = preset.image_size
for name, make, dimension in [
    ("ray", make_ray_images, 1),
    ("sine", make_sine_images, 2),
]:
    X = make(preset.n_train + 100, size, random_state=0)
    X, X_test = X[:-100], X[-100:]
    network = trained(preset.network(), X, name, options)
    curve = psnr_curve(network, X_test, LEVELS, random_state=0)
    bound = curve.input_psnr + 10 * np.log10(size**2 / dimension)
    print(f"\n{name}: input PSNR", *(f"{x:6.1f}" for x in curve.input_psnr))
    print(f"{dimension} sigma^2 / d ", *(f"{x:6.1f}" for x in bound))
    print("network       ", *(f"{x:6.1f}" for x in curve.output_psnr))
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(X_test[:1])
    factors = JacobianBasis(network, 8, random_state=0).fit(noisy).eigenvalues_
    gaps = bound - curve.output_psnr
    verdict(
        f"networks fall short of {dimension} sigma^2 / d and keep more than "
        f"{dimension} directions",
        f"{gaps.min():.1f} to {gaps.max():.1f} dB below; factors at noise 0.1 "
        + " ".join(f"{value:.2f}" for value in factors),
        gaps.min() > 0 and factors[dimension] > 0.05,
    )
