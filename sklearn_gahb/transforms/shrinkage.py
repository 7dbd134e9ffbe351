"""Shrinkage of coefficients in an orthonormal basis: thresholds, rules, and bounds.

Bands of coefficients are tensors of shape (n, channels, h, w).
"""

import math

import numpy as np
import torch
from torch.nn.functional import relu


@torch.no_grad()
def band_threshold(c, sigma, threshold, n_pixels):
    """Compute thresholds that broadcast to a band of coefficients (n, channels, h, w).

    For derivatives, the thresholds are constants.

    Parameters
    ----------
    c : Tensor of shape (n, channels, h, w)
    sigma : Tensor of shape (n, 1, 1, 1)
        Noise levels.
    threshold : float or {"universal", "bayes", "sure"}
        Factor on `sigma`, or rule; see :class:`~sklearn_gahb.WaveletThresholdDenoiser`.
    n_pixels : int
        Number of pixels of the images.
    """
    if threshold == "universal":
        return sigma * math.sqrt(2 * math.log(n_pixels))
    if threshold == "bayes":
        return bayes_threshold(c, sigma)
    if threshold == "sure":
        return sure_threshold(c, sigma)
    return threshold * sigma


def bayes_threshold(c, sigma):
    """BayesShrink thresholds: sigma^2 / sqrt(max(E c^2 - sigma^2, 0)) for each band."""
    signal = c.square().mean(dim=(2, 3), keepdim=True) - sigma**2
    return torch.where(sigma > 0, sigma**2 / signal.clamp(min=0).sqrt(), 0)


def sure_threshold(c, sigma):
    r"""Minimize Stein's risk estimate of soft thresholding for each band.

    SURE(T) = sum min(c^2, T^2) + 2 sigma^2 #{|c| > T} - m sigma^2, for m coefficients.
    The minimum is at T = 0 or at the absolute value of a coefficient.
    """
    sizes = sort_last(c.abs().flatten(2))
    squares, m = sizes.square(), sizes.shape[2]
    n_above = torch.arange(m - 1, -1, -1, dtype=c.dtype, device=c.device)
    variance = sigma.square()[..., 0]
    risk = squares.cumsum(dim=2) + n_above * (squares + 2 * variance)
    smallest, best = risk.min(dim=2, keepdim=True)
    T = sizes.gather(2, best)
    return torch.where(smallest < 2 * m * variance, T, 0)[..., None]


def sort_last(values):
    """Sort along the last axis. On CPUs, NumPy is several times faster than torch."""
    if values.device.type != "cpu" or values.dtype == torch.bfloat16:
        return values.sort().values
    return torch.from_numpy(np.sort(values.numpy()))


def shrink(c, T, shrinkage):
    """Shrink coefficients `c` at thresholds `T`, which broadcast to `c`."""
    # Zero times infinity would be NaN.
    T = T.clamp(max=torch.finfo(T.dtype).max)
    # 1 where |c| > T or T = 0. On CPUs, torch.where takes several times as long.
    kept = (relu(c.abs() - T) + (T == 0)).sign()
    if shrinkage == "hard":
        return c * kept
    if shrinkage == "soft":
        return (c - T * c.sign()) * kept
    return (c - T**2 / torch.where(c == 0, 1, c)) * kept


def shrinkage_slope(c, T, shrinkage):
    """Derivative of `shrink` with respect to `c`; 0 at the threshold itself."""
    kept = (c.abs() > T) | (T == 0)
    if shrinkage != "garrote":
        return kept.to(c.dtype)
    return torch.where(kept, 1 + torch.where(c == 0, 0, T / c) ** 2, 0)


def ideal_projection(clean, sigma):
    """Optimal factors 0 or 1: 1 where clean coefficients exceed the noise level."""
    return ((clean.abs() > sigma) | (sigma == 0)).to(clean.dtype)


def ideal_attenuation(clean, sigma):
    """Optimal factors of clean coefficients c: c^2 / (c^2 + sigma^2)."""
    energy = clean.square()
    return torch.where(sigma > 0, energy / (energy + sigma**2), 1)
