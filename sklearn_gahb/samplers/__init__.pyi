# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import NDArray

__all__ = [
    "DDIM",
    "Ancestral",
    "CoarseToFine",
    "GradientEstimation",
    "Sampler",
    "ScheduledSampler",
    "Trajectory",
    "noise_schedule",
    "run_sampler",
]

@dataclass(frozen=True)
class Trajectory:
    images: NDArray[Any]
    noise_std: NDArray[Any]
    n_evaluations: NDArray[np.intp]

@dataclass(frozen=True)
class Sampler:
    sigma_max: float | None = field(default=None, kw_only=True)
    sigma_min: float = field(default=0.01, kw_only=True)
    def checked_steps(
        self,
        denoise: Callable[..., Any],
        y: torch.Tensor,
        sigma_max: float,
        draw_noise: Callable[..., Any],
    ) -> Iterator[tuple[torch.Tensor, Any]]: ...
    def steps(
        self,
        denoise: Callable[..., Any],
        y: torch.Tensor,
        sigma_max: float,
        draw_noise: Callable[..., Any],
    ) -> Iterator[tuple[torch.Tensor, Any]]: ...

@dataclass(frozen=True)
class CoarseToFine(Sampler):
    step_size: float = field(default=0.05, kw_only=True)
    beta: float = field(default=0.5, kw_only=True)
    step_schedule: Literal["constant", "published"] = field(
        default="constant", kw_only=True
    )
    bounded: bool = field(default=False, kw_only=True)
    max_evaluations: int = field(default=1000, kw_only=True)
    def steps(
        self,
        denoise: Callable[..., Any],
        y: torch.Tensor,
        sigma_max: float,
        draw_noise: Callable[..., Any],
    ) -> Iterator[tuple[torch.Tensor, Any]]: ...

@dataclass(frozen=True)
class ScheduledSampler(Sampler):
    n_steps: int = 50
    schedule: Literal["log_linear", "ddpm", "cosine"] | Callable[..., Any] = field(
        default="log_linear", kw_only=True
    )
    def levels(self, sigma_max: float) -> list[float]: ...

@dataclass(frozen=True)
class DDIM(ScheduledSampler):
    def steps(
        self,
        denoise: Callable[..., Any],
        y: torch.Tensor,
        sigma_max: float,
        draw_noise: Callable[..., Any],
    ) -> Iterator[tuple[torch.Tensor, Any]]: ...

@dataclass(frozen=True)
class Ancestral(ScheduledSampler):
    def steps(
        self,
        denoise: Callable[..., Any],
        y: torch.Tensor,
        sigma_max: float,
        draw_noise: Callable[..., Any],
    ) -> Iterator[tuple[torch.Tensor, Any]]: ...

@dataclass(frozen=True)
class GradientEstimation(ScheduledSampler):
    gamma: float = field(default=2.0, kw_only=True)
    def steps(
        self,
        denoise: Callable[..., Any],
        y: torch.Tensor,
        sigma_max: float,
        draw_noise: Callable[..., Any],
    ) -> Iterator[tuple[torch.Tensor, Any]]: ...

def noise_schedule(
    n_steps: int,
    sigma_max: float = 1.0,
    sigma_min: float = 0.01,
    kind: Literal["log_linear", "ddpm", "cosine"] = "log_linear",
) -> NDArray[Any]: ...
def run_sampler(
    denoise: Callable[..., Any],
    sampler: Sampler,
    mean: float | torch.Tensor,
    shape: Sequence[int],
    *,
    sigma_max: float = 1.0,
    device: torch.device | None = None,
    condition: Callable[..., Any] | None = None,
    batch_size: int | None = None,
    keep_every: int | None = None,
    callback: Callable[..., Any] | None = None,
    random_state: int | RandomState | None = None,
) -> tuple[torch.Tensor, Trajectory]: ...
