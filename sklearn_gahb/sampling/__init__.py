"""The prior of a denoiser, used: samples, and linear inverse problems."""

from ._density_gap import density_gap
from ._evaluate import Trajectory
from ._inverse import solve_inverse
from ._measurements import (
    MeasurementOperator,
    block_averages,
    low_frequencies,
    observed_pixels,
    random_pixels,
    random_projections,
)
from ._sample import sample
from ._schedules import noise_schedule

__all__ = [
    "MeasurementOperator",
    "Trajectory",
    "block_averages",
    "density_gap",
    "low_frequencies",
    "noise_schedule",
    "observed_pixels",
    "random_pixels",
    "random_projections",
    "sample",
    "solve_inverse",
]
