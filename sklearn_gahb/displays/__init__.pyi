# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ..generalization import GeneralizationAnalyzer
from ..jacobian import JacobianBasis
from ..samplers import Trajectory

__all__ = [
    "ComparisonDisplay",
    "CoverageDisplay",
    "GeneralizationDisplay",
    "InverseProblemDisplay",
    "JacobianBasisDisplay",
    "PSNRCurveDisplay",
    "TrajectoryDisplay",
]

@dataclass(frozen=False)
class ComparisonDisplay:
    images: Mapping[str, Sequence[NDArray[Any]]] = field(kw_only=True)
    psnr: Mapping[str, NDArray[Any]] | None = field(default=None, kw_only=True)
    @property
    def axes_(self) -> NDArray[np.object_]: ...
    @property
    def figure_(self) -> Any: ...
    @classmethod
    def from_estimators(
        cls,
        denoisers: Mapping[str, BaseEstimator | torch.nn.Module | Callable[..., Any]]
        | Sequence[BaseEstimator | torch.nn.Module | Callable[..., Any]],
        X: ArrayLike | Sequence[ArrayLike],
        clean: ArrayLike | Sequence[ArrayLike] | None = None,
        *,
        noise_std: float | None = None,
        image_shape: Sequence[int] | None = None,
        n_columns: int | None = None,
        limits: Sequence[float] = (0, 1),
        figure: Figure | SubFigure | None = None,
        random_state: int | RandomState | None = None,
    ) -> ComparisonDisplay: ...
    def plot(
        self,
        *,
        n_columns: int | None = None,
        limits: Sequence[float] = (0, 1),
        figure: Figure | SubFigure | None = None,
    ) -> ComparisonDisplay: ...

@dataclass(frozen=False)
class CoverageDisplay:
    curves: Mapping[str, Bunch] = field(kw_only=True)
    @property
    def ax_(self) -> Axes: ...
    @property
    def figure_(self) -> Figure: ...
    @property
    def lines_(self) -> dict[str, Line2D]: ...
    @classmethod
    def from_curves(
        cls, curves: Mapping[str, Bunch], *, ax: Axes | None = None
    ) -> CoverageDisplay: ...
    def plot(self, *, ax: Axes | None = None) -> CoverageDisplay: ...

@dataclass(frozen=False)
class GeneralizationDisplay:
    train_sizes: NDArray[Any] = field(kw_only=True)
    noise_std: NDArray[Any] = field(kw_only=True)
    train_psnr: NDArray[Any] = field(kw_only=True)
    test_psnr: NDArray[Any] = field(kw_only=True)
    agreement: NDArray[Any] = field(kw_only=True)
    agreement_std: NDArray[Any] = field(kw_only=True)
    generated_similarity: NDArray[Any] | None = field(default=None, kw_only=True)
    train_similarity: NDArray[Any] | None = field(default=None, kw_only=True)
    subset_similarity: Sequence[NDArray[Any]] | None = field(default=None, kw_only=True)
    explained: Mapping[str, NDArray[Any]] | None = field(default=None, kw_only=True)
    memorization_time: NDArray[Any] | None = field(default=None, kw_only=True)
    grid: NDArray[Any] | None = field(default=None, kw_only=True)
    history: Mapping[int, tuple[NDArray[Any], NDArray[Any]]] | None = field(
        default=None, kw_only=True
    )
    @property
    def figure_(self) -> Any: ...
    @property
    def axes_(self) -> NDArray[np.object_]: ...
    @classmethod
    def from_estimator(
        cls,
        analyzer: GeneralizationAnalyzer,
        *,
        kind: Literal[
            "agreement", "psnr", "similarity", "samples", "explained", "training"
        ] = "agreement",
        sample: int = 0,
        figure: Figure | SubFigure | None = None,
    ) -> GeneralizationDisplay: ...
    def plot(
        self,
        *,
        kind: Literal[
            "agreement", "psnr", "similarity", "samples", "explained", "training"
        ] = "agreement",
        figure: Figure | SubFigure | None = None,
    ) -> GeneralizationDisplay: ...

@dataclass(frozen=False)
class InverseProblemDisplay:
    measured: NDArray[Any] = field(kw_only=True)
    draw: NDArray[Any] = field(kw_only=True)
    mean: NDArray[Any] = field(kw_only=True)
    clean: NDArray[Any] | None = field(default=None, kw_only=True)
    @property
    def axes_(self) -> NDArray[np.object_]: ...
    @property
    def figure_(self) -> Any: ...
    @classmethod
    def from_solution(
        cls,
        solution: Bunch,
        measurements: ArrayLike,
        operator: LinearOperator,
        *,
        clean: ArrayLike | None = None,
        limits: Sequence[float] | None = None,
        figure: Figure | SubFigure | None = None,
    ) -> InverseProblemDisplay: ...
    def plot(
        self,
        *,
        limits: Sequence[float] = (0, 1),
        figure: Figure | SubFigure | None = None,
    ) -> InverseProblemDisplay: ...

@dataclass(frozen=False)
class JacobianBasisDisplay:
    noisy: NDArray[Any] = field(kw_only=True)
    denoised: NDArray[Any] = field(kw_only=True)
    eigenvalues: NDArray[Any] = field(kw_only=True)
    coefficients: NDArray[Any] = field(kw_only=True)
    contributions: NDArray[Any] = field(kw_only=True)
    components: NDArray[Any] = field(kw_only=True)
    clean: NDArray[Any] | None = field(default=None, kw_only=True)
    @property
    def figure_(self) -> Any: ...
    @property
    def axes_(self) -> Any: ...
    @classmethod
    def from_estimator(
        cls,
        basis: JacobianBasis,
        clean: ArrayLike | None = None,
        *,
        ks: ArrayLike | None = None,
        figure: Figure | SubFigure | None = None,
    ) -> JacobianBasisDisplay: ...
    def plot(
        self, *, ks: ArrayLike | None = None, figure: Figure | SubFigure | None = None
    ) -> JacobianBasisDisplay: ...

@dataclass(frozen=False)
class PSNRCurveDisplay:
    curves: Mapping[str, Bunch] = field(kw_only=True)
    @property
    def ax_(self) -> Axes: ...
    @property
    def figure_(self) -> Figure: ...
    @property
    def lines_(self) -> dict[str, Line2D]: ...
    @property
    def slope_lines_(self) -> dict[str, Line2D]: ...
    @classmethod
    def from_curves(
        cls,
        curves: Mapping[str, Bunch],
        *,
        slopes: Mapping[str, float] | None = None,
        ax: Axes | None = None,
    ) -> PSNRCurveDisplay: ...
    def plot(
        self, *, slopes: Mapping[str, float] | None = None, ax: Axes | None = None
    ) -> PSNRCurveDisplay: ...

@dataclass(frozen=False)
class TrajectoryDisplay:
    images: NDArray[Any] = field(kw_only=True)
    noise_std: NDArray[Any] = field(kw_only=True)
    @property
    def axes_(self) -> NDArray[np.object_]: ...
    @property
    def figure_(self) -> Any: ...
    @classmethod
    def from_trajectory(
        cls,
        trajectory: Trajectory,
        *,
        n_columns: int = 8,
        limits: Sequence[float] = (0, 1),
        figure: Figure | SubFigure | None = None,
    ) -> TrajectoryDisplay: ...
    def plot(
        self,
        *,
        n_columns: int = 8,
        limits: Sequence[float] = (0, 1),
        figure: Figure | SubFigure | None = None,
    ) -> TrajectoryDisplay: ...
