"""Units of images: the data range, and checks that units belong together.

A data range names the values of black and white. Images are read as fractions of it, so
that black is 0 and white is 1. Noise levels are fractions of the data range too.
"""

import math
from numbers import Real

import numpy as np

from ._sklearn_compat import LARGEST
from ._tensors import is_tensor, is_unsigned, largest_value
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
# The same if the user has set the data range: fractions instead of values up to 255.
SMALLEST_TOLD_WHITE = 1 / 100
# Range of values divided by the largest value, of images on a pedestal.
SMALLEST_CONTRAST = 0.06
# Number of clean images from which on not all of them are flat.
ENOUGH_IMAGES = 10
# Clean images whose black is -1 have values in [-1, 1], up to rounding, and at least
# this share of the values is below -1/2.
LARGEST_SIGNED_VALUE = 1.001
SMALLEST_DARK_SHARE = 0.1
# The means of images that are centered on purpose have a root mean square below this.
LARGEST_CENTERED_MEAN = 0.05
# Distance from -1 of the correlation of the noise with the second image, divided by the
# energy of the noise. The correlation is -1 for swapped pairs, 0 for pairs in the right
# order, and between for two noisy images.
SWAPPED = 0.03
# Noise is white if the correlation of its neighboring pixels is below this value.
LARGEST_CORRELATION = 0.1


def check_largest(X, name):
    """Refuse values whose sums of squares could overflow in float32."""
    if is_unsigned(X.dtype) or "bool" in str(X.dtype) or 0 in X.shape:
        return
    largest = max(float(X.max()), -float(X.min()))
    if largest > LARGEST:
        raise ValueError(
            f"Input {name} contains infinity or a value too large for images: "
            f"{largest:.3g}. The largest accepted value is {LARGEST:g}."
        )


def check_largest_fraction(images):
    """Refuse Images whose fractions of the data range are as large as such values."""
    if images.data_range is None:
        return
    black, white = images.data_range
    dtype = images.stacks[0].dtype
    bound = largest_value(dtype) if is_unsigned(dtype) else LARGEST
    # Only tiny ranges need a look at all values.
    if bound + abs(black) <= LARGEST * (white - black):
        return
    # torch has no minimum of unsigned integers of more than 8 bits.
    is_wide = is_unsigned(dtype) and is_tensor(images.stacks[0])
    stacks = [x.double() if is_wide else x for x in images.stacks]
    ends = [float(one) for x in stacks for one in (x.min(), x.max())]
    largest = max(abs(one - black) for one in ends) / (white - black)
    if largest > LARGEST:
        raise ValueError(
            f"data_range={images.data_range} makes values of {images.name} "
            f"{largest:.3g} times as large as white. Set data_range to the values of "
            "black and white."
        )


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


def data_range_of(*estimators):
    """Return the common data range of estimators, and of the estimators inside them.

    Parameters
    ----------
    *estimators : object
        Estimators, pipelines, searches, or anything else, which has no data range.

    Returns
    -------
    data_range : float, tuple or None
        None if no estimator has a parameter `data_range`.

    Raises
    ------
    ValueError
        If two of the estimators have different data ranges.
    """
    found = [pair for one in estimators for pair in data_ranges_in(one)]
    if len({check_data_range(value) for _, value in found}) > 1:
        listed = ", ".join(f"{name}: {value}" for name, value in found)
        raise ValueError(
            f"The estimators have several data ranges ({listed}). Set the same "
            "data_range for all of them."
        )
    return found[0][1] if found else None


def data_ranges_in(estimator):
    """Yield the names and data ranges of an estimator and of those inside it."""
    kind = type(estimator)
    is_property = isinstance(getattr(kind, "data_range", None), property)
    if hasattr(estimator, "steps"):
        for _, step in estimator.steps:
            yield from data_ranges_in(step)
    elif is_property or has_parameter(estimator, "data_range"):
        yield kind.__name__, estimator.data_range
    else:
        inner = getattr(estimator, "estimator", None)
        if inner is not None:
            yield from data_ranges_in(getattr(estimator, "best_estimator_", inner))


def has_parameter(estimator, name):
    """Return whether an estimator lists a parameter in its ``__init__``."""
    is_estimator = hasattr(estimator, "get_params") and not isinstance(estimator, type)
    return is_estimator and name in estimator.get_params(deep=False)


def warn_of_units(noise_std, images):
    """Warn if the values of Images do not fit a noise level or their data range."""
    warn_of_noise_std(noise_std, images)
    if images.black_and_white != (0, 1):
        warn_of_range(images)


def warn_of_range(images):
    """Warn if the values of Images are far from filling their data range."""
    dtype = images.stacks[0].dtype
    is_told, is_scaled = images.data_range is not None, is_unsigned(dtype)
    if is_scaled and dtype.itemsize == 1 and not is_told:
        return
    values = peek(images)
    size = float(np.abs(values).max())
    smallest = SMALLEST_TOLD_WHITE if is_told else SMALLEST_WHITE if is_scaled else 0
    is_bright = not is_told and rms(values) > LARGEST_RMS
    if not is_bright and not 0 < size < smallest:
        return
    black, white = images.black_and_white
    low, high = (
        black + float(one) * (white - black) for one in (values.min(), values.max())
    )
    warn(
        f"The values of {images.name}, which is {dtype}, lie between {low:.4g} and "
        f"{high:.4g}, but black is {black:g} and white is {white:g}. "
        + (
            f"Check data_range={images.data_range} and the images."
            if is_told
            else "Set data_range to the values of black and white, for example "
            f"data_range={likely_white(values * (white - black) + black)}."
        )
    )


def likely_white(values):
    """Return the power of two minus one, such as 255 or 4095, that bounds values.

    Noise can raise a few values above white.
    """
    high = max(255, round(float(np.quantile(values, 0.99))))
    return 2 ** math.ceil(math.log2(high + 1)) - 1


def warn_of_noise_std(noise_std, images, name="noise_std"):
    """Warn if a noise level is much too high or much too low for Images."""
    if not isinstance(noise_std, Real) or noise_std == 0:
        return
    dtype = images.stacks[0].dtype
    is_free = images.data_range is None and not is_unsigned(dtype)
    values = peek(images) if is_free else np.ones(1)
    size = rms(values)
    if not is_free and noise_std > LARGEST_NOISE_STD:
        warn(
            f"{name}={noise_std:g} is very high for {images.name}. Noise levels are "
            "fractions of the data range, and unsigned integers are scaled to [0, 1]. "
            f"If you mean {noise_std:g} of 255, pass {noise_std:g} / 255."
        )
    if size > LARGEST_RMS and noise_std < SMALLEST_NOISE_STD * size:
        warn(
            f"{name}={noise_std:g} is very low for {images.name}, which is {dtype} "
            f"with a root mean square of {size:.3g}. Set data_range to the values of "
            f"black and white, for example data_range={likely_white(values)}. "
            "Noise levels are fractions of the data range."
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


def warn_of_signed_images(images):
    """Warn if clean Images seem to have black at -1, unless the data range is set.

    Images of this convention have values in [-1, 1], and many values below -1/2. Noisy
    images have values outside [-1, 1], or few below -1/2. So do Gaussian textures of
    mean 0. The mean of each sine image, which has values in [-1, 1] too, is 0.
    """
    if images.data_range is not None or is_unsigned(images.stacks[0].dtype):
        return
    values = peek(images)
    is_bounded = np.abs(values).max() <= LARGEST_SIGNED_VALUE
    if not is_bounded or (values < -0.5).mean() < SMALLEST_DARK_SHARE:
        return
    means = [part.mean((1, 2, 3)).cpu().numpy() for part in sampled_parts(images)]
    if rms(np.concatenate(means)) > LARGEST_CENTERED_MEAN:
        warn(
            f"The values of {images.name} lie between {values.min():.3g} and "
            f"{values.max():.3g}, and {(values < 0).mean():.0%} of them are negative, "
            "but black is 0 and white is 1. If black is -1, set data_range=(-1, 1). "
            "Otherwise, noise levels and PSNRs refer to a range of half the width. If "
            "black is 0 in these images, set data_range=1."
        )


def check_same_units(X, y):
    """Raise a ValueError if one of two Images is in [0, 1], the other in [0, 255]."""
    if X.data_range is not None:
        return
    dtypes = [one.stacks[0].dtype for one in (X, y)]
    if X.black_and_white != y.black_and_white and all(map(is_unsigned, dtypes)):
        raise ValueError(
            f"{X.name} is {dtypes[0]} and {y.name} is {dtypes[1]}, so the same value "
            "means different fractions of white. Set data_range, or pass one dtype."
        )
    for integers, others in ((X, y), (y, X)):
        dtype, other_dtype = (one.stacks[0].dtype for one in (integers, others))
        if not is_unsigned(dtype) or is_unsigned(other_dtype):
            continue
        mean = mean_size(peek(others))
        if mean > LARGEST_MEAN:
            raise ValueError(
                f"{integers.name} is {dtype} and is scaled to [0, 1], but "
                f"{others.name}, which is {other_dtype}, has a mean of {mean:.3g}. "
                f"Divide {others.name} by {2 ** (8 * dtype.itemsize) - 1}, or set "
                "data_range if white has another value."
            )


def warn_if_swapped(noisy, clean):
    """Warn if the first of two Images looks clean, and the second one noisy.

    The difference of the images is white noise, which is correlated with the noisy
    image and not with the clean image. The first batch tells.
    """
    y, x = (next(images.tensors()).cpu().double() for images in (noisy, clean))
    noise = center(y - x)
    energy = noise.square().sum()
    # The correlation with a clean image is 0, and with a noisy one -1, up to this
    # standard error.
    std_err = (center(x).square().sum() / energy / noise.numel()).sqrt()
    if energy == 0 or std_err > LARGEST_CORRELATION:
        return
    neighbors = sum((noise * noise.roll(1, axis)).sum() for axis in (2, 3)) / 2
    is_white = abs(neighbors) < LARGEST_CORRELATION * energy
    distance = abs((noise * x).sum() / energy + 1)
    if is_white and distance < SWAPPED + 2 * std_err:
        warn(
            f"{clean.name} looks like {noisy.name} plus white noise, but the noisy "
            f"images come first. Exchange {noisy.name} and {clean.name}."
        )


def center(x):
    """Subtract the mean of each channel (n, c, h, w)."""
    return x - x.mean((2, 3), keepdim=True)


def peek(images):
    """Return about `N_PEEKED` values of Images, as fractions of their data range.

    The values are evenly spaced over images, rows and columns.
    """
    return np.concatenate(
        [part.flatten().cpu().numpy() for part in sampled_parts(images)]
    )


def sampled_parts(images):
    """Yield about `N_PEEKED` values of Images, as tensors (n, c, height, width)."""
    n_values = sum(math.prod(stack.shape) for stack in images.stacks)
    step = max(1, n_values // N_PEEKED)
    for stack in images.stacks:
        per_image = min(step, len(stack))
        per_pixel = math.ceil((step / per_image) ** 0.5)
        yield images.to_tensor(stack[::per_image, ::per_pixel, ::per_pixel])


def mean_size(values):
    """Return the size of the mean, or 0 if noise alone could explain it.

    Noise changes the mean of images less than their root mean square.
    """
    mean = abs(float(values.mean(dtype=np.float64)))
    return mean if mean > 5 * rms(values) / len(values) ** 0.5 else 0.0


def rms(values):
    """Compute the root mean square of an array."""
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))
