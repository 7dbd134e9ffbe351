"""Measures that tell memorizing denoisers from generalizing ones."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .._warnings import warn
from ..denoisers import as_denoiser
from ..evaluation import density_gap
from ..units import check_data_range
from ._design import Design
from ._similarity import compare_generated, mean_free_unit_rows
from ._sweep import rows_as_images, to_fractions

# Training PSNR minus test PSNR in dB. A denoiser memorizes if this gap is above
# LARGEST_GAP, and can generalize if the gap is below SMALLEST_GAP.
LARGEST_GAP, SMALLEST_GAP = 3.0, 1.0
# Smallest PSNR gain in dB that shows that a denoiser has learned anything.
LEAST_GAIN = 1.0
# Attributes of the design that the fitted analyzer has too.
DESIGNED = ["train_sizes", "noise_std", "subsets", "n_duplicates", "n_test_duplicates"]
AXES = ("size", "subset", "level")
# Measures in the table, by the first axes of their arrays. If an array has one more
# axis, the table contains the means over this axis.
COLUMNS = {
    ("size", "subset", "level"): ["train_psnr", "test_psnr", "test_mse"],
    ("size", "level"): ["agreement", "variance", "squared_bias"],
    ("level",): ["optimal_mse"],
    ("size",): ["psnr_gap", "regime", "generated_similarity", "subset_similarity"],
    ("size", "subset"): ["density_gap", "train_similarity", "test_similarity"],
}


@dataclass(kw_only=True)
class Measures:
    """All measures of a study. Measures that were not requested are None."""

    design: Design
    estimators: list
    train_psnr: np.ndarray
    test_psnr: np.ndarray
    test_mse: np.ndarray
    agreement: np.ndarray
    variance: np.ndarray
    psnr_gap: np.ndarray | None = None
    regime: np.ndarray | None = None
    squared_bias: np.ndarray | None = None
    optimal_mse: np.ndarray | None = None
    density_gap: np.ndarray | None = None
    generated_similarity: np.ndarray | None = None
    train_similarity: np.ndarray | None = None
    test_similarity: np.ndarray | None = None
    subset_similarity: list | None = None
    generated_images: list | None = None
    closest_train_images: list | None = None
    transition_size: float | None = None

    def attributes(self):
        """Return the fitted attributes by name, including the table `results_`."""
        found = {name: getattr(self.design, name) for name in DESIGNED} | vars(self)
        del found["design"]
        found["results"] = self.table()
        return {f"{name}_": one for name, one in found.items() if one is not None}

    def table(self):
        """Return the measures as columns, one row per training size, subset, level."""
        shape = self.test_psnr.shape
        columns = {
            "train_size": self.design.train_sizes[:, None, None],
            "subset": np.arange(shape[1])[:, None],
            "noise_std": self.design.noise_std,
        }
        for axes, names in COLUMNS.items():
            missing = [i for i, axis in enumerate(AXES) if axis not in axes]
            for name in names:
                values = getattr(self, name)
                if isinstance(values, list):
                    values = np.array([one.mean() for one in values])
                if values is not None:
                    if values.ndim > len(axes):
                        values = values.mean(axis=-1)
                    columns[name] = np.expand_dims(values, missing)
        return {
            name: np.broadcast_to(one, shape).ravel() for name, one in columns.items()
        }


def measure(design, results, optimum):
    """Compute all measures of a study.

    Parameters
    ----------
    design : Design
    results : list of list of SubsetResult
        By size and subset.
    optimum : ndarray of shape (n_levels, n_test_images, ...) or None
        Outputs of the optimal denoiser.
    """

    def gather(function):
        return np.array([[function(one) for one in row] for row in results])

    outputs = [[one.test_outputs for one in row] for row in results]
    found = Measures(
        design=design,
        estimators=[[one.estimator for one in row] for row in results],
        train_psnr=gather(lambda one: one.train_psnr.mean(axis=1)),
        test_psnr=gather(lambda one: one.test_psnr.mean(axis=1)),
        test_mse=gather(lambda one: (10 ** (-one.test_psnr / 10)).mean(axis=1)),
        agreement=np.array([agreement(row) for row in outputs]),
        variance=np.array([model_variance(row) for row in outputs]),
    )
    psnrs = found.train_psnr, found.test_psnr
    noisy_psnr = -20 * np.log10(design.noise_std)
    found.psnr_gap = psnr_gap(*psnrs)
    found.regime = regimes(*psnrs, found.agreement, found.variance, noisy_psnr)
    too_low = (found.train_psnr < noisy_psnr).all(axis=(1, 2))
    if too_low.any():
        warn(
            "At every noise level, denoised training images have a lower PSNR than the "
            f"noisy images. Training sizes: {design.train_sizes[too_low].tolist()}. "
            "Either the denoisers need more training, or the intensities or noise_std "
            "are not in units of [0, 1] (unsigned integers are divided by their "
            "largest value)."
        )
    if optimum is not None:
        measure_against(optimum, found, outputs)
    if results[0][0].generated is not None:
        measure_generated(found, results)
    return found


def measure_against(optimum, found, outputs):
    """Fill in the measures that need the outputs of the optimal denoiser."""
    design = found.design
    clean = to_fractions(design.X_test, design)
    found.squared_bias = np.array([squared_bias(row, optimum) for row in outputs])
    found.optimal_mse = mean_square(optimum - clean).mean(axis=1)
    if len(design.noise_std) >= 3:
        found.density_gap = density_gaps(outputs, optimum, clean, design.noise_std)


def measure_generated(found, results):
    """Fill in the measures of the generated images."""
    design = found.design
    generated = [np.stack([one.generated for one in row]) for row in results]
    test_rows = mean_free_unit_rows(design.X_test)
    denoiser = as_denoiser(results[0][0].estimator)
    compared = [
        compare_generated(*pair, test_rows, check_data_range(design.data_range))
        for pair in zip(generated, design.train_images(), strict=True)
    ]
    found.generated_images = generated
    found.closest_train_images = [
        np.stack([rows_as_images(rows, denoiser) for rows in one.closest])
        for one in compared
    ]
    found.generated_similarity = np.array([one.between for one in compared])
    found.train_similarity = np.array([one.to_train for one in compared])
    found.test_similarity = np.array([one.to_test for one in compared])
    found.subset_similarity = [one.baseline for one in compared]
    found.transition_size = transition_size(
        design.train_sizes,
        found.generated_similarity.mean(axis=1),
        found.train_similarity.mean(axis=(1, 2)),
    )


def mean_over_pairs(function, outputs):
    """Average a function of two outputs over all pairs of subsets."""
    pairs = combinations(range(len(outputs)), 2)
    return np.mean([function(outputs[a], outputs[b]) for a, b in pairs], axis=0)


def mean_square(difference):
    """Mean square over all axes except the first two, which are level and image."""
    axes = tuple(range(2, difference.ndim))
    return np.square(difference, dtype=np.float64).mean(axis=axes)


def agreement(outputs):
    """PSNR in dB between the outputs of different subsets, for each noise level."""
    with np.errstate(divide="ignore"):
        return mean_over_pairs(
            lambda a, b: (-10 * np.log10(mean_square(a - b))).mean(axis=1), outputs
        )


def model_variance(outputs):
    """Half the mean squared difference of outputs of two subsets, for each level."""
    return mean_over_pairs(lambda a, b: mean_square(a - b).mean(axis=1) / 2, outputs)


def squared_bias(outputs, optimum):
    r"""Unbiased estimate of the squared distance from the mean model to the optimum.

    For each noise level, the estimate is the mean over all values of
    :math:`(a - x^\star) (b - x^\star)`, for the outputs a and b of two models. The sum
    of the estimate and the variance is the mean squared distance from the optimum.
    """

    def one(a, b):
        product = (a - optimum).astype(np.float64) * (b - optimum)
        return product.mean(axis=tuple(range(1, product.ndim)))

    return mean_over_pairs(one, outputs)


def density_gaps(outputs, optimum, clean, levels):
    """Bounds in nats on the divergence from the optimum, for each size and subset.

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
    n_values = clean[0].size

    def gap(one):
        errors = mean_square(one - clean)[order]
        return density_gap(errors, best_errors, levels[order], n_values=n_values).gap

    return np.array([[gap(one) for one in row] for row in outputs])


def regimes(train_psnr, test_psnr, agreement, variance, noisy_psnr):
    """Classify each size by the rule in the docstring of `GeneralizationAnalyzer`.

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
    # Denoisers that do not depend on their training images have memorized nothing.
    gap[variance.max(axis=1) == 0] = 0
    train_psnr, test_psnr = (one.mean(axis=(1, 2)) for one in (train_psnr, test_psnr))
    agrees = agreement.mean(axis=1) > test_psnr
    names = np.full(len(gap), "in transition", dtype=object)
    least = noisy_psnr.mean() + LEAST_GAIN
    names[(gap > LARGEST_GAP) & (train_psnr > least)] = "memorizing"
    names[(gap < SMALLEST_GAP) & agrees & (test_psnr > least)] = "generalizing"
    return names


def psnr_gap(train_psnr, test_psnr):
    """Training PSNR minus test PSNR for each size, averaged over subsets and levels."""
    # The difference is infinity minus infinity if a denoiser memorized the test images.
    with np.errstate(invalid="ignore"):
        return (train_psnr - test_psnr).mean(axis=(1, 2))


def transition_size(train_sizes, between, to_train):
    """Find the smallest size from which on `between` stays above `to_train`.

    Parameters
    ----------
    train_sizes : ndarray of shape (n_sizes,)
    between, to_train : ndarray of shape (n_sizes,)
        `between` is the mean similarity between generated images of two subsets.
        `to_train` is the mean similarity between generated images and their closest
        training images.

    Returns
    -------
    size : float
        The value is nan if there is no such size.
    """
    stays_closer = np.logical_and.accumulate((between > to_train)[::-1])[::-1]
    return float(train_sizes[stays_closer][0]) if stays_closer.any() else np.nan
