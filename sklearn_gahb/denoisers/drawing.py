"""Samples from the density that a denoiser has learned."""

from sklearn.utils.validation import check_is_fitted

from .._tensors import from_fractions
from ..images import height_width_channels
from ..samplers import run_sampler
from ..units import check_data_range
from .checks import check_n_channels


def draw_samples(
    denoiser,
    n_samples,
    *,
    image_shape,
    sampler,
    mean,
    batch_size,
    keep_every,
    return_trajectory,
    callback,
    random_state,
):
    """Draw images; :meth:`BaseDenoiser.sample` describes the parameters."""
    check_is_fitted(denoiser)
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
    y, trajectory = run_sampler(
        denoiser,
        sampler,
        prior.mean if mean is None else mean,
        (n_samples, n_channels, *prior.size),
        sigma_max=prior.sigma_max,
        device=denoiser.device_,
        batch_size=batch_size,
        keep_every=keep_every if return_trajectory else None,
        callback=callback,
        random_state=random_state,
    )
    y = from_fractions(y, check_data_range(denoiser.data_range))
    X = y.permute(0, 2, 3, 1).cpu().numpy()
    X = X[..., 0] if n_channels == 1 else X
    sides = zip(denoiser.image_shape or (), prior.size, strict=False)
    if denoiser.image_shape and all(a in (-1, b) for a, b in sides):
        X = X.reshape(n_samples, -1)
    return (X, trajectory) if return_trajectory else X
