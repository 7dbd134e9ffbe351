"""Processes that are started quickly, to be killed."""

import multiprocessing
import signal
import warnings

import torch

# They are forks of a process that has imported the modules, and has no threads.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["torch._dynamo", "test_kills"])
FAILED = 7


def start(function, *arguments):
    """Call a function in a new process."""
    process = FORKS.Process(target=call, args=(function, *arguments))
    process.start()
    return process


def call(function, *arguments):
    """Call a function; an OSError ends the process with the exit status FAILED."""
    warnings.simplefilter("ignore")
    # Shells start processes in the background with this signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    try:
        function(*arguments)
    except OSError as error:
        raise SystemExit(FAILED) from error


def exit_status(process):
    """Wait until a process ends."""
    process.join(60)
    if process.exitcode is None:
        process.kill()
        raise AssertionError("the process hangs")
    return process.exitcode
