"""Training that is distributed over two processes."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import relu

from sklearn_gahb import DNNDenoiser
from sklearn_gahb.checkpoints import load
from sklearn_gahb.datasets import make_disk_images

EXAMPLE = Path(__file__).parents[1] / "examples/scale/train_on_several_devices.py"
X = make_disk_images(60, 16, random_state=0)


def above_white(x):
    return relu(x - 1)


PARAMETERS = {
    "unet": {"depth": 2, "batch_statistics": True},
    "conservative, with early stopping and augmented crops": {
        "conservative": True,
        "depth": 1,
        "patch_size": 12,
        "augment": True,
        "early_stopping": True,
        "n_iter_no_change": 3,
    },
    "with a constraint": {
        "depth": 1,
        "residual": above_white,
        "residual_estimate": "sample",
    },
    "without a seed": {
        "depth": 1,
        "bias": True,
        "max_steps": 5,
        "batch_statistics": True,
        "random_state": None,
    },
}
DEFAULTS = {
    "width": 4,
    "max_steps": 40,
    "batch_size": 8,
    "learning_rate": 5e-3,
    "precision": "float32",
    "noise_std": 0.2,
    "random_state": 3,
}
# Two processes run this script. Each saves its networks, and both must be equal.
SCRIPT = f"""
import sys
from torch import distributed
from sklearn_gahb import DNNDenoiser
from sklearn_gahb.checkpoints import save
from sklearn_gahb.datasets import make_disk_images

sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_distributed import DEFAULTS, PARAMETERS

folder = sys.argv[1]
distributed.init_process_group("gloo")
rank = distributed.get_rank()
X = make_disk_images(60, 16, random_state=0)
for name, parameters in PARAMETERS.items():
    denoiser = DNNDenoiser(**(DEFAULTS | parameters)).fit(X)
    save(denoiser, f"{{folder}}/{{name}} {{rank}}")
for wrong, message in [
    (lambda: denoiser.set_params(batch_size=7).fit(X), "batch_size=7 must be a"),
    (lambda: denoiser.set_params(batch_size=8).fit(X[rank:]), "X is not the same"),
    (lambda: denoiser.set_params(width=4 + rank).fit(X), "The denoiser is not the"),
]:
    try:
        wrong()
    except ValueError as error:
        assert message in str(error), error
    else:
        raise AssertionError(f"No error: {{message}}")
# None leaves before the others have done their work.
distributed.barrier()
distributed.destroy_process_group()
"""


def torchrun(script, *arguments):
    command = [sys.executable, "-W", "error", "-m", "torch.distributed.run"]
    command += ["--standalone", "--nproc_per_node=2", str(script), *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}
    run = partial(
        subprocess.run,
        command,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=200,
    )
    done = run()
    # Threads of gloo can abort a process that exits after it has finished its work:
    # https://github.com/pytorch/pytorch/pull/179291.
    if "terminate called without an active exception" in done.stderr:
        done = run()
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Run the script, and return the folder with the networks of both processes."""
    path = tmp_path_factory.mktemp("networks")
    script = path / "fit.py"
    script.write_text(SCRIPT)
    done = torchrun(script, path)
    assert done.returncode == 0, done.stderr
    return path


def networks_of(folder, name):
    return [load(folder / f"{name} {rank}") for rank in (0, 1)]


@pytest.mark.parametrize("name", list(PARAMETERS)[:3])
def test_same_as_one_process(name, folder):
    first, second = networks_of(folder, name)
    alone = DNNDenoiser(**(DEFAULTS | PARAMETERS[name])).fit(X)
    assert first.score(X) == second.score(X)
    assert first.score(X) == pytest.approx(alone.score(X), abs=1e-4)
    assert first.n_steps_ == alone.n_steps_
    np.testing.assert_allclose(first.loss_curve_, alone.loss_curve_, rtol=1e-4)
    states = zip(
        first.network_.state_dict().values(),
        second.network_.state_dict().values(),
        strict=True,
    )
    assert all(torch.equal(one, other) for one, other in states)


def test_without_a_seed_the_processes_agree(folder):
    first, second = networks_of(folder, "without a seed")
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    np.testing.assert_array_equal(first.loss_curve_, second.loss_curve_)


def test_example(tmp_path):
    done = torchrun(EXAMPLE, tmp_path / "unet.safetensors")
    assert done.returncode == 0, done.stderr
    score = load(tmp_path / "unet.safetensors").score(
        make_disk_images(1000, 16, random_state=0)[:100]
    )
    # The lines of the two processes can be interleaved.
    said = re.findall(r"process \d: [\d.]+ dB", done.stdout)
    assert sorted(said) == [f"process {i}: {score:.5f} dB" for i in (0, 1)]
