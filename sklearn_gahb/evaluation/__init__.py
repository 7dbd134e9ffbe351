"""How good a denoiser is: over noise levels, and beside the best possible."""

from ._density_gap import density_gap
from ._psnr_curve import psnr_curve

__all__ = ["density_gap", "psnr_curve"]
