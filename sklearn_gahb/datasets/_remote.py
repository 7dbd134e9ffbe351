"""Published image sets, downloaded once and verified by their checksums."""

import numpy as np
from sklearn.utils import Bunch

from .._optional import import_optional
from .._sklearn_compat import validate_params
from ._registry import FOLDER, fetch_files

_BSD400_DESCR = """\
BSD400
------

400 gray photographs of 180x180 pixels, cropped from the Berkeley segmentation dataset
[1]. Since [2], many denoisers have been trained on this set.

[1] D. Martin, C. Fowlkes, D. Tal, J. Malik, "A database of human segmented natural
    images and its application to evaluating segmentation algorithms and measuring
    ecological statistics", ICCV 2001, doi:10.1109/ICCV.2001.937655
[2] Y. Chen, T. Pock, "Trainable nonlinear reaction diffusion: a flexible framework for
    fast and effective image restoration", IEEE Trans. PAMI 39(6), 2017,
    doi:10.1109/TPAMI.2016.2596743
"""

_BSD68_DESCR = """\
BSD68
-----

68 gray photographs of the Berkeley segmentation dataset [1], of 321x481 or 481x321
pixels. They were selected in [2] and are the usual test set for denoising gray images.

[1] D. Martin, C. Fowlkes, D. Tal, J. Malik, "A database of human segmented natural
    images and its application to evaluating segmentation algorithms and measuring
    ecological statistics", ICCV 2001, doi:10.1109/ICCV.2001.937655
[2] S. Roth, M. J. Black, "Fields of experts", Int. J. Computer Vision 82, 2009,
    doi:10.1007/s11263-008-0197-6
"""

_SET12_DESCR = """\
Set12
-----

12 classical gray test images for denoising, 7 of 256x256 and 5 of 512x512 pixels. They
are in the order of [1]: cameraman, house, peppers, starfish, monarch, airplane, parrot,
lena, barbara, boat, man, couple.

[1] K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang, "Beyond a Gaussian denoiser: residual
    learning of deep CNN for image denoising", IEEE Trans. Image Processing 26(7), 2017,
    doi:10.1109/TIP.2017.2662206
"""


def read_folder(folder, descr, data_home, download_if_missing):
    """Fetch the images of a folder; return a Bunch with their names and `descr`."""
    pillow = import_optional("PIL.Image", "images")
    paths = fetch_files(
        folder, data_home=data_home, download_if_missing=download_if_missing
    )
    images = [np.array(pillow.open(path)) for path in paths]
    return Bunch(images=images, filenames=list(map(str, paths)), DESCR=descr)


@validate_params(data_home=FOLDER)
def fetch_bsd400(*, data_home=None, download_if_missing=True):
    """Load BSD400, a training set of gray photographs.

    The dataset is downloaded if necessary (8 MB).

    =================   ======================
    Photographs                            400
    Size                             180 x 180
    Intensities         0 to 255, gray, 8 bits
    =================   ======================

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder for downloaded files. If None, the environment variable
        ``SKLEARN_GAHB_DATA`` is used. If this variable is not set, the folder is the
        cache folder of the operating system; see :func:`get_data_home`. The files are
        in the subfolder "bsd400".
    download_if_missing : bool, default=True
        If True, download missing files. If False, raise an OSError if a file is
        missing.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        images : list of 400 ndarray of shape (180, 180), dtype=uint8
            Photographs of the dataset.
        filenames : list of str
            Names of the files of the photographs.
        DESCR : str
            Description of the dataset.

    Raises
    ------
    ImportError
        If pooch or Pillow is not installed.
    OSError
        If the checksum of a file is wrong, if a download fails, or if a file is missing
        and `download_if_missing` is False. The message explains how to add the file by
        hand.

    See Also
    --------
    fetch_bsd68 : Test photographs from the same database.

    Examples
    --------
    >>> from sklearn_gahb.datasets import fetch_bsd400
    >>> len(fetch_bsd400().images)  # doctest: +SKIP
    400
    """
    return read_folder("bsd400", _BSD400_DESCR, data_home, download_if_missing)


@validate_params(data_home=FOLDER)
def fetch_bsd68(*, data_home=None, download_if_missing=True):
    """Load BSD68, the usual test set for denoising gray images.

    The dataset is downloaded if necessary (6 MB).

    =================   ======================
    Photographs                             68
    Sizes                 321 x 481, 481 x 321
    Intensities         0 to 255, gray, 8 bits
    =================   ======================

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder for downloaded files. If None, the environment variable
        ``SKLEARN_GAHB_DATA`` is used. If this variable is not set, the folder is the
        cache folder of the operating system; see :func:`get_data_home`. The files are
        in the subfolder "set68".
    download_if_missing : bool, default=True
        If True, download missing files. If False, raise an OSError if a file is
        missing.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        images : list of 68 ndarray of shape (height, width), dtype=uint8
            Photographs of the dataset.
        filenames : list of str
            Names of the files of the photographs.
        DESCR : str
            Description of the dataset.

    Raises
    ------
    ImportError
        If pooch or Pillow is not installed.
    OSError
        If the checksum of a file is wrong, if a download fails, or if a file is missing
        and `download_if_missing` is False. The message explains how to add the file by
        hand.

    See Also
    --------
    fetch_bsd400 : Training photographs from the same database.
    fetch_set12 : Another test set.

    Examples
    --------
    >>> from sklearn_gahb.datasets import fetch_bsd68
    >>> len(fetch_bsd68().images)  # doctest: +SKIP
    68
    """
    return read_folder("set68", _BSD68_DESCR, data_home, download_if_missing)


@validate_params(data_home=FOLDER)
def fetch_set12(*, data_home=None, download_if_missing=True):
    """Load Set12, the classical test set for denoising gray images.

    The dataset is downloaded if necessary (1 MB).

    =================   ======================
    Photographs                             12
    Sizes                 256 x 256, 512 x 512
    Intensities         0 to 255, gray, 8 bits
    =================   ======================

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder for downloaded files. If None, the environment variable
        ``SKLEARN_GAHB_DATA`` is used. If this variable is not set, the folder is the
        cache folder of the operating system; see :func:`get_data_home`. The files are
        in the subfolder "set12".
    download_if_missing : bool, default=True
        If True, download missing files. If False, raise an OSError if a file is
        missing.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        images : list of 12 ndarray of shape (height, width), dtype=uint8
            Photographs of the dataset.
        filenames : list of str
            Names of the files of the photographs.
        DESCR : str
            Description of the dataset.

    Raises
    ------
    ImportError
        If pooch or Pillow is not installed.
    OSError
        If the checksum of a file is wrong, if a download fails, or if a file is missing
        and `download_if_missing` is False. The message explains how to add the file by
        hand.

    See Also
    --------
    fetch_bsd68 : A larger test set.

    Examples
    --------
    >>> from sklearn_gahb.datasets import fetch_set12
    >>> len(fetch_set12().images)  # doctest: +SKIP
    12
    """
    return read_folder("set12", _SET12_DESCR, data_home, download_if_missing)
