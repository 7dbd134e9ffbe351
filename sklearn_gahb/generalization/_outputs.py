"""Outputs of fitted denoisers on the images of a study, and generated images."""

import math
from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from .._tensors import to_array
from ..denoisers import as_denoiser
from ..images import ONE_LINE, check_images
from ..metrics import psnr
from ..noise.gaussian import add_noise
from ..samplers import GradientEstimation
from ..units import check_data_range, data_ranges_in

# Minimum number of denoised training images. If a training set is smaller, each of its
# images is denoised with several noise draws.
MIN_TRAIN_OUTPUTS = 50


def usual_prior(denoiser, design):
    """Return the prior of a denoiser; an unknown size is that of the test images."""
    prior = denoiser.prior()
    if prior.size is None:
        (size,) = check_images(design.X_test, denoiser.image_shape).sizes
        prior = replace(prior, size=size)
    return prior


def generate(denoiser, prior, n_generated, design):
    """Generate images; all denoisers with the same prior start from the same noise."""
    X = denoiser.sample(
        n_generated,
        image_shape=prior.size,
        sampler=GradientEstimation(sigma_max=prior.sigma_max),
        mean=prior.mean,
        random_state=design.sample_seed,
    )
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
    except NotFittedError as error:
        if isinstance(optimal, FrozenEstimator):
            raise NotFittedError(
                f"optimal={optimal!r:.200} holds an estimator that is not fitted, and "
                "a FrozenEstimator is never fitted. Fit this estimator, or pass it "
                "without FrozenEstimator: fit then fits a clone of it."
            ) from error
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


def noisy_at(clean, level, design, draw=0):
    """Add noise to images; the result is a function of the images, level and draw."""
    # The noise of a level and draw does not depend on which other levels are tested.
    digits = np.float64(level).reshape(1).view(np.uint32)
    entropy = [design.noise_seed, *digits, draw]
    noise_seed = np.random.RandomState(entropy).randint(2**31 - 1)
    images = check_images(clean, ONE_LINE, data_range=design.data_range)
    return add_noise(images, level, noise_seed)


def denoise_at(denoiser, clean, level, design, draw=0):
    """Add noise to images and denoise them; all denoisers get the same noise."""
    noisy = noisy_at(clean, level, design, draw)
    denoised = denoiser.denoise_images(noisy, noise_std=level, clean=clean)
    return to_fractions(denoised, design)


def psnr_of(clean, denoised, design):
    clean = to_fractions(clean, design)
    return psnr(clean, denoised, average=False, image_shape=ONE_LINE)
