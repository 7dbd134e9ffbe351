"""Adapters that make other networks predict noise and accept images of any size."""

import copy
import inspect
from contextlib import suppress

import torch
from torch import nn

from .._warnings import warn
from ._layers import pad_to_multiple

MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 3, 6, 12, 24, 5, 10, 20, 7, 14)
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 67, 71)
CHANNELS = (1, 3, 4, 2)


class NoiseFromImage(nn.Module):
    """Wrapper that predicts the noise with a network that predicts the image.

    ``NoiseFromImage(network)(y)`` is ``y - network(y)``. This package expects networks
    that predict the noise.

    Parameters
    ----------
    network : torch.nn.Module
        Network that maps noisy images (n, channels, height, width) to clean images. The
        network may also take noise levels of shape (n,).

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.networks import NoiseFromImage
    >>> NoiseFromImage(torch.nn.Identity())(torch.ones(1, 1, 2, 2)).sum()
    tensor(0.)
    """

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.takes_noise_std = takes_noise_std(network)
        if hasattr(network, "margin"):
            self.margin = network.margin

    def forward(self, y, *noise_std):
        return y - self.network(y, *noise_std)


class PaddedNetwork(nn.Module):
    """Wrapper that pads images for a network that requires certain side lengths.

    The wrapper mirrors the images at the bottom and at the right, and crops the output
    to the original size.

    Parameters
    ----------
    network : torch.nn.Module
        Network that maps images (n, channels, height, width) to images of the same
        shape. The network may also take noise levels of shape (n,).
    multiple : int
        The height and the width are padded to multiples of this number.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.networks import PaddedNetwork
    >>> halve = torch.nn.PixelUnshuffle(2)
    >>> double = torch.nn.PixelShuffle(2)
    >>> network = PaddedNetwork(torch.nn.Sequential(halve, double), multiple=2)
    >>> network(torch.ones(1, 1, 5, 7)).shape
    torch.Size([1, 1, 5, 7])
    """

    def __init__(self, network, multiple):
        super().__init__()
        self.network = network
        self.multiple = multiple
        self.takes_noise_std = takes_noise_std(network)
        # The margin is a multiple of `multiple`, so that tiles start on the pooling
        # grid of the network.
        self.margin = -(-getattr(network, "margin", 64) // multiple) * multiple

    def forward(self, y, *noise_std):
        height, width = y.shape[-2:]
        output = self.network(pad_to_multiple(y, self.multiple), *noise_std)
        return output[..., :height, :width]


def adapt_network(network, predicts, n_channels):
    """Copy a trained network in float32, and make it predict noise for any image size.

    Parameters
    ----------
    network : torch.nn.Module
    predicts : {"noise", "image"}
    n_channels : int or None
        If None, the network is tried with different numbers of channels.

    Returns
    -------
    network : torch.nn.Module
    n_channels : int
    """
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"network is a {type(network).__name__}; it must be a torch.nn.Module. If "
            "you have a state_dict, load it into the module with load_state_dict."
        )
    check_statistics(network)
    network = copy.deepcopy(network).float().eval()
    taken = [n for n in CHANNELS if try_network(network, n)[1] is not None]
    if n_channels is None:
        n_channels = next(iter(taken), 1)
    elif taken and n_channels not in taken:
        raise ValueError(
            f"n_channels={n_channels}, but the network takes images with "
            f"n_channels={taken[0]}."
        )
    y, output = try_network(network, n_channels)
    is_image = output is not None and (output - y).norm() < 0.25 * y.norm()
    if predicts == "noise" and is_image:
        warn(
            f"The network {type(network).__name__} nearly returns its input, although "
            "predicts='noise'. If the network predicts the image, call "
            "DNNDenoiser.from_module(network, predicts='image')."
        )
    multiple = find_multiple(network, n_channels)
    if multiple > 1:
        network = PaddedNetwork(network, multiple)
    if predicts == "image":
        network = NoiseFromImage(network)
    return network, n_channels


def takes_noise_std(network):
    """Return whether to call a network with noise levels: ``network(y, noise_std)``.

    If the network has an attribute `takes_noise_std`, this attribute decides. Otherwise
    the network takes noise levels if `forward` requires a second argument.
    """
    if hasattr(network, "takes_noise_std"):
        return network.takes_noise_std
    return not accepts(network.forward, 1)


def accepts(function, n_arguments):
    """Return whether a function accepts this number of arguments; True if unknown."""
    try:
        with suppress(ValueError):
            inspect.signature(function).bind(*[None] * n_arguments)
    except TypeError:
        return False
    return True


def find_multiple(network, n_channels):
    """Find the number that must divide both sides of the images.

    The network is tried on images of several sizes. Returns 1 if the network accepts
    none of these sizes.
    """
    for multiple in MULTIPLES:
        # No larger number divides both sides, because the primes are different.
        sides = [multiple * prime for prime in PRIMES if multiple * prime > 64]
        tried = [try_network(network, n_channels, side)[1] for side in sides[:2]]
        if all(output is not None for output in tried):
            return multiple
    return 1


def try_network(network, n_channels, side=64):
    """Apply a network to a noisy square image; return the image and the output.

    The output is None if the network fails or changes the shape.
    """
    first = next(network.parameters(), torch.empty(0))
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(1, n_channels, side, side, generator=generator)
    y = (torch.linspace(0.2, 0.8, side) + noise).to(first)
    levels = [first.new_full((1,), 0.1)] if takes_noise_std(network) else []
    # A user's network may raise any exception.
    with suppress(Exception), torch.no_grad():
        output = network(y.clone(), *levels)
        return y, output if output.shape == y.shape else None
    return y, None


def check_statistics(network):
    """Raise a ValueError if a normalization layer has no running statistics."""
    for name, module in network.named_modules():
        if getattr(module, "track_running_stats", True) is False and isinstance(
            module, torch.nn.modules.batchnorm._BatchNorm
        ):
            raise ValueError(
                f"The layer {name!r} of the network, {module}, normalizes by batch "
                "statistics, so the denoised image would depend on the other images "
                "in the batch; set track_running_stats=True."
            )
