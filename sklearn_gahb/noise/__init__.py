"""Add noise to images, and estimate the noise of images."""

from .gaussian import GaussianNoise, estimate_noise_std
from .poisson import PoissonNoise
from .poisson_gaussian import estimate_poisson_gaussian

__all__ = [
    "GaussianNoise",
    "PoissonNoise",
    "estimate_noise_std",
    "estimate_poisson_gaussian",
]
