# Written by `make stubs` from the docstrings.

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

__all__ = [
    "DiskPrior",
    "darcy_residual",
    "disk_coverage",
    "disk_tangents",
    "fetch_bsd68",
    "fetch_bsd400",
    "fetch_bsds500",
    "fetch_files",
    "fetch_set12",
    "get_data_home",
    "load_image_folder",
    "load_photo_patches",
    "make_c_alpha_backgrounds",
    "make_c_alpha_images",
    "make_circle_points",
    "make_darcy_flow",
    "make_disk_images",
    "make_gaussian_textures",
    "make_ray_images",
    "make_sine_images",
    "render_disks",
]

@dataclass(frozen=True)
class DiskPrior:
    image_size: int
    smallest: float
    largest: float
    def circles(self, u: NDArray[Any]) -> NDArray[Any]: ...
    def coverages(self, u: NDArray[Any]) -> NDArray[Any]: ...
    def derivative(self, u: NDArray[Any]) -> NDArray[Any]: ...
    @classmethod
    def of(
        cls,
        image_size: int,
        radius_range: Sequence[float] | None = None,
        smallest: float = 2.0,
    ) -> DiskPrior: ...

def darcy_residual(images: torch.Tensor) -> torch.Tensor: ...
def disk_coverage(
    row: ArrayLike, column: ArrayLike, radius: ArrayLike, image_size: int
) -> NDArray[Any]: ...
def disk_tangents(parameters: ArrayLike, image_size: int) -> NDArray[Any]: ...
def fetch_bsd68(
    *, data_home: str | os.PathLike[str] | None = None, download_if_missing: bool = True
) -> Bunch: ...
def fetch_bsd400(
    *, data_home: str | os.PathLike[str] | None = None, download_if_missing: bool = True
) -> Bunch: ...
def fetch_bsds500(
    subset: Literal["train", "test", "val"] = "train",
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> Bunch: ...
def fetch_files(
    names: Sequence[str] | str,
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> list[Path]: ...
def fetch_set12(
    *, data_home: str | os.PathLike[str] | None = None, download_if_missing: bool = True
) -> Bunch: ...
def get_data_home(data_home: str | os.PathLike[str] | None = None) -> Path: ...
def load_image_folder(
    path: str | os.PathLike[str],
    *,
    color: bool = False,
    resize: int | Sequence[int] | None = None,
    crop: int | Sequence[int] | None = None,
    extensions: Sequence[str] | None = None,
    recursive: bool = False,
    on_error: Literal["raise", "skip"] = "raise",
) -> Bunch: ...
def load_photo_patches(
    patch_size: int = 32,
    n_patches: int = 10000,
    *,
    subset: Literal["train", "test", "all"] = "train",
    test_photos: Sequence[str] = ("camera", "flower"),
    color: bool = False,
    random_state: int | RandomState | None = None,
) -> Bunch: ...
def make_c_alpha_backgrounds(
    n_samples: int = 100,
    image_size: int = 80,
    alpha: float = 2.0,
    *,
    convention: Literal["hoelder", "released"] = "hoelder",
    random_state: int | RandomState | None = None,
) -> NDArray[Any]: ...
def make_c_alpha_images(
    n_samples: int = 100,
    image_size: int = 80,
    alpha: float = 2.0,
    beta: float | None = None,
    *,
    convention: Literal["hoelder", "released"] = "hoelder",
    random_state: int | RandomState | None = None,
) -> NDArray[Any]: ...
def make_circle_points(
    n_samples: int = 100,
    radius: float = 0.5,
    *,
    random_state: int | RandomState | None = None,
) -> NDArray[Any]: ...
def make_darcy_flow(
    n_samples: int = 100,
    image_size: int = 32,
    *,
    n_terms: int = 64,
    correlation_length: float = 0.1,
    random_state: int | RandomState | None = None,
) -> NDArray[Any]: ...
def make_disk_images(
    n_samples: int = 100,
    image_size: int = 32,
    *,
    radius_range: Sequence[float] | None = None,
    return_parameters: bool = False,
    random_state: int | RandomState | None = None,
) -> Any: ...
def make_gaussian_textures(
    n_samples: int = 100,
    image_size: int = 64,
    *,
    exponent: float = 2.0,
    mean: float = 0.5,
    std: float = 0.2,
    return_power_spectrum: bool = False,
    random_state: int | RandomState | None = None,
) -> Any: ...
def make_ray_images(
    n_samples: int = 100,
    image_size: int = 32,
    *,
    image: ArrayLike | None = None,
    scale_range: Sequence[float] = (0.0, 1.0),
    random_state: int | RandomState | None = None,
) -> NDArray[Any]: ...
def make_sine_images(
    n_samples: int = 100,
    image_size: int = 32,
    *,
    amplitude_range: Sequence[float] = (0.0, 1.0),
    random_state: int | RandomState | None = None,
) -> NDArray[Any]: ...
def render_disks(parameters: ArrayLike, image_size: int) -> NDArray[Any]: ...
