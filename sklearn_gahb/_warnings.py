"""Warnings that point to the user's code."""

import concurrent
import inspect
import multiprocessing
import os
import threading
import warnings

import joblib
import sklearn


def _folder(module):
    return os.path.dirname(module.__file__) + os.sep


# Skip the frames of these packages, because their decorators wrap our methods.
_PACKAGES = (os.path.dirname(__file__) + os.sep, _folder(sklearn), _folder(joblib))
# These modules call the first function of a worker (a thread or process). On the call
# stack of a worker, no user code comes before them.
_WORKERS = (threading.__file__, _folder(multiprocessing), _folder(concurrent))


def warn(message, category=UserWarning):
    """Warn at the first caller outside this package, scikit-learn and joblib.

    A worker has no such caller, so there the warning points to the caller of `warn`.
    """
    frame, level = inspect.currentframe(), 1
    while frame.f_back and frame.f_code.co_filename.startswith(_PACKAGES):
        frame, level = frame.f_back, level + 1
    if frame.f_code.co_filename.startswith(_WORKERS):
        level = 2
    warnings.warn(message, category, stacklevel=level)
