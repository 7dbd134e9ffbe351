"""One subset of one size: fit, and denoise train and test images."""

import copy
from dataclasses import dataclass

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from .._images import as_images, check_numbers
from ..denoisers import BandletOracle
from ..metrics import psnr
from ..noise import GaussianNoise, add_noise


@dataclass
class SubsetResult:
    """What is kept of one subset of one size.

    Attributes
    ----------
    estimator : estimator
        Fitted.
    train_psnr : ndarray of shape (n_levels, n_train_images)
    test_psnr : ndarray of shape (n_levels, n_test_images)
    test_outputs : ndarray of shape (n_levels, n_test_images, ...)
    """

    estimator: object
    train_psnr: np.ndarray
    test_psnr: np.ndarray
    test_outputs: np.ndarray


def fit_one(estimator, X_train, X_test, levels, seed, n_train_images, store, key):
    """Fit on a subset and measure, or take what was kept under the key."""
    kept = store.load(key)
    if kept is not None:
        return kept
    estimator.fit(X_train)
    shown = X_train[:n_train_images]
    train = denoise_at_levels(estimator, shown, levels, seed)
    test = denoise_at_levels(estimator, X_test, levels, seed)
    result = SubsetResult(
        estimator,
        np.stack([_psnr(shown, one) for one in train]),
        np.stack([_psnr(X_test, one) for one in test]),
        np.stack(test),
    )
    store.save(key, result)
    return result


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


def check_estimator(estimator):
    """Raise an error unless an estimator can be cloned, fitted and applied."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not hasattr(estimator, "fit") or not hasattr(last, "transform"):
        raise TypeError(
            f"estimator={estimator!r} must have fit and transform, as denoisers have."
        )
    if isinstance(estimator, Pipeline) and any(
        isinstance(step, GaussianNoise) for _, step in estimator.steps
    ):
        raise ValueError(
            "The pipeline adds noise itself (its step GaussianNoise), and so does the "
            "analyzer: pass its last step alone, pipeline[-1]."
        )


def _psnr(clean, denoised):
    return psnr(clean, denoised, average=False, image_shape=(1, -1))
