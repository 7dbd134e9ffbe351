"""Errors between images, and scorers."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_random_state

from ._sklearn_compat import validate_params
from .images import check_images, check_pair, is_images
from .noise.gaussian import check_adds_no_noise, noisy_copy
from .units import data_range_of, warn_of_range

__all__ = ["make_psnr_scorer", "mse", "psnr"]


@validate_params()
def mse(clean, denoised, *, data_range=None, average=True, image_shape=None):
    r"""Compute the mean squared error of images.

    .. math:: \mathrm{mse}(x, \hat x) = \frac{1}{d} \sum_{i=1}^d (x_i - \hat x_i)^2

    where d is the number of pixels of an image times its number of channels. Values are
    fractions of the data range.

    Parameters
    ----------
    clean, denoised : array-like or list of array-like
        Images of the same shapes: (n_images, height, width), (n_images, height, width,
        channels), (n_images, n_pixels) if `image_shape` is given, or lists of
        photographs.
    data_range : float or tuple of (float, float), default=None
        Value of white, or values of black and white. If None, white is the largest
        value of the dtype for unsigned integers, and 1 for all others.
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
        If the shapes or the units differ, or if values are not finite.

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

    where :func:`mse` is the mean squared error of fractions of the data range. The PSNR
    of each image is computed in dB. The mean is taken over the PSNRs of the images.
    Pixel values are not clipped.

    Parameters
    ----------
    clean, denoised : array-like or list of array-like
        Images of the same shapes: (n_images, height, width), (n_images, height, width,
        channels), (n_images, n_pixels) if `image_shape` is given, or lists of
        photographs.
    data_range : float or tuple of (float, float), default=None
        Value of white, or values of black and white. If None, white is the largest
        value of the dtype for unsigned integers, and 1 for all others.
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
        If the shapes or the units differ, or if values are not finite.

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
    clean, denoised = (
        check_images(X, image_shape, data_range=data_range, name=name)
        for X, name in ((clean, "clean"), (denoised, "denoised"))
    )
    check_pair(clean, denoised)
    warn_of_range(clean)
    errors = []
    for x, x_hat in zip(clean.tensors(), denoised.tensors(), strict=True):
        difference = x.cpu().numpy() - x_hat.cpu().numpy()
        squares = np.square(difference, dtype=np.float64)
        errors.append(squares.mean(axis=(1, 2, 3)))
    return np.concatenate(errors)


@validate_params()
def make_psnr_scorer(noise_std, *, random_state=None):
    """Make a scorer that compares estimators of any kind at one noise level.

    The scorer takes clean images, adds white Gaussian noise and returns
    ``estimator.score(noisy, clean)``. The score of a denoiser is the mean PSNR in dB.
    The noise of an image is the same in every call and at every position in the array.
    All candidates of a search are therefore compared under the same noise.

    Parameters
    ----------
    noise_std : float
        Standard deviation of the noise, as a positive fraction of the data range: 25
        gray levels out of 255 are ``25 / 255``. The data range is that of the
        estimator.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise. If it is not an int, a seed is drawn once, when the scorer is
        made. Pass an int to get the same noise in every scorer.

    Returns
    -------
    scorer : callable
        Scorer with the signature ``scorer(estimator, X, y=None)``. Pass it as the
        `scoring` argument of :class:`~sklearn.model_selection.GridSearchCV` or
        :func:`~sklearn.model_selection.cross_validate`. If `y` holds images, they are
        the clean images. Otherwise, the images in `X` are the clean images. The scorer
        raises an error for a pipeline that contains a `GaussianNoise` step. Score such
        a pipeline with ``pipeline.score(X, X)``.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_gahb import WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.metrics import make_psnr_scorer
    >>> search = GridSearchCV(
    ...     WaveletThresholdDenoiser(),
    ...     {"threshold": [1.0, 3.0]},
    ...     scoring=make_psnr_scorer(0.1, random_state=0),
    ... )
    >>> search.fit(make_disk_images(20, random_state=0)).best_params_
    {'threshold': 3.0}
    """
    seed = check_random_state(random_state).randint(2**31 - 1)
    return _PSNRScorer(noise_std, seed)


@dataclass(repr=False)
class _PSNRScorer:
    """Scorer of `make_psnr_scorer`. It is a class so that it can be pickled."""

    noise_std: float
    seed: int

    def __repr__(self):
        return f"make_psnr_scorer({self.noise_std}, random_state={self.seed})"

    def __call__(self, estimator, X, y=None):
        check_adds_no_noise(estimator, "make_psnr_scorer")
        clean = y if is_images(y) else X
        data_range = data_range_of(estimator)
        noisy = noisy_copy(clean, self.noise_std, self.seed, data_range)
        return estimator.score(noisy, clean)
