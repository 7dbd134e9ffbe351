"""One entrance for images: layouts, dtypes and units.

Users hold images as arrays, tensors, rows of pixels or lists of photographs. Everything
else in the package sees float tensors of shape (n, channels, height, width).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from sklearn.utils import check_array, gen_batches
from sklearn.utils.validation import validate_data

from ._tensors import empty_float_like, is_tensor, is_unsigned, raw_tensor, to_tensor
from ._warnings import warn

__all__ = ["Images", "check_images"]

MAX_CHANNELS = 4
SHAPES = "(height, width) or (height, width, channels)"
# `image_shape` where only the values matter: each row is an image of one line.
ONE_LINE = (1, -1)
# The mean of images in [0, 1] is below this value, that of images in [0, 255] above.
LARGEST_MEAN = 2
# Noise far above this level leaves nothing of images in [0, 1].
LARGEST_NOISE_STD = 4


@dataclass(frozen=True)
class Images:
    """Checked images, in the memory and the dtype in which they came.

    :func:`check_images` makes them.

    Parameters
    ----------
    data : ndarray, Tensor or list of those
        What the user passed, as arrays.
    stacks : list of (ndarray or Tensor) of shape (n, height, width, channels)
        Views of `data`: one stack, or one for each photograph if `data` is a list.
    name : str, default="X"
        What error messages call them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.images import check_images
    >>> images = check_images(np.full((3, 4, 5), 51, dtype=np.uint8))
    >>> len(images), images.n_channels, images.sizes
    (3, 1, {(4, 5)})
    >>> images.map(lambda x: x + 0.5)[0, 0, 0].round(2)
    np.float32(0.7)
    """

    data: object
    stacks: list
    name: str = "X"

    def __len__(self):
        return sum(len(stack) for stack in self.stacks)

    @property
    def n_channels(self):
        """Number of channels."""
        return self.stacks[0].shape[-1]

    @property
    def is_list(self):
        """Whether these are photographs, each an array of its own."""
        return isinstance(self.data, list)

    @property
    def sizes(self):
        """Set of the (height, width) that occur."""
        return {tuple(stack.shape[1:3]) for stack in self.stacks}

    def locate(self, index):
        """Stack that holds an image, and the position of the image in it."""
        return (self.stacks[index], 0) if self.is_list else (self.stacks[0], index)

    def take(self, indices):
        """Images at `indices`, in the layout of `data`."""
        return [self.data[i] for i in indices] if self.is_list else self.data[indices]

    def as_one_stack(self):
        """The stack (n, height, width, channels) of images of one size."""
        if not self.is_list:
            return self.stacks[0]
        if is_tensor(self.stacks[0]):
            import torch

            return torch.cat(self.stacks)
        return np.concatenate(self.stacks)

    def to(self, device):
        """The same images as tensors on `device`, in the dtype that they have.

        On the CPU nothing is copied.
        """
        if device.type == "cpu":
            return self
        stacks = [raw_tensor(stack).to(device) for stack in self.stacks]
        return Images(self.data, stacks, self.name)

    def tensors(self):
        """Yield all images in order, as float tensors (n, channels, height, width)."""
        for number, batch in self._batches():
            yield to_tensor(self.stacks[number][batch])

    def map(self, function, *others):
        """Apply a function to float tensors; return the result in the layout of `data`.

        Parameters
        ----------
        function : callable
            Maps a batch of these images, and the same batch of each of the `others`,
            to a tensor of the shape (n, channels, height, width) of the first.
        *others : Images
            Images of the same shapes.

        Returns
        -------
        result : ndarray, Tensor or list of those
            Of the shape of `data`, float32 or float64.
        """
        import torch

        arrays = self.data if self.is_list else [self.data]
        results = [empty_float_like(one) for one in arrays]
        with torch.no_grad():
            for i, batch in self._batches():
                stacks = [images.stacks[i][batch] for images in (self, *others)]
                result = function(*map(to_tensor, stacks)).permute(0, 2, 3, 1)
                target = results[i].reshape(self.stacks[i].shape)
                target[batch] = result if is_tensor(target) else result.cpu().numpy()
        return results if self.is_list else results[0]

    def _batches(self, max_pixels=2**19):
        """Yield (stack number, slice) of at most `max_pixels` pixels, or one image."""
        for number, stack in enumerate(self.stacks):
            n_pixels = stack.shape[1] * stack.shape[2]
            for batch in gen_batches(len(stack), max(1, max_pixels // n_pixels)):
                yield number, batch


def check_images(X, image_shape=None, *, name="X", estimator=None, reset=None):
    """Check images in any accepted layout. Nothing is copied.

    Parameters
    ----------
    X : array-like or list of array-like
        Of shape (n_images, height, width), (n_images, height, width, channels) with at
        most 4 channels or, with `image_shape`, (n_images, n_pixels). A list holds
        photographs of shape (height, width) or (height, width, channels).
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the rows of a 2-D `X`; -1 means
        what it means for :func:`numpy.reshape`.
    name : str, default="X"
        What error messages call `X`.
    estimator : estimator, default=None
        The estimator that takes the images.
    reset : bool, default=None
        Whether `estimator` sets the number and the names of its features, or checks
        them. None does neither.

    Returns
    -------
    images : Images
        The images.

    Raises
    ------
    ValueError
        If values are not finite, or the layout is not one of the above.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.images import check_images
    >>> check_images(np.zeros((10, 12)), image_shape=(3, 4)).stacks[0].shape
    (10, 3, 4, 1)
    """
    numbers = _check_numbers(X, name, estimator)
    # scikit-learn's message on rows of another length comes before ours on shapes.
    if reset is False and image_shape is not None:
        _check_features(estimator, X, numbers, reset=False)
    images = _as_images(numbers, image_shape, name)
    if reset:
        _check_features(estimator, X, numbers, reset=True)
    return images


def check_clean(clean, noisy, image_shape=None):
    """Check the clean images of noisy Images, for oracles; None stays None."""
    if clean is not None:
        clean = check_images(clean, image_shape, name="clean")
        check_pair(noisy, clean)
    return clean


def check_one_image(y, image_shape=None, *, name="y"):
    """Check that there is one image, which may come without the axis of a stack."""
    y = y if is_tensor(y) else np.asarray(y)
    # Several rows of another length than `image_shape` says are one image.
    n_values = math.prod(image_shape or (0,))
    if y.ndim == 2 and (n_values == 0 or (len(y) > 1 and 0 < n_values != y.shape[1])):
        numbers = _check_numbers(y[None], name)
        return Images(numbers, [_as_stack(numbers, name)], name)
    if y.ndim == 3 and y.shape[0] > 1 and y.shape[2] <= MAX_CHANNELS:
        y = y[None]
    images = check_images(y, image_shape, name=name)
    if len(images) != 1:
        raise ValueError(
            f"{name} holds {len(images)} images, of shape {tuple(y.shape)}; one is "
            f"accepted, such as {name}[:1]."
        )
    return images


def height_width_channels(image_shape, n_channels=1):
    """(height, width, channels) of the shape of an image; or a ValueError."""
    shape = tuple(np.atleast_1d(image_shape).tolist())
    if len(shape) not in (2, 3) or not all(type(n) is int and n > 0 for n in shape):
        raise ValueError(f"image_shape={image_shape!r} must be {SHAPES}.")
    return (*shape, n_channels)[:3]


def is_photo_list(X):
    """Whether `X` is a sequence of arrays of which each one is an image."""
    return (
        isinstance(X, Sequence)
        and not isinstance(X, str | bytes)
        and len(X) > 0
        and getattr(X[0], "ndim", 0) >= 2
    )


def is_images(y):
    """Whether `y` holds images, rather than labels (one axis) or nothing."""
    if y is None or is_photo_list(y):
        return y is not None
    try:
        return (y if hasattr(y, "ndim") else np.asarray(y)).ndim > 1
    except ValueError as error:
        raise ValueError(
            "y must hold images of the shapes in X, or one label an image."
        ) from error


def _check_numbers(X, name, estimator=None):
    """Finite real numbers, as an array or tensor of two axes or more, or as a list."""
    if is_photo_list(X):
        return [_check_numbers(x, f"{name}[{i}]", estimator) for i, x in enumerate(X)]
    if not is_tensor(X):
        return check_array(
            X, dtype="numeric", allow_nd=True, input_name=name, estimator=estimator
        )
    X = X.detach()
    kind = "complex" if X.is_complex() else str(X.layout).removeprefix("torch.")
    if kind != "strided":
        raise ValueError(f"{name} is a {kind} tensor; dense real tensors are accepted.")
    if X.ndim < 2 or X.numel() == 0:
        raise ValueError(
            f"{name} is a tensor of shape {tuple(X.shape)}; at least one image and two "
            "axes are needed."
        )
    if X.is_floating_point() and not X.isfinite().all():
        raise ValueError(f"Input {name} contains NaN or infinity.")
    return X


def _check_features(estimator, X, numbers, *, reset):
    """Set, or check, the number and the names of the features of an estimator.

    Stacks set their number of values an image, and are not checked: their size is free.
    """
    if isinstance(numbers, list):
        for name in ("n_features_in_", "feature_names_in_") if reset else ():
            vars(estimator).pop(name, None)
    elif numbers.ndim == 2:
        # X and not `numbers`, for a data frame has names.
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
                f"{name} mixes images of {channels} channels; pass images of one kind."
            )
        return Images(X, stacks, name)
    if X.ndim == 2:
        return Images(X, [_rows_as_stack(X, image_shape, name)], name)
    if X.ndim == 3 and X.shape[-1] in (3, 4):
        warn(
            f"{name} of shape {tuple(X.shape)} is taken for {X.shape[0]} gray images "
            f"of {X.shape[1]}x{X.shape[2]} pixels. Pass a single color image as "
            f"{name}[None]."
        )
    return Images(X, [_as_stack(X, name)], name)


def _rows_as_stack(X, image_shape, name):
    if image_shape is None:
        raise ValueError(
            f"{name} has shape {tuple(X.shape)} and image_shape is None: pass a single "
            f"image as {name}[None], or name the shape of the image in each row, "
            f"image_shape={SHAPES}."
        )
    if len(image_shape) not in (2, 3):
        raise ValueError(f"image_shape={image_shape!r} must be {SHAPES}.")
    try:
        stack = X.reshape(len(X), *image_shape)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"{name} has {X.shape[1]} values a row, which do not make images of "
            f"image_shape={tuple(image_shape)}. Pass a single image as {name}[None]."
        ) from None
    return _as_stack(stack, name)


def _as_stack(X, name):
    shape = tuple(X.shape)
    if X.ndim not in (3, 4):
        raise ValueError(
            f"{name} has shape {shape}; accepted are (n_images, height, width), "
            "(n_images, height, width, channels) and (n_images, n_pixels) with "
            "image_shape."
        )
    if 0 in shape:
        raise ValueError(f"{name} has shape {shape}: it holds no pixels.")
    if X.ndim == 3:
        return X[..., None]
    if shape[-1] > MAX_CHANNELS:
        is_torch = is_tensor(X)
        moved = f"{name}.movedim(1, -1)" if is_torch else f"np.moveaxis({name}, 1, -1)"
        raise ValueError(
            f"{name} has shape {shape}, that is {shape[-1]} channels, and at most "
            f"{MAX_CHANNELS} are accepted. Channels come last: if yours come first, "
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
            f"{y.name} has the shape {_describe(y)} and {X.name} {_describe(X)}: they "
            "must hold the same images."
        )


def _describe(images):
    if images.is_list:
        return [tuple(photo.shape) for photo in images.data[:3]]
    return tuple(images.data.shape)


def check_same_units(X, y):
    """Raise a ValueError if of two Images one is in [0, 1], one in [0, 255]."""
    for integers, others in ((X, y), (y, X)):
        dtype, other_dtype = (one.stacks[0].dtype for one in (integers, others))
        if not is_unsigned(dtype) or is_unsigned(other_dtype):
            continue
        # Noise does not move the mean, however much there is.
        mean = float(to_tensor(others.stacks[0][:100]).double().mean())
        if mean > LARGEST_MEAN:
            raise ValueError(
                f"{integers.name} is {dtype} and so taken for [0, 1], but the mean of "
                f"{others.name}, which is {other_dtype}, is {mean:.3g}: divide it by "
                f"{2 ** (8 * dtype.itemsize) - 1}."
            )


def complaint_of_noise_std(noise_std, dtype, name="noise_std"):
    """What is wrong with a noise level for images of a dtype; None if nothing is."""
    is_plausible = not isinstance(noise_std, Real) or noise_std <= LARGEST_NOISE_STD
    if is_plausible or not is_unsigned(dtype):
        return None
    return (
        f"{name}={noise_std:g} is in the units of the images, which as {dtype} are "
        f"in [0, 1]: if {noise_std:g} of 255 is meant, that is {noise_std:g} / 255."
    )


def warn_of_noise_std(noise_std, images, name="noise_std"):
    """Warn of a noise level such as 25 if Images are in [0, 1]."""
    complaint = complaint_of_noise_std(noise_std, images.stacks[0].dtype, name)
    if complaint is not None:
        warn(complaint)


def equal_images(X, y):
    """Which images of two Images hold the same intensities, bool of shape (n,)."""
    pairs = zip(X.tensors(), y.tensors(), strict=True)
    equal = [(a.to(b.device) == b).flatten(1).all(dim=1) for a, b in pairs]
    return np.concatenate([one.cpu().numpy() for one in equal])
