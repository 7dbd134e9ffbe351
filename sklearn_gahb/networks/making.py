"""Networks by name."""

import copy
import threading

import torch

from ._bf_cnn import BFCNN
from ._dilated_unet import DilatedUNet
from ._unet import UNet
from .adapters import takes_noise_std

# torch draws initial weights from its global generator: one network at a time.
_DRAWING = threading.Lock()


def make_network(recipe, n_channels, seed):
    """Make a network; what torch draws for its weights is seeded by `seed`.

    Parameters
    ----------
    recipe : Recipe or DNNDenoiser
        Says architecture, width, depth and bias.
    n_channels : int
        Channels of the images.
    seed : int
        The global generator of torch is put back afterwards.

    Returns
    -------
    network : torch.nn.Module
        Maps noisy images (n, channels, height, width) to the noise in them.
    """
    architecture, depth = recipe.architecture, recipe.depth
    options = {"width": recipe.width, "bias": recipe.bias}
    with _DRAWING, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if architecture == "unet":
            return UNet(n_channels, n_scales=3 if depth is None else depth, **options)
        if architecture == "bf_cnn":
            return BFCNN(n_channels, depth=20 if depth is None else depth, **options)
        if architecture == "dilated_unet":
            return DilatedUNet(n_channels, **options)
        if isinstance(architecture, torch.nn.Module):
            return copy.deepcopy(architecture)
        network = architecture(n_channels)
    if not isinstance(network, torch.nn.Module):
        raise ValueError(
            f"architecture={architecture!r} returned {network!r}; a torch.nn.Module is "
            "needed."
        )
    return network


def check_network(network, y):
    """Raise a ValueError unless a network can be trained and keeps the image shape."""
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError("The network of architecture has no parameters to train.")
    if takes_noise_std(network):
        raise ValueError(
            "The network of architecture takes noise levels beside the images. "
            "Training is blind here: train it elsewhere, and use "
            "DNNDenoiser.from_module."
        )
    network.eval()
    with torch.no_grad():
        shape = tuple(network(y).shape)
    if shape != tuple(y.shape):
        raise ValueError(
            f"The network of architecture maps images of shape {tuple(y.shape)} to "
            f"{shape}; it must return the noise in the shape of the images."
        )
