"""Evaluation of denoisers: noise levels, known optima, hidden pixels, and copies."""

from ._density_gap import density_gap
from ._j_invariant import make_j_invariant_scorer
from ._memorized_fraction import memorized_fraction
from ._psnr_curve import psnr_curve

__all__ = [
    "density_gap",
    "make_j_invariant_scorer",
    "memorized_fraction",
    "psnr_curve",
]
