"""Noise levels from coarse to fine, and the samplers that follow them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from .._sklearn_compat import COUNT, POSITIVE, StrOptions, validate_params
from ._base import Sampler, check_ends

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
        If `sigma_min` is not below `sigma_max`, or a level is beyond those of the
        diffusion.

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
            f"sigma_max={sigma_max} is beyond the levels of kind={kind!r}, which "
            f"end at {levels[-1]:.4g}."
        )
    ends = np.interp([sigma_max, sigma_min], levels, TIMES)
    sigmas = np.interp(np.linspace(*ends, n_steps + 1), TIMES, levels)
    sigmas[[0, -1]] = sigma_max, sigma_min
    return sigmas


def check_schedule(sigmas, sigma_max):
    """An array of levels that decrease from the first one; the last may be 0."""
    sigmas = np.asarray(sigmas, dtype=np.float64)
    if sigmas.ndim != 1 or len(sigmas) < 2 or not np.isclose(sigmas[0], sigma_max):
        raise ValueError(
            f"schedule must return at least two noise levels, from sigma_max="
            f"{sigma_max:g} on; got {sigmas!r}."
        )
    if not (np.diff(sigmas) < 0).all() or sigmas[-1] < 0:
        first = int(np.argmax(np.append(np.diff(sigmas) >= 0, True)))
        raise ValueError(
            f"schedule must decrease strictly and end at 0 or above; got "
            f"{sigmas[first : first + 2]} at position {first}."
        )
    return sigmas


@dataclass(frozen=True)
class ScheduledSampler(Sampler):
    """Base class of samplers that follow noise levels which are known beforehand.

    Parameters
    ----------
    n_steps : int, default=50
        Number of steps.
    sigma_max : float, default=None
        Noise level to begin with, see :class:`Sampler`.
    sigma_min : float, default=0.01
        Noise level to end with, positive; noise of this level is left in the samples.
        To end without noise, pass a function as `schedule` whose last level is 0.
    schedule : {"log_linear", "ddpm", "cosine"} or callable, default="log_linear"
        Kind of :func:`noise_schedule`, or a function ``schedule(n_steps, sigma_max,
        sigma_min)`` that returns the levels: strictly decreasing from `sigma_max` on.
        The last may be 0.

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
        """Compute the noise levels, one more than there are steps.

        Parameters
        ----------
        sigma_max : float
            The first level.

        Returns
        -------
        sigmas : list of float
            Strictly decreasing, from `sigma_max` to `sigma_min`; of ``n_steps + 1``
            levels, if the schedule is not a function that returns others.
        """
        ends = self.n_steps, sigma_max, self.sigma_min
        if callable(self.schedule):
            return check_schedule(self.schedule(*ends), sigma_max).tolist()
        return noise_schedule(*ends, self.schedule).tolist()
