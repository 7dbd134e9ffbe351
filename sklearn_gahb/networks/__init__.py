"""Networks: plain PyTorch modules that map noisy images to the noise in them."""

from ._bf_cnn import BFCNN
from ._dilated_unet import DilatedUNet
from ._unet import UNet
from .adapters import NoiseFromImage, PaddedNetwork
from .conservative import ConservativeNetwork, SmoothReLU
from .norms import BiasFreeBatchNorm2d

__all__ = [
    "BFCNN",
    "BiasFreeBatchNorm2d",
    "ConservativeNetwork",
    "DilatedUNet",
    "NoiseFromImage",
    "PaddedNetwork",
    "SmoothReLU",
    "UNet",
]
