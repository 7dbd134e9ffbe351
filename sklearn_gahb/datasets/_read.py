"""Read an image file in its own dtype, resize it and crop it."""

import numpy as np

from .._optional import import_optional
from .._warnings import warn

# Weights of red, green and blue in the luma of ITU-R BT.601.
LUMA = np.array([0.299, 0.587, 0.114])
# Numbers of TIFF tags.
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339


def read_image(path, color):
    """Read an image file upright, in the dtype of the file.

    Parameters
    ----------
    path : str
        Image file. If it has several frames, the first frame is read.
    color : bool
        If True, return red, green and blue. If False, return the luma of ITU-R BT.601.

    Returns
    -------
    image : ndarray of shape (height, width) or (height, width, 3)
        Image in uint8, uint16, float32 or float64.

    Raises
    ------
    OSError
        If the file is missing, damaged or not an image, or if its intensities are
        integers of unknown range.
    """
    import_optional("PIL.Image", "images")
    try:
        image, lost = _read_image(path)
    except ImportError:
        raise
    # Pillow raises many types of errors for damaged files.
    except Exception as error:
        raise OSError(f"The image file {path} cannot be read: {error}.") from error
    for message in lost:
        warn(f"The image file {path} {message}")
    return convert_channels(image, color)


def _read_image(path):
    """Return an image of 1 or 3 channels, and sentences about what was lost."""
    pillow = import_optional("PIL.Image", "images")
    ops = import_optional("PIL.ImageOps", "images")
    lost = []
    pillow.init()
    # Pillow gives EPS files to another program, Ghostscript, which runs their code.
    formats = [one for one in pillow.ID if one != "EPS"]
    try:
        with pillow.open(path, formats=formats) as file:
            n_frames = getattr(file, "n_frames", 1)
            tags = getattr(file, "tag_v2", {})
            image = None
            if not needs_tifffile(file.mode, tags):
                has_16_bits = any(";16" in str(tile[3]) for tile in file.tile)
                if has_16_bits and "16" not in file.mode:
                    lost.append(
                        "has 16 bits per color, of which Pillow reads 8. To keep all "
                        "16, convert the file to TIFF."
                    )
                image = _to_array(ops.exif_transpose(file))
                if image.dtype == np.uint16 and tags.get(PHOTOMETRIC) == 0:
                    image = 65535 - image  # white is stored as 0
    except pillow.UnidentifiedImageError:
        if not is_tiff(path):
            raise
        image = None
    if image is None:
        image, n_frames = _read_tiff(path)
    if n_frames > 1:
        lost.append(
            f"has {n_frames} frames, of which the first is read. To use the others, "
            "save them in separate files, or read a TIFF file with tifffile.imread."
        )
    if image.shape[2:] in ((2,), (4,)):
        opaque = 1 if image.dtype.kind == "f" else np.iinfo(image.dtype).max
        if (image[..., -1] != opaque).any():
            lost.append("has transparent pixels. Their transparency is dropped.")
        image = image[..., :-1]
    return image, lost


def is_tiff(path):
    """Return whether the first bytes of a file are those of a TIFF file."""
    with open(path, "rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def needs_tifffile(mode, tags):
    """Return whether Pillow would change the intensities of a TIFF file."""
    if mode.startswith("I;16") or mode == "F":
        return False
    bits, formats = tags.get(BITS_PER_SAMPLE, (8,)), tags.get(SAMPLE_FORMAT, (1,))
    return bool(tags) and (max(bits) > 8 or set(formats) != {1})


def _read_tiff(path):
    """Return the first frame, and the number of frames."""
    tifffile = import_optional("tifffile", "images")
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        image = page.asarray()
        image = np.moveaxis(image, 0, -1) if page.axes == "SYX" else image
        if page.axes not in ("YX", "YXS", "SYX") or image.shape[2:] > (4,):
            raise ValueError(
                f"its axes are {page.axes}, of shape {page.shape}. Read the file with "
                "tifffile.imread, and pass the array"
            )
        return _checked(image), len(file.pages)


def _to_array(image):
    """Convert a PIL image to an array."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    elif image.mode == "LA" or image.mode.startswith(("L", "I", "F", "RGB")):
        pass
    else:
        image = image.convert("L" if image.mode == "1" else "RGB")
    return _checked(np.array(image))


def _checked(image):
    """Return an image in native byte order, or raise a ValueError."""
    if image.dtype.kind == "f":
        return image.astype(np.float64 if image.dtype.itemsize == 8 else np.float32)
    if image.dtype.kind != "u" or image.dtype.itemsize > 2:
        raise ValueError(
            f"its intensities are {image.dtype}, of unknown range. Convert the file to "
            "unsigned integers of 8 or 16 bits, or to floats"
        )
    return image.astype(image.dtype.newbyteorder("="), copy=False)


def convert_channels(image, color):
    """Convert an image of 1 or 3 channels to 3 channels or to gray."""
    image = image[..., 0] if image.shape[2:] == (1,) else image
    if image.ndim == 2:
        return image[..., None].repeat(3, axis=2) if color else image
    if color:
        return image
    if image.dtype == np.uint8:
        pillow = import_optional("PIL.Image", "images")
        return np.array(pillow.fromarray(image).convert("L"))
    return as_dtype(image @ LUMA, image.dtype)


def as_dtype(image, dtype):
    """Convert floats to a dtype, and round and clip them if it is an integer dtype."""
    if dtype.kind == "u":
        image = np.round(image).clip(0, np.iinfo(dtype).max)
    return image.astype(dtype)


def resize_image(image, size):
    """Resize an image with an antialiasing Lanczos filter.

    Parameters
    ----------
    image : ndarray of shape (height, width) or (height, width, 3)
        Image to resize.
    size : int or tuple of int
        Height and width. An int is the length of the shorter side, and the longer side
        is scaled in proportion.

    Returns
    -------
    resized : ndarray
        Image of the new size, in the same dtype.
    """
    if isinstance(size, tuple):
        height, width = size
    else:
        scale = size / min(image.shape[:2])
        height, width = (round(side * scale) for side in image.shape[:2])
    pillow = import_optional("PIL.Image", "images")

    def resize(image):
        resampling = pillow.Resampling.LANCZOS
        return np.array(pillow.fromarray(image).resize((width, height), resampling))

    if image.dtype == np.uint8:
        return resize(image)
    channels = np.moveaxis(image[..., None] if image.ndim == 2 else image, -1, 0)
    resized = [resize(channel.astype(np.float32)) for channel in channels]
    resized = as_dtype(np.stack(resized, axis=-1), image.dtype)
    return resized[..., 0] if image.ndim == 2 else resized


def crop_center(image, size):
    """Cut out the center of an image.

    Parameters
    ----------
    image : ndarray of shape (height, width) or (height, width, n_channels)
        Image to crop.
    size : tuple of int
        Height and width of the crop, at most the height and width of the image.

    Returns
    -------
    crop : ndarray of shape (*size) or (*size, n_channels)
        View of the image.
    """
    top, left = (image.shape[0] - size[0]) // 2, (image.shape[1] - size[1]) // 2
    return image[top : top + size[0], left : left + size[1]]
