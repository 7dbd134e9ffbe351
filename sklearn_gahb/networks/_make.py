"""Networks by name."""

import copy
import threading
from contextlib import suppress

import torch

from ._bf_cnn import BFCNN
from ._dilated_unet import DilatedUNet
from ._unet import UNet

# torch draws initial weights from its global generator: one network at a time.
_DRAWING = threading.Lock()


def make_network(architecture, channels, width, depth, bias, seed):
    """Make a network; what torch draws for its weights is seeded by `seed`.

    Parameters
    ----------
    architecture : {"unet", "bf_cnn", "dilated_unet"}, Module or callable
        A :class:`torch.nn.Module` is copied with its weights. Other callables take the
        number of channels and return one.
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
    with _DRAWING, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if architecture == "unet":
            n_scales = 3 if depth is None else depth
            return UNet(channels, width=width, n_scales=n_scales, bias=bias)
        if architecture == "bf_cnn":
            n_layers = 20 if depth is None else depth
            return BFCNN(channels, width=width, depth=n_layers, bias=bias)
        if architecture == "dilated_unet":
            return DilatedUNet(channels, width=width, bias=bias)
        if isinstance(architecture, torch.nn.Module):
            return copy.deepcopy(architecture)
        network = architecture(channels)
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
    network.eval()
    with torch.no_grad():
        shape = tuple(network(y).shape)
    if shape != tuple(y.shape):
        raise ValueError(
            f"The network of architecture maps images of shape {tuple(y.shape)} to "
            f"{shape}; it must return the noise in the shape of the images."
        )


def check_channels(network, n_channels):
    """Raise a ValueError if a network takes images of another number of channels."""
    if shape_of_output(network, n_channels) is not None:
        return
    for other in (1, 3, 4, 2):
        if shape_of_output(network, other) == (1, other, 64, 64):
            raise ValueError(
                f"n_channels={n_channels}, but the network takes images of "
                f"n_channels={other}."
            )


def shape_of_output(network, n_channels):
    """Shape that comes of an image of 64x64; None if the network does not take it."""
    # Networks of users may raise anything, and 64x64 need not be a size of theirs.
    with suppress(Exception), torch.no_grad():
        first = next(network.parameters(), torch.empty(0))
        return tuple(network(first.new_zeros(1, n_channels, 64, 64)).shape)
    return None


def check_statistics(network):
    """Raise a ValueError if a norm has no statistics of its own to use."""
    for name, module in network.named_modules():
        if getattr(module, "track_running_stats", True) is False and isinstance(
            module, torch.nn.modules.batchnorm._BatchNorm
        ):
            raise ValueError(
                f"The layer {name!r} of the network, {module}, normalises by the "
                "statistics of a batch, so that an image is denoised differently "
                "beside others; track_running_stats=True is needed."
            )
