"""Neighborhoods that are the supports of a linear denoiser of the training images."""

import torch

from ..posteriors import local
from ._gaussian import GaussianDenoiser
from ._wiener import WienerDenoiser


def learn_linear(clean, equivariant):
    """Return the linear denoiser of clean Images, at all positions alike or not."""
    linear = WienerDenoiser() if equivariant else GaussianDenoiser("shrunk")
    linear.learn(clean)
    return linear


def layout_at(linear, shape, threshold, noise_std):
    """Return the layout of the supports at a noise level.

    Parameters
    ----------
    linear : WienerDenoiser or GaussianDenoiser
        Linear denoiser. The first is a periodic convolution.
    shape : tuple of (int, int, int)
        Height, width and number of channels.
    threshold, noise_std : float

    Returns
    -------
    layout : Layout
    """
    height, width, channels = shape
    n_rows = 1 if isinstance(linear, WienerDenoiser) else height * width
    deltas = torch.zeros(channels, n_rows, channels, height * width).double()
    for channel in range(channels):
        deltas[channel, :, channel].fill_diagonal_(1)
    deltas = deltas.reshape(-1, channels, height, width)
    # The derivative of a linear denoiser is the same everywhere.
    rows = linear.linearize(deltas[:1], noise_std).multiply(deltas)
    rows = rows.reshape(channels, n_rows, channels, height * width)
    return local.support_layout(rows, threshold, (height, width))
