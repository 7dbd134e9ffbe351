"""Registry of remote files, and the folder that stores them."""

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
    """Return the folder that stores downloaded files.

    This function does not create the folder. The first download creates it.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Path of the folder. If None, the environment variable ``SKLEARN_GAHB_DATA`` is
        used. If this variable is not set, the folder is the cache folder of the
        operating system for "sklearn_gahb".

    Returns
    -------
    data_home : Path
        Path of the folder, with "~" expanded.

    Raises
    ------
    ImportError
        If the cache folder of the operating system is needed, but pooch is not
        installed.

    Examples
    --------
    >>> from sklearn_gahb.datasets import get_data_home
    >>> get_data_home("images").name
    'images'
    """
    if data_home is None:
        data_home = os.environ.get(ENVIRONMENT_VARIABLE)
    # An empty variable counts as unset.
    if not data_home:
        data_home = import_optional("pooch", "images").os_cache("sklearn_gahb")
    return Path(data_home).expanduser()


def make_registry(data_home=None):
    """Make the registry of all remote files.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder for downloaded files; see :func:`get_data_home`.

    Returns
    -------
    registry : pooch.Pooch
        Registry of the URLs and SHA256 checksums of all files. It can download them.
    """
    pooch = import_optional("pooch", "images")
    registry = pooch.create(get_data_home(data_home), base_url="", retry_if_failed=2)
    with REGISTRY.open() as lines:
        registry.load_registry(lines)
    return registry


@validate_params(data_home=FOLDER)
def fetch_files(names, *, data_home=None, download_if_missing=True):
    """Return the paths of files in the registry, and download the missing files.

    Parameters
    ----------
    names : list of str or str
        A list contains names of files in the registry, such as "set12/01.png". A string
        is the name of a folder in the registry, such as "set12", and selects all files
        of this folder.
    data_home : str or path-like, default=None
        Folder for downloaded files; see :func:`get_data_home`.
    download_if_missing : bool, default=True
        If True, download missing files. If False, raise an OSError if a file is
        missing.

    Returns
    -------
    paths : list of Path
        Paths of the files.

    Raises
    ------
    OSError
        If the checksum of a file is wrong, if a download fails, or if a file is missing
        and `download_if_missing` is False.

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
        # Network errors are OSErrors. For a wrong checksum, pooch raises a ValueError.
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
            f"The file {path} has the SHA256 checksum {found} instead of {expected}. "
            "It is damaged, or it is another file. The file was not changed. Delete it "
            f"to download it again, or replace it with the file at {url}"
        )


def _describe_missing(registry, missing):
    first, path = missing[0], registry.abspath / missing[0]
    message = (
        f"The file {path} is missing. Download {registry.get_url(first)} and save it "
        f"as {path}. You can also save it as {first} in another folder, and pass this "
        f"folder as data_home or in the environment variable {ENVIRONMENT_VARIABLE}."
    )
    if len(missing) == 2:
        message += f" The file {missing[1]} is missing too. {REGISTRY} lists its URL."
    elif len(missing) > 2:
        message += (
            f" {len(missing) - 1} more files are missing, the last of which is "
            f"{missing[-1]}. {REGISTRY} lists their URLs."
        )
    return message
