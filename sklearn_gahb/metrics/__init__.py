"""Measures of the difference between images, and scorers."""

from ._errors import mse, psnr
from ._residual import mean_absolute_residual
from ._scorers import make_psnr_scorer, make_ssim_scorer
from ._ssim import ssim

__all__ = [
    "make_psnr_scorer",
    "make_ssim_scorer",
    "mean_absolute_residual",
    "mse",
    "psnr",
    "ssim",
]
