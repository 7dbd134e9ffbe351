# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import NDArray

from ..denoisers import DNNDenoiser
from ..images import Images

__all__ = [
    "Recipe",
    "TrainingLog",
    "TrainingRun",
    "image_batches",
    "make_optimizers",
    "make_scheduler",
    "resolve_device",
    "resolve_precision",
    "train",
    "train_side_by_side",
    "with_fresh_noise",
    "with_recorrupted_noise",
]

class Recipe:
    width: int | None
    bias: bool
    conservative: bool
    augment: bool
    max_steps: int
    batch_size: int
    early_stopping: bool
    n_iter_no_change: int
    architecture: str | Callable[..., Any]
    depth: int | None
    batch_statistics: bool | Literal["auto"]
    train_noise_std: float | tuple[float, float]
    noise_distribution: Literal["squared", "uniform"]
    supervision: Literal["clean", "noisy"]
    noise_std: float | None
    patch_size: int | None
    n_train_samples: int | None
    loss: Literal[
        "inverse_root_std",
        "squared_error",
        "root_squared_error",
        "log_squared_error",
        "inverse_variance",
        "min_snr",
    ]
    residual: Callable[..., Any] | None
    residual_weight: float
    residual_estimate: Literal["mean", "sample"]
    optimizer: Literal["muon", "adam"]
    learning_rate: float
    schedule: Literal["one_cycle", "halving", "constant"]
    validation_fraction: float
    device: str | torch.device
    precision: Literal["auto", "float32", "bfloat16"]
    compile: bool | Literal["auto"]
    checkpoints: tuple[int, ...]
    def __init__(
        self,
        *,
        architecture: str | Callable[..., Any] = "unet",
        width: int | None = 64,
        depth: int | None = None,
        bias: bool = False,
        conservative: bool = False,
        batch_statistics: bool | Literal["auto"] = "auto",
        train_noise_std: float | tuple[float, float] = ...,
        noise_distribution: Literal["squared", "uniform"] = "squared",
        supervision: Literal["clean", "noisy"] = "clean",
        noise_std: float | None = 0.1,
        patch_size: int | None = None,
        augment: bool = False,
        n_train_samples: int | None = None,
        max_steps: int = 2000,
        batch_size: int = 64,
        loss: Literal[
            "inverse_root_std",
            "squared_error",
            "root_squared_error",
            "log_squared_error",
            "inverse_variance",
            "min_snr",
        ] = "inverse_root_std",
        residual: Callable[..., Any] | None = None,
        residual_weight: float = 1.0,
        residual_estimate: Literal["mean", "sample"] = "mean",
        optimizer: Literal["muon", "adam"] = "muon",
        learning_rate: float = 0.005,
        schedule: Literal["one_cycle", "halving", "constant"] = "one_cycle",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        device: str | torch.device = "auto",
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        compile: bool | Literal["auto"] = "auto",
        checkpoints: tuple[int, ...] = ...,
    ) -> None: ...
    def evaluation_steps(self, n_evaluations: int = 100) -> NDArray[np.intp]: ...
    @property
    def noise_range(self) -> tuple[float, float]: ...
    @classmethod
    def of(cls, denoiser: DNNDenoiser) -> Recipe: ...

class TrainingLog:
    losses: Sequence[torch.Tensor]
    validation_losses: Sequence[float]
    best_state: Mapping[Any, Any] | None
    def __init__(
        self,
        losses: Sequence[torch.Tensor] = ...,
        validation_losses: Sequence[float] = ...,
        best_state: Mapping[Any, Any] | None = None,
    ) -> None: ...
    def is_finite(self) -> bool: ...

class TrainingRun:
    recipe: Recipe
    clean: Images
    noisy: Images | None
    previous: torch.nn.Module | None
    random_state: int | RandomState | None
    network: torch.nn.Module
    pairs: Iterator[tuple[torch.Tensor, torch.Tensor]]
    validation_pairs: list[tuple[torch.Tensor, torch.Tensor]]
    train_indices: NDArray[np.intp]
    log: TrainingLog
    moments: tuple[torch.Tensor, torch.Tensor] | None
    states: dict[int, dict[Any, Any]]
    def __init__(
        self,
        recipe: Recipe,
        clean: Images,
        noisy: Images | None = None,
        *,
        previous: torch.nn.Module | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def can_be_finished(self) -> bool: ...
    def finish(self) -> torch.nn.Module: ...
    def keep_state(self, n_steps: int) -> None: ...
    def losses(self) -> NDArray[Any]: ...
    def snapshots(self) -> dict[int, torch.nn.Module]: ...

def image_batches(
    images: Sequence[Images],
    indices: NDArray[Any],
    recipe: Recipe,
    *,
    rng: RandomState,
    device: torch.device,
) -> Iterator[list[torch.Tensor]]: ...
def make_optimizers(
    network: torch.nn.Module, recipe: Recipe
) -> list[torch.optim.Optimizer]: ...
def make_scheduler(
    optimizer: torch.optim.Optimizer, recipe: Recipe
) -> torch.optim.lr_scheduler.LRScheduler: ...
def resolve_device(device: str | torch.device) -> torch.device: ...
def resolve_precision(
    precision: Literal["auto", "float32", "bfloat16"], device: torch.device
) -> torch.dtype: ...
def train(
    network: torch.nn.Module,
    pairs: Iterator[tuple[torch.Tensor, torch.Tensor]],
    log: TrainingLog,
    recipe: Recipe,
    *,
    validation_pairs: Sequence[tuple[torch.Tensor, torch.Tensor]] = ...,
    n_evaluations: int = 100,
    n_networks: int = 1,
) -> Iterator[int]: ...
def train_side_by_side(runs: Sequence[TrainingRun]) -> None: ...
def with_fresh_noise(
    batches: Iterator[Sequence[torch.Tensor]],
    recipe: Recipe,
    generator: torch.Generator,
) -> Iterator[torch.Tensor]: ...
def with_recorrupted_noise(
    batches: Iterator[Sequence[torch.Tensor]],
    recipe: Recipe,
    generator: torch.Generator,
) -> Iterator[torch.Tensor]: ...
