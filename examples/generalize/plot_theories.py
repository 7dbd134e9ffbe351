r"""
==================================================================
From memory to local patches: what explains a network
==================================================================

A network that has seen few images memorizes them, and one that has seen many
generalizes. But to what? Some denoisers are known in closed form, given the training
images. This example asks which of them predicts the output of a network, and for how
many training images it does.
"""

# %%
# Three theories
# --------------
#
# - *memory*: the optimal denoiser if no images exist but the training images. Its
#   output is a mean of whole training images.
# - *Gaussian*: the optimal denoiser of a Gaussian with the mean and covariance of the
#   training images. Its output is linear in the noisy image.
# - *local patches*: the optimal denoiser that sees only a patch around each pixel. It
#   compares the patch with the patches of the training images at all positions, so it
#   can combine parts of different images. Networks see larger patches at higher noise.
#
# None of them is trained. The analyzer fits them on the same images as the networks.

import matplotlib.pyplot as plt

from sklearn_gahb import (
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    LocalPosteriorDenoiser,
)
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.displays import GeneralizationDisplay


def load(subset):
    data = load_photo_patches(16, None, subset=subset)
    has_contrast = data.images.std(axis=(1, 2)) > 20
    return data.images[has_contrast], data.groups[has_contrast]


X, groups = load("train")
X_test = load("test")[0][:24]
theories = {
    "memory": EmpiricalDenoiser(),
    "Gaussian": GaussianDenoiser("shrunk"),
    "local patches": LocalPosteriorDenoiser({0.1: 3, 0.3: 7}),
}
analyzer = GeneralizationAnalyzer(
    DNNDenoiser(
        width=8,
        depth=2,
        max_steps=600,
        batch_size=32,
        loss="squared_error",
        learning_rate=1e-2,
    ),
    train_sizes=(1, 10, 100),
    noise_std=[0.1, 0.3],
    theories=theories,
    duplicates="remove",
    n_networks_per_pass=8,
    random_state=0,
).fit(X, groups=groups, X_test=X_test)

# %%
# Which theory explains the network
# ---------------------------------
#
# The curves show the squared correlation between the output of the network and that of
# each theory, for the same noisy test patches. A network that has seen one patch
# returns this patch, as memory does. With more patches, memory explains little of the
# output, and local patches explain more and more, up to most of it.

# sphinx_gallery_thumbnail_number = 1
GeneralizationDisplay.from_estimator(analyzer, kind="explained")

# %%
# One test patch
# --------------
#
# Denoised by the network and by each theory, from 10 and from 100 training patches.

clean = X_test[7:8]
noisy = GaussianNoise(0.1, random_state=0).fit_transform(clean)
figure, axes = plt.subplots(2, 6, figsize=(9, 3.4), layout="constrained")
for row, position in zip(axes, (1, 2), strict=True):
    network = analyzer.estimators_[position][0]
    n = analyzer.train_sizes_[position]
    training_images = X[analyzer.subsets_[0, :n]]
    panels = {"clean": clean, "noisy": noisy, "network": network.transform(noisy)}
    for name, theory in theories.items():
        panels[name] = theory.fit(training_images).denoise_images(noisy, noise_std=0.1)
    for ax, (name, images) in zip(row, panels.items(), strict=True):
        white = 255 if images.dtype == "uint8" else 1
        ax.imshow(images[0], cmap="gray", vmin=0, vmax=white)
        ax.set(title=name, xticks=[], yticks=[])
    row[0].set_ylabel(f"N = {n}")
plt.show()

# sphinx_gallery_start_ignore
explained = {name: r2.mean(axis=1) for name, r2 in analyzer.explained_.items()}
assert explained["memory"][0, 0] > explained["local patches"][0, 0]
assert explained["local patches"][-1, 0] > 0.8
assert explained["local patches"][-1, 0] > explained["memory"][-1, 0] + 0.3
# sphinx_gallery_end_ignore
