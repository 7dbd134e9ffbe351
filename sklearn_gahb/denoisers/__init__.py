"""The estimators: one a file, with fit, transform and score in common."""

from ._as_denoise import as_denoise
from ._bandlet import BandletOracle
from ._bm3d import BM3DDenoiser
from ._disk import DiskPosteriorDenoiser
from ._dnn import DNNDenoiser
from ._empirical import EmpiricalDenoiser
from ._wavelet import WaveletThresholdDenoiser
from ._wiener import WienerDenoiser

__all__ = [
    "BM3DDenoiser",
    "BandletOracle",
    "DNNDenoiser",
    "DiskPosteriorDenoiser",
    "EmpiricalDenoiser",
    "WaveletThresholdDenoiser",
    "WienerDenoiser",
    "as_denoise",
]
