"""Shrinkage of coefficients in an orthonormal basis: thresholds, rules, and bounds.

Bands of coefficients are arrays of shape (n, channels, h, w).
"""

import math

import numpy as np


def band_threshold(c, sigma, threshold, n_pixels):
    """Compute thresholds that broadcast to a band of coefficients (n, channels, h, w).

    Parameters
    ----------
    c : ndarray of shape (n, channels, h, w)
    sigma : ndarray of shape (n, 1, 1, 1)
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
    signal = np.mean(c**2, axis=(2, 3), keepdims=True) - sigma**2
    with np.errstate(divide="ignore", invalid="ignore"):
        T = sigma**2 / np.sqrt(np.maximum(signal, 0))
    return np.where(sigma > 0, T, 0).astype(c.dtype)


def sure_threshold(c, sigma):
    r"""Minimize Stein's risk estimate of soft thresholding for each band.

    SURE(T) = sum min(c^2, T^2) + 2 sigma^2 #{|c| > T} - m sigma^2, for m coefficients.
    The minimum is at T = 0 or at the absolute value of a coefficient.
    """
    m = c.shape[2] * c.shape[3]
    sizes = np.sort(np.abs(c).reshape(*c.shape[:2], m), axis=2)
    squares = sizes**2
    n_above = np.arange(m - 1, -1, -1, dtype=c.dtype)
    variance = np.square(sigma)[..., 0]
    risk = np.cumsum(squares, axis=2) + n_above * (squares + 2 * variance)
    best = risk.argmin(axis=2)[..., None]
    T = np.take_along_axis(sizes, best, axis=2)
    risk_at_zero = 2 * m * variance
    T = np.where(np.take_along_axis(risk, best, axis=2) < risk_at_zero, T, 0)
    return T[..., None].astype(c.dtype)


def shrink(c, T, shrinkage):
    """Shrink coefficients `c` at thresholds `T`, which broadcast to `c`."""
    size = np.abs(c)
    if shrinkage == "hard":
        return np.where(size > T, c, 0)
    if shrinkage == "soft":
        return np.sign(c) * np.maximum(size - T, 0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(size > T, c - T**2 / c, 0)


def shrinkage_slope(c, T, shrinkage):
    """Derivative of `shrink` with respect to `c`; 0 at the threshold itself."""
    kept = (np.abs(c) > T) | (T == 0)
    if shrinkage != "garrote":
        return kept.astype(c.dtype)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(kept, 1 + np.where(c == 0, 0, T / c) ** 2, 0)


def ideal_projection(clean, sigma):
    """Optimal factors 0 or 1: 1 where clean coefficients exceed the noise level."""
    return ((np.abs(clean) > sigma) | (sigma == 0)).astype(clean.dtype)


def ideal_attenuation(clean, sigma):
    """Optimal factors of clean coefficients c: c^2 / (c^2 + sigma^2)."""
    safe = np.where(sigma > 0, sigma, 1)
    return np.where(sigma > 0, clean**2 / (clean**2 + safe**2), 1)
