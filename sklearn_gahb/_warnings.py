"""Warnings that point at the code of the user."""

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


# Methods are called through what decorates them, there and here.
_PACKAGES = (os.path.dirname(__file__) + os.sep, _folder(sklearn), _folder(joblib))
# What calls the first function of a worker, which has no user's code below it.
_WORKERS = (threading.__file__, _folder(multiprocessing), _folder(concurrent))


def warn(message, category=UserWarning):
    """Warn at the first caller outside of this package, scikit-learn and joblib.

    In a worker of theirs, where there is none, at the caller of this function.
    """
    frame, level = inspect.currentframe(), 1
    while frame.f_back and frame.f_code.co_filename.startswith(_PACKAGES):
        frame, level = frame.f_back, level + 1
    if frame.f_code.co_filename.startswith(_WORKERS):
        level = 2
    warnings.warn(message, category, stacklevel=level)
