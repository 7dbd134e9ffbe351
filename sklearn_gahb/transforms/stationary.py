"""Stationary Gaussian images with the mean and the covariance of given images."""

import torch

# Side of the crops from which moments are estimated, in pixels.
LARGEST_SIDE, SMALLEST_SIDE = 64, 8
# About as many crops are used, evenly spaced over the images.
N_CROPS = 1000


def estimate_moments(images):
    """Estimate the mean and the covariance of images as if they were stationary.

    The images are cut into crops of one side. The covariance of the channels is
    averaged over rings of frequencies: ring r holds the frequencies of about r / side
    cycles per pixel.

    Parameters
    ----------
    images : Images
        Images, whose sizes may differ.

    Returns
    -------
    moments : tuple of (Tensor, Tensor) or None
        Mean intensity of shape (channels,), and covariance of the Fourier coefficients
        of shape (side / 2 + 1, channels, channels), in float64. The covariance of white
        noise of standard deviation 1 is the identity matrix. None if an image is
        smaller than 8x8 pixels.
    """
    side = min(LARGEST_SIDE, min(min(size) for size in images.sizes)) // 2 * 2
    if side < SMALLEST_SIDE:
        return None
    crops = torch.cat(list(spaced_crops(images, side)))
    mean = crops.mean((0, 2, 3))
    coefficients = torch.fft.fft2(crops - mean[:, None, None], norm="ortho")
    covariance = torch.einsum("nchw,ndhw->hwcd", coefficients, coefficients.conj())
    mean, covariance = (one.cpu().double() for one in (mean, covariance.real))
    ring = radial_index((side, side), side).round().long().clamp(max=side // 2).ravel()
    sums = torch.zeros(side // 2 + 1, *covariance.shape[2:], dtype=torch.float64)
    sums.index_add_(0, ring, covariance.flatten(0, 1) / len(crops))
    return mean, sums / torch.bincount(ring)[:, None, None]


def spaced_crops(images, side):
    """Yield about `N_CROPS` crops of Images as tensors (n, channels, side, side)."""
    n_crops = sum(
        len(stack) * (stack.shape[1] // side) * (stack.shape[2] // side)
        for stack in images.stacks
    )
    step = max(1, n_crops // N_CROPS)
    stacks = images.stacks[::step] if images.is_list else [images.stacks[0][::step]]
    for stack in stacks:
        crops = images.to_tensor(stack).float().unfold(2, side, side)
        crops = crops.unfold(3, side, side)
        yield crops.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)


def draw_stationary_images(mean, covariance, n_images, size, rng):
    """Draw stationary Gaussian images of any size.

    Parameters
    ----------
    mean : Tensor of shape (channels,)
    covariance : Tensor of shape (n_rings, channels, channels)
        Moments that `estimate_moments` returns.
    n_images : int
        Number of images.
    size : tuple of (int, int)
        Height and width.
    rng : numpy.random.Generator
        Source of the random numbers. The first images do not depend on `n_images`.

    Returns
    -------
    images : Tensor of shape (n_images, channels, height, width)
        Images in float64. They are periodic.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_gahb.transforms.stationary import draw_stationary_images
    >>> white = torch.eye(1, dtype=torch.float64).expand(9, 1, 1)
    >>> half = torch.tensor([0.5], dtype=torch.float64)
    >>> rng = np.random.default_rng(0)
    >>> images = draw_stationary_images(half, white, 100, (16, 20), rng)
    >>> round(float(images.mean()), 1), round(float(images.std()), 1)
    (0.5, 1.0)
    """
    n_rings = len(covariance)
    position = radial_index(size, 2 * (n_rings - 1)).clamp(max=n_rings - 1)
    below = position.floor().long().clamp(max=n_rings - 2)
    weight = (position - below)[..., None, None]
    # (height, width, channels, channels)
    at_frequency = torch.lerp(covariance[below], covariance[below + 1], weight)
    variances, vectors = torch.linalg.eigh(at_frequency)
    root = vectors * variances.clamp(min=0).sqrt()[..., None, :]
    white = torch.from_numpy(rng.standard_normal((n_images, len(mean), *size)))
    coefficients = torch.fft.fft2(white, norm="ortho")
    coefficients = torch.einsum("hwcd,ndhw->nchw", root.to(coefficients), coefficients)
    return mean[:, None, None] + torch.fft.ifft2(coefficients, norm="ortho").real


def radial_index(size, side):
    """Return the radial frequencies (height, width), in cycles per `side` pixels."""
    rows, columns = (torch.fft.fftfreq(n, dtype=torch.float64) for n in size)
    return side * torch.hypot(rows[:, None], columns)
