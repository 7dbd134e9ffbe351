"""Coarse-to-fine stochastic ascent."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import torch

from .._sklearn_compat import COUNT, FRACTION, Interval, StrOptions
from .._warnings import warn
from ._base import Sampler


@dataclass(frozen=True, kw_only=True)
class CoarseToFine(Sampler):
    r"""Climb the density, with steps that follow the noise that is left.

    With the residual :math:`r = \hat x(y) - y` of an image of d values [1]_,

    .. math:: \sigma^2 = \|r\|^2 / d, \qquad y \leftarrow y + h r + \gamma z, \qquad
              \gamma^2 = \left((1 - \beta h)^2 - (1 - h)^2\right) \sigma^2

    until :math:`\sigma \le` `sigma_min`, for each image by itself; then
    :math:`y \leftarrow y + r`, so that no noise is left. The denoiser is told the level
    that the step before was to leave, :math:`(1 - \beta h) \sigma`. Levels need no
    schedule: blind denoisers know them.

    Parameters
    ----------
    sigma_max : float, default=None
        Noise level to begin with, see :class:`Sampler`.
    sigma_min : float, default=0.01
        Noise level at which an image is done, but for a last whole step.
    step_size : float, default=0.05
        The step h.
    beta : float, default=0.5
        Share of a step by which the noise falls. 1 adds no noise.
    step_schedule : {"constant", "published"}, default="constant"
        "constant" keeps h. "published" is :math:`h_t = h_0 t / (1 + h_0 (t - 1))` [1]_
        with `step_size` as :math:`h_0`: it grows to 1. With the published values, 0.01
        and beta = 0.01 from `sigma_max` 1, the covariance of samples from a Gaussian is
        off by 25 to 40 percent; with 0.0005 it is met within 8 percent, as it is by a
        constant 0.05 (`benchmarks/bench_samplers.py`).
    bounded : bool, default=False
        Whether the level is at most what the step before was to leave, and at first
        `sigma_max`. For inverse problems: residuals in a hole, where nothing holds the
        image, are more than noise, and would call for more of it in every step.
    max_evaluations : int, default=1000
        Bound on the number of steps.

    Warns
    -----
    UserWarning
        If `max_evaluations` was reached before `sigma_min`.

    References
    ----------
    .. [1] Z. Kadkhodaie, E. P. Simoncelli, "Solving linear inverse problems using the
       prior implicit in a denoiser", NeurIPS 2021. :arxiv:`2007.13640`

    Examples
    --------
    >>> from sklearn_gahb import EmpiricalDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.samplers import CoarseToFine
    >>> denoiser = EmpiricalDenoiser().fit(make_disk_images(5, 16, random_state=0))
    >>> denoiser.sample(3, sampler=CoarseToFine()).shape
    (3, 16, 16)
    """

    step_size: float = 0.05
    beta: float = 0.5
    step_schedule: str = "constant"
    bounded: bool = False
    max_evaluations: int = 1000
    constraints: ClassVar = Sampler.constraints | {
        "step_size": [FRACTION],
        "beta": [Interval(Real, 0, 1, closed="both")],
        "step_schedule": [StrOptions({"constant", "published"})],
        "bounded": ["boolean"],
        "max_evaluations": [COUNT],
    }

    def steps(self, denoise, y, sigma_max, draw_noise):
        """Yield images and noise levels; see :class:`Sampler`."""
        sigma = y.new_full((len(y),), sigma_max)
        active = torch.arange(len(y), device=y.device)
        for step in range(1, self.max_evaluations + 1):
            r = denoise(y, sigma, active) - y[active]
            level = r.flatten(1).norm(dim=1) / math.sqrt(r[0].numel())
            if self.bounded:
                level = torch.minimum(level, sigma[active])
            h = self._step_size(step)
            left = 1 - self.beta * h
            # Noise is drawn for all, so that it does not matter who has stopped.
            noise = draw_noise(y)[active]
            amplitude = math.sqrt(left**2 - (1 - h) ** 2) * level
            change = h * r + amplitude.view(-1, 1, 1, 1) * noise
            # The last step is a whole one: the noise that is left goes, and
            # measurements are met.
            moving = level > self.sigma_min
            change = torch.where(moving.view(-1, 1, 1, 1), change, r)
            level = torch.where(moving, left * level, level)
            y = y.index_add(0, active, change)
            sigma = sigma.index_copy(0, active, level)
            active = active[moving]
            yield y, sigma
            if not len(active):
                return
        warn(
            f"{len(active)} of {len(y)} images have noise of more than sigma_min="
            f"{self.sigma_min} left after {self.max_evaluations} evaluations, up to "
            f"{float(sigma[active].max()):.3g}. Increase max_evaluations or step_size, "
            "or check that noise levels and measurements are in the units of the "
            "denoiser."
        )

    def _step_size(self, t):
        """h_t: constant, or h0 t / (1 + h0 (t - 1)), which tends to 1."""
        if self.step_schedule == "constant":
            return self.step_size
        return self.step_size * t / (1 + self.step_size * (t - 1))
