# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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

@dataclass(frozen=True)
class Recipe:
    architecture: str | Callable[..., Any] = field(default="unet", kw_only=True)
    width: int | None = field(default=64, kw_only=True)
    depth: int | None = field(default=None, kw_only=True)
    bias: bool = field(default=False, kw_only=True)
    conservative: bool = field(default=False, kw_only=True)
    batch_statistics: bool | Literal["auto"] = field(default="auto", kw_only=True)
    train_noise_std: float | Sequence[float] = field(default=(0.0, 1.0), kw_only=True)
    noise_distribution: Literal["squared", "uniform"] = field(
        default="squared", kw_only=True
    )
    supervision: Literal["clean", "noisy"] = field(default="clean", kw_only=True)
    noise_std: float | None = field(default=0.1, kw_only=True)
    patch_size: int | None = field(default=None, kw_only=True)
    augment: bool = field(default=False, kw_only=True)
    n_train_samples: int | None = field(default=None, kw_only=True)
    max_steps: int = field(default=2000, kw_only=True)
    batch_size: int = field(default=64, kw_only=True)
    loss: Literal[
        "inverse_root_std",
        "squared_error",
        "root_squared_error",
        "log_squared_error",
        "inverse_variance",
        "min_snr",
    ] = field(default="inverse_root_std", kw_only=True)
    residual: Callable[..., Any] | None = field(default=None, kw_only=True)
    residual_weight: float = field(default=1.0, kw_only=True)
    residual_estimate: Literal["mean", "sample"] = field(default="mean", kw_only=True)
    optimizer: Literal["muon", "adam"] = field(default="muon", kw_only=True)
    learning_rate: float = field(default=0.005, kw_only=True)
    schedule: Literal["one_cycle", "halving", "constant"] = field(
        default="one_cycle", kw_only=True
    )
    early_stopping: bool = field(default=False, kw_only=True)
    validation_fraction: float = field(default=0.1, kw_only=True)
    n_iter_no_change: int = field(default=10, kw_only=True)
    device: str | torch.device = field(default="auto", kw_only=True)
    precision: Literal["auto", "float32", "bfloat16"] = field(
        default="auto", kw_only=True
    )
    compile: bool | Literal["auto"] = field(default="auto", kw_only=True)
    checkpoints: Sequence[int] = field(default=(), kw_only=True)
    def evaluation_steps(self, n_evaluations: int = 100) -> NDArray[np.intp]: ...
    @property
    def noise_range(self) -> tuple[float, float]: ...
    @classmethod
    def of(cls, denoiser: DNNDenoiser) -> Recipe: ...

@dataclass(frozen=False)
class TrainingLog:
    losses: Sequence[torch.Tensor] = ...
    validation_losses: Sequence[float] = ...
    best_state: Mapping[Any, Any] | None = None
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
    def __iter__(self) -> Iterator[tuple[int, int]]: ...
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
    validation_pairs: Sequence[tuple[torch.Tensor, torch.Tensor]] = (),
    n_evaluations: int = 100,
    n_networks: int = 1,
) -> Iterator[tuple[int, int]]: ...
def train_side_by_side(runs: Sequence[TrainingRun]) -> None: ...
def with_fresh_noise(
    batches: Iterator[Sequence[torch.Tensor]],
    recipe: Recipe,
    generator: torch.Generator,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]: ...
def with_recorrupted_noise(
    batches: Iterator[Sequence[torch.Tensor]],
    recipe: Recipe,
    generator: torch.Generator,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]: ...
