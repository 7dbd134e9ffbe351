"""Residuals of denoised images, which training makes small."""

import torch

from .._tensors import from_fractions
from .._warnings import warn

# Noise level of the second evaluation, divided by that of the first.
SAMPLE_RATIO = 0.25
# Largest mean squared residual of clean images, divided by that of noisy images.
LARGEST_CLEAN_SHARE = 0.1


def needs_two_evaluations(recipe):
    """Return whether a step of training evaluates the network twice."""
    return recipe.residual is not None and recipe.residual_estimate == "sample"


def of_fractions(residual, data_range):
    """Return a residual of images whose black is 0 and white is 1."""
    return lambda x: residual(from_fractions(x, data_range))


def squared_residuals(network, noisy, noise, recipe):
    r"""Return the weighted mean squared residual of each denoised image: (n, 1).

    The residual R is evaluated at the denoised image :math:`\hat x(y)`, or, for
    ``residual_estimate="sample"``, at :math:`\hat x(\hat x(y) + r (y - \hat x(y)))`,
    which is a deterministic sampler of two evaluations that lowers the noise level by
    the factor r (`SAMPLE_RATIO`). Without a residual, the result is 0.

    Parameters
    ----------
    network : callable
        Function that maps noisy images to the noise in them.
    noisy, noise : Tensor of shape (n, channels, height, width)
        Noisy images, and the noise that the network predicts in them.
    recipe : Recipe
        Recipe that sets the residual, its weight, and the images at which it is
        evaluated.
    """
    if recipe.residual is None:
        return 0.0
    noise = noise.float()
    x_hat = noisy - noise
    if needs_two_evaluations(recipe):
        y = x_hat + SAMPLE_RATIO * noise
        x_hat = y - network(y).float()
    with torch.autocast(noisy.device.type, enabled=False):
        return recipe.residual_weight * mean_squares(recipe.residual(x_hat))


def mean_squares(residual):
    """Return the mean square of each image of a residual (n, ...), as (n, 1)."""
    return residual.abs().square().reshape(len(residual), -1).mean(dim=1, keepdim=True)


def check_residual(residual, noisy, clean=None):
    """Raise a ValueError unless training can make a residual small.

    Warn if the residual of clean images is not much smaller than that of noisy images.

    Parameters
    ----------
    residual : callable
        Function of images (n, channels, height, width) that returns (n, ...).
    noisy, clean : Tensor of shape (n, channels, height, width)
        Noisy images, and the corresponding clean images. `clean` may be None.
    """
    noisy = noisy.detach().clone().requires_grad_()
    found = residual(noisy)
    if not torch.is_tensor(found) or found.ndim < 1 or len(found) != len(noisy):
        shape = tuple(getattr(found, "shape", ()))
        raise ValueError(
            f"residual must map a tensor of images of shape {tuple(noisy.shape)} to a "
            f"tensor of shape ({len(noisy)}, ...); it returned a "
            f"{type(found).__name__} of shape {shape}."
        )
    if not found.requires_grad:
        raise ValueError(
            "residual is not differentiable: its result does not depend on the images "
            "through operations that torch differentiates. Write it in torch, without "
            "detach, NumPy or torch.no_grad."
        )
    (gradient,) = torch.autograd.grad(mean_squares(found).sum(), noisy)
    if not found.isfinite().all() or not gradient.isfinite().all():
        raise ValueError(
            "residual or its gradient is NaN or infinity for noisy training images; "
            "both must be finite for all images."
        )
    if clean is None:
        return
    with torch.no_grad():
        left = mean_squares(residual(clean)).mean()
        if left > LARGEST_CLEAN_SHARE * mean_squares(found).mean():
            warn(
                "Clean training images do not satisfy the constraint residual = 0: "
                f"their root mean square residual is {float(left.sqrt()):.3g}. Check "
                "the units of the residual, and whether crops (patch_size) and flipped "
                "images (augment) satisfy it too."
            )
