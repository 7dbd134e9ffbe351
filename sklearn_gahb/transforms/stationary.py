"""Stationary Gaussian images with the mean and the covariance of given images."""

import numpy as np
import torch

from .fourier import radial_frequency

# Side of the crops from which moments are estimated, in pixels.
LARGEST_SIDE, SMALLEST_SIDE = 64, 8
N_CROPS = 300


def estimate_moments(images, noise_std=0.0):
    """Estimate the mean and the covariance of images as if they were stationary.

    Each crop counts alike. The covariance of the channels is averaged over rings of
    frequencies: ring r holds the frequencies of about r / side cycles per pixel.

    Parameters
    ----------
    images : Images
        Images, whose sizes may differ. Crops at random positions of about 300 of them
        are used.
    noise_std : float, default=0.0
        Level of the noise in the images. The variance of the noise is subtracted.

    Returns
    -------
    moments : tuple of (Tensor, Tensor) or None
        Mean intensity of shape (channels,), and covariance of the Fourier coefficients
        of crops, of shape (side / 2 + 1, channels, channels), in float64. The
        covariance of white noise of standard deviation 1 is the identity matrix. None
        if most images are smaller than 8x8 pixels.
    """
    sides = [min(stack.shape[1:3]) for stack in images.stacks]
    side = min(LARGEST_SIDE, int(np.quantile(sides, 0.1, method="lower"))) // 2 * 2
    if side < SMALLEST_SIDE:
        return None
    crops = random_crops(images, side)
    mean = crops.mean((0, 2, 3))
    coefficients = torch.fft.fft2(crops - mean[:, None, None], norm="ortho")
    covariance = torch.einsum("nchw,ndhw->hwcd", coefficients, coefficients.conj())
    mean, covariance = (one.cpu().double() for one in (mean, covariance.real))
    ring = radial_index((side, side), side).round().long().clamp(max=side // 2).ravel()
    sums = torch.zeros(side // 2 + 1, *covariance.shape[2:], dtype=torch.float64)
    sums.index_add_(0, ring, covariance.flatten(0, 1) / len(crops))
    covariance = sums / torch.bincount(ring)[:, None, None]
    return mean, without_noise(covariance, noise_std)


def random_crops(images, side):
    """Cut about `N_CROPS` crops out of Images; return (n, channels, side, side)."""
    rng = np.random.RandomState(0)
    large = [stack for stack in images.stacks if min(stack.shape[1:3]) >= side]
    n_images = sum(map(len, large))
    n_chosen = min(n_images, N_CROPS)
    chosen = np.sort(rng.choice(n_images, n_chosen, replace=False))
    crops = []
    for i in np.repeat(chosen, -(-N_CROPS // n_chosen)):
        stack, first = (large[i], 0) if images.is_list else (large[0], i)
        top, left = (rng.randint(n - side + 1) for n in stack.shape[1:3])
        crop = stack[first : first + 1, top : top + side, left : left + side]
        crops.append(images.to_tensor(crop).float())
    return torch.cat(crops)


def without_noise(covariance, noise_std):
    """Subtract the variance of noise from covariances (n, channels, channels)."""
    variances, vectors = torch.linalg.eigh(covariance)
    variances = (variances - noise_std**2).clamp(min=0)
    return vectors * variances[:, None] @ vectors.mT


def draw_stationary_images(mean, covariance, n_images, size, rng):
    """Draw Gaussian images of any size.

    The images are the sum of a stationary image and of one constant per channel, which
    has the variance of the mean of a crop. The mean of large images varies as much as
    that of crops.

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
        Images in float32.

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
    n_channels, side = len(mean), 2 * (len(covariance) - 1)
    # Smaller images are parts of images as large as the crops.
    height, width = (max(n, side) for n in size)
    variances, vectors = torch.linalg.eigh(covariance)
    roots = vectors * variances.clamp(min=0).sqrt()[:, None] @ vectors.mT
    root_of_constant = roots[0] / side
    roots = torch.cat([torch.zeros_like(roots[:1]), roots[1:]])
    position = radial_index((height, width), side).clamp(max=side // 2)
    below = position.floor().long().clamp(max=side // 2 - 1)
    weight = (position - below)[..., None, None]
    # (height, width, channels, channels)
    at_frequency = torch.lerp(roots[below], roots[below + 1], weight)
    at_frequency = at_frequency.to(torch.complex128)
    images = torch.empty(n_images, n_channels, *size)
    for image in images:
        white = rng.standard_normal((n_channels, 1 + height * width))
        constant, white = torch.from_numpy(white).split([1, height * width], dim=1)
        coefficients = torch.fft.fft2(white.unflatten(1, (height, width)), norm="ortho")
        coefficients = torch.einsum("hwcd,dhw->chw", at_frequency, coefficients)
        stationary = torch.fft.ifft2(coefficients, norm="ortho").real
        constant = mean + root_of_constant @ constant[:, 0]
        image.copy_(constant[:, None, None] + stationary[:, : size[0], : size[1]])
    return images


def radial_index(size, side):
    """Return the radial frequencies (height, width), in cycles per `side` pixels."""
    return side * radial_frequency(*size, "cpu").sqrt()
