"""
===========================
Inside a published network
===========================

Around an image, a bias-free denoising network acts as a matrix: its Jacobian. The
network denoises by shrinking coefficients in the eigenvectors of that matrix. These
eigenvectors form a basis that the network adapts to the image. This example computes
the basis of a published network for one photograph.
"""

# %%
# A published network
# -------------------
#
# :func:`~sklearn_gahb.checkpoints.fetch_published` downloads BF-CNN and returns a
# fitted denoiser. The authors trained BF-CNN on 400 photographs for noise levels up to
# 100/255. This example needs the downloaded file of 2.7 MB. Without an internet
# connection, use :func:`~sklearn_gahb.checkpoints.load_pretrained` instead.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import GaussianNoise, JacobianBasis, psnr
from sklearn_gahb.checkpoints import fetch_published, load_pretrained
from sklearn_gahb.datasets import fetch_set12, load_photo_patches
from sklearn_gahb.displays import JacobianBasisDisplay
from sklearn_gahb.jacobian import harmonicity, posterior_directions, sure_psnr

denoiser = fetch_published("bf_cnn_bsd400_0-100")
noise_std = 30 / 255

photo = load_photo_patches(40, 1, subset="test", random_state=0).photos["camera"]
clean = photo[None, 60:140:2, 180:260:2] / np.float32(255)
noisy = GaussianNoise(noise_std, random_state=0).fit_transform(clean)
denoised = denoiser.transform(noisy)
print(f"noisy {psnr(clean, noisy):.1f} dB, denoised {psnr(clean, denoised):.1f} dB")

# %%
# Stein's estimate computes the error of the denoised image from the trace of the
# Jacobian. It does not need the clean image:

estimated = sure_psnr(denoiser, noisy, noise_std, random_state=0)
print(f"estimated: {estimated:.1f} dB")

# %%
# The basis of the network
# ------------------------
#
# The basis consists of the eigenvectors of the symmetric part of the Jacobian. The
# figure shows the 18 eigenvectors that contribute most to the denoised image. Red is
# positive, blue is negative, white is zero, and thin lines are contours of the clean
# image. The eigenvectors follow this image: they fill regions up to the next contour,
# or lie on a contour and oscillate along it. A factor of 1 keeps a coefficient, and a
# factor of 0 removes it. The factors of a network can exceed 1.

basis = JacobianBasis(denoiser).fit(noisy, clean)
display = JacobianBasisDisplay.from_estimator(basis, clean)

print(f"about {basis.degrees_of_freedom_:.0f} of {clean.size} coefficients are kept")
print(f"|J y - f(y)| / |f(y)| = {basis.homogeneity_error_:.0e}: no constant is added")

# %%
# The Jacobian of the optimal denoiser is symmetric. That of a network is not, and its
# symmetric part alone denoises worse:

print(f"|J - J^T| / |J| = {basis.asymmetry_:.2f}")
print(f"the symmetric part loses {basis.symmetrization_loss_:.1f} dB")

# %%
# Another network, another photograph
# -----------------------------------
#
# A much smaller network, which ships with the package, adapts its basis in the same
# way. In this photograph, one contour separates a coat from the sky. Many eigenvectors
# lie on this contour, and alternate between red and blue along it:

photo = fetch_set12().images[0][40:120:2, :80:2][None] / np.float32(255)
small = load_pretrained("photos-grey")
display = JacobianBasisDisplay.from_estimator(
    JacobianBasis(small, n_components=80, random_state=0).fit(
        GaussianNoise(0.15, random_state=0).fit_transform(photo)
    ),
    photo,
)

# %%
# How much the basis follows contours
# -----------------------------------
#
# :func:`~sklearn_gahb.jacobian.harmonicity` measures what the figure shows, here for
# the vectors weighted by their contributions. Their energy is concentrated near
# contours, and they oscillate more slowly along contours than across.

found = harmonicity(basis, clean[0])
near = found.weights * found.contour_share
print(
    f"energy near contours: {near.sum():.2f}, share of the area: {found.area_share:.2f}"
)
print(f"cycles per pixel along contours:  {near @ found.along / near.sum():.3f}")
print(f"cycles per pixel across contours: {near @ found.across / near.sum():.3f}")

# %%
# Uncertainty of the network
# --------------------------
#
# For the optimal denoiser, the Jacobian times the noise variance is the covariance of
# the clean image given the noisy image. The eigenvectors of this covariance are the
# directions in which the clean image could plausibly have been different. Each row
# shows one direction, and the denoised image before and after steps of three standard
# deviations (std) along this direction.

directions, std = posterior_directions(
    denoiser, noisy, noise_std, n_components=3, random_state=0
)
fig, axes = plt.subplots(3, 4, figsize=(7, 5.4), layout="constrained")
for row, direction, deviation in zip(axes, directions, std, strict=True):
    limit = np.abs(direction).max()
    row[0].imshow(direction, cmap="RdBu_r", vmin=-limit, vmax=limit)
    row[0].set_title("direction")
    for ax, steps in zip(row[1:], [-3, 0, 3], strict=True):
        shown = denoised[0] + steps * deviation * direction
        ax.imshow(shown, cmap="gray", vmin=0, vmax=0.6)
        ax.set_title(f"{steps:+d} std" if steps else "denoised")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
plt.show()
# sphinx_gallery_start_ignore
assert abs(estimated - psnr(clean, denoised)) < 0.5
assert basis.homogeneity_error_ < 1e-4
assert near.sum() > 1.5 * found.area_share
assert near @ found.along < 0.8 * near @ found.across
# sphinx_gallery_end_ignore
