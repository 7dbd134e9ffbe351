"""Fixtures shared by several test files."""

import os
from pathlib import Path

import pytest
import torch

from sklearn_gahb.datasets import load_photo_patches


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Use one thread: tiny networks are then faster, and their times vary less."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_home():
    """Return the folder of published data, or skip the test with instructions."""
    folder = os.environ.get("SKLEARN_GAHB_DATA")
    if folder is None or not Path(folder).is_dir():
        pytest.skip("needs SKLEARN_GAHB_DATA, a folder that the fetchers have filled")
    return Path(folder)


@pytest.fixture(scope="session")
def patches():
    """16x16 patches with some contrast: (train, test), from different photographs."""
    pairs = []
    for subset in ("train", "test"):
        images = load_photo_patches(16, 2000, subset=subset, random_state=0).images
        pairs.append(images[images.std(axis=(1, 2)) > 25.5][:300])
    return tuple(pairs)
