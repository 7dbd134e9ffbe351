"""Evaluation of denoisers: many noise levels, known optima, and hidden pixels."""

from ._density_gap import density_gap
from ._j_invariant import make_j_invariant_scorer
from ._psnr_curve import psnr_curve

__all__ = ["density_gap", "make_j_invariant_scorer", "psnr_curve"]
