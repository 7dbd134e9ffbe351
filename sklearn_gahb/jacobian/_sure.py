"""Stein's unbiased risk estimate."""

from dataclasses import dataclass
from itertools import repeat

import numpy as np
from sklearn.utils import check_random_state

from .._mistakes import warn_if_made_for_poisson_noise
from .._sklearn_compat import validate_params
from .._tensors import is_tensor
from .._warnings import warn
from ..denoisers import as_denoiser
from ..images import check_images, check_pair, is_photo_list
from ..units import warn_of_units
from ._operator import operator_at


@validate_params()
def sure(
    denoiser, y, noise_std, *, n_probes=1, clean=None, average=True, random_state=None
):
    r"""Estimate the mean squared error of a denoiser without clean images.

    For an image with d values (pixels times channels), Stein's unbiased risk estimate
    of the mean squared error is [1]_

    .. math:: \widehat{\mathrm{mse}} = \frac{\|\hat x(y) - y\|^2}{d} - \sigma^2
              + \frac{2 \sigma^2}{d} \operatorname{tr} J(y)

    where J is the Jacobian. The trace of J is exact, or it is estimated by the mean of
    :math:`z^T J z` over vectors z of random signs [2]_. The noise must be white and
    Gaussian, and the denoiser must be continuous. If the denoiser is not continuous
    (hard thresholding, for example), the estimate misses its jumps: the estimated PSNR
    is several dB too high, and a warning is issued. Thresholds that depend on the image
    are treated as fixed.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts. The denoiser receives
        `noise_std`.
    y : array-like or list of array-like
        Noisy images: (n_images, height, width), (n_images, height, width, channels),
        (n_images, n_pixels) if the denoiser has an `image_shape`, a list of
        photographs, or one gray image (height, width).
    noise_std : float
        Standard deviation of the noise, as a fraction of the data range. Must be
        positive.
    n_probes : int, default=1
        Number of vectors of random signs for each image. For photographs, one vector is
        enough. If None, the trace is exact. The exact trace takes one product with the
        Jacobian per value of the image, or none if the eigenvalues of the Jacobian are
        known in closed form.
    clean : array-like or list of array-like, default=None
        Clean images. Used only by oracles, which are denoisers that need the clean
        images.
    average : bool, default=True
        If True, return the mean over the images. If False, return one estimate per
        image.
    random_state : int, RandomState instance or None, default=None
        Seed of the random signs.

    Returns
    -------
    risk : float or ndarray of shape (n_images,)
        Estimated mean squared error. If `average` is True, `risk` is one number.
        Otherwise, it holds one number per image. An estimate can be negative.

    Raises
    ------
    ValueError
        If the images have an unsupported layout, or if a callable is not
        differentiable.

    Warns
    -----
    UserWarning
        If the denoiser is not continuous, according to its property `is_continuous`, or
        if it is made for Poisson noise.

    See Also
    --------
    sure_psnr : Express the estimate as a PSNR.
    sklearn_gahb.metrics.mse : Compute the error from clean images.

    References
    ----------
    .. [1] C. M. Stein, "Estimation of the mean of a multivariate normal distribution",
       Annals of Statistics 9(6), 1981. :doi:`10.1214/aos/1176345632`
    .. [2] S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE: a black-box optimization of
       regularization parameters for general denoising algorithms", IEEE Transactions on
       Image Processing 17(9), 2008. :doi:`10.1109/TIP.2008.2001404`

    Examples
    --------
    >>> from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser, mse
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.jacobian import sure
    >>> X = make_disk_images(20, 64, random_state=0)
    >>> noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    >>> soft = WaveletThresholdDenoiser("haar", threshold=1.0, n_shifts=1).fit(X)
    >>> risk = sure(soft, noisy, 0.1, random_state=0)
    >>> error = mse(X, soft.denoise_images(noisy, noise_std=0.1))
    >>> bool(abs(risk - error) < 0.05 * error)
    True
    """
    risks = _risks(denoiser, y, noise_std, n_probes, clean, random_state)
    return float(risks.mean()) if average else risks


@validate_params()
def sure_psnr(
    denoiser,
    y,
    noise_std,
    *,
    n_probes=1,
    clean=None,
    average=True,
    random_state=None,
):
    r"""Estimate the PSNR of a denoiser in dB without clean images.

    The estimate for each image is

    .. math:: 10 \log_{10} \frac{1}{\widehat{\mathrm{mse}}}

    where :func:`sure` estimates the mean squared error. The average over the images is
    the mean of their PSNRs in dB.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts.
    y : array-like or list of array-like
        Noisy images, in any layout that :func:`sure` accepts.
    noise_std : float
        Standard deviation of the noise, as a fraction of the data range. Must be
        positive.
    n_probes : int, default=1
        Number of vectors of random signs for each image; see :func:`sure`.
    clean : array-like or list of array-like, default=None
        Clean images. Used only by oracles, which are denoisers that need the clean
        images.
    average : bool, default=True
        If True, return the mean over the images. If False, return one estimate per
        image.
    random_state : int, RandomState instance or None, default=None
        Seed of the random signs.

    Returns
    -------
    psnr : float or ndarray of shape (n_images,)
        Estimated PSNR in dB. If `average` is True, `psnr` is one number. Otherwise, it
        holds one number per image. If the estimated mean squared error of an image is
        zero or negative, the PSNR of the image is infinite and a warning is issued.

    See Also
    --------
    sklearn_gahb.metrics.psnr : Compute the PSNR from clean images.

    Examples
    --------
    >>> from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser, psnr
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.jacobian import sure_psnr
    >>> X = make_disk_images(20, 64, random_state=0)
    >>> noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    >>> soft = WaveletThresholdDenoiser("haar", threshold=1.0, n_shifts=1).fit(X)
    >>> estimate = sure_psnr(soft, noisy, 0.1, random_state=0)
    >>> abs(estimate - psnr(X, soft.denoise_images(noisy, noise_std=0.1))) < 0.2
    True
    """
    risks = _risks(denoiser, y, noise_std, n_probes, clean, random_state)
    n_bad = (risks <= 0).sum()
    if n_bad:
        warn(
            f"The estimated mean squared error of {n_bad} of {len(risks)} images is "
            "not positive, so the estimated PSNR of these images is infinite. Possible "
            f"reasons: noise_std={noise_std} is larger than the noise, the denoiser is "
            "not continuous, or images of this size need more probes than "
            f"n_probes={n_probes}."
        )
    with np.errstate(divide="ignore"):
        estimates = -10 * np.log10(risks.clip(min=0))
    return float(estimates.mean()) if average else estimates


@validate_params()
def make_sure_scorer(noise_std, *, n_probes=1, random_state=None):
    """Make a scorer that needs no clean images.

    The scorer takes noisy images. It averages the mean squared errors that :func:`sure`
    estimates over the images, and returns this average as a PSNR in dB, or minus
    infinity if the average is not positive. Use it to choose the parameters of a
    denoiser if you have only noisy images.

    Parameters
    ----------
    noise_std : float
        Standard deviation of the noise in the images, as a positive fraction of the
        data range. The data range is that of the estimator.
    n_probes : int, default=1
        Number of vectors of random signs for each image; see :func:`sure`.
    random_state : int, RandomState instance or None, default=None
        Seed of the random signs. If it is not an int, a seed is drawn once, when the
        scorer is made.

    Returns
    -------
    scorer : callable
        Scorer with the signature ``scorer(estimator, X, y=None)``, where `X` holds
        noisy images and `y` is ignored. Pass it as the `scoring` argument of
        :class:`~sklearn.model_selection.GridSearchCV` or
        :func:`~sklearn.model_selection.cross_validate`.

    See Also
    --------
    sklearn_gahb.metrics.make_psnr_scorer : Score with clean images.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.jacobian import make_sure_scorer
    >>> X = make_disk_images(20, 64, random_state=0)
    >>> noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    >>> search = GridSearchCV(
    ...     WaveletThresholdDenoiser("haar", shrinkage="soft", noise_std=0.1),
    ...     {"threshold": [0.2, 1.5, 6.0]},
    ...     scoring=make_sure_scorer(0.1, random_state=0),
    ... )
    >>> search.fit(noisy).best_params_
    {'threshold': 1.5}
    """
    seed = check_random_state(random_state).randint(2**31 - 1)
    return _SUREScorer(noise_std, n_probes, seed)


@dataclass(repr=False)
class _SUREScorer:
    """Scorer of `make_sure_scorer`. It is a class so that it can be pickled."""

    noise_std: float
    n_probes: int | None
    seed: int

    def __repr__(self):
        return (
            f"make_sure_scorer({self.noise_std}, n_probes={self.n_probes}, "
            f"random_state={self.seed})"
        )

    def __call__(self, estimator, X, y=None):
        risk = sure(
            estimator,
            X,
            self.noise_std,
            n_probes=self.n_probes,
            random_state=self.seed,
        )
        return -10 * np.log10(risk) if risk > 0 else -np.inf


def _risks(denoiser, y, noise_std, n_probes, clean, random_state):
    """Compute Stein's estimate for each image."""
    denoiser = as_denoiser(denoiser)
    if not denoiser.is_continuous:
        warn(
            f"{denoiser!r} is not a continuous function of the noisy image, so Stein's "
            "estimate of its error is not valid, and usually far too low. Use a "
            "continuous denoiser, such as soft thresholding with a number as "
            "threshold, or compute the error from clean images by "
            "sklearn_gahb.metrics.mse."
        )
    warn_if_made_for_poisson_noise(
        denoiser,
        "Stein's estimate assumes",
        "Compute the error from clean images, or choose parameters by "
        "sklearn_gahb.evaluation.make_j_invariant_scorer.",
    )
    images, targets = _check_stack(y, denoiser, "y"), repeat(None)
    warn_of_units(noise_std, images)
    if clean is not None:
        clean = _check_stack(clean, denoiser, "clean")
        check_pair(images, clean)
        targets = _single_tensors(clean)
    rng = check_random_state(random_state)
    risks = []
    for one, target in zip(_single_tensors(images), targets, strict=False):
        operator = operator_at(denoiser, one, noise_std, target)
        x_hat = operator.linearization.x_hat
        residual = float((x_hat - one.to(x_hat)).double().square().mean())
        trace = operator.trace(n_probes, random_state=rng)
        risks.append(residual + noise_std**2 * (2 * trace / one.numel() - 1))
        if not np.isfinite(risks[-1]):
            raise ValueError(
                f"{denoiser!r} returned NaN or infinity for the image with index "
                f"{len(risks) - 1}; it must return finite values."
            )
    return np.array(risks)


def _check_stack(y, denoiser, name):
    if not is_tensor(y) and not is_photo_list(y):
        y = np.asarray(y)
    if getattr(y, "ndim", None) == 2 and denoiser.image_shape is None:
        y = y[None]
    shape, data_range = denoiser.image_shape, denoiser.data_range
    return check_images(y, shape, data_range=data_range, name=name)


def _single_tensors(images):
    """Yield each image as a tensor (1, channels, height, width)."""
    for batch in images.tensors():
        yield from batch.split(1)
