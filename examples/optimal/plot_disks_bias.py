r"""
===================================================
Disk images: a case where networks are not optimal
===================================================

Five numbers describe a disk image: two coordinates, a radius and two intensities. The
best possible denoiser estimates these five numbers. Its error is therefore the error of
five numbers, :math:`5 \sigma^2 / d` for images of d pixels, and its Jacobian keeps five
directions. A network shrinks coefficients in geometry-adaptive harmonics instead. For
disks, these harmonics are not optimal, as this example shows.
"""

# %%
# A network trained on disks
# --------------------------
#
# The network ships with the package. It was trained on 100,000 disk images.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import (
    DiskPosteriorDenoiser,
    GaussianNoise,
    JacobianBasis,
    psnr,
    psnr_curve,
)
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import disk_tangents, make_disk_images
from sklearn_gahb.displays import PSNRCurveDisplay

size = 32
X_test, parameters = make_disk_images(40, size, return_parameters=True, random_state=1)
network = load_pretrained("disks")
posterior = DiskPosteriorDenoiser(random_state=0).fit(X_test)

# %%
# Error against noise
# -------------------
#
# The curve of the posterior mean has a slope of 1, because the posterior mean keeps the
# noise of only five directions. The network falls behind the posterior mean. The gap
# widens as the noise decreases.

levels = 10 ** (-np.arange(10, 31, 5) / 20)
curves = {
    name: psnr_curve(denoiser, X_test, levels, random_state=0)
    for name, denoiser in [("posterior mean", posterior), ("network", network)]
}
for name, curve in curves.items():
    print(f"{name}: slope {curve.slope:.2f}")
display = PSNRCurveDisplay.from_curves(curves)
x = np.array([15.0, 30.0])
display.ax_.plot(x, x + 10 * np.log10(size**2 / 5), ":", label=r"$5 \sigma^2 / d$")
display.ax_.legend()

# %%
# Shrinkage factors
# -----------------
#
# The first five vectors of the network nearly span the tangent space, which contains
# the five directions that an optimal denoiser keeps. However, the network also keeps
# parts of many other directions.

noise_std = 0.04
chosen = np.argmax(np.abs(parameters[:, 3] - parameters[:, 4]))
clean = X_test[[chosen]]
noisy = GaussianNoise(noise_std, random_state=0).fit_transform(clean)
bases = {}
for name, denoiser in [
    ("posterior mean", posterior.set_params(noise_std=noise_std)),
    ("network", network),
]:
    bases[name] = JacobianBasis(denoiser, 20, random_state=0).fit(noisy)
    print(f"{name}: {psnr(clean, denoiser.transform(noisy)):.1f} dB")

tangents = disk_tangents(parameters[[chosen]], size)[0].reshape(5, -1)
Q, _ = np.linalg.qr(tangents.T)
figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
for (name, basis), style in zip(bases.items(), ["o-", "s--"], strict=True):
    ax.plot(np.arange(1, 21), basis.eigenvalues_, style, label=name)
    inside = np.square(basis.components_[:5] @ Q).sum() / 5
    print(f"{name}: the first five vectors are {100 * inside:.0f} % tangent")
ax.axvline(5.5, color="gray", linestyle=":")
ax.set(xlabel="k", ylabel="shrinkage factor", title=f"noise_std = {noise_std}")
ax.set_xticks([1, 5, 10, 15, 20])
ax.legend()

# %%
# From the sixth vector on, the vectors of the network are harmonics along the edge of
# the disk, and slow waves in the background. The posterior mean removes everything
# beyond the fifth vector: vectors with a factor of 0 have no influence. Red is
# positive, blue is negative, white is zero.

figure, axes = plt.subplots(2, 8, figsize=(9, 2.7), layout="constrained")
for row, (name, basis) in zip(axes, bases.items(), strict=True):
    row[0].set_ylabel(name, fontsize="small")
    for k, ax in enumerate(row, start=1):
        vector = basis.components_[k - 1].reshape(size, size)
        limit = np.abs(vector).max()
        ax.imshow(vector, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"factor {basis.eigenvalues_[k - 1]:.2f}", fontsize="small")
plt.show()

# sphinx_gallery_start_ignore
assert curves["posterior mean"].slope > 0.93
assert (curves["posterior mean"].output_psnr > curves["network"].output_psnr).all()
assert bases["posterior mean"].eigenvalues_[5:].max() < 0.05
assert bases["network"].eigenvalues_[5] > 0.2
# sphinx_gallery_end_ignore
