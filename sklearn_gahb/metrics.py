"""Distances between images, and scorers."""

import copy
from numbers import Real

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from ._images import as_images, check_numbers, check_same_shapes, is_images, to_tensor
from .noise import GaussianNoise, add_noise

__all__ = ["make_psnr_scorer", "mse", "psnr", "psnr_curve"]


@validate_params(
    {
        "clean": "no_validation",
        "denoised": "no_validation",
        "average": ["boolean"],
        "image_shape": [tuple, list, None],
    },
    prefer_skip_nested_validation=True,
)
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


@validate_params(
    {
        "clean": "no_validation",
        "denoised": "no_validation",
        "data_range": [Interval(Real, 0, None, closed="neither")],
        "average": ["boolean"],
        "image_shape": [tuple, list, None],
    },
    prefer_skip_nested_validation=True,
)
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
    clean = as_images(check_numbers(clean, "clean"), image_shape, "clean")
    denoised = as_images(check_numbers(denoised, "denoised"), image_shape, "denoised")
    check_same_shapes(clean, denoised)
    errors = []
    for number, batch in clean.batches():
        x = to_tensor(clean.stacks[number][batch]).cpu().numpy()
        x_hat = to_tensor(denoised.stacks[number][batch]).cpu().numpy()
        squares = np.square(x - x_hat, dtype=np.float64)
        errors.append(squares.mean(axis=(1, 2, 3)))
    return np.concatenate(errors)


@validate_params(
    {
        "estimator": "no_validation",
        "X": "no_validation",
        "noise_std": ["array-like", Interval(Real, 0, None, closed="neither")],
        "tell_noise_std": ["boolean"],
        "slope_range": [tuple, list],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def psnr_curve(
    estimator,
    X,
    noise_std,
    *,
    tell_noise_std=True,
    slope_range=(10.0, 30.0),
    random_state=None,
):
    r"""PSNR of a fitted denoiser against that of the noisy images, and its slope.

    Where the mean squared error decays like :math:`\sigma^{2 s}`, the output PSNR grows
    with the input PSNR, :math:`-20 \log_{10} \sigma`, with the slope s: 1 on smooth
    manifolds, and :math:`\alpha / (\alpha + 1)` for the optimum
    of images of regularity :math:`\alpha` [1]_.

    Parameters
    ----------
    estimator : estimator
        Fitted denoiser, a pipeline or search that ends in one, or any other transformer
        of noisy images. Oracles are told the clean images.
    X : array-like or list of array-like
        Clean images in [0, 1], in a layout that `estimator` accepts.
    noise_std : float or array-like of shape (n_levels,)
        Standard deviations of the noise, in the units of the images. Positive.
    tell_noise_std : bool, default=True
        Whether denoisers that use the noise level are told it. Otherwise they take
        their own `noise_std`, which makes them estimate the level if it is None.
    slope_range : tuple of (float, float), default=(10.0, 30.0)
        Smallest and largest input PSNR, in dB, of the levels that the slope is fitted
        to.
    random_state : int, RandomState instance or None, default=None
        Seeds the noise. Pass an int for reproducible results.

    Returns
    -------
    curve : :class:`~sklearn.utils.Bunch`
        With the attributes

        noise_std : ndarray of shape (n_levels,)
            The standard deviations.
        input_psnr : ndarray of shape (n_levels,)
            PSNR of the noisy images in dB, ``-20 * log10(noise_std)``.
        psnr : ndarray of shape (n_levels, n_images)
            PSNR of each denoised image in dB.
        output_psnr : ndarray of shape (n_levels,)
            Its mean over images.
        output_psnr_std_err : ndarray of shape (n_levels,)
            Standard error of the mean; nan for a single image.
        slope : float
            Least-squares slope of `output_psnr` over `input_psnr`; nan if there are
            fewer than two levels in `slope_range`.
        slope_std_err : float
            Standard error of the mean of the slopes of the images, which is `slope`.
        slope_range : tuple of (float, float)
            What was passed.

    See Also
    --------
    sklearn_gahb.displays.PSNRCurveDisplay : Draws several curves.

    References
    ----------
    .. [1] A. P. Korostelev, A. B. Tsybakov, "Minimax Theory of Image Reconstruction",
       Lecture Notes in Statistics 82, Springer, 1993.
       :doi:`10.1007/978-1-4612-2712-0`

    Examples
    --------
    >>> from sklearn_gahb import WienerDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.metrics import psnr_curve
    >>> X = make_gaussian_textures(100, 64, exponent=2, random_state=0)
    >>> curve = psnr_curve(
    ...     WienerDenoiser().fit(X), X, [0.3, 0.1, 0.03], random_state=0
    ... )
    >>> curve.output_psnr.shape, f"{curve.slope:.1f}"
    ((3,), '0.5')
    """
    levels = np.atleast_1d(np.asarray(noise_std, dtype=np.float64))
    is_valid = levels.ndim == 1 and levels.size and len(set(levels)) == len(levels)
    if not is_valid or not (np.isfinite(levels) & (levels > 0)).all():
        raise ValueError(f"noise_std={noise_std!r} must be distinct positive numbers.")
    if len(slope_range) != 2 or not slope_range[0] < slope_range[1]:
        raise ValueError(f"slope_range={slope_range!r} must be two increasing numbers.")
    low, high = slope_range
    seed = check_random_state(random_state).randint(2**31 - 1)
    images = as_images(check_numbers(X), image_shape=(1, -1))
    ratios = np.stack(
        [
            _psnr_of_images(
                estimator,
                _add_noise_to(X, images, level, seed),
                X,
                level if tell_noise_std else None,
            )
            for level in levels
        ]
    )
    input_psnr = -20 * np.log10(levels)
    # A level of 10 dB is one, whatever its rounding.
    fitted = (input_psnr > low - 1e-6) & (input_psnr < high + 1e-6)
    slopes = np.full(ratios.shape[1], np.nan)
    if fitted.sum() > 1:
        slopes = np.polyfit(input_psnr[fitted], ratios[fitted], 1)[0]
    return Bunch(
        noise_std=levels,
        input_psnr=input_psnr,
        psnr=ratios,
        output_psnr=ratios.mean(axis=1),
        output_psnr_std_err=_standard_error(ratios),
        slope=float(slopes.mean()),
        slope_std_err=float(_standard_error(slopes)),
        slope_range=(low, high),
    )


def _standard_error(values):
    """Of the mean over the last axis; nan for a single value."""
    n = values.shape[-1]
    if n == 1:
        return np.full(values.shape[:-1], np.nan)
    return values.std(axis=-1, ddof=1) / np.sqrt(n)


def _psnr_of_images(estimator, noisy, clean, noise_std):
    """PSNR of each image; the level is told unless it is None."""
    if isinstance(estimator, FrozenEstimator):
        return _psnr_of_images(estimator.estimator, noisy, clean, noise_std)
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        _refuse_noise(estimator, "psnr_curve")
        for _, step in estimator.steps[:-1]:
            noisy = step.transform(noisy)
        return _psnr_of_images(estimator[-1], noisy, clean, noise_std)
    if hasattr(estimator, "score_samples"):
        if noise_std is not None and "noise_std" in estimator.get_params():
            estimator = copy.copy(estimator).set_params(noise_std=noise_std)
        return estimator.score_samples(noisy, clean)
    return psnr(clean, estimator.transform(noisy), average=False, image_shape=(1, -1))


def _refuse_noise(pipeline, name):
    if any(isinstance(step, GaussianNoise) for _, step in pipeline.steps):
        raise ValueError(
            f"The pipeline adds noise itself (its step GaussianNoise), and so does "
            f"{name}: use pipeline.score(X, X), or the last step alone, pipeline[-1]."
        )


def _add_noise_to(X, images, noise_std, seed):
    """Noisy images in the layout of `X`, whose Images are given."""
    noisy = add_noise(images, noise_std, seed)
    if hasattr(X, "columns"):
        return type(X)(noisy, index=X.index, columns=X.columns)
    return noisy


@validate_params(
    {
        "noise_std": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_psnr_scorer(noise_std, random_state=None):
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


class _PSNRScorer:
    """What `make_psnr_scorer` returns; a class, so that it can be pickled."""

    def __init__(self, noise_std, seed):
        self.noise_std = noise_std
        self.seed = seed

    def __repr__(self):
        return f"make_psnr_scorer({self.noise_std}, random_state={self.seed})"

    def __call__(self, estimator, X, y=None):
        if isinstance(estimator, Pipeline):
            _refuse_noise(estimator, "make_psnr_scorer")
        clean = y if is_images(y) else X
        images = as_images(check_numbers(clean), image_shape=(1, -1))
        return estimator.score(
            _add_noise_to(clean, images, self.noise_std, self.seed), clean
        )
