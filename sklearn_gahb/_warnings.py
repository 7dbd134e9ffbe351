"""Warnings that point to the user's code."""

import concurrent
import importlib.util
import inspect
import multiprocessing
import os
import re
import threading
import warnings

import joblib
import sklearn


def _folder(module):
    return os.path.dirname(module.__file__) + os.sep


# Skip the frames of these packages, because their decorators wrap our methods. torch is
# not imported for this.
_TORCH = importlib.util.find_spec("torch").origin
_PACKAGES = (
    os.path.dirname(__file__) + os.sep,
    _folder(sklearn),
    _folder(joblib),
    os.path.dirname(_TORCH) + os.sep,
)
# These modules call the first function of a worker (a thread or process). On the call
# stack of a worker, no user code comes before them.
_WORKERS = (threading.__file__, _folder(multiprocessing), _folder(concurrent))


class OneWarningOfAKind:
    """Context that gathers the warnings of a loop over images.

    At the end, it warns once of each kind. Warnings are of one kind if they differ only
    in their numbers.
    """

    # A generator would not do: contextlib would seem to be the user's code.
    def __enter__(self):
        self.gathering = warnings.catch_warnings(record=True)
        self.records = self.gathering.__enter__()
        warnings.simplefilter("always")

    def __exit__(self, *error):
        self.gathering.__exit__(*error)
        kinds = {}
        for record in self.records:
            kind = record.category, re.sub(r"\d[-+.e\d]*", "", str(record.message))
            kinds.setdefault(kind, []).append(str(record.message))
        for (category, _), messages in kinds.items():
            others = f" (And {len(messages) - 1} more warnings of this kind.)"
            warn(messages[0] + others * (len(messages) > 1), category)


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
