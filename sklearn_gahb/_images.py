"""Images as users hold them, and as tensors: layouts, dtypes, devices, generators.

Everything else sees float tensors of shape (n, channels, height, width).
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_array, gen_batches
from sklearn.utils.validation import validate_data

from ._warnings import warn

MAX_CHANNELS = 4


@dataclass(frozen=True)
class Images:
    """Checked images in the memory and the dtype that they came in.

    Attributes
    ----------
    data : ndarray, Tensor or list of those
        What the user passed, as arrays.
    stacks : list of (ndarray or Tensor) of shape (n, height, width, channels)
        Views of `data`: one stack, or one a photograph if `data` is a list.
    name : str
        What error messages call them.
    """

    data: object
    stacks: list
    name: str = "X"

    def __len__(self):
        return sum(len(stack) for stack in self.stacks)

    @property
    def n_channels(self):
        return self.stacks[0].shape[-1]

    @property
    def is_list(self):
        return isinstance(self.data, list)

    @property
    def sizes(self):
        """Set of the (height, width) that occur."""
        return {tuple(stack.shape[1:3]) for stack in self.stacks}

    def locate(self, index):
        """Stack that holds an image, and its position there."""
        return (self.stacks[index], 0) if self.is_list else (self.stacks[0], index)

    def take(self, indices):
        """Images at `indices`, in the layout of `data`."""
        if self.is_list:
            return [self.data[i] for i in indices]
        return self.data[indices]

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
        stacks = [_raw_tensor(stack).to(device) for stack in self.stacks]
        return Images(self.data, stacks, self.name)

    def batches(self, max_pixels=2**19):
        """Yield (stack number, slice) of at most `max_pixels` pixels, or one image."""
        for number, stack in enumerate(self.stacks):
            n_pixels = stack.shape[1] * stack.shape[2]
            for batch in gen_batches(len(stack), max(1, max_pixels // n_pixels)):
                yield number, batch

    def map(self, function, *others):
        """Apply `function` to float tensors (n, c, h, w); the result laid out alike.

        It takes a batch of these images, and the same one of each of the `others`.
        """
        import torch

        result = self._empty_like()
        with torch.no_grad():
            for number, batch in self.batches():
                tensors = [
                    to_tensor(images.stacks[number][batch])
                    for images in (self, *others)
                ]
                target = result.stacks[number]
                target[batch] = _like(function(*tensors).permute(0, 2, 3, 1), target)
        return result.data

    def _empty_like(self):
        if self.is_list:
            data = [_empty_float_like(photo) for photo in self.data]
            pairs = zip(data, self.stacks, strict=True)
            return Images(data, [photo.reshape(s.shape) for photo, s in pairs])
        data = _empty_float_like(self.data)
        return Images(data, [data.reshape(self.stacks[0].shape)])


def is_tensor(X):
    """Whether `X` is a torch tensor; without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


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
    if y is None:
        return False
    if is_photo_list(y):
        return True
    if hasattr(y, "ndim"):
        return y.ndim > 1
    try:
        return np.ndim(np.asarray(y)) > 1
    except ValueError as error:
        raise ValueError(
            "y must hold images of the shapes in X, or one label an image."
        ) from error


def check_numbers(X, name="X", estimator=None):
    """Check that `X` holds finite real numbers; nothing is copied.

    Returns an ndarray or a tensor with at least two axes, or a list of those.
    """
    if is_photo_list(X):
        return [check_numbers(x, f"{name}[{i}]", estimator) for i, x in enumerate(X)]
    if is_tensor(X):
        return _check_tensor(X, name)
    return check_array(
        X, dtype="numeric", allow_nd=True, input_name=name, estimator=estimator
    )


def check_features(estimator, X, numbers, *, reset):
    """Set, or check, the number and names of features of an estimator.

    Stacks set their number of values an image, and are not checked: their size is free.

    Parameters
    ----------
    estimator : estimator
    X : array-like or list of array-like
        What the user passed: a data frame has names.
    numbers : ndarray, Tensor or list of those
        What `check_numbers` made of it.
    reset : bool
    """
    if isinstance(numbers, list):
        if reset:
            vars(estimator).pop("n_features_in_", None)
            vars(estimator).pop("feature_names_in_", None)
    elif numbers.ndim == 2:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    elif reset:
        row = np.empty((1, math.prod(numbers.shape[1:])))
        validate_data(estimator, row, skip_check_array=True)


def _check_tensor(X, name):
    X = X.detach()
    kind = str(X.layout).removeprefix("torch.")
    if kind != "strided" or X.is_complex():
        kind = "complex" if X.is_complex() else kind
        raise ValueError(f"{name} is a {kind} tensor; dense real tensors are accepted.")
    if X.ndim < 2 or X.numel() == 0:
        raise ValueError(
            f"{name} is a tensor of shape {tuple(X.shape)}; at least one image and two "
            "axes are needed."
        )
    if X.is_floating_point() and not X.isfinite().all():
        raise ValueError(f"Input {name} contains NaN or infinity.")
    return X


def as_images(X, image_shape=None, name="X"):
    """See arrays that passed `check_numbers` as stacks of images.

    Parameters
    ----------
    X : ndarray, Tensor or list of those
        Of shape (n, height, width), (n, height, width, channels) or, with
        `image_shape`, (n, n_pixels). Images of a list have shape (height, width) or
        (height, width, channels).
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the rows of a 2-D `X`; -1 as in
        :func:`numpy.reshape`.
    name : str, default="X"
        What error messages call `X`.

    Returns
    -------
    images : Images
    """
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
            f"{name} of shape {tuple(X.shape)} is taken for {X.shape[0]} grey images "
            f"of {X.shape[1]}x{X.shape[2]} pixels. Pass a single colour image as "
            f"{name}[None]."
        )
    return Images(X, [_as_stack(X, name)], name)


def _rows_as_stack(X, image_shape, name):
    if image_shape is None:
        raise ValueError(
            f"{name} has shape {tuple(X.shape)} and image_shape is None: pass a single "
            f"image as {name}[None], or name the shape of the image in each row, "
            "image_shape=(height, width) or (height, width, channels)."
        )
    if len(image_shape) not in (2, 3):
        raise ValueError(
            f"image_shape={image_shape!r} must be (height, width) or (height, width, "
            "channels)."
        )
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
        tensor = is_tensor(X)
        moved = f"{name}.movedim(1, -1)" if tensor else f"np.moveaxis({name}, 1, -1)"
        raise ValueError(
            f"{name} has shape {shape}, that is {shape[-1]} channels, and at most "
            f"{MAX_CHANNELS} are accepted. Channels come last: if yours come first, "
            f"pass {moved}."
        )
    return X


def check_same_shapes(X, y):
    """Raise a ValueError unless two Images hold images of the same shapes."""
    shapes = [[tuple(stack.shape) for stack in images.stacks] for images in (X, y)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"{y.name} has the shape {_describe(y)} and {X.name} {_describe(X)}: they "
            "must hold the same images."
        )


def check_n_channels(estimator, n_channels, name="X"):
    """Raise a ValueError unless images have the channels that an estimator has seen."""
    expected = estimator.n_channels_in_
    if n_channels == expected:
        return
    message = (
        f"{name} has {n_channels} channels, but {type(estimator).__name__} is "
        f"expecting {expected} as input."
    )
    if expected == 1:
        message += " It takes the channels of a colour image as a stack of grey ones."
    raise ValueError(message)


def _describe(images):
    if images.is_list:
        return [tuple(photo.shape) for photo in images.data[:3]]
    return tuple(images.data.shape)


def equal_images(X, y):
    """Which images of two Images hold the same intensities, bool of shape (n,)."""
    equal = []
    for number, batch in X.batches():
        a, b = (to_tensor(images.stacks[number][batch]) for images in (X, y))
        equal.append((a.to(b.device) == b).flatten(1).all(dim=1).cpu().numpy())
    return np.concatenate(equal)


def is_unsigned(dtype):
    """Whether images of a dtype, of NumPy or torch, are fractions of its maximum."""
    return str(dtype).removeprefix("torch.").startswith("uint")


def float_dtype(dtype):
    """Return the NumPy float dtype in which images of `dtype` are worked on."""
    dtype = np.dtype(dtype)
    small = dtype.itemsize < 8 if dtype.kind == "f" else dtype.itemsize <= 2
    return np.dtype(np.float32 if small or dtype.kind in "ub" else np.float64)


def to_tensor(stack, device=None):
    """Convert (n, h, w, c) of any dtype to a float tensor (n, c, h, w) on `device`.

    Unsigned integers are divided by their largest value. With `device` None tensors
    stay where they are.
    """
    import torch

    stack = _raw_tensor(stack)
    x = stack.to(device or stack.device).permute(0, 3, 1, 2)
    if x.dtype in (torch.float32, torch.float64):
        return x
    if is_unsigned(x.dtype):
        return x.float() / torch.iinfo(x.dtype).max
    wide = x.dtype in (torch.int32, torch.int64)
    return x.to(torch.float64 if wide else torch.float32)


def to_array(images):
    """Array or tensor of any dtype as a float array, as `to_tensor` converts it."""
    images = images if is_tensor(images) else np.asarray(images)
    return to_tensor(images.reshape(1, 1, -1, 1)).cpu().numpy().reshape(images.shape)


def _raw_tensor(stack):
    """A tensor as it is; an array copied, for torch wants writable native memory."""
    import torch

    if is_tensor(stack):
        return stack
    dtype = float_dtype(stack.dtype) if stack.dtype.kind == "f" else stack.dtype
    return torch.from_numpy(np.array(stack, dtype.newbyteorder("="), order="C"))


def _empty_float_like(array):
    if is_tensor(array):
        import torch

        wide = array.dtype in (torch.float64, torch.int32, torch.int64)
        return torch.empty_like(
            array, dtype=torch.float64 if wide else torch.float32
        ).contiguous()
    return np.empty(array.shape, float_dtype(array.dtype))


def _like(x, target):
    return x if is_tensor(target) else x.cpu().numpy()


def resolve_device(device):
    """Turn "auto" or the name of a device into a device that this machine has."""
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise ValueError(
            f"device={device!r} cannot be used on this machine ({error}). Accepted are "
            "'auto', 'cpu' and the names of devices that torch finds here, such as "
            "'cuda' or 'cuda:1'."
        ) from error
    return resolved
