# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Mapping, Sequence
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

class ComparisonDisplay:
    images: Mapping[str, Sequence[NDArray[Any]]]
    psnr: Mapping[str, NDArray[Any]] | None
    axes_: NDArray[np.object_]
    figure_: Figure | SubFigure
    def __init__(
        self,
        *,
        images: Mapping[str, Sequence[NDArray[Any]]],
        psnr: Mapping[str, NDArray[Any]] | None = None,
    ) -> None: ...
    @classmethod
    def from_estimators(
        cls,
        denoisers: Mapping[str, BaseEstimator | torch.nn.Module | Callable[..., Any]]
        | Sequence[BaseEstimator | torch.nn.Module | Callable[..., Any]],
        X: ArrayLike | Sequence[ArrayLike],
        clean: ArrayLike | Sequence[ArrayLike] | None = None,
        *,
        noise_std: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_columns: int | None = None,
        limits: tuple[float, float] = ...,
        figure: Figure | SubFigure | None = None,
        random_state: int | RandomState | None = None,
    ) -> ComparisonDisplay: ...
    def plot(
        self,
        *,
        n_columns: int | None = None,
        limits: tuple[float, float] = ...,
        figure: Figure | SubFigure | None = None,
    ) -> ComparisonDisplay: ...

class CoverageDisplay:
    curves: Mapping[str, Bunch]
    ax_: Axes
    figure_: Figure
    lines_: dict[str, Line2D]
    def __init__(self, *, curves: Mapping[str, Bunch]) -> None: ...
    @classmethod
    def from_curves(
        cls, curves: Mapping[str, Bunch], *, ax: Axes | None = None
    ) -> CoverageDisplay: ...
    def plot(self, *, ax: Axes | None = None) -> CoverageDisplay: ...

class GeneralizationDisplay:
    train_sizes: NDArray[Any]
    noise_std: NDArray[Any]
    train_psnr: NDArray[Any]
    test_psnr: NDArray[Any]
    agreement: NDArray[Any]
    agreement_std: NDArray[Any]
    generated_similarity: NDArray[Any] | None
    train_similarity: NDArray[Any] | None
    subset_similarity: Sequence[NDArray[Any]] | None
    explained: Mapping[str, NDArray[Any]] | None
    memorization_time: NDArray[Any] | None
    grid: NDArray[Any] | None
    history: Mapping[int, tuple[NDArray[Any], NDArray[Any]]] | None
    figure_: Figure | SubFigure
    axes_: NDArray[np.object_]
    def __init__(
        self,
        *,
        train_sizes: NDArray[Any],
        noise_std: NDArray[Any],
        train_psnr: NDArray[Any],
        test_psnr: NDArray[Any],
        agreement: NDArray[Any],
        agreement_std: NDArray[Any],
        generated_similarity: NDArray[Any] | None = None,
        train_similarity: NDArray[Any] | None = None,
        subset_similarity: Sequence[NDArray[Any]] | None = None,
        explained: Mapping[str, NDArray[Any]] | None = None,
        memorization_time: NDArray[Any] | None = None,
        grid: NDArray[Any] | None = None,
        history: Mapping[int, tuple[NDArray[Any], NDArray[Any]]] | None = None,
    ) -> None: ...
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

class InverseProblemDisplay:
    measured: NDArray[Any]
    draw: NDArray[Any]
    mean: NDArray[Any]
    clean: NDArray[Any] | None
    axes_: NDArray[np.object_]
    figure_: Figure | SubFigure
    def __init__(
        self,
        *,
        measured: NDArray[Any],
        draw: NDArray[Any],
        mean: NDArray[Any],
        clean: NDArray[Any] | None = None,
    ) -> None: ...
    @classmethod
    def from_solution(
        cls,
        solution: Bunch,
        measurements: ArrayLike,
        operator: LinearOperator,
        *,
        clean: ArrayLike | None = None,
        limits: tuple[float, float] | None = None,
        figure: Figure | SubFigure | None = None,
    ) -> InverseProblemDisplay: ...
    def plot(
        self,
        *,
        limits: tuple[float, float] = ...,
        figure: Figure | SubFigure | None = None,
    ) -> InverseProblemDisplay: ...

class JacobianBasisDisplay:
    noisy: NDArray[Any]
    denoised: NDArray[Any]
    eigenvalues: NDArray[Any]
    coefficients: NDArray[Any]
    contributions: NDArray[Any]
    components: NDArray[Any]
    clean: NDArray[Any] | None
    figure_: Figure | SubFigure
    axes_: dict[str, Axes] | list[Axes]
    def __init__(
        self,
        *,
        noisy: NDArray[Any],
        denoised: NDArray[Any],
        eigenvalues: NDArray[Any],
        coefficients: NDArray[Any],
        contributions: NDArray[Any],
        components: NDArray[Any],
        clean: NDArray[Any] | None = None,
    ) -> None: ...
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

class PSNRCurveDisplay:
    curves: Mapping[str, Bunch]
    ax_: Axes
    figure_: Figure
    lines_: dict[str, Line2D]
    slope_lines_: dict[str, Line2D]
    def __init__(self, *, curves: Mapping[str, Bunch]) -> None: ...
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

class TrajectoryDisplay:
    images: NDArray[Any]
    noise_std: NDArray[Any]
    axes_: NDArray[np.object_]
    figure_: Figure | SubFigure
    def __init__(self, *, images: NDArray[Any], noise_std: NDArray[Any]) -> None: ...
    @classmethod
    def from_trajectory(
        cls,
        trajectory: Trajectory,
        *,
        n_columns: int = 8,
        limits: tuple[float, float] = ...,
        figure: Figure | SubFigure | None = None,
    ) -> TrajectoryDisplay: ...
    def plot(
        self,
        *,
        n_columns: int = 8,
        limits: tuple[float, float] = ...,
        figure: Figure | SubFigure | None = None,
    ) -> TrajectoryDisplay: ...
