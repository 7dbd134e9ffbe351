"""What tells memorising from generalising, of outputs and samples as arrays."""

from itertools import combinations

import numpy as np

from ..sampling import density_gap

# Of train over test PSNR in dB: memorising above, generalising below.
LARGEST_GAP, SMALLEST_GAP = 3.0, 1.0
# What a denoiser must gain over the noisy images to have learned something, in dB.
LEAST_GAIN = 1.0


def mean_over_pairs(function, outputs):
    """Mean of a function of two outputs over all pairs of subsets."""
    pairs = combinations(range(len(outputs)), 2)
    return np.mean([function(outputs[a], outputs[b]) for a, b in pairs], axis=0)


def mean_square(difference):
    """Mean over all axes but the first two, (level, image)."""
    return np.square(difference, dtype=np.float64).mean(
        axis=tuple(range(2, difference.ndim))
    )


def agreement(outputs):
    """PSNR in dB between outputs of different subsets, (level,)."""

    def one(a, b):
        with np.errstate(divide="ignore"):
            return (-10 * np.log10(mean_square(a - b))).mean(axis=1)

    return mean_over_pairs(one, outputs)


def model_variance(outputs):
    """Half the mean squared distance between subsets, (level,)."""
    return mean_over_pairs(lambda a, b: mean_square(a - b).mean(axis=1) / 2, outputs)


def squared_bias(outputs, optimum):
    r"""Unbiased estimate of the squared distance of the mean model from the optimum.

    :math:`\langle a - x^\star, b - x^\star \rangle` of two models, per value, (level,).
    With the variance it adds up to the mean squared distance from the optimum.
    """

    def one(a, b):
        product = (a - optimum).astype(np.float64) * (b - optimum)
        return product.mean(axis=tuple(range(1, product.ndim)))

    return mean_over_pairs(one, outputs)


def density_gaps(outputs, optimum, clean, levels):
    """Bounds on the divergence from the optimum in nats, (size, subset).

    Parameters
    ----------
    outputs : list of list of ndarray of shape (n_levels, n_images, ...)
        By size and subset.
    optimum : ndarray of shape (n_levels, n_images, ...)
    clean : ndarray of shape (n_images, ...)
    levels : ndarray of shape (n_levels,)
    """
    order = np.argsort(levels)
    best_errors = mean_square(optimum - clean)[order]
    gaps = [
        density_gap(
            mean_square(one - clean)[order],
            best_errors,
            levels[order],
            n_values=clean[0].size,
        ).gap
        for row in outputs
        for one in row
    ]
    return np.reshape(gaps, (len(outputs), -1))


def regimes(train_psnr, test_psnr, agreement, variance, noisy_psnr):
    """Names of the regimes of training sizes; the rule is in the analyzer.

    Parameters
    ----------
    train_psnr, test_psnr : ndarray of shape (n_sizes, n_subsets, n_levels)
    agreement, variance : ndarray of shape (n_sizes, n_levels)
    noisy_psnr : ndarray of shape (n_levels,)
        PSNR of the noisy images.

    Returns
    -------
    names : ndarray of str of shape (n_sizes,)
    """
    gap = psnr_gap(train_psnr, test_psnr)
    # Denoisers that are the same whatever they were fitted on have nothing memorised.
    gap[variance.max(axis=1) == 0] = 0
    train_psnr, test_psnr = (one.mean(axis=(1, 2)) for one in (train_psnr, test_psnr))
    agrees = agreement.mean(axis=1) > test_psnr
    names = np.full(len(gap), "in transition", dtype=object)
    least = noisy_psnr.mean() + LEAST_GAIN
    names[(gap > LARGEST_GAP) & (train_psnr > least)] = "memorising"
    names[(gap < SMALLEST_GAP) & agrees & (test_psnr > least)] = "generalising"
    return names


def psnr_gap(train_psnr, test_psnr):
    """Train minus test PSNR, averaged over subsets and levels, (size,)."""
    # Infinite minus infinite, of who knows the test images by heart.
    with np.errstate(invalid="ignore"):
        return (train_psnr - test_psnr).mean(axis=(1, 2))


def transition_size(train_sizes, between, to_train):
    """Smallest size from which samples of two subsets stay closer to each other.

    Parameters
    ----------
    train_sizes : ndarray of shape (n_sizes,)
    between, to_train : ndarray of shape (n_sizes,)
        Mean similarities of samples of two subsets, and to the closest training image.

    Returns
    -------
    size : float
        nan if there is none.
    """
    closer = between > to_train
    for i in range(len(train_sizes)):
        if closer[i:].all():
            return float(train_sizes[i])
    return float("nan")
