"""Conversions between arrays or tensors of any dtype and float tensors."""

import sys

import numpy as np


def is_tensor(X):
    """Whether `X` is a torch tensor. This check does not import torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


def kind_of_tensor(X):
    """Return "strided" for a dense tensor of real numbers, or what the tensor is."""
    if X.is_complex():
        return "complex"
    for kind in ("meta", "nested", "quantized"):
        if getattr(X, f"is_{kind}"):
            return kind
    if X.is_floating_point() and X.dtype.itemsize == 1:
        return "float8"
    return str(X.layout).removeprefix("torch.")


def is_unsigned(dtype):
    """Whether images of this dtype (NumPy or torch) are scaled to [0, 1]."""
    return name_of(dtype).startswith("uint")


def name_of(dtype):
    """Return the name of a dtype (NumPy or torch), the same for each byte order."""
    return getattr(dtype, "name", str(dtype)).removeprefix("torch.")


def float_dtype(dtype):
    """NumPy float dtype used to process images of `dtype`."""
    dtype = np.dtype(dtype)
    small = dtype.itemsize < 8 if dtype.kind == "f" else dtype.itemsize <= 2
    return np.dtype(np.float32 if small or dtype.kind in "ub" else np.float64)


def torch_float_dtype(dtype):
    """torch float dtype used to process tensors of `dtype`."""
    import torch

    is_wide = dtype in (torch.float64, torch.int32, torch.int64)
    return torch.float64 if is_wide else torch.float32


def largest_value(dtype):
    """Value of white for a dtype (NumPy or torch): 1 unless it is unsigned."""
    bits = name_of(dtype).partition("uint")[2]
    return 2 ** int(bits) - 1 if bits else 1


def to_tensor(stack, device=None, data_range=None):
    """Convert (n, h, w, c) of any dtype to a float tensor (n, c, h, w) on `device`.

    Values are fractions of the range from black to white. If `data_range` is None,
    unsigned integers are divided by the largest value of their dtype. If `device` is
    None, tensors stay on their device.
    """

    stack = raw_tensor(stack)
    x = stack.to(device or stack.device).permute(0, 3, 1, 2)
    scale = largest_value(x.dtype)
    x = x.to(torch_float_dtype(x.dtype))
    if data_range is not None:
        black, white = data_range
        # In float64, so that float32 and float64 images give the same fractions. The
        # device "mps" has no float64.
        wide = x if x.device.type == "mps" else x.double()
        return ((wide - black) / (white - black)).to(x.dtype)
    return x if scale == 1 else x / scale


def from_fractions(x, data_range=None):
    """Convert fractions of a data range to values; unchanged if the range is None."""
    if data_range is None:
        return x
    black, white = data_range
    return black + (white - black) * x


def to_array(images, data_range=None):
    """Convert an array or tensor of any dtype to a float array, as in `to_tensor`."""
    images = images if is_tensor(images) else np.asarray(images)
    x = to_tensor(images.reshape(1, 1, -1, 1), data_range=data_range)
    return x.cpu().numpy().reshape(images.shape)


def images_to_rows(images):
    """Flatten (n, channels, height, width) to rows (n, height * width * channels)."""
    return images.permute(0, 2, 3, 1).reshape(len(images), -1)


def rows_to_images(rows, image_shape):
    """Inverse of `images_to_rows`, for images of shape (height, width, channels)."""
    return rows.reshape(len(rows), *image_shape).permute(0, 3, 1, 2)


def raw_tensor(stack):
    """Return `stack` as a tensor of the same dtype. Arrays are copied."""
    import torch

    if is_tensor(stack):
        return stack
    dtype = float_dtype(stack.dtype) if stack.dtype.kind == "f" else stack.dtype
    # torch requires writable memory in native byte order.
    return torch.from_numpy(np.array(stack, dtype.newbyteorder("="), order="C"))


def empty_float_like(array):
    """Uninitialized float array or tensor, of the shape and kind of `array`."""
    if is_tensor(array):
        import torch

        dtype = torch_float_dtype(array.dtype)
        return torch.empty_like(array, dtype=dtype).contiguous()
    return np.empty(array.shape, float_dtype(array.dtype))
