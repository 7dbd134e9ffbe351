"""
====================================================
Error and uncertainty without the clean image
====================================================

How good is a denoised photograph when the clean one is not available? The Jacobian of
the denoiser answers this question: its trace gives the error of the whole image, and
its diagonal gives the uncertainty of each pixel.
"""

# %%
# Stein's estimate of the PSNR
# ----------------------------
#
# :func:`~sklearn_gahb.jacobian.sure_psnr` needs the noisy image and the noise level. By
# default, it multiplies the Jacobian by one random vector; this example uses four. The
# clean image is used here only to check the estimate. The network is a published one.
# :func:`~sklearn_gahb.checkpoints.fetch_published` downloads it as a file of 2.7 MB.

import warnings

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import GaussianNoise, psnr
from sklearn_gahb.checkpoints import fetch_published
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.jacobian import posterior_std, sure_psnr

denoiser = fetch_published("bf_cnn_bsd400_0-100")
photo = load_photo_patches(64, 1, subset="test", random_state=0).photos["camera"]
clean = photo[None, 60:188, 180:308] / np.float32(255)

levels = [0.05, 0.1, 0.2]
estimates, truths = [], []
for level in levels:
    noisy = GaussianNoise(level, random_state=0).fit_transform(clean)
    estimates.append(sure_psnr(denoiser, noisy, level, n_probes=4, random_state=0))
    truths.append(psnr(clean, denoiser.transform(noisy)))
    print(f"noise {level}: estimated {estimates[-1]:.2f} dB, true {truths[-1]:.2f} dB")

# %%
# Uncertainty of each pixel
# -------------------------
#
# The diagonal of the Jacobian gives the standard deviation of the clean image given the
# noisy image. This uncertainty is large at contours, because the contours could be
# elsewhere, and small within regions. Where the uncertainty is large, the error is
# large too. No network is exactly optimal, so the diagonal is negative at a few pixels.
# The function replaces these values by 0 and warns about them. The example ignores that
# warning.

level = 0.1
crop = clean[:, 32:96, 40:104]
noisy = GaussianNoise(level, random_state=0).fit_transform(crop)
denoised = denoiser.transform(noisy)
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "The diagonal of the Jacobian is negative")
    std = posterior_std(denoiser, noisy, level, n_probes=200, random_state=0)
error = np.abs(denoised - crop)
figure, axes = plt.subplots(2, 2, figsize=(6.5, 6), layout="constrained")
for ax, (image, title, limit) in zip(
    axes.flat,
    [
        (noisy[0], f"noisy, {psnr(crop, noisy):.1f} dB", 1),
        (denoised[0], f"denoised, {psnr(crop, denoised):.1f} dB", 1),
        (std, "uncertainty", 0.1),
        (error[0], "absolute error", 0.1),
    ],
    strict=True,
):
    shown = ax.imshow(image, cmap="gray", vmin=0, vmax=limit)
    ax.set(title=title, xticks=[], yticks=[])
figure.colorbar(shown, ax=axes[1])

# %%
# Calibration of the uncertainty
# ------------------------------
#
# The pixels are split into ten groups of increasing uncertainty. The root mean square
# error of each group follows its uncertainty. On the dotted line, they are equal.

order = np.argsort(std.ravel())
groups = np.array_split(order, 10)
expected = np.array([np.sqrt(np.mean(std.ravel()[g] ** 2)) for g in groups])
found = np.array([np.sqrt(np.mean(error.ravel()[g] ** 2)) for g in groups])
figure, ax = plt.subplots(figsize=(4, 3.5), layout="constrained")
ax.plot(expected, found, "o-")
ax.axline((0, 0), slope=1, color="gray", linestyle=":")
ax.set(xlabel="uncertainty", ylabel="error", title="Root mean square over pixels")
plt.show()

# sphinx_gallery_start_ignore
assert np.abs(np.subtract(estimates, truths)).max() < 0.5
assert np.corrcoef(expected, found)[0, 1] > 0.9
# sphinx_gallery_end_ignore
