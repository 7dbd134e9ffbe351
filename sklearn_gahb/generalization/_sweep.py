"""Run the fits of a study in parallel, and keep each fit as soon as it is done."""

import math
import os
import socket
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from .._warnings import warn
from ..denoisers import as_denoiser
from ..denoisers.side_by_side import choose_networks_per_pass, fit_side_by_side
from ._keys import digest, estimator_key, fingerprint
from ._outputs import generate, measure_psnr, test_outputs, usual_prior
from ._store import Store
from ._workers import end_with


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
    theories : dict of str to TheoryResult
        Outputs of the theories that were fitted on the same images.
    snapshots : dict of int to SubsetResult
        Results for the checkpoints of a network, by the number of training steps.
    reports : list of str
        Messages about damaged checkpoints.
    """

    estimator: object
    train_psnr: np.ndarray
    test_psnr: np.ndarray
    test_outputs: np.ndarray
    generated: np.ndarray | None
    theories: dict = field(default_factory=dict)
    snapshots: dict = field(default_factory=dict)
    reports: list = field(default_factory=list)


class TheoryResult(NamedTuple):
    """Outputs of a theory that was fitted on one training set.

    Attributes
    ----------
    test_outputs : ndarray of shape (n_levels, n_test_images, ...)
    generated : ndarray of shape (n_generated, ...) or None
        Images generated from the same noise as those of the estimator.
    """

    test_outputs: np.ndarray
    generated: np.ndarray | None


class Task(NamedTuple):
    """One fit of a study.

    Attributes
    ----------
    estimator : estimator
        Unfitted estimator with its own seeds.
    theories : dict of str to estimator
        Unfitted theories with their own seeds.
    X_train : ndarray
        Clean images of the subset.
    key : str
        Digest of the estimator and the images.
    context : sklearn.callback.CallbackContext
    """

    estimator: object
    theories: dict
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
            theories = {
                name: seeded_clone(theory, rng)
                for name, theory in (analyzer.theories or {}).items()
            }
            key = ""
            if folder is not None:
                key = digest(estimator_key(one), fingerprint(X_train))
            part = context.subcontext(f"N = {len(X_train)}", task_id=len(tasks))
            tasks.append(Task(one, theories, X_train, key, part))
    n_jobs = effective_n_jobs(analyzer.n_jobs)
    n_per_pass = analyzer.n_networks_per_pass
    if n_per_pass == "auto":
        n_per_pass = choose_networks_per_pass(analyzer.estimator, tasks[0].X_train)
    passes = split_into_passes(tasks, Store(folder), n_per_pass, n_jobs)
    # Workers need only the images of their own tasks.
    shared = replace(design, X=None), clone(analyzer), socket.gethostname()
    # With more workers than passes, each worker would get too few threads.
    found = Parallel(n_jobs=min(n_jobs, len(passes)))(
        delayed(run_in_worker)(
            os.getpid(), *shared, [tasks[i] for i in one], n_per_pass > 1
        )
        for one in passes
    )
    order = np.argsort(np.concatenate(passes))
    results = list(chain.from_iterable(found))
    for report in chain.from_iterable(one.reports for one in results):
        warn(report)
    return [[results[i] for i in row] for row in order.reshape(-1, len(design.subsets))]


def run_in_worker(parent, *arguments):
    """Run tasks in a process that ends when the process `parent` is killed."""
    end_with(parent)
    return run_tasks(*arguments)


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


def run_tasks(design, analyzer, host, tasks, in_one_pass):
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
    in_one_pass : bool
        Whether to train the networks in one pass, even if there is only one.

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
    if missing and not in_one_pass:
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
    denoiser = as_denoiser(fitted)
    prior = usual_prior(denoiser, design) if analyzer.n_generated else None
    shared = design, analyzer, task.X_train, prior, store
    result = SubsetResult(fitted, *measure_denoiser(denoiser, task.key, *shared))
    for n_steps, snapshot in getattr(denoiser, "snapshots_", {}).items():
        measured = measure_denoiser(snapshot, digest(task.key, n_steps), *shared)
        result.snapshots[n_steps] = SubsetResult(snapshot, *measured)
    for name, theory in task.theories.items():
        result.theories[name] = measure_theory(theory, *shared)
    for one in result.snapshots.values():
        one.theories = result.theories
    return result


def measure_denoiser(denoiser, key, design, analyzer, X_train, prior, store):
    """Return train and test PSNR, test outputs, and generated images or None."""
    n_train, levels = analyzer.n_train_images, design.noise_std.tolist()
    test_key = digest(fingerprint(design.X_test), levels, design.noise_seed, n_train)
    measured = store.get(
        f"psnr-{digest(key, test_key)}",
        lambda: measure_psnr(denoiser, X_train[:n_train], design),
    )
    generated = None
    if prior is not None:
        n_generated = analyzer.n_generated
        generated = store.get(
            f"samples-{digest(key, n_generated, design.sample_seed)}",
            lambda: generate(denoiser, prior, n_generated, design),
        )
    return *measured, generated


def measure_theory(theory, design, analyzer, X_train, prior, store):
    """Fit a theory and return a TheoryResult; reuse a kept result."""

    def compute():
        denoiser, generated = as_denoiser(theory.fit(X_train)), None
        outputs = test_outputs(denoiser, design)
        if prior is not None:
            generated = generate(denoiser, prior, analyzer.n_generated, design)
        return TheoryResult(outputs, generated)

    if store.folder is None:
        return compute()
    images = fingerprint(X_train), fingerprint(design.X_test)
    start = prior and (prior.sigma_max, fingerprint(prior.mean), prior.size)
    samples = start, analyzer.n_generated, design.sample_seed
    noise = design.noise_std.tolist(), design.noise_seed
    key = digest(estimator_key(theory), *images, *samples, *noise)
    return store.get(f"theory-{key}", compute)


def seeded_clone(estimator, rng):
    """Clone an estimator, with a new int for each `random_state`, even nested ones."""
    copy = clone(estimator)
    names = [
        name
        for name in sorted(copy.get_params(deep=True))
        if name == "random_state" or name.endswith("__random_state")
    ]
    return copy.set_params(**{name: int(rng.randint(2**31 - 1)) for name in names})
