"""Evaluation of denoisers at many noise levels and against the optimal denoiser."""

from ._density_gap import density_gap
from ._psnr_curve import psnr_curve

__all__ = ["density_gap", "psnr_curve"]
