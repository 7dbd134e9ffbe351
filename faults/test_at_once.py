"""Threads and processes that use the same estimators, files and folders at once."""

import os
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
import torch
from processes import FORKS
from sklearn.base import clone
from test_generated_images import ESTIMATORS, NOISY, X

from sklearn_gahb import DNNDenoiser, GeneralizationAnalyzer
from sklearn_gahb.checkpoints import load, save

# Their noise depends on the position in the batch, but not on other threads.
WITHOUT_CLEAN = sorted(ESTIMATORS.keys() - {"oracle", "basis"})
# Warnings are process-wide: the filters of another thread may be in force.
pytestmark = pytest.mark.filterwarnings("ignore")


def fit_transform(name):
    estimator = clone(ESTIMATORS[name])
    if "noise_std" in estimator.get_params() and name not in NOISY:
        estimator.set_params(noise_std=0.1)
    return np.asarray(estimator.fit(X).transform(X))


@pytest.mark.parametrize("name", WITHOUT_CLEAN)
def test_fits_in_threads(name):
    """Each thread fits its own estimator, and gets the numbers of a fit alone."""
    expected = fit_transform(name)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(fit_transform, [name] * 12):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", WITHOUT_CLEAN)
def test_one_estimator_in_threads(name):
    """All threads transform with the same estimator."""
    estimator = clone(ESTIMATORS[name])
    if "noise_std" in estimator.get_params() and name not in NOISY:
        estimator.set_params(noise_std=0.1)
    estimator.fit(X)
    batches = [X[i : i + 2] for i in range(5)]
    expected = [np.asarray(estimator.transform(one)) for one in batches]
    with ThreadPoolExecutor(4) as threads:
        results = threads.map(estimator.transform, batches * 4)
        for found, wanted in zip(results, expected * 4, strict=True):
            np.testing.assert_array_equal(np.asarray(found), wanted)


def test_different_estimators_in_threads():
    """Fits of one kind do not disturb those of another, such as by a shared seed."""
    names = WITHOUT_CLEAN * 2
    expected = {name: fit_transform(name) for name in WITHOUT_CLEAN}
    with ThreadPoolExecutor(4) as threads:
        for name, found in zip(names, threads.map(fit_transform, names), strict=True):
            np.testing.assert_array_equal(found, expected[name])


def save_often(path, width):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    denoiser = DNNDenoiser(width=width, depth=1, max_steps=1, random_state=0).fit(X)
    for _ in range(50):
        save(denoiser, path)
        assert load(path).width in (4, 8)
    return width


def sweep(folder):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    network = DNNDenoiser(width=4, depth=1, max_steps=5, batch_size=2)
    analyzer = GeneralizationAnalyzer(
        network, [1, 2], duplicates="ignore", checkpoint_dir=folder, random_state=0
    )
    return analyzer.fit(X, X_test=X[4:]).test_psnr_


@pytest.fixture
def processes():
    with ProcessPoolExecutor(2, mp_context=FORKS) as processes:
        yield processes


def test_processes_save_to_one_path(tmp_path, processes):
    path = tmp_path / "network"
    done = processes.map(save_often, [path] * 4, [4, 8, 4, 8])
    assert list(done) == [4, 8, 4, 8]
    assert os.listdir(tmp_path) == ["network"]


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_sweeps_share_a_folder(kind, tmp_path, processes):
    expected = sweep(None)
    pool = processes if kind == "processes" else ThreadPoolExecutor(2)
    for k in range(3):
        folder = tmp_path / str(k)
        for found in pool.map(sweep, [folder] * 2):
            np.testing.assert_array_equal(found, expected)
        assert not list(folder.glob("*.part"))
        assert not list(folder.glob("*.damaged*"))
