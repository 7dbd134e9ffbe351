"""Gradient steps for any network that maps noisy images to the noise in them."""

import copy
import math
import os
import shutil
import threading
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice, pairwise
from time import perf_counter

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from .._threads import one_thread
from ..networks.norms import has_norms, has_statistics, start_training
from ._losses import loss_of, mean_squared_errors
from ._optimizers import make_optimizers, make_scheduler
from ._residuals import needs_two_evaluations, squared_gains, squared_residuals
from .processes import (
    broadcast_object,
    is_shared,
    mean_over_processes,
    rank_and_size,
    share_of,
)

# Measurements in two threads would disturb each other.
_TIMING = threading.Lock()


@dataclass
class TrainingLog:
    """Losses and best weights of a training run, updated at each step.

    Parameters
    ----------
    losses : list of Tensor of shape (n_networks,)
        Mean squared error of each network at each step, on the device of the networks.
    validation_losses : list of float
        Loss on the validation batches at each evaluation.
    best_state : dict, default=None
        State dict of the network at the lowest validation loss.

    Examples
    --------
    >>> from sklearn_gahb.training import TrainingLog
    >>> TrainingLog().is_finite()
    False
    """

    losses: list = field(default_factory=list)
    validation_losses: list = field(default_factory=list)
    best_state: dict | None = None

    def is_finite(self):
        """Return whether the log holds at least one loss and all losses are finite.

        Returns
        -------
        is_finite : bool
            It is also False if the log holds no loss yet.
        """
        return bool(self.losses) and bool(torch.stack(self.losses).isfinite().all())


def train(
    network, pairs, log, recipe, *, validation_pairs=(), n_evaluations=100, n_networks=1
):
    """Train a network, and yield a range of steps after each evaluation.

    The evaluations are evenly spaced over the steps, and each checkpoint of the recipe
    adds one. If torch.distributed is initialized, each process trains on its share of
    every batch, and the gradients are averaged. The batches must be the same in all
    processes.

    Parameters
    ----------
    network : torch.nn.Module
        Network that maps noisy images to the noise in them. It is trained in place.
    pairs : iterator of (noisy, noise)
        Pairs of noisy images and the noise in them, of shape (n, channels, height,
        width).
    log : TrainingLog
        Log that receives the losses of each step.
    recipe : Recipe
        Recipe that sets the number of steps, the learning rate and its schedule, the
        precision, and when to stop early.
    validation_pairs : sequence of (noisy, noise), default=()
        Batches to validate on at each evaluation. Training stops if
        ``recipe.n_iter_no_change`` evaluations in a row do not lower the best
        validation loss.
    n_evaluations : int, default=100
        Number of evaluations, at most one per step.
    n_networks : int, default=1
        Number of networks that are stacked in `network`. Each stacked network has its
        own channels and its own loss.

    Yields
    ------
    start, stop : int
        Range of the steps since the previous evaluation; `stop` is excluded.

    Raises
    ------
    ValueError
        If the loss is not finite at any step.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.training import Recipe, TrainingLog, train
    >>> noise = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    >>> network, log = torch.nn.Conv2d(1, 1, 1), TrainingLog()
    >>> recipe = Recipe(max_steps=200, learning_rate=0.1)
    >>> for start, stop in train(network, iter([(noise, noise)] * 200), log, recipe):
    ...     pass
    >>> bool(log.losses[-1] < 1e-3 * log.losses[0])
    True
    """
    batch_statistics = recipe.batch_statistics
    if batch_statistics == "auto":
        batch_statistics = not (recipe.conservative or has_statistics(network))
    if batch_statistics and has_norms(network) and needs_two_evaluations(recipe):
        raise ValueError(
            "residual_estimate='sample' needs batch_statistics=False, because the "
            "statistics of less noisy images would mix with those of the batch."
        )
    resume = partial(start_training, network, batch_statistics=batch_statistics)
    steps = _steps(network, pairs, recipe, n_networks, resume)
    for start, stop in pairwise([0, *recipe.evaluation_steps(n_evaluations).tolist()]):
        for loss in islice(steps, stop - start):
            log.losses.append(loss)
        log.losses[start:] = mean_over_processes(log.losses[start:])
        _check_finite(log.losses, start, recipe.learning_rate)
        if validation_pairs:
            _validate(network, validation_pairs, log, recipe)
            resume()
        yield start, stop
        losses = log.validation_losses
        if losses and len(losses) - 1 - np.argmin(losses) >= recipe.n_iter_no_change:
            return


def _steps(network, pairs, recipe, n_networks, resume):
    device = next(network.parameters()).device
    precision = resolve_precision(recipe.precision, device)
    mixed = precision != torch.float32
    optimizers = make_optimizers(network, recipe)
    schedulers = [make_scheduler(optimizer, recipe) for optimizer in optimizers]
    forward = None
    for step, batch in enumerate(pairs, start=1):
        noisy, noise = [
            share_of(one).contiguous(memory_format=torch.channels_last) for one in batch
        ]
        gains = share_of(squared_gains(recipe.residual, *batch))
        if forward is None:
            forward = _prepare_forward(network, noisy[:1], recipe)
            resume()
        with torch.autocast(device.type, precision, enabled=mixed):
            estimate = forward(noisy)
        errors = mean_squared_errors(estimate.float(), noise, n_networks)
        network.zero_grad()
        with torch.autocast(device.type, precision, enabled=mixed):
            squares = squared_residuals(forward, noisy, estimate, gains, recipe)
        # Residuals of a network that is not yet good would disturb its training.
        squares = (step / recipe.max_steps) ** 2 * squares
        # The loss of one network does not depend on the other networks.
        total = loss_of(recipe.loss, errors + squares, noise, n_networks).sum()
        total.backward()
        for one in (*optimizers, *schedulers):
            one.step()
        yield errors.detach().mean(dim=0)


def _prepare_forward(network, y, recipe):
    """Return the network, distributed and compiled if useful."""
    compiles = recipe.compile
    if compiles == "auto":
        n_images = recipe.batch_size * recipe.max_steps / rank_and_size()[1]
        counted = network
        if recipe.conservative:
            # Operations of gradients cannot be counted. A step takes four times as long
            # as a step of the network inside.
            counted, n_images = network.network, 4 * n_images
        compiles = broadcast_object(pays_to_compile(counted, y, n_images))
    forward = network
    if is_shared():
        forward = DistributedDataParallel(network, forward_sync_buffers=False)
    return torch.compile(forward, dynamic=False) if compiles else forward


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
def _validate(network, pairs, log, recipe):
    network.eval()
    losses = []
    for noisy, noise in pairs:
        estimate = network(noisy)
        errors = mean_squared_errors(estimate, noise, 1)
        gains = squared_gains(recipe.residual, noisy, noise)
        squares = squared_residuals(network, noisy, estimate, gains, recipe)
        losses.append(loss_of(recipe.loss, errors + squares, noise, 1))
    loss = broadcast_object(float(torch.stack(losses).mean()))
    if loss < min(log.validation_losses, default=math.inf):
        log.best_state = copy.deepcopy(network.state_dict())
    log.validation_losses.append(loss)


def resolve_device(device):
    """Return the torch device for a device name, or choose one for "auto".

    Parameters
    ----------
    device : str or torch.device
        Name of the device. "auto" uses a GPU if torch finds one.

    Returns
    -------
    device : torch.device
        The device.

    Raises
    ------
    ValueError
        If this machine has no such device.

    Examples
    --------
    >>> from sklearn_gahb.training import resolve_device
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if device == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        return torch.device("cpu") if found is None else found
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise ValueError(
            f"device={device!r} cannot be used on this machine ({error}). Pass 'auto', "
            "'cpu' or the name of a device that torch finds on this machine, such as "
            "'cuda' or 'cuda:1'."
        ) from error
    return resolved


def resolve_precision(precision, device):
    """Return the torch dtype for a precision name, or choose one for "auto".

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        Name of the precision. "auto" uses bfloat16 if the device multiplies bfloat16
        faster than float32.
    device : torch.device
        Device to compute on.

    Returns
    -------
    dtype : torch.dtype
        Data type of the multiplications.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.training import resolve_precision
    >>> resolve_precision("float32", torch.device("cpu"))
    torch.float32
    """
    if precision == "auto":
        return torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
    return getattr(torch, precision)


@cache
def has_fast_bfloat16(device):
    """Return whether a device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities = torch.cpu.get_capabilities()
    if any(capabilities.get(name, False) for name in ("amx_bf16", "bf16")):
        return True
    # Some processors with these instructions are slower in bfloat16, others faster.
    if not capabilities.get("avx512_bf16", False):
        return False
    times = convolution_times([torch.bfloat16, torch.float32])
    return times[0] < 0.8 * times[1]


def convolution_times(dtypes, n_repeats=20):
    """Measure the shortest times of a convolution on one thread, in seconds.

    Equal fits give different networks if other work on the machine changes the order of
    the times. Several threads would wait for each other on a busy machine, and then all
    dtypes take the same time. The dtypes take turns, so that other work slows down all
    of them.
    """
    operands = [
        (
            torch.ones(4, 32, 64, 64, dtype=one).to(memory_format=torch.channels_last),
            torch.ones(32, 32, 3, 3, dtype=one),
        )
        for one in dtypes
    ]
    times = []
    with _TIMING, one_thread():
        for _ in range(n_repeats):
            for y, kernel in operands:
                start = perf_counter()
                torch.conv2d(y, kernel, padding=1)
                times.append(perf_counter() - start)
    return [min(times[k :: len(dtypes)]) for k in range(len(dtypes))]


def pays_to_compile(network, y, n_images):
    """Return whether training on `n_images` images like `y` justifies compilation.

    Compilation takes up to a minute, and shortens the rest of the training by a third.
    Training is assumed to run at 1e11 operations per second on a CPU, and at 1e13 on a
    GPU.
    """
    rate = 1e13 if y.device.type == "cuda" else 1e11
    seconds = count_operations(network, y) * n_images / len(y) / rate
    has_compiler = shutil.which(os.environ.get("CXX", "g++")) is not None
    return seconds > 240 and has_compiler


def count_operations(network, y):
    """Count the floating-point operations of a training step on images y."""
    network.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(y)
    # The backward pass takes twice as many as the forward pass.
    return 3 * counter.get_total_flops()
