"""Functions on generated images, and estimators with generated parameters.

Results are finite, or an error names the mistake, and no image is modified.
"""

import warnings
from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
from generated import arrays_in, cases
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from surprises import Refused, bytes_of, check_close, largest, outcome
from test_generated_images import ESTIMATORS, X, darken

from sklearn_gahb import (
    GeneralizationAnalyzer,
    WienerDenoiser,
    as_denoiser,
    estimate_noise_std,
    estimate_poisson_gaussian,
    mse,
    psnr,
    psnr_curve,
    ssim,
)
from sklearn_gahb.datasets import (
    make_c_alpha_images,
    make_darcy_flow,
    make_disk_images,
    make_gaussian_textures,
    make_ray_images,
    make_sine_images,
)
from sklearn_gahb.evaluation import (
    coverage_curve,
    log_density,
    log_density_by_flow,
    memorized_fraction,
)
from sklearn_gahb.images import check_images
from sklearn_gahb.jacobian import (
    jacobian_bases,
    jacobian_operator,
    posterior_directions,
    posterior_marginal,
    posterior_std,
    sure,
    sure_psnr,
)
from sklearn_gahb.metrics import mean_absolute_residual
from sklearn_gahb.samplers import DDIM
from sklearn_gahb.sampling import (
    block_averages,
    circular_blur,
    low_frequencies,
    observed_pixels,
    random_pixels,
    random_projections,
    sample,
    solve_inverse,
)

N_CASES = 200
DENOISER = as_denoiser(darken)
QUICK = DDIM(n_steps=3)


def other_images(images):
    """Return images that differ from the given ones, if possible."""
    if isinstance(images, list):
        return [other_images(one) for one in images]
    if torch.is_tensor(images) and images.ndim > 0:
        return images.flip(0)
    is_array = isinstance(images, np.ndarray) and images.ndim > 0
    return images[::-1] if is_array else images


def enlarged(images):
    """Return gray images of enough pixels for an estimate."""
    if getattr(images, "ndim", 0) != 3 or isinstance(images, list):
        return images
    tile = torch.tile if torch.is_tensor(images) else np.tile
    return tile(images, (1, 40, 40))


def numbers_in(result):
    """Return the numbers of a result as a list of arrays."""
    if isinstance(result, dict):
        # A kurtosis or a slope can be undefined, which NaN says.
        return numbers_in([result[k] for k in result if k in COMPARED])
    if isinstance(result, list | tuple):
        return [x for one in result for x in numbers_in(one)]
    return [np.asarray(result, dtype=float)]


COMPARED = {"mean", "std", "log_density", "output_psnr", "coverage", "fraction"}
FUNCTIONS = {
    "check_images": lambda x, **o: check_images(x, **o).map(lambda y: y),
    "mse": lambda x, **o: mse(x, other_images(x), **o),
    "ssim": lambda x, **o: ssim(x, other_images(x), **o),
    "mean_absolute_residual": lambda x, **o: mean_absolute_residual(
        x, lambda y: y.mean((1, 2, 3)), **o
    ),
    "memorized_fraction": lambda x, **o: memorized_fraction(x, other_images(x), **o),
    "estimate_noise_std": lambda x, **o: estimate_noise_std(x, **o),
    "estimate_poisson_gaussian": lambda x, **o: estimate_poisson_gaussian(
        enlarged(x), **o
    ),
}
WITH_DENOISER = {
    "psnr_curve": lambda d, x: psnr_curve(d, x, [0.1, 0.5], random_state=0),
    "coverage_curve": lambda d, x: coverage_curve(d, x, 0.5, random_state=0),
    "log_density": lambda d, x: log_density(
        d, x, noise_range=(0.1, 1), n_levels=5, random_state=0
    ),
    "log_density_by_flow": lambda d, x: log_density_by_flow(
        d, x, noise_range=(0.5, 1), rtol=1e-2, random_state=0
    ),
    "jacobian_operator": lambda d, x: jacobian_operator(d, x, 0.5).diagonal(),
    "jacobian_bases": lambda d, x: [
        one.eigenvalues_ for one in jacobian_bases(d, x, 0.5, n_components=1)
    ],
    "posterior_std": lambda d, x: posterior_std(d, x, 0.5),
    "posterior_directions": lambda d, x: posterior_directions(
        d, x, 0.5, n_components=1, random_state=0
    )[1],
    "posterior_marginal": lambda d, x: posterior_marginal(
        d, x, 0.5, np.ones(np.shape(x))
    ),
    "sure": lambda d, x: sure(d, x, 0.5, random_state=0),
    "sure_psnr": lambda d, x: sure_psnr(d, x, 0.5, random_state=0),
    "analyzer": lambda d, x: (
        GeneralizationAnalyzer(
            WienerDenoiser(), [1], duplicates="ignore", random_state=0
        )
        .fit(x)
        .test_psnr_
    ),
}
# The PSNR of two equal images is infinite, and so is the peak without Poisson noise.
MAY_BE_INFINITE = {"sure_psnr", "psnr_curve", "analyzer", "estimate_poisson_gaussian"}


def examine(name, case, counts):
    before = bytes_of(case.plain), bytes_of(case.images)
    if name in FUNCTIONS:
        function = partial(FUNCTIONS[name], image_shape=case.image_shape)
    else:
        denoiser = clone(DENOISER).set_params(image_shape=case.image_shape).fit(X)
        del denoiser.n_channels_in_
        function = partial(WITH_DENOISER[name], denoiser)
    result, expected = (
        outcome(lambda x=x: function(x)) for x in (case.images, case.plain)
    )
    assert (bytes_of(case.plain), bytes_of(case.images)) == before, "input was modified"
    counts[isinstance(expected, Refused)] += 1
    if case.is_real and not case.is_finite:
        assert isinstance(expected, Refused), "values that are not finite"
    if not case.keeps_values or not case.is_finite:
        return
    assert isinstance(result, Refused) == isinstance(expected, Refused), (
        result,
        expected,
    )
    if isinstance(expected, Refused):
        return
    found = numbers_in(result)
    for one in found:
        if name not in MAY_BE_INFINITE:
            assert np.isfinite(one).all(), "not finite"
    scale = max(1e-30, largest(case.plain)) ** 2
    with np.errstate(invalid="ignore"):
        check_close(found, numbers_in(expected), min(scale, 1e20), 1e-3)


@pytest.mark.parametrize("name", [*FUNCTIONS, *WITH_DENOISER])
def test_generated_images(name):
    counts = Counter()
    one_image = name in WITH_DENOISER and name not in ("psnr_curve", "analyzer")

    @settings(max_examples=N_CASES)
    @given(cases(max_images=1 if one_image else 4))
    def check(case):
        examine(name, case, counts)

    check()
    # Few images have noise that estimate_poisson_gaussian can estimate.
    assert counts[False] > (0 if "poisson" in name else N_CASES / 50), counts


# Numbers that a user may type, and their types.
ODD = st.one_of(
    st.sampled_from(
        [0, -1, 1, 2, 3, 0.5, 1e-30, 1e15, 1e16, 1e300, np.inf, np.nan, 10**20, True]
    ),
    st.sampled_from([None, "auto", "", "nope", (), (0, 1), (1, 0), [8, 8], {}, b"x"]),
    st.sampled_from(
        [np.int8(3), np.uint8(1), np.float32(0.1), np.array(0.1), np.array([1, 2])]
    ),
    st.sampled_from([object(), np.nan, 1j, float, len, torch.tensor(0.1)]),
)


@pytest.mark.parametrize("name", sorted(ESTIMATORS.keys() - {"transformer"}))
def test_generated_parameters(name):
    """One parameter has an odd value: images are finite, or an error names it."""
    # Which values of these are good is for the user to know.
    skipped = {"architecture", "denoiser", "transformer", "function", "residual"}
    parameters = sorted(ESTIMATORS[name].get_params(deep=False).keys() - skipped)
    # Fits that are longer, and no surprise.
    is_long = {"max_steps", "n_draws", "n_perturbations", "width", "depth", "n_shifts"}

    known = ESTIMATORS[name].get_params()
    level = {"noise_std": known.get("noise_std") or 0.1} if "noise_std" in known else {}

    @settings(max_examples=N_CASES)
    @given(st.sampled_from(parameters), ODD)
    def check(parameter, value):
        is_number = isinstance(value, int | float) and value == value
        if parameter in is_long and is_number and value > 4:
            return
        estimator = clone(ESTIMATORS[name]).set_params(**(level | {parameter: value}))
        images = X[:1] if name == "basis" else X
        options = {"clean": X} if name == "oracle" else {}
        result = outcome(lambda: estimator.fit(images).transform(images, **options))
        if isinstance(result, Refused):
            assert parameter in result.message, result.message
        else:
            assert np.isfinite(np.asarray(result)).all()

    check()


MAKERS = [
    make_c_alpha_images,
    make_darcy_flow,
    make_disk_images,
    make_gaussian_textures,
    make_ray_images,
    make_sine_images,
]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_generated_sizes(make):
    """Sets of images of odd numbers and sizes."""

    @settings(max_examples=N_CASES)
    @given(
        st.one_of(st.integers(-1, 3), ODD.filter(is_small)),
        st.one_of(st.integers(-1, 9), ODD.filter(is_small)),
    )
    def check(n_samples, image_size):
        result = outcome(lambda: make(n_samples, image_size, random_state=0))
        if not isinstance(result, Refused):
            assert len(result) == n_samples
            assert np.isfinite(result).all()

    check()


def is_small(value):
    """Leave out numbers of images that would fill the memory."""
    return value is not True and not (isinstance(value, int | float) and value > 20)


OPERATORS = {
    "observed_pixels": lambda shape, number: observed_pixels(np.ones(shape) > number),
    "random_pixels": lambda shape, number: random_pixels(shape, number, random_state=0),
    "block_averages": lambda shape, number: block_averages(shape, number),
    "low_frequencies": lambda shape, number: low_frequencies(shape, number),
    "random_projections": lambda shape, number: random_projections(
        shape, number, random_state=0
    ),
    "circular_blur": lambda shape, number: circular_blur(
        shape, np.full((2, 2), number)
    ),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_generated_measurements(name):
    """Inverse problems of odd sizes, fractions and measurements."""

    @settings(max_examples=N_CASES)
    @given(
        st.lists(st.integers(0, 6), min_size=1, max_size=4),
        st.one_of(st.sampled_from([0.3, 0.5, 1, 2]), ODD),
        st.sampled_from([0.0, 0.1, 1e14, 1e16, 1e300, np.nan]),
        st.sampled_from([0, 0.1, -1, 1e15, 1e300, None, "x"]),
    )
    def check(shape, number, value, noise_std):
        if not isinstance(number, int | float):
            number = 0.5
        operator = outcome(lambda: OPERATORS[name](tuple(shape), number))
        if isinstance(operator, Refused):
            return
        result = outcome(
            lambda: solve_inverse(
                DENOISER,
                np.full(operator.shape[0], value),
                operator,
                noise_std=noise_std,
                n_draws=2,
                sampler=QUICK,
                random_state=0,
            )
        )
        if not isinstance(result, Refused):
            assert np.isfinite(result.mean).all()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check()


def test_generated_samples():
    @settings(max_examples=N_CASES)
    @given(
        st.sampled_from(
            ["n_samples", "image_shape", "mean", "batch_size", "keep_every"]
        ),
        ODD.filter(is_small),
    )
    def check(parameter, value):
        options = {"image_shape": (4, 4), "sampler": QUICK, "random_state": 0}
        result = outcome(lambda: sample(DENOISER, **(options | {parameter: value})))
        if not isinstance(result, Refused):
            assert np.isfinite(result).all()

    check()


def test_metrics_of_pairs():
    """The PSNR is infinite only for equal images."""

    @settings(max_examples=N_CASES)
    @given(cases(), cases())
    def check(one, other):
        found = outcome(lambda: psnr(one.plain, other.plain, data_range=1))
        if not isinstance(found, Refused) and not np.isfinite(found):
            for x, y in zip(arrays_in(one.plain), arrays_in(other.plain), strict=True):
                np.testing.assert_array_equal(x, y)

    check()
