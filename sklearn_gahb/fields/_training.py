"""Training of an autoencoder on pairs of grids at random scales."""

import math
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from .._warnings import warn
from ..training import make_optimizers, make_scheduler
from ._cells import average_cells

# Probability that a scale is the largest or the finest one. Magnification needs these.
AT_THE_ENDS = 0.6
# Renderings are flat if their error is above this share of that of a constant.
LARGEST_FLAT_SHARE = 0.98


@dataclass(frozen=True)
class Pair:
    """Two grids of cells on one image: what is encoded, and what is rendered.

    Parameters
    ----------
    encoded, rendered : Tensor of shape (channels, n_cells, n_cells)
        Mean values of the cells of each grid.
    origin : tuple of (float, float)
        Position of the upper left corner of the rendered grid in the encoded grid. The
        unit is the side of a cell of the rendered grid.
    cell : float
        Side of the cells of the rendered grid, at most 1. The unit is the side of a
        cell of the encoded grid.
    """

    encoded: torch.Tensor
    rendered: torch.Tensor
    origin: tuple
    cell: float


def draw_pair(image, n_cells, rng):
    """Draw a region of an image at a random scale, and a part of it at a finer scale.

    No cell is smaller than a pixel. The scales are log-uniform, except that they take
    the largest and the finest value with the probability `AT_THE_ENDS`.

    Parameters
    ----------
    image : Tensor of shape (channels, height, width)
    n_cells : int
        Number of rows and columns of both grids. At most the height and the width.
    rng : RandomState

    Returns
    -------
    pair : Pair
    """
    height, width = image.shape[1:]
    side = log_uniform(n_cells, min(height, width), rng, end=1)
    coarse = side / n_cells
    fine = log_uniform(1, coarse, rng, end=0)
    top, left = rng.uniform(0, height - side), rng.uniform(0, width - side)
    down, right = rng.uniform(0, side - n_cells * fine, size=2)
    return Pair(
        average_cells(image, top, left, coarse, n_cells),
        average_cells(image, top + down, left + right, fine, n_cells),
        (down / fine, right / fine),
        fine / coarse,
    )


def log_uniform(low, high, rng, *, end):
    """Draw a log-uniform number, or one end of the interval (0: low, 1: high)."""
    if rng.uniform() < AT_THE_ENDS:
        return float((low, high)[end])
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def draw_batches(images, n_cells, reduction, batch_size, rng):
    """Yield batches of pairs without end.

    Small grids of large images train the magnification, so the number of cells varies
    from batch to batch.

    Parameters
    ----------
    images : list of Tensor of shape (channels, height, width)
        Images on the CPU.
    n_cells : int
        Largest number of rows and columns of the grids, a multiple of `reduction`.
    reduction : int
        Side of the square of cells that a latent pixel stands for.
    batch_size : int
        Number of pairs.
    rng : RandomState

    Yields
    ------
    encoded, rendered : Tensor of shape (batch_size, channels, n, n)
    origins, cells : Tensor of shape (batch_size, 2)
        Fields of the pairs.
    """
    smallest, largest = math.ceil(n_cells / (2 * reduction)), n_cells // reduction
    while True:
        n = reduction * rng.randint(smallest, largest + 1)
        chosen = rng.randint(len(images), size=batch_size)
        pairs = [draw_pair(images[i], n, rng) for i in chosen]
        yield (
            torch.stack([pair.encoded for pair in pairs]),
            torch.stack([pair.rendered for pair in pairs]),
            torch.tensor([pair.origin for pair in pairs], dtype=torch.float32),
            torch.tensor([[pair.cell] * 2 for pair in pairs], dtype=torch.float32),
        )


def train(networks, batches, recipe):
    """Train the networks with the mean absolute error.

    Parameters
    ----------
    networks : torch.nn.ModuleDict
        The networks "encoder", "decoder" and "renderer". They are trained in place.
    batches : iterator of (encoded, rendered, origins, cells)
        Batches that `draw_batches` yields.
    recipe : Recipe
        Recipe that sets the number of steps, the optimizer and its rate.

    Returns
    -------
    losses : ndarray of shape (max_steps,)
        Loss at each step.
    """
    device = next(networks.parameters()).device
    optimizers = make_optimizers(networks, recipe)
    schedulers = [make_scheduler(one, recipe) for one in optimizers]
    losses = []
    networks.train()
    for batch in islice(batches, recipe.max_steps):
        encoded, rendered, origins, cells = (one.to(device) for one in batch)
        encoded = encoded.contiguous(memory_format=torch.channels_last)
        predicted = predict(networks, encoded, origins, cells, rendered.shape[2:])
        loss = (predicted - rendered).abs().mean()
        networks.zero_grad()
        loss.backward()
        for one in (*optimizers, *schedulers):
            one.step()
        losses.append(loss.detach())
    networks.zero_grad()
    losses = torch.stack(losses).double().cpu().numpy()
    if not np.isfinite(losses).all():
        raise ValueError(
            f"The training loss is not finite. Try a smaller learning_rate than "
            f"{recipe.learning_rate}, and check the range of the images."
        )
    return losses


def predict(networks, encoded, origins, cells, n_cells):
    """Encode one grid of each image and render another one."""
    features = networks["decoder"](networks["encoder"](encoded))
    return networks["renderer"](features, origins, cells, n_cells)


@torch.no_grad()
def standardize(encoder, batches, n_batches=50):
    """Set the statistics of the last layer of the encoder, which are those of batches.

    During training, running means follow the changing weights too slowly.

    Parameters
    ----------
    encoder : torch.nn.Module
        Network whose last layer is a normalization layer.
    batches : iterator of (encoded, rendered, origins, cells)
        Batches that `draw_batches` yields.
    n_batches : int, default=50
        Number of batches to average over.
    """
    norm, device = encoder[-1], next(encoder.parameters()).device
    norm.reset_running_stats()
    norm.momentum = None
    encoder.train()
    for encoded, *_ in islice(batches, n_batches):
        encoder(encoded.to(device))
    encoder.eval()


@torch.no_grad()
def warn_if_flat(networks, batches, n_batches=10):
    """Warn if trained networks render no better than one constant value would.

    The mean absolute error of images whose pixels mostly have one value, such as black,
    is low for that constant, and training can end there.

    Parameters
    ----------
    networks : torch.nn.ModuleDict
        The networks "encoder", "decoder" and "renderer".
    batches : iterator of (encoded, rendered, origins, cells)
        Batches that `draw_batches` yields.
    n_batches : int, default=10
        Number of batches to render.
    """
    device = next(networks.parameters()).device
    error, error_of_constant = 0.0, 0.0
    for batch in islice(batches, n_batches):
        encoded, rendered, origins, cells = (one.to(device) for one in batch)
        predicted = predict(networks, encoded, origins, cells, rendered.shape[2:])
        error += float((predicted - rendered).abs().mean())
        error_of_constant += float((rendered - rendered.median()).abs().mean())
    if error > LARGEST_FLAT_SHARE * error_of_constant:
        warn(
            "The autoencoder renders training images no better than one constant value "
            f"would: the mean absolute error is {error / n_batches:.3g}, and that of "
            f"the constant {error_of_constant / n_batches:.3g}. Increase max_steps, or "
            "leave out images and borders of one constant value."
        )
