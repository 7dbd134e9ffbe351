"""Residuals of denoised images, which training makes small."""

import torch

from .._tensors import from_fractions
from .._warnings import warn

# Noise level of the second evaluation, divided by that of the first.
SAMPLE_RATIO = 0.25
# Largest mean squared residual of clean images, divided by that of images with noise of
# this small level.
LARGEST_CLEAN_SHARE = 0.01
SMALL_NOISE_STD = 0.01
# Number of noisy images that share a gain, an odd number.
N_NEIGHBORS = 9
# Added to squares, so that a residual that is 0 has a gain.
LEAST_SQUARE = 1e-30
# Variance of noise that is above rounding errors.
LEAST_VARIANCE = 1e-10
# Share of the noise that is added to noisy images to measure the gain.
SMALL_SHARE = 0.01


def needs_two_evaluations(recipe):
    """Return whether a step of training evaluates the network twice."""
    return recipe.residual is not None and recipe.residual_estimate == "sample"


def of_fractions(residual, data_range):
    """Return a residual of images whose black is 0 and white is 1."""
    return lambda x: residual(from_fractions(x, data_range))


def squared_residuals(network, noisy, estimate, gains, recipe):
    r"""Return the weighted mean squared residual of each denoised image: (n, 1).

    The result is c times :math:`\min(m / n, 1)` times the mean square of
    :math:`R(\hat x) / g`, for m values of the residual R and n values of the image. The
    gain g comes from `squared_gains`. The residual is evaluated at the denoised image
    :math:`\hat x(y)`, or, for ``residual_estimate="sample"``, at
    :math:`\hat x(\hat x(y) + r (y - \hat x(y)))`, which is a deterministic sampler of
    two evaluations that lowers the noise level by the factor r (`SAMPLE_RATIO`).
    Without a residual, the result is 0.

    Parameters
    ----------
    network : callable
        Function that maps noisy images to the noise in them.
    noisy, estimate : Tensor of shape (n, channels, height, width)
        Noisy images, and the noise that the network predicts in them.
    gains : Tensor of shape (n, 1)
        Squared gains.
    recipe : Recipe
        Recipe that sets the residual, its weight, and the images at which it is
        evaluated.
    """
    if recipe.residual is None:
        return 0.0
    estimate = estimate.float()
    x_hat = noisy - estimate
    if needs_two_evaluations(recipe):
        y = x_hat + SAMPLE_RATIO * estimate
        x_hat = y - network(y).float()
    with torch.autocast(noisy.device.type, enabled=False):
        residual = recipe.residual(x_hat)
    # n values of an image satisfy at most n independent constraints.
    share = min(1.0, residual.numel() / x_hat.numel())
    return recipe.residual_weight * share * mean_squares(residual) / gains


@torch.no_grad()
def squared_gains(residual, noisy, noise):
    r"""Return how much a residual magnifies small noise, squared: (n, 1).

    With a small number :math:`\epsilon`, the noise z and its level :math:`\sigma`, the
    squared gain is the mean of :math:`|R(y + \epsilon z) - R(y)|^2 / (\epsilon
    \sigma)^2` over the `N_NEIGHBORS` images of the batch whose noise levels are closest
    in rank. A residual over its gain has the units of the image. For a linear residual,
    the gain is the same at all noise levels. Where the residual is exactly 0, it does
    not count: an inequality that holds has no derivative. If it is 0 everywhere, or if
    the noise is not above rounding errors, the gain is infinite. Without a residual,
    all gains are 1.
    """
    if residual is None:
        return torch.ones(len(noisy), 1, device=noisy.device)
    values = residual(noisy)
    changes = (residual(noisy + SMALL_SHARE * noise) - values).abs() / SMALL_SHARE
    is_active = values != 0
    each = torch.stack(
        [
            one.float().reshape(len(noisy), -1).mean(dim=1)
            for one in (noise.square(), changes.square() * is_active, is_active)
        ]
    )
    order = each[0].argsort()
    smooth = torch.nn.functional.avg_pool1d(
        each[:, order],
        N_NEIGHBORS,
        stride=1,
        padding=N_NEIGHBORS // 2,
        count_include_pad=False,
    )
    variance, squares, share = smooth[:, order.argsort()]
    gains = (squares + LEAST_SQUARE) / (share * variance)
    # A residual that overflows for very noisy images is NaN.
    is_measured = (variance > LEAST_VARIANCE) & ~gains.isnan()
    return torch.where(is_measured, gains, torch.inf)[:, None]


def mean_squares(residual):
    """Return the mean square of each image of a residual (n, ...), as (n, 1)."""
    return residual.abs().square().reshape(len(residual), -1).mean(dim=1, keepdim=True)


def check_residual(residual, noisy, clean=None):
    """Raise a ValueError unless training can make a residual small.

    Warn if the residual of clean images is not much smaller than that of images with a
    little noise.

    Parameters
    ----------
    residual : callable
        Function of images (n, channels, height, width) that returns (n, ...).
    noisy, clean : Tensor of shape (n, channels, height, width)
        Noisy images, and the corresponding clean images. `clean` may be None.
    """
    noisy = noisy.detach().clone().requires_grad_()
    try:
        found = residual(noisy)
    except Exception as error:
        raise ValueError(
            f"residual fails for a tensor of images of shape {tuple(noisy.shape)}: "
            f"{error}. Its axes are (n, channels, height, width). Write the residual "
            "in torch, without NumPy and without operations in place."
        ) from error
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
            "both must be finite for all images. The residual receives images in the "
            "units of data_range."
        )
    if clean is None:
        return
    with torch.no_grad():
        noise = noisy - clean
        scale = noise.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp(min=1e-12)
        slightly_noisy = clean + SMALL_NOISE_STD * noise / scale
        left = mean_squares(residual(clean)).mean()
        if left > LARGEST_CLEAN_SHARE * mean_squares(residual(slightly_noisy)).mean():
            warn(
                "Clean training images do not satisfy the constraint residual = 0: "
                f"its root mean square is {float(left.sqrt()):.3g}, not much less than "
                f"that of images with noise of level {SMALL_NOISE_STD}. "
                "Check the axes and the units of the residual, and whether crops "
                "(patch_size) and flipped images (augment) satisfy it too."
            )
