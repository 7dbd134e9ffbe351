"""Estimators, one per file, and the protocol that they all follow."""

from ._as_denoiser import as_denoiser
from ._bandlet import BandletDenoiser
from ._bandlet_oracle import BandletOracle
from ._bm3d import BM3DDenoiser
from ._chain import DenoiserChain
from ._choose_patch_size import choose_patch_size
from ._disk import DiskPosteriorDenoiser
from ._dnn import DNNDenoiser
from ._empirical import EmpiricalDenoiser
from ._function import FunctionDenoiser
from ._gaussian import GaussianDenoiser
from ._local_posterior import LocalPosteriorDenoiser
from ._transformer import TransformerDenoiser
from ._variance_stabilized import VarianceStabilizedDenoiser
from ._wavelet import WaveletThresholdDenoiser
from ._wiener import WienerDenoiser
from .base import BaseDenoiser
from .linearization import Linearization
from .prior import Prior

__all__ = [
    "BM3DDenoiser",
    "BandletDenoiser",
    "BandletOracle",
    "BaseDenoiser",
    "DNNDenoiser",
    "DenoiserChain",
    "DiskPosteriorDenoiser",
    "EmpiricalDenoiser",
    "FunctionDenoiser",
    "GaussianDenoiser",
    "Linearization",
    "LocalPosteriorDenoiser",
    "Prior",
    "TransformerDenoiser",
    "VarianceStabilizedDenoiser",
    "WaveletThresholdDenoiser",
    "WienerDenoiser",
    "as_denoiser",
    "choose_patch_size",
]
