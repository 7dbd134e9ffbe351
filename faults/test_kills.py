"""Signals at random moments: what was begun is completed, with the same numbers."""

import os
import signal
import time

import joblib
import numpy as np
import psutil
import pytest
from processes import exit_status, start
from sklearn.model_selection import GridSearchCV

from sklearn_gahb import (
    DNNDenoiser,
    GeneralizationAnalyzer,
    WaveletThresholdDenoiser,
)
from sklearn_gahb.checkpoints import load, save
from sklearn_gahb.datasets import make_disk_images

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
DISKS = make_disk_images(40, 16, random_state=0)
TEST = make_disk_images(8, 16, random_state=1)


def sweep(folder, n_jobs=None):
    network = DNNDenoiser(width=4, depth=1, max_steps=15, batch_size=4)
    analyzer = GeneralizationAnalyzer(
        network,
        [1, 4, 8],
        duplicates="ignore",
        checkpoint_dir=folder,
        n_jobs=n_jobs,
        random_state=0,
    )
    return analyzer.fit(DISKS, X_test=TEST)


def measures(analyzer):
    return np.concatenate(
        [analyzer.train_psnr_.ravel(), analyzer.test_psnr_.ravel()]
    ).tolist()


def is_killed(process, number, seconds):
    """Send a signal after some seconds; return whether the process ended by it."""
    process.join(seconds)
    if process.exitcode is None:
        os.kill(process.pid, number)
    return exit_status(process) != 0


@pytest.mark.filterwarnings("ignore")
def test_sweeps(tmp_path):
    """30 processes are killed; each goes on with the work of those before it."""
    begin = time.perf_counter()
    expected = measures(sweep(None))
    duration = time.perf_counter() - begin
    rng, n_killed = np.random.RandomState(0), 0
    for k in range(100):
        folder = tmp_path / str(k)
        for number in SIGNALS:
            seconds = duration * rng.uniform(0, 0.6)
            n_killed += is_killed(start(sweep, folder), number, seconds)
        assert measures(sweep(folder)) == expected
        assert len(list(folder.glob("*.pickle"))) == 12
        assert not list(folder.glob("*.damaged*"))
        if n_killed >= 30:
            return
    pytest.fail(f"only {n_killed} processes were killed")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", SIGNALS)
def test_parallel_sweeps_leave_no_workers(number, tmp_path):
    expected = measures(sweep(None))
    process = start(sweep, tmp_path, 2)
    workers = wait_for_workers(process, tmp_path)
    os.kill(process.pid, number)
    assert exit_status(process) != 0
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
    assert measures(sweep(tmp_path)) == expected


def wait_for_workers(process, folder):
    """Return the workers of a sweep, once they have kept a fit."""
    while not list(folder.glob("*.pickle")):
        assert process.exitcode is None
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    return children


@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker(tmp_path):
    """The sweep ends, with an error or a result, and the next one completes it."""
    expected = measures(sweep(None))
    process = start(sweep, tmp_path, 2)
    workers = wait_for_workers(process, tmp_path)
    for worker in workers:
        if "resource_tracker" not in " ".join(worker.cmdline()):
            worker.kill()
            break
    exit_status(process)
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
    assert measures(sweep(tmp_path)) == expected


def fit_until_interrupted(path):
    denoiser = DNNDenoiser(width=4, depth=1, max_steps=100000, random_state=0)
    try:
        denoiser.fit(DISKS)
    except KeyboardInterrupt:
        save(denoiser, path)
        raise SystemExit(3) from None


def test_interrupted_fits(tmp_path):
    """After Ctrl-C, a network has the weights of that moment."""
    rng = np.random.RandomState(0)
    for k in range(5):
        path = tmp_path / str(k)
        process = start(fit_until_interrupted, path)
        # The first training step has been done after this time.
        assert is_killed(process, signal.SIGINT, 3 + rng.rand())
        assert process.exitcode == 3
        again = load(path)
        assert 0 < again.n_steps_ < 100000
        assert np.isfinite(again.transform(DISKS)).all()


def save_forever(path):
    denoisers = [
        DNNDenoiser(width=width, depth=2, max_steps=1, random_state=0).fit(DISKS[:2])
        for width in (4, 16)
    ]
    while True:
        for denoiser in denoisers:
            save(denoiser, path)


def test_killed_saves(tmp_path):
    """A file that is replaced again and again is whole at each moment."""
    rng = np.random.RandomState(0)
    path = tmp_path / "network"
    for number in SIGNALS * 2:
        path.unlink(missing_ok=True)
        process = start(save_forever, path)
        while not path.exists():
            assert process.exitcode is None
            time.sleep(0.01)
        assert is_killed(process, number, 0.2 * rng.rand())
        assert load(path).width in (4, 16)


def search(path):
    """Run a search, and write its scores."""
    denoiser = WaveletThresholdDenoiser(noise_std=0.1, random_state=0)
    found = GridSearchCV(denoiser, {"n_shifts": [1, 4, 9, 16]}, cv=3).fit(DISKS)
    scores = found.cv_results_["mean_test_score"]
    joblib.dump(scores, path)
    return scores


@pytest.mark.parametrize("number", SIGNALS)
def test_searches(number, tmp_path):
    """A search that was killed can be run again, with the same scores."""
    expected = search(tmp_path / "expected")
    for k, seconds in enumerate((0.02, 0.1, 0.3)):
        is_killed(start(search, tmp_path / str(k)), number, seconds)
        again = start(search, tmp_path / str(k))
        assert exit_status(again) == 0
        np.testing.assert_array_equal(joblib.load(tmp_path / str(k)), expected)
