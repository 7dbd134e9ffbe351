"""Creation of networks by name."""

import copy
import threading
from contextlib import contextmanager

import torch

from ._bf_cnn import BFCNN
from ._dilated_unet import DilatedUNet
from ._unet import UNet
from .adapters import takes_noise_std
from .conservative import ConservativeNetwork, check_twice_differentiable

# Initial weights come from PyTorch's global generator, so threads must take turns.
_DRAWING = threading.Lock()


@contextmanager
def seeded_weights(seed):
    """Seed the initial weights of networks that are made in this context.

    The state of PyTorch's global generator is restored afterwards.
    """
    with _DRAWING, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def make_network(recipe, n_channels, seed):
    """Create the network of a recipe, with initial weights seeded by `seed`.

    Parameters
    ----------
    recipe : Recipe or DNNDenoiser
        Object with the architecture, width, depth and bias of the network, and whether
        it is conservative.
    n_channels : int
        Number of image channels.
    seed : int
        Seed of the initial weights. The state of PyTorch's global generator is restored
        afterwards.

    Returns
    -------
    network : torch.nn.Module
        Network that maps noisy images (n, channels, height, width) to the noise in
        them.
    """
    network = _make_plain_network(recipe, n_channels, seed)
    is_plain = not isinstance(network, ConservativeNetwork)
    # check_network refuses networks that take noise levels.
    if recipe.conservative and is_plain and not takes_noise_std(network):
        return ConservativeNetwork(network)
    return network


def _make_plain_network(recipe, n_channels, seed):
    architecture, depth = recipe.architecture, recipe.depth
    options = {"width": recipe.width, "bias": recipe.bias}
    with seeded_weights(seed):
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
            f"architecture={architecture!r} returned {network!r}; it must return a "
            "torch.nn.Module."
        )
    return network


def check_network(network, y):
    """Raise a ValueError unless a network can be trained and keeps the image shape."""
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError(
            "The network in architecture has no parameters to train; pass a network "
            "with trainable parameters."
        )
    if takes_noise_std(network):
        raise ValueError(
            "The network in architecture takes noise levels in addition to images, but "
            "DNNDenoiser.fit trains only blind networks. Train the network elsewhere "
            "and pass it to DNNDenoiser.from_module."
        )
    network.eval()
    try:
        with torch.no_grad():
            shape = tuple(network(y).shape)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise ValueError(
            "The network in architecture cannot process images of shape "
            f"{tuple(y.shape)}, (n, channels, height, width): {error}"
        ) from error
    if shape != tuple(y.shape):
        raise ValueError(
            f"The network in architecture maps images of shape {tuple(y.shape)} to "
            f"{shape}; it must return the noise in the shape of the images."
        )
    if isinstance(network, ConservativeNetwork):
        check_twice_differentiable(network, y)
