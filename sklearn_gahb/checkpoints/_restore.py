"""A fitted denoiser of the weights in a file."""

from contextlib import suppress

import torch

from .._images import resolve_device
from ..denoisers import DNNDenoiser
from ..networks._make import make_network


def restore(path, state, channels, parameters):
    """DNNDenoiser of these parameters with the network of this state dict."""
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise ValueError(f"The file {path} holds NaN or infinity in {name!r}.")
    denoiser = DNNDenoiser(**parameters)
    network = make_network(
        denoiser.architecture,
        channels,
        denoiser.width,
        denoiser.depth,
        denoiser.bias,
        seed=0,
    )
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"The weights in the file {path} are not those of {denoiser!r} for images "
            f"of {channels} channels: {error}"
        ) from error
    device = torch.device("cpu")
    # A device that this machine lacks leaves the network on the CPU.
    with suppress(ValueError):
        device = resolve_device(denoiser.device)
    return denoiser._adopt(network.to(device), channels)
