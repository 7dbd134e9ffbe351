"""A user's own photographs, read from a folder when they are needed."""

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

{n_images} images, {channels}, unsigned 8-bit integers.
"""


def read_image(path, color):
    """Read an image file upright, with 8 bits a channel.

    Parameters
    ----------
    path : Path
        The image file. Of several frames the first is read.
    color : bool
        Whether to return red, green and blue or the luma of ITU-R BT.601.

    Returns
    -------
    image : PIL.Image.Image
        In mode "RGB" or "L".

    Raises
    ------
    OSError
        If the file is missing, damaged, no image or of a kind that has no meaning in
        8 bits.
    """
    pillow = import_optional("PIL.Image", "images")
    ops = import_optional("PIL.ImageOps", "images")
    try:
        with pillow.open(path) as file:
            image = ops.exif_transpose(file)
        if image.mode in ("I", "F"):
            raise ValueError(
                f"its intensities are 32-bit numbers (mode {image.mode!r}) of unknown "
                "range; convert it to 8 or 16 bits"
            )
        if image.mode.startswith("I;16"):
            # 65535 / 255 = 257; Pillow's own conversion clips at 255.
            intensities = np.round(np.asarray(image) / 257)
            image = pillow.fromarray(intensities.astype(np.uint8))
        if image.mode in ("P", "PA"):
            image = image.convert("RGBA")
        return image.convert("RGB" if color else "L")
    # Pillow raises many kinds of errors on damaged files.
    except Exception as error:
        raise OSError(f"The image file {path} cannot be read: {error}.") from error


def resize_image(image, size):
    """Resize an image with an antialiasing Lanczos filter.

    Parameters
    ----------
    image : PIL.Image.Image
        The image.
    size : int or tuple of int
        Length of the shorter side, the other one in proportion; or height and width.

    Returns
    -------
    resized : PIL.Image.Image
        The image in the new size.
    """
    if isinstance(size, tuple):
        height, width = size
    else:
        scale = size / min(image.size)
        height, width = round(image.height * scale), round(image.width * scale)
    resampling = import_optional("PIL.Image", "images").Resampling
    return image.resize((width, height), resampling.LANCZOS)


def crop_center(image, size):
    """Cut out the center of an image.

    Parameters
    ----------
    image : ndarray of shape (height, width) or (height, width, n_channels)
        The image.
    size : tuple of int
        Height and width of the crop, at most those of the image.

    Returns
    -------
    crop : ndarray of shape (*size) or (*size, n_channels)
        A view of the image.
    """
    top, left = (image.shape[0] - size[0]) // 2, (image.shape[1] - size[1]) // 2
    return image[top : top + size[0], left : left + size[1]]


@dataclass(frozen=True, repr=False)
class ImageFiles(Sequence):
    """Image files that are read each time they are accessed.

    An index gives an image, an ndarray of shape (height, width) or (height, width, 3)
    and dtype uint8; a slice gives `ImageFiles` and reads nothing.

    Parameters
    ----------
    filenames : list of str
        The files.
    color : bool
        Whether images have three channels.
    resize : int, tuple of int or None
        Size for :func:`resize_image`.
    crop : tuple of int or None
        Size for :func:`crop_center`, after resizing.
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
        image = np.array(image)
        if self.crop is None:
            return image
        height, width = image.shape[:2]
        if height < self.crop[0] or width < self.crop[1]:
            raise ValueError(
                f"The image file {filename} has {height}x{width} pixels, less than "
                f"crop={self.crop}."
            )
        return crop_center(image, self.crop)

    def __repr__(self):
        return f"<{len(self)} image files>"


def _check_size(name, size):
    sides = np.asarray(size)
    if sides.shape not in ((), (2,)) or sides.dtype.kind not in "iu" or sides.min() < 1:
        raise ValueError(
            f"{name} must be a positive int or a pair (height, width) of them. Got "
            f"{size!r} instead."
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
        raise NotADirectoryError(f"path must be a folder, and {folder} {problem}.")
    suffixes = {extension.lower() for extension in extensions}
    filenames = sorted(
        str(file)
        for file in (folder.rglob("*") if recursive else folder.iterdir())
        if file.suffix.lower() in suffixes
        and not file.name.startswith(".")
        and file.is_file()
    )
    if not filenames:
        hint = "" if recursive else " Subfolders are searched with recursive=True."
        raise ValueError(
            f"The folder {folder} has no files with the extensions "
            f"{', '.join(sorted(suffixes))}.{hint}"
        )
    return filenames


def _without_unreadable(images, folder):
    """Images that can be loaded, with a warning for each that cannot."""
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
        warn(f"{error} It is left out.")
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
    """Load the images of a folder, each when it is accessed.

    File names are listed at once; a file is read each time that its image is accessed,
    so the folder may be larger than the memory. ``np.asarray(data.images)`` or
    ``list(data.images)`` reads all of them.

    Parameters
    ----------
    path : str or path-like
        The folder.
    color : bool, default=False
        Whether to return red, green and blue, or the luma of ITU-R BT.601,
        0.299 red + 0.587 green + 0.114 blue. Gray files become three equal channels.
        Transparency is ignored.
    resize : int or tuple of int, default=None
        Length of the shorter side, the other one in proportion; or height and width.
        With an antialiasing Lanczos filter. None keeps the size.
    crop : int or tuple of int, default=None
        Height and width of a centered crop, taken after resizing; an int is both. None
        keeps all.
    extensions : list of str, default=None
        Extensions of image files, in upper or lower case. Others are left out, and so
        are files whose name starts with a dot. None means .bmp, .gif, .jpeg, .jpg,
        .pgm, .png, .ppm, .tif, .tiff and .webp.
    recursive : bool, default=False
        Whether to search the subfolders too.
    on_error : {"raise", "skip"}, default="raise"
        What to do about files that cannot be read or are smaller than `crop`. "raise"
        raises an error when such an image is accessed. "skip" reads all files once, to
        find these, warns about every one and leaves it out.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        images : sequence of n_images ndarray of shape (height, width) or \
                (height, width, 3), dtype=uint8
            The images in the order of `filenames`. Slices are read on access too.
        filenames : list of str
            The files, sorted.
        DESCR : str
            What was found.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    OSError
        If `path` is not a folder; when an image is accessed, if its file cannot be
        read. The message names the file.
    ValueError
        If there are no images or an argument is not as above; when an image is
        accessed, if it is smaller than `crop`.

    See Also
    --------
    load_photo_patches : Photographs that need no download.

    Notes
    -----
    Images are turned upright as their EXIF orientation says. Files with 16 bits a
    channel are rounded to 8 bits, palettes are resolved, and 32-bit intensities, whose
    range is unknown, are refused. Of several frames the first is read.

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
