"""Evaluation of denoisers: noise levels, densities, calibration, and copies."""

from ._coverage_curve import coverage_curve
from ._density_gap import density_gap
from ._j_invariant import make_j_invariant_scorer
from ._log_density import log_density
from ._log_density_by_flow import log_density_by_flow
from ._memorized_fraction import memorized_fraction
from ._psnr_curve import psnr_curve

__all__ = [
    "coverage_curve",
    "density_gap",
    "log_density",
    "log_density_by_flow",
    "make_j_invariant_scorer",
    "memorized_fraction",
    "psnr_curve",
]
