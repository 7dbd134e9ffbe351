"""Validation of images: layouts, dtypes and units.

Users pass images as arrays, tensors, rows of pixels or lists of photographs. All other
modules receive float tensors of shape (n, channels, height, width).
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from ._images import Images
from ._mistakes import refuse_containers, refuse_lists_of_containers, warn_of_alpha
from ._tensors import is_tensor, kind_of_tensor
from ._warnings import warn
from .units import (
    check_data_range,
    check_largest,
    check_largest_fraction,
    check_same_units,
)

__all__ = ["Images", "check_images"]

MAX_CHANNELS = 4
# A stack (n, h, w) of higher images, with w = 3 or 4, is refused: it is a color image,
# and some denoisers would take minutes for so many images.
LARGEST_ASPECT = 8
SHAPES = "(height, width) or (height, width, channels)"
# With this `image_shape`, each row is an image of height 1. Use it where only the
# values matter.
ONE_LINE = (1, -1)


def check_images(
    X, image_shape=None, *, data_range=None, name="X", estimator=None, reset=None
):
    """Validate images in any accepted layout, without a copy.

    Parameters
    ----------
    X : array-like or list of array-like
        Images of shape (n_images, height, width), (n_images, height, width, channels)
        with at most 4 channels, or (n_images, n_pixels) if `image_shape` is given. A
        list contains photographs of shape (height, width) or (height, width, channels).
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels). One entry can be -1 and is then inferred, as in
        :func:`numpy.reshape`.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    name : str, default="X"
        Name of `X` in error messages.
    estimator : estimator, default=None
        Estimator that receives the images.
    reset : bool, default=None
        If True, set the number and the names of the features of `estimator`. If False,
        check them. If None, do neither.

    Returns
    -------
    images : Images
        Validated images.

    Raises
    ------
    TypeError
        If `X` is a dictionary or a path.
    ValueError
        If values are not finite, if the layout is not one of the above, if a stack of
        gray images is probably a single color image, or if `data_range` is not valid.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.images import check_images
    >>> check_images(np.zeros((10, 12)), image_shape=(3, 4)).stacks[0].shape
    (10, 3, 4, 1)
    """
    refuse_lists_of_containers(X, name)
    numbers = _check_numbers(X, name, estimator)
    # Check features first, so that rows of another length raise scikit-learn's message.
    if reset is False and image_shape is not None:
        _check_features(estimator, X, numbers, reset=False)
    images = _as_images(numbers, image_shape, name)
    images = replace(images, data_range=check_data_range(data_range))
    check_largest_fraction(images)
    warn_of_alpha(images.stacks[0], name)
    if reset:
        _check_features(estimator, X, numbers, reset=True)
    return images


def check_clean(clean, noisy, image_shape=None):
    """Validate clean images, which must match the noisy Images; None stays None."""
    if clean is not None:
        clean = check_images(
            clean, image_shape, data_range=noisy.data_range, name="clean"
        )
        check_pair(noisy, clean)
    return clean


def check_one_image(y, image_shape=None, *, data_range=None, name="y"):
    """Validate a single image, with or without a leading axis of length 1."""
    y = y if is_tensor(y) else np.asarray(y)
    # Several rows are one image if their length does not match `image_shape`.
    n_values = math.prod(image_shape or (0,))
    if y.ndim == 2 and (n_values == 0 or (len(y) > 1 and 0 < n_values != y.shape[1])):
        numbers = _check_numbers(y[None], name)
        stacks = [_as_stack(numbers, name)]
        return Images(numbers, stacks, name, check_data_range(data_range))
    if y.ndim == 3 and y.shape[0] > 1 and y.shape[2] <= MAX_CHANNELS:
        y = y[None]
    images = check_images(y, image_shape, data_range=data_range, name=name)
    if len(images) != 1:
        raise ValueError(
            f"{name} holds {len(images)} images and has shape {tuple(y.shape)}. Pass "
            f"one image, such as {name}[:1]."
        )
    return images


def height_width_channels(image_shape, n_channels=1):
    """Return `image_shape` as (height, width, channels), or raise a ValueError."""
    shape = tuple(np.atleast_1d(image_shape).tolist())
    if len(shape) not in (2, 3) or not all(type(n) is int and n > 0 for n in shape):
        raise ValueError(
            f"image_shape={image_shape!r} must be {SHAPES}, in positive integers."
        )
    return (*shape, n_channels)[:3]


def is_photo_list(X):
    """Whether `X` is a sequence of arrays, one per image."""
    return (
        isinstance(X, Sequence)
        and not isinstance(X, str | bytes)
        and len(X) > 0
        and getattr(X[0], "ndim", 0) >= 2
    )


def is_images(y):
    """Whether `y` holds images. Labels have one axis, and `y` can be None."""
    refuse_containers(y, "y")
    if y is None or is_photo_list(y):
        return y is not None
    try:
        return (y if hasattr(y, "ndim") else np.asarray(y)).ndim > 1
    except ValueError as error:
        raise ValueError(
            "y must hold images of the same shapes as X, or one label per image."
        ) from error


def _check_numbers(X, name, estimator=None):
    """Return finite real numbers: an array or tensor of at least 2 axes, or a list."""
    if is_photo_list(X):
        return [_check_numbers(x, f"{name}[{i}]", estimator) for i, x in enumerate(X)]
    if not is_tensor(X):
        X = check_array(
            X, dtype="numeric", allow_nd=True, input_name=name, estimator=estimator
        )
        if X.dtype.kind not in "buif":
            raise ValueError(f"{name} has the dtype {X.dtype}. Pass real numbers.")
        check_largest(X, name)
        return X
    X = X.detach()
    kind = kind_of_tensor(X)
    if kind != "strided":
        raise ValueError(f"{name} is a {kind} tensor. Pass a dense, real tensor.")
    if X.ndim < 2 or X.numel() == 0:
        raise ValueError(
            f"{name} is a tensor of shape {tuple(X.shape)}. Pass at least one image, "
            "in a tensor of at least two axes."
        )
    if X.is_floating_point() and not X.isfinite().all():
        raise ValueError(f"Input {name} contains NaN or infinity.")
    check_largest(X, name)
    return X


def _check_features(estimator, X, numbers, *, reset):
    """Set or check the number and the names of the features of an estimator.

    The number of features of a stack is the number of values per image: pixels times
    channels. Later stacks are not checked, because they can have another image size.
    """
    if isinstance(numbers, list):
        for name in ("n_features_in_", "feature_names_in_") if reset else ():
            vars(estimator).pop(name, None)
    elif numbers.ndim == 2:
        # Pass X instead of `numbers`, because a data frame has feature names.
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    elif reset:
        row = np.empty((1, math.prod(numbers.shape[1:])))
        validate_data(estimator, row, skip_check_array=True)


def _as_images(X, image_shape, name):
    if isinstance(X, list):
        stacks = [_as_stack(x[None], f"{name}[{i}]") for i, x in enumerate(X)]
        channels = sorted({stack.shape[-1] for stack in stacks})
        if len(channels) > 1:
            raise ValueError(
                f"{name} mixes images of {channels} channels. Pass images that all "
                "have the same number of channels."
            )
        return Images(X, stacks, name)
    if X.ndim == 2:
        return Images(X, [_rows_as_stack(X, image_shape, name)], name)
    if X.ndim == 3 and X.shape[-1] in (3, 4):
        message = (
            f"{name} of shape {tuple(X.shape)} is read as {X.shape[0]} gray images "
            f"of {X.shape[1]}x{X.shape[2]} pixels. If {name} is a single color image, "
            f"pass {name}[None]. If it is a stack of narrow gray images, pass "
            f"{name}[..., None]."
        )
        if X.shape[1] > LARGEST_ASPECT * X.shape[2]:
            raise ValueError(message)
        warn(message)
    return Images(X, [_as_stack(X, name)], name)


def _rows_as_stack(X, image_shape, name):
    if image_shape is None:
        raise ValueError(
            f"{name} has shape {tuple(X.shape)}, but image_shape is None. If {name} is "
            f"a single image, pass {name}[None]. If each row is an image, set "
            f"image_shape to {SHAPES}."
        )
    if len(image_shape) not in (2, 3):
        raise ValueError(f"image_shape={image_shape!r} must be {SHAPES}.")
    try:
        stack = X.reshape(len(X), *image_shape)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"{name} has {X.shape[1]} values per row, which cannot form images of "
            f"image_shape={tuple(image_shape)}. If {name} is a single image, pass "
            f"{name}[None]."
        ) from None
    return _as_stack(stack, name)


def _as_stack(X, name):
    shape = tuple(X.shape)
    if X.ndim not in (3, 4):
        raise ValueError(
            f"{name} has shape {shape}; expected (n_images, height, width), "
            "(n_images, height, width, channels), or (n_images, n_pixels) with "
            "image_shape."
        )
    if 0 in shape:
        raise ValueError(
            f"{name} has shape {shape} and holds no pixels. Pass images with at least "
            "one pixel."
        )
    if X.ndim == 3:
        return X[..., None]
    if shape[-1] > MAX_CHANNELS:
        is_torch = is_tensor(X)
        moved = f"{name}.movedim(1, -1)" if is_torch else f"np.moveaxis({name}, 1, -1)"
        raise ValueError(
            f"{name} has shape {shape}, which means {shape[-1]} channels; at most "
            f"{MAX_CHANNELS} are accepted. Channels come last. If yours come first, "
            f"pass {moved}."
        )
    return X


def check_pair(noisy, clean):
    """Raise a ValueError unless two Images have the same shapes and units."""
    check_same_shapes(noisy, clean)
    check_same_units(noisy, clean)


def check_same_shapes(X, y):
    """Raise a ValueError unless two Images hold images of the same shapes."""
    shapes = [[tuple(stack.shape) for stack in images.stacks] for images in (X, y)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"{y.name} has shape {_describe(y)}, but {X.name} has shape "
            f"{_describe(X)}. Both must hold the same images."
        )


def _describe(images):
    if images.is_list:
        return [tuple(photo.shape) for photo in images.data[:3]]
    return tuple(images.data.shape)


def equal_images(X, y):
    """Compare two Images image by image; return bool of shape (n,)."""
    pairs = zip(X.tensors(), y.tensors(), strict=True)
    equal = [(a.to(b.device) == b).flatten(1).all(dim=1) for a, b in pairs]
    return np.concatenate([one.cpu().numpy() for one in equal])
