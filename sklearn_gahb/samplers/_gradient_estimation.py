"""Sampling along the flow of the densities, with a two-step method."""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from .._sklearn_compat import NOT_NEGATIVE
from ._schedules import ScheduledSampler


@dataclass(frozen=True, kw_only=True)
class GradientEstimation(ScheduledSampler):
    r"""Follow the probability flow of a diffusion with a multistep method.

    Let :math:`\epsilon_t = (y_t - \hat x(y_t)) / \sigma_t` be the slope of the flow at
    the noise level :math:`\sigma_t`; see :class:`DDIM`. The step is [1]_

    .. math:: y_{t-1} = y_t + (\sigma_{t-1} - \sigma_t)
              \left( \gamma \epsilon_t + (1 - \gamma) \epsilon_{t+1} \right).

    The first step uses :math:`\gamma = 1`, because no previous step exists. Samples are
    good after 5 to 10 evaluations of the denoiser.

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
    gamma : float, default=2.0
        Weight :math:`\gamma` of the current step. With few steps, ``gamma=2`` cancels
        the errors best. With 20 steps or more, ``gamma=1.5`` is best. On a log-linear
        schedule, ``gamma=1.5`` gives the second-order Adams-Bashforth step. For a
        Gaussian and 100 steps from noise level 10 to 0.01, samples with ``gamma=1.5``
        deviate from the exact flow by at most 0.1 percent. With ``gamma=2`` or
        :class:`DDIM`, the deviation is at most 3 percent
        (`benchmarks/bench_samplers.py`).

    References
    ----------
    .. [1] F. Permenter, C. Yuan, "Interpreting and improving diffusion models from an
       optimization perspective", ICML 2024. :arxiv:`2306.04848`

    Examples
    --------
    >>> from sklearn_gahb import EmpiricalDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.samplers import GradientEstimation
    >>> denoiser = EmpiricalDenoiser().fit(make_disk_images(5, 16, random_state=0))
    >>> denoiser.sample(3, sampler=GradientEstimation(n_steps=10)).shape
    (3, 16, 16)
    """

    gamma: float = 2.0
    constraints: ClassVar = ScheduledSampler.constraints | {"gamma": [NOT_NEGATIVE]}

    def steps(self, denoise, y, sigma_max, draw_noise):
        """Yield images and noise levels; see :meth:`Sampler.steps`."""
        previous = None
        for sigma, target in pairwise(self.levels(sigma_max)):
            eps = (y - denoise(y, sigma)) / sigma
            previous = eps if previous is None else previous
            y = y + (target - sigma) * (self.gamma * eps + (1 - self.gamma) * previous)
            previous = eps
            yield y, target
