"""The registry of remote files, and the folder where they are kept."""

import os
from importlib import resources
from pathlib import Path

from sklearn.utils._param_validation import validate_params

from .._optional import import_optional

ENVIRONMENT_VARIABLE = "SKLEARN_GAHB_DATA"


@validate_params(
    {"data_home": [str, os.PathLike, None]}, prefer_skip_nested_validation=True
)
def get_data_home(data_home=None):
    """Return the folder where downloaded files are kept.

    Nothing is created: the folder appears with the first download.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder. None means the environment variable ``SKLEARN_GAHB_DATA`` or, if it
        is not set, the cache folder of the operating system for "sklearn_gahb".

    Returns
    -------
    data_home : Path
        The folder, with "~" expanded.

    Raises
    ------
    ImportError
        If the folder is left to the operating system and pooch is not installed.

    Examples
    --------
    >>> from sklearn_gahb.datasets import get_data_home
    >>> get_data_home("images").name
    'images'
    """
    if data_home is None:
        data_home = os.environ.get(ENVIRONMENT_VARIABLE)
    # An empty variable counts as not set.
    if not data_home:
        data_home = import_optional("pooch", "images").os_cache("sklearn_gahb")
    return Path(data_home).expanduser()


def make_registry(data_home=None):
    """Make the registry of all remote files.

    Parameters
    ----------
    data_home : str or path-like, default=None
        As in :func:`get_data_home`.

    Returns
    -------
    registry : pooch.Pooch
        Knows the URL and the SHA256 checksum of every file, and downloads files.
    """
    pooch = import_optional("pooch", "images")
    registry = pooch.create(
        path=get_data_home(data_home), base_url="", retry_if_failed=2
    )
    with resources.files(__package__).joinpath("_registry.txt").open() as lines:
        registry.load_registry(lines)
    return registry


def fetch_files(names, registry, download_if_missing=True):
    """Find files of the registry, download those that are missing.

    Parameters
    ----------
    names : list of str
        Names of files in the registry, such as "set12/01.png".
    registry : pooch.Pooch
        The registry that :func:`make_registry` makes.
    download_if_missing : bool, default=True
        Whether missing files are downloaded.

    Returns
    -------
    paths : list of Path
        Where the files are.

    Raises
    ------
    OSError
        If a file has a wrong checksum, or is missing and is not or cannot be
        downloaded.
    """
    paths = [registry.abspath / name for name in names]
    missing = []
    for name, path in zip(names, paths, strict=True):
        if path.exists():
            _check_file(path, registry.registry[name], registry.get_url(name))
        else:
            missing.append(name)
    for n_fetched, name in enumerate(missing):
        if not download_if_missing:
            raise OSError(_describe_missing(registry, missing))
        try:
            registry.fetch(name)
        # Network errors are OSError; pooch raises ValueError for a wrong checksum.
        except (OSError, ValueError) as error:
            raise OSError(
                f"{_describe_missing(registry, missing[n_fetched:])} The download "
                f"failed: {error}"
            ) from error
    return paths


def _check_file(path, expected, url):
    found = import_optional("pooch", "images").file_hash(str(path))
    if found != expected:
        raise OSError(
            f"The file {path} has the SHA256 checksum {found} instead of {expected}: "
            "it is damaged or another file. Nothing was changed. Delete it to download "
            f"it again, or replace it by {url}"
        )


def _describe_missing(registry, missing):
    first = missing[0]
    path = registry.abspath / first
    others = ""
    if len(missing) > 1:
        listing = resources.files(__package__).joinpath("_registry.txt")
        others = (
            f" The same holds for {len(missing) - 1} more files, the last of which is "
            f"{missing[-1]}; {listing} lists their URLs."
        )
    return (
        f"The file {path} is missing. Download {registry.get_url(first)} and save it "
        f"as {path}, or as {first} in another folder whose name you pass as data_home "
        f"or in the environment variable {ENVIRONMENT_VARIABLE}.{others}"
    )
