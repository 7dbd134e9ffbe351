"""Checks of what an analyzer is given."""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from .._images import as_images, check_numbers, is_images, is_tensor
from .._units import check_same_units, complaint_of_level
from ..denoisers._as_denoise import unwrap
from ..noise import GaussianNoise


def check_estimator(estimator, n_samples):
    """Raise an error unless an estimator can be cloned, fitted, applied and sampled."""
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator={estimator.__name__} is a class; pass an instance, "
            f"{estimator.__name__}()."
        )
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not hasattr(estimator, "fit") or not hasattr(last, "transform"):
        raise TypeError(
            f"estimator={estimator!r} must have fit and transform, as denoisers have."
        )
    inner = [estimator, *estimator.get_params(deep=True).values()]
    if any(isinstance(one, FrozenEstimator) for one in inner):
        raise TypeError(
            "estimator is, or holds, a FrozenEstimator, which does not learn from the "
            "subsets: there is nothing to compare."
        )
    if any(isinstance(one, GaussianNoise) for one in inner):
        raise ValueError(
            "The pipeline adds noise itself (its step GaussianNoise), and so does the "
            "analyzer: pass its last step alone, pipeline[-1]."
        )
    if n_samples and not hasattr(unwrap(estimator), "sample"):
        raise TypeError(
            f"n_samples={n_samples} needs a denoiser that draws samples, and "
            f"{type(estimator).__name__} has no method sample; set n_samples=0."
        )


def check_stack(X, name, analyzer):
    """Images of one size as an array, in memory of the CPU; or an error."""
    numbers = check_numbers(X, name, analyzer)
    if isinstance(numbers, list):
        raise ValueError(
            f"{name} is a list of {len(numbers)} images; it must be an array of images "
            "of one size, such as patches of photographs."
        )
    as_images(numbers, image_shape=(1, -1), name=name)
    if is_tensor(numbers):
        small = numbers.is_floating_point() and numbers.element_size() < 4
        numbers = (numbers.float() if small else numbers).cpu().numpy()
    return numbers


def check_no_images(y):
    """Raise a ValueError if y holds images: which would be the clean ones?"""
    if is_images(y):
        raise ValueError(
            "y holds images; GeneralizationAnalyzer takes clean images alone, fit(X), "
            "and adds the noise itself. Pass images to test on as X_test=."
        )


def check_rows(X, estimator):
    """Raise a ValueError if X are rows, and the estimator has no shape for them."""
    denoiser = unwrap(estimator)
    if X.ndim == 2 and hasattr(denoiser, "image_shape"):
        as_images(X, denoiser.image_shape)


def check_test_stack(X_test, X, analyzer):
    """Test images of the size of those in X, as an array; or an error."""
    X_test = check_stack(X_test, "X_test", analyzer)
    if X_test.shape[1:] != X.shape[1:]:
        raise ValueError(
            f"X_test has images of shape {X_test.shape[1:]}, and X of {X.shape[1:]}. "
            "Pass a single image as X_test[None]."
        )
    check_same_units(as_images(X, (1, -1)), as_images(X_test, (1, -1), "X_test"))
    return X_test


def check_units_of_levels(levels, X):
    """Raise a ValueError for levels such as 25 where images are in [0, 1]."""
    complaint = complaint_of_level(levels.max(), X.dtype)
    if complaint is not None:
        raise ValueError(complaint)


def check_sizes(train_sizes):
    """An increasing array of positive whole numbers."""
    sizes = np.asarray(train_sizes)
    if (
        sizes.ndim != 1
        or not len(sizes)
        or sizes.dtype.kind not in "iuf"
        or (sizes % 1 != 0).any()
        or sizes.min() < 1
        or (np.diff(sizes.astype(np.int64)) <= 0).any()
    ):
        raise ValueError(
            f"train_sizes={train_sizes!r} must be increasing whole numbers from 1 on."
        )
    return sizes.astype(np.int64)


def check_levels(noise_std):
    """An array of positive noise levels, each one once."""
    levels = np.atleast_1d(np.asarray(noise_std, dtype=np.float64))
    if (
        levels.ndim != 1
        or not len(levels)
        or not ((levels > 0) & np.isfinite(levels)).all()
        or len(np.unique(levels)) < len(levels)
    ):
        raise ValueError(
            f"noise_std={noise_std!r} must be positive numbers, each one once."
        )
    return levels
