# Written by `make stubs` from the docstrings.

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

__all__ = ["DuplicateWarning", "GeneralizationAnalyzer"]

class DuplicateWarning(UserWarning): ...

class GeneralizationAnalyzer(BaseEstimator):
    estimator: BaseEstimator
    train_sizes: ArrayLike
    n_subsets: int
    noise_std: float | ArrayLike
    n_generated: int
    optimal: BaseEstimator | torch.nn.Module | Callable[..., Any] | None
    theories: Mapping[str, BaseEstimator] | None
    n_train_images: int
    duplicate_threshold: float
    duplicates: Literal["warn", "remove", "ignore"]
    n_jobs: int | None
    n_networks_per_pass: int | Literal["auto"]
    checkpoint_dir: str | os.PathLike[str] | None
    random_state: int | RandomState | None
    train_sizes_: NDArray[Any]
    noise_std_: NDArray[Any]
    subsets_: NDArray[np.intp]
    n_duplicates_: NDArray[np.intp]
    n_test_duplicates_: int
    estimators_: list[list[BaseEstimator]]
    train_psnr_: NDArray[Any]
    test_psnr_: NDArray[Any]
    test_mse_: NDArray[Any]
    psnr_gap_: NDArray[Any]
    log_density_gap_: NDArray[Any]
    log_density_gap_std_err_: NDArray[Any]
    agreement_: NDArray[Any]
    variance_: NDArray[Any]
    squared_bias_: NDArray[Any]
    psnr_gap_std_: NDArray[Any]
    agreement_std_: NDArray[Any]
    variance_std_: NDArray[Any]
    squared_bias_std_: NDArray[Any]
    optimal_mse_: NDArray[Any]
    density_gap_: NDArray[Any]
    density_gap_std_err_: NDArray[Any]
    density_gap_quadrature_err_: NDArray[Any]
    regime_: NDArray[np.str_]
    common_regime_: NDArray[np.str_]
    transition_size_: NDArray[Any]
    theory_psnr_: dict[str, NDArray[Any]]
    explained_: dict[str, NDArray[Any]]
    explained_change_: dict[str, NDArray[Any]]
    snapshots_: dict[int, GeneralizationAnalyzer]
    memorization_time_: NDArray[Any]
    generalization_time_: NDArray[Any]
    results_: dict[str, NDArray[Any]]
    generated_images_: list[NDArray[Any]]
    closest_train_images_: list[NDArray[Any]]
    generated_similarity_: NDArray[Any]
    train_similarity_: NDArray[Any]
    test_similarity_: NDArray[Any]
    subset_similarity_: list[NDArray[Any]]
    generated_transition_size_: float
    memorized_fraction_: NDArray[Any]
    memorized_fraction_interval_: NDArray[Any]
    generated_explained_: dict[str, NDArray[Any]]
    def __init__(
        self,
        estimator: BaseEstimator,
        train_sizes: ArrayLike = (1, 10, 100, 1000, 10000),
        n_subsets: int = 2,
        *,
        noise_std: float | ArrayLike = 0.1,
        n_generated: int = 0,
        optimal: BaseEstimator | torch.nn.Module | Callable[..., Any] | None = None,
        theories: Mapping[str, BaseEstimator] | None = None,
        n_train_images: int = 500,
        duplicate_threshold: float = 0.95,
        duplicates: Literal["warn", "remove", "ignore"] = "warn",
        n_jobs: int | None = None,
        n_networks_per_pass: int | Literal["auto"] = 1,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        subsets: Sequence[ArrayLike] | None = None,
        X_test: ArrayLike | None = None,
    ) -> Self: ...
