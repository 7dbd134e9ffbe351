"""Storage of results in a folder, where they outlive the process.

joblib.Memory is not used, because it cannot keep objects that a notebook defines. It
also has no checksums, so it cannot detect damaged files.
"""

import hashlib
import os
import pickle
import time
import uuid
from pathlib import Path

# Unlike pickle, cloudpickle also writes objects that a script or notebook defines.
import cloudpickle

CHECKSUM_SIZE = 16
SECONDS_A_DAY = 24 * 60 * 60


class Store:
    """Folder of pickled results with checksums, one file per key.

    Parameters
    ----------
    folder : path-like or None
        If None, nothing is kept.

    Attributes
    ----------
    reports : list of str
        One message for each damaged file.
    """

    def __init__(self, folder):
        # An empty path would be the working directory.
        if folder == "" or not isinstance(folder, str | os.PathLike | None):
            raise ValueError(
                f"checkpoint_dir={folder!r} must be the path of a folder, or None."
            )
        self.folder = None if folder is None else Path(folder)
        self.reports = []

    def prepare(self):
        """Make the folder and delete partial files that killed processes left."""
        if self.folder is None:
            return
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(
                f"checkpoint_dir={str(self.folder)!r} is a file; it must be a folder, "
                "or a path that does not exist yet."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        for partial in self.folder.glob("*.part"):
            if time.time() - partial.stat().st_mtime > SECONDS_A_DAY:
                partial.unlink(missing_ok=True)

    def get(self, key, compute):
        """Return the result kept under a key. If there is none, compute and keep it."""
        result = self.load(key)
        if result is None:
            result = compute()
            self.save(key, result)
        return result

    def has(self, key):
        """Whether a result is kept under a key, even if its file is damaged."""
        return self.folder is not None and self._path(key).exists()

    def load(self, key):
        """Return the result kept under a key, or None; rename a damaged file."""
        if self.folder is None:
            return None
        path = self._path(key)
        try:
            content = path.read_bytes()
            if _is_whole(content):
                return pickle.loads(memoryview(content)[CHECKSUM_SIZE:])
            # Another process may have replaced the damaged file in the meantime.
            if path.read_bytes() == content:
                aside = path.with_suffix(f".damaged-{uuid.uuid4().hex[:8]}")
                os.replace(path, aside)
                self.reports.append(
                    f"The checkpoint {path} is damaged: its checksum is wrong. It was "
                    f"renamed to {aside.name}, and the result is computed again."
                )
        except FileNotFoundError:
            pass
        return None

    def save(self, key, result):
        """Keep a result; other processes never see an incomplete file."""
        if self.folder is None:
            return
        pickled = cloudpickle.dumps(result)
        # The name is unique among all processes and hosts that share the folder.
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
