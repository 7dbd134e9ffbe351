"""Training runs of a denoiser, and their progress as callbacks see it."""

import copy

import numpy as np

from ..training import Recipe, TrainingRun
from ..training.processes import broadcast_object
from .checks import check_level_of_noise
from .prior import keep_moments


def training_run(denoiser, clean, noisy=None):
    """Make a training run with the parameters of a `DNNDenoiser`.

    `clean` and `noisy` are the arguments of :meth:`BaseDenoiser.learn`.
    """
    previous = getattr(denoiser, "network_", None) if denoiser.warm_start else None
    if denoiser.supervision == "noisy" and noisy is None:
        check_level_of_noise(denoiser.noise_std, clean)
    recipe, seed = Recipe.of(denoiser), denoiser.random_state
    return TrainingRun(recipe, clean, noisy, previous=previous, random_state=seed)


def follow(run, denoiser, clean, noisy=None):
    """Train a network to the end, and call the callbacks of its denoiser.

    Parameters
    ----------
    run : TrainingRun
        Training run of the network.
    denoiser : DNNDenoiser
        Denoiser with the callbacks.
    clean, noisy : Images
        Arguments of :meth:`BaseDenoiser.learn`; `noisy` may be None.
    """
    # If only one array is given, y holds labels, which `score` ignores.
    X, y = (clean, None) if noisy is None else (noisy, clean)
    train = run.train_indices
    data = {
        "X": lambda: X.take(train),
        "y": lambda: np.zeros(len(train)) if y is None else y.take(train),
        "reconstruction_attributes": lambda: {
            "network_": copy.deepcopy(run.network).eval()
        },
    }
    n_subtasks = len(run.recipe.evaluation_steps())
    context = denoiser._init_callback_context(max_subtasks=n_subtasks)
    context.call_on_fit_task_begin(estimator=denoiser)
    for start, stop in run:
        task = context.subcontext(f"steps {start + 1} to {stop}")
        task.call_on_fit_task_begin(estimator=denoiser)
        if broadcast_object(task.call_on_fit_task_end(estimator=denoiser, **data)):
            break
    context.call_on_fit_task_end(estimator=denoiser, **data)


def keep_run(denoiser, run):
    """Store the network, the losses and the snapshots of a run in its denoiser.

    Parameters
    ----------
    denoiser : DNNDenoiser
        Denoiser for which `training_run` made the run.
    run : TrainingRun
        Training run that has ended or was interrupted.
    """
    goes_on = denoiser.warm_start and hasattr(denoiser, "network_")
    previous = denoiser.loss_curve_ if goes_on else []
    losses = np.concatenate([previous, run.losses()])
    denoiser.train_indices_ = run.train_indices
    for name in ("validation_loss_curve_", "snapshots_"):
        vars(denoiser).pop(name, None)
    keep_moments(denoiser, run.moments)
    network, n_channels = run.finish(), denoiser.n_channels_in_
    if denoiser.checkpoints:
        n_before = len(previous)
        denoiser.snapshots_ = {
            n: copy.copy(denoiser).adopt(one, n_channels, losses[: n_before + n])
            for n, one in run.snapshots().items()
        }
    denoiser.adopt(network, n_channels, losses)
    if denoiser.early_stopping:
        denoiser.validation_loss_curve_ = np.array(run.log.validation_losses)
