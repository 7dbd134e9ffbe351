"""Networks that are trained in one pass."""

import torch

from .. import training
from .._distributed import is_shared
from ..networks._stacked import stack_networks, unstack_networks
from ._dnn import DNNDenoiser, Prepared


def check_fits_together(estimator, n_together):
    """Raise a ValueError unless clones of an estimator can be trained in one pass."""
    # Not of a subclass, whose fit might do something else.
    if type(estimator) is not DNNDenoiser:
        reason = f"the estimator is of type {type(estimator).__name__}"
    elif not isinstance(estimator.architecture, str):
        reason = f"its architecture is {estimator.architecture!r}"
    elif estimator.early_stopping:
        reason = "it has early_stopping=True, with which each stops at another step"
    elif getattr(estimator, "_skl_callbacks", []):
        reason = "it has callbacks of its own: set them on the analyzer"
    elif is_shared():
        reason = "here several processes train each network"
    else:
        return
    raise ValueError(
        f"n_together={n_together} takes a DNNDenoiser itself, with the name of an "
        f"architecture and without early stopping, but {reason}. n_together=1 takes "
        "any estimator."
    )


def fit_together(denoisers, image_sets):
    """Fit denoisers as :meth:`DNNDenoiser.fit` does, but in one pass.

    Up to rounding the result is the same.

    Parameters
    ----------
    denoisers : list of DNNDenoiser
        Of the same parameters except `random_state`.
    image_sets : list of array-like
        Clean images for each, all of one size.
    """
    prepared = []
    for denoiser, X in zip(denoisers, image_sets, strict=True):
        denoiser._validate_params()
        prepared.append(denoiser._prepare(denoiser._check_images(X, reset=True), None))
    stacked = stack_prepared(prepared)
    log = training.TrainingLog()
    for _ in denoisers[0]._train(stacked, log, n_networks=len(denoisers)):
        pass
    unstack_networks(stacked.network, [one.network for one in prepared])
    for number, (denoiser, one) in enumerate(zip(denoisers, prepared, strict=True)):
        denoiser._store(one.network, log, one.train, number)


def stack_prepared(prepared):
    """Several trainings as one, their channels in turn."""
    return Prepared(
        network=stack_networks([one.network for one in prepared]),
        pairs=side_by_side([one.pairs for one in prepared]),
        first=torch.cat([one.first for one in prepared], dim=1),
        validation_pairs=[],
        train=None,
    )


def side_by_side(iterators):
    """Pairs (noisy, noise) of several trainings, their channels in turn."""
    for pairs in zip(*iterators, strict=True):
        yield tuple(torch.cat(parts, dim=1) for parts in zip(*pairs, strict=True))
