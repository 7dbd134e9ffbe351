"""Helpers of the scripts in this folder: presets, cached networks, verdicts."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sklearn_gahb import DNNDenoiser
from sklearn_gahb.checkpoints import load, save
from sklearn_gahb.datasets import fetch_bsd68, fetch_bsd400, load_image_folder


@dataclass(frozen=True)
class Preset:
    """Size of an experiment."""

    image_size: int
    width: int
    depth: int
    max_steps: int
    batch_size: int
    learning_rate: float
    schedule: str
    n_train: int
    train_sizes: tuple
    random_state: int = 0

    def network(self):
        """Return an unfitted denoiser with the optimizer and the loss of the paper."""
        return DNNDenoiser(
            batch_statistics=True,
            loss="squared_error",
            optimizer="adam",
            width=self.width,
            depth=self.depth,
            max_steps=self.max_steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            random_state=self.random_state,
        )


PRESETS = {
    # Up to half an hour on two cores.
    "laptop": Preset(
        32, 16, 2, 5000, 32, 5e-3, "one_cycle", 10_000, (1, 10, 100, 1000, 10_000)
    ),
    # An hour or two on one GPU.
    "gpu": Preset(
        64, 64, 3, 20_000, 256, 2e-3, "one_cycle", 50_000, (1, 10, 100, 1000, 10_000)
    ),
    # The recipe of arXiv 2310.02557: 1000 epochs of 250,000 images, batches of 512.
    "paper": Preset(
        80,
        64,
        3,
        488_000,
        512,
        1e-3,
        "halving",
        100_000,
        (1, 10, 100, 1000, 10_000, 100_000),
    ),
}


def make_parser(description):
    """Return a parser with the options of all scripts."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--preset", choices=PRESETS, default="laptop")
    for name in ("--max-steps", "--width", "--random-state"):
        parser.add_argument(name, type=int, help="overrides the preset")
    parser.add_argument(
        "--checkpoint-dir",
        type=Path,
        help="save trained networks here, and load the networks that are already there",
    )
    return parser


def preset_of(options):
    """Return the chosen preset, with the options that override it applied."""
    names = ("max_steps", "width", "random_state")
    given = {
        name: value for name in names if (value := getattr(options, name)) is not None
    }
    return replace(PRESETS[options.preset], **given)


def trained(denoiser, X, name, options):
    """Fit a denoiser, or load it if an earlier call has saved it."""
    if options.checkpoint_dir is None:
        return denoiser.fit(X)
    options.checkpoint_dir.mkdir(parents=True, exist_ok=True)
    # The file name depends on the images and the parameters.
    recipe = joblib.hash((X, denoiser.get_params()))[:8]
    path = options.checkpoint_dir / f"{name}_{options.preset}_{recipe}.safetensors"
    if path.exists():
        print(f"loading the network of an earlier call: {path}")
        return load(path)
    save(denoiser.fit(X), path)
    return denoiser


def photo_patches(photos, size, n_per_photo):
    """Draw random patches with some contrast from photographs at half resolution.

    Returns
    -------
    patches : ndarray of shape (n_patches, size, size), dtype=float32
    groups : ndarray of shape (n_patches,)
        Number of the photograph of each patch.
    """
    patches, groups = [], []
    for number, photo in enumerate(photos):
        height, width = (side // 2 * 2 for side in photo.shape)
        blocks = photo[:height, :width].reshape(height // 2, 2, width // 2, 2)
        half = blocks.mean(axis=(1, 3), dtype=np.float32) / 255
        windows = sliding_window_view(half, (size, size)).reshape(-1, size, size)
        chosen = np.random.RandomState(number).permutation(len(windows))[:n_per_photo]
        found = windows[chosen]
        found = found[found.std(axis=(1, 2)) > 0.05]
        patches.append(found)
        groups.append(np.full(len(found), number))
    return np.concatenate(patches), np.concatenate(groups)


def load_photos(size, n_train, n_test, folder=None):
    """Load training patches and their groups, and test patches of other photographs.

    If `folder` is None, training patches come from BSD400 and test patches from BSD68.
    Otherwise, every tenth file in the folder is used for testing.
    """
    if folder is None:
        train, test = fetch_bsd400().images, fetch_bsd68().images
    else:
        images = load_image_folder(folder).images
        train = [one for i, one in enumerate(images) if i % 10]
        test = images[::10]
    X, groups = photo_patches(train, size, int(np.ceil(2 * n_train / len(train))))
    X_test, _ = photo_patches(test, size, int(np.ceil(2 * n_test / len(test))))
    if len(X) < n_train or len(X_test) < n_test:
        raise ValueError(
            f"Found {len(X)} training and {len(X_test)} test patches of {size}x{size} "
            f"with some contrast; expected at least {n_train} and {n_test}. Pass a "
            "folder with more or larger photographs to --images."
        )
    rng = np.random.RandomState(0)
    order, test_order = rng.permutation(len(X)), rng.permutation(len(X_test))
    chosen = order[:n_train]
    return X[chosen], groups[chosen], X_test[test_order[:n_test]]


def verdict(claim, ours, holds):
    """Print the claim of the paper, our result, and whether the claim holds here."""
    print(f"\npaper: {claim}\nhere:  {ours}\n       {'holds' if holds else 'FAILS'}")
