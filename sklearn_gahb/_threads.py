"""The number of threads that torch computes with."""

from contextlib import contextmanager

import torch


@contextmanager
def one_thread():
    """Let torch compute on one thread in this thread of Python.

    Short operations gain little from several threads. On a busy machine, threads wait
    for each other, so that such operations take up to a hundred times as long.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
