# Written by `make stubs` from the docstrings.

import os
from collections.abc import Callable
from typing import Any, Literal

import torch

from ..denoisers import DNNDenoiser

__all__ = [
    "fetch_published",
    "load",
    "load_pretrained",
    "load_published",
    "pretrained_card",
    "save",
]

def fetch_published(
    name: str,
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> DNNDenoiser: ...
def load(
    path: str | os.PathLike[str],
    architecture: Callable[..., Any] | torch.nn.Module | None = None,
) -> DNNDenoiser: ...
def load_pretrained(name: str = "photos-grey") -> DNNDenoiser: ...
def load_published(path: str | os.PathLike[str]) -> DNNDenoiser: ...
def pretrained_card(name: str = "photos-grey") -> dict[Any, Any]: ...
def save(
    denoiser: DNNDenoiser,
    path: str | os.PathLike[str],
    *,
    dtype: Literal["float32", "float16"] = "float32",
) -> None: ...
