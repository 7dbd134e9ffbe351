"""Warnings that point at the code of the user."""

import inspect
import os
import warnings

import joblib
import sklearn

# Methods are called through what decorates them, there and here.
_FOLDERS = tuple(
    os.path.dirname(path) + os.sep
    for path in (__file__, sklearn.__file__, joblib.__file__)
)


def warn(message, category=UserWarning):
    """Warn at the first caller outside of this package, scikit-learn and joblib."""
    frame, level = inspect.currentframe(), 1
    while frame.f_back and frame.f_code.co_filename.startswith(_FOLDERS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
