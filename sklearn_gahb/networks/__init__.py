"""The learned maps: plain torch modules that map noisy images to the noise in them."""

from ._bf_cnn import BFCNN
from ._dilated_unet import DilatedUNet
from ._layers import BiasFreeBatchNorm2d
from ._noise_from_image import NoiseFromImage
from ._unet import UNet

__all__ = ["BFCNN", "BiasFreeBatchNorm2d", "DilatedUNet", "NoiseFromImage", "UNet"]
