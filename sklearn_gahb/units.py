"""Units of images: the data range, and checks that units belong together.

A data range names the values of black and white. Images are read as fractions of it, so
that black is 0 and white is 1. Noise levels are fractions of the data range too.
"""

import math
from numbers import Real

import numpy as np

from ._tensors import is_unsigned
from ._warnings import warn

# Checks look at no more than this number of values.
N_PEEKED = 2**20
# The root mean square of images whose white is 1 is below this value, with noise of any
# plausible level.
LARGEST_RMS = 4
# The mean of images whose white is 1 is below this value.
LARGEST_MEAN = 2
# Noise above this level hides images almost completely.
LARGEST_NOISE_STD = 4
# Noise below this fraction of the root mean square cannot be seen.
SMALLEST_NOISE_STD = 0.02
# The largest value of 12-bit images in 16 bits is 0.06.
SMALLEST_WHITE = 1 / 15
# Range of values divided by the largest value, of images on a pedestal.
SMALLEST_CONTRAST = 0.06
# Number of clean images from which on not all of them are flat.
ENOUGH_IMAGES = 10
# Range of the correlation of the noise with the second image, divided by the energy of
# the noise. It is -1 for swapped pairs, and 0 for pairs in the right order.
SWAPPED = (-1.2, -0.9)
# Noise is white if the correlation of its neighboring pixels is below this value.
LARGEST_CORRELATION = 0.1


def check_data_range(data_range):
    """Return the values (black, white), or None if the dtype defines them.

    Parameters
    ----------
    data_range : float, tuple of (float, float) or None
        Values of black and white. For a number, black is 0.

    Raises
    ------
    ValueError
        If the values are not finite and increasing.
    """
    if data_range is None:
        return None
    values = np.ravel(data_range).astype(float)
    if np.ndim(data_range) == 0:
        values = np.insert(values, 0, 0.0)
    if values.shape != (2,) or not np.isfinite(values).all() or np.diff(values) <= 0:
        raise ValueError(
            f"data_range={data_range!r} must be the value of white, such as 255, or "
            "the values of black and white, such as (100, 4095)."
        )
    return tuple(values.tolist())


def width_of_range(data_range):
    """Return the difference of white and black, or 1 if the dtype defines them."""
    black, white = check_data_range(data_range) or (0.0, 1.0)
    return white - black


def data_range_of(estimator):
    """Return the data range of an estimator, or of the estimators inside it.

    Parameters
    ----------
    estimator : object
        Estimator, pipeline, search, or anything else, which has no data range.

    Returns
    -------
    data_range : float, tuple or None
        The only data range that is not None, or None.

    Raises
    ------
    ValueError
        If two of the estimators have different data ranges.
    """
    if not hasattr(estimator, "get_params"):
        return getattr(estimator, "data_range", None)
    found = {
        name: value
        for name, value in estimator.get_params().items()
        if name.rpartition("__")[2] == "data_range" and value is not None
    }
    if len({check_data_range(value) for value in found.values()}) > 1:
        raise ValueError(f"The estimators have several data ranges: {found}. Use one.")
    return next(iter(found.values()), None)


def warn_of_units(noise_std, images):
    """Warn if the values of Images do not fit a noise level or their data range."""
    warn_of_noise_std(noise_std, images)
    if images.black_and_white != (0, 1):
        warn_of_range(images)


def warn_of_range(images):
    """Warn if the values of Images are far from filling their data range."""
    values = peek(images)
    dtype = images.stacks[0].dtype
    is_wide = is_unsigned(dtype) and dtype.itemsize > 1
    black, white = images.black_and_white
    largest = float(np.abs(values).max())
    is_dark = 0 < largest < SMALLEST_WHITE and (is_wide or images.data_range)
    if is_dark or rms(values) > LARGEST_RMS:
        largest = black + largest * (white - black)
        # White is usually a power of two minus one, such as 255 or 4095.
        likely = 2 ** math.ceil(math.log2(largest + 1)) - 1 if largest > 2 else largest
        warn(
            f"The largest value of {images.name}, which is {dtype}, is {largest:.4g}, "
            f"but white is {white:g}. Set data_range to the values of black and white, "
            f"for example data_range={likely:.4g}."
        )


def warn_of_noise_std(noise_std, images, name="noise_std"):
    """Warn if a noise level is much too high or much too low for Images."""
    if not isinstance(noise_std, Real) or noise_std == 0:
        return
    dtype = images.stacks[0].dtype
    is_free = images.data_range is None and not is_unsigned(dtype)
    size = rms(peek(images)) if is_free else 1.0
    if noise_std > LARGEST_NOISE_STD * max(size, 1.0):
        warn(
            f"{name}={noise_std:g} is very high for {images.name}. Noise levels are "
            "fractions of the data range, and unsigned integers are scaled to [0, 1]. "
            f"If you mean {noise_std:g} of 255, pass {noise_std:g} / 255."
        )
    if size > LARGEST_RMS and noise_std < SMALLEST_NOISE_STD * size:
        warn(
            f"{name}={noise_std:g} is very low for {images.name}, which is {dtype} "
            f"with a root mean square of {size:.3g}. Set data_range to the values of "
            "black and white, for example data_range=255. Noise levels are fractions "
            "of the data range."
        )


def warn_of_pedestal(images, *, is_clean=False):
    """Warn if the values of Images vary little around a large mean.

    A few clean images can be flat, such as crops of a sky.
    """
    if is_clean and len(images) < ENOUGH_IMAGES:
        return
    low, high = np.quantile(peek(images), [0.001, 0.999])
    if 0 < high - low < SMALLEST_CONTRAST * max(abs(low), abs(high)):
        black, white = images.black_and_white
        low, high = (black + one * (white - black) for one in (low, high))
        warn(
            f"The values of {images.name} lie between {low:.4g} and {high:.4g}, and "
            "networks denoise images of so little contrast badly. Set data_range to "
            "the values of black and white, for example "
            f"data_range=({low:.3g}, {high:.3g})."
        )


def check_same_units(X, y):
    """Raise a ValueError if one of two Images is in [0, 1], the other in [0, 255]."""
    for integers, others in ((X, y), (y, X)):
        dtype, other_dtype = (one.stacks[0].dtype for one in (integers, others))
        is_told = integers.data_range is not None
        if is_told or not is_unsigned(dtype) or is_unsigned(other_dtype):
            continue
        # The mean works for noisy images too, because noise changes it little.
        values = peek(others)
        mean, std_err = values.mean(dtype=np.float64), rms(values) / len(values) ** 0.5
        if mean > max(LARGEST_MEAN, 5 * std_err):
            raise ValueError(
                f"{integers.name} is {dtype} and is scaled to [0, 1], but "
                f"{others.name}, which is {other_dtype}, has a mean of {mean:.3g}. "
                f"Divide {others.name} by {2 ** (8 * dtype.itemsize) - 1}."
            )


def warn_if_swapped(noisy, clean):
    """Warn if the first of two Images looks clean, and the second one noisy.

    The difference of the images is white noise, which is correlated with the noisy
    image and not with the clean image. The first batch tells.
    """
    y, x = (next(images.tensors()).cpu().double() for images in (noisy, clean))
    noise = center(y - x)
    energy = noise.square().sum()
    # The correlation with a clean image is 0 up to this standard error.
    std_err = (center(x).square().sum() / energy / noise.numel()).sqrt()
    if energy == 0 or std_err > LARGEST_CORRELATION:
        return
    neighbors = sum((noise * noise.roll(1, axis)).sum() for axis in (2, 3)) / 2
    is_white = abs(neighbors) < LARGEST_CORRELATION * energy
    low, high = SWAPPED
    if is_white and low < (noise * x).sum() / energy < high:
        warn(
            f"{clean.name} looks like {noisy.name} plus white noise, but the noisy "
            f"images come first. Exchange {noisy.name} and {clean.name}."
        )


def center(x):
    """Subtract the mean of each channel (n, c, h, w)."""
    return x - x.mean((2, 3), keepdim=True)


def peek(images):
    """Return up to `N_PEEKED` values of Images, as fractions of their data range."""
    found, n_left = [], N_PEEKED
    for stack in images.stacks:
        n_images = max(1, n_left // math.prod(stack.shape[1:]))
        values = images.to_tensor(stack[:n_images]).flatten()[:n_left].cpu().numpy()
        found.append(values)
        n_left -= len(values)
        if n_left <= 0:
            break
    return np.concatenate(found)


def rms(values):
    """Compute the root mean square of an array."""
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))
