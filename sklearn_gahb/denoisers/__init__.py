"""The estimators: one a file, with fit, transform and score in common."""

from ._base import as_denoise
from ._dnn import DNNDenoiser
from ._wavelet import WaveletThresholdDenoiser
from ._wiener import WienerDenoiser

__all__ = ["DNNDenoiser", "WaveletThresholdDenoiser", "WienerDenoiser", "as_denoise"]
