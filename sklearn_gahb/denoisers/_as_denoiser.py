"""Conversion of estimators, networks and functions to denoisers."""

import torch
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..networks.adapters import accepts
from ..noise import GaussianNoise
from ._chain import DenoiserChain
from ._dnn import DNNDenoiser
from ._function import FunctionDenoiser
from ._transformer import TransformerDenoiser
from .base import BaseDenoiser


def as_denoiser(denoiser):
    """Convert an estimator, network or function to a fitted denoiser.

    Every function of this package that takes a denoiser calls `as_denoiser` on it.

    Parameters
    ----------
    denoiser : estimator, module or callable
        One of

        - a fitted denoiser, which is returned unchanged;
        - a fitted denoiser inside a :class:`~sklearn.frozen.FrozenEstimator` or a
          fitted search, such as :class:`~sklearn.model_selection.GridSearchCV`;
        - a :class:`~sklearn.pipeline.Pipeline`, whose steps are applied in order;
          `GaussianNoise` and `PoissonNoise` steps, which add noise, are skipped;
        - a trained :class:`torch.nn.Module` that predicts the noise; if the network
          predicts the image, pass ``DNNDenoiser.from_module(network, "image")``;
        - a function ``denoise(y, noise_std) -> x_hat`` on float tensors of shape
          (n, channels, height, width), where `noise_std` is a number, a tensor of shape
          (n, 1, 1, 1) or None; see :class:`FunctionDenoiser`;
        - any other fitted transformer of noisy images; the resulting denoiser has no
          Jacobian.

    Returns
    -------
    denoiser : BaseDenoiser
        Fitted denoiser. Call ``denoiser(y, noise_std)`` to denoise tensors.

    Raises
    ------
    TypeError
        If `denoiser` is none of the above.
    sklearn.exceptions.NotFittedError
        If `denoiser` is an estimator that is not fitted.

    Examples
    --------
    >>> import torch
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_gahb import GaussianNoise, WienerDenoiser, as_denoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> X = make_gaussian_textures(10, 16, random_state=0)
    >>> pipeline = make_pipeline(GaussianNoise(0.1), WienerDenoiser()).fit(X, X)
    >>> denoiser = as_denoiser(pipeline)
    >>> denoiser
    WienerDenoiser()
    >>> denoiser(torch.zeros(2, 1, 16, 16), noise_std=0.1).shape
    torch.Size([2, 1, 16, 16])
    """
    if isinstance(denoiser, torch.nn.Module):
        return DNNDenoiser.from_module(denoiser)
    if isinstance(denoiser, BaseEstimator):
        check_is_fitted(denoiser)
    if isinstance(denoiser, BaseDenoiser):
        return denoiser
    if isinstance(denoiser, FrozenEstimator):
        return as_denoiser(denoiser.estimator)
    if hasattr(denoiser, "best_estimator_"):
        return as_denoiser(denoiser.best_estimator_)
    if isinstance(denoiser, Pipeline):
        steps = [step for _, step in denoiser.steps if not is_left_out(step)]
        if steps:
            steps = [as_denoiser(step) for step in steps]
            return steps[0] if len(steps) == 1 else DenoiserChain(steps)
    is_instance = not isinstance(denoiser, type | GaussianNoise | Pipeline)
    if is_instance and hasattr(denoiser, "transform"):
        return TransformerDenoiser(denoiser)
    if is_instance and callable(denoiser) and accepts(denoiser, 2):
        return FunctionDenoiser(denoiser)
    raise TypeError(
        f"{denoiser!r:.200} is not a denoiser. Pass a fitted estimator (not its "
        "class), a pipeline or search around one, a torch module, or a function of two "
        "arguments, denoise(y, noise_std)."
    )


def is_left_out(step):
    """Return whether a pipeline step passes its input through or adds noise."""
    return step in (None, "passthrough") or isinstance(step, GaussianNoise)
