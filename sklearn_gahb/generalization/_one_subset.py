"""One subset of one size: fit, denoise and sample, each kept when it is done."""

import copy
import socket
from dataclasses import dataclass

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from .._images import as_images, check_numbers
from ..denoisers import BandletOracle
from ..denoisers._as_denoise import unwrap
from ..metrics import psnr
from ..noise import add_noise
from ._store import Store, digest, estimator_key, fingerprint


@dataclass(frozen=True)
class Sweep:
    """What all subsets of all sizes have in common.

    Attributes
    ----------
    X_test : ndarray or Tensor
        Clean images.
    levels : ndarray of shape (n_levels,)
        Noise levels.
    n_train_images : int
        How many training images are denoised.
    n_samples : int
    noise_seed, sample_seed : int
    store : Store
    analyzer : GeneralizationAnalyzer
        Not fitted; callbacks are told that its tasks begin and end.
    host : str
        Name of the host whose callbacks these are.
    """

    X_test: object
    levels: np.ndarray
    n_train_images: int
    n_samples: int
    noise_seed: int
    sample_seed: int
    store: Store
    analyzer: object
    host: str


@dataclass
class SubsetResult:
    """What is known of one subset of one size.

    Attributes
    ----------
    estimator : estimator
        Fitted.
    train_psnr : ndarray of shape (n_levels, n_train_images)
    test_psnr : ndarray of shape (n_levels, n_test_images)
    test_outputs : ndarray of shape (n_levels, n_test_images, ...)
    samples : ndarray of shape (n_samples, ...) or None
    """

    estimator: object
    train_psnr: np.ndarray
    test_psnr: np.ndarray
    test_outputs: np.ndarray
    samples: np.ndarray | None


def run_subset(sweep, estimator, X_train, context):
    """Fit on a subset, measure and sample; what was kept is not done again.

    Parameters
    ----------
    sweep : Sweep
    estimator : estimator
        Not fitted, with seeds of its own.
    X_train : ndarray or Tensor
        Clean images of the subset.
    context : sklearn.callback.CallbackContext
        Of this task.

    Returns
    -------
    result : SubsetResult
    """
    # Callbacks speak over a socket of their host, and are left off on others.
    is_followed = socket.gethostname() == sweep.host
    task = {"estimator": sweep.analyzer, "X": X_train}
    fit_key = ""
    if sweep.store.keeps:
        fit_key = digest(estimator_key(estimator), fingerprint(X_train))
    fitted = sweep.store.load(f"fit-{fit_key}")
    if fitted is not None:
        if is_followed:
            context.call_on_fit_task_begin(**task)
    else:
        if is_followed:
            with context.propagate_callback_context(estimator):
                context.call_on_fit_task_begin(**task)
                fitted = estimator.fit(X_train)
        else:
            fitted = estimator.fit(X_train)
        sweep.store.save(f"fit-{fit_key}", fitted)

    measured = sweep.store.get(
        "psnr-" + digest(fit_key, *sweep_key(sweep)),
        lambda: measure_psnr(
            fitted,
            X_train[: sweep.n_train_images],
            sweep.X_test,
            sweep.levels,
            sweep.noise_seed,
        ),
    )
    samples = None
    if sweep.n_samples:
        samples = sweep.store.get(
            "samples-" + digest(fit_key, sweep.n_samples, sweep.sample_seed),
            lambda: unwrap(fitted).sample(
                sweep.n_samples, random_state=sweep.sample_seed
            ),
        )
    if is_followed:
        context.call_on_fit_task_end(**task)
    return SubsetResult(fitted, *measured, samples)


def sweep_key(sweep):
    """What the measured PSNR depends on, beside the fitted estimator."""
    if not sweep.store.keeps:
        return ()
    levels = sweep.levels.tolist()
    return fingerprint(sweep.X_test), levels, sweep.noise_seed, sweep.n_train_images


def measure_psnr(estimator, X_train, X_test, levels, seed):
    """PSNR (n_levels, n_images) on train and test images, and the test outputs."""
    train = denoise_at_levels(estimator, X_train, levels, seed)
    test = denoise_at_levels(estimator, X_test, levels, seed)
    return (
        np.stack([_psnr(X_train, one) for one in train]),
        np.stack([_psnr(X_test, one) for one in test]),
        np.stack(test),
    )


def denoise_at_levels(estimator, clean, levels, seed):
    """Denoised images at each level; the same noise for the same image."""
    images = as_images(check_numbers(clean), image_shape=(1, -1))
    return [
        denoise_at(estimator, np.asarray(add_noise(images, level, seed)), clean, level)
        for level in levels
    ]


def denoise_at(estimator, noisy, clean, level):
    """Denoised images; who uses the level is told it, oracles the clean images."""
    if isinstance(estimator, FrozenEstimator):
        return denoise_at(estimator.estimator, noisy, clean, level)
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps[:-1]:
            noisy = step.transform(noisy)
        return denoise_at(estimator[-1], noisy, clean, level)
    if "noise_std" in estimator.get_params():
        estimator = copy.copy(estimator).set_params(noise_std=level)
    if isinstance(estimator, BandletOracle):
        return estimator.transform(noisy, clean=clean)
    return estimator.transform(noisy)


def _psnr(clean, denoised):
    return psnr(clean, denoised, average=False, image_shape=(1, -1))
