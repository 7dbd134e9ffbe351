"""Design of a study: its training sets, test images and noise levels."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from .._tensors import is_tensor
from .._warnings import warn
from ..images import ONE_LINE, check_images
from ..noise.gaussian import check_adds_no_noise, check_noise_levels
from ..units import check_same_units, data_range_of, warn_of_noise_std
from . import _subsets

# Maximum number of test images drawn from X if the user passes no X_test.
N_TEST_IMAGES = 500


@dataclass(frozen=True)
class Design:
    """Training sets, test images, noise levels and seeds of a study.

    Attributes
    ----------
    X : ndarray of shape (n_images, ...)
        Clean images.
    train_sizes : ndarray of int of shape (n_sizes,)
    subsets : ndarray of int of shape (n_subsets, largest size)
        Indices of the training images in `X`. The first ``size`` entries of a row are
        the training set of this size.
    n_duplicates : ndarray of int of shape (n_subsets,)
        For each subset, the number of images that have a near-duplicate in an earlier
        subset, whether these images were removed or kept.
    X_test : ndarray of shape (n_test_images, ...)
        Clean images to test on.
    tested : ndarray of int
        Indices of the test images in `X`. Empty if the user passed the test images.
    n_test_duplicates : int
        Number of candidate test images that have a near-duplicate in a training set,
        whether these candidates were removed or kept.
    noise_std : ndarray of shape (n_levels,)
        Noise levels.
    data_range : float, tuple of (float, float) or None
        Data range of the estimator.
    fit_seed, noise_seed, sample_seed : int
    """

    X: np.ndarray
    train_sizes: np.ndarray
    subsets: np.ndarray
    n_duplicates: np.ndarray
    X_test: np.ndarray
    tested: np.ndarray
    n_test_duplicates: int
    noise_std: np.ndarray
    data_range: float | tuple | None
    fit_seed: int
    noise_seed: int
    sample_seed: int

    def train_images(self):
        """Training images by training size and subset."""
        return [[self.X[s[:size]] for s in self.subsets] for size in self.train_sizes]


def make_design(analyzer, X, X_test, groups, subsets):
    """Check the arguments of an analyzer and draw the subsets and test images.

    Parameters
    ----------
    analyzer : GeneralizationAnalyzer
        Analyzer that provides the training sizes, the noise levels, the treatment of
        near-duplicates and the seed.
    X, X_test, groups, subsets
        Arguments of ``analyzer.fit``.
    """
    rng = check_random_state(analyzer.random_state)
    sizes = check_sizes(analyzer.train_sizes)
    levels = check_noise_levels(analyzer.noise_std)
    X = check_stack(X, "X")
    data_range = data_range_of(analyzer.estimator, *(analyzer.theories or {}).values())
    images = check_images(X, ONE_LINE, data_range=data_range)
    for level in levels.min(), levels.max():
        warn_of_noise_std(float(level), images)
    groups = _subsets.check_groups(groups, len(X))
    if subsets is None:
        pools = _subsets.draw_pools(len(X), groups, analyzer.n_subsets, rng)
    else:
        pools = _subsets.check_pools(subsets, len(X), groups, analyzer.n_subsets)
    rule = analyzer.duplicates, analyzer.duplicate_threshold
    subsets, n_duplicates = _subsets.disjoint_subsets(X, pools, sizes[-1], *rule)
    seeds = rng.randint(2**31 - 1, size=3).tolist()
    order, is_left_over = rng.permutation(len(X)), X_test is None
    if is_left_over:
        tested = _subsets.left_for_test(order, subsets, groups)
        X_test, n_candidates = X[tested], N_TEST_IMAGES
    else:
        X_test = check_test_stack(X_test, X)
        n_candidates = len(X_test)
    chosen, n_test_duplicates = _subsets.choose_test_images(
        X_test, [X[subset] for subset in subsets], n_candidates, *rule
    )
    if analyzer.duplicates == "warn" and (n_duplicates.any() or n_test_duplicates):
        warn(
            f"{n_duplicates.sum()} training images are near-duplicates of images in "
            f"another subset, and {n_test_duplicates} test images are near-duplicates "
            "of training images (cosine of mean-free images above "
            f"{analyzer.duplicate_threshold}). Set duplicates='remove' to leave them "
            "out.",
            _subsets.DuplicateWarning,
        )
    return Design(
        X,
        sizes,
        subsets,
        n_duplicates,
        X_test[chosen],
        tested[chosen] if is_left_over else np.empty(0, dtype=int),
        n_test_duplicates,
        levels,
        data_range,
        *seeds,
    )


def check_estimator(estimator, name="estimator"):
    """Raise an error if an estimator cannot be cloned, fitted or applied."""
    if isinstance(estimator, type):
        raise TypeError(
            f"{name}={estimator.__name__} is a class; pass an instance, "
            f"{estimator.__name__}()."
        )
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not hasattr(estimator, "fit") or not hasattr(last, "transform"):
        raise TypeError(
            f"{name}={estimator!r} must have fit and transform; pass a denoiser, or "
            "a pipeline or search that ends in one."
        )
    inner = [estimator, *estimator.get_params(deep=True).values()]
    if any(isinstance(one, FrozenEstimator) for one in inner):
        raise TypeError(
            f"{name} is or contains a FrozenEstimator, which does not learn from the "
            "subsets; pass the estimator without the FrozenEstimator."
        )
    check_adds_no_noise(estimator, "the analyzer")
    has_steps = isinstance(estimator, Pipeline) and len(estimator.steps) > 1
    parameters = estimator.get_params(deep=True).items()
    if has_steps and any(key.endswith("__checkpoints") and v for key, v in parameters):
        raise ValueError(
            f"{name} is a pipeline with a network that has checkpoints, but the "
            "analyzer can only measure the checkpoints of the network itself. Pass the "
            "network without the pipeline, or set checkpoints=()."
        )
    if any(getattr(one, "supervision", None) == "noisy" for one in inner):
        raise ValueError(
            f"The analyzer fits on clean images, but {name} has "
            "supervision='noisy'. Set supervision='clean'."
        )


def check_theories(theories):
    """Raise an error unless the theories are a dict of denoisers by name."""
    if not all(isinstance(name, str) and name for name in theories):
        raise ValueError(
            f"theories has the keys {list(theories)!r}; expected names, such as "
            "{'local': LocalPosteriorDenoiser()}."
        )
    for name in theories:
        if f"change_{name}" in theories:
            raise ValueError(
                f"theories has the names {name!r} and 'change_{name}', which give two "
                f"columns of results_ the name 'explained_change_{name}'. Rename one."
            )
    for name, theory in theories.items():
        check_estimator(theory, f"theories[{name!r}]")


def check_stack(X, name):
    """Return images of one size as an array in CPU memory, or raise an error."""
    images = check_images(X, ONE_LINE, name=name)
    if images.is_list:
        raise ValueError(
            f"{name} is a list of {len(images)} images; expected an array of images of "
            "one size, such as patches of photographs."
        )
    X = images.data
    if is_tensor(X):
        small = X.is_floating_point() and X.element_size() < 4
        X = (X.float() if small else X).cpu().numpy()
    return X


def check_test_stack(X_test, X):
    """Return the test images as an array, or raise an error if they do not fit X."""
    X_test = check_stack(X_test, "X_test")
    if X_test.shape[1:] != X.shape[1:]:
        raise ValueError(
            f"X_test has images of shape {X_test.shape[1:]}, but X has images of shape "
            f"{X.shape[1:]}; the shapes must be equal. Pass a single image as "
            "X_test[None]."
        )
    images, test_images = check_images(X, ONE_LINE), check_images(X_test, ONE_LINE)
    check_same_units(images, replace(test_images, name="X_test"))
    return X_test


def check_sizes(train_sizes):
    """Return the sizes as an array of integers, or raise a ValueError."""
    sizes = np.asarray(train_sizes)
    if sizes.ndim == 1 and sizes.size and sizes.dtype.kind in "iuf":
        whole = sizes.astype(np.int64)
        if (whole == sizes).all() and (np.diff(whole, prepend=0) > 0).all():
            return whole
    raise ValueError(
        f"train_sizes={train_sizes!r} must be increasing positive integers."
    )
