r"""
==================================================
Regular images: the slope of a network
==================================================

How fast does the error fall with the noise? For images that are :math:`C^\alpha` up to
contours that are :math:`C^\alpha` no denoiser does better than a slope of
:math:`\alpha / (\alpha + 1)`, PSNR of the output against that of the input.
Thresholding in the best basis of bandlets attains it. A network that was trained on
such images comes close, and nobody has told it of bandlets.
"""

# %%
# Images of known regularity
# --------------------------

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import (
    BandletOracle,
    DNNDenoiser,
    GaussianNoise,
    JacobianBasis,
    WaveletThresholdDenoiser,
    psnr_curve,
)
from sklearn_gahb.datasets import make_c_alpha_images
from sklearn_gahb.displays import PSNRCurveDisplay

alpha, size = 2, 32
X = make_c_alpha_images(8060, size, alpha=alpha, random_state=0)
X, X_test = X[:8000], X[8000:]
figure, axes = plt.subplots(1, 6, figsize=(9, 1.7), layout="constrained")
for ax, image in zip(axes, X_test, strict=False):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])

# %%
# Bandlets, wavelets and a network
# --------------------------------
#
# The bandlets of the oracle are chosen for the clean image. The ideal attenuation
# multiplies each coefficient by the best factor, and is a bound for denoisers in
# that basis; the others know noisy images only. At this size the slope of the theory
# shows between 10 and 30 dB. The network is some dB above the bandlets, for it knows
# the images that there are, and has nearly the slope of the optimum.

network = DNNDenoiser(
    width=16,
    depth=2,
    train_noise_std=(0.0, 0.35),
    max_steps=1200,
    batch_size=32,
    learning_rate=5e-3,
    random_state=0,
)
denoisers = {
    "network": network,
    "bandlets, ideal attenuation": BandletOracle(shrinkage="attenuation"),
    "bandlets of the noisy image": BandletOracle(geometry="noisy"),
    "Haar wavelets": WaveletThresholdDenoiser("haar"),
}
levels = 10 ** (-np.arange(10, 31, 5) / 20)
curves = {
    name: psnr_curve(denoiser.fit(X), X_test, levels, random_state=0)
    for name, denoiser in denoisers.items()
}
optimal = alpha / (alpha + 1)
for name, curve in curves.items():
    print(f"{name:28} slope {curve.slope:.2f} (optimal rate {optimal:.2f})")
display = PSNRCurveDisplay.from_curves(curves, slopes={"optimal rate": optimal})
display.ax_.set_title(rf"$C^\alpha$ images, $\alpha$ = {alpha}")

# %%
# The basis of the network
# ------------------------
#
# Its eigenvectors oscillate on both sides of the contour, and along it.

clean = X_test[:1]
noisy = GaussianNoise(0.1, random_state=0).fit_transform(clean)
basis = JacobianBasis(network, 24, random_state=0).fit(noisy)
figure, axes = plt.subplots(2, 7, figsize=(9, 3), layout="constrained")
axes[0, 0].imshow(clean[0], cmap="gray", vmin=0, vmax=1)
axes[0, 0].set_title("clean", fontsize="small")
axes[1, 0].imshow(noisy[0], cmap="gray", vmin=0, vmax=1)
axes[1, 0].set_title("noisy", fontsize="small")
ks = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 24]
for ax, k in zip(axes[:, 1:].flat, ks, strict=True):
    vector = basis.components_[k - 1].reshape(size, size)
    limit = np.abs(vector).max()
    ax.imshow(vector, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_title(f"k = {k}: {basis.eigenvalues_[k - 1]:.2f}", fontsize="small")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
plt.show()

assert abs(curves["network"].slope - optimal) < 0.1
outputs = {name: curve.output_psnr for name, curve in curves.items()}
assert (outputs["network"] > outputs["bandlets of the noisy image"]).all()
assert (outputs["network"] > outputs["Haar wavelets"]).all()
