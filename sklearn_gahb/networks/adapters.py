"""Networks of others, as the package expects them: images in, noise out, any size."""

import copy
import inspect
from contextlib import suppress

import torch
from torch import nn
from torch.nn import functional as F

from .._warnings import warn

MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 3, 6, 12, 24, 5, 10, 20, 7, 14)
CHANNELS = (1, 3, 4, 2)


class NoiseFromImage(nn.Module):
    """Noise that a network finds which was trained to return the image.

    ``NoiseFromImage(network)(y)`` is ``y - network(y)``, what this package expects of
    networks.

    Parameters
    ----------
    network : torch.nn.Module
        Maps noisy images (n, channels, height, width) to clean ones. It may take noise
        levels (n,) too.

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
    """Network for images of any size, of one that wants sides of certain multiples.

    Images are extended by copies of their last row and column; the result is cropped.

    Parameters
    ----------
    network : torch.nn.Module
        Maps images (n, channels, height, width) to such images. It may take noise
        levels (n,) too.
    multiple : int
        What the height and the width must be multiples of.

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
        # A multiple of `multiple`, so that tiles begin where the network wants it.
        self.margin = -(-getattr(network, "margin", 64) // multiple) * multiple

    def forward(self, y, *noise_std):
        height, width = y.shape[-2:]
        pads = (0, -width % self.multiple, 0, -height % self.multiple)
        output = self.network(F.pad(y, pads, mode="replicate"), *noise_std)
        return output[..., :height, :width]


def adapt_network(network, predicts, n_channels):
    """A copy of a trained network, in float32, that predicts noise for any size.

    Parameters
    ----------
    network : torch.nn.Module
    predicts : {"noise", "image"}
    n_channels : int or None
        None is found by trying.

    Returns
    -------
    network : torch.nn.Module
    n_channels : int
    """
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"network is a {type(network).__name__}; it must be a torch.nn.Module "
            "(into which load_state_dict loads a state_dict)."
        )
    check_statistics(network)
    network = copy.deepcopy(network).float().eval()
    taken = [n for n in CHANNELS if try_network(network, n)[1] is not None]
    if n_channels is None:
        n_channels = next(iter(taken), 1)
    elif taken and n_channels not in taken:
        raise ValueError(
            f"n_channels={n_channels}, but the network takes images of "
            f"n_channels={taken[0]}."
        )
    y, output = try_network(network, n_channels)
    is_image = output is not None and (output - y).norm() < 0.25 * y.norm()
    if predicts == "noise" and is_image:
        warn(
            f"The network {type(network).__name__} returns nearly what it is given, "
            "and is taken to predict the noise. If it predicts the image, pass "
            "DNNDenoiser.from_module(network, predicts='image')."
        )
    multiple = find_multiple(network, n_channels)
    if multiple > 1:
        network = PaddedNetwork(network, multiple)
    if predicts == "image":
        network = NoiseFromImage(network)
    return network, n_channels


def takes_noise_std(network):
    """Whether a network is called with noise levels too, ``network(y, noise_std)``.

    Its attribute `takes_noise_std` says so or, if it has none, a second argument of
    `forward` that has no default.
    """
    if hasattr(network, "takes_noise_std"):
        return network.takes_noise_std
    return not accepts(network.forward, 1)


def accepts(function, n_arguments):
    """Whether a function may be called with so many arguments; True if unknown."""
    try:
        with suppress(ValueError):
            inspect.signature(function).bind(*[None] * n_arguments)
    except TypeError:
        return False
    return True


def find_multiple(network, n_channels):
    """The smallest number that sides must be multiples of for a network to take them.

    Found by trying; 1 if the network takes none of the sizes that are tried.
    """
    for multiple in MULTIPLES:
        # Multiples of nothing larger that is tried.
        sides = [multiple * (64 // multiple + i) for i in (1, 3)]
        tried = [try_network(network, n_channels, side)[1] for side in sides]
        if all(output is not None for output in tried):
            return multiple
    return 1


def try_network(network, n_channels, side=64):
    """Noisy square image, and what a network makes of it: an image, or else None."""
    first = next(network.parameters(), torch.empty(0))
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(1, n_channels, side, side, generator=generator)
    y = (torch.linspace(0.2, 0.8, side) + noise).to(first)
    levels = [first.new_full((1,), 0.1)] if takes_noise_std(network) else []
    # Networks of users may raise anything.
    with suppress(Exception), torch.no_grad():
        output = network(y.clone(), *levels)
        return y, output if output.shape == y.shape else None
    return y, None


def check_statistics(network):
    """Raise a ValueError if a norm has no statistics of its own to use."""
    for name, module in network.named_modules():
        if getattr(module, "track_running_stats", True) is False and isinstance(
            module, torch.nn.modules.batchnorm._BatchNorm
        ):
            raise ValueError(
                f"The layer {name!r} of the network, {module}, normalizes by the "
                "statistics of a batch, so that an image is denoised differently "
                "beside others; track_running_stats=True is needed."
            )
