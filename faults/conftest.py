"""Settings of all tests of faults."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

# The same cases in each run. Fits take longer than the limits of hypothesis.
settings.register_profile(
    "faults",
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=500,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("faults")


# Processes import the files of this folder.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Use one thread: tiny networks are then faster, and tests run in parallel."""
    torch.set_num_threads(1)
