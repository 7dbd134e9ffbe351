"""The UNet of Kadkhodaie, Guth, Simoncelli and Mallat."""

from torch import nn

from ._layers import (
    conv_norm_relu,
    join_features,
    last_convolution,
    pad_to_multiple,
)


class UNet(nn.Module):
    """UNet that maps noisy images to the noise in them.

    This is the network of [1]_. It has one encoder block per scale, a middle block, and
    one decoder block per scale. Each block has two 3x3 convolutions. A 2x2 average
    pooling follows each encoder block. Each decoder block concatenates the upsampled
    features with the encoder features of the same scale. With ``width=64``, 3 scales
    and no additive constants, the network has 7,659,264 parameters for gray images.

    Parameters
    ----------
    n_channels : int, default=1
        Number of image channels: 1 for gray images, 3 for color images.
    width : int, default=64
        Number of feature channels at the finest scale. The number doubles at each
        coarser scale.
    n_scales : int, default=3
        Number of pooling layers. If a side of an image is not a multiple of
        ``2**n_scales``, the image is mirrored there, and the result is cropped.
    bias : bool, default=False
        If True, convolutions and normalization layers have additive constants. If
        False, the trained network is homogeneous: ``net(a * y) == a * net(y)`` for
        positive a.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.networks import UNet
    >>> network = UNet()
    >>> sum(parameter.numel() for parameter in network.parameters())
    7659264
    >>> network(torch.zeros(2, 1, 20, 30)).shape
    torch.Size([2, 1, 20, 30])
    """

    # Number of networks that train side by side.
    n_networks = 1

    def __init__(self, n_channels=1, *, width=64, n_scales=3, bias=False):
        super().__init__()
        self.n_scales = n_scales
        # Pixels farther apart than the margin do not depend on each other. The margin
        # covers the pooling and two convolutions in each encoder, middle and decoder
        # block.
        self.margin = 7 * 2**n_scales
        self.pool = nn.AvgPool2d(2)
        widths = [width * 2**scale for scale in range(n_scales)]

        self.encoder = nn.ModuleList()
        in_channels = n_channels
        for out_channels in widths:
            self.encoder.append(_block(in_channels, out_channels, bias))
            in_channels = out_channels
        # No normalization layer follows the first convolution.
        del self.encoder[0][1]

        middle = width * 2**n_scales
        self.mid_block = _block(in_channels, middle, bias)

        self.upsample = nn.ModuleList()
        self.decoder = nn.ModuleList()
        in_channels = middle
        for scale, out_channels in reversed(list(enumerate(widths))):
            self.upsample.append(
                nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2, bias=bias)
            )
            if scale == 0:
                last = [last_convolution(out_channels, n_channels, bias=bias)]
            else:
                last = conv_norm_relu(out_channels, out_channels, bias=bias)
            first = conv_norm_relu(2 * out_channels, out_channels, bias=bias)
            self.decoder.append(nn.Sequential(*first, *last))
            in_channels = out_channels

    def forward(self, y):
        height, width = y.shape[-2:]
        x = pad_to_multiple(y, 2**self.n_scales)
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.mid_block(x)
        for upsample, block in zip(self.upsample, self.decoder, strict=True):
            x = block(join_features(upsample(x), skips.pop(), self.n_networks))
        return x[..., :height, :width]


def _block(in_channels, out_channels, bias):
    first = conv_norm_relu(in_channels, out_channels, bias=bias)
    return nn.Sequential(*first, *conv_norm_relu(out_channels, out_channels, bias=bias))
