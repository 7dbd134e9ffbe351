"""Networks by name."""

import torch

from ._bf_cnn import BFCNN
from ._unet import UNet


def make_network(architecture, channels, width, depth, bias, seed):
    """Make a network; what torch draws for its weights is seeded by `seed`.

    Parameters
    ----------
    architecture : {"unet", "bf_cnn"} or callable
        A callable takes the number of channels and returns a :class:`torch.nn.Module`.
    channels : int
        Channels of the images.
    width : int
        Channels of the features.
    depth : int or None
        Poolings of "unet" (None means 3), convolutions of "bf_cnn" (None means 20).
    bias : bool
        Whether there are additive constants.
    seed : int
        The global generator of torch is put back afterwards.

    Returns
    -------
    network : torch.nn.Module
        Maps noisy images (n, channels, height, width) to the noise in them.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if architecture == "unet":
            n_scales = 3 if depth is None else depth
            return UNet(channels, width=width, n_scales=n_scales, bias=bias)
        if architecture == "bf_cnn":
            n_layers = 20 if depth is None else depth
            return BFCNN(channels, width=width, depth=n_layers, bias=bias)
        network = architecture(channels)
    if not isinstance(network, torch.nn.Module):
        raise ValueError(
            f"architecture={architecture!r} returned {network!r}; a torch.nn.Module is "
            "needed."
        )
    return network


def check_network(network, y):
    """Raise a ValueError unless a network keeps the shape of images."""
    network.eval()
    with torch.no_grad():
        shape = tuple(network(y).shape)
    if shape != tuple(y.shape):
        raise ValueError(
            f"The network of architecture maps images of shape {tuple(y.shape)} to "
            f"{shape}; it must return the noise in the shape of the images."
        )
