"""Run the fits of a study in parallel, and keep each fit as soon as it is done."""

import math
import socket
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.parallel import Parallel, delayed

from .._tensors import to_array
from .._warnings import warn
from ..denoisers import as_denoiser
from ..denoisers.side_by_side import fit_side_by_side
from ..images import ONE_LINE, check_images
from ..metrics import psnr
from ..noise.gaussian import add_noise
from ..units import check_data_range, data_ranges_in
from ._keys import digest, estimator_key, fingerprint
from ._store import Store

# Minimum number of denoised training images. If a training set is smaller, each of its
# images is denoised with several noise draws.
MIN_TRAIN_OUTPUTS = 50


@dataclass
class SubsetResult:
    """Fitted estimator and measurements of one training set.

    Attributes
    ----------
    estimator : estimator
        The fitted estimator.
    train_psnr : ndarray of shape (n_levels, n_train_outputs)
    test_psnr : ndarray of shape (n_levels, n_test_images)
    test_outputs : ndarray of shape (n_levels, n_test_images, ...)
    generated : ndarray of shape (n_generated, ...) or None
    reports : list of str
        Messages about damaged checkpoints.
    """

    estimator: object
    train_psnr: np.ndarray
    test_psnr: np.ndarray
    test_outputs: np.ndarray
    generated: np.ndarray | None
    reports: list = field(default_factory=list)


class Task(NamedTuple):
    """One fit of a study.

    Attributes
    ----------
    estimator : estimator
        Unfitted estimator with its own seeds.
    X_train : ndarray
        Clean images of the subset.
    key : str
        Digest of the estimator and the images.
    context : sklearn.callback.CallbackContext
    """

    estimator: object
    X_train: np.ndarray
    key: str
    context: object


def run_sweep(design, analyzer, context):
    """Fit an estimator on all training sets, and measure the fits.

    Parameters
    ----------
    design : Design
    analyzer : GeneralizationAnalyzer
    context : sklearn.callback.CallbackContext
        Context of ``analyzer.fit``.

    Returns
    -------
    results : list of list of SubsetResult
        Results by training size and subset.
    """
    folder = analyzer.checkpoint_dir
    # Create all tasks before a worker gets the first one, because a tree of contexts
    # must not grow while it is pickled. scikit-learn does the same.
    tasks = []
    for row in design.train_images():
        for number, X_train in enumerate(row):
            rng = np.random.RandomState([design.fit_seed, len(X_train), number])
            one = seeded_clone(analyzer.estimator, rng)
            key = ""
            if folder is not None:
                key = digest(estimator_key(one), fingerprint(X_train))
            part = context.subcontext(f"N = {len(X_train)}", task_id=len(tasks))
            tasks.append(Task(one, X_train, key, part))
    n_jobs = effective_n_jobs(analyzer.n_jobs)
    n_per_pass = analyzer.n_networks_per_pass
    passes = split_into_passes(tasks, Store(folder), n_per_pass, n_jobs)
    # Workers need only the images of their own tasks.
    shared = replace(design, X=None), clone(analyzer), socket.gethostname()
    # With more workers than passes, each worker would get too few threads.
    found = Parallel(n_jobs=min(n_jobs, len(passes)))(
        delayed(run_tasks)(*shared, [tasks[i] for i in one]) for one in passes
    )
    order = np.argsort(np.concatenate(passes))
    results = list(chain.from_iterable(found))
    for report in chain.from_iterable(one.reports for one in results):
        warn(report)
    return [[results[i] for i in row] for row in order.reshape(-1, len(design.subsets))]


def split_into_passes(tasks, store, n_per_pass, n_jobs):
    """Split the tasks into passes, and return the indices of the tasks in each pass.

    Each pass trains up to `n_per_pass` tasks, or fewer if some of the `n_jobs` workers
    would otherwise be idle. A task whose fit is already kept is a pass of its own.
    """
    is_kept = np.array([store.has(f"fit-{task.key}") for task in tasks])
    missing, kept = np.flatnonzero(~is_kept), np.flatnonzero(is_kept)
    n_passes = max(math.ceil(len(missing) / n_per_pass), min(n_jobs, len(missing)), 1)
    passes = [one.tolist() for one in np.array_split(missing, n_passes) if len(one)]
    return sorted(passes + kept[:, None].tolist())


def run_tasks(design, analyzer, host, tasks):
    """Fit the estimators, measure them and generate images; reuse kept results.

    Parameters
    ----------
    design : Design
    analyzer : GeneralizationAnalyzer
        Unfitted analyzer, which provides the parameters. The callbacks receive this
        analyzer when a task begins and when it ends.
    host : str
        Name of the host on which the callbacks run.
    tasks : list of Task
        A single task, or several tasks whose networks are trained in one pass.

    Returns
    -------
    results : list of SubsetResult
    """
    store = Store(analyzer.checkpoint_dir)
    # Callbacks use a socket of their own host, so other hosts do not call them.
    is_followed = socket.gethostname() == host
    kept = [store.load(f"fit-{task.key}") for task in tasks]
    missing = [task for task, one in zip(tasks, kept, strict=True) if one is None]
    if is_followed:
        for task in tasks:
            task.context.call_on_fit_task_begin(estimator=analyzer, X=task.X_train)
    if missing and analyzer.n_networks_per_pass == 1:
        (task,) = missing
        # With this context, callbacks see the estimator's steps as parts of the task.
        propagate = task.context.propagate_callback_context
        with propagate(task.estimator) if is_followed else nullcontext():
            task.estimator.fit(task.X_train)
    elif missing:
        fit_side_by_side(
            [task.estimator for task in missing], [task.X_train for task in missing]
        )
    for task in missing:
        store.save(f"fit-{task.key}", task.estimator)

    results = []
    for task, one in zip(tasks, kept, strict=True):
        fitted = task.estimator if one is None else one
        results.append(measure_fit(design, analyzer, task, fitted, store))
        if is_followed:
            task.context.call_on_fit_task_end(estimator=analyzer, X=task.X_train)
    results[0].reports += store.reports
    return results


def measure_fit(design, analyzer, task, fitted, store):
    """Measure a fitted estimator and return a SubsetResult; reuse kept results."""
    denoiser, n_generated = as_denoiser(fitted), analyzer.n_generated
    n_train, levels = analyzer.n_train_images, design.noise_std.tolist()
    test_key = digest(fingerprint(design.X_test), levels, design.noise_seed, n_train)
    measured = store.get(
        f"psnr-{digest(task.key, test_key)}",
        lambda: measure_psnr(denoiser, task.X_train[:n_train], design),
    )
    generated = None
    if n_generated:
        generated = store.get(
            f"samples-{digest(task.key, n_generated, design.sample_seed)}",
            lambda: generate(denoiser, n_generated, design),
        )
    return SubsetResult(fitted, *measured, generated)


def generate(denoiser, n_generated, design):
    """Generate images of the denoiser's usual size, or else of the test image size."""
    size = denoiser.prior().size
    if size is None:
        (size,) = check_images(design.X_test, denoiser.image_shape).sizes
    seed = design.sample_seed
    X = denoiser.sample(n_generated, image_shape=size, random_state=seed)
    return to_fractions(rows_as_images(X, denoiser), design)


def to_fractions(images, design):
    """Convert images to floats that are fractions of the data range."""
    return to_array(images, check_data_range(design.data_range))


def rows_as_images(X, denoiser):
    """Reshape rows of pixels to images; leave images unchanged."""
    if X.ndim == 2 and denoiser.image_shape is not None:
        return X.reshape(len(X), *denoiser.image_shape)
    return X


def measure_psnr(denoiser, X_train, design):
    """Return train and test PSNR (n_levels, n_outputs), and the test outputs."""
    n_draws = math.ceil(MIN_TRAIN_OUTPUTS / len(X_train))
    train_psnr = [
        np.concatenate(
            [
                psnr_of(
                    X_train, denoise_at(denoiser, X_train, level, design, draw), design
                )
                for draw in range(n_draws)
            ]
        )
        for level in design.noise_std
    ]
    outputs = test_outputs(denoiser, design)
    test_psnr = [psnr_of(design.X_test, one, design) for one in outputs]
    return np.stack(train_psnr), np.stack(test_psnr), outputs


def optimal_outputs(optimal, design):
    """Return the outputs of `optimal` on the test images, or None if it is None."""
    if optimal is None:
        return None
    try:
        denoiser = as_denoiser(optimal)
    except NotFittedError:
        fitted = clone(optimal).fit(np.delete(design.X, design.tested, axis=0))
        denoiser = as_denoiser(fitted)
    found, expected = map(check_data_range, (denoiser.data_range, design.data_range))
    if found != expected and any(data_ranges_in(optimal)):
        raise ValueError(
            f"optimal has data_range={found}, but the estimator has "
            f"data_range={expected}. Set the same data_range."
        )
    return test_outputs(denoiser, design)


def test_outputs(denoiser, design):
    """Denoise the noisy test images; return shape (n_levels, n_images, ...)."""
    levels = design.noise_std
    return np.stack(
        [denoise_at(denoiser, design.X_test, one, design) for one in levels]
    )


def denoise_at(denoiser, clean, level, design, draw=0):
    """Add noise to images and denoise them; all denoisers get the same noise."""
    # The noise of a level and draw does not depend on which other levels are tested.
    digits = np.float64(level).reshape(1).view(np.uint32)
    entropy = [design.noise_seed, *digits, draw]
    noise_seed = np.random.RandomState(entropy).randint(2**31 - 1)
    images = check_images(clean, ONE_LINE, data_range=design.data_range)
    noisy = add_noise(images, level, noise_seed)
    denoised = denoiser.denoise_images(noisy, noise_std=level, clean=clean)
    return to_fractions(denoised, design)


def psnr_of(clean, denoised, design):
    clean = to_fractions(clean, design)
    return psnr(clean, denoised, average=False, image_shape=ONE_LINE)


def seeded_clone(estimator, rng):
    """Clone an estimator, with a new int for each `random_state`, even nested ones."""
    copy = clone(estimator)
    names = [
        name
        for name in sorted(copy.get_params(deep=True))
        if name == "random_state" or name.endswith("__random_state")
    ]
    return copy.set_params(**{name: int(rng.randint(2**31 - 1)) for name in names})
