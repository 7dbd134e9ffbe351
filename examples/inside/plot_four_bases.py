"""
=====================================================
The bases of four denoisers
=====================================================

Every denoiser in this package shrinks coefficients in some basis. The Wiener filter
uses a fixed basis of sine waves. Wavelet thresholding selects vectors from a fixed
basis according to the coefficients of the image. Bandlet thresholding chooses among
many bases, square by square, along the contours. A network adapts the basis itself.
"""

# %%
# Four denoisers
# --------------
#
# The Wiener filter learns a power spectrum from patches of photographs. Wavelet and
# bandlet thresholding learn nothing. The network ships with the package.

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

from sklearn_gahb import (
    BandletDenoiser,
    GaussianNoise,
    JacobianBasis,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    psnr,
)
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import load_photo_patches

size, noise_std = 40, 30 / 255
train = load_photo_patches(size, 500, subset="train", random_state=0).images
photo = load_photo_patches(size, 1, subset="test", random_state=0).photos["camera"]
clean = photo[None, 60:140:2, 180:260:2] / np.float32(255)
noisy = GaussianNoise(noise_std, random_state=0).fit_transform(clean)

denoisers = {
    "Wiener": WienerDenoiser().fit(train),
    "wavelets": WaveletThresholdDenoiser(
        n_scales=3, threshold=3.0, shrinkage="hard", n_shifts=1
    ).fit(train),
    "bandlets": BandletDenoiser(n_scales=3).fit(train),
    "network": load_pretrained("photos-grey"),
}

# %%
# Four bases
# ----------
#
# Each row shows the noisy image as one denoiser restores it, and the six vectors of
# its basis that contribute most to the details of this image. The details are what
# remains after a blurred copy is subtracted. Red is positive, blue is negative, white
# is zero, and the thin lines are contours of the clean image. Sine waves and wavelets
# ignore the contour of the head. Bandlets are cut off at the borders of squares. The
# vectors of the network lie on the contour, end at it, and oscillate along it.

bases = {
    name: JacobianBasis(denoiser, noise_std=noise_std).fit(noisy)
    for name, denoiser in denoisers.items()
}
contours = gaussian_filter(clean[0], 1.25)
fig, axes = plt.subplots(4, 7, figsize=(9, 6), layout="constrained")
for row, (name, basis) in zip(axes, bases.items(), strict=True):
    row[0].imshow(basis.denoised_, cmap="gray", vmin=0, vmax=1)
    row[0].set_ylabel(name)
    quality = psnr(clean, basis.denoised_[None])
    row[0].set_title(f"{quality:.1f} dB", fontsize="small")
    details = basis.denoised_ - gaussian_filter(basis.denoised_, 4)
    contributions = np.abs(basis.eigenvalues_ * (basis.components_ @ details.ravel()))
    for ax, k in zip(row[1:], np.argsort(-contributions)[:6], strict=True):
        component = basis.components_[k].reshape(size, size)
        limit = np.quantile(np.abs(component), 0.99)
        ax.imshow(component, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.contour(contours, [0.3, 0.6], colors="0.2", linewidths=0.5)
        ax.set_title(f"factor {basis.eigenvalues_[k]:.2f}", fontsize="small")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])

# %%
# Few vectors of the network's basis suffice
# ------------------------------------------
#
# A basis fits an image if few of its vectors approximate the image well. The figure
# shows the PSNR of the best approximation of the clean image by k vectors of each
# basis. From about 20 to 280 vectors, the basis of the network is the best, although it
# is that of the noisy image.

fig, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
x = (clean - clean.mean()).ravel()
numbers = np.arange(1, 301)
quality = {}
styles = dict(zip(bases, ["s:", "^--", "v-.", "o-"], strict=True))
for name, basis in bases.items():
    energies = np.sort((basis.components_ @ x) ** 2)[::-1]
    errors = (x @ x - energies.cumsum()[: len(numbers)]) / x.size
    quality[name] = -10 * np.log10(errors)
    ax.plot(numbers, quality[name], styles[name], label=name, markevery=30)
ax.set(xlabel="number of vectors k", ylabel="PSNR of the best approximation (dB)")
ax.legend()
plt.show()
for name, decibels in quality.items():
    print(f"{name:9} {decibels[15]:.1f} dB with 16 vectors, {decibels[63]:.1f} with 64")
# sphinx_gallery_start_ignore
assert quality["network"][63] > max(quality[name][63] for name in list(bases)[:3]) + 2
# sphinx_gallery_end_ignore

# %%
# ``benchmarks/paper/basis_decay.py`` repeats this comparison for twelve photographs.
