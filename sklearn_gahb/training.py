"""Training of any network that maps noisy images to the noise in them."""

import copy
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from numbers import Real

import numpy as np
import torch
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from ._distributed import broadcast_object, is_shared, mean_over_processes, share_of
from ._images import is_tensor, to_tensor
from ._warnings import warn


def check_noise_range(train_noise_std):
    """Turn a noise level or a range of them into (low, high)."""
    if isinstance(train_noise_std, Real):
        return train_noise_std, train_noise_std
    if len(train_noise_std) == 2 and all(isinstance(v, Real) for v in train_noise_std):
        low, high = train_noise_std
        if 0 <= low <= high < math.inf and high > 0:
            return low, high
    raise ValueError(
        f"train_noise_std={train_noise_std!r} must be a positive number or a range "
        "(low, high) with 0 <= low <= high and high > 0."
    )


def check_sizes(images, patch_size):
    """Raise a ValueError unless images, or crops of them, make batches."""
    smallest = min(min(size) for size in images.sizes)
    if patch_size is None and len(images.sizes) > 1:
        raise ValueError(
            "X has images of several sizes, and patch_size is None: set patch_size to "
            f"train on random crops, at most {smallest} pixels a side."
        )
    if patch_size is not None and patch_size > smallest:
        raise ValueError(
            f"patch_size={patch_size} is larger than the smallest side in X, "
            f"{smallest}."
        )


def split_indices(n_samples, n_train, validation_fraction, rng):
    """Indices to train on, and to validate on, of a random permutation.

    The first `n_train` of the permutation (None means all that are left) and its last
    `validation_fraction`: training sets of growing size are nested, and validated on
    the same images.
    """
    permutation = rng.permutation(n_samples)
    n_left = n_samples - math.ceil(validation_fraction * n_samples)
    if n_left < 1:
        raise ValueError(
            f"early_stopping sets aside {n_samples - n_left} of the {n_samples} images "
            "in X and leaves none to train on; pass more, or early_stopping=False."
        )
    if n_train is not None and n_train > n_left:
        warn(
            f"n_train_samples={n_train} is larger than the {n_left} images there are "
            "to train on; all of them are taken."
        )
    return permutation[:n_left][:n_train], permutation[n_left:]


def image_batches(
    images, indices, *, batch_size, patch_size=None, augment=False, rng, device
) -> Iterator[list[torch.Tensor]]:
    """Yield endless batches of images or of random crops of them.

    Parameters
    ----------
    images : list of Images
        Images of the same shapes, such as clean and noisy ones: a batch holds the same
        crops of each. They stay in the dtype that they have.
    indices : ndarray of shape (n_samples,)
        The images to draw from; each is drawn once before any is drawn again.
    batch_size : int
    patch_size : int, default=None
        Side of the square crops; None takes whole images.
    augment : bool, default=False
        Whether to flip and turn at random.
    rng : RandomState
    device : torch.device

    Yields
    ------
    batch : list of Tensor of shape (batch_size, channels, height, width)
        One tensor for each of `images`, float32 on `device`.
    """
    for drawn in shuffled(indices, batch_size, rng):
        windows = [_random_window(images[0], i, patch_size, rng) for i in drawn]
        batch = [
            to_tensor(_take(one, drawn, windows), device).float() for one in images
        ]
        yield random_dihedral(batch, rng) if augment else batch


def shuffled(indices, batch_size, rng):
    """Yield endless batches of `indices`, in a new random order each time round."""
    pool = np.empty(0, dtype=np.intp)
    while True:
        if len(pool) < batch_size:
            rounds = math.ceil(batch_size / len(indices))
            fresh = [rng.permutation(indices) for _ in range(rounds)]
            pool = np.concatenate([pool, *fresh])
        yield pool[:batch_size]
        pool = pool[batch_size:]


def _random_window(images, index, patch_size, rng):
    if patch_size is None:
        return slice(None), slice(None)
    stack, _ = images.locate(index)
    top = rng.randint(stack.shape[1] - patch_size + 1)
    left = rng.randint(stack.shape[2] - patch_size + 1)
    return slice(top, top + patch_size), slice(left, left + patch_size)


def _take(images, indices, windows):
    """Windows of images as one stack (n, h, w, c) in the dtype that they have."""
    views = []
    for index, (rows, columns) in zip(indices, windows, strict=True):
        stack, position = images.locate(index)
        views.append(stack[position, rows, columns])
    return torch.stack(views) if is_tensor(views[0]) else np.stack(views)


def random_dihedral(batch, rng):
    """Flip, and turn if square, each image at random, alike in all tensors of `batch`.

    One of the 8 symmetries of the square for each image (4 of the rectangle).
    """
    n, _, height, width = batch[0].shape
    flips = torch.from_numpy(rng.randint(2, size=(3, n, 1, 1, 1)).astype(bool))
    flips = flips.to(batch[0].device)
    result = []
    for x in batch:
        x = torch.where(flips[0], x.flip(-1), x)
        x = torch.where(flips[1], x.flip(-2), x)
        if height == width:
            x = torch.where(flips[2], x.transpose(-1, -2), x)
        result.append(x)
    return result


def draw_noise_std(n, noise_std, distribution, generator):
    """Draw noise levels of shape (n, 1, 1, 1): low + (high - low) u, or with u^2.

    u is uniform on (0, 1). The square is the choice of arXiv 2310.02557.
    """
    low, high = noise_std
    u = torch.rand(n, 1, 1, 1, generator=generator, device=generator.device)
    return low + (high - low) * (u**2 if distribution == "squared" else u)


def with_fresh_noise(batches, noise_std, distribution, generator):
    """Turn batches [clean] into endless pairs (noisy, noise)."""
    for (clean,) in batches:
        sigma = draw_noise_std(len(clean), noise_std, distribution, generator)
        noise = sigma * torch.randn(
            clean.shape, generator=generator, device=clean.device
        )
        yield clean + noise, noise


def with_given_noise(batches):
    """Turn batches [clean, noisy] into endless pairs (noisy, noise)."""
    for clean, noisy in batches:
        yield noisy, noisy - clean


@dataclass
class TrainingLog:
    """What training leaves behind, complete up to the last step at any moment.

    Attributes
    ----------
    losses : list of Tensor of shape (n_networks,)
        Mean squared errors of each step, on the device of the network.
    validation_losses : list of float
        Loss on the validation pairs, at each look.
    best_state : dict or None
        State of the network at its lowest validation loss.
    """

    losses: list = field(default_factory=list)
    validation_losses: list = field(default_factory=list)
    best_state: dict | None = None

    def is_finite(self):
        """Whether there was a step, and no loss is infinite or NaN."""
        return bool(self.losses) and bool(torch.stack(self.losses).isfinite().all())


def train(
    network,
    pairs,
    log,
    *,
    n_steps,
    learning_rate,
    schedule,
    precision,
    compile,
    validation_pairs=(),
    patience=None,
    n_looks=100,
    n_networks=1,
):
    """Train a network; yield after each of `n_looks` equal numbers of steps.

    Where torch.distributed is initialised each process takes its share of every batch,
    which must be the same in all, and the gradients are averaged.

    Parameters
    ----------
    network : torch.nn.Module
        Maps noisy images to noise. Trained in place.
    pairs : iterator of (noisy, noise)
        Batches of shape (n, channels, height, width).
    log : TrainingLog
        Filled in step by step.
    n_steps : int
    learning_rate : float
        The largest learning rate of the schedule.
    schedule : {"one_cycle", "halving", "constant"}
    precision : torch.dtype
        float32, or bfloat16 for mixed precision.
    compile : bool
        Whether to compile the network with :func:`torch.compile`.
    validation_pairs : sequence of (noisy, noise), default=()
        What to validate on, at each look.
    patience : int, default=None
        Stop when the validation loss has not fallen for this many looks.
    n_looks : int, default=100
        How often to look at losses, at most once a step.
    n_networks : int, default=1
        How many networks `network` is a stack of, each with a share of the channels and
        a loss of its own.

    Yields
    ------
    start, stop : int
        The steps since the last look.

    Raises
    ------
    ValueError
        If the loss of a step is not finite.
    """
    steps = _steps(
        network,
        pairs,
        n_steps,
        learning_rate,
        schedule,
        precision,
        compile,
        n_networks,
    )
    bounds = np.unique(np.linspace(0, n_steps, n_looks + 1).astype(int))
    for start, stop in pairwise(bounds.tolist()):
        for loss in islice(steps, stop - start):
            log.losses.append(loss)
        log.losses[start:] = mean_over_processes(log.losses[start:])
        _check_finite(log.losses, start, learning_rate)
        if validation_pairs:
            _validate(network, validation_pairs, log)
            network.train()
        yield start, stop
        if validation_pairs and _has_settled(log.validation_losses, patience):
            return


def _steps(
    network,
    pairs,
    n_steps,
    learning_rate,
    schedule,
    precision,
    compile,
    n_networks,
):
    device_type = next(network.parameters()).device.type
    network.train()
    forward = network
    if is_shared():
        forward = DistributedDataParallel(network, forward_sync_buffers=False)
    if compile:
        forward = torch.compile(forward, dynamic=False)
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    scheduler = make_scheduler(optimizer, schedule, learning_rate, n_steps)
    mixed = precision != torch.float32
    for batch in pairs:
        noisy, noise = [
            share_of(one).contiguous(memory_format=torch.channels_last) for one in batch
        ]
        with torch.autocast(device_type, precision, enabled=mixed):
            estimate = forward(noisy)
        loss = mean_squared_errors(estimate.float(), noise, n_networks)
        optimizer.zero_grad()
        # Of networks side by side none depends on the loss of another.
        loss.sum().backward()
        optimizer.step()
        scheduler.step()
        yield loss.detach()


def mean_squared_errors(estimate, noise, n_networks):
    """Mean squared error of each network of a stack, of shape (n_networks,)."""
    errors = F.mse_loss(estimate, noise, reduction="none")
    return errors.unflatten(1, (n_networks, -1)).mean(dim=(0, 2, 3, 4))


def _check_finite(losses, start, learning_rate):
    # (n_steps, n_networks)
    broken = ~torch.stack(losses[start:]).isfinite()
    if broken.any():
        step, number = (int(index[0]) for index in broken.nonzero(as_tuple=True))
        n_networks = broken.shape[1]
        which = f" of network {number + 1} of {n_networks}" if n_networks > 1 else ""
        raise ValueError(
            f"The training loss{which} is not finite at step {start + step + 1}. Try a "
            f"smaller learning_rate than {learning_rate}, and check the range of the "
            "images."
        )


@torch.no_grad()
def _validate(network, pairs, log):
    network.eval()
    losses = [F.mse_loss(network(noisy), noise) for noisy, noise in pairs]
    loss = broadcast_object(float(torch.stack(losses).mean()))
    if loss < min(log.validation_losses, default=math.inf):
        log.best_state = copy.deepcopy(network.state_dict())
    log.validation_losses.append(loss)


def _has_settled(losses, patience):
    return len(losses) - 1 - int(np.argmin(losses)) >= patience


def make_scheduler(optimizer, schedule, learning_rate, n_steps):
    """Make a learning-rate schedule over `n_steps` steps.

    "halving" halves every tenth, as arXiv 2310.02557 does every 100 of its 1000 epochs;
    "one_cycle" rises over the first 30 percent and falls to nearly 0.
    """
    schedulers = torch.optim.lr_scheduler
    if schedule == "one_cycle":
        # One step more than there are, for the scheduler is called after the last, and
        # an int of Python, for torch takes no other.
        return schedulers.OneCycleLR(
            optimizer, learning_rate, total_steps=int(n_steps) + 1
        )
    if schedule == "halving":
        return schedulers.LambdaLR(
            optimizer, lambda step: 0.5 ** (10 * step // n_steps)
        )
    return schedulers.ConstantLR(optimizer, factor=1.0, total_iters=0)


def resolve_precision(precision, device):
    """Turn "auto", "float32" or "bfloat16" into a dtype."""
    if precision == "auto":
        return torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
    return getattr(torch, precision)


def has_fast_bfloat16(device):
    """Whether a device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        instructions = ("avx512_bf16", "amx_bf16", "bf16")
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in instructions)
    return False


def pays_to_compile(network, y, n_images):
    """Whether training on `n_images` like `y` is long enough for torch.compile.

    It takes up to a minute and saves a third of what follows; training is taken to run
    at 1e11 operations a second on a CPU and at 1e13 on a GPU.
    """
    network.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(y)
    rate = 1e13 if y.device.type == "cuda" else 1e11
    # A training step takes three times the operations of a forward pass.
    seconds = 3 * counter.get_total_flops() * n_images / len(y) / rate
    has_compiler = shutil.which(os.environ.get("CXX", "g++")) is not None
    return seconds > 240 and has_compiler
