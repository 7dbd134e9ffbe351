# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

__all__ = ["Images", "check_images"]

@dataclass(frozen=True)
class Images:
    data: NDArray[Any] | torch.Tensor | Sequence[Any]
    stacks: Sequence[NDArray[Any] | torch.Tensor]
    name: str = "X"
    data_range: Sequence[float] | None = None
    def __len__(self) -> int: ...
    def as_one_stack(self) -> Any: ...
    @property
    def black_and_white(self) -> tuple[float, float]: ...
    @property
    def is_list(self) -> bool: ...
    def locate(self, index: int) -> tuple[Any, int]: ...
    def map(self, function: Callable[..., Any], *others: Images) -> Any: ...
    @property
    def n_channels(self) -> int: ...
    @property
    def sizes(self) -> set[tuple[int, int]]: ...
    def take(self, indices: NDArray[np.intp]) -> Any: ...
    def tensors(self) -> Iterator[torch.Tensor]: ...
    def to(self, device: torch.device) -> Images: ...
    def to_tensor(
        self, stack: NDArray[Any] | torch.Tensor, device: torch.device | None = None
    ) -> torch.Tensor: ...

def check_images(
    X: ArrayLike | Sequence[ArrayLike],
    image_shape: Sequence[int] | None = None,
    *,
    data_range: float | Sequence[float] | None = None,
    name: str = "X",
    estimator: BaseEstimator | None = None,
    reset: bool | None = None,
) -> Images: ...
