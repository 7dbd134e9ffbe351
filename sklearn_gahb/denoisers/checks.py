"""Checks that denoisers share."""

from itertools import islice

import numpy as np
import torch

from .._warnings import warn
from ..images import check_images, check_pair, equal_images, is_images, is_photo_list
from ..noise.gaussian import (
    add_noise,
    median_noise_std,
    warn_if_not_clean,
    warn_of_other_range,
)
from ..units import warn_if_swapped, warn_of_signed_images

# Ratio of the estimated noise level to the given noise level, in noisy images.
LARGEST_RATIO = 1.5


def to_numpy(y, denoiser):
    """Convert a tensor to an array, for denoisers that are not written in torch.

    Raise a ValueError if torch would have to differentiate through the denoiser.
    """
    if y.requires_grad:
        raise ValueError(
            f"{denoiser!r} is not written in torch, so torch cannot differentiate it. "
            "For a Jacobian, use a denoiser that is written in torch or that defines "
            "`linearize`. To denoise without gradients, pass y.detach()."
        )
    return y.cpu().numpy()


def check_tensors(images, name, shape=None):
    """Check the input of the function `name`, or its output if `shape` is given."""
    is_good = torch.is_tensor(images) and images.ndim == 4
    if not is_good or (shape is not None and images.shape != shape):
        what = "takes" if shape is None else "must return"
        wanted = "(n, channels, height, width)" if shape is None else tuple(shape)
        raise ValueError(
            f"{name} {what} a tensor of shape {wanted}; got {type(images).__name__} of "
            f"shape {tuple(getattr(images, 'shape', ()))}."
        )
    return images


def check_levels(noise_std, y):
    """Return None, a number, or the level of each image as a tensor (n, 1, 1, 1)."""
    if noise_std is None:
        return None
    levels = torch.as_tensor(noise_std, device=y.device)
    if levels.numel() not in (1, len(y)) or not (levels >= 0).all():
        raise ValueError(
            f"noise_std={noise_std!r:.100} must be one level that is not negative, or "
            f"one such level for each of the {len(y)} images in y."
        )
    return levels.to(y.dtype).reshape(-1, 1, 1, 1) if levels.ndim else noise_std


def check_n_channels(denoiser, n_channels, name="X"):
    """Raise a ValueError if the number of channels differs from that in `fit`."""
    expected = getattr(denoiser, "n_channels_in_", n_channels)
    if n_channels != expected:
        hint = " Pass the channels of a color image as a stack of gray images."
        raise ValueError(
            f"{name} has {n_channels} channels, but {type(denoiser).__name__} is "
            f"expecting {expected} as input.{hint if expected == 1 else ''}"
        )


def set_shape(denoiser, images):
    """Set the number of channels, and the size if all images have the same one."""
    denoiser.n_channels_in_ = images.n_channels
    vars(denoiser).pop("image_size_in_", None)
    if len(images.sizes) == 1:
        (denoiser.image_size_in_,) = images.sizes


def check_one_size(denoiser, images):
    """Return the (height, width) that all images share, or raise a ValueError."""
    if len(images.sizes) > 1:
        raise ValueError(
            f"{type(denoiser).__name__} needs images of a single size, but X has "
            f"images of {len(images.sizes)} sizes, among them "
            f"{sorted(images.sizes)[:3]}. Crop the images to one size."
        )
    return next(iter(images.sizes))


def check_size(denoiser, y, shape):
    """Raise a ValueError unless images (n, c, h, w) have shape (height, width[, c])."""
    shapes = [(*y.shape[2:], y.shape[1])[: len(shape)], tuple(shape)]
    if shapes[0] != shapes[1]:
        found, expected = ("x".join(map(str, one)) for one in shapes)
        raise ValueError(
            f"X has images of {found}, but {type(denoiser).__name__} was fitted on "
            f"images of {expected}. Pass images of {expected}, or fit "
            f"{type(denoiser).__name__} on images of {found}."
        )


def check_target(denoiser, y, images):
    """Check and return the images of `y`, the clean versions of the noisy `images`."""
    if not is_photo_list(y) and np.shape(y)[1:] == (1,):
        raise ValueError(
            f"y has shape {tuple(np.shape(y))}. Labels, which are ignored, must have "
            "one axis: pass y.ravel(). Otherwise, y must hold the clean images."
        )
    clean = check_images(
        y,
        denoiser.image_shape,
        data_range=images.data_range,
        name="y",
        estimator=denoiser,
    )
    check_pair(images, clean)
    warn_if_swapped(images, clean)
    warn_of_other_range(images)
    warn_of_signed_images(clean)
    if equal_images(images, clean).all():
        raise ValueError(
            "X equals y, but X must hold the noisy images and y the clean images. If "
            "you only have clean images, pass X alone: the denoiser draws the noise. "
            "To add noise in a Pipeline, make sklearn_gahb.noise.GaussianNoise the "
            "first step."
        )
    return clean


def check_level_of_noise(noise_std, noisy):
    """Raise or warn if `noise_std` is not the level of the noise in noisy Images."""
    if not noise_std:
        raise ValueError(
            f"noise_std={noise_std} must be the level of the noise in the images, "
            "because supervision='noisy' learns from noisy images. "
            "sklearn_gahb.noise.estimate_noise_std estimates it."
        )
    estimates = [median_noise_std(y.cpu().numpy()) for y in islice(noisy.tensors(), 20)]
    found = np.median(np.concatenate(estimates))
    # Texture counts as weak noise.
    is_higher = found > max(LARGEST_RATIO * noise_std, noise_std + 0.02)
    if is_higher or found < noise_std / LARGEST_RATIO:
        warn(
            f"noise_std={noise_std:g}, but the noise in {noisy.name} has a level of "
            f"about {found:.3g}. supervision='noisy' needs the level of the noise in "
            "the images, as a fraction of the data range."
        )


def noisy_and_clean(denoiser, images, y, noise_std):
    """Return the noisy and the clean Images to score.

    If `y` holds images, X holds the noisy images and y the clean images. Otherwise, X
    holds the clean images, and this function adds noise to them.

    Parameters
    ----------
    denoiser : BaseDenoiser
    images : Images
        Images in X: noisy images if `y` holds images, and clean images otherwise.
    y : array-like or None
    noise_std : float or None
    """
    if is_images(y):
        clean = check_target(denoiser, y, images)
        n_equal = equal_images(clean, images).sum()
        if n_equal:
            raise ValueError(
                f"{n_equal} of the {len(clean)} images in X equal those in y. An image "
                "without noise cannot be scored, because its PSNR would be infinite. "
                "Remove these images."
            )
        return images, clean
    if getattr(denoiser, "supervision", "clean") == "noisy":
        raise ValueError(
            "score(X) adds noise to clean images, but supervision='noisy' says that "
            "there are none. With clean images, call score(noisy, clean). Without, "
            "call sklearn_gahb.jacobian.make_sure_scorer(noise_std), or pass it as "
            "the scoring of a search."
        )
    if not noise_std:
        raise ValueError(
            f"{type(denoiser).__name__}.score(X) adds noise of standard deviation "
            f"noise_std to the clean images in X, but noise_std={noise_std}. Set a "
            "positive noise_std, call score(noisy, clean), or score with "
            "sklearn_gahb.metrics.make_psnr_scorer(noise_std)."
        )
    warn_if_not_clean(images, "score adds noise to them a second time")
    noisy = add_noise(images, noise_std, denoiser.random_state)
    noisy = check_images(noisy, denoiser.image_shape, data_range=images.data_range)
    return noisy, images
