"""A fitted denoiser of the weights in a file."""

from contextlib import nullcontext, suppress
from pathlib import Path

import torch

from .._images import resolve_device
from ..denoisers import DNNDenoiser
from ..networks._make import make_network


def check_is_file(path):
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder; a file is needed.")


def restore(path, state, channels, parameters):
    """DNNDenoiser of these parameters with the network of this state dict."""
    try:
        denoiser = DNNDenoiser(**parameters)
        denoiser._validate_params()
        is_named = isinstance(denoiser.architecture, str)
        # Nothing is allocated before the shapes are known to be those of the file.
        with torch.device("meta") if is_named else nullcontext():
            network = make_network(
                denoiser.architecture,
                channels,
                denoiser.width,
                denoiser.depth,
                denoiser.bias,
                seed=0,
            )
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
    for name, parameter in network.named_parameters():
        if not parameter.isfinite().all():
            raise ValueError(f"The file {path} holds NaN or infinity in {name!r}.")
    device = torch.device("cpu")
    # A device that this machine lacks leaves the network on the CPU.
    with suppress(ValueError):
        device = resolve_device(denoiser.device)
    return denoiser._adopt(network.to(device), channels)
