"""The number of threads that torch computes with."""

from functools import cache

import torch
from threadpoolctl import ThreadpoolController


def one_thread():
    """Let torch compute on one thread, in the calling thread only: a context manager.

    Short operations gain little from several threads. If the machine is busy, the
    threads wait for each other, and such operations can take a hundred times as long.
    `torch.set_num_threads` would also change the number for new threads.
    """
    # The first call of a thread sets its number of threads.
    torch.get_num_threads()
    return _controller().limit(limits=1, user_api="openmp")


@cache
def _controller():
    return ThreadpoolController()
