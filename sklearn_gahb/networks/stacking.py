"""Networks of one architecture, stacked into one network to train in one pass."""

import copy

import torch
from torch import nn

from .norms import BiasFreeBatchNorm2d


def stack_networks(networks):
    """Stack networks side by side, with one group of channels per network.

    A small network spends most of its time launching operations. A stack launches each
    operation once for all its networks. :func:`torch.func.vmap` would call the same
    grouped convolutions. However, ``vmap`` does not support normalization layers that
    update their statistics in place, or autograd functions without a vmap rule.

    Parameters
    ----------
    networks : list of UNet, BFCNN or DilatedUNet
        Networks with the same parameters.

    Returns
    -------
    stacked : torch.nn.Module
        Network that maps images (n, n_networks * channels, height, width) to the noise
        in them. It holds copies of the weights.
    """
    n_networks = len(networks)
    stacked = copy.deepcopy(networks[0])
    for path, module in stacked.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.groups = n_networks
            module.in_channels *= n_networks
            module.out_channels *= n_networks
        if isinstance(module, nn.BatchNorm2d):
            module.num_features *= n_networks
        if hasattr(module, "n_networks"):
            module.n_networks = n_networks
        peers = [network.get_submodule(path) for network in networks]
        for name, tensor in _own_tensors(module):
            if _is_common(tensor):
                continue
            parts = [getattr(peer, name).detach() for peer in peers]
            joined = torch.cat(parts, _axis_of_channels(module))
            is_parameter = isinstance(tensor, nn.Parameter)
            setattr(module, name, nn.Parameter(joined) if is_parameter else joined)
    return stacked


@torch.no_grad()
def unstack_networks(stacked, networks):
    """Copy the weights and statistics of a stack back into its networks."""
    for path, module in stacked.named_modules():
        peers = [network.get_submodule(path) for network in networks]
        for name, tensor in _own_tensors(module):
            if _is_common(tensor):
                parts = [tensor] * len(networks)
            else:
                parts = tensor.chunk(len(networks), _axis_of_channels(module))
            for peer, part in zip(peers, parts, strict=True):
                getattr(peer, name).copy_(part)


def _own_tensors(module):
    # A list, because the caller replaces tensors during the loop.
    return [
        *module.named_parameters(recurse=False),
        *module.named_buffers(recurse=False),
    ]


def _is_common(tensor):
    """Return whether a tensor has no channels, like the batch count of BatchNorm2d."""
    return tensor.ndim == 0


def _axis_of_channels(module):
    return 1 if isinstance(module, BiasFreeBatchNorm2d) else 0
