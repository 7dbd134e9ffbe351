"""Prior knowledge that sampling starts from, and samples of a denoiser."""

from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.utils import check_random_state

from .._tensors import from_fractions
from ..images import height_width_channels
from ..samplers import GradientEstimation, run_sampler
from ..transforms.stationary import draw_stationary_images
from ..units import check_data_range
from .checks import check_n_channels

MOMENTS = ("image_mean_", "image_covariance_")


@dataclass(frozen=True)
class Prior:
    """Size, distribution and noise level of the images that sampling starts from.

    Sampling starts from stationary Gaussian images if their moments are known, or else
    from the mean, with noise of level `sigma_max` in both cases.

    Parameters
    ----------
    size : tuple of (int, int) or None
        Height and width of the images. None if the denoiser has no fixed image size.
    mean : float or Tensor that broadcasts to (n, channels, height, width)
        Mean of the images.
    sigma_max : float
        Noise level that sampling starts from: a level that hides the images completely,
        or the highest level that the denoiser supports.
    moments : tuple of (Tensor, Tensor) or None, default=None
        Mean intensity (channels,) and covariance (n_rings, channels, channels) of the
        images, as :func:`~sklearn_gahb.transforms.stationary.estimate_moments` returns
        them. Needed if noise of level `sigma_max` does not hide the images.

    Examples
    --------
    >>> from sklearn_gahb.denoisers import Prior
    >>> Prior(size=(32, 32), mean=0.5, sigma_max=1.0)
    Prior(size=(32, 32), mean=0.5, sigma_max=1.0)
    """

    size: tuple | None
    mean: float | torch.Tensor
    sigma_max: float
    moments: tuple | None = field(default=None, repr=False, compare=False)


def keep_moments(denoiser, moments):
    """Store the moments of the training images in attributes of a denoiser.

    Parameters
    ----------
    denoiser : BaseDenoiser
    moments : tuple of (Tensor, Tensor) or None
        Moments as in :class:`Prior`.
    """
    for name in MOMENTS:
        vars(denoiser).pop(name, None)
    if moments is not None:
        for name, moment in zip(MOMENTS, moments, strict=True):
            setattr(denoiser, name, moment.numpy())


def moments_of(denoiser):
    """Return the moments that `keep_moments` stored, or None if there are none."""
    if not hasattr(denoiser, MOMENTS[0]):
        return None
    return tuple(torch.from_numpy(getattr(denoiser, name)) for name in MOMENTS)


def draw_images(
    denoiser,
    n_samples,
    *,
    image_shape,
    sampler,
    mean,
    batch_size,
    keep_every,
    callback,
    random_state,
):
    """Draw images from the prior of a denoiser, in the layout that it was fitted on.

    Parameters
    ----------
    denoiser : BaseDenoiser
    n_samples, image_shape, sampler, mean, batch_size, keep_every, callback, \
            random_state
        Arguments of ``denoiser.sample``.

    Returns
    -------
    X : ndarray of shape (n_samples, ...)
    trajectory : Trajectory
    """
    size, n_channels = None, getattr(denoiser, "n_channels_in_", 1)
    if image_shape is not None:
        *size, n_channels = height_width_channels(image_shape, n_channels)
        check_n_channels(denoiser, n_channels, "image_shape")
    prior = denoiser.prior(size)
    if prior.size is None:
        raise ValueError(
            f"{type(denoiser).__name__} was not fitted on images of one size, so the "
            "size of samples is unknown; pass image_shape=(height, width)."
        )
    rng = check_random_state(random_state)
    if mean is None:
        mean = draw_start(prior, n_samples, rng)
    y, trajectory = run_sampler(
        denoiser,
        GradientEstimation() if sampler is None else sampler,
        mean,
        (n_samples, n_channels, *prior.size),
        sigma_max=prior.sigma_max,
        device=denoiser.device_,
        batch_size=batch_size,
        keep_every=keep_every,
        callback=callback,
        random_state=rng,
    )
    return in_layout_of_fit(denoiser, y), trajectory


def draw_start(prior, n_samples, rng):
    """Return the images to which the first noise is added, or their common mean."""
    if prior.moments is None:
        return prior.mean
    rng = np.random.default_rng(rng.randint(2**31 - 1))
    return draw_stationary_images(*prior.moments, n_samples, prior.size, rng)


def in_layout_of_fit(denoiser, y):
    """Convert fractions (n, c, h, w) to an array in the units and layout of `fit`.

    If a denoiser has an `image_shape`, images of this height and width become rows.
    """
    n_samples, n_channels, *size = y.shape
    y = from_fractions(y, check_data_range(denoiser.data_range))
    X = y.permute(0, 2, 3, 1).cpu().numpy()
    X = X[..., 0] if n_channels == 1 else X
    sides = zip(denoiser.image_shape or (), size, strict=False)
    if denoiser.image_shape and all(a in (-1, b) for a, b in sides):
        X = X.reshape(n_samples, -1)
    return X
