"""What no estimator and no function may do with any input."""

import re
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn
import torch
from generated import arrays_in

import sklearn_gahb

OURS = str(Path(sklearn_gahb.__file__).parent)
VALIDATION = str(Path(sklearn.__file__).parent)
CALLERS = str(Path(__file__).parent)


@dataclass
class Refused:
    """The message of an error that a call may raise."""

    message: str


def outcome(call):
    """Return the result of a call, or Refused; fail on a surprising error or warning.

    An error has to be a ValueError or a TypeError, and has to come from a check of this
    package or of scikit-learn. Warnings of NumPy about overflows or divisions are
    surprises, too.
    """
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        try:
            result = call()
        except (ValueError, TypeError) as error:
            check_error(error)
            result = Refused(str(error))
        except Exception as error:
            raise AssertionError(f"surprising {error!r}") from error
    # scikit-learn adds up values to find infinite ones, with warnings.
    for record in [] if isinstance(result, Refused) else records:
        assert issubclass(record.category, UserWarning), str(record)
        assert record.filename.startswith(CALLERS), f"points to our code: {record}"
    return result


def check_error(error):
    """Check that an error comes from a check of arguments, and names one of them."""
    if not traceback.extract_tb(error.__traceback__)[-1].filename.startswith(
        (OURS, VALIDATION)
    ):
        raise AssertionError("raw error") from error
    names, last = {"image", "images", "array"}, None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.startswith(OURS):
            names |= frame.f_locals.keys()
            names |= getattr(frame.f_locals.get("self"), "__dict__", {}).keys()
        last = frame.f_code.co_filename
    # The messages of scikit-learn do not always name X.
    if last.startswith(OURS):
        is_named = names & set(re.findall(r"\w+", str(error)))
        assert is_named, f"{error!r} does not name what is wrong"


def bytes_of(images):
    """Return the dtypes, shapes and values of images in any container."""
    if isinstance(images, list):
        return [bytes_of(one) for one in images]
    if isinstance(images, torch.Tensor):
        images = images.detach().numpy()
    if not isinstance(images, np.ndarray):
        return repr(images)
    values = repr(images.tolist()) if images.dtype == object else images.tobytes()
    return images.dtype.str, images.shape, images.strides, values


def state_of(estimator):
    """Return the attributes of an estimator, to be compared by `same_state`."""
    return dict(vars(estimator))


def same_state(estimator, before):
    """Whether the attributes of an estimator are the same objects as before."""
    after = vars(estimator)
    return after.keys() == before.keys() and all(
        after[name] is before[name] for name in before
    )


def check_layout(result, images):
    """Check the container, shapes, dtypes and values of denoised images."""
    assert isinstance(result, list) == isinstance(images, list)
    pairs = zip(arrays_in(result), arrays_in(images), strict=True)
    for found, given in pairs:
        assert torch.is_tensor(found) == torch.is_tensor(given)
        assert found.shape == given.shape
        name = str(given.dtype).removeprefix("torch.").lstrip("<>=")
        wide = {"float64", "int32", "int64", "f8", "i4", "i8", "float128", "longdouble"}
        expected = "float64" if name in wide else "float32"
        assert str(found.dtype).removeprefix("torch.") == expected, (name, found.dtype)
        assert not getattr(found, "requires_grad", False)
        assert np.isfinite(np.asarray(found)).all(), "not finite"


def largest(images):
    """Return the largest absolute value in an array, or in a list of arrays."""
    return max(
        float(np.abs(np.asarray(one, dtype=float)).max()) for one in arrays_in(images)
    )


def check_close(found, expected, scale, rtol):
    """Check that images are the same, up to rounding at values of size `scale`."""
    pairs = zip(arrays_in(found), arrays_in(expected), strict=True)
    for one, other in pairs:
        one, other = (np.asarray(x, dtype=np.float64) for x in (one, other))
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale)
