# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Iterator
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

class Trajectory:
    images: NDArray[Any]
    noise_std: NDArray[Any]
    n_evaluations: NDArray[np.intp]
    def __init__(
        self,
        images: NDArray[Any],
        noise_std: NDArray[Any],
        n_evaluations: NDArray[np.intp],
    ) -> None: ...

class Sampler:
    sigma_max: float | None
    sigma_min: float
    def __init__(
        self, *, sigma_max: float | None = None, sigma_min: float = 0.01
    ) -> None: ...
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

class CoarseToFine(Sampler):
    bounded: bool
    max_evaluations: int
    sigma_max: float | None
    sigma_min: float
    step_size: float
    beta: float
    step_schedule: Literal["constant", "published"]
    def __init__(
        self,
        *,
        sigma_max: float | None = None,
        sigma_min: float = 0.01,
        step_size: float = 0.05,
        beta: float = 0.5,
        step_schedule: Literal["constant", "published"] = "constant",
        bounded: bool = False,
        max_evaluations: int = 1000,
    ) -> None: ...
    def steps(
        self,
        denoise: Callable[..., Any],
        y: torch.Tensor,
        sigma_max: float,
        draw_noise: Callable[..., Any],
    ) -> Iterator[tuple[torch.Tensor, Any]]: ...

class ScheduledSampler(Sampler):
    n_steps: int
    sigma_max: float | None
    sigma_min: float
    schedule: Literal["log_linear", "ddpm", "cosine"] | Callable[..., Any]
    def __init__(
        self,
        n_steps: int = 50,
        *,
        sigma_max: float | None = None,
        sigma_min: float = 0.01,
        schedule: Literal["log_linear", "ddpm", "cosine"]
        | Callable[..., Any] = "log_linear",
    ) -> None: ...
    def levels(self, sigma_max: float) -> list[float]: ...

class DDIM(ScheduledSampler):
    n_steps: int
    sigma_max: float | None
    sigma_min: float
    schedule: Literal["log_linear", "ddpm", "cosine"] | Callable[..., Any]
    def __init__(
        self,
        n_steps: int = 50,
        *,
        sigma_max: float | None = None,
        sigma_min: float = 0.01,
        schedule: Literal["log_linear", "ddpm", "cosine"]
        | Callable[..., Any] = "log_linear",
    ) -> None: ...
    def steps(
        self,
        denoise: Callable[..., Any],
        y: torch.Tensor,
        sigma_max: float,
        draw_noise: Callable[..., Any],
    ) -> Iterator[tuple[torch.Tensor, Any]]: ...

class Ancestral(ScheduledSampler):
    n_steps: int
    sigma_max: float | None
    sigma_min: float
    schedule: Literal["log_linear", "ddpm", "cosine"] | Callable[..., Any]
    def __init__(
        self,
        n_steps: int = 50,
        *,
        sigma_max: float | None = None,
        sigma_min: float = 0.01,
        schedule: Literal["log_linear", "ddpm", "cosine"]
        | Callable[..., Any] = "log_linear",
    ) -> None: ...
    def steps(
        self,
        denoise: Callable[..., Any],
        y: torch.Tensor,
        sigma_max: float,
        draw_noise: Callable[..., Any],
    ) -> Iterator[tuple[torch.Tensor, Any]]: ...

class GradientEstimation(ScheduledSampler):
    n_steps: int
    sigma_max: float | None
    sigma_min: float
    schedule: Literal["log_linear", "ddpm", "cosine"] | Callable[..., Any]
    gamma: float
    def __init__(
        self,
        n_steps: int = 50,
        *,
        sigma_max: float | None = None,
        sigma_min: float = 0.01,
        schedule: Literal["log_linear", "ddpm", "cosine"]
        | Callable[..., Any] = "log_linear",
        gamma: float = 2.0,
    ) -> None: ...
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
    shape: tuple[int, int, int, int],
    *,
    sigma_max: float = 1.0,
    device: torch.device | None = None,
    condition: Callable[..., Any] | None = None,
    batch_size: int | None = None,
    keep_every: int | None = None,
    callback: Callable[..., Any] | None = None,
    random_state: int | RandomState | None = None,
) -> tuple[torch.Tensor, Trajectory]: ...
