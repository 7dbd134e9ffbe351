"""Results in a folder, that outlive the process."""

import functools
import hashlib
import inspect
import os
import pickle
import uuid
import warnings
from contextlib import suppress
from pathlib import Path

import joblib
import numpy as np
import sklearn
import torch

from .. import __version__
from .._images import as_images, check_numbers

CHECKSUM_SIZE = 16


def digest(*parts):
    """Hexadecimal digest of the text of `parts`."""
    text = "|".join(map(str, parts))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def fingerprint(X):
    """Digest of images of one size: their values, shape and dtype."""
    images = as_images(check_numbers(X), image_shape=(1, -1))
    stack = images.as_one_stack()
    hashed = hashlib.blake2b(f"{stack.dtype}{tuple(stack.shape)}".encode())
    for _, batch in images.batches():
        array = stack[batch]
        array = array.cpu().numpy() if torch.is_tensor(array) else array
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()


def estimator_key(estimator):
    """Digest of an estimator that is not fitted, and of the versions it runs on."""
    return digest(
        type(estimator).__module__,
        type(estimator).__qualname__,
        joblib.hash({k: _plain(v) for k, v in estimator.get_params().items()}),
        __version__,
        sklearn.__version__,
        torch.__version__,
    )


def _plain(value):
    """A parameter as something whose hash is the same in every process."""
    if isinstance(value, torch.nn.Module):
        state = value.state_dict()
        return [repr(value)] + [(name, t.cpu().numpy()) for name, t in state.items()]
    if isinstance(value, functools.partial):
        keywords = {name: _plain(one) for name, one in value.keywords.items()}
        return _plain(value.func), [_plain(one) for one in value.args], keywords
    if hasattr(value, "__qualname__"):
        # The repr of a function holds its address.
        return f"{value.__module__}.{value.__qualname__}", _source(value)
    return repr(value) if callable(value) or hasattr(value, "get_params") else value


def _source(value):
    """Source of a function or class, which may be edited between two runs."""
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return ""


class Store:
    """Folder of pickled results with checksums, one file a key, written in one go.

    Parameters
    ----------
    folder : path-like or None
        None keeps nothing.
    """

    def __init__(self, folder):
        self.folder = None if folder is None else Path(folder)

    @property
    def keeps(self):
        return self.folder is not None

    def get(self, key, compute):
        """What was kept under a key, or what `compute()` returns, which is kept."""
        result = self.load(key)
        if result is None:
            result = compute()
            self.save(key, result)
        return result

    def load(self, key):
        """What was kept under a key, or None; damaged files are set aside."""
        if not self.keeps:
            return None
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        checksum, pickled = content[:CHECKSUM_SIZE], memoryview(content)[CHECKSUM_SIZE:]
        if _checksum(pickled) == checksum:
            return pickle.loads(pickled)
        aside = path.with_suffix(f".damaged-{uuid.uuid4().hex[:8]}")
        with suppress(FileNotFoundError):
            # Another process may have set it aside in the meantime.
            os.replace(path, aside)
            warnings.warn(
                f"The checkpoint {path} is damaged: its checksum is wrong. It was "
                f"renamed to {aside.name}, and is computed again.",
                stacklevel=2,
            )
        return None

    def save(self, key, result):
        """Keep a result; a file is complete or not there."""
        if not self.keeps:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        pickled = pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL)
        # Of its own name in every process of every host that shares the folder.
        partial = self.folder / f"{key}.{uuid.uuid4().hex[:8]}.part"
        try:
            partial.write_bytes(_checksum(pickled) + pickled)
            os.replace(partial, self._path(key))
        finally:
            partial.unlink(missing_ok=True)

    def _path(self, key):
        return self.folder / f"{key}.pickle"


def _checksum(content):
    return hashlib.blake2b(content, digest_size=CHECKSUM_SIZE).digest()
