"""Training times after which networks generalize, and after which they memorize.

    python benchmarks/theory/training_time.py [--sizes 10 30 100]
        [--max-steps 8000] [--random-state 0]

For each number N of training images, the script trains one network on each of two
disjoint sets of N photographs of 16x16 pixels (UNet, width 16, depth 2, batches of 32,
constant learning rate), and measures it at four numbers of steps per decade.

- The generalization time is the number of steps at which the test PSNR comes within
  0.5 dB of its maximum.
- The memorization time is the number of steps at which the training PSNR exceeds the
  test PSNR by 3 dB.

The published claim is that the first time does not depend on N, and that the second one
is proportional to N (Bonnaire et al., NeurIPS 2025, arXiv 2505.17638): a slope of 1 of
its logarithm over the logarithm of N. The error of a slope is its standard error over
the two sets.

With the defaults, the script takes about 40 minutes on one core.
"""

import argparse

import numpy as np
from _common import crops

from sklearn_gahb import DNNDenoiser, GeneralizationAnalyzer
from sklearn_gahb.datasets import fetch_bsd68, fetch_bsd400
from sklearn_gahb.displays import GeneralizationDisplay

LEVELS = (0.1, 0.2)
N_TEST = 200


def checkpoints_up_to(max_steps):
    """Return 10, 18, 32, 56, 100, ...: four a decade, up to a number of steps."""
    n_intervals = round(4 * np.log10(max_steps / 10))
    steps = np.geomspace(10, max_steps, n_intervals + 1)
    return tuple(steps.round().astype(int).tolist())


def slopes(sizes, times):
    """Fit log(time) = slope * log(size) + constant to each column; nan are left out."""
    found = []
    for column in times.T:
        is_finite = np.isfinite(column)
        if is_finite.sum() < 2:
            found.append(np.nan)
            continue
        logs = np.log(sizes[is_finite]), np.log(column[is_finite])
        found.append(np.polyfit(*logs, 1)[0])
    return np.array(found)


def describe(values, n_digits):
    """Write the mean over the sets with its standard error."""
    error = values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.{n_digits}f} +- {error:.{n_digits}f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--max-steps", type=int, default=8000)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--random-state", type=int, default=0)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--checkpoint-dir", help="keep finished fits in this folder")
    parser.add_argument("--figure", help="save a figure under this name")
    options = parser.parse_args()
    rng = np.random.RandomState(options.random_state)
    X, groups = crops(fetch_bsd400().images, 4 * max(options.sizes), rng)
    X_test, _ = crops(fetch_bsd68().images, N_TEST, np.random.RandomState(0))
    network = DNNDenoiser(
        batch_statistics=True,
        loss="squared_error",
        optimizer="adam",
        width=options.width,
        depth=2,
        max_steps=options.max_steps,
        batch_size=32,
        learning_rate=options.learning_rate,
        schedule="constant",
        checkpoints=checkpoints_up_to(options.max_steps),
    )
    analyzer = GeneralizationAnalyzer(
        network,
        options.sizes,
        noise_std=LEVELS,
        duplicates="remove",
        n_jobs=options.n_jobs,
        checkpoint_dir=options.checkpoint_dir,
        random_state=options.random_state,
    ).fit(X, groups=groups, X_test=X_test)
    sizes = analyzer.train_sizes_
    for level, noise_std in enumerate(LEVELS):
        print(f"noise_std {noise_std}: training and test PSNR in dB")
        print(f"{'steps':>7}", *(f"{f'N = {size}':>13}" for size in sizes))
        for n_steps, one in analyzer.snapshots_.items():
            pairs = (
                f"{one.train_psnr_[i, :, level].mean():.2f} "
                f"{one.test_psnr_[i, :, level].mean():.2f}"
                for i in range(len(sizes))
            )
            print(f"{n_steps:7}", *(f"{pair:>13}" for pair in pairs))
        for name in ("generalization", "memorization"):
            times = getattr(analyzer, f"{name}_time_")[:, :, level]
            cells = (describe(row, 0) for row in times)
            print(f"{name} time:", *(f"{cell:>13}" for cell in cells))
            print(f"  slope over N: {describe(slopes(sizes, times), 2)}")
    if options.figure is not None:
        display = GeneralizationDisplay.from_estimator(analyzer, kind="training")
        display.figure_.savefig(options.figure, dpi=120)


if __name__ == "__main__":
    main()
