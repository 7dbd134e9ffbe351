"""Distances between images, and scorers."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_random_state

from ._sklearn_compat import POSITIVE, validate_params
from .images import check_images, check_same_shapes, is_images
from .noise import check_adds_no_noise, noisy_copy

__all__ = ["make_psnr_scorer", "mse", "psnr"]


@validate_params()
def mse(clean, denoised, *, average=True, image_shape=None):
    r"""Mean squared error of images.

    .. math:: \mathrm{mse}(x, \hat x) = \frac{1}{d} \sum_{i=1}^d (x_i - \hat x_i)^2

    over the d values of an image, channels included.

    Parameters
    ----------
    clean, denoised : array-like or list of array-like
        Images of the same shapes: (n_images, height, width), (n_images, height, width,
        channels), (n_images, n_pixels) with `image_shape`, or lists of photographs.
        Unsigned integers mean their value divided by the largest of their dtype.
    average : bool, default=True
        Whether to average over the images.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the rows of 2-D arrays.

    Returns
    -------
    mse : float or ndarray of shape (n_images,)
        Mean squared error, or that of each image if not `average`.

    Raises
    ------
    ValueError
        If the shapes differ, or values are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.metrics import mse
    >>> mse(np.zeros((2, 5, 5)), np.full((2, 5, 5), 0.5))
    0.25
    """
    errors = _squared_errors(clean, denoised, image_shape)
    return float(errors.mean()) if average else errors


@validate_params(data_range=[POSITIVE])
def psnr(clean, denoised, *, data_range=1.0, average=True, image_shape=None):
    r"""Peak signal-to-noise ratio of images in dB.

    .. math:: \mathrm{psnr}(x, \hat x)
              = 10 \log_{10} \frac{\text{data_range}^2}{\mathrm{mse}(x, \hat x)}

    for each image, then averaged over the images in dB. Nothing is clipped.

    Parameters
    ----------
    clean, denoised : array-like or list of array-like
        Images of the same shapes: (n_images, height, width), (n_images, height, width,
        channels), (n_images, n_pixels) with `image_shape`, or lists of photographs.
        Unsigned integers mean their value divided by the largest of their dtype.
    data_range : float, default=1.0
        Difference between the largest and the smallest value that clean images can
        have: 1 for images in [0, 1], as the ones of unsigned integers are.
    average : bool, default=True
        Whether to average over the images.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the rows of 2-D arrays.

    Returns
    -------
    psnr : float or ndarray of shape (n_images,)
        Mean PSNR in dB, or that of each image if not `average`; infinite for an image
        without error.

    Raises
    ------
    ValueError
        If the shapes differ, or values are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.metrics import psnr
    >>> print(f"{psnr(np.zeros((2, 5, 5)), np.full((2, 5, 5), 0.1)):.1f}")
    20.0
    """
    errors = _squared_errors(clean, denoised, image_shape)
    with np.errstate(divide="ignore"):
        ratios = 10 * np.log10(data_range**2 / errors)
    return float(ratios.mean()) if average else ratios


def _squared_errors(clean, denoised, image_shape):
    """Mean squared error of each image, float64 of shape (n_images,)."""
    clean = check_images(clean, image_shape, name="clean")
    denoised = check_images(denoised, image_shape, name="denoised")
    check_same_shapes(clean, denoised)
    errors = []
    for x, x_hat in zip(clean.tensors(), denoised.tensors(), strict=True):
        difference = x.cpu().numpy() - x_hat.cpu().numpy()
        squares = np.square(difference, dtype=np.float64)
        errors.append(squares.mean(axis=(1, 2, 3)))
    return np.concatenate(errors)


@validate_params()
def make_psnr_scorer(noise_std, *, random_state=None):
    """Make a scorer that compares estimators of any kind at one noise level.

    The scorer takes clean images, adds white Gaussian noise itself and returns
    ``estimator.score(noisy, clean)``, which every denoiser defines as the mean PSNR in
    dB. All calls of one scorer add the same noise to the same image, whatever its place
    in the array, so that the candidates of a search are compared on equal terms.

    Parameters
    ----------
    noise_std : float
        Standard deviation of the noise, in the units of the images, which for unsigned
        integers are fractions of the largest value: 25 of 255 is ``25 / 255``.
        Positive.
    random_state : int, RandomState instance or None, default=None
        Seeds the noise, once, when the scorer is made. Pass an int for noise that is
        the same in every scorer.

    Returns
    -------
    scorer : callable
        With signature ``scorer(estimator, X, y=None)``, as the `scoring` argument of
        :class:`~sklearn.model_selection.GridSearchCV` and
        :func:`~sklearn.model_selection.cross_validate` wants it. The clean images are
        `y` if it holds images, and `X` otherwise. It refuses a pipeline that adds noise
        itself, by a step `GaussianNoise`: ``pipeline.score(X, X)`` scores that.

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
    """What `make_psnr_scorer` returns; a class, so that it can be pickled."""

    noise_std: float
    seed: int

    def __repr__(self):
        return f"make_psnr_scorer({self.noise_std}, random_state={self.seed})"

    def __call__(self, estimator, X, y=None):
        check_adds_no_noise(estimator, "make_psnr_scorer")
        clean = y if is_images(y) else X
        return estimator.score(noisy_copy(clean, self.noise_std, self.seed), clean)
