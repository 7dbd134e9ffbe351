# Written by `make stubs` from the docstrings.

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pywt
import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Bunch

from ..images import Images
from ..samplers import Sampler

__all__ = [
    "BM3DDenoiser",
    "BandletDenoiser",
    "BandletOracle",
    "BaseDenoiser",
    "DNNDenoiser",
    "DenoiserChain",
    "DiskPosteriorDenoiser",
    "EmpiricalDenoiser",
    "FunctionDenoiser",
    "GaussianDenoiser",
    "Linearization",
    "LocalPosteriorDenoiser",
    "Prior",
    "TransformerDenoiser",
    "VarianceStabilizedDenoiser",
    "WaveletThresholdDenoiser",
    "WienerDenoiser",
    "as_denoiser",
    "choose_patch_size",
]

@dataclass(frozen=True)
class Linearization:
    x_hat: torch.Tensor
    multiply: Callable[..., Any]
    multiply_transposed: Callable[..., Any]
    eigenbasis: Callable[..., Any] | None = None
    @property
    def is_symmetric(self) -> bool: ...

@dataclass(frozen=True)
class Prior:
    size: Sequence[int] | None
    mean: float | torch.Tensor
    sigma_max: float
    moments: tuple[torch.Tensor, torch.Tensor] | None = None

class BaseDenoiser(TransformerMixin, BaseEstimator):
    noise_std: float | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    def __init__(self) -> None: ...
    def __call__(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def denoise_images(
        self,
        X: ArrayLike | Sequence[ArrayLike],
        noise_std: float | None = None,
        *,
        clean: ArrayLike | Sequence[ArrayLike] | None = None,
    ) -> Any: ...
    @property
    def device_(self) -> torch.device | None: ...
    def fit(
        self,
        X: ArrayLike | Sequence[ArrayLike],
        y: ArrayLike | Sequence[ArrayLike] | None = None,
    ) -> Self: ...
    @property
    def is_continuous(self) -> bool: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...
    @property
    def needs_clean_images(self) -> bool: ...
    def noise_levels(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def prior(self, size: Sequence[int] | None = None) -> Prior: ...
    def psnr_per_image(
        self,
        X: ArrayLike | Sequence[ArrayLike],
        y: ArrayLike | Sequence[ArrayLike] | None = None,
        *,
        noise_std: float | None = None,
    ) -> NDArray[Any]: ...
    def sample(
        self,
        n_samples: int = 1,
        *,
        image_shape: Sequence[int] | None = None,
        sampler: Sampler | None = None,
        mean: float | torch.Tensor | None = None,
        batch_size: int | None = None,
        keep_every: int | None = 1,
        return_trajectory: bool = False,
        callback: Callable[..., Any] | None = None,
        random_state: int | RandomState | None = None,
    ) -> Any: ...
    def score(
        self,
        X: ArrayLike | Sequence[ArrayLike],
        y: ArrayLike | Sequence[ArrayLike] | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float: ...
    def transform(self, X: ArrayLike | Sequence[ArrayLike]) -> Any: ...
    def with_clean(self, clean: torch.Tensor) -> BaseDenoiser: ...

class BM3DDenoiser(BaseDenoiser):
    needs_clean_images: bool
    is_continuous: bool
    profile: Literal["np", "vn", "high"]
    noise_std: float | None
    n_jobs: int | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        profile: Literal["np", "vn", "high"] = "np",
        *,
        noise_std: float | None = None,
        n_jobs: int | None = None,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...

class BandletDenoiser(BaseDenoiser):
    needs_clean_images: bool
    is_continuous: bool
    wavelet: str | pywt.Wavelet
    n_scales: int | None
    block_sizes: Sequence[int]
    moments: Sequence[int]
    angles_per_size: int
    threshold: float
    geometry_cost: float
    n_shifts: int
    noise_std: float | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    wavelet_: pywt.Wavelet
    dictionary_: dict[int, NDArray[Any]]
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        wavelet: str | pywt.Wavelet = "haar",
        *,
        n_scales: int | None = None,
        block_sizes: Sequence[int] = (4, 8),
        moments: Sequence[int] = (1, 2),
        angles_per_size: int = 4,
        threshold: float = 3.0,
        geometry_cost: float = 0.5,
        n_shifts: int = 1,
        noise_std: float | None = None,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...

class DenoiserChain(BaseDenoiser):
    denoisers: Sequence[BaseDenoiser]
    def __init__(self, denoisers: Sequence[BaseDenoiser]) -> None: ...
    data_range: float | Sequence[float] | None
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    @property
    def device_(self) -> torch.device | None: ...
    def fit(self, X: Any, y: Any = None) -> Self: ...
    image_shape: Sequence[int] | None
    @property
    def is_continuous(self) -> bool: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...
    @property
    def n_channels_in_(self) -> int: ...
    noise_std: float | None
    def prior(self, size: Sequence[int] | None = None) -> Prior: ...
    def with_clean(self, clean: torch.Tensor) -> BaseDenoiser: ...

class DiskPosteriorDenoiser(BaseDenoiser):
    needs_clean_images: bool
    radius_range: Sequence[float] | None
    n_draws: int
    noise_std: float | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    image_size_: int
    radius_range_: tuple[float, float]
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        radius_range: Sequence[float] | None = None,
        *,
        n_draws: int = 1500,
        noise_std: float | None = None,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def effective_sample_size(
        self, X: ArrayLike | Sequence[ArrayLike]
    ) -> NDArray[Any]: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...
    def prior(self, size: Sequence[int] | None = None) -> Prior: ...

class EmpiricalDenoiser(BaseDenoiser):
    noise_std: float | None
    smoothing_std: float
    n_perturbations: int
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    train_images_: Any
    perturbations_: NDArray[Any]
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        noise_std: float | None = None,
        *,
        smoothing_std: float = 0.0,
        n_perturbations: int = 16,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...
    def prior(self, size: Sequence[int] | None = None) -> Prior: ...

class FunctionDenoiser(BaseDenoiser):
    function: Callable[..., Any]
    device: str | torch.device | None
    noise_std: float | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    def __init__(
        self,
        function: Callable[..., Any],
        *,
        device: str | torch.device | None = None,
        noise_std: float | None = None,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    @property
    def device_(self) -> torch.device | None: ...

class GaussianDenoiser(BaseDenoiser):
    covariance: Literal["empirical", "shrunk"]
    noise_std: float | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    mean_: NDArray[Any]
    components_: NDArray[Any]
    variances_: NDArray[Any]
    residual_variance_: float
    shrinkage_: float
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        covariance: Literal["empirical", "shrunk"] = "empirical",
        *,
        noise_std: float | None = None,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def draw(
        self, n_samples: int = 1, *, random_state: int | RandomState | None = None
    ) -> NDArray[Any]: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...
    def log_density(
        self, X: ArrayLike | Sequence[ArrayLike], noise_std: float = 0.0
    ) -> NDArray[Any]: ...
    def prior(self, size: Sequence[int] | None = None) -> Prior: ...

class LocalPosteriorDenoiser(BaseDenoiser):
    patch_size: int | Mapping[Any, Any]
    equivariant: bool
    boundary: Literal["cut", "reflect", "periodic"]
    aggregate: Literal["center", "overlap"]
    neighborhood: Literal["square", "wiener"]
    support_threshold: float
    n_patches: int | None
    noise_std: float | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    train_images_: Any
    mean_: NDArray[Any]
    seed_: int
    linear_denoiser_: Any
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        patch_size: int | Mapping[Any, Any] = 7,
        *,
        equivariant: bool = True,
        boundary: Literal["cut", "reflect", "periodic"] = "cut",
        aggregate: Literal["center", "overlap"] = "center",
        neighborhood: Literal["square", "wiener"] = "square",
        support_threshold: float = 0.1,
        n_patches: int | None = None,
        noise_std: float | None = None,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...
    def prior(self, size: Sequence[int] | None = None) -> Prior: ...
    def subsampling_std_err(
        self, X: ArrayLike | Sequence[ArrayLike], noise_std: float | None = None
    ) -> Any: ...

class TransformerDenoiser(BaseDenoiser):
    transformer: BaseEstimator
    def __init__(self, transformer: BaseEstimator) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...

class VarianceStabilizedDenoiser(BaseDenoiser):
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any]
    peak: float | None
    noise_std: float | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    denoiser_: BaseDenoiser
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
        peak: float | None = None,
        noise_std: float | None = None,
        *,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    @property
    def device_(self) -> torch.device | None: ...
    @property
    def is_continuous(self) -> bool: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...
    @property
    def needs_clean_images(self) -> bool: ...
    def noise_levels(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def prior(self, size: Sequence[int] | None = None) -> Prior: ...
    def psnr_per_image(
        self,
        X: ArrayLike | Sequence[ArrayLike],
        y: ArrayLike | Sequence[ArrayLike] | None = None,
        *,
        noise_std: float | None = None,
    ) -> NDArray[Any]: ...
    def with_clean(self, clean: torch.Tensor) -> BaseDenoiser: ...

class WaveletThresholdDenoiser(BaseDenoiser):
    needs_clean_images: bool
    wavelet: str | pywt.Wavelet
    n_scales: int | None
    threshold: float | Literal["universal", "bayes", "sure"]
    shrinkage: Literal["hard", "soft", "garrote"]
    n_shifts: int
    noise_std: float | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    wavelet_: pywt.Wavelet
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        wavelet: str | pywt.Wavelet = "sym4",
        *,
        n_scales: int | None = None,
        threshold: float | Literal["universal", "bayes", "sure"] = "sure",
        shrinkage: Literal["hard", "soft", "garrote"] = "soft",
        n_shifts: int = 16,
        noise_std: float | None = None,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    @property
    def is_continuous(self) -> bool: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...

class WienerDenoiser(BaseDenoiser):
    power_spectrum: ArrayLike | None
    shrinkage: Literal["wiener", "low_pass"]
    zero_mean: bool
    noise_std: float | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    power_spectrum_: NDArray[Any]
    mean_: NDArray[Any]
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        power_spectrum: ArrayLike | None = None,
        *,
        shrinkage: Literal["wiener", "low_pass"] = "wiener",
        zero_mean: bool = False,
        noise_std: float | None = None,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...
    def prior(self, size: Sequence[int] | None = None) -> Prior: ...

class BandletOracle(BandletDenoiser):
    wavelet: str | pywt.Wavelet
    n_scales: int | None
    block_sizes: Sequence[int]
    moments: Sequence[int]
    angles_per_size: int
    threshold: float
    geometry: Literal["clean", "noisy"]
    geometry_cost: float | None  # type: ignore[assignment]
    shrinkage: Literal["hard", "projection", "attenuation"]
    n_shifts: int
    noise_std: float | None
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    wavelet_: pywt.Wavelet
    dictionary_: dict[int, NDArray[Any]]
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        wavelet: str | pywt.Wavelet = "haar",
        *,
        n_scales: int | None = None,
        block_sizes: Sequence[int] = (4, 8),
        moments: Sequence[int] = (1, 2),
        angles_per_size: int = 4,
        threshold: float = 3.0,
        geometry: Literal["clean", "noisy"] = "clean",
        geometry_cost: float | None = None,
        shrinkage: Literal["hard", "projection", "attenuation"] = "hard",
        n_shifts: int = 1,
        noise_std: float | None = None,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def fit_transform(
        self,
        X: ArrayLike | Sequence[ArrayLike],
        y: ArrayLike | Sequence[ArrayLike] | None = None,
        clean: ArrayLike | Sequence[ArrayLike] | None = None,
    ) -> Any: ...
    is_continuous: bool
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def transform(
        self,
        X: ArrayLike | Sequence[ArrayLike],
        clean: ArrayLike | Sequence[ArrayLike] | None = None,
    ) -> Any: ...
    def with_clean(self, clean: torch.Tensor) -> BaseDenoiser: ...

class DNNDenoiser(BaseDenoiser):
    architecture: Literal["unet", "bf_cnn", "dilated_unet"] | Callable[..., Any]
    width: int
    depth: int | None
    bias: bool
    conservative: bool
    batch_statistics: bool | Literal["auto"]
    noise_std: float | None
    train_noise_std: float | Sequence[float]
    noise_distribution: Literal["squared", "uniform"]
    supervision: Literal["clean", "noisy"]
    patch_size: int | None
    augment: bool
    n_train_samples: int | None
    max_steps: int
    batch_size: int
    loss: str
    residual: Callable[..., Any] | None
    residual_weight: float
    residual_estimate: Literal["mean", "sample"]
    optimizer: Literal["muon", "adam"]
    learning_rate: float
    schedule: Literal["one_cycle", "halving", "constant"]
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    device: str | torch.device
    precision: Literal["auto", "float32", "bfloat16"]
    compile: bool | Literal["auto"]
    checkpoints: Sequence[int]
    warm_start: bool
    data_range: float | Sequence[float] | None
    image_shape: Sequence[int] | None
    random_state: int | RandomState | None
    network_: torch.nn.Module
    n_parameters_: int
    n_steps_: int
    loss_curve_: NDArray[Any]
    validation_loss_curve_: NDArray[Any]
    snapshots_: dict[int, DNNDenoiser]
    image_size_in_: tuple[int, int]
    train_indices_: NDArray[np.intp]
    image_mean_: NDArray[Any]
    image_covariance_: NDArray[Any]
    n_channels_in_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        architecture: Literal["unet", "bf_cnn", "dilated_unet"]
        | Callable[..., Any] = "unet",
        *,
        width: int = 64,
        depth: int | None = None,
        bias: bool = False,
        conservative: bool = False,
        batch_statistics: bool | Literal["auto"] = "auto",
        noise_std: float | None = 0.1,
        train_noise_std: float | Sequence[float] = (0.0, 1.0),
        noise_distribution: Literal["squared", "uniform"] = "squared",
        supervision: Literal["clean", "noisy"] = "clean",
        patch_size: int | None = None,
        augment: bool = False,
        n_train_samples: int | None = None,
        max_steps: int = 2000,
        batch_size: int = 64,
        loss: str = "inverse_root_std",
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
        checkpoints: Sequence[int] = (),
        warm_start: bool = False,
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
        random_state: int | RandomState | None = None,
    ) -> None: ...
    def adopt(
        self, network: torch.nn.Module, n_channels: int, loss_curve: ArrayLike = ()
    ) -> Self: ...
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor: ...
    @property
    def device_(self) -> torch.device | None: ...
    @classmethod
    def from_module(
        cls,
        network: torch.nn.Module,
        predicts: Literal["noise", "image"] = "noise",
        *,
        n_channels: int | None = None,
        noise_std: float | None = None,
        device: str | torch.device = "auto",
        data_range: float | Sequence[float] | None = None,
        image_shape: Sequence[int] | None = None,
    ) -> DNNDenoiser: ...
    def learn(self, clean: Images, noisy: Images | None = None) -> None: ...
    def linearize(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> Linearization: ...
    @property
    def needs_clean_images(self) -> bool: ...
    def prior(self, size: Sequence[int] | None = None) -> Prior: ...

def as_denoiser(
    denoiser: BaseEstimator | torch.nn.Module | Callable[..., Any],
) -> BaseDenoiser: ...
def choose_patch_size(
    denoiser: LocalPosteriorDenoiser,
    X: ArrayLike | Sequence[ArrayLike],
    noise_std: float | ArrayLike,
    *,
    patch_sizes: ArrayLike | None = None,
    reference: BaseEstimator | torch.nn.Module | Callable[..., Any] | None = None,
    random_state: int | RandomState | None = None,
) -> Bunch: ...
