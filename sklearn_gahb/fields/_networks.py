"""Networks that encode images, decode features, and render pixels."""

import math

import torch
from torch import nn

from ..networks.making import seeded_weights
from ._cells import nearest_features


class Encoder(nn.Sequential):
    """Network that maps images to small latent images.

    The latent values have mean 0 and standard deviation 1 for each latent channel.

    Parameters
    ----------
    n_channels : int
        Number of image channels.
    n_components : int
        Number of latent channels.
    reduction : int
        Side of the square of pixels that a latent pixel stands for, a power of 2.
    width : int
        Number of feature channels at the finest scale.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.fields import Encoder
    >>> Encoder(1, 4, reduction=4, width=8)(torch.zeros(2, 1, 16, 24)).shape
    torch.Size([2, 4, 4, 6])
    """

    def __init__(self, n_channels, n_components, *, reduction, width):
        layers = [*_convolution(n_channels, width), *_convolution(width, width)]
        for _ in range(int(math.log2(reduction))):
            layers += [nn.AvgPool2d(2), *_convolution(width, 2 * width)]
            layers += _convolution(2 * width, 2 * width)
            width = 2 * width
        layers += [nn.Conv2d(width, n_components, 1)]
        # Without training, the variance of the output is only about 1e-8.
        norm = nn.BatchNorm2d(n_components, eps=1e-12, affine=False)
        super().__init__(*layers, norm)


class Decoder(nn.Sequential):
    """Network that maps latent images to features, one for each pixel of the input.

    Parameters
    ----------
    n_components, reduction, width : int
        Parameters of the :class:`Encoder`. `width` is also the number of features.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.fields import Decoder
    >>> Decoder(4, reduction=4, width=8)(torch.zeros(2, 4, 4, 6)).shape
    torch.Size([2, 8, 16, 24])
    """

    def __init__(self, n_components, *, reduction, width):
        channels = reduction * width
        layers = [*_convolution(n_components, channels)]
        layers += _convolution(channels, channels)
        for _ in range(int(math.log2(reduction))):
            layers += [
                nn.Upsample(scale_factor=2),
                *_convolution(channels, channels // 2),
            ]
            channels = channels // 2
            layers += _convolution(channels, channels)
        super().__init__(*layers)


class Renderer(nn.Module):
    """Network that renders features on any grid of pixels.

    Each pixel of the grid receives the nearest feature, its position relative to this
    feature, and its size. Convolutions on the grid turn these numbers into intensities.
    Convolutions of 1x1 pixels render each pixel alone.

    Parameters
    ----------
    n_channels : int
        Number of image channels.
    width : int
        Number of features.
    kernel_size : int, default=3
        Side of the convolutions, an odd number.

    Attributes
    ----------
    margin : int
        Number of pixels around the grid that the convolutions need.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.fields import Renderer
    >>> renderer, features = Renderer(1, 8), torch.zeros(2, 8, 16, 16)
    >>> cells = torch.full((2, 2), 0.5)
    >>> renderer(features, torch.zeros(2, 2), cells, (32, 32)).shape
    torch.Size([2, 1, 32, 32])
    """

    n_layers = 3

    def __init__(self, n_channels, width, *, kernel_size=3):
        super().__init__()
        self.margin = self.n_layers * (kernel_size // 2)
        layers, inputs = [], width + 4
        for _ in range(self.n_layers):
            layers += [nn.Conv2d(inputs, 2 * width, kernel_size), nn.ReLU()]
            inputs = 2 * width
        self.layers = nn.Sequential(*layers, nn.Conv2d(inputs, n_channels, 1))

    def forward(self, features, origins, cells, n_cells):
        """Render images on grids, with the arguments of :func:`nearest_features`."""
        queries = nearest_features(features, origins, cells, n_cells, self.margin)
        return self.layers(queries)


def make_networks(n_channels, n_components, *, reduction, width, kernel_size, seed):
    """Make an encoder, a decoder and a renderer with random weights.

    Parameters
    ----------
    n_channels, n_components, reduction, width, kernel_size : int
        Parameters of the networks.
    seed : int
        Seed of the initial weights.

    Returns
    -------
    networks : torch.nn.ModuleDict
        The networks "encoder", "decoder" and "renderer".

    Examples
    --------
    >>> from sklearn_gahb.fields import make_networks
    >>> list(make_networks(1, 4, reduction=4, width=8, kernel_size=3, seed=0))
    ['encoder', 'decoder', 'renderer']
    """
    with seeded_weights(seed):
        return nn.ModuleDict(
            {
                "encoder": Encoder(
                    n_channels, n_components, reduction=reduction, width=width
                ),
                "decoder": Decoder(n_components, reduction=reduction, width=width),
                "renderer": Renderer(n_channels, width, kernel_size=kernel_size),
            }
        )


def render(networks, latents, size, rows_at_once=None):
    """Render latent images on a grid of pixels.

    Parameters
    ----------
    networks : torch.nn.ModuleDict
        Networks that `make_networks` made.
    latents : Tensor of shape (n, n_components, h, w)
        Latent images of mean 0 and standard deviation 1.
    size : tuple of (int, int)
        Height and width of the rendered images.
    rows_at_once : int, default=None
        Number of rows to render at a time. If None, all rows. The result is the same.

    Returns
    -------
    images : Tensor of shape (n, channels, height, width)
        Rendered images.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.fields import make_networks, render
    >>> networks = make_networks(1, 4, reduction=4, width=8, kernel_size=3, seed=0)
    >>> with torch.no_grad():
    ...     render(networks, torch.zeros(2, 4, 4, 6), (20, 30)).shape
    torch.Size([2, 1, 20, 30])
    """
    features = networks["decoder"](latents)
    cells = torch.tensor(features.shape[2:]) / torch.tensor(size)
    cells = cells.to(features).expand(len(features), 2)
    height, width = size
    strips = []
    for first in range(0, height, rows_at_once or height):
        n_rows = min(rows_at_once or height, height - first)
        origins = torch.tensor([first, 0]).to(cells).expand_as(cells)
        strips.append(networks["renderer"](features, origins, cells, (n_rows, width)))
    return torch.cat(strips, dim=2)


def _convolution(in_channels, out_channels):
    layer = nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode="replicate")
    return [layer, nn.ReLU()]
