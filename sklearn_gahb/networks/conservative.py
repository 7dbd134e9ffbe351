"""Networks whose noise estimate is the gradient of an energy."""

import torch
from torch import nn
from torch.compiler import is_compiling
from torch.nn import functional as F

# Side length in pixels of the squares whose mean is subtracted. It is large, because
# the mean of the noise over a square is not removed.
SQUARE = 65
# Keeps the square root differentiable where all features are 0.
SMALLEST_SQUARE = 1e-12


class SmoothReLU(nn.Module):
    r"""ReLU with a smooth corner, whose width is proportional to the features.

    .. math:: \phi(a_c) = \frac{1}{2} \left( a_c + \sqrt{a_c^2 + w^2 m} \right),
              \qquad m = \frac{1}{C} \sum_{c'} a_{c'}^2

    The sum is over the C channels at the same pixel. For positive s,
    :math:`\phi(s a) = s \, \phi(a)`, as for the ReLU. A network of convolutions and
    such layers is therefore homogeneous, and smooth except where all features of a
    pixel are 0. A smooth function of each feature alone cannot be homogeneous.

    Parameters
    ----------
    corner_width : float, default=0.5
        Width w of the corner, relative to the root mean square of the features. With 0,
        the layer is a ReLU.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.networks import SmoothReLU
    >>> a = torch.tensor([-2.0, 0.0, 2.0]).reshape(1, 3, 1, 1)
    >>> SmoothReLU()(a).flatten()
    tensor([0.0801, 0.4082, 2.0801])
    """

    def __init__(self, corner_width=0.5):
        super().__init__()
        self.corner_width = corner_width

    def forward(self, a):
        squares = a.square()
        widths = self.corner_width**2 * squares.mean(dim=1, keepdim=True)
        return (a + (squares + widths + SMALLEST_SQUARE).sqrt()) / 2


class ConservativeNetwork(nn.Module):
    r"""Network whose noise estimate is the gradient of an energy.

    .. math:: f(y) = \nabla E(y), \qquad
              E(y) = \frac{1}{2} \langle P y, n(P y) \rangle

    Here, n is any network, and P subtracts from each pixel the mean over the square of
    65x65 pixels around it, or over the part of the square that is in the image. The
    Jacobian of f is the Hessian of E, so it is symmetric. If n is homogeneous, then f
    is homogeneous too: :math:`f(s y) = s f(y)` for positive s, and :math:`J_f y =
    f(y)`. Without P, errors of n would be multiplied by the brightness of the image,
    and flat bright regions would be denoised badly. The mean of the noise over a
    square is not removed. In an image of d pixels, fewer than 65x65, an error of
    :math:`\sigma^2 / d` per pixel remains.

    The gradient of E jumps where a ReLU of n switches. Therefore :class:`SmoothReLU`
    replaces all modules :class:`torch.nn.ReLU` of n. This changes n in place. Other
    activations with a kink and the function ``relu`` are not replaced, and train badly.

    Parameters
    ----------
    network : torch.nn.Module
        The network n, which maps images (n, channels, height, width) to images of the
        same shape. Torch must be able to differentiate it twice.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.networks import ConservativeNetwork
    >>> y = torch.tensor([3.0, 4.0]).reshape(1, 1, 1, 2)
    >>> network = ConservativeNetwork(torch.nn.Identity())
    >>> network.energy(y)
    tensor([0.2500])
    >>> network(y).detach().flatten()
    tensor([-0.5000,  0.5000])
    """

    def __init__(self, network):
        super().__init__()
        # Inside a Sequential, even a network that is a ReLU can be replaced.
        self.network = nn.Sequential(network)
        for module in list(self.network.modules()):
            # named_children would skip a layer that is used twice.
            for name, child in list(module._modules.items()):
                if isinstance(child, nn.ReLU):
                    setattr(module, name, SmoothReLU())
        # The gradient combines two passes through the network and through P.
        self.margin = 2 * (getattr(network, "margin", 64) + SQUARE // 2)

    def energy(self, y):
        """Compute the energy of each image.

        Parameters
        ----------
        y : Tensor of shape (n, channels, height, width)
            Noisy images.

        Returns
        -------
        energy : Tensor of shape (n,)
            Energies.
        """
        z = y - local_mean(y)
        return (z * self.network(z)).flatten(1).sum(1) / 2

    def forward(self, y):
        if is_compiling():
            # torch.compile differentiates this gradient, but not autograd.grad.
            return torch.func.grad(lambda y: self.energy(y).sum())(y)
        is_trained = torch.is_grad_enabled()
        with torch.inference_mode(False), torch.enable_grad():
            y = y if y.requires_grad else y.detach().clone().requires_grad_()
            energy = self.energy(y).sum()
            (noise,) = torch.autograd.grad(energy, y, create_graph=is_trained)
        return noise


def local_mean(y):
    """Average images (n, c, h, w) over the squares around each pixel."""
    for kernel in ((SQUARE, 1), (1, SQUARE)):
        padding = [side // 2 for side in kernel]
        y = F.avg_pool2d(y, kernel, stride=1, padding=padding, count_include_pad=False)
    return y


def check_twice_differentiable(network, y):
    """Raise a ValueError unless torch can differentiate a conservative network.

    Parameters
    ----------
    network : ConservativeNetwork
    y : Tensor of shape (n, channels, height, width)
    """
    network.zero_grad()
    try:
        with torch.enable_grad():
            network(y).square().sum().backward()
    except RuntimeError as error:
        raise ValueError(
            "conservative=True needs a network that torch can differentiate twice, but "
            f"the network in architecture raised: {error}"
        ) from error
    network.zero_grad()
