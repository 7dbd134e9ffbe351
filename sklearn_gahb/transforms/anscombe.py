r"""Generalized Anscombe transform and its exact unbiased inverse.

The model is y = g P + sigma z, where P is a Poisson variable of mean x / g, z is
standard normal, g is the gain (the intensity of one count) and sigma is the level of
the Gaussian part. The transform

    T(y) = (2 / g) (sqrt(max(g y + c, 0)) - sqrt(c)),   c = 3 g^2 / 8 + sigma^2,

gives noise of standard deviation near 1. The usual transform lacks the constant
sqrt(c). With the constant, T(0) = 0, and T(y) tends to y / sigma as g tends to 0.

The exact unbiased inverse maps E[T(y) | x] to x (Makitalo and Foi, 2011,
doi:10.1109/TIP.2010.2056693, and 2013, doi:10.1109/TIP.2012.2202675). In units of the
gain, E[T(y) | x] depends only on the mean count x / g and on the ratio sigma / g. The
inverse is x = sqrt(c) t + g (t^2 / 4 + 1 / 4 + r) for t = E[T(y) | x]. The remainder r
is tabulated, and tends to 0 for many counts and for large ratios.

Images are tensors of shape (n, channels, height, width). `gain` and `sigma` are tensors
of shape (n, 1, 1, 1) that are not both 0 for the same image.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from scipy.special import gammaln, pbdv

# The table holds the mean counts (NODE_STEP * i)**2, up to 900.
NODE_STEP, N_NODES = 0.01, 3001
# Above this expectation of the radicand, the moment series is accurate to 1e-8.
SERIES_FROM = 100
# Above this ratio, the remainder is below the rounding errors.
LARGEST_RATIO = 1e3


def stabilize(y, gain, sigma):
    """Compute T(y)."""
    c = 3 / 8 * gain**2 + sigma**2
    # Stop just above the zero of the radicand, where the square root has a slope.
    y = torch.maximum(y, -(1 - 1e-6) * c / gain)
    return 2 * y / ((gain * y + c).sqrt() + c.sqrt())


def stabilized_mean(x, gain, sigma):
    """Compute E[T(y) | x]. Negative intensities count as 0 unless the gain is 0."""
    x = torch.where(gain > 0, x.clamp(min=0), x)
    r = _each_image(_remainder_at_count, x / gain, gain, sigma)
    radicand = gain * x + gain**2 * (1 / 8 - r) + sigma**2
    c = 3 / 8 * gain**2 + sigma**2
    return 2 * (x - gain * (1 / 4 + r)) / (radicand.sqrt() + c.sqrt())


def unbiased_inverse(t, gain, sigma):
    """Compute the x for which E[T(y) | x] is `t`, and 0 if `t` is below E[T(y) | 0]."""
    r = _each_image(_remainder_at_mean, t, gain, sigma)
    c = 3 / 8 * gain**2 + sigma**2
    x = c.sqrt() * t + gain * (t**2 / 4 + 1 / 4 + r)
    is_positive = t > stabilized_mean(torch.zeros_like(t), gain, sigma)
    return torch.where(is_positive | (gain == 0), x, 0)


def _each_image(function, images, gain, sigma):
    """Apply a function of an image and a ratio sigma / gain to each image."""
    ratios = (sigma / gain).flatten().tolist()
    return torch.stack(
        [function(one, s) for one, s in zip(images, ratios, strict=True)]
    )


def _remainder_at_count(count, ratio):
    if ratio > LARGEST_RATIO:
        return torch.zeros_like(count)
    counts, _, remainders = remainder_table(ratio)
    return interpolate(count, counts, remainders)


def _remainder_at_mean(t, ratio):
    if ratio > LARGEST_RATIO:
        return torch.zeros_like(t)
    _, means, remainders = remainder_table(ratio)
    return interpolate(t, means, remainders)


@lru_cache(maxsize=64)
def remainder_table(ratio):
    """Return mean counts, E[T(y)] at these counts, and the remainders r."""
    counts = (NODE_STEP * np.arange(N_NODES)) ** 2
    at_zero = 2 * math.sqrt(3 / 8 + ratio**2)
    means = expected_root(counts, ratio) - at_zero
    remainders = counts - (means**2 / 4 + means * at_zero / 2 + 1 / 4)
    return counts, means, remainders


def expected_root(counts, ratio):
    """Compute E[2 sqrt(max(P + s z + 3/8 + s^2, 0))] for Poisson P with means `counts`.

    Parameters
    ----------
    counts : ndarray of shape (m,)
        Mean counts.
    ratio : float
        Standard deviation s of the Gaussian part, in counts.

    Returns
    -------
    expectations : ndarray of shape (m,)
    """
    mean = counts + 3 / 8 + ratio**2
    expectations = _expected_root_by_moments(counts, mean, ratio)
    few = mean < SERIES_FROM
    if few.any():
        # The largest mean is about 100, so larger numbers have a probability of 1e-16.
        k = np.arange(int(counts[few].max()) + 120)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_rate = np.nan_to_num(k * np.log(counts[few, None]), nan=0.0)
        log_probability = log_rate - counts[few, None] - gammaln(k + 1)
        roots = 2 * expected_sqrt(k + 3 / 8 + ratio**2, ratio)
        expectations[few] = np.exp(log_probability) @ roots
    return expectations


def _expected_root_by_moments(counts, mean, ratio):
    """Expand E[2 sqrt(V)] in the central moments of V, up to the sixth."""
    variance = counts + ratio**2
    moments = [
        variance,
        counts,
        3 * variance**2 + counts,
        10 * variance * counts + counts,
        15 * variance**3 + 15 * variance * counts + 10 * counts**2 + counts,
    ]
    # Binomial coefficients of the square root, from order 2.
    coefficients = [-1 / 8, 1 / 16, -5 / 128, 7 / 256, -21 / 1024]
    terms = zip(coefficients, moments, range(2, 7), strict=True)
    return 2 * np.sqrt(mean) * (1 + sum(c * m / mean**n for c, m, n in terms))


def expected_sqrt(mean, std):
    r"""Compute E[sqrt(max(v, 0))] for normal v of positive `mean`.

    For t = mean / std, the expectation is :math:`\sqrt{std}\, \Gamma(3/2) (2
    \pi)^{-1/2} e^{-t^2/4} D_{-3/2}(-t)`, where D is the parabolic cylinder function.
    """
    t = mean / std if std > 0 else np.full_like(mean, np.inf)
    near = t < 20
    q = 1 / np.square(t)
    values = np.sqrt(mean) * (1 - q / 8 - 15 * q**2 / 128 - 315 * q**3 / 1024)
    cylinder = pbdv(-1.5, -t[near])[0] * np.exp(-np.square(t[near]) / 4)
    factor = math.gamma(1.5) / math.sqrt(2 * math.pi)
    values[near] = math.sqrt(std) * factor * cylinder
    return values


def interpolate(x, nodes, values):
    """Interpolate linearly in a table (ndarrays); constant outside of the table."""
    nodes, values = (torch.as_tensor(one).to(x) for one in (nodes, values))
    x = x.clamp(nodes[0], nodes[-1])
    i = torch.searchsorted(nodes, x.detach().contiguous()).clamp(1, len(nodes) - 1)
    share = (x - nodes[i - 1]) / (nodes[i] - nodes[i - 1])
    return values[i - 1] + share * (values[i] - values[i - 1])
