"""scikit-learn's own checks on every estimator that takes rows."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_gahb import (
    DNNDenoiser,
    GaussianNoise,
    WaveletThresholdDenoiser,
    WienerDenoiser,
)

ROWS = (1, -1)
ESTIMATORS = [
    GaussianNoise(0.1),
    WaveletThresholdDenoiser(noise_std=0.1, image_shape=ROWS),
    WaveletThresholdDenoiser(
        "haar", threshold="bayes", n_shifts=4, noise_std=0.1, image_shape=ROWS
    ),
    WienerDenoiser(noise_std=0.1, image_shape=ROWS),
    DNNDenoiser(width=4, depth=1, max_steps=5, batch_size=8, image_shape=ROWS),
    DNNDenoiser(
        "bf_cnn", width=4, depth=3, max_steps=5, batch_size=8, image_shape=ROWS
    ),
]
CHECKS = [
    pytest.param(
        estimator,
        check,
        id=f"{type(estimator).__name__}-{number}-{check.func.__name__}",
    )
    for number, estimator in enumerate(ESTIMATORS)
    for estimator, check in estimator_checks_generator(estimator, mark=None)
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_sklearn_checks(estimator, check):
    check(estimator)
