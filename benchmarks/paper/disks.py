r"""Errors of network and posterior mean on disks, and 5 sigma^2 / d (figure 6).

    python benchmarks/paper/disks.py [--preset laptop|gpu|paper] [--shipped]

--shipped uses the network that ships with the package instead of training a network.
"""

import numpy as np
from _common import make_parser, preset_of, trained, verdict

from sklearn_gahb import (
    DiskPosteriorDenoiser,
    GaussianNoise,
    JacobianBasis,
    psnr_curve,
)
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import disk_tangents, make_disk_images

LEVELS = 10 ** (-np.arange(10, 36, 5) / 20)

parser = make_parser(__doc__)
parser.add_argument("--shipped", action="store_true")
options = parser.parse_args()
preset = preset_of(options)
size = 32 if options.shipped else preset.image_size

X_test, parameters = make_disk_images(100, size, return_parameters=True, random_state=1)
if options.shipped:
    network = load_pretrained("disks")
else:
    X = make_disk_images(preset.n_train, size, random_state=0)
    network = trained(preset.network(), X, "disks", options)
posterior = DiskPosteriorDenoiser(random_state=0).fit(X_test)

curves = {
    name: psnr_curve(denoiser, X_test, LEVELS, random_state=0)
    for name, denoiser in [("network", network), ("posterior mean", posterior)]
}
bound = curves["network"].input_psnr + 10 * np.log10(size**2 / 5)
print("input PSNR     ", *(f"{x:6.1f}" for x in curves["network"].input_psnr))
print("5 sigma^2 / d  ", *(f"{x:6.1f}" for x in bound))
for name, curve in curves.items():
    print(f"{name:15}", *(f"{x:6.1f}" for x in curve.output_psnr))
slopes = {name: curve.slope for name, curve in curves.items()}
gaps = curves["posterior mean"].output_psnr - curves["network"].output_psnr
verdict(
    "networks stay below the optimum, which has slope 1",
    f"slopes {slopes['network']:.2f} and {slopes['posterior mean']:.2f}, "
    f"{gaps.min():.1f} to {gaps.max():.1f} dB below",
    gaps.min() > 0 and abs(slopes["posterior mean"] - 1) < 0.1,
)

contrast = np.abs(parameters[:, 3] - parameters[:, 4])
chosen = [np.argmax(contrast)]
noisy = GaussianNoise(0.04, random_state=0).fit_transform(X_test[chosen])
basis = JacobianBasis(network, 10, random_state=0).fit(noisy)
tangents = disk_tangents(parameters[chosen], size)[0].reshape(5, -1)
Q, _ = np.linalg.qr(tangents.T)
inside = np.square(basis.components_[:5] @ Q).sum() / 5
verdict(
    "at noise 0.04 the factors are 1.18 1.07 1.00 1.00 .95 .67 .55 .39 .30 .28, and "
    "the first five vectors span the tangent space",
    " ".join(f"{value:.2f}" for value in basis.eigenvalues_)
    + f"; {100 * inside:.0f} % of the first five is tangent",
    basis.eigenvalues_[5] > 0.2 and inside > 0.8,
)
