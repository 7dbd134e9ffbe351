# Written by `make stubs` from the docstrings.

from collections.abc import Sequence
from typing import Any, Self

from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

__all__ = [
    "GaussianNoise",
    "PoissonNoise",
    "estimate_noise_std",
    "estimate_poisson_gaussian",
]

class GaussianNoise(TransformerMixin, BaseEstimator):
    noise_std: float
    data_range: float | Sequence[float] | None
    random_state: int | RandomState | None
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        noise_std: float = 0.1,
        *,
        data_range: float | Sequence[float] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def fit(
        self, X: ArrayLike | Sequence[ArrayLike], y: object | None = None
    ) -> Self: ...
    def transform(self, X: ArrayLike | Sequence[ArrayLike]) -> Any: ...

class PoissonNoise(GaussianNoise):
    peak: float
    noise_std: float
    data_range: float | Sequence[float] | None
    random_state: int | RandomState | None
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        peak: float = 30.0,
        noise_std: float = 0.0,
        *,
        data_range: float | Sequence[float] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def fit(
        self, X: ArrayLike | Sequence[ArrayLike], y: object | None = None
    ) -> Self: ...

def estimate_noise_std(
    X: ArrayLike | Sequence[ArrayLike],
    *,
    data_range: float | Sequence[float] | None = None,
    image_shape: Sequence[int] | None = None,
) -> NDArray[Any]: ...
def estimate_poisson_gaussian(
    X: ArrayLike | Sequence[ArrayLike],
    *,
    data_range: float | Sequence[float] | None = None,
    image_shape: Sequence[int] | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]: ...
