# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Sequence
from typing import Any

import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ..samplers import Sampler

__all__ = [
    "MeasurementOperator",
    "block_averages",
    "circular_blur",
    "low_frequencies",
    "observed_pixels",
    "random_pixels",
    "random_projections",
    "sample",
    "solve_inverse",
]

class MeasurementOperator(LinearOperator):
    operator: LinearOperator | NDArray[Any]
    image_shape: Sequence[int]
    right_vectors: LinearOperator | NDArray[Any] | None
    singular_values: NDArray[Any] | None
    shape: tuple[int, int]
    def __init__(
        self,
        operator: LinearOperator | NDArray[Any],
        image_shape: Sequence[int],
        *,
        right_vectors: LinearOperator | NDArray[Any] | None = None,
        singular_values: NDArray[Any] | None = None,
    ) -> None: ...

def block_averages(image_shape: Sequence[int], factor: int) -> MeasurementOperator: ...
def circular_blur(
    image_shape: Sequence[int], kernel: ArrayLike
) -> MeasurementOperator: ...
def low_frequencies(
    image_shape: Sequence[int], fraction: float
) -> MeasurementOperator: ...
def observed_pixels(observed: ArrayLike) -> MeasurementOperator: ...
def random_pixels(
    image_shape: Sequence[int],
    fraction: float,
    *,
    random_state: int | RandomState | None = None,
) -> MeasurementOperator: ...
def random_projections(
    image_shape: Sequence[int],
    fraction: float,
    *,
    random_state: int | RandomState | None = None,
) -> MeasurementOperator: ...
def sample(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    n_samples: int = 1,
    *,
    image_shape: Sequence[int] | None = None,
    sampler: Sampler | None = None,
    mean: float | torch.Tensor | None = None,
    batch_size: int | None = None,
    keep_every: int | None = 1,
    return_trajectory: bool = False,
    callback: Callable[..., Any] | None = None,
    random_state: int | RandomState | None = None,
) -> Any: ...
def solve_inverse(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    measurements: ArrayLike,
    operator: LinearOperator,
    *,
    noise_std: float = 0.0,
    image_shape: Sequence[int] | None = None,
    n_draws: int = 4,
    sampler: Sampler | None = None,
    mean: float | torch.Tensor | None = None,
    batch_size: int | None = None,
    keep_every: int = 1,
    return_trajectory: bool = False,
    callback: Callable[..., Any] | None = None,
    random_state: int | RandomState | None = None,
) -> Bunch: ...
