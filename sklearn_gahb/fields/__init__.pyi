# Written by `make stubs` from the docstrings.

from collections.abc import Sequence
from typing import Any, Literal, Self

import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

__all__ = [
    "Decoder",
    "Encoder",
    "FieldAutoencoder",
    "Renderer",
    "average_cells",
    "make_networks",
    "nearest_features",
    "render",
]

class Renderer(torch.nn.Module):
    n_layers: int
    n_channels: int
    width: int
    kernel_size: int
    margin: int
    def __init__(
        self, n_channels: int, width: int, *, kernel_size: int = 3
    ) -> None: ...
    def forward(
        self,
        features: torch.Tensor,
        origins: torch.Tensor,
        cells: torch.Tensor,
        n_cells: Sequence[int],
    ) -> torch.Tensor: ...

class Decoder(torch.nn.Module):
    n_components: int
    reduction: int
    width: int
    def __init__(self, n_components: int, *, reduction: int, width: int) -> None: ...

class Encoder(torch.nn.Module):
    n_channels: int
    n_components: int
    reduction: int
    width: int
    def __init__(
        self, n_channels: int, n_components: int, *, reduction: int, width: int
    ) -> None: ...

class FieldAutoencoder(TransformerMixin, BaseEstimator):
    n_components: int
    reduction: Literal[1, 2, 4, 8, 16]
    width: int
    kernel_size: int
    patch_size: int
    max_steps: int
    batch_size: int
    learning_rate: float
    device: str | torch.device
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    network_: torch.nn.ModuleDict
    loss_curve_: NDArray[Any]
    n_channels_in_: int
    n_parameters_: int
    n_features_in_: int
    def __init__(
        self,
        n_components: int = 4,
        *,
        reduction: Literal[1, 2, 4, 8, 16] = 4,
        width: int = 32,
        kernel_size: int = 3,
        patch_size: int = 32,
        max_steps: int = 5000,
        batch_size: int = 16,
        learning_rate: float = 0.005,
        device: str | torch.device = "auto",
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def fit(
        self, X: ArrayLike | Sequence[ArrayLike], y: object | None = None
    ) -> Self: ...
    def inverse_transform(
        self,
        Z: ArrayLike | Sequence[ArrayLike],
        size: int | Sequence[int] | None = None,
    ) -> Any: ...
    def transform(self, X: ArrayLike | Sequence[ArrayLike]) -> Any: ...

def average_cells(
    image: torch.Tensor, top: float, left: float, cell: float, n_cells: int
) -> torch.Tensor: ...
def make_networks(
    n_channels: int,
    n_components: int,
    *,
    reduction: int,
    width: int,
    kernel_size: int,
    seed: int,
) -> torch.nn.ModuleDict: ...
def nearest_features(
    features: torch.Tensor,
    origins: torch.Tensor,
    cells: torch.Tensor,
    n_cells: Sequence[int],
    margin: int = 0,
) -> torch.Tensor: ...
def render(
    networks: torch.nn.ModuleDict,
    latents: torch.Tensor,
    size: Sequence[int],
    rows_at_once: int | None = None,
) -> torch.Tensor: ...
