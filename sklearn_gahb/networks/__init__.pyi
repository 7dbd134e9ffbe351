# Written by `make stubs` from the docstrings.

import torch

__all__ = [
    "BFCNN",
    "BiasFreeBatchNorm2d",
    "ConservativeNetwork",
    "DilatedUNet",
    "NoiseFromImage",
    "PaddedNetwork",
    "SmoothReLU",
    "UNet",
]

class BFCNN(torch.nn.Module):
    n_channels: int
    width: int
    depth: int
    bias: bool
    def __init__(
        self,
        n_channels: int = 1,
        *,
        width: int = 64,
        depth: int = 20,
        bias: bool = False,
    ) -> None: ...
    def forward(self, y: torch.Tensor) -> torch.Tensor: ...

class BiasFreeBatchNorm2d(torch.nn.Module):
    synchronized: bool
    n_channels: int
    eps: float
    momentum: float
    def __init__(
        self, n_channels: int, eps: float = 1e-05, momentum: float = 0.1
    ) -> None: ...
    def forward(self, x: torch.Tensor) -> torch.Tensor: ...

class ConservativeNetwork(torch.nn.Module):
    network: torch.nn.Module
    def __init__(self, network: torch.nn.Module) -> None: ...
    def energy(self, y: torch.Tensor) -> torch.Tensor: ...
    def forward(self, y: torch.Tensor) -> torch.Tensor: ...

class DilatedUNet(torch.nn.Module):
    n_networks: int
    n_channels: int
    width: int
    bias: bool
    def __init__(
        self, n_channels: int = 1, *, width: int = 32, bias: bool = False
    ) -> None: ...
    def forward(self, y: torch.Tensor) -> torch.Tensor: ...

class NoiseFromImage(torch.nn.Module):
    network: torch.nn.Module
    def __init__(self, network: torch.nn.Module) -> None: ...
    def forward(self, y: torch.Tensor, *noise_std: torch.Tensor) -> torch.Tensor: ...

class PaddedNetwork(torch.nn.Module):
    network: torch.nn.Module
    multiple: int
    def __init__(self, network: torch.nn.Module, multiple: int) -> None: ...
    def forward(self, y: torch.Tensor, *noise_std: torch.Tensor) -> torch.Tensor: ...

class SmoothReLU(torch.nn.Module):
    corner_width: float
    def __init__(self, corner_width: float = 0.5) -> None: ...
    def forward(self, a: torch.Tensor) -> torch.Tensor: ...

class UNet(torch.nn.Module):
    n_networks: int
    n_channels: int
    width: int
    n_scales: int
    bias: bool
    def __init__(
        self,
        n_channels: int = 1,
        *,
        width: int = 64,
        n_scales: int = 3,
        bias: bool = False,
    ) -> None: ...
    def forward(self, y: torch.Tensor) -> torch.Tensor: ...
