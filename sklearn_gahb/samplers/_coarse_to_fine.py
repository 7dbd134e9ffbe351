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
    r"""Climb the density in steps that adapt to the remaining noise.

    Let :math:`r = \hat x(y) - y` be the residual of an image with d values. Each step
    computes [1]_

    .. math:: \sigma^2 = \|r\|^2 / d, \qquad y \leftarrow y + h r + \gamma z, \qquad
              \gamma^2 = \left((1 - \beta h)^2 - (1 - h)^2\right) \sigma^2

    where z is standard normal. Each image takes its last step when :math:`\sigma \le`
    `sigma_min`, regardless of the other images. The last step is :math:`y \leftarrow y
    + r`, so no noise remains, and the noise level of the image is 0. The denoiser
    receives the noise level :math:`(1 - \beta h) \sigma` that the previous step aimed
    at, with the :math:`\sigma` of that step. The method needs no schedule, because the
    residual of a blind denoiser measures the noise level.

    Parameters
    ----------
    sigma_max : float, default=None
        First noise level; see :class:`Sampler`.
    sigma_min : float, default=0.01
        Noise level at or below which an image takes its last step.
    step_size : float, default=0.05
        Step size h: the fraction of the residual r that each step adds to the image.
    beta : float, default=0.5
        Controls how much noise each step adds. A step multiplies the noise level by
        :math:`1 - \beta h`, so a smaller `beta` adds more noise and is slower. If 1, no
        noise is added.
    step_schedule : {"constant", "published"}, default="constant"
        Schedule of the step sizes. "constant" uses the same h in every step.
        "published" uses :math:`h_t = h_0 t / (1 + h_0 (t - 1))` [1]_, where
        :math:`h_0` is `step_size`. The step size grows from :math:`h_0` towards 1. The
        published values are a `step_size` of 0.01, a `beta` of 0.01 and a `sigma_max`
        of 1. With these values, the covariance of samples from a Gaussian has an error
        of 25 to 40 percent. With "published", a `step_size` of 0.0005 and the default
        `beta`, the error is at most 8 percent. With "constant" and the defaults of
        `step_size` and `beta`, the error is also at most 8 percent
        (`benchmarks/bench_samplers.py`).
    bounded : bool, default=False
        If True, limit the measured noise level :math:`\sigma`: to `sigma_max` in the
        first step, and then to the target of the previous step. Use True for inverse
        problems. Where pixels are missing, no measurement constrains the image, so the
        residual there is larger than the noise. Without the limit, the
        sampler takes this residual for noise, and adds too much noise in every step.
    max_evaluations : int, default=1000
        Maximum number of steps. Each step denoises every unfinished image once.

    Warns
    -----
    UserWarning
        If an image takes `max_evaluations` steps without reaching `sigma_min`.

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
        """Yield images and noise levels; see :meth:`Sampler.steps`."""
        sigma = y.new_full((len(y),), sigma_max)
        active = torch.arange(len(y), device=y.device)
        for step in range(1, self.max_evaluations + 1):
            r = denoise(y, sigma, active) - y[active]
            level = r.flatten(1).norm(dim=1) / math.sqrt(r[0].numel())
            if self.bounded:
                level = torch.minimum(level, sigma[active])
            h = self._step_size(step)
            left = 1 - self.beta * h
            # Draw noise for all images, so that the noise of an image does not depend
            # on which other images are finished.
            noise = draw_noise(y)[active]
            amplitude = math.sqrt(left**2 - (1 - h) ** 2) * level
            change = h * r + amplitude.view(-1, 1, 1, 1) * noise
            # The last step has h = 1. It removes the remaining noise and makes the
            # image agree with the measurements.
            moving = level > self.sigma_min
            change = torch.where(moving.view(-1, 1, 1, 1), change, r)
            level = torch.where(moving, left * level, 0.0)
            y = y.index_add(0, active, change)
            sigma = sigma.index_copy(0, active, level)
            active = active[moving]
            yield y, sigma
            if not len(active):
                return
        warn(
            f"{len(active)} of {len(y)} images still have a noise level above "
            f"sigma_min={self.sigma_min} after {self.max_evaluations} evaluations; the "
            f"largest level is {float(sigma[active].max()):.3g}. Increase "
            "max_evaluations or step_size, or check that the noise levels and the "
            "measurements are in the units of the denoiser."
        )

    def _step_size(self, t):
        """Compute the step size h_t, which is constant or grows towards 1."""
        if self.step_schedule == "constant":
            return self.step_size
        return self.step_size * t / (1 + self.step_size * (t - 1))
