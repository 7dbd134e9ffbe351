"""Bivariate normal distributions, truncated to the unit square."""

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import log_ndtr, logsumexp, softmax

# Half the width of the range of integration over the first variable, in standard
# deviations.
N_DEVIATIONS = 6.5
NODES, NODE_WEIGHTS = leggauss(32)
# Number of standard deviations beyond which a tail is approximately exponential.
FAR = 100.0
# A thinner layer at the border of [0, 1] contains no two different numbers.
THINNEST = 1e-12
LOG_SQRT_2_PI = 0.5 * np.log(2 * np.pi)


def truncated_moments(means, covariances):
    """Compute the probability of the unit square, and the moments after truncation.

    Parameters
    ----------
    means : ndarray of shape (n, 2)
        Means before truncation.
    covariances : ndarray of shape (n, 2, 2)
        Covariances before truncation.

    Returns
    -------
    log_mass : ndarray of shape (n,)
        Logarithm of the probability of the unit square.
    means : ndarray of shape (n, 2)
        Means after truncation.
    covariances : ndarray of shape (n, 2, 2)
        Covariances after truncation.
    """
    reach = N_DEVIATIONS * np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    cut = ((means < reach) | (means > 1 - reach)).any(axis=1)
    moments = np.zeros(len(means)), means.copy(), covariances.copy()
    if cut.any():
        inside = _integrate(means[cut], covariances[cut])
        for moment, of_cut in zip(moments, inside, strict=True):
            moment[cut] = of_cut
    return moments


def _integrate(means, covariances):
    """Integrate over the first variable a by quadrature, and over b in closed form."""
    a_mean, b_mean = means.T[:, :, None]
    a_std = np.sqrt(covariances[:, :1, 0])
    slope = covariances[:, 1:, 0] / covariances[:, :1, 0]
    b_std = np.sqrt(covariances[:, 1:, 1] - slope * covariances[:, :1, 1])

    closest = a_mean.clip(0, 1)
    distance = np.abs(a_mean - closest)
    # If the mean is far outside, the mass is in a thin layer at the border.
    layer = 40 * a_std**2 / np.maximum(distance, 1e-200)
    layer = np.maximum(layer, THINNEST)
    half = np.minimum(N_DEVIATIONS * a_std, layer)
    low, high = (closest - half).clip(0, 1), (closest + half).clip(0, 1)
    a = (low + high) / 2 + (high - low) / 2 * NODES

    given_a = b_mean + slope * (a - a_mean)
    log_b, b, b_variance = _truncated_normal(given_a, b_std)
    log_a = -0.5 * ((a - a_mean) / a_std) ** 2 - LOG_SQRT_2_PI
    log_weights = np.log(NODE_WEIGHTS * (high - low) / (2 * a_std)) + log_a + log_b
    weights = softmax(log_weights, axis=1)

    center = np.stack([(weights * a).sum(1), (weights * b).sum(1)], axis=1)
    a, b = a - center[:, :1], b - center[:, 1:]
    aa, ab, bb = ((weights * one).sum(1) for one in (a * a, a * b, b * b + b_variance))
    covariance = np.array([[aa, ab], [ab, bb]]).transpose(2, 0, 1)
    return logsumexp(log_weights, axis=1), center, covariance


def _truncated_normal(mean, std):
    """Log mass, mean and variance of a normal variable truncated to [0, 1].

    If [0, 1] is far out in a tail, the mass decays exponentially from the border.
    """
    low, high = -mean / std, (1 - mean) / std
    log_mass = _log_difference(low, high)
    distance = np.maximum(low, -high)
    is_layer = distance > FAR
    at_low, at_high = (
        np.exp(np.where(is_layer, -np.inf, -0.5 * t**2 - LOG_SQRT_2_PI - log_mass))
        for t in (low, high)
    )
    shift = at_low - at_high
    variance = std**2 * (1 + low * at_low - high * at_high - shift**2).clip(1e-12, 1)
    thickness = std / np.maximum(distance, FAR)
    layer = np.where(low > 0, thickness, 1 - thickness)
    return (
        log_mass,
        np.where(is_layer, layer, mean + std * shift).clip(0, 1),
        np.where(is_layer, thickness**2, variance),
    )


def _log_difference(low, high):
    """Compute log(Phi(high) - Phi(low)), moved to the lower tail by symmetry."""
    flip = low > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    log_high = log_ndtr(high)
    return log_high + np.log1p(-np.exp(log_ndtr(low) - log_high))
