"""Denoising diffusion."""

import math
from dataclasses import dataclass
from itertools import pairwise

from ._schedules import ScheduledSampler


@dataclass(frozen=True)
class Ancestral(ScheduledSampler):
    r"""Go back in a diffusion, with fresh noise in each step (DDPM).

    With :math:`\epsilon_t = (y_t - \hat x(y_t)) / \sigma_t` and standard normal z the
    step goes below the next level and up to it again [1]_,

    .. math:: y_{t-1} = y_t
              + \left( \frac{\sigma_{t-1}^2}{\sigma_t} - \sigma_t \right) \epsilon_t
              + \sqrt{\sigma_{t-1}^2 - \frac{\sigma_{t-1}^4}{\sigma_t^2}}\; z,

    which is the ancestral step of a variance-preserving diffusion x in the scale
    :math:`y = x / \sqrt{\bar\alpha}`. It wants hundreds of steps.

    Parameters
    ----------
    n_steps : int, default=50
        Number of steps, each with one evaluation.
    sigma_max : float, default=None
        Noise level to begin with, see :class:`Sampler`.
    sigma_min : float, default=0.01
        Noise level to end with, positive; noise of this level is left in the samples.
        To end without noise, pass a function as `schedule` whose last level is 0.
    schedule : {"log_linear", "ddpm", "cosine"} or callable, default="log_linear"
        Noise levels, see :class:`ScheduledSampler`.

    References
    ----------
    .. [1] J. Ho, A. Jain, P. Abbeel, "Denoising diffusion probabilistic models",
       NeurIPS 2020. :arxiv:`2006.11239`

    Examples
    --------
    >>> from sklearn_gahb import EmpiricalDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.samplers import Ancestral
    >>> denoiser = EmpiricalDenoiser().fit(make_disk_images(5, 16, random_state=0))
    >>> denoiser.sample(3, sampler=Ancestral(n_steps=200)).shape
    (3, 16, 16)
    """

    def steps(self, denoise, y, sigma_max, draw_noise):
        """Yield images and noise levels; see :class:`Sampler`."""
        for sigma, target in pairwise(self.levels(sigma_max)):
            eps = (y - denoise(y, sigma)) / sigma
            below = target**2 / sigma
            y = y + (below - sigma) * eps
            if target > 0:
                y = y + math.sqrt(target**2 - below**2) * draw_noise(y)
            yield y, target
