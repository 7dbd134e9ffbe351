"""Layers of the networks."""

import torch
from torch import nn
from torch.nn import functional as F

from .norms import BiasFreeBatchNorm2d


def pad_to_multiple(y, multiple):
    """Pad images (n, c, h, w) at the bottom and the right to multiples of a number.

    The images are mirrored, because mirrored noise looks like noise. Repeated pixels do
    not: they cost a UNet 0.5 to 1.5 dB on photographs of 481x321 pixels. Images smaller
    than the padding have too few pixels to mirror.
    """
    height, width = y.shape[-2:]
    right, bottom = -width % multiple, -height % multiple
    mode = "reflect" if right < width and bottom < height else "replicate"
    return F.pad(y, (0, right, 0, bottom), mode=mode)


def convolution(in_channels, out_channels, *, bias, scale=1.0):
    """Create a 3x3 convolution with padding 1 and He initialization times `scale`."""
    layer = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    with torch.no_grad():
        layer.weight.mul_(scale)
    return layer


def last_convolution(in_channels, channels, *, bias):
    """Create the last convolution, with small initial weights."""
    return convolution(in_channels, channels, bias=bias, scale=0.1)


def batch_norm(n_channels, *, bias):
    """Create the normalization layer for convolutions with or without bias."""
    return nn.BatchNorm2d(n_channels) if bias else BiasFreeBatchNorm2d(n_channels)


def conv_norm_relu(in_channels, out_channels, *, bias):
    """Create a list of a convolution, its normalization layer and a ReLU."""
    return [
        convolution(in_channels, out_channels, bias=bias),
        batch_norm(out_channels, bias=bias),
        nn.ReLU(inplace=True),
    ]


def join_features(x, skip, n_networks):
    """Concatenate features (n, channels, height, width), network by network."""
    if n_networks == 1:
        return torch.cat([x, skip], dim=1)
    # Channels come last, as in memory.
    parts = [
        part.permute(0, 2, 3, 1).unflatten(3, (n_networks, -1)) for part in (x, skip)
    ]
    return torch.cat(parts, dim=4).flatten(3).permute(0, 3, 1, 2)
