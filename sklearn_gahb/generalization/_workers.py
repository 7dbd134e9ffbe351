"""Worker processes that end with the process that started them."""

import os
import time
from functools import cache
from threading import Thread

SECONDS_BETWEEN_LOOKS = 2


@cache
def end_with(parent):
    """End this process soon after the process with the ID `parent` has ended.

    The workers of joblib outlive a process that was killed, and keep their memory. If
    another process than `parent` started this one, as on a cluster, nothing happens.
    """
    if os.getppid() == parent:
        Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent):
    # The system gives orphans another parent.
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)
