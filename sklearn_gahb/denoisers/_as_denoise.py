"""From estimators to the callables that mathematics takes."""

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._images import check_n_channels, is_tensor
from ..noise import GaussianNoise
from ._base import BaseDenoiser


def as_denoise(estimator, clean=None):
    """Turn a fitted denoiser into the callable that samplers and Jacobians take.

    Parameters
    ----------
    estimator : estimator
        Fitted denoiser of this package, or a
        :class:`~sklearn.frozen.FrozenEstimator`, a fitted search such as
        :class:`~sklearn.model_selection.GridSearchCV`, or a
        :class:`~sklearn.pipeline.Pipeline` of `GaussianNoise` and one, around one.
    clean : Tensor of shape (n, channels, height, width), default=None
        Clean images, for oracles, which are told them; other denoisers ignore them.

    Returns
    -------
    denoise : callable
        ``denoise(y, noise_std=None) -> x_hat`` on float tensors of shape
        (n, channels, height, width). `noise_std` is a number, a tensor of shape (n,) or
        None for the estimator's own `noise_std`; `y` is on the device of the denoiser.
        The result is not detached, so that networks, the Wiener filter and the
        empirical denoiser can be differentiated; others refuse a `y` that requires
        gradients.

    Raises
    ------
    TypeError
        If `estimator` is not a denoiser of this package.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb import WienerDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.denoisers import as_denoise
    >>> X = make_gaussian_textures(10, 16, random_state=0)
    >>> denoise = as_denoise(WienerDenoiser().fit(X))
    >>> denoise(torch.zeros(2, 1, 16, 16), noise_std=0.1).shape
    torch.Size([2, 1, 16, 16])
    """
    denoiser = find_denoiser(estimator)
    if clean is not None:
        if not (is_tensor(clean) and clean.ndim == 4 and clean.is_floating_point()):
            raise ValueError(
                "clean must be a float tensor of shape (n, channels, height, width); "
                f"got {type(clean).__name__} of {getattr(clean, 'dtype', None)} and "
                f"shape {tuple(getattr(clean, 'shape', ()))}."
            )
        denoiser = denoiser._bind_clean(clean)

    def denoise(y, noise_std=None):
        if getattr(y, "ndim", None) != 4 or not is_tensor(y):
            raise ValueError(
                "y must be a tensor of shape (n, channels, height, width); got "
                f"{type(y).__name__} of shape {tuple(getattr(y, 'shape', ()))}."
            )
        if is_tensor(noise_std) and noise_std.ndim and len(noise_std) != len(y):
            raise ValueError(
                f"noise_std has {len(noise_std)} levels, and y {len(y)} images."
            )
        check_n_channels(denoiser, y.shape[1], "y")
        return denoiser._denoise(
            y, denoiser.noise_std if noise_std is None else noise_std
        )

    return denoise


def find_denoiser(estimator):
    """The fitted denoiser of this package that an estimator is, or is around."""
    denoiser = unwrap(estimator)
    if not isinstance(denoiser, BaseDenoiser):
        raise TypeError(
            f"{estimator!r} is no denoiser of this package: a fitted one is needed, or "
            "a FrozenEstimator, a search or a Pipeline of GaussianNoise around one."
        )
    check_is_fitted(denoiser)
    if isinstance(estimator, BaseSearchCV):
        check_is_fitted(estimator)
    return denoiser


def unwrap(estimator):
    """What is inside FrozenEstimators, searches and pipelines of GaussianNoise."""
    if isinstance(estimator, FrozenEstimator):
        return unwrap(estimator.estimator)
    if isinstance(estimator, BaseSearchCV):
        # Not fitted, the estimator that it would fit.
        return unwrap(getattr(estimator, "best_estimator_", estimator.estimator))
    if isinstance(estimator, Pipeline) and all(
        isinstance(step, GaussianNoise) for _, step in estimator.steps[:-1]
    ):
        return unwrap(estimator.steps[-1][1])
    return estimator
