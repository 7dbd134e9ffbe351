"""Memorization and generalization: the sweep of arXiv 2310.02557 at a small scale.

    python benchmarks/bench_generalization.py [--parts photos disks extremes cifar]

photos: networks on patches of 16x16 pixels of photographs at half resolution. The
networks are trained on BSD400 and tested on BSD68.

disks: networks on disk images of 16x16 pixels, with the posterior mean as the optimum.

extremes: the perfect memorizer and the Wiener filter in place of networks.

cifar: networks on CIFAR-10 in gray; similarity of the samples of two networks, and of
samples and the closest training image. The data folder must contain a file
cifar10_gray.npz with the arrays `train` and `test`. By default (--reduce 2), the images
are reduced to 16x16 pixels.

--figures names a folder for figures. --checkpoint-dir names a folder for finished fits.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.feature_extraction.image import extract_patches_2d

from sklearn_gahb import (
    DiskPosteriorDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    WienerDenoiser,
)
from sklearn_gahb.datasets import (
    fetch_bsd68,
    fetch_bsd400,
    get_data_home,
    make_disk_images,
    make_gaussian_textures,
)
from sklearn_gahb.displays import GeneralizationDisplay

PARTS = ["photos", "disks", "extremes", "cifar"]

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
parser.add_argument("--n-jobs", type=int, default=2)
parser.add_argument("--max-steps", type=int, default=1500)
parser.add_argument("--width", type=int, default=8)
parser.add_argument("--cifar-sizes", nargs="+", type=int, default=None)
parser.add_argument("--reduce", type=int, default=2)
parser.add_argument("--n-generated", type=int, default=100)
parser.add_argument("--figures", type=Path, default=None)
parser.add_argument("--checkpoint-dir", type=Path, default=None)
options = parser.parse_args()


def make_network():
    return DNNDenoiser(
        batch_statistics=True,
        loss="squared_error",
        optimizer="adam",
        width=options.width,
        depth=3,
        max_steps=options.max_steps,
        batch_size=128,
        learning_rate=5e-3,
    )


def analyze(name, estimator, train_sizes, X, **data):
    """Run a sweep, print its table, and draw it."""
    names = ("optimal", "n_generated", "duplicates")
    parameters = {name: data.pop(name) for name in names if name in data}
    analyzer = GeneralizationAnalyzer(
        estimator,
        train_sizes,
        noise_std=[0.02, 0.05, 0.1, 0.2, 0.5],
        n_jobs=options.n_jobs,
        checkpoint_dir=options.checkpoint_dir,
        random_state=0,
        **({"duplicates": "remove"} | parameters),
    )
    begin = perf_counter()
    analyzer.fit(X, **data)
    print(f"\n{name}: {perf_counter() - begin:.0f} s, {options.n_jobs} processes")
    print_table(analyzer)
    if options.figures is not None:
        draw(analyzer, name)
    return analyzer


def print_table(analyzer):
    at = analyzer.noise_std_.tolist().index(0.1)
    columns = {
        "train": analyzer.train_psnr_.mean(axis=1)[:, at],
        "test": analyzer.test_psnr_.mean(axis=1)[:, at],
        "agreement": analyzer.agreement_[:, at],
    }
    if hasattr(analyzer, "squared_bias_"):
        columns["variance e4"] = 1e4 * analyzer.variance_[:, at]
        columns["bias e4"] = 1e4 * analyzer.squared_bias_[:, at]
        excess = analyzer.test_mse_.mean(axis=1) - analyzer.optimal_mse_
        columns["excess e4"] = 1e4 * excess[:, at]
    if hasattr(analyzer, "generated_images_"):
        columns["S1-S2"] = analyzer.generated_similarity_.mean(axis=1)
        columns["to train"] = analyzer.train_similarity_.mean(axis=(1, 2))
        columns["to test"] = analyzer.test_similarity_.mean(axis=(1, 2))
        columns["S1-S2 images"] = [one.mean() for one in analyzer.subset_similarity_]
    print("at noise_std 0.1" + "".join(f"{name:>14}" for name in columns) + "  regime")
    for i, size in enumerate(analyzer.train_sizes_):
        values = "".join(f"{column[i]:14.2f}" for column in columns.values())
        print(f"N = {size:<12}{values}  {analyzer.regime_[i, at]}")
    print(f"transition_size_ by noise level {analyzer.transition_size_.tolist()}")
    if hasattr(analyzer, "generated_images_"):
        print(f"generated_transition_size_ {analyzer.generated_transition_size_}")
    print(
        f"near-duplicates, {analyzer.duplicates}: {analyzer.n_duplicates_.sum()} of "
        f"training images, {analyzer.n_test_duplicates_} of test images"
    )


def draw(analyzer, name):
    options.figures.mkdir(parents=True, exist_ok=True)
    kinds = ["psnr"]
    if hasattr(analyzer, "generated_images_"):
        kinds += ["similarity", "samples"]
    for kind in kinds:
        display = GeneralizationDisplay.from_estimator(analyzer, kind=kind)
        display.figure_.savefig(options.figures / f"{name}_{kind}.png", dpi=120)


def photo_patches(photos, n_per_photo):
    """Draw random patches with some contrast from photographs at half resolution."""
    patches, groups = [], []
    for number, photo in enumerate(photos):
        height, width = (side // 2 * 2 for side in photo.shape)
        blocks = photo[:height, :width].reshape(height // 2, 2, width // 2, 2)
        half = blocks.mean(axis=(1, 3), dtype=np.float32) / 255
        found = extract_patches_2d(
            half, (16, 16), max_patches=n_per_photo, random_state=number
        )
        found = found[found.std(axis=(1, 2)) > 0.05]
        patches.append(found)
        groups.append(np.full(len(found), number))
    return np.concatenate(patches), np.concatenate(groups)


SIZES = (1, 10, 100, 1000, 10_000)

if "photos" in options.parts:
    X, groups = photo_patches(fetch_bsd400().images, 90)
    X_test, _ = photo_patches(fetch_bsd68().images, 10)
    analyze(
        "photos",
        make_network(),
        SIZES,
        X,
        groups=groups,
        X_test=X_test[:500],
        n_generated=options.n_generated,
    )

if "disks" in options.parts:
    # Among ten thousand disks, nearly every one has a near-duplicate in ten thousand
    # other disks, so duplicates are ignored.
    X = make_disk_images(20_000, 16, random_state=0)
    X_test = make_disk_images(300, 16, random_state=1)
    optimal = DiskPosteriorDenoiser(random_state=0)
    analyzer = analyze(
        "disks",
        make_network(),
        SIZES,
        X,
        X_test=X_test,
        optimal=optimal,
        duplicates="ignore",
        n_generated=options.n_generated,
    )
    # Repeat the decomposition with four new draws of noise, and with standard errors
    # over the test images.
    optimal = optimal.set_params(noise_std=0.1).fit(X_test)
    rest = np.zeros((len(SIZES), len(X_test)))
    for seed in range(4):
        noisy = GaussianNoise(0.1, random_state=seed).fit_transform(X_test)
        best = optimal.transform(noisy)
        for i, pair in enumerate(analyzer.estimators_):
            a, b = (one.transform(noisy).astype(np.float64) for one in pair)
            excess = ((a - X_test) ** 2 + (b - X_test) ** 2) / 2 - (best - X_test) ** 2
            bias, variance = (a - best) * (b - best), (a - b) ** 2 / 2
            rest[i] += (excess - bias - variance).mean(axis=(1, 2)) / 4
    for size, values in zip(SIZES, rest, strict=True):
        print(
            f"N = {size:<6} excess - (bias + variance): {1e4 * values.mean():.3f} e-4, "
            f"standard error {1e4 * values.std() / np.sqrt(len(values)):.3f} e-4"
        )

if "extremes" in options.parts:
    X = make_disk_images(4000, 16, random_state=0)
    analyze(
        "memorizer",
        EmpiricalDenoiser(),
        SIZES[:4],
        X,
        duplicates="ignore",
        n_generated=20,
    )
    X = make_gaussian_textures(4000, 16, exponent=1.0, random_state=0)
    analyze("wiener", WienerDenoiser(), SIZES[:4], X)

if "cifar" in options.parts:
    with np.load(get_data_home() / "cifar10_gray.npz") as archive:
        X, X_test = archive["train"], archive["test"][:500]
    r = options.reduce
    X, X_test = (
        one.reshape(len(one), 32 // r, r, 32 // r, r).mean(axis=(2, 4)) / 255
        for one in (X, X_test)
    )
    analyze(
        "cifar",
        make_network(),
        options.cifar_sizes or (1, 10, 100, 1000, 5000, 24_000),
        X.astype(np.float32),
        X_test=X_test.astype(np.float32),
        n_generated=options.n_generated,
    )
