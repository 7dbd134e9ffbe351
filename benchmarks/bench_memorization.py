"""The memorization experiment as a grid search over the training size.

python benchmarks/bench_memorization.py [--max-steps 800]
"""

import argparse

import numpy as np
from sklearn.model_selection import GridSearchCV, learning_curve

from sklearn_gahb import DNNDenoiser, make_psnr_scorer
from sklearn_gahb.datasets import load_photo_patches

SIZES = [1, 10, 100, 1000]

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--max-steps", type=int, default=800)
max_steps = parser.parse_args().max_steps


def load(subset):
    """Load patches; leave out flat ones, which a network learns from one patch."""
    images = load_photo_patches(16, 4000, subset=subset, random_state=0).images
    return images[images.std(axis=(1, 2)) > 25.5]


# Training and test patches come from different photographs.
X_train, X_test = load("train"), load("test")
X = np.concatenate([X_train, X_test])
splits = [(np.arange(len(X_train)), np.arange(len(X_train), len(X)))]
print(f"{len(X_train)} training and {len(X_test)} test patches of 16x16")
scorer = make_psnr_scorer(0.1, random_state=0)
denoiser = DNNDenoiser(
    width=8,
    depth=2,
    max_steps=max_steps,
    batch_size=64,
    learning_rate=5e-3,
    random_state=0,
)
search = GridSearchCV(
    denoiser, {"n_train_samples": SIZES}, scoring=scorer, cv=splits, refit=False
).fit(X)
print("n_train_samples     " + "".join(f"{size:8}" for size in SIZES))
test_psnr = search.cv_results_["mean_test_score"]
print("test PSNR           " + "".join(f"{score:8.2f}" for score in test_psnr))

own_psnr = []
for size in SIZES:
    denoiser.set_params(n_train_samples=size).fit(X_train)
    own_psnr.append(scorer(denoiser, X_train[denoiser.train_indices_]))
print("PSNR on train images" + "".join(f"{score:8.2f}" for score in own_psnr))

denoiser.set_params(n_train_samples=None)
_, train_scores, test_scores = learning_curve(
    denoiser, X, None, train_sizes=SIZES, cv=splits, scoring=scorer
)
print("learning_curve train" + "".join(f"{s:8.2f}" for s in np.ravel(train_scores)))
print("learning_curve test " + "".join(f"{s:8.2f}" for s in np.ravel(test_scores)))
