"""Bivariate normal distributions that are truncated to the unit square."""

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import log_ndtr

# Of the integral over the first variable: half its width in standard deviations.
N_DEVIATIONS = 6.5
NODES, NODE_WEIGHTS = leggauss(32)
LOG_SQRT_2_PI = 0.5 * np.log(2 * np.pi)


def truncated_moments(means, covariances):
    """Mass within the unit square, and moments of what is there.

    Parameters
    ----------
    means : ndarray of shape (n, 2)
    covariances : ndarray of shape (n, 2, 2)

    Returns
    -------
    log_mass : ndarray of shape (n,)
    means : ndarray of shape (n, 2)
    covariances : ndarray of shape (n, 2, 2)
    """
    deviations = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    reach = N_DEVIATIONS * deviations
    cut = ((means < reach) | (means > 1 - reach)).any(axis=1)
    log_mass, means, covariances = (
        np.zeros(len(means)),
        means.copy(),
        covariances.copy(),
    )
    if cut.any():
        log_mass[cut], means[cut], covariances[cut] = _integrate(
            means[cut], covariances[cut]
        )
    return log_mass, means, covariances


def _integrate(means, covariances):
    """By quadrature over the first variable a, and in closed form over the second b."""
    a_mean, b_mean = means.T[:, :, None]
    a_std = np.sqrt(covariances[:, :1, 0])
    slope = covariances[:, 1:, 0] / covariances[:, :1, 0]
    b_std = np.sqrt(covariances[:, 1:, 1] - slope * covariances[:, :1, 1])

    closest = a_mean.clip(0, 1)
    distance = np.abs(a_mean - closest)
    # Far outside, the mass is in a layer at the border.
    half = np.minimum(
        N_DEVIATIONS * a_std, 40 * a_std**2 / np.maximum(distance, 1e-300)
    )
    low, high = (closest - half).clip(0, 1), (closest + half).clip(0, 1)
    a = (low + high) / 2 + (high - low) / 2 * NODES

    given_a = b_mean + slope * (a - a_mean)
    log_b, b = _truncated_normal(given_a, b_std)
    log_weights = (
        np.log(NODE_WEIGHTS * (high - low) / (2 * a_std))
        - 0.5 * ((a - a_mean) / a_std) ** 2
        - LOG_SQRT_2_PI
        + log_b
    )
    largest = log_weights.max(axis=1, keepdims=True)
    weights = np.exp(log_weights - largest)
    total = weights.sum(axis=1, keepdims=True)
    weights /= total
    log_mass = largest[:, 0] + np.log(total[:, 0])

    a_centre = (weights * a).sum(axis=1, keepdims=True)
    b_centre = (weights * b).sum(axis=1, keepdims=True)
    # E b^2 = b_std^2 + E b mu + b_std (edge terms); the variance within a node.
    inner = _variance_within(given_a, b_std, b)
    aa = (weights * (a - a_centre) ** 2).sum(axis=1)
    ab = (weights * (a - a_centre) * (b - b_centre)).sum(axis=1)
    bb = (weights * ((b - b_centre) ** 2 + inner)).sum(axis=1)
    covariance = np.array([[aa, ab], [ab, bb]]).transpose(2, 0, 1)
    return log_mass, np.concatenate([a_centre, b_centre], axis=1), covariance


def _truncated_normal(mean, std):
    """Logarithm of the mass of a normal variable in [0, 1], and its mean there."""
    low, high = -mean / std, (1 - mean) / std
    log_mass = _log_difference(low, high)
    shift = _normal_ratio(low, log_mass) - _normal_ratio(high, log_mass)
    return log_mass, (mean + std * shift).clip(0, 1)


def _variance_within(mean, std, truncated_mean):
    """Variance of a normal variable that is truncated to [0, 1]."""
    low, high = -mean / std, (1 - mean) / std
    log_mass = _log_difference(low, high)
    edges = low * _normal_ratio(low, log_mass) - high * _normal_ratio(high, log_mass)
    shift = (truncated_mean - mean) / std
    return std**2 * (1 + edges - shift**2).clip(1e-12, 1)


def _log_difference(low, high):
    """log(Phi(high) - Phi(low)), from the tail in which both are."""
    flip = low > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    log_high = log_ndtr(high)
    return log_high + np.log1p(-np.exp(log_ndtr(low) - log_high))


def _normal_ratio(t, log_mass):
    """Normal density at t, divided by a mass."""
    return np.exp(-0.5 * t**2 - LOG_SQRT_2_PI - log_mass)
