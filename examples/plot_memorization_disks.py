r"""
==================================================
From memorizing to generalizing: disks
==================================================

A network that is trained on few images returns those; trained on enough, it has learned
the density that they come from. Two networks tell which: trained on images that they do
not share, they agree only in the second case. Disks are a good place to see it, for
their best possible denoiser is known, so that the error of the networks can be split
into bias and variance.
"""

# %%
# One call for all networks
# -------------------------
#
# For each of four sizes two networks are trained on disks that they do not share, with
# the same number of steps.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import DiskPosteriorDenoiser, DNNDenoiser, GeneralizationAnalyzer
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.displays import GeneralizationDisplay

X = make_disk_images(5000, 16, random_state=0)
X_test = make_disk_images(60, 16, random_state=1)
analyzer = GeneralizationAnalyzer(
    DNNDenoiser(width=8, depth=2, max_steps=600, learning_rate=5e-3),
    train_sizes=(1, 10, 100, 1000),
    noise_std=[0.02, 0.1, 0.5],
    n_generated=40,
    optimal=DiskPosteriorDenoiser(random_state=0),
    duplicates="ignore",
    n_networks_per_pass=8,
    random_state=0,
).fit(X, X_test=X_test)

for size, regime in zip(analyzer.train_sizes_, analyzer.regime_, strict=True):
    print(f"{size:5} images: {regime}")

# %%
# Training images and other images
# --------------------------------
#
# With one training image or ten the network is far better on these than on others; with
# a thousand there is no difference left.

GeneralizationDisplay.from_estimator(analyzer, kind="psnr")

# %%
# Do the networks agree?
# ----------------------
#
# The error above that of the best possible denoiser is the squared bias of a network
# plus its variance over training sets. Both fall with the size of the training set. Two
# networks measure them, roughly where each has seen but one disk: these two disks are
# more alike than disks are on average, which counts as bias.

level = 1
excess = analyzer.test_mse_.mean(axis=1) - analyzer.optimal_mse_
figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
for values, name in [
    (excess, "excess error"),
    (analyzer.variance_, "variance"),
    (analyzer.squared_bias_, "squared bias"),
]:
    ax.loglog(analyzer.train_sizes_, values[:, level], "o-", label=name)
ax.set(
    xlabel="training images",
    ylabel="mean squared error",
    title=f"noise_std = {analyzer.noise_std_[level]}",
)
ax.legend()

# %%
# What they draw from the same noise
# ----------------------------------
#
# Both networks of a size begin with the same noise. The outer rows show the training
# image that is closest to what was drawn: of few images a network draws copies, and the
# two networks draw different ones. With a thousand both draw the same image, which is
# in neither training set. (So small networks, trained for half a minute, do not draw
# perfect disks yet.)

GeneralizationDisplay.from_estimator(analyzer, kind="samples", sample=2)

# %%
# The same for all samples, as cosines of images without their means.

GeneralizationDisplay.from_estimator(analyzer, kind="similarity")
plt.show()

assert analyzer.regime_[0] == "memorizing"
assert analyzer.regime_[-1] == "generalizing"
assert np.all(np.diff(analyzer.variance_[:, level]) < 0)
