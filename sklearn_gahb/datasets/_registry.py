"""The registry of remote files, and the folder where they are kept."""

import os
from importlib import resources
from pathlib import Path

from .._optional import import_optional
from .._sklearn_compat import validate_params

ENVIRONMENT_VARIABLE = "SKLEARN_GAHB_DATA"
REGISTRY = resources.files(__package__).joinpath("_registry.txt")
FOLDER = [str, os.PathLike, None]


@validate_params(data_home=FOLDER)
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
    registry = pooch.create(get_data_home(data_home), base_url="", retry_if_failed=2)
    with REGISTRY.open() as lines:
        registry.load_registry(lines)
    return registry


@validate_params(data_home=FOLDER)
def fetch_files(names, *, data_home=None, download_if_missing=True):
    """Find files of the registry, and download those that are missing.

    Parameters
    ----------
    names : list of str or str
        Names of files in the registry, such as "set12/01.png"; or the name of a folder,
        such as "set12", for all its files.
    data_home : str or path-like, default=None
        Folder for downloaded files, see :func:`get_data_home`.
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

    Examples
    --------
    >>> from sklearn_gahb.datasets import fetch_files
    >>> paths = fetch_files(["set12/01.png"])  # doctest: +SKIP
    """
    registry = make_registry(data_home)
    if isinstance(names, str):
        names = [one for one in registry.registry_files if one.startswith(f"{names}/")]
    paths = {name: registry.abspath / name for name in names}
    missing = [name for name, path in paths.items() if not path.exists()]
    for name in (one for one in names if one not in missing):
        _check_file(paths[name], registry.registry[name], registry.get_url(name))
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
    return list(paths.values())


def _check_file(path, expected, url):
    found = import_optional("pooch", "images").file_hash(str(path))
    if found != expected:
        raise OSError(
            f"The file {path} has the SHA256 checksum {found} instead of {expected}: "
            "it is damaged or another file. Nothing was changed. Delete it to download "
            f"it again, or replace it by {url}"
        )


def _describe_missing(registry, missing):
    first, path = missing[0], registry.abspath / missing[0]
    message = (
        f"The file {path} is missing. Download {registry.get_url(first)} and save it "
        f"as {path}, or as {first} in another folder whose name you pass as data_home "
        f"or in the environment variable {ENVIRONMENT_VARIABLE}."
    )
    if len(missing) > 1:
        message += (
            f" The same holds for {len(missing) - 1} more files, the last of which is "
            f"{missing[-1]}; {REGISTRY} lists their URLs."
        )
    return message
