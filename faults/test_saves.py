"""Full disks and folders that vanish during saves: no file is lost."""

import errno
import os
import resource
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from processes import FAILED, exit_status, start

from sklearn_gahb import DNNDenoiser, GeneralizationAnalyzer, WienerDenoiser
from sklearn_gahb.checkpoints import load, save
from sklearn_gahb.datasets import make_disk_images

X = make_disk_images(20, 16, random_state=0)


def network(width=4):
    return DNNDenoiser(width=width, depth=1, max_steps=1, random_state=0).fit(X[:2])


def sweep(folder):
    analyzer = GeneralizationAnalyzer(
        WienerDenoiser(),
        [1, 5],
        duplicates="ignore",
        checkpoint_dir=folder,
        random_state=0,
    )
    return analyzer.fit(X[:12], X_test=X[12:])


def with_limit(n_bytes, function, *arguments):
    """Call a function in a process whose files cannot grow beyond some bytes."""
    # Without this signal, writing fails with an error, as on a full disk.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
    function(*arguments)


def save_wide(path):
    save(network(16), path)


@pytest.mark.parametrize("n_bytes", [0, 100, 5000, 20000])
def test_no_space_for_a_network(n_bytes, tmp_path):
    save(network(), tmp_path / "network")
    before = (tmp_path / "network").read_bytes()
    process = start(with_limit, n_bytes, save_wide, tmp_path / "network")
    assert exit_status(process) == FAILED
    assert (tmp_path / "network").read_bytes() == before
    assert os.listdir(tmp_path) == ["network"]


@pytest.mark.filterwarnings("ignore")
def test_no_space_for_a_sweep(tmp_path):
    """The fits that were kept before stay; the sweep goes on when there is space."""
    expected = sweep(None).test_psnr_
    for n_bytes in (100, 1000, 3000):
        process = start(with_limit, n_bytes, sweep, tmp_path)
        assert exit_status(process) == FAILED
        assert not list(tmp_path.glob("*.part"))
    kept = {path: path.read_bytes() for path in tmp_path.glob("*.pickle")}
    found = sweep(tmp_path)
    np.testing.assert_array_equal(found.test_psnr_, expected)
    assert all(path.read_bytes() == content for path, content in kept.items())
    assert len(list(tmp_path.glob("*.pickle"))) == 8


class Fault:
    """Function of the system that fails once, at the given call."""

    def __init__(self, function, number, prepare):
        self.function, self.number, self.prepare = function, number, prepare
        self.n_calls = 0

    def __call__(self, *args, **kwargs):
        self.n_calls += 1
        if self.n_calls == self.number:
            self.prepare()
        return self.function(*args, **kwargs)


def full():
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["write", "replace"])
@pytest.mark.parametrize("number", range(1, 9))
def test_each_write_of_a_sweep_fails(name, number, tmp_path, monkeypatch):
    expected = sweep(None).test_psnr_
    with monkeypatch.context() as patch:
        if name == "write":
            # Store writes its files with this method.
            fault = Fault(Path.write_bytes, number, full)
            patch.setattr(Path, "write_bytes", lambda *args: fault(*args))
        else:
            patch.setattr(os, "replace", Fault(os.replace, number, full))
        with pytest.raises(OSError, match="No space left"):
            sweep(tmp_path)
    assert not list(tmp_path.glob("*.part"))
    assert len(list(tmp_path.glob("*.pickle"))) == number - 1
    np.testing.assert_array_equal(sweep(tmp_path).test_psnr_, expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(1, 9))
def test_a_folder_vanishes_during_a_sweep(number, tmp_path, monkeypatch):
    """The error names the folder, and the next sweep makes it again."""
    expected = sweep(None).test_psnr_
    folder = tmp_path / "runs"
    with monkeypatch.context() as patch:
        remove = Fault(Path.write_bytes, number, lambda: shutil.rmtree(folder))
        patch.setattr(Path, "write_bytes", lambda *args: remove(*args))
        with pytest.raises(FileNotFoundError, match="runs"):
            sweep(folder)
    np.testing.assert_array_equal(sweep(folder).test_psnr_, expected)


@pytest.mark.parametrize("name", ["write_bytes", "unlink"])
def test_a_folder_vanishes_during_a_save(name, tmp_path, monkeypatch):
    folder = tmp_path / "networks"
    folder.mkdir()
    denoiser = network()
    remove = Fault(getattr(Path, name), 1, lambda: shutil.rmtree(folder))
    with monkeypatch.context() as patch:
        patch.setattr(Path, name, lambda *args, **options: remove(*args, **options))
        if name == "write_bytes":
            with pytest.raises(FileNotFoundError, match="networks"):
                save(denoiser, folder / "network")
        else:
            save(denoiser, folder / "network")
    folder.mkdir()
    save(denoiser, folder / "network")
    np.testing.assert_array_equal(
        load(folder / "network").transform(X), denoiser.transform(X)
    )
