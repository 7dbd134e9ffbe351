"""Errors and warnings for common mistakes in what users pass."""

import math
import os
from collections.abc import Mapping
from numbers import Real

import numpy as np

from ._sklearn_compat import output_container
from ._tensors import to_tensor
from ._warnings import warn


def refuse_containers(X, name):
    """Raise a TypeError if `X` is a dictionary or a path instead of images."""
    if isinstance(X, Mapping):
        images = f"{name}.images" if "images" in X else f"{name}[key]"
        raise TypeError(
            f"{name} is a {type(X).__name__} with the keys {list(X)}. Pass the images "
            f"in it, such as {images}."
        )
    if isinstance(X, str | os.PathLike):
        raise TypeError(
            f"{name}={os.fspath(X)!r} is a path. Read the files first. "
            "sklearn_gahb.datasets.load_image_folder(folder).images reads the images "
            "of a folder, and np.asarray(PIL.Image.open(path))[None] reads one file."
        )


def refuse_lists_of_containers(X, name):
    """Raise a TypeError if `X` or its first entry is a dictionary or a path."""
    refuse_containers(X, name)
    if isinstance(X, list | tuple) and X:
        refuse_containers(X[0], f"{name}[0]")


def warn_of_alpha(stack, name):
    """Warn if the fourth channel of images (n, h, w, channels) looks like alpha.

    An alpha channel (opacity) of the first image has the largest value everywhere, or
    0 in transparent regions.
    """
    if stack.shape[-1] != 4:
        return
    alpha = to_tensor(stack[:1])[0, 3]
    opaque = float(alpha.max())
    if opaque in (1, 255) and bool(((alpha == 0) | (alpha == opaque)).all()):
        warn(
            f"The fourth channel of {name} looks like an alpha channel (opacity), but "
            f"it is treated like a color. To leave it out, pass {name}[..., :3]."
        )


def refuse_frames_of_stacks(estimator, X):
    """Raise a ValueError if images that are not rows should become a data frame."""
    container = output_container(estimator)
    is_list = isinstance(X, list | tuple)
    n_axes = 1 + np.ndim(X[0]) if is_list and X else getattr(X, "ndim", 2)
    if container != "default" and n_axes > 2:
        what = "is a list of images" if is_list else f"has shape {tuple(X.shape)}"
        raise ValueError(
            f"set_output(transform={container!r}) returns a data frame with one row of "
            f"pixels per image, but X {what}. Pass X.reshape(len(X), -1), and set "
            "image_shape of the denoiser to (height, width) or (height, width, "
            "channels). Otherwise, call set_output(transform='default')."
        )


def warn_if_made_for_poisson_noise(estimator, name, cure):
    """Warn if a denoiser, or one inside an estimator, has a finite parameter `peak`.

    `name` tells what assumes Gaussian noise, and `cure` what to do instead.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    inner = getattr(estimator, "get_params", dict)().values()
    # The estimator comes last, because a FrozenEstimator has the attributes inside it.
    for one in (*inner, *getattr(estimator, "denoisers", ()), estimator):
        peak = getattr(one, "peak", None)
        is_finite = isinstance(peak, Real) and math.isfinite(peak)
        if is_finite and hasattr(one, "psnr_per_image"):
            warn(
                f"{name} white Gaussian noise, but {type(one).__name__} with "
                f"peak={peak:g} removes Poisson noise. {cure}"
            )
            return
