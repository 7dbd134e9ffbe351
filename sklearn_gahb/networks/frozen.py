"""Networks that become linear when their ReLU masks are frozen."""

import copy
from contextlib import ExitStack
from itertools import pairwise

import torch
from torch import nn

from .norms import BiasFreeBatchNorm2d


class FrozenNetwork(nn.Module):
    """Jacobian, at one image, of a network of convolutions and ReLUs.

    This module is a copy of the network in evaluation mode. Each ReLU multiplies its
    input by the 0/1 mask of the ReLU at the image. Each normalization layer multiplies
    its input by a gain. No layer adds a constant. The output for v is the product J v
    with the Jacobian J of the network. The product costs one forward pass and needs no
    autograd.

    Parameters
    ----------
    network : torch.nn.Module
        Network whose ReLUs and normalization layers are modules. All its other
        operations must be linear, except for additive constants in convolutions.
    y : Tensor of shape (1, channels, height, width)
        Image at which the Jacobian is computed.
    """

    def __init__(self, network, y):
        super().__init__()
        # Inside a Sequential, even a network that is a single layer is a child, which
        # can be replaced.
        self.network = nn.Sequential(copy.deepcopy(network).eval())
        self.network.requires_grad_(False)
        masks = _record_masks(self.network, y)
        for module in list(self.network.modules()):
            for name, child in module.named_children():
                if child in masks:
                    setattr(module, name, _Gain(masks[child], child.inplace))
                elif isinstance(child, BiasFreeBatchNorm2d):
                    setattr(module, name, _Gain(child.gammas / child.running_sd))
                elif isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, _Gain(_batch_norm_gain(child)))
                elif getattr(child, "bias", None) is not None:
                    child.bias = None
            if isinstance(module, nn.Sequential):
                _merge_gains(module)

    def forward(self, v):
        # A copy, because the first layer may work in place.
        return self.network(v.clone(memory_format=torch.channels_last))


def is_linear_once_frozen(network, y, n_probes=4, tolerance=2e-2):
    """Test on a crop of `y` whether `FrozenNetwork` is the derivative of a network.

    The frozen network F must be linear, and random images u and v must satisfy
    u . (F v) = (J^T u) . v. The tolerance is `tolerance` times the root mean square of
    u . (F v) over all u. Rounding errors flip some ReLUs, which causes differences of
    about 1e-3.
    """
    crop = y[:, :, :64, :64].detach()
    generator = torch.Generator().manual_seed(0)
    shape = (2, n_probes, *crop.shape[1:])
    u, v = torch.randn(shape, generator=generator).to(crop)
    try:
        with torch.no_grad():
            frozen = FrozenNetwork(network, crop)
            products = frozen(v)
            is_linear = (
                _equal(frozen(-2 * v), -2 * products) and not frozen(0 * v).any()
            )
        with torch.enable_grad():
            copies = crop.repeat(n_probes, 1, 1, 1).requires_grad_()
            output = network(copies.clone())
        (backward,) = torch.autograd.grad(output, copies, u)
    except Exception:
        # A user's network may raise any exception on crops or without its biases.
        return False
    differences = (u * products - backward * v).flatten(1).sum(1).abs()
    return is_linear and bool(
        (differences <= tolerance * products.flatten(1).norm(dim=1)).all()
    )


def _equal(a, b, tolerance=1e-4):
    return bool((a - b).norm() <= tolerance * b.norm())


class _Gain(nn.Module):
    """Layer that multiplies by a gain, broadcast to (k, channels, height, width)."""

    def __init__(self, gain, inplace=False):
        super().__init__()
        self.inplace = inplace
        self.register_buffer("gain", gain.contiguous(memory_format=torch.channels_last))

    def forward(self, v):
        return v.mul_(self.gain) if self.inplace else v * self.gain


@torch.no_grad()
def _record_masks(network, y):
    """Record the 0/1 mask (1, c, h, w) of each ReLU: 1 where the input is positive."""
    masks = {}

    def record(module, _, output):
        masks[module] = (output > 0).to(output.dtype)

    with ExitStack() as stack:
        for module in network.modules():
            if isinstance(module, nn.ReLU):
                stack.enter_context(module.register_forward_hook(record))
        network(y.clone())
    return masks


def _batch_norm_gain(norm):
    gain = torch.rsqrt(norm.running_var + norm.eps)
    if norm.affine:
        gain = gain * norm.weight
    return gain.view(1, -1, 1, 1)


def _merge_gains(sequential):
    """Merge each pair of adjacent gains into the second gain."""
    children = list(sequential)
    for i, (first, second) in enumerate(pairwise(children)):
        if isinstance(first, _Gain) and isinstance(second, _Gain):
            second.gain, second.inplace = first.gain * second.gain, first.inplace
            sequential[i] = nn.Identity()
