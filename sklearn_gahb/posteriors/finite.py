"""Posterior of a clean image from a finite set of equally likely images.

Images are rows in float64. Variances are variances of the noise.
"""

import torch

# Smallest variance of the noise. Squared distances that are not equal differ by more
# than this value.
SMALLEST_VARIANCE = 1e-30


def posterior_mean(y, blocks, variance):
    """Average points x with weights exp(-|y - x|^2 / (2 variance)).

    Parameters
    ----------
    y : Tensor of shape (n, d)
    blocks : iterable of Tensor of shape (m, d)
        Points x, in blocks.
    variance : Tensor of shape (n, 1) or (1, 1)

    Returns
    -------
    mean : Tensor of shape (n, d)
    """
    largest = torch.full_like(y[:, :1], -torch.inf)
    total, mean = torch.zeros_like(largest), torch.zeros_like(y)
    for x in blocks:
        logits = log_likelihood(y, x, variance)
        previous = largest
        largest = torch.maximum(previous, logits.amax(dim=1, keepdim=True))
        weights = (logits - largest).exp_()
        rescale = (previous - largest).exp()
        total = rescale * total + weights.sum(dim=1, keepdim=True)
        mean = torch.addmm(rescale * mean, weights, x)
    return mean / total


def log_likelihood(y, x, variance):
    """Return -|y - x|^2 / (2 variance) for rows y (n, d) and x (m, d), as (n, m)."""
    x_sizes, y_sizes = x.square().sum(1), y.square().sum(1, keepdim=True)
    distances = (y_sizes + x_sizes - 2 * (y @ x.T)).clamp_(min=0)
    # Without noise, the closest point has all the weight.
    return distances / (-2 * variance.clamp(min=SMALLEST_VARIANCE))


def posterior_weights(y, blocks, variance):
    """Return the weights (n,) of the points in blocks (m, d), given a row y (1, d)."""
    logits = torch.cat([log_likelihood(y, x, variance)[0] for x in blocks])
    return logits.softmax(dim=0)


def posterior_covariance_product(v, blocks, weights, mean, variance):
    """Compute Cov[x | y] v / variance: the derivative of the posterior mean along v.

    Parameters
    ----------
    v : Tensor of shape (k, d)
    blocks : iterable of (indices, Tensor of shape (m, d))
        Points, and the indices of their weights.
    weights : Tensor of shape (n,)
    mean : Tensor of shape (1, d)
        Posterior mean.
    variance : Tensor of shape (1, 1)
    """
    product = torch.zeros_like(v)
    for indices, x in blocks:
        deviations = x - mean
        product = product + (weights[indices] * (v @ deviations.T)) @ deviations
    return product / variance.clamp(min=SMALLEST_VARIANCE)
