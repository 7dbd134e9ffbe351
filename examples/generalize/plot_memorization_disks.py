r"""
==================================================
From memorizing to generalizing: disks
==================================================

A network trained on few images returns those images. A network trained on enough images
has learned the density behind them. Two networks reveal which case applies: if they are
trained on disjoint sets of images, they agree only in the second case. Disk images are
well suited to this experiment because their best possible denoiser is known. The error
of the networks can therefore be split into bias and variance.
"""

# %%
# Train all networks in one call
# ------------------------------
#
# For each of four training-set sizes, the analyzer trains two networks on disjoint sets
# of disks. All networks are trained for the same number of steps.

# sphinx_gallery_thumbnail_number = 3
import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import DiskPosteriorDenoiser, DNNDenoiser, GeneralizationAnalyzer
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.displays import GeneralizationDisplay

X = make_disk_images(5000, 16, random_state=0)
X_test = make_disk_images(60, 16, random_state=1)
analyzer = GeneralizationAnalyzer(
    DNNDenoiser(width=8, depth=2, max_steps=300, learning_rate=1e-2),
    train_sizes=(1, 10, 100, 1000),
    noise_std=[0.05, 0.1, 0.5],
    n_generated=40,
    optimal=DiskPosteriorDenoiser(random_state=0),
    duplicates="ignore",
    n_networks_per_pass=8,
    random_state=0,
).fit(X, X_test=X_test)

for size, regimes in zip(analyzer.train_sizes_, analyzer.regime_, strict=True):
    pairs = zip(analyzer.noise_std_, regimes, strict=True)
    print(f"{size:5} images: ", *(f"{one} at {level:g}." for level, one in pairs))

# %%
# PSNR on training images and test images
# ---------------------------------------
#
# With one or ten training images, the network is far better on these images than on
# test images. With a thousand training images, no difference remains.

GeneralizationDisplay.from_estimator(analyzer, kind="psnr")

# %%
# Bias and variance
# -----------------
#
# The excess error is the error of a network minus the error of the best possible
# denoiser. It equals the squared bias of the network plus its variance over training
# sets. Both decrease as the training set grows. The analyzer estimates them from two
# networks. The estimate is rough where each network has seen only one disk: these two
# disks are more alike than disks are on average, and their likeness counts as bias.

level = 1
excess = analyzer.test_mse_.mean(axis=1) - analyzer.optimal_mse_
figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
for values, style, name in [
    (excess, "o-", "excess error"),
    (analyzer.variance_, "s--", "variance"),
    (analyzer.squared_bias_, "^:", "squared bias"),
]:
    ax.loglog(analyzer.train_sizes_, values[:, level], style, label=name)
ax.set(
    xlabel="number of training images",
    ylabel="mean squared error",
    title=f"noise_std = {analyzer.noise_std_[level]}",
)
ax.legend()

# %%
# Samples from the same noise
# ---------------------------
#
# For each size, both networks start from the same noise. The outer rows show the
# training image that is closest to each sample. A network trained on few images draws
# copies of them, and the two networks draw different copies. With a thousand training
# images, both networks draw the same image, which is in neither training set. (These
# small networks were trained for half a minute and do not draw perfect disks yet. The
# figure shows a sample with strong contrast, and stretches the contrast of each image.)

GeneralizationDisplay.from_estimator(analyzer, kind="samples", sample=7)

# %%
# The next figure summarizes all samples. Similarity is the cosine between two images
# after subtraction of their means. The dashed outline shows how similar the images of
# the two training sets are.

GeneralizationDisplay.from_estimator(analyzer, kind="similarity")
plt.show()

# sphinx_gallery_start_ignore
assert analyzer.regime_[0, level] == "memorizing"
assert analyzer.regime_[-1, level] == "generalizing"
assert np.all(np.diff(analyzer.variance_[:, level]) < 0)
# sphinx_gallery_end_ignore
