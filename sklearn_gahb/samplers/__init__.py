"""Samplers, which turn noise into images. Each module holds one sampling method."""

from ._ancestral import Ancestral
from ._base import Sampler, Trajectory, run_sampler
from ._coarse_to_fine import CoarseToFine
from ._ddim import DDIM
from ._gradient_estimation import GradientEstimation
from ._schedules import ScheduledSampler, noise_schedule

__all__ = [
    "DDIM",
    "Ancestral",
    "CoarseToFine",
    "GradientEstimation",
    "Sampler",
    "ScheduledSampler",
    "Trajectory",
    "noise_schedule",
    "run_sampler",
]
