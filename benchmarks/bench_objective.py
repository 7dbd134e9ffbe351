"""One network for all noise levels, by loss and optimizer, and one network per level.

    python benchmarks/bench_objective.py [--images photos|c-alpha] [--alpha 5]
        [--losses inverse_root_std squared_error ...] [--optimizers muon adam]
        [--learning-rates 1e-2] [--batch-statistics 0 1] [--random-states 0 1 2]
        [--max-steps 800] [--steps-per-level 200]

For each loss, optimizer, learning rate, value of `batch_statistics` and random state,
the script trains a network (UNet, width 16, depth 3) and measures it at seven noise
levels, from 5 to 35 dB of input PSNR. The specialists are copies of the first network
that are trained further, each at one level and with the squared error. The table shows
the means over the random states in dB, and the standard deviations over them.

Photographs are BSD400, in crops of 40x40 pixels, tested on the central 128x128 pixels
of Set12. C^alpha images have 80x80 pixels, and networks train on crops of 32x32.
"""

import argparse
import copy
from itertools import product

import numpy as np

from sklearn_gahb import DNNDenoiser, make_psnr_scorer, psnr_curve
from sklearn_gahb.datasets import fetch_bsd400, fetch_set12, make_c_alpha_images

INPUT_PSNR = np.arange(5, 36, 5)
LEVELS = 10 ** (-INPUT_PSNR / 20)


def load(options):
    """Return training images, test images, and the side of the training crops."""
    if options.images == "photos":
        photos = fetch_set12().images
        test = [
            photo[(h - 128) // 2 :, (w - 128) // 2 :][:128, :128]
            for photo in photos
            for h, w in [photo.shape]
        ]
        return fetch_bsd400().images, np.stack(test), 40
    X = make_c_alpha_images(10_200, 80, alpha=options.alpha, random_state=0)
    return X[:10_000], X[10_000:], 32


def psnr_of_specialists(network, X, X_test, options):
    """Train a copy of the network further at each level; return its PSNR there."""
    found = []
    for level in LEVELS.tolist():
        specialist = copy.copy(network).set_params(
            warm_start=True,
            loss="squared_error",
            train_noise_std=level,
            max_steps=options.steps_per_level,
            learning_rate=2e-3,
        )
        score = make_psnr_scorer(noise_std=level, random_state=0)
        found.append(score(specialist.fit(X), X_test))
    return found


def show(name, curves):
    """Print the means and standard deviations of curves (n_runs, n_levels)."""
    means, spread = np.mean(curves, axis=0), np.zeros(len(LEVELS))
    if len(curves) > 1:
        spread = np.std(curves, axis=0, ddof=1)
    cells = (f"{a:6.2f} ({b:.2f})" for a, b in zip(means, spread, strict=True))
    slope = np.polyfit(INPUT_PSNR[1:6], means[1:6], 1)[0]
    print(f"{name:46}", *cells, f"  slope {slope:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", choices=["photos", "c-alpha"], default="photos")
    parser.add_argument("--alpha", type=float, default=5)
    parser.add_argument(
        "--losses",
        nargs="+",
        default=["inverse_root_std", "squared_error"],
    )
    parser.add_argument("--optimizers", nargs="+", default=["muon", "adam"])
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[1e-2])
    parser.add_argument("--batch-statistics", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--random-states", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--max-steps", type=int, default=800)
    parser.add_argument("--steps-per-level", type=int, default=200)
    parser.add_argument("--width", type=int, default=16)
    options = parser.parse_args()
    X, X_test, patch_size = load(options)
    print(
        f"{'loss, optimizer, learning rate, statistics':46}",
        *(f"{one:8d} dB   " for one in INPUT_PSNR),
    )
    first = None
    columns = (
        options.losses,
        options.optimizers,
        options.learning_rates,
        options.batch_statistics,
    )
    for loss, optimizer, rate, statistics in product(*columns):
        curves = []
        for seed in options.random_states:
            network = DNNDenoiser(
                width=options.width,
                depth=3,
                train_noise_std=(0.0, 0.6),
                patch_size=patch_size,
                augment=True,
                max_steps=options.max_steps,
                batch_size=32,
                loss=loss,
                batch_statistics=bool(statistics),
                optimizer=optimizer,
                learning_rate=rate,
                random_state=seed,
            ).fit(X)
            first = first or network
            curve = psnr_curve(network, X_test, LEVELS, random_state=0)
            curves.append(curve.output_psnr)
        kept = "of batches" if statistics else "kept"
        show(f"{loss}, {optimizer}, {rate:g}, {kept}", curves)
    if options.steps_per_level:
        show("specialists", [psnr_of_specialists(first, X, X_test, options)])


if __name__ == "__main__":
    main()
