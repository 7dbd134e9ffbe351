"""Measures that tell memorizing denoisers from generalizing ones."""

from dataclasses import dataclass

import numpy as np

from .._warnings import warn
from ..denoisers import as_denoiser
from ..units import check_data_range
from ._design import Design
from ._outputs import rows_as_images, to_fractions
from ._similarity import compare_generated, mean_free_unit_rows
from ._statistics import (
    LEAST_GAIN,
    MIN_LEVELS,
    agreement,
    common_regime,
    density_gaps,
    lasting_from,
    log_density_gap,
    mean_square,
    model_variance,
    psnr_gaps,
    regimes,
    spread,
    squared_bias,
)
from ._theories import compare_with_theories

# Smallest PSNR loss in dB that counts as harm. Losses below it can be sampling errors.
LEAST_HARM = 0.1
# Attributes of the design that the fitted analyzer has too.
DESIGNED = ["train_sizes", "noise_std", "subsets", "n_duplicates", "n_test_duplicates"]
AXES = ("size", "subset", "level")
# Measures in the table, by the first axes of their arrays. If an array has one more
# axis, the table contains the means over this axis.
COLUMNS = {
    ("size", "subset", "level"): [
        *("train_psnr", "test_psnr", "test_mse"),
        *("theory_psnr", "explained", "explained_change"),
    ],
    ("size", "level"): [
        *("psnr_gap", "psnr_gap_std", "agreement", "agreement_std", "regime"),
        *("variance", "variance_std", "squared_bias", "squared_bias_std"),
    ],
    ("level",): ["optimal_mse", "transition_size"],
    ("size",): ["common_regime", "generated_similarity", "subset_similarity"],
    ("size", "subset"): [
        *("log_density_gap", "log_density_gap_std_err"),
        *("density_gap", "density_gap_std_err", "density_gap_quadrature_err"),
        *("train_similarity", "test_similarity"),
        *("memorized_fraction", "generated_explained"),
    ],
}


@dataclass(kw_only=True)
class Measures:
    """All measures of a study. Measures that were not requested are None."""

    design: Design
    estimators: list
    train_psnr: np.ndarray
    test_psnr: np.ndarray
    test_mse: np.ndarray
    psnr_gap: np.ndarray
    psnr_gap_std: np.ndarray
    agreement: np.ndarray
    agreement_std: np.ndarray
    variance: np.ndarray
    variance_std: np.ndarray
    regime: np.ndarray
    common_regime: np.ndarray
    transition_size: np.ndarray
    squared_bias: np.ndarray | None = None
    squared_bias_std: np.ndarray | None = None
    optimal_mse: np.ndarray | None = None
    log_density_gap: np.ndarray | None = None
    log_density_gap_std_err: np.ndarray | None = None
    density_gap: np.ndarray | None = None
    density_gap_std_err: np.ndarray | None = None
    density_gap_quadrature_err: np.ndarray | None = None
    generated_similarity: np.ndarray | None = None
    train_similarity: np.ndarray | None = None
    test_similarity: np.ndarray | None = None
    subset_similarity: list | None = None
    generated_images: list | None = None
    closest_train_images: list | None = None
    memorized_fraction: np.ndarray | None = None
    memorized_fraction_interval: np.ndarray | None = None
    generated_transition_size: float | None = None
    theory_psnr: dict | None = None
    explained: dict | None = None
    explained_change: dict | None = None
    generated_explained: dict | None = None

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
            for name, values in self.columns(names):
                if isinstance(values, list):
                    values = np.array([one.mean() for one in values])
                if values.ndim > len(axes):
                    values = values.mean(axis=-1)
                columns[name] = np.expand_dims(values, missing)
        return {
            name: np.broadcast_to(one, shape).ravel() for name, one in columns.items()
        }

    def columns(self, names):
        """Yield names of columns and their values, with one column per theory."""
        for name in names:
            values = getattr(self, name)
            if isinstance(values, dict):
                yield from ((f"{name}_{theory}", one) for theory, one in values.items())
            elif values is not None:
                yield name, values


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
    train_psnr = gather(lambda one: one.train_psnr.mean(axis=1))
    test_psnr = gather(lambda one: one.test_psnr.mean(axis=1))
    gaps = psnr_gaps(train_psnr, test_psnr)
    agreements = np.array([agreement(row) for row in outputs])
    variances = np.array([model_variance(row) for row in outputs])
    noisy_psnr = -20 * np.log10(design.noise_std)
    regime = regimes(
        train_psnr.mean(axis=1),
        test_psnr.mean(axis=1),
        agreements.mean(axis=1),
        variances.mean(axis=1),
        noisy_psnr,
    )
    found = Measures(
        design=design,
        estimators=[[one.estimator for one in row] for row in results],
        train_psnr=train_psnr,
        test_psnr=test_psnr,
        test_mse=gather(lambda one: (10 ** (-one.test_psnr / 10)).mean(axis=1)),
        psnr_gap=gaps.mean(axis=1),
        psnr_gap_std=spread(gaps),
        agreement=agreements.mean(axis=1),
        agreement_std=spread(agreements),
        variance=variances.mean(axis=1),
        variance_std=spread(variances),
        regime=regime,
        common_regime=common_regime(regime),
        transition_size=lasting_from(design.train_sizes, regime == "generalizing"),
    )
    if len(design.noise_std) >= MIN_LEVELS:
        about = design.noise_std, design.X_test[0].size
        gaps = gather(
            lambda one: log_density_gap(one.train_psnr, one.test_psnr, *about)
        )
        found.log_density_gap, found.log_density_gap_std_err = np.moveaxis(gaps, -1, 0)
    if optimum is not None:
        measure_against(optimum, found, outputs)
    if results[0][0].generated is not None:
        measure_generated(found, results)
    if results[0][0].theories:
        compare_with_theories(found, results)
    return found


def warn_of_harm(found):
    """Warn where denoising new images does harm and memorization is not the reason.

    At low noise, a denoiser that has memorized its training images, if only in part,
    draws every new image toward them, so its test PSNR is below that of the noisy
    images. This is a result of the study and no reason for a warning, as long as the
    denoiser works on its training images.
    """
    noisy_psnr = -20 * np.log10(found.design.noise_std)
    is_harmed = found.test_psnr.mean(axis=1) < noisy_psnr - LEAST_HARM
    is_harmed &= found.train_psnr.mean(axis=1) < noisy_psnr + LEAST_GAIN
    if is_harmed.any():
        where = [
            f"N = {size} at noise_std {', '.join(f'{one:g}' for one in levels)}"
            for size, row in zip(found.design.train_sizes, is_harmed, strict=True)
            if len(levels := found.design.noise_std[row])
        ]
        warn(
            "Denoised test images have a lower PSNR than the noisy images, and "
            "memorization is not the reason, because denoising hardly helps the "
            f"training images: {'; '.join(where)}. Possible reasons: the denoisers "
            "need more training; they were trained for other noise levels; or their "
            "data_range does not fit the images."
        )


def measure_against(optimum, found, outputs):
    """Fill in the measures that need the outputs of the optimal denoiser."""
    design = found.design
    clean = to_fractions(design.X_test, design)
    biases = np.array([squared_bias(row, optimum) for row in outputs])
    found.squared_bias, found.squared_bias_std = biases.mean(axis=1), spread(biases)
    found.optimal_mse = mean_square(optimum - clean).mean(axis=1)
    if len(design.noise_std) >= MIN_LEVELS:
        (
            found.density_gap,
            found.density_gap_std_err,
            found.density_gap_quadrature_err,
        ) = density_gaps(outputs, optimum, design.noise_std)


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
    found.memorized_fraction = np.array([one.memorized for one in compared])
    found.memorized_fraction_interval = np.array([one.interval for one in compared])
    found.subset_similarity = [one.baseline for one in compared]
    between = found.generated_similarity.mean(axis=1)
    is_closer = between > found.train_similarity.mean(axis=(1, 2))
    size = lasting_from(design.train_sizes, is_closer)
    found.generated_transition_size = float(size)
