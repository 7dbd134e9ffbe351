# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Bunch

from ..denoisers import BaseDenoiser, Linearization

__all__ = [
    "AffineDenoiser",
    "JacobianBasis",
    "JacobianOperator",
    "harmonicity",
    "jacobian_bases",
    "jacobian_operator",
    "make_sure_scorer",
    "posterior_directions",
    "posterior_marginal",
    "posterior_std",
    "sure",
    "sure_psnr",
]

class JacobianOperator(LinearOperator):
    linearization: Linearization
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    image_shape: tuple[int, int, int]
    def __init__(self, linearization: Linearization) -> None: ...
    def asymmetry(
        self, n_probes: int, *, random_state: int | RandomState | None = None
    ) -> float: ...
    def dense(self) -> torch.Tensor: ...
    def diagonal(
        self,
        n_probes: int | None = None,
        *,
        random_state: int | RandomState | None = None,
    ) -> torch.Tensor: ...
    def multiply_rows(
        self, rows: torch.Tensor, transposed: bool = False
    ) -> torch.Tensor: ...
    def random_signs(
        self, n: int, *, random_state: int | RandomState | None = None
    ) -> torch.Tensor: ...
    def trace(
        self,
        n_probes: int | None = None,
        *,
        random_state: int | RandomState | None = None,
    ) -> float: ...

class JacobianBasis(TransformerMixin, BaseEstimator):
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any]
    n_components: int | None
    method: Literal["eigh", "svd"]
    solver: Literal["auto", "dense", "lanczos"]
    noise_std: float | None
    tol: float
    max_products: int | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    components_: NDArray[Any]
    eigenvalues_: NDArray[Any]
    contributions_: NDArray[Any]
    left_components_: NDArray[Any]
    residuals_: NDArray[Any]
    asymmetry_: float
    homogeneity_error_: float
    symmetrization_loss_: float
    degrees_of_freedom_: float
    offset_: NDArray[Any]
    noisy_: NDArray[Any]
    image_shape_: tuple[int, int, int]
    denoised_: NDArray[Any]
    data_range_: Any
    solver_: Literal["closed", "dense", "lanczos"]
    n_products_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
        n_components: int | None = None,
        *,
        method: Literal["eigh", "svd"] = "eigh",
        solver: Literal["auto", "dense", "lanczos"] = "auto",
        noise_std: float | None = None,
        tol: float = 0.001,
        max_products: int | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def affine_denoiser(self) -> AffineDenoiser: ...
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self: ...
    def inverse_transform(self, X: ArrayLike) -> Any: ...
    def transform(self, X: ArrayLike) -> Any: ...

class AffineDenoiser(BaseDenoiser):
    basis: JacobianBasis
    noise_std: float | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    def __init__(
        self,
        basis: JacobianBasis,
        *,
        noise_std: float | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    data_range: float | Sequence[float] | None
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...

def harmonicity(
    basis: JacobianBasis,
    clean: ArrayLike,
    *,
    contours: ArrayLike | None = None,
    scale: float = 1.0,
    contour_fraction: float = 0.1,
) -> Bunch: ...
def jacobian_bases(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    X: ArrayLike | Sequence[ArrayLike],
    noise_std: float | None = None,
    *,
    clean: ArrayLike | Sequence[ArrayLike] | None = None,
    n_components: int | None = None,
    method: Literal["eigh", "svd"] = "eigh",
    solver: Literal["auto", "dense", "lanczos"] = "auto",
    tol: float = 0.001,
    max_products: int | None = None,
    image_shape: Sequence[int] | None = None,
    random_state: int | RandomState | None = None,
) -> list[JacobianBasis]: ...
def jacobian_operator(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    y: ArrayLike,
    noise_std: float | None = None,
    *,
    clean: ArrayLike | None = None,
) -> JacobianOperator: ...
def make_sure_scorer(
    noise_std: float,
    *,
    n_probes: int = 1,
    random_state: int | RandomState | None = None,
) -> Callable[..., Any]: ...
def posterior_directions(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    y: ArrayLike,
    noise_std: float,
    *,
    n_components: int = 5,
    clean: ArrayLike | None = None,
    tol: float = 0.001,
    max_products: int | None = None,
    random_state: int | RandomState | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def posterior_marginal(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    y: ArrayLike,
    noise_std: float,
    direction: ArrayLike,
    *,
    clean: ArrayLike | None = None,
) -> Bunch: ...
def posterior_std(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    y: ArrayLike,
    noise_std: float,
    *,
    n_probes: int | None = None,
    clean: ArrayLike | None = None,
    random_state: int | RandomState | None = None,
) -> NDArray[Any]: ...
def sure(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    y: ArrayLike | Sequence[ArrayLike],
    noise_std: float,
    *,
    n_probes: int = 1,
    clean: ArrayLike | Sequence[ArrayLike] | None = None,
    average: bool = True,
    random_state: int | RandomState | None = None,
) -> Any: ...
def sure_psnr(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
    y: ArrayLike | Sequence[ArrayLike],
    noise_std: float,
    *,
    n_probes: int = 1,
    clean: ArrayLike | Sequence[ArrayLike] | None = None,
    average: bool = True,
    random_state: int | RandomState | None = None,
) -> Any: ...
