"""Training of one network by several processes, with torch.distributed.

Each process has a copy of the same network, draws the same batches, and trains on its
share of each batch. In a single process, these functions do nothing.
"""

import re

import joblib
import numpy as np
import torch
from torch import distributed


def rank_and_size():
    """Return the rank of this process and the number of processes: (0, 1) if single."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def is_shared():
    """Return whether several processes train together."""
    return rank_and_size()[1] > 1


def broadcast_object(value):
    """Return the value of the first process, in all processes."""
    if not is_shared():
        return value
    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]


def broadcast_state(network):
    """Copy the network of the first process to all processes, in place."""
    if is_shared():
        for tensor in network.state_dict().values():
            # Broadcasting needs contiguous memory, but the weights are channels-last.
            contiguous = tensor.contiguous()
            distributed.broadcast(contiguous, src=0)
            tensor.copy_(contiguous)


def mean_over_processes(tensors):
    """Average each tensor of a list over the processes."""
    if not is_shared():
        return tensors
    stacked = torch.stack(tensors)
    distributed.all_reduce(stacked)
    return list(stacked / rank_and_size()[1])


def share_of(batch):
    """Return the images of a batch that this process trains on."""
    rank, size = rank_and_size()
    return batch[rank::size] if size > 1 else batch


def check_agreement(recipe, clean, noisy):
    """Raise a ValueError unless the processes train the same way on the same images.

    Parameters
    ----------
    recipe : Recipe
    clean, noisy : Images
        `noisy` may be None.
    """
    # Each process may have its own GPU.
    parameters = {**vars(recipe), "device": None}
    described = {
        "X": digest_of_some(clean if noisy is None else noisy),
        "y": "" if noisy is None else digest_of_some(clean),
        # Functions have another address in each process.
        "The denoiser": re.sub(r" at 0x\w+", "", repr(sorted(parameters.items()))),
    }
    size = rank_and_size()[1]
    gathered = [None] * size
    distributed.all_gather_object(gathered, described)
    for name in described:
        if len({one[name] for one in gathered}) > 1:
            raise ValueError(
                f"{name} is not the same in the {size} processes that train together. "
                "Call fit with the same arguments in each process. Each process takes "
                "its share of every batch automatically."
            )
    if recipe.batch_size % size:
        raise ValueError(
            f"batch_size={recipe.batch_size} must be a multiple of the number of "
            f"processes that train together, {size}."
        )


def digest_of_some(images):
    """Return the number, the sizes and a digest of 16 of the images, as a string."""
    chosen = np.unique(np.linspace(0, len(images) - 1, 16).astype(int))
    some = [stack[position] for stack, position in map(images.locate, chosen)]
    some = [one.cpu().numpy() if torch.is_tensor(one) else one for one in some]
    return f"{len(images)} of sizes {sorted(images.sizes)}: {joblib.hash(some)}"
