"""Losses of images, and how much each noise level counts in them."""

import torch

# Standard deviation of photographs with intensities in [0, 1], about.
DATA_STD = 0.25
# Largest signal-to-noise ratio that counts (arXiv 2303.09556).
LARGEST_SNR = 5.0
# Variances below which an error counts no more than at these variances.
LEAST_VARIANCE = 1e-3
LEAST_VARIANCE_OF_ROOT = 1e-4
# Error of an image below which the slopes of its root and logarithm no longer grow.
LEAST_ERROR = 1e-8


def mean_squared_errors(estimate, noise, n_networks):
    """Return the mean squared error of each image: (n, n_networks).

    Parameters
    ----------
    estimate, noise : Tensor of shape (n, n_networks * channels, height, width)
    n_networks : int
        Number of networks in a stack, each with its own channels.
    """
    squares = (estimate - noise).square().unflatten(1, (n_networks, -1))
    return squares.mean(dim=(2, 3, 4))


def squared_error(errors, variance):
    return errors


def root_squared_error(errors, variance):
    return (errors + LEAST_ERROR).sqrt()


def log_squared_error(errors, variance):
    return (errors + LEAST_ERROR).log()


def inverse_variance(errors, variance):
    return errors / (variance + LEAST_VARIANCE)


def inverse_root_std(errors, variance):
    return errors / (variance + LEAST_VARIANCE_OF_ROOT) ** 0.25


def min_snr(errors, variance):
    return errors * (DATA_STD**2 / variance.clamp(min=1e-12)).clamp(max=LARGEST_SNR)


# Functions of the mean squared errors of images, and of the variances of their noise.
LOSSES = {
    "inverse_root_std": inverse_root_std,
    "squared_error": squared_error,
    "root_squared_error": root_squared_error,
    "log_squared_error": log_squared_error,
    "inverse_variance": inverse_variance,
    "min_snr": min_snr,
}
# Losses whose minimizer for noisy targets is not that for clean targets.
NEED_CLEAN_TARGETS = {"root_squared_error", "log_squared_error"}


def loss_of(name, errors, noise, n_networks):
    """Average a loss over images, for each network: (n_networks,).

    Parameters
    ----------
    name : str
        A key of `LOSSES`.
    errors : Tensor of shape (n, n_networks)
        Mean squared errors of the images.
    noise : Tensor of shape (n, n_networks * channels, height, width)
        Noise in the images. Its mean square is the variance.
    """
    variance = mean_squared_errors(torch.zeros_like(noise), noise, n_networks)
    return LOSSES[name](errors, variance).mean(dim=0)
