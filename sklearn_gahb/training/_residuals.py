"""Residuals of denoised images, which training makes small."""

import torch

from .._tensors import from_fractions

# Noise level of the second evaluation, divided by that of the first.
SAMPLE_RATIO = 0.25


def squared_residuals(network, noisy, noise, recipe, data_range=None):
    r"""Return the mean squared residual of each denoised image: (n, 1).

    The residual R is evaluated at the denoised image :math:`\hat x(y)`, or, for
    ``residual_estimate="sample"``, at :math:`\hat x(\hat x(y) + r (y - \hat x(y)))`,
    which is a deterministic sampler of two evaluations that lowers the noise level by
    the factor r (`SAMPLE_RATIO`).

    Parameters
    ----------
    network : callable
        Function that maps noisy images to the noise in them.
    noisy, noise : Tensor of shape (n, channels, height, width)
        Noisy images, and the noise that the network predicts in them.
    recipe : Recipe
        Recipe that sets the residual and the images at which it is evaluated.
    data_range : tuple of (float, float), default=None
        Black and white, in the units of the residual. If None, they are 0 and 1.
    """
    x_hat = noisy - noise
    if recipe.residual_estimate == "sample":
        y = x_hat + SAMPLE_RATIO * noise
        x_hat = y - network(y).float()
    residual = recipe.residual(from_fractions(x_hat, data_range))
    return residual.square().flatten(1).mean(dim=1, keepdim=True)


def check_residual(residual, images, data_range=None):
    """Raise a ValueError unless training can make a residual small.

    Parameters
    ----------
    residual : callable
        Function of images (n, channels, height, width) that returns (n, ...).
    images : Tensor of shape (n, channels, height, width)
        Noisy images.
    data_range : tuple of (float, float), default=None
        Black and white, in the units of the residual. If None, they are 0 and 1.
    """
    images = images.detach().clone().requires_grad_()
    found = residual(from_fractions(images, data_range))
    if not torch.is_tensor(found) or found.ndim < 2 or len(found) != len(images):
        shape = tuple(getattr(found, "shape", ()))
        raise ValueError(
            f"residual must map a tensor of images of shape {tuple(images.shape)} to a "
            f"tensor of shape ({len(images)}, ...) with at least two axes; it returned "
            f"a {type(found).__name__} of shape {shape}."
        )
    if not found.isfinite().all():
        raise ValueError(
            "residual returned NaN or infinity for noisy training images; it must "
            "return finite numbers for all images."
        )
    if not found.requires_grad:
        raise ValueError(
            "residual is not differentiable: its result does not depend on the images "
            "through operations that torch differentiates. Write it in torch, without "
            "detach, NumPy or torch.no_grad."
        )
