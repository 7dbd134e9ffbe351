"""Noise levels from coarse to fine."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

# Time is from 0 (no noise) to 1, on a fine grid that levels are interpolated on.
TIMES = np.linspace(0, 1, 10_001)


def ddpm_levels():
    """Levels at `TIMES` of variances that grow linearly, from 1e-4 to 0.02 in 1000.

    sigma^2 = (1 - abar) / abar with abar the product of 1 - beta.
    """
    log_abar = np.cumsum(np.log1p(-np.linspace(1e-4, 0.02, 1000)))
    log_abar = np.interp(TIMES * 1000, np.arange(1001), np.append(0, log_abar))
    return np.sqrt(np.expm1(-log_abar))


def cosine_levels(offset=0.008):
    """Levels at `TIMES` of abar = cos^2(pi (t + s) / (2 + 2 s)), relative to t = 0."""
    angle = np.pi / 2 * (TIMES + offset) / (1 + offset)
    abar = (np.cos(angle) / np.cos(angle[0])) ** 2
    return np.sqrt((1 - abar) / abar)


@validate_params(
    {
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "sigma_start": [Interval(Real, 0, None, closed="neither")],
        "sigma_end": [Interval(Real, 0, None, closed="neither")],
        "kind": [StrOptions({"log_linear", "ddpm", "cosine"})],
    },
    prefer_skip_nested_validation=True,
)
def noise_schedule(n_steps, sigma_start=1.0, sigma_end=0.01, kind="log_linear"):
    r"""Make a schedule of decreasing noise levels.

    Parameters
    ----------
    n_steps : int
        Number of steps.
    sigma_start, sigma_end : float
        First and last level, in the units of the images.
    kind : {"log_linear", "ddpm", "cosine"}, default="log_linear"
        "log_linear" divides the level by the same factor in each step. The others step
        evenly in the time of a diffusion with
        :math:`\sigma^2 = (1 - \bar\alpha) / \bar\alpha`: that with variances which grow
        linearly from 1e-4 to 0.02 [1]_, or with
        :math:`\bar\alpha \propto \cos^2(\tfrac{\pi}{2} \tfrac{t + 0.008}{1.008})` [2]_.

    Returns
    -------
    sigmas : ndarray of shape (n_steps + 1,)
        Strictly decreasing.

    Raises
    ------
    ValueError
        If `sigma_end` is not below `sigma_start`, or a level is beyond those of the
        diffusion.

    References
    ----------
    .. [1] J. Ho, A. Jain, P. Abbeel, "Denoising diffusion probabilistic models",
       NeurIPS 2020. :arxiv:`2006.11239`
    .. [2] A. Nichol, P. Dhariwal, "Improved denoising diffusion probabilistic models",
       ICML 2021. :arxiv:`2102.09672`

    Examples
    --------
    >>> from sklearn_gahb.sampling import noise_schedule
    >>> noise_schedule(2, 1.0, 0.01)
    array([1.  , 0.1 , 0.01])
    """
    check_ends(sigma_start, sigma_end)
    if kind == "log_linear":
        return np.geomspace(sigma_start, sigma_end, n_steps + 1)
    levels = ddpm_levels() if kind == "ddpm" else cosine_levels()
    if sigma_start > levels[-1]:
        raise ValueError(
            f"sigma_start={sigma_start} is beyond the levels of kind={kind!r}, which "
            f"end at {levels[-1]:.4g}."
        )
    ends = np.interp([sigma_start, sigma_end], levels, TIMES)
    sigmas = np.interp(np.linspace(*ends, n_steps + 1), TIMES, levels)
    sigmas[[0, -1]] = sigma_start, sigma_end
    return sigmas


def check_ends(sigma_start, sigma_end):
    """Raise a ValueError unless noise gets less."""
    if sigma_end >= sigma_start:
        raise ValueError(
            f"sigma_end={sigma_end} must be below sigma_start={sigma_start}."
        )


def check_schedule(sigmas):
    """An array of strictly decreasing levels, of which the last may be 0."""
    sigmas = np.asarray(sigmas, dtype=np.float64)
    if sigmas.ndim != 1 or len(sigmas) < 2 or not np.isfinite(sigmas).all():
        raise ValueError(
            f"schedule must hold at least two noise levels; got {sigmas!r}."
        )
    if (np.diff(sigmas) >= 0).any() or sigmas[-1] < 0:
        first = int(np.argmax(np.append(np.diff(sigmas) >= 0, True)))
        raise ValueError(
            f"schedule must decrease strictly and end at 0 or above; got "
            f"{sigmas[first : first + 2]} at position {first}."
        )
    return sigmas
