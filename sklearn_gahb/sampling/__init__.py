"""Sampling and linear inverse problems with the prior implicit in a denoiser."""

from ._inverse import solve_inverse
from ._operators import (
    MeasurementOperator,
    block_averages,
    circular_blur,
    low_frequencies,
    observed_pixels,
    random_pixels,
    random_projections,
)
from ._sample import sample

__all__ = [
    "MeasurementOperator",
    "block_averages",
    "circular_blur",
    "low_frequencies",
    "observed_pixels",
    "random_pixels",
    "random_projections",
    "sample",
    "solve_inverse",
]
