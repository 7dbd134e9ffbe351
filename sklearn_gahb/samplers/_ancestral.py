"""Ancestral sampling of a denoising diffusion."""

import math
from dataclasses import dataclass
from itertools import pairwise

from ._schedules import ScheduledSampler


@dataclass(frozen=True)
class Ancestral(ScheduledSampler):
    r"""Reverse a diffusion and add fresh noise in each step (DDPM).

    Let :math:`\epsilon_t = (y_t - \hat x(y_t)) / \sigma_t` be the normalized noise that
    the denoiser finds in the image :math:`y_t` at noise level :math:`\sigma_t`. Let z
    be standard normal. Each step first reduces the noise level below
    :math:`\sigma_{t-1}` and then adds noise to reach :math:`\sigma_{t-1}` [1]_,

    .. math:: y_{t-1} = y_t
              + \left( \frac{\sigma_{t-1}^2}{\sigma_t} - \sigma_t \right) \epsilon_t
              + \sqrt{\sigma_{t-1}^2 - \frac{\sigma_{t-1}^4}{\sigma_t^2}}\; z.

    This step is the ancestral step of a variance-preserving diffusion x, rescaled to
    :math:`y = x / \sqrt{\bar\alpha}`. The method needs hundreds of steps.

    Parameters
    ----------
    n_steps : int, default=50
        Number of steps. Each step denoises every image once.
    sigma_max : float, default=None
        First noise level; see :class:`Sampler`.
    sigma_min : float, default=0.01
        Last noise level. Must be positive. Noise of this level remains in the samples.
        To remove all noise, pass a callable `schedule` that ends with the level 0.
    schedule : {"log_linear", "ddpm", "cosine"} or callable, default="log_linear"
        Schedule of the noise levels; see :class:`ScheduledSampler`.

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
        """Yield images and noise levels; see :meth:`Sampler.steps`."""
        for sigma, target in pairwise(self.levels(sigma_max)):
            eps = (y - denoise(y, sigma)) / sigma
            below = target**2 / sigma
            y = y + (below - sigma) * eps
            if target > 0:
                y = y + math.sqrt(target**2 - below**2) * draw_noise(y)
            yield y, target
