"""Squared errors between images."""

import numpy as np

from .._sklearn_compat import validate_params
from .._warnings import warn
from ..images import check_images, check_pair
from ..units import mean_size, peek, rms, warn_of_range

# Denoised images with larger values, relative to the clean ones, have other units.
LARGEST_RATIO = 50


@validate_params()
def mse(clean, denoised, *, data_range=None, average=True, image_shape=None):
    r"""Compute the mean squared error of images.

    .. math:: \mathrm{mse}(x, \hat x) = \frac{1}{d} \sum_{i=1}^d (x_i - \hat x_i)^2

    where d is the number of pixels of an image times its number of channels. Pixel
    values are first expressed as fractions of the data range.

    Parameters
    ----------
    clean, denoised : array-like or list of array-like
        Two arrays or two lists of photographs, with equal shapes. An array has the
        shape (n_images, height, width), (n_images, height, width, channels), or
        (n_images, n_pixels) if `image_shape` is given.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    average : bool, default=True
        If True, return the mean over the images. If False, return one value per image.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).

    Returns
    -------
    mse : float or ndarray of shape (n_images,)
        Mean squared error. If `average` is False, the mean squared error of each image.

    Raises
    ------
    ValueError
        If `clean` and `denoised` differ in shape or seem to use different data ranges,
        or if values are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.metrics import mse
    >>> mse(np.zeros((2, 5, 5)), np.full((2, 5, 5), 0.5))
    0.25
    """
    errors = _squared_errors(clean, denoised, data_range, image_shape)
    return float(errors.mean()) if average else errors


@validate_params()
def psnr(clean, denoised, *, data_range=None, average=True, image_shape=None):
    r"""Compute the peak signal-to-noise ratio (PSNR) of images in dB.

    .. math:: \mathrm{psnr}(x, \hat x)
              = 10 \log_{10} \frac{1}{\mathrm{mse}(x, \hat x)}

    where :func:`mse` is the mean squared error, with pixel values expressed as
    fractions of the data range. The PSNR in dB is computed for each image, and then
    averaged over the images. Pixel values are not clipped.

    Parameters
    ----------
    clean, denoised : array-like or list of array-like
        Two arrays or two lists of photographs, with equal shapes. An array has the
        shape (n_images, height, width), (n_images, height, width, channels), or
        (n_images, n_pixels) if `image_shape` is given.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    average : bool, default=True
        If True, return the mean over the images. If False, return one value per image.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).

    Returns
    -------
    psnr : float or ndarray of shape (n_images,)
        Mean PSNR in dB. If `average` is False, the PSNR of each image. The PSNR of an
        image without error is infinite.

    Raises
    ------
    ValueError
        If `clean` and `denoised` differ in shape or seem to use different data ranges,
        or if values are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.metrics import psnr
    >>> print(f"{psnr(np.zeros((2, 5, 5)), np.full((2, 5, 5), 0.1)):.1f}")
    20.0
    """
    errors = _squared_errors(clean, denoised, data_range, image_shape)
    with np.errstate(divide="ignore"):
        ratios = -10 * np.log10(errors)
    return float(ratios.mean()) if average else ratios


def _squared_errors(clean, denoised, data_range, image_shape):
    """Mean squared error of each image, float64 of shape (n_images,)."""
    errors = []
    for x, x_hat in image_pairs(clean, denoised, data_range, image_shape):
        squares = np.square(x - x_hat, dtype=np.float64)
        errors.append(squares.mean(axis=(1, 2, 3)))
    return np.concatenate(errors)


def image_pairs(clean, denoised, data_range, image_shape):
    """Yield batches of clean and denoised images, as arrays (n, channels, h, w)."""
    clean, denoised = (
        check_images(X, image_shape, data_range=data_range, name=name)
        for X, name in ((clean, "clean"), (denoised, "denoised"))
    )
    check_pair(clean, denoised)
    warn_of_range(clean)
    if data_range is not None:
        warn_of_range(denoised)
    elif mean_size(peek(denoised)) > LARGEST_RATIO * rms(peek(clean)) > 0:
        warn(
            "The values of denoised are much larger than those of clean, so they seem "
            "to have different data ranges. Convert one of them."
        )
    for x, x_hat in zip(clean.tensors(), denoised.tensors(), strict=True):
        yield x.cpu().numpy(), x_hat.cpu().numpy()
