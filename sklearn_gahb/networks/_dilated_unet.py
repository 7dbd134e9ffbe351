"""The UNet of Mohan, Kadkhodaie, Simoncelli and Fernandez-Granda."""

from torch import nn
from torch.nn import functional as F

from ._layers import join_features


class DilatedUNet(nn.Module):
    """Small UNet with dilated convolutions at half the resolution.

    This is the UNet that [1]_ trains with and without additive constants. It has two
    convolutions, a convolution of stride 2, and three convolutions at half the
    resolution. The last two of these three convolutions have dilations 2 and 4. A
    transposed convolution then restores the full resolution. Its output is concatenated
    with the input of the convolution of stride 2. Two more convolutions map the
    concatenated features to the result. In [1]_, the network predicts the image. Here,
    the network predicts the noise (its input minus the image), like all networks of
    this package.

    Parameters
    ----------
    n_channels : int, default=1
        Number of image channels: 1 for gray images, 3 for color images.
    width : int, default=32
        Number of feature channels at full resolution. At half the resolution, the
        number of feature channels is ``2 * width``.
    bias : bool, default=False
        If True, all convolutions except the last one have additive constants.

    References
    ----------
    .. [1] S. Mohan, Z. Kadkhodaie, E. P. Simoncelli, C. Fernandez-Granda, "Robust and
       interpretable blind image denoising via bias-free convolutional neural networks",
       ICLR 2020. :arxiv:`1906.05478`

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.networks import DilatedUNet
    >>> DilatedUNet(n_channels=3, width=8)(torch.zeros(2, 3, 9, 12)).shape
    torch.Size([2, 3, 9, 12])
    """

    # Number of networks that train side by side.
    n_networks = 1

    def __init__(self, n_channels=1, *, width=32, bias=False):
        super().__init__()
        # Pixels farther apart than the margin do not depend on each other. The margin
        # covers the reaches of all layers: 2 + 1 + 1 at full resolution, 1 + 2 + 4 and
        # the transposed convolution at half the resolution, and 1 + 2 at the end.
        self.margin = 24
        wide = 2 * width
        self.conv1 = nn.Conv2d(n_channels, width, 5, padding=2, bias=bias)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=bias)
        self.conv3 = nn.Conv2d(width, wide, 3, stride=2, padding=1, bias=bias)
        self.conv4 = nn.Conv2d(wide, wide, 3, padding=1, bias=bias)
        self.conv5 = nn.Conv2d(wide, wide, 3, padding=2, dilation=2, bias=bias)
        self.conv6 = nn.Conv2d(wide, wide, 3, padding=4, dilation=4, bias=bias)
        self.conv7 = nn.ConvTranspose2d(wide, wide, 4, stride=2, padding=1, bias=bias)
        self.conv8 = nn.Conv2d(wide + width, width, 3, padding=1, bias=bias)
        self.conv9 = nn.Conv2d(width, n_channels, 5, padding=2, bias=False)
        self.relus = nn.ModuleList(nn.ReLU(inplace=True) for _ in range(8))

    def forward(self, y):
        height, width = y.shape[-2:]
        padded = F.pad(y, (0, width % 2, 0, height % 2))
        skip = self.relus[1](self.conv2(self.relus[0](self.conv1(padded))))
        x = self.relus[2](self.conv3(skip))
        x = self.relus[3](self.conv4(x))
        x = self.relus[4](self.conv5(x))
        x = self.relus[5](self.conv6(x))
        x = self.relus[6](self.conv7(x))
        x = self.relus[7](self.conv8(join_features(x, skip, self.n_networks)))
        return y - self.conv9(x)[..., :height, :width]
