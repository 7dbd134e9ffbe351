"""A fitted denoiser of the weights in a file."""

from contextlib import nullcontext, suppress

import torch

from ..denoisers import DNNDenoiser
from ..networks.making import make_network
from ..training import Recipe, resolve_device


def restore(path, state, channels, parameters):
    """DNNDenoiser of these parameters with the network of this state dict."""
    try:
        denoiser = DNNDenoiser(**parameters)
        is_named = isinstance(denoiser.architecture, str)
        # Nothing is allocated before the shapes are known to be those of the file.
        with torch.device("meta") if is_named else nullcontext():
            network = make_network(Recipe.of(denoiser), channels, seed=0)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"The file {path} does not describe a network that can be made: {error}"
        ) from error
    try:
        network.load_state_dict(state, assign=is_named)
    except RuntimeError as error:
        raise ValueError(
            f"The weights in the file {path} are not those of {denoiser!r} for images "
            f"of {channels} channels: {error}"
        ) from error
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise ValueError(f"The file {path} holds NaN or infinity in {name!r}.")
    # A device that this machine lacks leaves the network on the CPU.
    with suppress(ValueError):
        network.to(resolve_device(denoiser.device))
    return denoiser.adopt(network, channels)
