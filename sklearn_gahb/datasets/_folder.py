"""Load the images in a folder. Each file is read when its image is accessed."""

import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from .._optional import import_optional
from .._sklearn_compat import StrOptions, validate_params
from .._warnings import warn
from ._read import crop_center, read_image, resize_image

EXTENSIONS = (
    ".bmp",
    ".gif",
    ".jpeg",
    ".jpg",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)

_DESCR = """\
Images of the folder {path}
---------------------------

{n_images} images, {channels}, in the dtypes of the files.
"""


@dataclass(frozen=True, repr=False)
class ImageFiles(Sequence):
    """Sequence of images that reads a file whenever its image is accessed.

    An index returns an image: an ndarray of shape (height, width) or
    (height, width, 3). A slice returns `ImageFiles` and reads no file.

    Parameters
    ----------
    filenames : list of str
        Names of the files.
    color : bool
        Whether the images have three channels.
    resize : int, tuple of int or None
        Size passed to :func:`resize_image`. If None, images are not resized.
    crop : tuple of int or None
        Size passed to :func:`crop_center` after resizing. If None, images are not
        cropped.
    """

    filenames: list
    color: bool
    resize: int | tuple | None
    crop: tuple | None

    def __len__(self):
        return len(self.filenames)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return replace(self, filenames=self.filenames[index])
        filename = self.filenames[operator.index(index)]
        image = read_image(filename, self.color)
        if self.resize is not None:
            image = resize_image(image, self.resize)
        if self.crop is None:
            return image
        height, width = image.shape[:2]
        if height < self.crop[0] or width < self.crop[1]:
            raise ValueError(
                f"The image file {filename} has {height}x{width} pixels, which is "
                f"smaller than crop={self.crop}."
            )
        return crop_center(image, self.crop)

    def __array__(self, dtype=None, copy=None):
        images = list(self)
        dtypes = sorted({str(image.dtype) for image in images})
        if len(dtypes) > 1:
            raise ValueError(
                f"The image files have the dtypes {', '.join(dtypes)}, whose values of "
                "white differ, so one array cannot hold them. Use list(images)."
            )
        return np.stack(images).astype(dtype or dtypes[0], copy=False)

    def __repr__(self):
        return f"<{len(self)} image files>"


def _check_size(name, size):
    sides = np.asarray(size)
    if sides.shape not in ((), (2,)) or sides.dtype.kind not in "iu" or sides.min() < 1:
        raise ValueError(
            f"{name} must be a positive int or a pair (height, width) of positive "
            f"ints. Got {size!r} instead."
        )
    return int(sides) if sides.ndim == 0 else tuple(sides.tolist())


def _list_files(folder, extensions, recursive):
    wrong = [one for one in extensions if not str(one).startswith(".")]
    if wrong:
        raise ValueError(
            "extensions must be strings that start with a dot, such as '.png'. "
            f"Got {wrong[0]!r} instead."
        )
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "does not exist"
        raise NotADirectoryError(f"path must be a folder, but {folder} {problem}.")
    suffixes = {extension.lower() for extension in extensions}
    filenames = sorted(
        str(file)
        for file in (folder.rglob("*") if recursive else folder.iterdir())
        if file.suffix.lower() in suffixes
        and not file.name.startswith(".")
        and file.is_file()
    )
    if not filenames:
        hint = "" if recursive else " Set recursive=True to search subfolders too."
        raise ValueError(
            f"The folder {folder} has no files with the extensions "
            f"{', '.join(sorted(suffixes))}.{hint}"
        )
    return filenames


def _without_unreadable(images, folder):
    """Return the images that can be loaded, and warn about each of the others."""
    readable, errors = [], []
    for index, filename in enumerate(images.filenames):
        try:
            images[index]
            readable.append(filename)
        except (OSError, ValueError) as error:
            errors.append(error)
    if not readable:
        raise ValueError(
            f"None of the {len(images)} image files in {folder} can be loaded. The "
            f"first error is: {errors[0]}"
        )
    for error in errors:
        warn(f"{error} This file is left out.")
    return replace(images, filenames=readable)


@validate_params(
    path=[str, os.PathLike],
    color=["boolean"],
    resize=[Integral, tuple, list, None],
    crop=[Integral, tuple, list, None],
    extensions=[tuple, list, None],
    recursive=["boolean"],
    on_error=[StrOptions({"raise", "skip"})],
)
def load_image_folder(
    path,
    *,
    color=False,
    resize=None,
    crop=None,
    extensions=None,
    recursive=False,
    on_error="raise",
):
    """List the images of a folder, and read each image when it is accessed.

    This function only lists the file names. A file is read whenever its image is
    accessed, so the images do not need to fit in memory together. To read all images,
    call ``list(data.images)`` or, if all images have the same size,
    ``np.asarray(data.images)``.

    Parameters
    ----------
    path : str or path-like
        Path of the folder.
    color : bool, default=False
        If True, return images with the channels red, green and blue. For gray files,
        the three channels are equal. If False, return gray images: the luma of ITU-R
        BT.601, 0.299 red + 0.587 green + 0.114 blue.
    resize : int or tuple of int, default=None
        Height and width after resizing with an antialiasing Lanczos filter. An int is
        the length of the shorter side, and the longer side is scaled in proportion. If
        None, images keep their size.
    crop : int or tuple of int, default=None
        Height and width of a centered crop, taken after resizing. An int is used for
        both height and width. If None, images are not cropped.
    extensions : list of str, default=None
        Extensions of the image files. Upper and lower case are equivalent. Files with
        other extensions and files whose name starts with a dot are ignored. If None,
        the extensions are .bmp, .gif, .jpeg, .jpg, .pgm, .png, .ppm, .tif, .tiff and
        .webp.
    recursive : bool, default=False
        If True, also search the subfolders.
    on_error : {"raise", "skip"}, default="raise"
        What to do with files that cannot be read or are smaller than `crop`. "raise"
        raises an error when such a file is accessed. "skip" reads all files once,
        leaves out the files that fail, and warns about each of them.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        images : sequence of n_images ndarray of shape (height, width) or \
                (height, width, 3)
            Images in the order of `filenames`, in the dtypes of the files: uint8,
            uint16, float32 or float64. A slice is a sequence of the same kind.
        filenames : list of str
            Sorted names of the files.
        DESCR : str
            Summary of the images found.

    Raises
    ------
    ImportError
        If Pillow is not installed. Accessing an image raises this error if its file
        needs tifffile, and tifffile is not installed.
    OSError
        If `path` is not a folder. Accessing an image raises this error if its file
        cannot be read; the message names the file.
    ValueError
        If the folder has no images or if an argument is invalid. Accessing an image
        raises this error if the image is smaller than `crop`.

    Warns
    -----
    UserWarning
        Accessing an image warns in three cases. If its file has several frames, only
        the first frame is read. If its file has transparent pixels, the transparency is
        dropped. If its file is a color PNG file of 16 bits, Pillow reads only 8 bits.

    See Also
    --------
    load_photo_patches : Patches of photographs that need no download.

    Notes
    -----
    Images are rotated upright according to their EXIF orientation, and palettes are
    converted to colors. Signed integers and integers of 32 bits are refused, because
    their range is unknown. Pillow reads most files. tifffile reads TIFF files of 16-bit
    colors, and TIFF files of floats that Pillow cannot read.

    Denoisers divide 16-bit integers by 65535. Many cameras store 12 bits in files of 16
    bits, so white is 4095. Pass ``data_range=4095`` to denoisers then.

    Examples
    --------
    >>> from pathlib import Path
    >>> import sklearn.datasets
    >>> from sklearn_gahb.datasets import load_image_folder
    >>> folder = Path(sklearn.datasets.__file__).parent / "images"
    >>> data = load_image_folder(folder, resize=100, crop=100)
    >>> data.images
    <2 image files>
    >>> data.images[0].shape
    (100, 100)
    """
    import_optional("PIL", "images")
    resize = None if resize is None else _check_size("resize", resize)
    crop = None if crop is None else _check_size("crop", crop)
    if isinstance(crop, int):
        crop = crop, crop
    folder = Path(path).expanduser()
    extensions = EXTENSIONS if extensions is None else extensions
    filenames = _list_files(folder, extensions, recursive)
    images = ImageFiles(filenames, color, resize, crop)
    if on_error == "skip":
        images = _without_unreadable(images, folder)
    descr = _DESCR.format(
        path=folder, n_images=len(images), channels="color" if color else "gray"
    )
    return Bunch(images=images, filenames=images.filenames, DESCR=descr)
