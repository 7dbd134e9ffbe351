"""Estimators on images of generated shapes, dtypes, values and memory layouts.

Each case is fitted and transformed. It must give finite images in the layout of the
input that depend neither on the memory layout nor on the batch, or an error that names
the mistake. Errors and successes leave the input as it was, and an error leaves the
estimator as it was.
"""

import copy
from collections import Counter
from functools import lru_cache

import numpy as np
import pytest
import torch
from generated import arrays_in, cases
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from surprises import (
    Refused,
    bytes_of,
    check_close,
    check_layout,
    largest,
    outcome,
    same_state,
    state_of,
)

from sklearn_gahb import (
    BandletDenoiser,
    BandletOracle,
    BM3DDenoiser,
    DiskPosteriorDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    FieldAutoencoder,
    GaussianDenoiser,
    GaussianNoise,
    JacobianBasis,
    LocalPosteriorDenoiser,
    PoissonNoise,
    VarianceStabilizedDenoiser,
    WaveletThresholdDenoiser,
    WienerDenoiser,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.denoisers import FunctionDenoiser, TransformerDenoiser

X = make_disk_images(6, 8, random_state=0)
N_CASES = 500


def network(architecture="unet", **parameters):
    return DNNDenoiser(
        architecture, width=4, max_steps=2, batch_size=2, random_state=0, **parameters
    )


def darken(y, noise_std):
    """Multiply each pixel by a number of its own, so that the largest ones differ."""
    factors = 1 / torch.arange(1, y[0].numel() + 1, dtype=y.dtype)
    return y * factors.view(y.shape[1:])


ESTIMATORS = {
    "wavelets": WaveletThresholdDenoiser(),
    "haar": WaveletThresholdDenoiser(
        "haar", threshold="bayes", shrinkage="hard", n_shifts=1
    ),
    "bandlets": BandletDenoiser(),
    "oracle": BandletOracle(),
    "wiener": WienerDenoiser(),
    "low_pass": WienerDenoiser(shrinkage="low_pass", zero_mean=True),
    "gaussian": GaussianDenoiser(),
    "shrunk": GaussianDenoiser("shrunk"),
    "empirical": EmpiricalDenoiser(),
    "smoothed": EmpiricalDenoiser(smoothing_std=0.1, n_perturbations=2, random_state=0),
    "patches": LocalPosteriorDenoiser(3, random_state=0),
    "supports": LocalPosteriorDenoiser(neighborhood="wiener", random_state=0),
    "disks": DiskPosteriorDenoiser(n_draws=100, random_state=0),
    "stabilized wavelets": VarianceStabilizedDenoiser(
        WaveletThresholdDenoiser(), peak=30
    ),
    "stabilized wiener": VarianceStabilizedDenoiser(WienerDenoiser(), peak=30),
    "unet": network(depth=1),
    "bf_cnn": network("bf_cnn", depth=3),
    "dilated_unet": network("dilated_unet"),
    "function": FunctionDenoiser(darken),
    "transformer": TransformerDenoiser(GaussianNoise(1e-6, random_state=0)),
    "noise": GaussianNoise(random_state=0),
    "photons": PoissonNoise(30, random_state=0),
    "photons and noise": PoissonNoise(30, 0.1, random_state=0),
    "basis": JacobianBasis(FunctionDenoiser(darken), 2, noise_std=0.1),
    "autoencoder": FieldAutoencoder(
        2, width=4, patch_size=8, max_steps=2, batch_size=2, random_state=0
    ),
}
# Their noise depends on the position in the batch.
NOISY = "noise", "photons", "photons and noise", "transformer"
# Their outputs have another shape than the images.
ENCODERS = "basis", "autoencoder"
LEVELS = st.sampled_from([None, 0.1, 0.1, 0.5, 0.0, 1e-3, 20, 1e-30, 1e15, 1e-300])
RANGES = st.sampled_from([None] * 6 + [255, (-1, 1), (100, 4095), 1e-12])
options = st.fixed_dictionaries({"noise_std": LEVELS, "data_range": RANGES})


def test_each_estimator_has_a_case():
    from sklearn_gahb import __all__ as names

    classes = {name for name in names if name[0].isupper()}
    tested = {type(one).__name__ for one in ESTIMATORS.values()}
    assert classes - tested == {
        # Fits many estimators.
        "GeneralizationAnalyzer",
        # Needs an optional package, and takes a second for 16x16 pixels.
        BM3DDenoiser.__name__,
    }


def configured(name, parameters, image_shape):
    """Return an unfitted estimator with those of the parameters that it has."""
    estimator = clone(ESTIMATORS[name])
    known = estimator.get_params()
    # Noise without a level, and a basis without one, have meanings of their own.
    if name in (*NOISY, *ENCODERS):
        parameters = {**parameters, "noise_std": known.get("noise_std")}
    given = {**parameters, "image_shape": image_shape}
    return estimator.set_params(**{k: v for k, v in given.items() if k in known})


@lru_cache(maxsize=64)
def fitted(name, size, image_shape):
    """Return an estimator that was fitted on usual images, if it accepts their size."""
    images = np.random.RandomState(0).rand(1 if name == "basis" else 4, *size)
    estimator = configured(name, {}, image_shape)
    result = outcome(lambda: estimator.fit(images))
    if isinstance(result, Refused):
        return clone(ESTIMATORS[name]).fit(X[:1] if name == "basis" else X)
    return estimator


def fit_transform(name, estimator, images):
    if name == "oracle":
        return estimator.fit(images).transform(images, clean=images)
    return estimator.fit(images).transform(images)


def examine(name, case, parameters, counts):
    before = bytes_of(case.plain), bytes_of(case.images)
    estimator = configured(name, parameters, case.image_shape)
    result = outcome(lambda: fit_transform(name, clone(estimator), case.images))
    expected = outcome(lambda: fit_transform(name, estimator, case.plain))
    assert (bytes_of(case.plain), bytes_of(case.images)) == before, "input was modified"
    counts[type(expected) is Refused] += 1
    if case.is_real and not case.is_finite:
        assert isinstance(expected, Refused), "values that are not finite"
    if case.keeps_values:
        assert isinstance(result, Refused) == isinstance(expected, Refused), (
            result,
            expected,
        )
    if not isinstance(result, Refused) and case.keeps_values:
        ends = np.ravel(parameters["data_range"] or 0)
        scale = max(map(largest, (case.plain, expected, ends, [1e-30])))
        check_result(name, result, case.images)
        check_close(result, expected, scale, 1e-3)
        if name not in NOISY:
            check_batches(name, estimator, case.plain, expected, scale)
    examine_second_fit(name, case, parameters)


def check_result(name, result, images):
    if name in ENCODERS:
        assert all(np.isfinite(np.asarray(one)).all() for one in arrays_in(result))
    else:
        check_layout(result, images)


def check_batches(name, estimator, images, expected, scale):
    """Check that the other images and their order do not matter."""
    last = images[-1:]
    options = {"clean": last} if name == "oracle" else {}
    found = outcome(lambda: estimator.transform(last, **options))
    assert not isinstance(found, Refused), found
    check_close(found, expected[-1:], scale, 1e-3)


def examine_second_fit(name, case, parameters):
    """Transform and fit images with an estimator that was fitted on other images."""
    estimator = copy.copy(fitted(name, case.size, case.image_shape))
    estimator.set_params(
        **configured(name, parameters, case.image_shape).get_params(deep=False)
    )
    before = state_of(estimator)
    options = {"clean": case.images} if name == "oracle" else {}
    result = outcome(lambda: estimator.transform(case.images, **options))
    assert same_state(estimator, before), "transform changed the estimator"
    if not isinstance(result, Refused) and case.keeps_values:
        check_result(name, result, case.images)
    result = outcome(lambda: estimator.fit(case.images))
    if isinstance(result, Refused):
        assert same_state(estimator, before), "a failed fit changed the estimator"


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore:The autoencoder renders")
def test_generated_images(name):
    counts = Counter()

    options_of_cases = {"basis": {"max_images": 1}, "disks": {"is_square": True}}

    @given(cases(**options_of_cases.get(name, {})), options)
    def check(case, parameters):
        examine(name, case, parameters, counts)

    check()
    assert counts.total() >= N_CASES
    # Many of the cases are images that the estimator takes.
    assert counts[False] > N_CASES / 10, counts
