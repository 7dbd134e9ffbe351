"""Fitted estimators in a folder, that outlive the process."""

import hashlib
import os
import warnings
from pathlib import Path

import joblib
import numpy as np
import sklearn
import torch

from .. import __version__


def fingerprint(images):
    """Digest of Images: their values, shape and dtype."""
    digest = hashlib.blake2b(digest_size=16)
    for number, batch in images.batches():
        stack = images.stacks[number][batch]
        array = stack.cpu().numpy() if torch.is_tensor(stack) else stack
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def task_key(estimator, data, indices):
    """Digest of all that a fitted estimator depends on, versions included."""
    parts = [
        type(estimator).__module__,
        type(estimator).__qualname__,
        joblib.hash({k: _plain(v) for k, v in estimator.get_params().items()}),
        data,
        joblib.hash(np.asarray(indices)),
        __version__,
        sklearn.__version__,
        torch.__version__,
    ]
    return hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()


def _plain(value):
    """A parameter as something whose hash is the same in every process."""
    if isinstance(value, torch.nn.Module):
        return [(name, t.cpu().numpy()) for name, t in value.state_dict().items()]
    if hasattr(value, "__qualname__"):
        # The repr of a function holds its address.
        return f"{value.__module__}.{value.__qualname__}"
    return repr(value) if callable(value) or hasattr(value, "get_params") else value


class Store:
    """Folder of pickled results, one file a key, written in one go.

    Parameters
    ----------
    folder : path-like or None
        None keeps nothing.
    """

    def __init__(self, folder):
        self.folder = None if folder is None else Path(folder)

    def load(self, key):
        """What was kept under a key, or None; damaged files are set aside."""
        if self.folder is None:
            return None
        path = self.folder / f"{key}.joblib"
        if not path.exists():
            return None
        try:
            return joblib.load(path)
        except Exception as error:
            aside = path.with_suffix(f".damaged-{os.getpid()}")
            # Another process may have set it aside in the meantime.
            if path.exists():
                os.replace(path, aside)
            warnings.warn(
                f"The checkpoint {path} is damaged ({type(error).__name__}: {error}); "
                f"it was renamed to {aside.name}, and is computed again.",
                stacklevel=2,
            )
            return None

    def save(self, key, result):
        """Keep a result; a file is complete or not there."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{key}.joblib"
        partial = path.with_suffix(f".{os.getpid()}.part")
        try:
            joblib.dump(result, partial)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
