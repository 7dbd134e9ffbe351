r"""
=========================================================
Gaussian textures: a network learns the Wiener filter
=========================================================

The error of a denoiser alone does not tell how good the denoiser is, because noise
destroys information. For Gaussian textures, the best possible denoiser has been known
since 1949: the Wiener filter multiplies each Fourier coefficient by a fixed factor. A
network trained on such textures arrives at the same result, although the network knows
nothing about Fourier analysis.
"""

# %%
# Textures
# --------
#
# Each texture is a sum of sine waves with random phases. The amplitudes decay like
# :math:`|k|^{-b}`.

# sphinx_gallery_thumbnail_number = 3
import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import (
    DNNDenoiser,
    GaussianNoise,
    JacobianBasis,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    mse,
    psnr,
    psnr_curve,
)
from sklearn_gahb.datasets import make_gaussian_textures
from sklearn_gahb.displays import PSNRCurveDisplay
from sklearn_gahb.evaluation import density_gap

size, exponent = 32, 2
X = make_gaussian_textures(4050, size, exponent=exponent, random_state=0)
X, X_test = X[:4000], X[4000:]
figure, axes = plt.subplots(1, 6, figsize=(9, 1.7), layout="constrained")
for ax, image in zip(axes, X_test, strict=False):
    ax.imshow(image, cmap="gray")
    ax.set(xticks=[], yticks=[])

# %%
# Distance to the optimum
# -----------------------
#
# The output PSNR increases with the input PSNR. For these textures, the slope of the
# optimum is (b - 1) / b. Wavelet thresholding looks for edges where there are none.

denoisers = {
    "Wiener, the optimum": WienerDenoiser(),
    "network": DNNDenoiser(
        width=16,
        depth=2,
        train_noise_std=(0.0, 0.4),
        max_steps=400,
        batch_size=32,
        learning_rate=1e-2,
        random_state=0,
    ),
    "wavelets": WaveletThresholdDenoiser(),
}
levels = 10 ** (-np.arange(10, 31, 5) / 20)
curves = {
    name: psnr_curve(denoiser.fit(X), X_test, levels, random_state=0)
    for name, denoiser in denoisers.items()
}
slope = (exponent - 1) / exponent
display = PSNRCurveDisplay.from_curves(curves, slopes={"(b - 1) / b": slope})
optimum = curves["Wiener, the optimum"].output_psnr
for name, curve in curves.items():
    below = optimum - curve.output_psnr
    print(f"{name:20} {below.min():.2f} to {below.max():.2f} dB below the optimum")

# %%
# Divergence between densities
# ----------------------------
#
# The excess error of the network, integrated over noise levels, bounds the divergence
# of its density from the density of the textures. The excess error equals the mean
# squared difference between the outputs of the network and of the optimum. It also
# equals the difference of their errors, but this difference varies more between images.

excess = {"squared differences": [], "differences of errors": []}
for level in levels:
    noisy = GaussianNoise(level, random_state=2).fit_transform(X_test)
    best, output = (
        denoisers[name].denoise_images(noisy, level)
        for name in ("Wiener, the optimum", "network")
    )
    errors = [mse(X_test, one, average=False) for one in (output, best)]
    excess["squared differences"].append(mse(best, output, average=False))
    excess["differences of errors"].append(errors[0] - errors[1])
gaps = {
    name: density_gap(values, levels, n_values=size**2)
    for name, values in excess.items()
}
for name, gap in gaps.items():
    print(
        f"{name}: {gap.gap:.1f} +- {gap.std_err:.1f} nats, from noise levels "
        f"{levels.min():.2f} to {levels.max():.2f}"
    )

# %%
# Denoised images
# ---------------
#
# The errors agree, and so do the denoised images themselves. At noise level 0.2, the
# outputs of the network and of the Wiener filter are closer to each other than to the
# clean image.

noise_std = 0.2
noisy = GaussianNoise(noise_std, random_state=1).fit_transform(X_test)
wiener = denoisers["Wiener, the optimum"].set_params(noise_std=noise_std)
optimal, learned = wiener.transform(noisy), denoisers["network"].transform(noisy)
columns = {"clean": X_test, "noisy": noisy, "Wiener": optimal, "network": learned}
figure, axes = plt.subplots(2, 4, figsize=(7, 3.8), layout="constrained")
for row, i in zip(axes, [0, 1], strict=True):
    for ax, (name, images) in zip(row, columns.items(), strict=True):
        ax.imshow(images[i], cmap="gray", vmin=X_test[i].min(), vmax=X_test[i].max())
        quality = "" if name == "clean" else f" {psnr(X_test[[i]], images[[i]]):.1f} dB"
        ax.set(title=name + quality, xticks=[], yticks=[])
to_clean = psnr(X_test, learned, data_range=1)
to_optimum = psnr(optimal, learned, data_range=1)
print(
    f"network: {to_clean:.1f} dB to the clean images, {to_optimum:.1f} dB to the "
    "outputs of the Wiener filter"
)

# %%
# Bases of both denoisers
# -----------------------
#
# The basis of the Wiener filter is the Fourier basis for every image. The basis of the
# network consists of waves as well, like the optimal basis: these textures have no
# geometry to which the network could adapt. The titles give the shrinkage factors.

bases = {
    name: JacobianBasis(denoiser, 24, random_state=0).fit(noisy[:1])
    for name, denoiser in [("Wiener", wiener), ("network", denoisers["network"])]
}
figure, axes = plt.subplots(2, 8, figsize=(9, 2.7), layout="constrained")
for row, (name, basis) in zip(axes, bases.items(), strict=True):
    row[0].set_ylabel(name)
    for ax, k in zip(row, [1, 2, 3, 4, 6, 9, 14, 20], strict=True):
        vector = basis.components_[k - 1].reshape(size, size)
        limit = np.abs(vector).max()
        ax.imshow(vector, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"factor {basis.eigenvalues_[k - 1]:.2f}", fontsize="small")
spanned = np.linalg.norm(bases["Wiener"].components_ @ bases["network"].components_.T)
print(
    "energy of the network's 24 vectors in the span of the Wiener filter's: "
    f"{spanned**2 / 24:.2f}"
)
plt.show()

# sphinx_gallery_start_ignore
assert (optimum - curves["network"].output_psnr < 1.5).all()
assert curves["network"].output_psnr.mean() > curves["wavelets"].output_psnr.mean()
assert gaps["squared differences"].std_err < gaps["differences of errors"].std_err
assert to_optimum > to_clean + 3
assert spanned**2 / 24 > 0.7
# sphinx_gallery_end_ignore
