"""Divergence between densities, computed from the errors of their denoisers."""

import numpy as np
from scipy.integrate import trapezoid
from sklearn.utils import Bunch

from .._sklearn_compat import COUNT, validate_params
from ._psnr_curve import standard_error


@validate_params(noise_std=["array-like"], n_values=[COUNT])
def density_gap(excess_mse, noise_std, *, n_values=1):
    r"""Bound the KL divergence between the true and the learned density of images.

    .. math:: KL(p \,\|\, p_\theta) \le \int_0^\infty \left(
              E \|x_\theta(y) - x\|^2 - E \|x^\star(y) - x\|^2 \right)
              \sigma^{-3} \, d\sigma

    Here, p is the density of the images x, and :math:`p_\theta` is the density that the
    denoiser :math:`x_\theta` has learned. At noise level :math:`\sigma`,
    :math:`x^\star` is the optimal denoiser for p [1]_. The bound is an equality if
    :math:`x_\theta` is the optimal denoiser for :math:`p_\theta`. The trapezoidal rule
    in :math:`\log \sigma` approximates the integral over the range of `noise_std`. The
    part of the integral outside this range is left out.

    The optimal denoiser is the conditional mean of x given y, so its error is
    orthogonal to every function of y. The excess error is therefore equal to

    .. math:: E \|x_\theta(y) - x^\star(y)\|^2

    If you can evaluate the optimal denoiser, pass this mean squared difference. Its
    standard error is several times smaller than that of the difference of two errors.
    If you know only the errors of both denoisers, pass their difference.

    Parameters
    ----------
    excess_mse : array-like of shape (n_levels,) or (n_levels, n_images)
        Excess error of the denoiser at each noise level. If you can evaluate the
        optimal denoiser, pass the mean squared difference between the two outputs,
        ``mse(optimal_output, output, average=False)``. Otherwise, pass the mean squared
        error of the denoiser minus that of the optimal denoiser. Pass one number per
        image, or the mean over the images.
    noise_std : array-like of shape (n_levels,)
        At least three positive noise levels, in increasing or decreasing order.
    n_values : int, default=1
        Number of values (pixels times channels) in an image, if the errors are means
        over these values. :func:`~sklearn_gahb.metrics.mse` returns such means. Use 1
        if the errors are sums.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Object with the attributes:

        gap : float
            Value of the integral, in nats.
        std_err : float
            Standard error of `gap` over the images. It is nan if `excess_mse` is the
            mean over the images.
        quadrature_err : float
            Estimated error of the trapezoidal rule: a third of the change in `gap` when
            every other noise level is omitted.

    Raises
    ------
    ValueError
        If `noise_std` is not as described, or if `excess_mse` has another number of
        levels or is not finite.

    Notes
    -----
    The mean squared difference equals the excess error only if :math:`x^\star` is
    exact. If :math:`x^\star` is computed with an independent error, such as that of
    importance sampling, the squared difference exceeds the excess error by the mean
    square of this error. If you pass the difference of the mean squared errors of the
    two denoisers, this difference is too small by the same amount.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.evaluation import density_gap
    >>> sigma = np.geomspace(1e-3, 1e3, 200)
    >>> optimal = sigma**2 / (1 + sigma**2)
    >>> never = np.minimum(1.0, sigma**2)
    >>> f"{density_gap(never - optimal, sigma).gap:.3f}"
    '0.500'
    """
    sigma = np.asarray(noise_std, dtype=np.float64)
    excess = np.asarray(excess_mse, dtype=np.float64)
    steps = np.diff(np.log(np.where(sigma > 0, sigma, np.nan)).ravel())
    is_monotonic = (steps > 0).all() or (steps < 0).all()
    is_finite = np.isfinite(steps).all()
    if sigma.ndim != 1 or len(steps) < 2 or not (is_monotonic and is_finite):
        raise ValueError(
            "noise_std must be at least three positive noise levels that strictly "
            f"increase or decrease; got {noise_std!r}."
        )
    if excess.ndim not in (1, 2) or len(excess) != len(sigma):
        raise ValueError(
            f"excess_mse has shape {excess.shape}; expected ({len(sigma)},) or "
            f"({len(sigma)}, n_images), because noise_std has {len(sigma)} levels."
        )
    if not np.isfinite(excess).all():
        raise ValueError(
            "excess_mse contains NaN or infinity; expected finite errors. Remove the "
            "noise levels without a finite error."
        )
    order = np.argsort(sigma)
    log_sigma = np.log(sigma[order])
    integrand = n_values * (excess[order].T / sigma[order] ** 2).T
    gaps = trapezoid(integrand, log_sigma, axis=0)
    # Both grids keep both ends, so that both integrals cover the same range.
    coarse = np.unique([*range(0, len(sigma), 2), len(sigma) - 1])
    coarse_gaps = trapezoid(integrand[coarse], log_sigma[coarse], axis=0)
    return Bunch(
        gap=float(np.mean(gaps)),
        std_err=float(standard_error(np.atleast_1d(gaps))),
        quadrature_err=float(abs(np.mean(gaps) - np.mean(coarse_gaps)) / 3),
    )
