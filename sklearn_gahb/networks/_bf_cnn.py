"""BF-CNN, the bias-free DnCNN."""

from torch import nn

from ._layers import conv_norm_relu, convolution, last_convolution


class BFCNN(nn.Module):
    """Chain of 3x3 convolutions that maps noisy images to the noise in them.

    BF-CNN is DnCNN [2]_ without additive constants, as in [1]_. The first layers are a
    convolution and a ReLU. Next are ``depth - 2`` blocks of a convolution, a
    normalization layer and a ReLU. The last layer is a convolution.

    Parameters
    ----------
    n_channels : int, default=1
        Number of image channels: 1 for gray images, 3 for color images.
    width : int, default=64
        Number of feature channels.
    depth : int, default=20
        Number of convolutions, at least 2.
    bias : bool, default=False
        If True, convolutions and normalization layers have additive constants, and the
        network is DnCNN.

    References
    ----------
    .. [1] S. Mohan, Z. Kadkhodaie, E. P. Simoncelli, C. Fernandez-Granda, "Robust and
       interpretable blind image denoising via bias-free convolutional neural networks",
       ICLR 2020. :arxiv:`1906.05478`
    .. [2] K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang, "Beyond a Gaussian denoiser:
       residual learning of deep CNN for image denoising", IEEE Transactions on Image
       Processing 26(7), 2017. :doi:`10.1109/TIP.2017.2662206`

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.networks import BFCNN
    >>> BFCNN(n_channels=3, width=8, depth=5)(torch.zeros(2, 3, 9, 9)).shape
    torch.Size([2, 3, 9, 9])
    """

    def __init__(self, n_channels=1, *, width=64, depth=20, bias=False):
        super().__init__()
        if depth < 2:
            raise ValueError(f"depth={depth} must be at least 2.")
        # Pixels farther apart than the margin do not depend on each other.
        self.margin = depth
        layers = [convolution(n_channels, width, bias=bias), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += conv_norm_relu(width, width, bias=bias)
        layers.append(last_convolution(width, n_channels, bias=bias))
        self.layers = nn.Sequential(*layers)

    def forward(self, y):
        return self.layers(y)
