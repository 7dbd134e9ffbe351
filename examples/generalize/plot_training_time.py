r"""
==================================================================
Early stopping is what saves small data
==================================================================

Does a network that has few training images have to memorize them? It first learns to
denoise, and memorizes later. This example measures both times along the training of
networks on 3, 10 and 30 patches of photographs.
"""

# %%
# Measures at checkpoints
# -----------------------
#
# `checkpoints` are numbers of training steps. The network keeps a copy of itself after
# each of them, and the analyzer measures the copies: one training shows all times. A
# constant learning rate keeps the copies independent of the length of the training.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import DNNDenoiser, GeneralizationAnalyzer
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.displays import GeneralizationDisplay


def load(subset):
    data = load_photo_patches(16, None, subset=subset)
    has_contrast = data.images.std(axis=(1, 2)) > 20
    return data.images[has_contrast], data.groups[has_contrast]


X, groups = load("train")
X_test = load("test")[0][:200]
network = DNNDenoiser(
    width=8,
    depth=2,
    max_steps=1000,
    batch_size=16,
    learning_rate=1e-3,
    schedule="constant",
    checkpoints=(10, 30, 60, 100, 150, 250, 400, 600, 1000),
)
analyzer = GeneralizationAnalyzer(
    network,
    train_sizes=(3, 10, 30),
    noise_std=0.2,
    duplicates="remove",
    n_networks_per_pass=6,
    random_state=0,
).fit(X, groups=groups, X_test=X_test)

# %%
# The curves part later for more images
# -------------------------------------
#
# Solid lines show the PSNR on test patches, dashed lines that on the training patches.
# At first both rise together: the network learns what all patches share. Then the
# dashed lines rise further and the solid lines fall: the network memorizes. A vertical
# line marks the memorization time, at which the gap reaches 3 dB.

# sphinx_gallery_thumbnail_number = 1
figure = plt.figure(figsize=(6, 4.2), layout="constrained")
GeneralizationDisplay.from_estimator(analyzer, kind="training", figure=figure)

# %%
# When to stop
# ------------
#
# The time until the network memorizes grows with the number of training images. If you
# stop before it, you keep the best network, even if you have three images. If you do
# not stop, the network loses several decibels on new images.

for i, size in enumerate(analyzer.train_sizes_):
    learned, memorized = (
        times[i, :, 0].mean()
        for times in (analyzer.generalization_time_, analyzer.memorization_time_)
    )
    tests = [one.test_psnr_[i].mean() for one in analyzer.snapshots_.values()]
    print(
        f"N = {size}: learned after {learned:.0f} steps, memorized after "
        f"{memorized:.0f}; test PSNR {max(tests):.1f} dB at best, "
        f"{tests[-1]:.1f} dB at the end"
    )
plt.show()

# sphinx_gallery_start_ignore
times = analyzer.memorization_time_[:, :, 0].mean(axis=1)
assert times[1] > 1.5 * times[0]
assert np.nan_to_num(times[2], nan=np.inf) > 1.5 * times[1]
assert tests[-1] > analyzer.test_psnr_[0].mean() + 1
# sphinx_gallery_end_ignore
