"""Statistics of PSNRs and outputs that tell memorization from generalization."""

from itertools import combinations

import numpy as np

from ..evaluation import density_gap

# Smallest number of noise levels for integrals over them.
MIN_LEVELS = 3
# Training PSNR minus test PSNR in dB. A denoiser memorizes if this gap is above
# LARGEST_GAP, and can generalize if the gap is below SMALLEST_GAP.
LARGEST_GAP, SMALLEST_GAP = 3.0, 1.0
# Smallest PSNR gain in dB that shows that a denoiser has learned anything.
LEAST_GAIN = 1.0


def for_pairs(function, outputs):
    """Evaluate a function of two outputs for each pair of subsets."""
    return np.array([function(a, b) for a, b in combinations(outputs, 2)])


def spread(values):
    """Standard deviation over axis 1 (subsets or pairs); nan for a single value."""
    if values.shape[1] == 1:
        return np.full_like(values[:, 0], np.nan)
    # Infinite PSNRs have no spread.
    with np.errstate(invalid="ignore"):
        return values.std(axis=1, ddof=1)


def mean_square(difference):
    """Mean square over all axes except the first two, which are level and image."""
    axes = tuple(range(2, difference.ndim))
    return np.square(difference, dtype=np.float64).mean(axis=axes)


def agreement(outputs):
    """PSNR in dB between the outputs of each pair of subsets, for each noise level."""
    with np.errstate(divide="ignore"):
        return for_pairs(
            lambda a, b: (-10 * np.log10(mean_square(a - b))).mean(axis=1), outputs
        )


def model_variance(outputs):
    """Half the mean squared difference of outputs, for each pair and noise level."""
    return for_pairs(lambda a, b: mean_square(a - b).mean(axis=1) / 2, outputs)


def squared_bias(outputs, optimum):
    r"""Unbiased estimate of the squared distance from the mean model to the optimum.

    For each pair and noise level, the estimate is the mean over all values of
    :math:`(a - x^\star) (b - x^\star)`, for the outputs a and b of two models. The sum
    of the estimate and the variance is the mean squared distance from the optimum.
    """

    def one(a, b):
        product = (a - optimum).astype(np.float64) * (b - optimum)
        return product.mean(axis=tuple(range(1, product.ndim)))

    return for_pairs(one, outputs)


def log_density_gap(train_psnr, test_psnr, levels, n_values):
    r"""Mean log density of the training images minus that of the test images, in nats.

    Minus the log density of an image is, up to a constant, the integral of its squared
    errors times :math:`\sigma^{-3}`, see `sklearn_gahb.evaluation.log_density`.

    Parameters
    ----------
    train_psnr, test_psnr : ndarray of shape (n_levels, n_images)
        PSNR of the denoised images. The numbers of images can differ.
    levels : ndarray of shape (n_levels,)
    n_values : int
        Number of values of an image.

    Returns
    -------
    gap, standard error : float
    """
    order = np.argsort(levels)
    test, train = (
        density_gap(10 ** (-psnr[order] / 10), levels[order], n_values=n_values)
        for psnr in (test_psnr, train_psnr)
    )
    return test.gap - train.gap, np.hypot(test.std_err, train.std_err)


def density_gaps(outputs, optimum, levels):
    """Bounds in nats on the divergence from the optimum, for each size and subset.

    Parameters
    ----------
    outputs : list of list of ndarray of shape (n_levels, n_images, ...)
        By size and subset.
    optimum : ndarray of shape (n_levels, n_images, ...)
    levels : ndarray of shape (n_levels,)

    Returns
    -------
    gaps, standard errors, quadrature errors : ndarray of shape (n_sizes, n_subsets)
    """
    order = np.argsort(levels)
    n_values = optimum[0, 0].size

    def gap(one):
        excess = mean_square(one - optimum)[order]
        found = density_gap(excess, levels[order], n_values=n_values)
        return found.gap, found.std_err, found.quadrature_err

    return np.moveaxis([[gap(one) for one in row] for row in outputs], -1, 0)


def psnr_gaps(train_psnr, test_psnr):
    """Training PSNR minus test PSNR."""
    # The difference is infinity minus infinity if a denoiser memorized the test images.
    with np.errstate(invalid="ignore"):
        return train_psnr - test_psnr


def regimes(train_psnr, test_psnr, agreement, variance, noisy_psnr):
    """Classify each size and level by the rule in `GeneralizationAnalyzer`.

    Parameters
    ----------
    train_psnr, test_psnr, agreement, variance : ndarray of shape (n_sizes, n_levels)
        Means over subsets or over pairs of subsets.
    noisy_psnr : ndarray of shape (n_levels,)
        PSNR of the noisy images.

    Returns
    -------
    names : ndarray of str of shape (n_sizes, n_levels)
    """
    # Denoisers that do not depend on their training images have memorized nothing.
    gap = np.where(variance == 0, 0, psnr_gaps(train_psnr, test_psnr))
    least = noisy_psnr + LEAST_GAIN
    names = np.full(gap.shape, "in transition", dtype=object)
    names[(gap > LARGEST_GAP) & (train_psnr > least)] = "memorizing"
    agrees = agreement > test_psnr
    names[(gap < SMALLEST_GAP) & agrees & (test_psnr > least)] = "generalizing"
    return names


def common_regime(regime):
    """Return the regime that all levels of a size share, or "mixed"."""
    is_common = (regime == regime[:, :1]).all(axis=1)
    return np.where(is_common, regime[:, 0], "mixed")


def lasting_from(train_sizes, holds):
    """Find the smallest size such that a condition holds for it and all larger sizes.

    Parameters
    ----------
    train_sizes : ndarray of shape (n_sizes,)
    holds : ndarray of bool of shape (n_sizes,) or (n_sizes, n_levels)

    Returns
    -------
    size : ndarray of float of shape () or (n_levels,)
        The value is nan if there is no such size.
    """
    lasts = np.logical_and.accumulate(holds[::-1])[::-1]
    return np.where(lasts.any(axis=0), train_sizes[lasts.argmax(axis=0)], np.nan)
