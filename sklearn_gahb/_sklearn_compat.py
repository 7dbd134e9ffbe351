"""All private imports from scikit-learn, in one file."""

import inspect
from functools import partial, wraps
from numbers import Integral, Real

import numpy as np
import sklearn.base
from sklearn.base import _fit_context
from sklearn.utils import _param_validation, _set_output
from sklearn.utils._param_validation import (  # noqa: F401
    HasMethods,
    Options,
    StrOptions,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight  # noqa: F401


class Interval(_param_validation.Interval):
    """Numbers of an interval. Booleans are no numbers, because `True` is a slip."""

    def is_satisfied_by(self, val):
        is_boolean = isinstance(val, bool | np.bool_)
        return not is_boolean and super().is_satisfied_by(val)


def at_least(number):
    """Constraint on integers: at least `number`."""
    return Interval(Integral, number, None, closed="left")


# Sums of squares of larger numbers could overflow in float32.
LARGEST = 1e15
POSITIVE = Interval(Real, 0, LARGEST, closed="right")
NOT_NEGATIVE = Interval(Real, 0, LARGEST, closed="both")
FRACTION = Interval(Real, 0, 1, closed="right")
FROM_0_TO_1 = Interval(Real, 0, 1, closed="both")
COUNT = at_least(1)
SHAPE = [tuple, list, None]
DATA_RANGE = [POSITIVE, tuple, list, None]
# Function parameters that have the same meaning in every function.
SHARED = {
    "average": ["boolean"],
    "batch_size": [COUNT, None],
    "callback": [callable, None],
    "data_range": DATA_RANGE,
    "download_if_missing": ["boolean"],
    "fraction": [FRACTION],
    "image_shape": SHAPE,
    "image_size": [COUNT],
    "keep_every": [COUNT, None],
    "n_probes": [COUNT, None],
    "n_samples": [COUNT],
    "noise_std": [POSITIVE],
    "random_state": ["random_state"],
    "return_trajectory": ["boolean"],
}

fit_context = partial(_fit_context, prefer_skip_nested_validation=True)
validate_parameters = _param_validation.validate_parameter_constraints


def validate_params(**constraints):
    """Check the arguments of a function against `constraints` and `SHARED`."""

    def decorate(function):
        names = inspect.signature(function).parameters
        shared = {name: SHARED[name] for name in names if name in SHARED}

        @wraps(function)
        def call(*args, **kwargs):
            # Arithmetic of NumPy integers can overflow.
            args = [python_integer(value) for value in args]
            kwargs = {name: python_integer(value) for name, value in kwargs.items()}
            return function(*args, **kwargs)

        return _param_validation.validate_params(
            shared | constraints, prefer_skip_nested_validation=True
        )(call)

    return decorate


def python_integer(value):
    """Return a NumPy integer as an int, and everything else unchanged."""
    return int(value) if isinstance(value, np.integer) else value


def output_container(estimator):
    """Return what `transform` returns: "default", "pandas" or "polars"."""
    return _set_output._get_output_config("transform", estimator)["dense"]


def has_callbacks(estimator):
    """Whether the estimator itself has callbacks."""
    return bool(getattr(estimator, "_skl_callbacks", []))


class BaseEstimator(sklearn.base.BaseEstimator):
    """Base class whose HTML representation links to our documentation."""

    _doc_link_module = "sklearn_gahb"
    _doc_link_template = (
        "https://sklearn-gahb.readthedocs.io/en/latest/generated/"
        "sklearn_gahb.{estimator_name}.html"
    )
