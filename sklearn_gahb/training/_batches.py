"""Batches of images or random crops, and the noise that is added to them."""

import math
from collections.abc import Iterator

import numpy as np
import torch

from .._tensors import is_tensor
from .._warnings import warn

# Level of the noise that is added to noisy images, divided by the level of their noise.
RECORRUPTION = 0.5


def check_sizes(images, patch_size):
    """Raise a ValueError unless the images or their crops can form batches."""
    smallest = min(min(size) for size in images.sizes)
    if patch_size is None and len(images.sizes) > 1:
        raise ValueError(
            "X has images of several sizes, and patch_size is None. To train on random "
            f"crops, set patch_size to at most {smallest} pixels."
        )
    if patch_size is not None and patch_size > smallest:
        raise ValueError(
            f"patch_size={patch_size} is larger than the smallest side in X, "
            f"{smallest}."
        )


def split_indices(n_samples, recipe, rng):
    """Split a random permutation into indices to train on and to validate on.

    Early stopping validates on the last indices of the permutation. Training uses the
    first `n_train_samples` indices, or all other indices if `n_train_samples` is None.
    A smaller training set is therefore a subset of a larger one, and all training sets
    share the same validation images.
    """
    permutation, n_train = rng.permutation(n_samples), recipe.n_train_samples
    fraction = recipe.validation_fraction if recipe.early_stopping else 0
    n_left = n_samples - math.ceil(fraction * n_samples)
    if n_left < 1:
        raise ValueError(
            f"early_stopping sets aside {n_samples - n_left} of the {n_samples} images "
            "in X and leaves none to train on. Pass more images, or set "
            "early_stopping=False."
        )
    if n_train is not None and n_train > n_left:
        warn(
            f"n_train_samples={n_train} is larger than the {n_left} images that are "
            "available for training, so all of them are used."
        )
    return permutation[:n_left][:n_train], permutation[n_left:]


def image_batches(
    images, indices, recipe, *, rng, device
) -> Iterator[list[torch.Tensor]]:
    """Yield batches of images or random crops, without end.

    Parameters
    ----------
    images : list of Images
        One or more `Images` objects that correspond one to one and have equal shapes,
        such as the clean and the noisy images. Each batch is cropped at the same
        positions in every element of the list. Only the batches are converted to
        float32.
    indices : ndarray of shape (n_samples,)
        Indices of the images to draw from. Each image is drawn once before any image is
        drawn again.
    recipe : Recipe
        Recipe that sets the batch size, the crop size, and whether to flip and rotate
        the images at random.
    rng : RandomState
        Source of the random numbers.
    device : torch.device
        Device of the batches.

    Yields
    ------
    batch : list of Tensor of shape (batch_size, channels, height, width)
        One float32 tensor on `device` for each element of `images`.

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
        batch = [
            one.to_tensor(_take(one, drawn, windows), device).float() for one in images
        ]
        yield random_dihedral(batch, rng) if recipe.augment else batch


def shuffled(indices, batch_size, rng):
    """Yield batches of `indices` without end, in a new random order in each round."""
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
    """Stack windows of images to (n, h, w, c), without changing the dtype."""
    views = []
    for index, (rows, columns) in zip(indices, windows, strict=True):
        stack, position = images.locate(index)
        views.append(stack[position, rows, columns])
    return torch.stack(views) if is_tensor(views[0]) else np.stack(views)


def random_dihedral(batch, rng):
    """Flip and rotate each image at random, in the same way in all tensors of a batch.

    Square images get one of the 8 symmetries of the square. Other images get one of the
    4 symmetries of the rectangle.
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

    Here u is uniform on (0, 1). The square is the choice of arXiv 2310.02557.
    """
    low, high = recipe.noise_range
    u = torch.rand(n, 1, 1, 1, generator=generator, device=generator.device)
    is_squared = recipe.noise_distribution == "squared"
    return low + (high - low) * (u**2 if is_squared else u)


def with_fresh_noise(batches, recipe, generator):
    """Make training pairs (noisy, noise) from clean images and fresh noise.

    Parameters
    ----------
    batches : iterator of list of one Tensor
        Clean images, as :func:`image_batches` yields them.
    recipe : Recipe
        Recipe that sets the range and the distribution of the noise levels.
    generator : torch.Generator
        Source of the noise, on the device of the images.

    Yields
    ------
    noisy, noise : Tensor of shape (batch_size, channels, height, width)
        Noisy images and the noise in them. Each image has its own noise level.

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


def with_recorrupted_noise(batches, recipe, generator):
    r"""Make training pairs from noisy images alone.

    Let y = x + n be a noisy image with noise of level :math:`\sigma`, and z white
    standard noise. The images

    .. math:: y_1 = y + \alpha \sigma z, \qquad y_2 = y - \sigma z / \alpha

    contain independent noise. The best least-squares prediction of :math:`y_2` from
    :math:`y_1` is also the best prediction of the clean image [1]_. Here, :math:`\alpha
    = 1/2` (`RECORRUPTION`).

    Parameters
    ----------
    batches : iterator of list of one Tensor
        Noisy images, as :func:`image_batches` yields them.
    recipe : Recipe
        Recipe that sets `noise_std`, the level of the noise in the images.
    generator : torch.Generator
        Source of the noise, on the device of the images.

    Yields
    ------
    noisy, noise : Tensor of shape (batch_size, channels, height, width)
        `noisy` is :math:`y_1` and `noise` is :math:`y_1 - y_2`, so `noisy` minus
        `noise` is :math:`y_2`.

    References
    ----------
    .. [1] T. Pang, H. Zheng, Y. Quan, H. Ji, "Recorrupted-to-recorrupted: unsupervised
       deep learning for image denoising", CVPR 2021.
       :doi:`10.1109/CVPR46437.2021.00208`

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.training import Recipe, with_recorrupted_noise
    >>> generator = torch.Generator().manual_seed(0)
    >>> noisy = 0.1 * torch.randn(1, 1, 64, 64, generator=generator)
    >>> recipe = Recipe(noise_std=0.1)
    >>> pairs = with_recorrupted_noise([[noisy]], recipe, generator)
    >>> y1, noise = next(pairs)
    >>> bool(((y1 - noise) * y1).mean().abs() < 0.002)
    True
    """
    for (y,) in batches:
        z = torch.randn(y.shape, generator=generator, device=y.device)
        noise = recipe.noise_std * z
        yield y + RECORRUPTION * noise, (RECORRUPTION + 1 / RECORRUPTION) * noise


def with_given_noise(batches):
    """Turn batches [clean, noisy] into pairs (noisy, noise)."""
    for clean, noisy in batches:
        yield noisy, noisy - clean
