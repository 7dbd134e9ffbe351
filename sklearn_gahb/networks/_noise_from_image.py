"""Networks that predict the image instead of the noise."""

from torch import nn


class NoiseFromImage(nn.Module):
    """Noise that a network finds which was trained to return the image.

    ``NoiseFromImage(network)(y)`` is ``y - network(y)``, what this package expects of
    networks.

    Parameters
    ----------
    network : torch.nn.Module
        Maps noisy images (n, channels, height, width) to clean ones.

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
        if hasattr(network, "margin"):
            self.margin = network.margin

    def forward(self, y):
        return y - self.network(y)
