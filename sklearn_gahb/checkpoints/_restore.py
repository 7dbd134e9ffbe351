"""Create fitted denoisers from the weights in a file."""

from contextlib import nullcontext, suppress

import torch

from ..denoisers import DNNDenoiser
from ..networks.making import make_network
from ..training import Recipe, resolve_device


def restore(path, state, channels, parameters):
    """Return a fitted DNNDenoiser with the given parameters and network weights."""
    try:
        denoiser = DNNDenoiser(**parameters)
        is_named = isinstance(denoiser.architecture, str)
        depth = denoiser.depth if denoiser.architecture in ("unet", "bf_cnn") else None
        if isinstance(depth, int) and depth > len(state):
            raise ValueError(f"depth is {depth}, but there are {len(state)} tensors.")
        # A damaged file could ask for a huge network, so nothing is allocated before
        # the shapes are compared.
        with torch.device("meta") if is_named else nullcontext():
            network = make_network(Recipe.of(denoiser), channels, seed=0)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"The file {path} does not describe a network that can be created: {error}"
        ) from error
    try:
        network.load_state_dict(state, assign=is_named)
    except RuntimeError as error:
        raise ValueError(
            f"The weights in the file {path} do not match {denoiser!r} for images with "
            f"{channels} channels: {error}"
        ) from error
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise ValueError(
                f"The weights {name!r} in the file {path} contain NaN or infinity; "
                "they must be finite."
            )
    # If this machine lacks the device, the network stays on the CPU.
    with suppress(ValueError):
        network.to(resolve_device(denoiser.device))
    return denoiser.adopt(network, channels)
