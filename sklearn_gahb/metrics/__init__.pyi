# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Sequence
from typing import Any

from numpy.random import RandomState
from numpy.typing import ArrayLike

__all__ = [
    "make_psnr_scorer",
    "make_ssim_scorer",
    "mean_absolute_residual",
    "mse",
    "psnr",
    "ssim",
]

def make_psnr_scorer(
    noise_std: float, *, random_state: int | RandomState | None = None
) -> Callable[..., Any]: ...
def make_ssim_scorer(
    noise_std: float,
    *,
    image_shape: Sequence[int] | None = None,
    random_state: int | RandomState | None = None,
) -> Callable[..., Any]: ...
def mean_absolute_residual(
    X: ArrayLike | Sequence[ArrayLike],
    residual: Callable[..., Any],
    *,
    data_range: float | Sequence[float] | None = None,
    average: bool = True,
    image_shape: Sequence[int] | None = None,
) -> Any: ...
def mse(
    clean: ArrayLike | Sequence[ArrayLike],
    denoised: ArrayLike | Sequence[ArrayLike],
    *,
    data_range: float | Sequence[float] | None = None,
    average: bool = True,
    image_shape: Sequence[int] | None = None,
) -> Any: ...
def psnr(
    clean: ArrayLike | Sequence[ArrayLike],
    denoised: ArrayLike | Sequence[ArrayLike],
    *,
    data_range: float | Sequence[float] | None = None,
    average: bool = True,
    image_shape: Sequence[int] | None = None,
) -> Any: ...
def ssim(
    clean: ArrayLike | Sequence[ArrayLike],
    denoised: ArrayLike | Sequence[ArrayLike],
    *,
    data_range: float | Sequence[float] | None = None,
    average: bool = True,
    image_shape: Sequence[int] | None = None,
) -> Any: ...
