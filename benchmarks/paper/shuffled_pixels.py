"""Photographs with shuffled pixels: the control experiment of the paper.

    python benchmarks/paper/shuffled_pixels.py [--preset laptop|gpu|paper]

A fixed permutation of all pixels does not change the optimal error, but it destroys the
geometry that networks are made for. The Wiener filter with the full covariance of the
pixels, which shrinks principal components, does not depend on the order of the pixels.
"""

from pathlib import Path

import numpy as np
from _common import load_photos, make_parser, preset_of, trained, verdict
from sklearn.decomposition import PCA

from sklearn_gahb import GaussianNoise, psnr

parser = make_parser(__doc__)
parser.add_argument("--images", type=Path)
options = parser.parse_args()
preset = preset_of(options)
size = preset.image_size
X, _, X_test = load_photos(size, preset.n_train, 300, options.images)
order = np.random.RandomState(0).permutation(size**2)


def shuffle(images):
    return images.reshape(len(images), -1)[:, order].reshape(images.shape)


def shrink_principal_components(pca, noisy, noise_std):
    z = pca.transform(noisy.reshape(len(noisy), -1))
    gain = pca.explained_variance_ / (pca.explained_variance_ + noise_std**2)
    return pca.inverse_transform(gain * z).reshape(noisy.shape)


networks = {
    name: trained(preset.network(), images, f"shuffled_{name}", options)
    for name, images in [("photographs", X), ("shuffled", shuffle(X))]
}
pca = PCA(svd_solver="covariance_eigh").fit(X.reshape(len(X), -1))
advantages = []
print("noise_std    network   shuffled   linear optimum (either)")
for noise_std in (0.05, 0.1, 0.2, 0.4):
    noisy = GaussianNoise(noise_std, random_state=0).fit_transform(X_test)
    plain = psnr(X_test, networks["photographs"].transform(noisy))
    shuffled = psnr(shuffle(X_test), networks["shuffled"].transform(shuffle(noisy)))
    linear = psnr(X_test, shrink_principal_components(pca, noisy, noise_std))
    advantages.append((plain - linear, shuffled - linear))
    print(f"{noise_std:9.2f} {plain:10.2f} {shuffled:10.2f} {linear:10.2f}", flush=True)
# At low noise the optimum is nearly linear, so any advantage counts.
verdict(
    "without geometry the network loses its advantage over linear shrinkage",
    "ahead of it by "
    + ", ".join(f"{plain:+.1f} ({shuffled:+.1f})" for plain, shuffled in advantages)
    + " dB on photographs (shuffled); drop of "
    + " ".join(f"{plain - shuffled:.1f}" for plain, shuffled in advantages),
    all(plain > 0 > shuffled for plain, shuffled in advantages),
)
