"""Training runs of a denoiser, and their progress as callbacks see it."""

import copy

import numpy as np

from ..training import Recipe, TrainingRun
from ..training.processes import broadcast_object
from .checks import check_level_of_noise


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
