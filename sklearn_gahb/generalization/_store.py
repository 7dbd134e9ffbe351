"""Results in a folder, that outlive the process.

joblib.Memory would not do: it cannot keep what a notebook defines, and it has no
checksums to find damaged files by.
"""

import hashlib
import os
import pickle
import time
import uuid
from pathlib import Path

# Unlike pickle it takes what was defined in a script or notebook.
import cloudpickle

CHECKSUM_SIZE = 16
SECONDS_A_DAY = 24 * 60 * 60


class Store:
    """Folder of pickled results with checksums, one file a key, written in one go.

    Parameters
    ----------
    folder : path-like or None
        None keeps nothing.

    Attributes
    ----------
    reports : list of str
        What was found to be damaged.
    """

    def __init__(self, folder):
        self.folder = None if folder is None else Path(folder)
        self.reports = []

    def prepare(self):
        """Make the folder, and clear away what killed processes left half-written."""
        if self.folder is None:
            return
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(
                f"checkpoint_dir={str(self.folder)!r} is a file; it must be a folder, "
                "or not exist yet."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        for partial in self.folder.glob("*.part"):
            if time.time() - partial.stat().st_mtime > SECONDS_A_DAY:
                partial.unlink(missing_ok=True)

    def get(self, key, compute):
        """What was kept under a key, or what `compute()` returns, which is kept."""
        result = self.load(key)
        if result is None:
            result = compute()
            self.save(key, result)
        return result

    def has(self, key):
        """Whether something is kept under a key, damaged or not."""
        return self.folder is not None and self._path(key).exists()

    def load(self, key):
        """What was kept under a key, or None; damaged files are set aside."""
        if self.folder is None:
            return None
        path = self._path(key)
        try:
            content = path.read_bytes()
            if _is_whole(content):
                return pickle.loads(memoryview(content)[CHECKSUM_SIZE:])
            # Unless another process has mended it in the meantime.
            if path.read_bytes() == content:
                aside = path.with_suffix(f".damaged-{uuid.uuid4().hex[:8]}")
                os.replace(path, aside)
                self.reports.append(
                    f"The checkpoint {path} is damaged: its checksum is wrong. It was "
                    f"renamed to {aside.name}, and computed again."
                )
        except FileNotFoundError:
            pass
        return None

    def save(self, key, result):
        """Keep a result; a file is complete or not there."""
        if self.folder is None:
            return
        pickled = cloudpickle.dumps(result)
        # Of its own name in every process of every host that shares the folder.
        partial = self.folder / f"{key}.{uuid.uuid4().hex[:8]}.part"
        try:
            partial.write_bytes(_checksum(pickled) + pickled)
            os.replace(partial, self._path(key))
        finally:
            partial.unlink(missing_ok=True)

    def _path(self, key):
        return self.folder / f"{key}.pickle"


def _checksum(pickled):
    return hashlib.blake2b(pickled, digest_size=CHECKSUM_SIZE).digest()


def _is_whole(content):
    pickled = memoryview(content)[CHECKSUM_SIZE:]
    return _checksum(pickled) == content[:CHECKSUM_SIZE]
