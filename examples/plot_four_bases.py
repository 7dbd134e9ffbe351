"""
=====================================================
The bases of four denoisers
=====================================================

Every denoiser of the package shrinks coefficients in some basis. The one of the Wiener
filter is fixed: sine waves. Wavelet thresholding selects from a fixed basis, by the
coefficients of the image. Bandlets are chosen from many bases, square by square, along
the contours. A network adapts the basis itself.
"""

# %%
# Four denoisers
# --------------
#
# The Wiener filter learns a power spectrum from patches of photographs, thresholding of
# wavelets and of bandlets needs nothing, and the network is one that ships with the
# package.

import matplotlib.pyplot as plt
import numpy as np

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

size, noise_std = 48, 30 / 255
train = load_photo_patches(size, 500, subset="train", random_state=0).images
photo = load_photo_patches(size, 1, subset="test", random_state=0).photos["camera"]
clean = photo[None, 70:166:2, 190:286:2] / np.float32(255)
noisy = GaussianNoise(noise_std, random_state=0).fit_transform(clean)

denoisers = {
    "Wiener": WienerDenoiser(noise_std=noise_std).fit(train),
    "wavelets": WaveletThresholdDenoiser("sym4", n_scales=4, noise_std=noise_std).fit(
        train
    ),
    "bandlets": BandletDenoiser(n_scales=4, noise_std=noise_std).fit(train),
    "network": load_pretrained("photos-grey"),
}

# %%
# Four bases
# ----------
#
# The first three have theirs in closed form; that of the network comes from products
# with its Jacobian. Below are the vectors with the largest shrinkage factors: among
# wavelets and bandlets, all of which are kept as they are, those with the largest
# coefficients.

n_components = 64
bases = {
    name: JacobianBasis(denoiser, n_components, random_state=0).fit(noisy)
    for name, denoiser in denoisers.items()
}

fig = plt.figure(figsize=(9, 5.6), layout="constrained")
axes = fig.subplots(4, 9)
ks = [1, 2, 3, 5, 8, 16, 32, 64]
for row, (name, basis) in zip(axes, bases.items(), strict=True):
    row[0].imshow(basis.denoised_, cmap="gray", vmin=0, vmax=1)
    row[0].set_ylabel(name)
    row[0].set_title(f"{psnr(clean, basis.denoised_[None]):.1f} dB", fontsize="small")
    for ax, k in zip(row[1:], ks, strict=True):
        component = basis.components_[k - 1].reshape(size, size)
        limit = np.abs(component).max()
        ax.imshow(component, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set_title(f"k = {k}\n{basis.eigenvalues_[k - 1]:.2f}", fontsize="small")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])

# %%
# How well the bases fit the image
# --------------------------------
#
# The share of the clean image, its mean apart, that the first k vectors hold. The first
# vectors of the network are the ones that it amplifies, at contours, and hold little;
# with those it keeps, its 64 vectors hold more of this image than 64 of a fixed basis.

fig, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
x = (clean - clean.mean()).ravel()
shares = {}
for name, basis in bases.items():
    energy = (basis.components_ @ x) ** 2
    shares[name] = np.cumsum(energy) / (x @ x)
    ax.plot(np.arange(1, n_components + 1), shares[name], label=name)
ax.set(xlabel="k", ylabel="share of the clean image", ylim=(0, 1))
ax.legend()
for name, share in shares.items():
    print(f"{name:9} {share[15]:.2f} in 16 vectors, {share[63]:.2f} in 64")

# %%
# The build of this page checks it.

assert shares["network"][-1] == max(share[-1] for share in shares.values())
