"""
==========================================
Grid search over the training-set size
==========================================

How many images does a network need? The number of training images is a parameter like
any other, so scikit-learn's grid search can answer this question. With the same number
of gradient steps, a network memorizes few images and generalizes from many.
"""

# %%
# One split by photograph
# -----------------------
#
# `GridSearchCV` accepts any splits. Here, patches from three photographs are used for
# training, and patches from two other photographs are used for testing. Patches of sky
# are left out.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from sklearn_gahb import DNNDenoiser, make_psnr_scorer
from sklearn_gahb.datasets import load_photo_patches

stacks = []
for subset in ("train", "test"):
    patches = load_photo_patches(16, 3000, subset=subset, random_state=0).images
    stacks.append(patches[patches.std(axis=(1, 2)) > 25])
X = np.concatenate(stacks)
splits = [(np.arange(len(stacks[0])), np.arange(len(stacks[0]), len(X)))]

# %%
# Run the search
# --------------
#
# The scorer returned by :func:`~sklearn_gahb.metrics.make_psnr_scorer` adds noise to
# the clean images and computes the PSNR of the denoised images. `refit` is False,
# because refitting would also train on the test photographs.

sizes = [1, 10, 100, 1000]
search = GridSearchCV(
    DNNDenoiser(width=8, depth=2, max_steps=400, learning_rate=1e-2, random_state=0),
    {"n_train_samples": sizes},
    scoring=make_psnr_scorer(noise_std=0.1, random_state=0),
    cv=splits,
    refit=False,
    n_jobs=2,
).fit(X)
test_psnr = search.cv_results_["mean_test_score"]
for size, score in zip(sizes, test_psnr, strict=True):
    print(f"{size:5} patches: {score:.1f} dB")

# %%
# Test PSNR by training-set size
# ------------------------------
#
# The noisy images have a PSNR of 20 dB. The network that saw one patch makes other
# images worse than the noisy ones, because it inserts that patch into them. The network
# that saw a thousand patches has learned photographs. The search does not tell whether
# two networks would agree. For that question, see
# :ref:`sphx_glr_auto_examples_generalize_plot_memorization_photos.py`.

figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
ax.semilogx(sizes, test_psnr, "o-", label="denoised")
ax.axhline(20, color="gray", linestyle=":", label="noisy")
ax.set(xlabel="number of training patches", ylabel="PSNR in dB on test photographs")
ax.legend()
plt.show()

# sphinx_gallery_start_ignore
assert test_psnr[0] < 20 < test_psnr[-1]
assert (np.diff(test_psnr) > 0).all()
# sphinx_gallery_end_ignore
