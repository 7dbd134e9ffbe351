"""The cluster example gives the same numbers as a single machine."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples/scale/analyzer_on_a_cluster.py"


def lines_of(backend):
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), backend],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
        timeout=300,
    )
    return [line for line in done.stdout.splitlines() if "networks agree" in line]


@pytest.fixture(scope="module")
def lines_of_this_machine():
    lines = lines_of("loky")
    assert len(lines) == 3
    return lines


@pytest.mark.parametrize(
    ("backend", "module"), [("dask", "distributed"), ("ray", "ray")]
)
def test_same_numbers(backend, module, lines_of_this_machine):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module}")
    assert lines_of(backend) == lines_of_this_machine
