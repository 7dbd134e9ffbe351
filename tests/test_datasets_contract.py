"""The contract of all functions that make square images, including new ones."""

import inspect

import numpy as np
import pytest

from sklearn_gahb import datasets

MAKERS = [
    getattr(datasets, name)
    for name in datasets.__all__
    if name.startswith("make_")
    and name not in ("make_circle_points", "make_darcy_flow")
]
each_maker = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


@each_maker
def test_images_are_a_stack_of_float32(make):
    X = make(3, 16, random_state=0)
    assert (X.shape, X.dtype) == ((3, 16, 16), np.float32)
    assert np.isfinite(X).all()
    assert make(random_state=0).shape[0] == 100


@each_maker
@pytest.mark.parametrize("image_size", [16, 80])
def test_fewer_samples_are_the_first_ones_of_more(make, image_size):
    X = make(70, image_size, random_state=0)
    np.testing.assert_array_equal(make(5, image_size, random_state=0), X[:5])
    assert not np.array_equal(make(5, image_size, random_state=1), X[:5])


@each_maker
def test_a_generator_goes_on(make):
    rng = np.random.RandomState(0)
    first, second = make(2, 16, random_state=rng), make(2, 16, random_state=rng)
    np.testing.assert_array_equal(first, make(2, 16, random_state=0))
    assert not np.array_equal(first, second)


@each_maker
def test_signature(make):
    parameters = inspect.signature(make).parameters
    assert list(parameters)[:2] == ["n_samples", "image_size"]
    assert parameters["n_samples"].default == 100
    assert list(parameters)[-1] == "random_state"
    for name, wrong in [("n_samples", 0), ("image_size", 1.5), ("random_state", "a")]:
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            make(**{name: wrong})


@each_maker
def test_parameters_are_float64(make):
    if "return_parameters" not in inspect.signature(make).parameters:
        pytest.skip("has no parameters to return")
    X, parameters = make(4, 16, return_parameters=True, random_state=0)
    assert (len(parameters), parameters.dtype) == (4, np.float64)
    np.testing.assert_array_equal(X, make(4, 16, random_state=0))
