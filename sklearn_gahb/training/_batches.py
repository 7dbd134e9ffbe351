"""Batches of images and of crops of them, and the noise that is added."""

import math
from collections.abc import Iterator

import numpy as np
import torch

from .._tensors import is_tensor, to_tensor
from .._warnings import warn


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


def split_indices(n_samples, recipe, rng):
    """Indices to train on, and to validate on, of a random permutation.

    The first `n_train_samples` of the permutation (None means all that are left) and,
    for early stopping, its last `validation_fraction`: training sets of growing size
    are nested, and validated on the same images.
    """
    permutation, n_train = rng.permutation(n_samples), recipe.n_train_samples
    fraction = recipe.validation_fraction if recipe.early_stopping else 0
    n_left = n_samples - math.ceil(fraction * n_samples)
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
    images, indices, recipe, *, rng, device
) -> Iterator[list[torch.Tensor]]:
    """Yield endless batches of images or of random crops of them.

    Parameters
    ----------
    images : list of Images
        Images of the same shapes, such as clean and noisy ones: a batch holds the same
        crops of each. They stay in the dtype that they have.
    indices : ndarray of shape (n_samples,)
        The images to draw from; each is drawn once before any is drawn again.
    recipe : Recipe
        Size of batches and of crops, and whether to flip and turn at random.
    rng : RandomState
        Source of the random numbers.
    device : torch.device
        Where the batches are made.

    Yields
    ------
    batch : list of Tensor of shape (batch_size, channels, height, width)
        One tensor for each of `images`, float32 on `device`.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_gahb.images import check_images
    >>> from sklearn_gahb.training import Recipe, image_batches
    >>> batches = image_batches(
    ...     [check_images(np.ones((9, 8, 8)))],
    ...     np.arange(9),
    ...     Recipe(batch_size=4, patch_size=6),
    ...     rng=np.random.RandomState(0),
    ...     device=torch.device("cpu"),
    ... )
    >>> [batch.shape for batch in next(batches)]
    [torch.Size([4, 1, 6, 6])]
    """
    for drawn in shuffled(indices, recipe.batch_size, rng):
        windows = [_random_window(images[0], i, recipe.patch_size, rng) for i in drawn]
        stacks = [_take(one, drawn, windows) for one in images]
        batch = [to_tensor(stack, device).float() for stack in stacks]
        yield random_dihedral(batch, rng) if recipe.augment else batch


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


def draw_noise_std(n, recipe, generator):
    """Draw noise levels of shape (n, 1, 1, 1): low + (high - low) u, or with u^2.

    u is uniform on (0, 1). The square is the choice of arXiv 2310.02557.
    """
    low, high = recipe.noise_range
    u = torch.rand(n, 1, 1, 1, generator=generator, device=generator.device)
    is_squared = recipe.noise_distribution == "squared"
    return low + (high - low) * (u**2 if is_squared else u)


def with_fresh_noise(batches, recipe, generator):
    """Turn batches [clean] into endless pairs (noisy, noise).

    Parameters
    ----------
    batches : iterator of list of one Tensor
        Clean images, as :func:`image_batches` yields them.
    recipe : Recipe
        Range and distribution of the noise levels.
    generator : torch.Generator
        Source of the noise, on the device of the images.

    Yields
    ------
    noisy, noise : Tensor of shape (batch_size, channels, height, width)
        The images, each with noise of a level of its own, and that noise.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.training import Recipe, with_fresh_noise
    >>> batches = [[torch.zeros(2, 1, 4, 4)]]
    >>> pairs = with_fresh_noise(batches, Recipe(), torch.Generator())
    >>> noisy, noise = next(pairs)
    >>> bool((noisy == noise).all())
    True
    """
    for (clean,) in batches:
        sigma = draw_noise_std(len(clean), recipe, generator)
        z = torch.randn(clean.shape, generator=generator, device=clean.device)
        noise = sigma * z
        yield clean + noise, noise


def with_given_noise(batches):
    """Turn batches [clean, noisy] into endless pairs (noisy, noise)."""
    for clean, noisy in batches:
        yield noisy, noisy - clean
