"""Fits of a sweep: train, denoise and sample, each kept when it is done."""

import copy
import math
import socket
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._images import as_images, check_numbers
from ..denoisers import BandletOracle
from ..denoisers._as_denoise import unwrap
from ..denoisers._together import fit_together
from ..metrics import psnr
from ..noise import add_noise
from ._keys import digest
from ._store import Store

# Training images are denoised with fresh noise until there are this many.
MIN_TRAIN_OUTPUTS = 50


@dataclass(frozen=True)
class Sweep:
    """What all subsets of all sizes have in common.

    Attributes
    ----------
    X_test : ndarray
        Clean images.
    levels : ndarray of shape (n_levels,)
        Noise levels.
    n_train_images : int
        How many training images are denoised.
    n_samples : int
    noise_seed, sample_seed : int
    folder : path-like or None
        Where results are kept.
    test_key : str
        Tells test images, levels and noise.
    analyzer : GeneralizationAnalyzer
        Not fitted; callbacks are told that its tasks begin and end.
    host : str
        Name of the host whose callbacks these are.
    """

    X_test: np.ndarray
    levels: np.ndarray
    n_train_images: int
    n_samples: int
    noise_seed: int
    sample_seed: int
    folder: object
    test_key: str
    analyzer: object
    host: str


@dataclass
class SubsetResult:
    """What is known of one subset of one size.

    Attributes
    ----------
    estimator : estimator
        Fitted.
    train_psnr : ndarray of shape (n_levels, n_train_outputs)
    test_psnr : ndarray of shape (n_levels, n_test_images)
    test_outputs : ndarray of shape (n_levels, n_test_images, ...)
    samples : ndarray of shape (n_samples, ...) or None
    reports : list of str
        Of damaged checkpoints.
    """

    estimator: object
    train_psnr: np.ndarray
    test_psnr: np.ndarray
    test_outputs: np.ndarray
    samples: np.ndarray | None
    reports: list = field(default_factory=list)


class Task(NamedTuple):
    """One fit of a sweep.

    Attributes
    ----------
    estimator : estimator
        Not fitted, with seeds of its own.
    X_train : ndarray
        Clean images of the subset.
    key : str
        Tells the estimator and the images.
    context : sklearn.callback.CallbackContext
    """

    estimator: object
    X_train: np.ndarray
    key: str
    context: object


def split_into_passes(tasks, store, n_together, n_jobs):
    """Indices of tasks, in lists of those that are trained in one pass.

    Passes hold up to `n_together` of what is not kept yet, and fewer rather than leave
    some of `n_jobs` idle; what is kept comes alone.
    """
    is_kept = np.array([store.has(f"fit-{task.key}") for task in tasks])
    missing, kept = np.flatnonzero(~is_kept), np.flatnonzero(is_kept)
    n_passes = max(math.ceil(len(missing) / n_together), min(n_jobs, len(missing)))
    passes = np.array_split(missing, n_passes) if n_passes else []
    return sorted([one.tolist() for one in passes] + kept[:, None].tolist())


def run_tasks(sweep, tasks):
    """Fit on subsets, measure and sample; what was kept is not done again.

    Parameters
    ----------
    sweep : Sweep
    tasks : list of Task
        One, or some whose networks are trained in one pass.

    Returns
    -------
    results : list of SubsetResult
    """
    store = Store(sweep.folder)
    # Callbacks speak over a socket of their host, and are left off on others.
    is_followed = socket.gethostname() == sweep.host
    kept = [store.load(f"fit-{task.key}") for task in tasks]
    missing = [task for task, one in zip(tasks, kept, strict=True) if one is None]
    if missing and sweep.analyzer.n_together == 1:
        fit_with_steps(sweep, missing[0], is_followed)
    else:
        if is_followed:
            for task in tasks:
                task.context.call_on_fit_task_begin(
                    estimator=sweep.analyzer, X=task.X_train
                )
        if missing:
            fit_together(
                [task.estimator for task in missing], [task.X_train for task in missing]
            )
    for task in missing:
        store.save(f"fit-{task.key}", task.estimator)

    results = []
    for task, one in zip(tasks, kept, strict=True):
        fitted = task.estimator if one is None else one
        results.append(measure(sweep, task, fitted, store))
        if is_followed:
            task.context.call_on_fit_task_end(estimator=sweep.analyzer, X=task.X_train)
    results[0].reports += store.reports
    return results


def fit_with_steps(sweep, task, is_followed):
    """Fit; callbacks see the steps of the estimator as parts of the task."""
    if not is_followed:
        task.estimator.fit(task.X_train)
        return
    with task.context.propagate_callback_context(task.estimator):
        task.context.call_on_fit_task_begin(estimator=sweep.analyzer, X=task.X_train)
        task.estimator.fit(task.X_train)


def measure(sweep, task, fitted, store):
    """SubsetResult of a fitted estimator; what was kept is not measured again."""
    measured = store.get(
        "psnr-" + digest(task.key, sweep.test_key),
        lambda: measure_psnr(
            fitted,
            task.X_train[: sweep.n_train_images],
            sweep.X_test,
            sweep.levels,
            sweep.noise_seed,
        ),
    )
    samples = None
    if sweep.n_samples:
        samples = store.get(
            "samples-" + digest(task.key, sweep.n_samples, sweep.sample_seed),
            lambda: draw_images(fitted, sweep.n_samples, sweep.sample_seed),
        )
    return SubsetResult(fitted, *measured, samples)


def draw_images(estimator, n_samples, seed):
    """Samples (n_samples, height, width) or (n_samples, height, width, channels)."""
    denoiser = unwrap(estimator)
    samples = denoiser.sample(n_samples, random_state=seed)
    return reshape_rows(samples, getattr(denoiser, "image_shape", None))


def reshape_rows(X, image_shape):
    """Rows of pixels as images; images as they are."""
    if X.ndim == 2 and image_shape is not None:
        return X.reshape(len(X), *image_shape)
    return X


def measure_psnr(estimator, X_train, X_test, levels, seed):
    """PSNR (n_levels, n_outputs) on train and test images, and the test outputs."""
    train_psnr, test_psnr, outputs = [], [], []
    for level in levels:
        n_draws = math.ceil(MIN_TRAIN_OUTPUTS / len(X_train))
        draws = [
            _psnr(X_train, denoise_at(estimator, X_train, level, seed, draw))
            for draw in range(n_draws)
        ]
        train_psnr.append(np.concatenate(draws))
        outputs.append(denoise_at(estimator, X_test, level, seed))
        test_psnr.append(_psnr(X_test, outputs[-1]))
    return np.stack(train_psnr), np.stack(test_psnr), np.stack(outputs)


def optimal_outputs(optimal, X, sweep):
    """What the optimal denoiser makes of the test images, (n_levels, n_images, ...)."""
    try:
        check_is_fitted(optimal)
    except NotFittedError:
        optimal = clone(optimal).fit(X)
    return np.stack(
        [
            denoise_at(optimal, sweep.X_test, level, sweep.noise_seed)
            for level in sweep.levels
        ]
    )


def denoise_at(estimator, clean, level, seed, draw=0):
    """Images with noise of a level, denoised; the same noise for all estimators."""
    images = as_images(check_numbers(clean), image_shape=(1, -1))
    # Independent between levels and draws, whatever other levels there are.
    entropy = [seed, *np.float64(level).reshape(1).view(np.uint32), draw]
    noise_seed = np.random.RandomState(entropy).randint(2**31 - 1)
    noisy = np.asarray(add_noise(images, level, noise_seed))
    return _restore(estimator, noisy, clean, level)


def _restore(estimator, noisy, clean, level):
    """Denoised images; who uses the level is told it, oracles the clean images."""
    if isinstance(estimator, FrozenEstimator):
        return _restore(estimator.estimator, noisy, clean, level)
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        if len(estimator.steps) > 1:
            noisy = estimator[:-1].transform(noisy)
        return _restore(estimator[-1], noisy, clean, level)
    if "noise_std" in estimator.get_params():
        estimator = copy.copy(estimator).set_params(noise_std=level)
    if isinstance(estimator, BandletOracle):
        return estimator.transform(noisy, clean=clean)
    return estimator.transform(noisy)


def _psnr(clean, denoised):
    return psnr(clean, denoised, average=False, image_shape=(1, -1))
