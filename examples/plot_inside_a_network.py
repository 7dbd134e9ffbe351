"""
===========================
Inside a published network
===========================

Around an image, a bias-free denoising network is a matrix: its Jacobian. The network
denoises by shrinking coefficients in the eigenvectors of that matrix, a basis which it
adapts to the image. Here is that basis for a photograph and a network that its authors
published.
"""

# %%
# A network that somebody else has trained
# ----------------------------------------
#
# :func:`~sklearn_gahb.checkpoints.fetch_published` downloads BF-CNN, which was trained
# on 400 photographs for noise levels up to 100 of 255, as a fitted denoiser. This
# example needs that file, of 2.7 MB; without an internet connection, take
# :func:`~sklearn_gahb.checkpoints.load_pretrained` instead.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import GaussianNoise, JacobianBasis, psnr
from sklearn_gahb.checkpoints import fetch_published
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.displays import JacobianBasisDisplay
from sklearn_gahb.jacobian import posterior_directions, sure_psnr

denoiser = fetch_published("bf_cnn_bsd400_0-100")
noise_std = 30 / 255

photo = load_photo_patches(64, 1, subset="test", random_state=0).photos["camera"]
clean = photo[None, 60:188:2, 180:308:2] / np.float32(255)
noisy = GaussianNoise(noise_std, random_state=0).fit_transform(clean)
denoised = denoiser.transform(noisy)
print(f"noisy {psnr(clean, noisy):.1f} dB, denoised {psnr(clean, denoised):.1f} dB")

# %%
# Stein's estimate knows the error of the denoised image without the clean one, from the
# trace of the Jacobian:

estimated = sure_psnr(denoiser, noisy, noise_std, random_state=0)
print(f"estimated: {estimated:.1f} dB")

# %%
# Its basis
# ---------
#
# The 64 eigenvectors with the largest eigenvalues, of the symmetric part of the
# Jacobian. They follow this image: those with the largest factors sit at its contours,
# later ones oscillate along them and fill regions up to the next contour. A factor of 1
# keeps a coefficient, one of 0 removes it; those of a network can exceed 1.

basis = JacobianBasis(denoiser, 64, random_state=0).fit(noisy)
display = JacobianBasisDisplay.from_estimator(basis, clean)

print(f"about {basis.degrees_of_freedom_:.0f} of {clean.size} coefficients are kept")
print(f"|J y - f(y)| / |f(y)| = {basis.homogeneity_error_:.0e}: no constant is added")
print(f"|J - J^T| / |J| = {basis.asymmetry_:.2f}: an optimal denoiser has 0")

# %%
# What the network is unsure of
# -----------------------------
#
# For the optimal denoiser the Jacobian times the variance of the noise is the
# covariance of the clean image, given the noisy one. Its eigenvectors are the
# directions in which the image might as well have been different.

directions, std = posterior_directions(
    denoiser, noisy, noise_std, n_components=3, random_state=0
)
fig, axes = plt.subplots(3, 5, figsize=(8, 5), layout="constrained")
for row, direction, deviation in zip(axes, directions, std, strict=True):
    for ax, steps in zip(row, [-3, -1.5, 0, 1.5, 3], strict=True):
        ax.imshow(denoised[0] + steps * deviation * direction, cmap="gray")
        ax.set(title=f"{steps:+g} std", xticks=[], yticks=[])
fig.suptitle("Along the three principal directions")
plt.show()

assert abs(estimated - psnr(clean, denoised)) < 0.5
assert basis.homogeneity_error_ < 1e-4
assert basis.degrees_of_freedom_ < clean.size / 5
