"""Sweeps that resume, run in parallel, and report their progress."""

import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import psutil
import pytest
import torch
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    DNNDenoiser,
    EmpiricalDenoiser,
    GeneralizationAnalyzer,
    WienerDenoiser,
    make_psnr_scorer,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.denoisers.side_by_side import choose_networks_per_pass
from sklearn_gahb.generalization._keys import estimator_key
from sklearn_gahb.networks import BFCNN

# The networks are trained for so few steps that they do harm.
pytestmark = pytest.mark.filterwarnings("ignore:Denoised test images have a lower PSNR")
CLUSTER_EXAMPLE = Path(__file__).parents[1] / "examples/scale/analyzer_on_a_cluster.py"
DISKS = make_disk_images(500, 16, random_state=0)
TEST = make_disk_images(60, 16, random_state=1)


def quick_network(**parameters):
    return DNNDenoiser(width=4, depth=1, max_steps=30, batch_size=8, **parameters)


def analyze(estimator, train_sizes=(1, 10, 100), **parameters):
    defaults = {"random_state": 0, "duplicates": "remove"}
    return GeneralizationAnalyzer(estimator, train_sizes, **(defaults | parameters))


def fit(estimator, *args, **parameters):
    return analyze(estimator, *args, **parameters).fit(DISKS, X_test=TEST)


class CountedWiener(WienerDenoiser):
    """Wiener filter that writes a line for each fit."""

    def learn(self, clean, noisy=None):
        super().learn(clean, noisy)
        # Workers started before this test do not have the variable.
        if "FIT_LOG" in os.environ:
            with Path(os.environ["FIT_LOG"]).open("a") as file:
                file.write("fit\n")


@pytest.fixture
def n_fits(tmp_path, monkeypatch):
    """Return a function that counts the fits of CountedWiener since its last call."""
    path = tmp_path / "log"
    monkeypatch.setenv("FIT_LOG", str(path))

    def count():
        n = len(path.read_text().splitlines()) if path.exists() else 0
        path.write_text("")
        return n

    return count


def same_measures(a, b):
    for name in ("train_psnr_", "test_psnr_", "agreement_", "variance_"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_finished_fits_are_kept(tmp_path, n_fits):
    folder = tmp_path / "runs"
    first = fit(CountedWiener(), checkpoint_dir=folder)
    assert n_fits() == 6
    same_measures(first, fit(CountedWiener(), checkpoint_dir=folder))
    assert n_fits() == 0
    same_measures(first, fit(CountedWiener()))
    assert n_fits() == 6
    fit(CountedWiener(zero_mean=True), checkpoint_dir=folder)
    assert n_fits() == 6
    other = DISKS + np.float32(1e-3)
    analyze(CountedWiener(), checkpoint_dir=folder).fit(other, X_test=TEST)
    assert n_fits() == 6


def test_more_may_be_asked_of_kept_fits(tmp_path, n_fits):
    """Kept fits serve new noise levels, test images, samples and larger sizes."""
    folder = tmp_path / "runs"
    first = fit(CountedWiener(), checkpoint_dir=folder)
    assert n_fits() == 6
    more = fit(
        CountedWiener(), noise_std=[0.1, 0.2], n_generated=3, checkpoint_dir=folder
    )
    assert n_fits() == 0
    np.testing.assert_array_equal(more.test_psnr_[..., :1], first.test_psnr_)
    samples = fit(
        CountedWiener(), noise_std=[0.1, 0.2], n_generated=3
    ).generated_images_
    np.testing.assert_array_equal(more.generated_images_, samples)
    assert n_fits() == 6


def test_other_sizes_train_only_what_is_new(tmp_path, n_fits):
    parameters = {"checkpoint_dir": tmp_path / "runs", "duplicates": "ignore"}
    first = fit(CountedWiener(), **parameters)
    assert n_fits() == 6
    more = fit(CountedWiener(), (1, 10, 50, 100, 150), **parameters)
    assert n_fits() == 4
    np.testing.assert_array_equal(more.test_psnr_[[0, 1, 3]], first.test_psnr_)
    fit(CountedWiener(), (10, 100), **parameters)
    assert n_fits() == 0


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied"])
def test_damaged_checkpoints(tmp_path, n_fits, damage, n_jobs):
    folder = tmp_path / "runs"
    first = fit(CountedWiener(), checkpoint_dir=folder)
    assert n_fits() == 6
    kept = sorted(folder.glob("*.pickle"))
    for path in kept:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        length = {"truncated": 100, "flipped": None, "emptied": 0}[damage]
        path.write_bytes(content[:length])
    with pytest.warns(UserWarning, match="is damaged.* computed again") as records:
        mended = fit(CountedWiener(), checkpoint_dir=folder, n_jobs=n_jobs)
    assert {record.filename for record in records} == {__file__}
    # Joblib may warn about workers that it stops.
    messages = [str(record.message) for record in records]
    assert sum("is damaged" in message for message in messages) == len(kept)
    # Workers started before this test write to another log.
    assert n_fits() == 6 or n_jobs == 2
    same_measures(first, mended)
    assert len(list(folder.glob("*.damaged-*"))) == len(kept)
    assert sorted(folder.glob("*.pickle")) == kept


def test_a_file_is_no_checkpoint_dir(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("")
    with pytest.raises(ValueError, match=r"checkpoint_dir='.*notes.txt' is a file"):
        fit(WienerDenoiser(), (1,), checkpoint_dir=path)


def test_random_states_that_cannot_be_found_again_are_told(tmp_path):
    with pytest.warns(
        UserWarning, match="random_state=None gives different seeds in each"
    ) as records:
        fit(WienerDenoiser(), (1,), checkpoint_dir=tmp_path, random_state=None)
    assert {record.filename for record in records} == {__file__}


def test_leavings_of_killed_processes_are_cleared_away(tmp_path):
    old, fresh = tmp_path / "a.part", tmp_path / "b.part"
    for path, age in ((old, 2 * 24 * 3600), (fresh, 0)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    fit(WienerDenoiser(), (1,), checkpoint_dir=tmp_path)
    assert not old.exists()
    assert fresh.exists()


def make_small_network(n_channels):
    return BFCNN(n_channels, width=4, depth=3)


class Maker:
    """Callable object that makes networks, also through a method."""

    def __init__(self, width):
        self.width = width

    def __call__(self, n_channels):
        return BFCNN(n_channels, width=self.width, depth=3)

    make = __call__


class Slope(torch.nn.Module):
    def __init__(self, slope):
        super().__init__()
        self.slope = slope
        self.layer = torch.nn.Conv2d(1, 1, 3)


def keys_of_many_estimators():
    torch.manual_seed(0)
    modules = [
        torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), torch.nn.ReLU()),
        torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), torch.nn.GELU()),
        Slope(0.1),
        Slope(0.2),
    ]
    modules[1].load_state_dict(modules[0].state_dict())
    modules[3].load_state_dict(modules[2].state_dict())
    architectures = [
        "unet",
        "bf_cnn",
        make_small_network,
        partial(BFCNN, width=4),
        partial(BFCNN, width=8),
        Maker(4),
        Maker(8),
        Maker(4).make,
        Maker(8).make,
        lambda n_channels: BFCNN(n_channels, width=4),
        lambda n_channels: BFCNN(n_channels, width=8),
        *modules,
    ]
    estimators = [
        *(DNNDenoiser(one) for one in architectures),
        DNNDenoiser(width=32),
        DNNDenoiser(random_state=1),
        make_pipeline(DNNDenoiser(modules[0])),
        make_pipeline("passthrough", DNNDenoiser(modules[0])),
        GridSearchCV(DNNDenoiser(), {"width": [8, 16]}),
        GridSearchCV(DNNDenoiser(), {"width": [8, 32]}),
        WienerDenoiser(),
        CountedWiener(),
    ]
    return [estimator_key(one) for one in estimators]


def test_keys_tell_estimators_apart_in_every_process():
    code = "from test_generalization_runs import *;print(*keys_of_many_estimators())"
    keys = keys_of_many_estimators()
    assert len(set(keys)) == len(keys)
    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert printed.split() == keys


NOTEBOOK = """
import sys
from test_generalization_runs import BFCNN, DISKS, DNNDenoiser, TEST, analyze

class Maker:
    def __call__(self, n_channels):
        return BFCNN(n_channels, width=4, depth=3)

for architecture in (Maker(), lambda n_channels: BFCNN(n_channels, width=4, depth=3)):
    network = DNNDenoiser(architecture, max_steps=2, batch_size=2)
    parameters = {"checkpoint_dir": sys.argv[1], "n_jobs": 2}
    first, again = (
        analyze(network, (1, 2), **parameters).fit(DISKS, X_test=TEST) for _ in range(2)
    )
    assert (first.test_psnr_ == again.test_psnr_).all()
"""


def test_what_a_notebook_defines_is_kept(tmp_path):
    command = [sys.executable, "-c", NOTEBOOK, str(tmp_path)]
    subprocess.run(command, cwd=Path(__file__).parent, check=True)
    assert len(list(tmp_path.glob("fit-*"))) == 8


SCRIPT = """
import sys
import torch
from test_generalization_runs import fit, quick_network
torch.set_num_threads(1)
fit(quick_network(), checkpoint_dir=sys.argv[1])
"""


def start_script(folder):
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    return subprocess.Popen(command, cwd=Path(__file__).parent)


def test_killed_runs_are_completed(tmp_path):
    """Two processes at once complete what killed processes have begun."""
    for n_finished in (1, 4):
        process = start_script(tmp_path)
        while len(list(tmp_path.glob("*.pickle"))) < n_finished:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.pickle")}
    assert 4 <= len(before) < 12
    processes = [start_script(tmp_path) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    # For each of 3 sizes and 2 subsets: a fitted estimator and its measures.
    assert len(list(tmp_path.glob("*.pickle"))) == 12
    assert not list(tmp_path.glob("*.part"))
    for path, changed in before.items():
        assert path.stat().st_mtime_ns == changed
    same_measures(fit(quick_network()), fit(quick_network(), checkpoint_dir=tmp_path))


class Sleeper(WienerDenoiser):
    """Denoiser that writes down its process and sleeps."""

    def learn(self, clean, noisy=None):
        (Path(os.environ["FIT_LOG"]) / str(os.getpid())).touch()
        time.sleep(100)


@pytest.mark.skipif(sys.platform == "win32", reason="orphans keep their parent's ID")
def test_workers_of_a_killed_process_end(tmp_path):
    code = "from test_generalization_runs import *; fit(Sleeper(), n_jobs=2)"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env=os.environ | {"FIT_LOG": str(tmp_path)},
    )
    while len(list(tmp_path.iterdir())) < 2:
        assert process.poll() is None
        time.sleep(0.1)
    workers = [psutil.Process(int(path.name)) for path in tmp_path.iterdir()]
    assert {worker.ppid() for worker in workers} == {process.pid}
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive


def test_workers_give_the_same_numbers():
    """Two workers of one thread each give the same numbers as this process."""
    serial = fit(quick_network(), n_generated=3)
    parallel = fit(quick_network(), n_generated=3, n_jobs=2)
    same_measures(serial, parallel)
    np.testing.assert_array_equal(serial.generated_images_, parallel.generated_images_)


def close_measures(a, b):
    for name in ("train_psnr_", "test_psnr_", "agreement_"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-2)


@pytest.mark.parametrize(
    "network",
    [
        quick_network(precision="float32", batch_statistics=True),
        quick_network(precision="float32", patch_size=12, augment=True),
        DNNDenoiser("bf_cnn", width=4, depth=4, max_steps=30, precision="float32"),
    ],
)
def test_in_one_pass_up_to_rounding(network):
    """Each network has its own images, noise, initial weights and losses."""
    alone, together = fit(network), fit(network, n_networks_per_pass=4)
    close_measures(alone, together)
    for row in zip(alone.estimators_, together.estimators_, strict=True):
        for one, other in zip(*row, strict=True):
            np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-4)
            assert one.train_indices_.tolist() == other.train_indices_.tolist()


@pytest.mark.parametrize(
    ("estimator", "size", "n_networks"),
    [
        (quick_network(), 16, 8),
        (quick_network(patch_size=16), 256, 8),
        (DNNDenoiser(width=16), 64, 1),
        (DNNDenoiser(width=64), 16, 1),
        (quick_network(early_stopping=True), 16, 1),
        (EmpiricalDenoiser(), 16, 1),
    ],
)
def test_small_networks_are_trained_in_one_pass(estimator, size, n_networks):
    X = np.zeros((2, size, size), dtype=np.float32)
    assert choose_networks_per_pass(estimator, X) == n_networks


def test_number_of_networks_in_a_pass_is_chosen():
    chosen = fit(quick_network(), (1, 10), n_networks_per_pass="auto")
    assert chosen.n_networks_per_pass == "auto"
    same_measures(chosen, fit(quick_network(), (1, 10), n_networks_per_pass=8))


def test_one_pass_trains_only_what_is_new(tmp_path):
    network, options = (
        quick_network(),
        {"checkpoint_dir": tmp_path, "n_networks_per_pass": 6},
    )
    first = fit(network, (1, 100), **options)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("fit-*")}
    assert len(kept) == 4
    more = fit(network, (1, 10, 100), **options)
    assert len(list(tmp_path.glob("fit-*"))) == 6
    assert all(path.stat().st_mtime_ns == changed for path, changed in kept.items())
    np.testing.assert_array_equal(more.test_psnr_[[0, 2]], first.test_psnr_)
    same_measures(more, fit(network, (1, 10, 100), **options))
    # A single network is also trained in one pass.
    next(iter(kept)).unlink()
    close_measures(more, fit(network, (1, 10, 100), **options))


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (EmpiricalDenoiser(), "of type EmpiricalDenoiser"),
        (make_pipeline(quick_network()), "of type Pipeline"),
        (DNNDenoiser(lambda channels: BFCNN(channels)), "architecture is <function"),
        (quick_network(early_stopping=True), "early_stopping=True"),
        (quick_network().set_callbacks(ProgressBar()), "callbacks of their own"),
    ],
)
def test_what_cannot_be_trained_in_one_pass(estimator, message):
    with pytest.raises(ValueError, match=f"trained in one pass.*{message}"):
        fit(estimator, n_networks_per_pass=2)


class Recorder:
    """Callback that writes the beginning and end of each task to a file."""

    max_propagation_depth = None

    def __init__(self, path, refuses_other_processes=False):
        self.path = Path(path)
        self.pid = os.getpid() if refuses_other_processes else None

    def setup(self, estimator, context):
        self.write("setup")

    def teardown(self, estimator, context):
        self.write("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.write("begin", self.name_of(context))

    def on_fit_task_end(self, estimator, context):
        self.write("end", self.name_of(context))

    @staticmethod
    def name_of(context):
        task = context.source_task_name or context.task_name
        return f"{context.estimator_name} {task}"

    def write(self, event, name=""):
        if self.pid not in (None, os.getpid()):
            raise ConnectionRefusedError("The socket is on another host.")
        with self.path.open("a") as file:
            file.write(f"{event} {name}\n")

    def lines(self):
        return self.path.read_text().splitlines()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_callbacks_follow_the_sweep(tmp_path, n_jobs):
    recorder = Recorder(tmp_path / "log")
    analyzer = analyze(quick_network(), (1, 10), n_jobs=n_jobs)
    analyzer.set_params(checkpoint_dir=tmp_path).set_callbacks(recorder)
    analyzer.fit(DISKS, X_test=TEST)
    lines = recorder.lines()
    assert lines[0] == "setup "
    assert lines[-1] == "teardown "
    for event in ("begin", "end"):
        assert lines.count(f"{event} GeneralizationAnalyzer fit") == 1
        for size in (1, 10):
            # The sweep and the network share one task, which contains the steps.
            assert lines.count(f"{event} DNNDenoiser N = {size}") == 2
    assert sum(line.startswith("end DNNDenoiser steps") for line in lines) == 4 * 30

    # Kept fits and networks trained in one pass have no step tasks.
    for parameters in ({}, {"n_networks_per_pass": 3, "checkpoint_dir": None}):
        recorder.path.unlink()
        analyzer.set_params(**parameters).fit(DISKS, X_test=TEST)
        for event in ("begin", "end"):
            for size in (1, 10):
                name = f"{event} GeneralizationAnalyzer N = {size}"
                assert recorder.lines().count(name) == 2


def test_progress_bars(capsys):
    analyzer = analyze(quick_network(), (1, 10), n_jobs=2)
    analyzer.set_callbacks(ProgressBar()).fit(DISKS, X_test=TEST)
    shown = capsys.readouterr().out
    assert "GeneralizationAnalyzer - fit" in shown
    assert "N = 10 | DNNDenoiser - fit #3" in shown
    assert shown.count("100%") == 5


def test_a_monitor_scores_the_networks_in_processes():
    monitor = ScoringMonitor(scoring={"psnr": make_psnr_scorer(0.1, random_state=0)})
    network = quick_network().set_callbacks(monitor)
    fit(network, (1, 10), n_jobs=2)
    table = monitor.get_logs(select="all")
    assert sum(len(log.data) for log in table) == 4 * 31


@pytest.fixture(scope="module")
def dask_client():
    from distributed import Client, LocalCluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client


def test_dask_gives_the_same_numbers(dask_client, tmp_path):
    with joblib.parallel_config(backend="dask"):
        distributed = fit(quick_network(), n_jobs=-1, checkpoint_dir=tmp_path)
    same_measures(fit(quick_network()), distributed)


def test_the_cluster_example_prints_the_same_numbers(dask_client, capsys):
    main = runpy.run_path(str(CLUSTER_EXAMPLE))["main"]
    main("loky")
    on_this_machine = capsys.readouterr().out
    assert on_this_machine.count("networks agree") == 3
    main("dask", dask_client.scheduler.address)
    assert capsys.readouterr().out == on_this_machine


def test_the_cluster_example_runs_on_ray(capsys):
    pytest.importorskip("ray")
    main = runpy.run_path(str(CLUSTER_EXAMPLE))["main"]
    main("loky")
    on_this_machine = capsys.readouterr().out
    main("ray")
    assert capsys.readouterr().out == on_this_machine


def test_callbacks_are_left_off_on_other_hosts(dask_client, tmp_path):
    def rename(name):
        socket.gethostname = lambda: name

    recorder = Recorder(tmp_path / "log", refuses_other_processes=True)
    analyzer = analyze(quick_network(), (1, 10)).set_callbacks(recorder)
    with joblib.parallel_config(backend="dask"):
        with pytest.raises(ConnectionRefusedError):
            analyzer.fit(DISKS, X_test=TEST)
        dask_client.run(rename, "elsewhere")
        recorder.path.unlink()
        analyzer.fit(DISKS, X_test=TEST)
        dask_client.run(rename, socket.gethostname())
    assert recorder.lines() == [
        "setup ",
        "begin GeneralizationAnalyzer fit",
        "end GeneralizationAnalyzer fit",
        "teardown ",
    ]


def test_not_more_workers_than_fits(monkeypatch):
    """More workers than fits would leave threads unused."""
    from sklearn_gahb.generalization import _sweep

    asked = []

    class Parallel(_sweep.Parallel):
        def __init__(self, n_jobs):
            asked.append(n_jobs)
            super().__init__(n_jobs=1)

    monkeypatch.setattr(_sweep, "Parallel", Parallel)
    fit(EmpiricalDenoiser(), (1, 5), n_jobs=100)
    fit(EmpiricalDenoiser(), (1, 5))
    assert asked == [4, 1]
