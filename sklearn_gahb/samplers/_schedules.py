"""Schedules of decreasing noise levels, and the base class for their samplers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from .._sklearn_compat import COUNT, POSITIVE, StrOptions, validate_params
from ._base import Sampler, check_ends

# Grid of times from 0 (no noise) to 1, on which noise levels are interpolated.
TIMES = np.linspace(0, 1, 10_001)


def ddpm_levels():
    """Compute levels at `TIMES` for the DDPM schedule.

    1000 variances beta grow linearly from 1e-4 to 0.02, and
    sigma^2 = (1 - abar) / abar, where abar is the product of 1 - beta.
    """
    log_abar = np.cumsum(np.log1p(-np.linspace(1e-4, 0.02, 1000)))
    log_abar = np.interp(TIMES * 1000, np.arange(1001), np.append(0, log_abar))
    return np.sqrt(np.expm1(-log_abar))


def cosine_levels(offset=0.008):
    """Compute levels at `TIMES` for the cosine schedule.

    abar = cos^2(pi (t + s) / (2 + 2 s)), divided by its value at t = 0.
    """
    angle = np.pi / 2 * (TIMES + offset) / (1 + offset)
    abar = (np.cos(angle) / np.cos(angle[0])) ** 2
    return np.sqrt((1 - abar) / abar)


KINDS = StrOptions({"log_linear", "ddpm", "cosine"})


@validate_params(
    n_steps=[COUNT], sigma_max=[POSITIVE], sigma_min=[POSITIVE], kind=[KINDS]
)
def noise_schedule(n_steps, sigma_max=1.0, sigma_min=0.01, kind="log_linear"):
    r"""Make a schedule of decreasing noise levels.

    Parameters
    ----------
    n_steps : int
        Number of steps.
    sigma_max, sigma_min : float
        First and last noise level, in the units of the images.
    kind : {"log_linear", "ddpm", "cosine"}, default="log_linear"
        Kind of schedule. "log_linear" divides the noise level by the same factor in
        each step. "ddpm" and "cosine" take equal steps in the time t of a diffusion,
        where :math:`\sigma^2 = (1 - \bar\alpha) / \bar\alpha`. For "ddpm", the
        variances of the diffusion grow linearly from 1e-4 to 0.02 [1]_. For "cosine",
        :math:`\bar\alpha \propto \cos^2(\tfrac{\pi}{2} \tfrac{t + 0.008}{1.008})` [2]_.

    Returns
    -------
    sigmas : ndarray of shape (n_steps + 1,)
        Strictly decreasing noise levels.

    Raises
    ------
    ValueError
        If `sigma_min` is not below `sigma_max`, or if `sigma_max` is above the largest
        noise level of the diffusion.

    References
    ----------
    .. [1] J. Ho, A. Jain, P. Abbeel, "Denoising diffusion probabilistic models",
       NeurIPS 2020. :arxiv:`2006.11239`
    .. [2] A. Nichol, P. Dhariwal, "Improved denoising diffusion probabilistic models",
       ICML 2021. :arxiv:`2102.09672`

    Examples
    --------
    >>> from sklearn_gahb.samplers import noise_schedule
    >>> noise_schedule(2, 1.0, 0.01)
    array([1.  , 0.1 , 0.01])
    """
    check_ends(sigma_max, sigma_min)
    if kind == "log_linear":
        return np.geomspace(sigma_max, sigma_min, n_steps + 1)
    levels = ddpm_levels() if kind == "ddpm" else cosine_levels()
    if sigma_max > levels[-1]:
        raise ValueError(
            f"sigma_max={sigma_max} is beyond the levels of kind={kind!r}, which end "
            f"at {levels[-1]:.4g}. Decrease sigma_max or use kind='log_linear'."
        )
    ends = np.interp([sigma_max, sigma_min], levels, TIMES)
    sigmas = np.interp(np.linspace(*ends, n_steps + 1), TIMES, levels)
    sigmas[[0, -1]] = sigma_max, sigma_min
    return sigmas


def check_schedule(sigmas, sigma_max):
    """Return strictly decreasing noise levels as an array, or raise a ValueError."""
    sigmas = np.asarray(sigmas, dtype=np.float64)
    if sigmas.ndim != 1 or len(sigmas) < 2 or not np.isclose(sigmas[0], sigma_max):
        raise ValueError(
            f"schedule must return at least two noise levels, the first equal to "
            f"sigma_max={sigma_max:g}; got {sigmas!r}."
        )
    if not (np.diff(sigmas) < 0).all() or sigmas[-1] < 0:
        first = int(np.argmax(np.append(np.diff(sigmas) >= 0, True)))
        raise ValueError(
            f"schedule must return levels that decrease strictly and end at 0 or "
            f"above; got {sigmas[first : first + 2]} at position {first}."
        )
    return sigmas


@dataclass(frozen=True)
class ScheduledSampler(Sampler):
    """Base class for samplers whose noise levels are known in advance.

    Parameters
    ----------
    n_steps : int, default=50
        Number of steps.
    sigma_max : float, default=None
        First noise level; see :class:`Sampler`.
    sigma_min : float, default=0.01
        Last noise level. Must be positive. Noise of this level remains in the samples.
        To remove all noise, pass a callable `schedule` that ends with the level 0.
    schedule : {"log_linear", "ddpm", "cosine"} or callable, default="log_linear"
        Schedule of the noise levels. A string is the `kind` of a
        :func:`noise_schedule`. A callable ``schedule(n_steps, sigma_max, sigma_min)``
        returns the noise levels. They must start at `sigma_max` and decrease strictly.
        The last noise level can be 0.

    Examples
    --------
    >>> from sklearn_gahb.samplers import DDIM
    >>> DDIM(n_steps=2).levels(sigma_max=1.0)
    [1.0, 0.1, 0.01]
    """

    n_steps: int = 50
    schedule: str | Callable = field(default="log_linear", kw_only=True)
    constraints: ClassVar = Sampler.constraints | {
        "n_steps": [COUNT],
        "schedule": [KINDS, callable],
    }

    def levels(self, sigma_max):
        """Compute the noise levels before the first step and after each step.

        Parameters
        ----------
        sigma_max : float
            First noise level.

        Returns
        -------
        sigmas : list of float
            Strictly decreasing noise levels. If `schedule` is a string, there are
            ``n_steps + 1`` noise levels from `sigma_max` to `sigma_min`. If `schedule`
            is a callable, it determines the noise levels.
        """
        ends = self.n_steps, sigma_max, self.sigma_min
        if callable(self.schedule):
            return check_schedule(self.schedule(*ends), sigma_max).tolist()
        return noise_schedule(*ends, self.schedule).tolist()
