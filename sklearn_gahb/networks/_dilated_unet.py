"""The UNet of Mohan, Kadkhodaie, Simoncelli and Fernandez-Granda."""

from torch import nn
from torch.nn import functional as F

from ._layers import join_features


class DilatedUNet(nn.Module):
    """Small UNet of one scale with dilated convolutions.

    The UNet that [1]_ trains with and without biases: two convolutions, one of stride
    2, three at half the resolution of which the last two are dilated by 2 and 4, a
    transposed convolution, and two convolutions of its output joined with the features
    before the stride. There it predicts the image; here the noise, the input minus
    that image, as all networks do.

    Parameters
    ----------
    n_channels : int, default=1
        Channels of the images: 1 for gray, 3 for color.
    width : int, default=32
        Channels of the features at full resolution; twice as many at half of it.
    bias : bool, default=False
        Whether convolutions have additive constants, the last one excepted.

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

    # How many are side by side, in training.
    n_networks = 1

    def __init__(self, n_channels=1, *, width=32, bias=False):
        super().__init__()
        # Pixels further apart than the sum of the reaches of the layers: 2 + 1 + 1 at
        # full resolution, 1 + 2 + 4 and the transposed one at half, then 1 + 2.
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
