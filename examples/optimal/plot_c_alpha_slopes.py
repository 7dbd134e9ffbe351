r"""
==================================================
PSNR slopes on images with regular contours
==================================================

How fast does the error decrease with the noise? Consider images that are
:math:`C^\alpha` except along contours, where the contours are :math:`C^\alpha` as well.
For these images, plot the output PSNR against the input PSNR. No denoiser achieves a
slope steeper than :math:`\alpha / (\alpha + 1)`. Thresholding in the best bandlet basis
attains this slope. A network trained on such images comes close, although nobody told
the network about bandlets.
"""

# %%
# Images of known regularity
# --------------------------
#
# The contours and the backgrounds in the second row are more regular.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import (
    BandletDenoiser,
    BandletOracle,
    GaussianNoise,
    JacobianBasis,
    WaveletThresholdDenoiser,
    psnr_curve,
)
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import make_c_alpha_images
from sklearn_gahb.displays import PSNRCurveDisplay

size = 40
images = {
    alpha: make_c_alpha_images(100, size, alpha=alpha, random_state=10)
    for alpha in (2, 4)
}
figure, axes = plt.subplots(2, 6, figsize=(9, 3.2), layout="constrained")
for row, (alpha, X) in zip(axes, images.items(), strict=True):
    row[0].set_ylabel(rf"$\alpha$ = {alpha}")
    for ax, image in zip(row, X, strict=False):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])

# %%
# Bandlets, wavelets and networks
# -------------------------------
#
# The networks ship with the package. They were trained on other images from the same
# classes. The oracle chooses its bandlets from the clean image. Its ideal attenuation
# multiplies each coefficient by the best possible factor, which gives a bound for all
# denoisers in that basis. The other denoisers only see the noisy images. At this image
# size, the theoretical slope is visible between 10 and 30 dB.
#
# The networks are several dB above the bandlets because they have learned the
# distribution of the images. Their slopes are close to the optimal rates. For alpha = 4
# and low noise, the optimal error is smaller than these narrow networks can reach after
# only minutes of training.

levels = 10 ** (-np.arange(10, 31, 5) / 20)
figure, axes = plt.subplots(1, 2, figsize=(9, 5.6), layout="constrained")
curves = {}
for ax, (alpha, X) in zip(axes, images.items(), strict=True):
    denoisers = {
        "network": load_pretrained(f"c-alpha-{alpha}"),
        "bandlets, ideal attenuation": BandletOracle(shrinkage="attenuation").fit(X),
        "bandlets of the noisy image": BandletDenoiser().fit(X),
        "Haar wavelets": WaveletThresholdDenoiser(
            "haar", threshold=3.0, shrinkage="hard", n_shifts=1
        ).fit(X),
    }
    curves[alpha] = {
        name: psnr_curve(denoiser, X, levels, random_state=0)
        for name, denoiser in denoisers.items()
    }
    optimal = alpha / (alpha + 1)
    print(f"alpha = {alpha}: optimal rate {optimal:.2f}")
    for name, curve in curves[alpha].items():
        print(f"    {name:28} slope {curve.slope:.2f}")
    PSNRCurveDisplay.from_curves(curves[alpha], slopes={"optimal rate": optimal}, ax=ax)
    ax.set_title(rf"$\alpha$ = {alpha}")

# %%
# The basis of the network
# ------------------------
#
# The eigenvectors of the network's Jacobian oscillate on both sides of the contour and
# along the contour. The titles give their shrinkage factors. Red is positive, blue is
# negative, white is zero.

clean = images[2][14:15]
noisy = GaussianNoise(0.1, random_state=0).fit_transform(clean)
basis = JacobianBasis(load_pretrained("c-alpha-2"), 24, random_state=0).fit(noisy)
figure, axes = plt.subplots(2, 7, figsize=(9, 3), layout="constrained")
axes[0, 0].imshow(clean[0], cmap="gray", vmin=0, vmax=1)
axes[0, 0].set_title("clean", fontsize="small")
axes[1, 0].imshow(noisy[0], cmap="gray", vmin=0, vmax=1)
axes[1, 0].set_title("noisy", fontsize="small")
ks = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 24]
for ax, k in zip(axes[:, 1:].flat, ks, strict=True):
    vector = basis.components_[k - 1].reshape(size, size)
    limit = np.quantile(np.abs(vector), 0.995)
    ax.imshow(vector, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_title(f"factor {basis.eigenvalues_[k - 1]:.2f}", fontsize="small")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
plt.show()

# sphinx_gallery_start_ignore
for of_alpha in curves.values():
    outputs = {name: curve.output_psnr for name, curve in of_alpha.items()}
    assert (outputs["network"] > outputs["bandlets of the noisy image"]).all()
    assert (outputs["network"] > outputs["Haar wavelets"]).all()
for alpha, of_alpha in curves.items():
    assert abs(of_alpha["network"].slope - alpha / (alpha + 1)) < 0.06
# sphinx_gallery_end_ignore
