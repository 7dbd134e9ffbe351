"""Deterministic sampling along the flow of the densities."""

from dataclasses import dataclass
from itertools import pairwise

from ._schedules import ScheduledSampler


@dataclass(frozen=True)
class DDIM(ScheduledSampler):
    r"""Follow the flow of the densities with Euler's method.

    The flow :math:`dy / d\sigma = (y - \hat x(y)) / \sigma` moves noisy images from one
    noise level to another. Let :math:`\epsilon_t = (y_t - \hat x(y_t)) / \sigma_t` be
    its slope at the noise level :math:`\sigma_t`. The step is [1]_

    .. math:: y_{t-1} = y_t + (\sigma_{t-1} - \sigma_t)\, \epsilon_t.

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
    .. [1] J. Song, C. Meng, S. Ermon, "Denoising diffusion implicit models", ICLR 2021.
       :arxiv:`2010.02502`

    Examples
    --------
    >>> from sklearn_gahb import EmpiricalDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.samplers import DDIM
    >>> denoiser = EmpiricalDenoiser().fit(make_disk_images(5, 16, random_state=0))
    >>> denoiser.sample(3, sampler=DDIM(n_steps=20)).shape
    (3, 16, 16)
    """

    def steps(self, denoise, y, sigma_max, draw_noise):
        """Yield images and noise levels; see :meth:`Sampler.steps`."""
        for sigma, target in pairwise(self.levels(sigma_max)):
            eps = (y - denoise(y, sigma)) / sigma
            y = y + (target - sigma) * eps
            yield y, target
