"""Calibration of the uncertainty that a denoiser implies."""

from functools import partial

import numpy as np
import torch
from scipy.stats import norm
from sklearn.utils import Bunch, check_random_state

from .._mistakes import warn_if_made_for_poisson_noise
from .._sklearn_compat import COUNT, StrOptions, validate_params
from .._warnings import OneWarningOfAKind
from ..denoisers import as_denoiser
from ..images import check_images
from ..jacobian import posterior_directions, posterior_marginal, posterior_std
from ..noise.gaussian import noisy_copy
from ._psnr_curve import standard_error

NOMINAL = np.linspace(0.05, 0.95, 19)


@validate_params(intervals=[StrOptions({"pixels", "directions"})], n_components=[COUNT])
def coverage_curve(
    denoiser,
    X,
    noise_std,
    *,
    intervals="pixels",
    n_components=3,
    n_probes=None,
    random_state=None,
):
    r"""Measure how often posterior intervals contain the clean image.

    If a denoiser is the posterior mean of the images, then an interval of nominal
    coverage 0.9 contains the true value in 90 percent of the cases. If the intervals
    contain it less often, the denoiser is too certain.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts. The denoiser receives
        the noise level.
    X : array-like of shape (n_images, height, width[, channels])
        Clean images of one size, or rows of pixels if `denoiser` has an `image_shape`.
        Noise is added to them. Use images that the denoiser was not trained on.
    noise_std : float
        Standard deviation of the noise, as a fraction of the data range. Must be
        positive.
    intervals : {"pixels", "directions"}, default="pixels"
        Kind of intervals. "pixels" are intervals of a normal distribution for each
        value of the image, with the standard deviation of
        :func:`~sklearn_gahb.jacobian.posterior_std`. "directions" are intervals of
        :func:`~sklearn_gahb.jacobian.posterior_marginal` along the directions of
        largest uncertainty of each image.
    n_components : int, default=3
        Number of directions per image, for "directions".
    n_probes : int, default=None
        Number of vectors of random signs, for "pixels"; see
        :func:`~sklearn_gahb.jacobian.posterior_std`.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise and of the random vectors.

    Returns
    -------
    curve : :class:`~sklearn.utils.Bunch`
        Object with the attributes:

        nominal : ndarray of shape (19,)
            Nominal coverages from 0.05 to 0.95, of intervals between two quantiles of
            equal distance to the median.
        coverage : ndarray of shape (19,)
            Fraction of the true values that are in the intervals.
        coverage_std_err : ndarray of shape (19,)
            Standard error of `coverage` over the images.
        ranks : ndarray of shape (n_images, n_intervals)
            Probability that the posterior gives to values below the true value. The
            ranks are uniform on (0, 1) if the posterior is correct. Where the standard
            deviation is 0, they are 0 or 1, or 0.5 if the error is 0 too.

    See Also
    --------
    sklearn_gahb.displays.CoverageDisplay : Draw several curves.

    Examples
    --------
    >>> from sklearn_gahb import GaussianDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.evaluation import coverage_curve
    >>> X = make_gaussian_textures(1000, 8, random_state=0)
    >>> curve = coverage_curve(GaussianDenoiser().fit(X), X[:50], 0.2, random_state=0)
    >>> bool((abs(curve.coverage - curve.nominal) < 4 * curve.coverage_std_err).all())
    True
    """
    denoiser = as_denoiser(denoiser)
    warn_if_made_for_poisson_noise(
        denoiser, "coverage_curve adds", "Pass a denoiser of Gaussian noise."
    )
    rng = check_random_state(random_state)
    shape, data_range = denoiser.image_shape, denoiser.data_range
    clean = check_images(X, shape, data_range=data_range)
    if clean.is_list:
        raise ValueError(
            "X is a list of images; expected an array, because all images must have "
            "one size. Crop the photographs, for example to X[i][:64, :64]."
        )
    noisy = noisy_copy(clean.data, noise_std, rng.randint(2**31 - 1), data_range)
    # Unsigned integers become fractions, like the noisy images.
    clean = clean.map(lambda x: x)
    if intervals == "pixels":
        ranks_of = partial(ranks_of_pixels, n_probes=n_probes)
    else:
        ranks_of = partial(ranks_along_directions, n_components=n_components)
    clean, noisy = (torch.as_tensor(one).cpu().numpy() for one in (clean, noisy))
    with OneWarningOfAKind():
        ranks = np.stack(
            [
                ranks_of(denoiser, x[None], y[None], noise_std, rng=rng)
                for x, y in zip(clean, noisy, strict=True)
            ]
        )
    # Distance to the median, in units of probability: (n_levels, n_images).
    distances = abs(2 * ranks - 1)
    coverages = np.stack([(distances <= level).mean(axis=1) for level in NOMINAL])
    return Bunch(
        nominal=NOMINAL.copy(),
        coverage=coverages.mean(axis=1),
        coverage_std_err=standard_error(coverages),
        ranks=ranks,
    )


def ranks_of_pixels(denoiser, x, y, noise_std, n_probes, rng):
    """Compute the posterior probabilities of values below those of a clean image.

    Parameters
    ----------
    denoiser : BaseDenoiser
    x, y : ndarray of shape (1, ...)
        Clean and noisy image.
    noise_std : float
    n_probes : int or None
        Number of vectors of random signs.
    rng : RandomState instance

    Returns
    -------
    ranks : ndarray of shape (d,)
    """
    error = x - denoiser.denoise_images(y, noise_std, clean=x)
    std = posterior_std(
        denoiser, y, noise_std, n_probes=n_probes, clean=x, random_state=rng
    )
    error, std = error.ravel(), std.ravel()
    # Where the standard deviation is 0, the sign of the error decides.
    scores = np.divide(error, std, out=np.copysign(np.inf, error), where=std > 0)
    return norm.cdf(np.where(error == 0, 0.0, scores))


def ranks_along_directions(denoiser, x, y, noise_std, n_components, rng):
    """Compute the posterior probabilities of values below those of a clean image.

    Parameters
    ----------
    denoiser, x, y, noise_std, rng
        Arguments of :func:`ranks_of_pixels`.
    n_components : int
        Number of directions of largest uncertainty.

    Returns
    -------
    ranks : ndarray of shape (n_components,)
    """
    directions, _ = posterior_directions(
        denoiser,
        y,
        noise_std,
        n_components=n_components,
        clean=x,
        random_state=rng,
    )
    ranks = []
    for v in directions:
        marginal = posterior_marginal(denoiser, y, noise_std, v[None], clean=x)
        ranks.append(marginal.distribution.cdf(v.ravel() @ x.ravel()))
    return np.array(ranks)
