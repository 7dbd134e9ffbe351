# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

__all__ = [
    "coverage_curve",
    "density_gap",
    "log_density",
    "log_density_by_flow",
    "make_j_invariant_scorer",
    "memorized_fraction",
    "psnr_curve",
]

def coverage_curve(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    X: ArrayLike,
    noise_std: float,
    *,
    intervals: Literal["pixels", "directions"] = "pixels",
    n_components: int = 3,
    n_probes: int | None = None,
    random_state: int | RandomState | None = None,
) -> Bunch: ...
def density_gap(
    excess_mse: ArrayLike, noise_std: ArrayLike, *, n_values: int = 1
) -> Bunch: ...
def log_density(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    X: ArrayLike | Sequence[ArrayLike],
    *,
    noise_range: Sequence[float] | None = None,
    n_levels: int = 33,
    n_draws: int = 2,
    random_state: int | RandomState | None = None,
) -> Bunch: ...
def log_density_by_flow(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    X: ArrayLike | Sequence[ArrayLike],
    *,
    noise_range: Sequence[float] | None = None,
    n_draws: int = 1,
    n_probes: int = 1,
    rtol: float = 0.0001,
    random_state: int | RandomState | None = None,
) -> Bunch: ...
def make_j_invariant_scorer(
    *, stride: int = 3, n_masks: int = 1
) -> Callable[..., Any]: ...
def memorized_fraction(
    X: ArrayLike,
    X_train: ArrayLike,
    *,
    ratio: float = 0.3333333333333333,
    confidence_level: float = 0.95,
    data_range: float | Sequence[float] | None = None,
    image_shape: Sequence[int] | None = None,
) -> Bunch: ...
def psnr_curve(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    X: ArrayLike | Sequence[ArrayLike],
    noise_std: float | ArrayLike,
    *,
    blind: bool = False,
    slope_range: Sequence[float] = (10.0, 30.0),
    random_state: int | RandomState | None = None,
) -> Bunch: ...
