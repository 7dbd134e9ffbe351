"""scikit-learn's checks, on every estimator that accepts rows."""

import pytest
from sklearn.utils.estimator_checks import (
    check_estimator,
    parametrize_with_checks,
)

from sklearn_gahb import (
    BandletDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianDenoiser,
    GaussianNoise,
    LocalPosteriorDenoiser,
    PoissonNoise,
    VarianceStabilizedDenoiser,
    WaveletThresholdDenoiser,
    WienerDenoiser,
)

# Some checks pass values around 100.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*noise_std=.* is very low", "ignore:The values of X lie between"
)

ROWS = (1, -1)
ESTIMATORS = [
    GaussianNoise(0.1),
    PoissonNoise(30),
    PoissonNoise(30, 0.1),
    WaveletThresholdDenoiser(noise_std=0.1, image_shape=ROWS),
    WaveletThresholdDenoiser(
        "haar",
        threshold="bayes",
        shrinkage="hard",
        n_shifts=1,
        noise_std=0.1,
        image_shape=ROWS,
    ),
    WienerDenoiser(noise_std=0.1, image_shape=ROWS),
    WienerDenoiser(shrinkage="low_pass", noise_std=0.1, image_shape=ROWS),
    GaussianDenoiser(noise_std=0.1, image_shape=ROWS),
    GaussianDenoiser("shrunk", noise_std=0.1, image_shape=ROWS),
    BandletDenoiser(noise_std=0.1, image_shape=ROWS),
    EmpiricalDenoiser(noise_std=0.1, image_shape=ROWS),
    LocalPosteriorDenoiser(1, noise_std=0.1, image_shape=ROWS),
    LocalPosteriorDenoiser(neighborhood="wiener", noise_std=0.1, image_shape=ROWS),
    VarianceStabilizedDenoiser(
        WaveletThresholdDenoiser(), peak=30, noise_std=0.1, image_shape=ROWS
    ),
    VarianceStabilizedDenoiser(
        WienerDenoiser(), peak=30, noise_std=0.1, image_shape=ROWS
    ),
    DNNDenoiser(width=4, depth=1, max_steps=5, batch_size=8, image_shape=ROWS),
    DNNDenoiser(
        "bf_cnn", width=4, depth=3, max_steps=5, batch_size=8, image_shape=ROWS
    ),
]


# Some checks pass images with a mean far above 1, or negative images.
OTHER_UNITS = ["ignore:The images have a mean of", "ignore:X has negative values"]


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.SkipTestWarning",
    *OTHER_UNITS,
)
@parametrize_with_checks(ESTIMATORS)
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings(*OTHER_UNITS)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_checks_are_not_skipped_wholesale(estimator):
    """scikit-learn skips most checks for estimators that do not accept rows."""
    results = check_estimator(estimator, on_skip=None, on_fail="raise")
    statuses = [result["status"] for result in results]
    assert statuses.count("passed") >= 40
    assert set(statuses) <= {"passed", "skipped"}
