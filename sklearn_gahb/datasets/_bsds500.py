"""BSDS500: color photographs, and contours that people have drawn."""

import numpy as np
from scipy.io import loadmat

from .._sklearn_compat import StrOptions, validate_params
from ._registry import FOLDER, fetch_files
from ._remote import read_folder

_DESCR = """\
BSDS500
-------

500 color photographs of the Berkeley segmentation dataset [1, 2], of 321x481 or 481x321
pixels: 200 in the subset "train", 200 in "test" and 100 in "val". Several people have
drawn the contours in each photograph. The subset "val" contains the photographs of
BSD68, so that denoisers should be tested on "val", and trained on "train" and "test".
The photographs are free for research and education.

[1] D. Martin, C. Fowlkes, D. Tal, J. Malik, "A database of human segmented natural
    images and its application to evaluating segmentation algorithms and measuring
    ecological statistics", ICCV 2001, doi:10.1109/ICCV.2001.937655
[2] P. Arbelaez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical
    image segmentation", IEEE Trans. PAMI 33(5), 2011, doi:10.1109/TPAMI.2010.161
"""


@validate_params(subset=[StrOptions({"train", "test", "val"})], data_home=FOLDER)
def fetch_bsds500(subset="train", *, data_home=None, download_if_missing=True):
    """Load BSDS500, color photographs with contours that people have drawn.

    The subset is downloaded if necessary (15 MB for "train" or "test", 13 MB for
    "val").

    =================   ============================
    Photographs         200 (train, test), 100 (val)
    Sizes               321 x 481, 481 x 321
    Intensities         0 to 255, color, 8 bits
    =================   ============================

    Parameters
    ----------
    subset : {"train", "test", "val"}, default="train"
        Subset of the photographs. The names are those of the benchmark for contour
        detection. To compare denoisers with published results, train on "train" and
        "test", and test on "val", because "val" contains the photographs of BSD68.
    data_home : str or path-like, default=None
        Folder for downloaded files. If None, the environment variable
        ``SKLEARN_GAHB_DATA`` is used. If this variable is not set, the folder is the
        cache folder of the operating system; see :func:`get_data_home`. The files are
        in the subfolder "bsds500".
    download_if_missing : bool, default=True
        If True, download missing files. If False, raise an OSError if a file is
        missing.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        images : list of ndarray of shape (height, width, 3), dtype=uint8
            Photographs of the subset.
        filenames : list of str
            Names of the files of the photographs.
        contours : list of ndarray of shape (n_people, height, width), dtype=bool
            Pixels on the contours that each person has drawn, for each photograph.
            Defined only for the subset "val".
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
    fetch_bsd400 : Gray crops of 400 of these photographs.
    fetch_bsd68 : Gray versions of 68 photographs of "val".

    Examples
    --------
    >>> from sklearn_gahb.datasets import fetch_bsds500
    >>> fetch_bsds500("val").contours[0].shape  # doctest: +SKIP
    (5, 481, 321)
    """
    folder = f"bsds500/images/{subset}"
    data = read_folder(folder, _DESCR, data_home, download_if_missing)
    if subset == "val":
        paths = fetch_files(
            "bsds500/groundTruth/val",
            data_home=data_home,
            download_if_missing=download_if_missing,
        )
        data.contours = [read_contours(path) for path in paths]
    return data


def read_contours(path):
    """Read the contours in one photograph: (n_people, height, width)."""
    people = loadmat(path)["groundTruth"][0]
    return np.stack([one["Boundaries"][0, 0] for one in people]).astype(bool)
