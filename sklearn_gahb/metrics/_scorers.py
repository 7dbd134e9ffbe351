"""Scorers, which compare estimators of any kind at one noise level."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sklearn.utils import check_random_state

from .._mistakes import warn_if_made_for_poisson_noise
from .._sklearn_compat import validate_params
from ..images import is_images
from ..noise.gaussian import check_adds_no_noise, noisy_copy
from ..units import data_range_of
from ._ssim import ssim


@validate_params()
def make_psnr_scorer(noise_std, *, random_state=None):
    """Make a scorer that compares estimators of any kind at one noise level.

    The scorer takes clean images, adds white Gaussian noise and returns
    ``estimator.score(noisy, clean)``. The score of a denoiser is the mean PSNR in dB.
    An image receives the same noise in every call, wherever it stands in `X`. All
    candidates of a search are therefore compared under the same noise.

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
        :func:`~sklearn.model_selection.cross_validate`. If `y` contains images, the
        scorer uses them as the clean images and ignores `X`. Otherwise, `X` contains
        the clean images. The scorer raises an error for a pipeline that contains a
        `GaussianNoise` step. Score such a pipeline with ``pipeline.score(X, X)``. The
        scorer warns if a denoiser is made for Poisson noise.

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
    return _make_noisy_scorer("make_psnr_scorer", _mean_psnr, noise_std, random_state)


@validate_params()
def make_ssim_scorer(noise_std, *, image_shape=None, random_state=None):
    """Make a scorer that compares estimators by their structural similarity (SSIM).

    The scorer takes clean images, adds white Gaussian noise and returns ``ssim(clean,
    estimator.transform(noisy))``. The noise is the same as in :func:`make_psnr_scorer`
    with the same `random_state`.

    Parameters
    ----------
    noise_std : float
        Standard deviation of the noise, as a positive fraction of the data range: 25
        gray levels out of 255 are ``25 / 255``. The data range is that of the
        estimator.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).
    random_state : int, RandomState instance or None, default=None
        Seed of the noise. If it is not an int, a seed is drawn once, when the scorer is
        made. Pass an int to get the same noise in every scorer.

    Returns
    -------
    scorer : callable
        Scorer with the signature ``scorer(estimator, X, y=None)``, as returned by
        :func:`make_psnr_scorer`.

    See Also
    --------
    ssim : Structural similarity of images.
    make_psnr_scorer : Scorer that uses the PSNR.

    Examples
    --------
    >>> from sklearn_gahb import WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.metrics import make_ssim_scorer
    >>> X = make_disk_images(20, random_state=0)
    >>> score = make_ssim_scorer(0.1, random_state=0)
    >>> score(WaveletThresholdDenoiser().fit(X), X) > 0.6
    True
    """
    measure = partial(_mean_ssim, image_shape=image_shape)
    return _make_noisy_scorer("make_ssim_scorer", measure, noise_std, random_state)


def _make_noisy_scorer(name, measure, noise_std, random_state):
    seed = check_random_state(random_state).randint(2**31 - 1)
    return _NoisyScorer(name, measure, noise_std, seed)


def _mean_psnr(estimator, noisy, clean):
    return estimator.score(noisy, clean)


def _mean_ssim(estimator, noisy, clean, image_shape):
    data_range = data_range_of(estimator)
    denoised = estimator.transform(noisy)
    return ssim(clean, denoised, data_range=data_range, image_shape=image_shape)


@dataclass(repr=False)
class _NoisyScorer:
    """Scorer that adds noise. It is a class so that it can be pickled."""

    name: str
    measure: Callable
    noise_std: float
    seed: int

    def __repr__(self):
        return f"{self.name}({self.noise_std}, random_state={self.seed})"

    def __call__(self, estimator, X, y=None):
        check_adds_no_noise(estimator, self.name)
        warn_if_made_for_poisson_noise(
            estimator,
            f"{self.name} adds",
            "Score with score(noisy, clean) and noisy images from PoissonNoise. In a "
            "search, omit scoring, and pass both to fit: fit(noisy, clean).",
        )
        clean = y if is_images(y) else X
        data_range = data_range_of(estimator)
        noisy = noisy_copy(clean, self.noise_std, self.seed, data_range)
        return self.measure(estimator, noisy, clean)
