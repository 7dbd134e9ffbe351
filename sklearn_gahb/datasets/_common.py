"""Helpers of the generators: batches of bounded size, checks and wavenumbers."""

import numpy as np
from sklearn.utils import gen_batches

# Number of pixels per batch. A float64 array of this size takes 2 MB.
_BATCH_PIXELS = 2**18


def sample_batches(n_samples, image_size):
    """Split the samples into batches, so that temporary arrays stay small.

    Parameters
    ----------
    n_samples : int
        Number of images.
    image_size : int
        Height and width of the images, in pixels.

    Returns
    -------
    batches : generator of slice
        Consecutive slices that cover all images.
    """
    return gen_batches(n_samples, max(1, _BATCH_PIXELS // image_size**2))


def check_range(name, bounds, low, high):
    """Validate a pair of numbers with low <= bounds[0] <= bounds[1] <= high.

    Parameters
    ----------
    name : str
        Name of the argument in the error message.
    bounds : object
        Value that the user passed.
    low, high : float
        Smallest and largest accepted value.

    Returns
    -------
    bounds : tuple of float
        Validated numbers.

    Raises
    ------
    ValueError
        If `bounds` is not such a pair.
    """
    pair = np.asarray(bounds)
    is_pair = pair.shape == (2,) and pair.dtype.kind in "iuf"
    if not is_pair or not low <= pair[0] <= pair[1] <= high:
        raise ValueError(
            f"{name} must be a pair of numbers (a, b) with {low:g} <= a <= b <= "
            f"{high:g}. Got {bounds!r} instead."
        )
    return float(pair[0]), float(pair[1])


def radial_wavenumber(image_size, n_dimensions):
    """Compute the radial wavenumber of each coefficient of a real Fourier transform.

    The unit is cycles per image. The wavenumber 0 is replaced by 1, the lowest non-zero
    wavenumber, so that negative powers are finite.

    Parameters
    ----------
    image_size : int
        Length of each axis.
    n_dimensions : {1, 2}
        Number of axes.

    Returns
    -------
    wavenumber : ndarray of shape (image_size // 2 + 1,) or \
            (image_size, image_size // 2 + 1)
        Wavenumbers in the layout of `numpy.fft.rfft` or `numpy.fft.rfft2`.
    """
    wavenumber = np.arange(image_size // 2 + 1, dtype=float)
    if n_dimensions == 2:
        wavenumber = np.hypot(axis_wavenumber(image_size)[:, None], wavenumber)
    wavenumber.flat[0] = 1.0
    return wavenumber


def axis_wavenumber(image_size):
    """Compute the absolute wavenumber of each Fourier coefficient of an axis.

    Parameters
    ----------
    image_size : int
        Length of the axis.

    Returns
    -------
    wavenumber : ndarray of int of shape (image_size,)
        0, 1, 2, ..., 2, 1 cycles per image, in the layout of `numpy.fft.fft`.
    """
    wavenumber = np.arange(image_size)
    return np.minimum(wavenumber, image_size - wavenumber)
