"""The package on a device other than the CPU, which need not exist."""

import subprocess
import sys
from pathlib import Path

# The thread that torch starts for the device can abort the process when Python ends.
RUN = """
import os, sys, pytest
code = pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]])
sys.stdout.flush()
os._exit(code)
"""


def test_on_simulated_device():
    # Torch keeps the device until the process ends, so the tests have their own.
    paths = sorted(Path(__file__).parent.glob("on_device_*.py"))
    assert len(paths) == 2
    command = [sys.executable, "-c", RUN, *paths]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
