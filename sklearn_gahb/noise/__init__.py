"""Add noise to images, and estimate the noise of images."""

from .gaussian import GaussianNoise, estimate_noise_std
from .poisson import PoissonNoise

__all__ = [
    "GaussianNoise",
    "PoissonNoise",
    "estimate_noise_std",
]
