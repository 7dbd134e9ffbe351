"""Memorise or generalise: estimators fitted on disjoint subsets."""

import warnings
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from .._images import as_images, check_numbers
from ..denoisers._as_denoise import unwrap
from ..sampling import density_gap
from ._fit_one import check_estimator, denoise_at_levels, fit_one
from ._measures import (
    agreement,
    mean_square,
    model_variance,
    regimes,
    squared_bias,
    transition_size,
)
from ._store import Store, fingerprint, task_key
from ._subsets import (
    DuplicateWarning,
    closest_row,
    disjoint_subsets,
    mean_free_unit_rows,
)

# Of train over test PSNR in dB: memorising above, generalising below.
LARGEST_GAP, SMALLEST_GAP = 3.0, 1.0
# What a fit without `optimal` or `n_samples` does not have.
OPTIONAL = (
    "bias_",
    "optimal_mse_",
    "density_gap_",
    "samples_",
    "closest_",
    "sample_similarity_",
    "train_similarity_",
    "test_similarity_",
    "subset_similarity_",
    "transition_size_",
)


class GeneralizationAnalyzer(BaseEstimator):
    r"""Compare denoisers that were fitted on disjoint subsets of growing size.

    Two denoisers that memorise their training images return different things for the
    same noisy image; two that have learned the density behind the images agree [1]_.
    For each size, clones of the estimator are fitted on subsets that share no image,
    and applied to the same noisy images.

    Parameters
    ----------
    estimator : estimator
        A denoiser, or a pipeline or search that ends in one and adds no noise itself.
        It is fitted on clean images alone, with the same number of steps for every
        size. Its `random_state` is replaced, by another one for each fit.
    train_sizes : array-like of int, default=(1, 10, 100, 1000, 10000)
        Numbers of training images, increasing. Smaller subsets are part of larger ones.
    n_subsets : int, default=2
        Number of disjoint subsets of each size, at least 2.
    noise_std : float or array-like of shape (n_levels,), default=0.1
        Noise levels to test at, in the units of the images. Denoisers that use the
        level are told it.
    n_samples : int, default=0
        Number of images to draw from each denoiser, from the same noise. 0 draws none,
        and leaves the similarities out.
    optimal : estimator, default=None
        Fitted or not, the best possible denoiser of such images, if it is known; fitted
        on `X_test` if it is not fitted.
    n_train_images : int, default=500
        Number of training images of each subset that the training PSNR is measured on.
    duplicate_threshold : float, default=0.95
        Cosine of mean-free images from which they are near-duplicates.
    duplicates : {"warn", "remove"}, default="warn"
        Whether near-duplicates of images in another subset are reported, or left out.
    n_jobs : int, default=None
        Number of fits at the same time, by :class:`joblib.Parallel`, which
        :func:`joblib.parallel_config` hands to another backend. Leave it at None for
        networks on one GPU.
    checkpoint_dir : str or path-like, default=None
        Folder that keeps every finished fit. A second call with the same data,
        parameters and versions takes them from there. The files are pickles: use
        folders that you trust.
    random_state : int, RandomState instance or None, default=None
        Determines subsets, fits, noise and samples. Pass an int to make use of
        `checkpoint_dir`.

    Attributes
    ----------
    train_sizes_ : ndarray of shape (n_sizes,)
        Sizes in use.
    noise_std_ : ndarray of shape (n_levels,)
        Noise levels in use.
    subsets_ : ndarray of int of shape (n_subsets, largest size)
        Indices of the training images; the first ones are the smaller subsets.
    n_duplicates_ : ndarray of int of shape (n_subsets,)
        Near-duplicates of images in earlier subsets, that were left out or reported.
    estimators_ : list of list of estimators
        The fitted ones, by size and subset.
    train_psnr_, test_psnr_ : ndarray of shape (n_sizes, n_subsets, n_levels)
        Mean PSNR in dB on training images and on `X_test`.
    psnr_gap_ : ndarray of shape (n_sizes,)
        Their difference, averaged over subsets and levels.
    agreement_ : ndarray of shape (n_sizes, n_levels)
        PSNR in dB between the outputs of different subsets on the same noisy test
        images.
    variance_ : ndarray of shape (n_sizes, n_levels)
        Variance of the model, half the mean squared distance between these outputs, per
        value.
    bias_ : ndarray of shape (n_sizes, n_levels)
        Squared bias, per value: with `variance_` the mean squared distance from the
        outputs of `optimal`. Only if that is given.
    optimal_mse_ : ndarray of shape (n_levels,)
        Mean squared error of `optimal` on the test images. Only if that is given.
    density_gap_ : ndarray of shape (n_sizes, n_subsets)
        Bound on the Kullback-Leibler divergence in nats, over the levels, see
        :func:`~sklearn_gahb.sampling.density_gap`. Only if `optimal` is given and there
        are at least three levels.
    samples_ : list of ndarray of shape (n_subsets, n_samples, ...)
        Images drawn from the denoisers of each size. Only if `n_samples` is positive,
        as what follows.
    closest_ : list of ndarray of shape (n_subsets, n_samples, ...)
        Training image of its subset that is closest to each sample.
    sample_similarity_ : ndarray of shape (n_sizes, n_samples)
        Cosine of mean-free samples of the first two subsets.
    train_similarity_ : ndarray of shape (n_sizes, n_subsets, n_samples)
        Cosine of each sample with the closest training image.
    test_similarity_ : ndarray of shape (n_sizes, n_subsets, n_samples)
        The same with the closest image of `X_test`.
    subset_similarity_ : list of ndarray of shape (n_images,)
        Baseline of each size: cosine of up to 500 training images of the first subset
        with the closest one of the second.
    regime_ : ndarray of str of shape (n_sizes,)
        "memorising" where `psnr_gap_` is above 3 dB; "generalising" where it is under 1
        dB and the agreement, averaged over levels, is above the test PSNR; else "in
        transition".
    transition_size_ : float
        Smallest size from which on samples of two subsets are closer to each other than
        to their training images, in the mean; nan if there is none.
    results_ : dict of str to ndarray
        All measures in columns, one row a size, subset and level, for
        ``pandas.DataFrame(analyzer.results_)``.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> from sklearn_gahb import EmpiricalDenoiser, GeneralizationAnalyzer
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X = make_disk_images(450, 16, random_state=0)
    >>> analyzer = GeneralizationAnalyzer(
    ...     EmpiricalDenoiser(), (1, 10, 100), duplicates="remove", random_state=0
    ... )
    >>> analyzer.fit(X[:400], X_test=X[400:]).regime_.tolist()
    ['memorising', 'memorising', 'memorising']
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "get_params"])],
        "train_sizes": ["array-like"],
        "n_subsets": [Interval(Integral, 2, None, closed="left")],
        "noise_std": ["array-like", Interval(Real, 0, None, closed="neither")],
        "n_samples": [Interval(Integral, 0, None, closed="left")],
        "optimal": [HasMethods(["fit", "transform"]), None],
        "n_train_images": [Interval(Integral, 1, None, closed="left")],
        "duplicate_threshold": [Interval(Real, 0, 1, closed="right")],
        "duplicates": [StrOptions({"warn", "remove"})],
        "n_jobs": [Integral, None],
        "checkpoint_dir": "no_validation",
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        train_sizes=(1, 10, 100, 1000, 10000),
        n_subsets=2,
        *,
        noise_std=0.1,
        n_samples=0,
        optimal=None,
        n_train_images=500,
        duplicate_threshold=0.95,
        duplicates="warn",
        n_jobs=None,
        checkpoint_dir=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.train_sizes = train_sizes
        self.n_subsets = n_subsets
        self.noise_std = noise_std
        self.n_samples = n_samples
        self.optimal = optimal
        self.n_train_images = n_train_images
        self.duplicate_threshold = duplicate_threshold
        self.duplicates = duplicates
        self.n_jobs = n_jobs
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, groups=None, X_test=None):
        """Fit the estimator on subsets, and measure.

        Parameters
        ----------
        X : array-like
            Clean images of one size, in a layout that the estimator accepts.
        y : Ignored
            Not used, present here for API consistency by convention.
        groups : array-like of shape (n_images,), default=None
            Images of one group, such as patches of one photograph, are never in
            different subsets.
        X_test : array-like, default=None
            Clean images to test on. None takes images of `X` that are in no subset, up
            to 500.

        Returns
        -------
        self : object
            The fitted analyzer.

        Raises
        ------
        ValueError
            If there are too few images, or an argument is out of its range.
        TypeError
            If the estimator has no `transform`.
        """
        check_estimator(self.estimator)
        sizes = check_sizes(self.train_sizes)
        levels = check_levels(self.noise_std)
        rng = check_random_state(self.random_state)
        numbers = check_numbers(X, estimator=self)
        images = as_images(numbers, image_shape=(1, -1))
        if len(images.sizes) > 1 or images.is_list:
            raise ValueError("X must be an array of images of one size.")
        if groups is not None and len(groups) != len(images):
            raise ValueError(
                f"groups has {len(groups)} entries, and X {len(images)} images."
            )
        subsets, n_duplicates = disjoint_subsets(
            images,
            self.n_subsets,
            sizes[-1],
            groups=groups,
            threshold=self.duplicate_threshold,
            remove=self.duplicates == "remove",
            rng=rng,
        )
        if n_duplicates.any() and self.duplicates == "warn":
            warnings.warn(
                f"{n_duplicates.sum()} of {subsets.size} training images are nearly "
                "those of another subset (cosine of mean-free images above "
                f"{self.duplicate_threshold}); duplicates='remove' leaves them out.",
                DuplicateWarning,
                stacklevel=2,
            )
        test = self._test_images(numbers, subsets, X_test, rng)
        noise_seed = int(rng.randint(2**31 - 1))
        results = self._fit_all(
            numbers, images, subsets, sizes, levels, test, noise_seed, rng
        )
        self.train_sizes_, self.noise_std_ = sizes, levels
        self.subsets_, self.n_duplicates_ = subsets, n_duplicates
        self.estimators_ = [[one.estimator for one in row] for row in results]
        self._measure(results, test, levels, noise_seed)
        if self.n_samples:
            self._compare_samples(images, test, int(rng.randint(2**31 - 1)))
        self._tabulate()
        return self

    def _test_images(self, numbers, subsets, X_test, rng):
        if X_test is not None:
            return check_numbers(X_test, "X_test", self)
        left = np.setdiff1d(np.arange(len(numbers)), subsets)
        if not len(left):
            raise ValueError(
                f"All {len(numbers)} images in X are in a subset, and none is left to "
                "test on: pass X_test."
            )
        return numbers[rng.permutation(left)[:500]]

    def _fit_all(self, numbers, images, subsets, sizes, levels, test, seed, rng):
        store = Store(self.checkpoint_dir)
        data = ""
        if self.checkpoint_dir is not None:
            tested = as_images(test, image_shape=(1, -1))
            data = f"{fingerprint(images)} {fingerprint(tested)} {levels.tolist()} "
            data += f"{seed} {self.n_train_images}"
        tasks = []
        for size in sizes:
            for subset in subsets:
                indices = subset[:size]
                estimator = seeded_clone(self.estimator, rng)
                key = task_key(estimator, data, indices)
                tasks.append((estimator, indices, key))
        results = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_one)(
                estimator,
                numbers[indices],
                test,
                levels,
                seed,
                self.n_train_images,
                store,
                key,
            )
            for estimator, indices, key in tasks
        )
        n = self.n_subsets
        return [results[i * n : (i + 1) * n] for i in range(len(sizes))]

    def _measure(self, results, test, levels, seed):
        self.train_psnr_, self.test_psnr_ = (
            np.array([[getattr(r, name).mean(axis=1) for r in row] for row in results])
            for name in ("train_psnr", "test_psnr")
        )
        self.psnr_gap_ = (self.train_psnr_ - self.test_psnr_).mean(axis=(1, 2))
        outputs = [[r.test_outputs for r in row] for row in results]
        self.agreement_ = np.array([agreement(row) for row in outputs])
        self.variance_ = np.array([model_variance(row) for row in outputs])
        self.regime_ = regimes(
            self.psnr_gap_,
            self.agreement_.mean(axis=1),
            self.test_psnr_.mean(axis=(1, 2)),
            largest_gap=LARGEST_GAP,
            smallest_gap=SMALLEST_GAP,
        )
        for name in OPTIONAL:
            vars(self).pop(name, None)
        if self.optimal is None:
            return
        best = self.optimal
        if not hasattr(unwrap(best), "n_channels_in_"):
            best = clone(best).fit(test)
        optimum = np.stack(denoise_at_levels(best, test, levels, seed))
        self.bias_ = np.array([squared_bias(row, optimum) for row in outputs])
        clean = as_images(test, image_shape=(1, -1))
        targets = np.asarray(clean.map(lambda x: x))
        best_errors = mean_square(optimum - targets)
        self.optimal_mse_ = best_errors.mean(axis=1)
        if len(levels) >= 3:
            order = np.argsort(levels)
            self.density_gap_ = np.array(
                [
                    [
                        density_gap(
                            mean_square(one - targets)[order],
                            best_errors[order],
                            levels[order],
                            n_values=int(np.prod(targets.shape[1:])),
                        ).gap
                        for one in row
                    ]
                    for row in outputs
                ]
            )

    def _compare_samples(self, images, test, seed):
        tested = as_images(test, image_shape=(1, -1))
        test_rows = mean_free_unit_rows(tested, np.arange(len(tested)))
        shown = images.data
        self.samples_, self.closest_ = [], []
        between, to_train, to_test, baseline = [], [], [], []
        for size, row in zip(self.train_sizes_, self.estimators_, strict=True):
            samples = np.stack(
                [unwrap(e).sample(self.n_samples, random_state=seed) for e in row]
            )
            rows = [
                mean_free_unit_rows(
                    as_images(one, image_shape=(1, -1)), np.arange(len(one))
                )
                for one in samples
            ]
            train = [mean_free_unit_rows(images, s[:size]) for s in self.subsets_]
            self.samples_.append(samples)
            between.append((rows[0] * rows[1]).sum(axis=1))
            similarities, which = zip(
                *(closest_row(*pair) for pair in zip(rows, train, strict=True)),
                strict=True,
            )
            to_train.append(similarities)
            self.closest_.append(
                np.stack(
                    [
                        shown[subset[:size]][indices]
                        for subset, indices in zip(self.subsets_, which, strict=True)
                    ]
                )
            )
            to_test.append([closest_row(one, test_rows)[0] for one in rows])
            baseline.append(closest_row(train[0][:500], train[1])[0])
        self.sample_similarity_ = np.array(between)
        self.train_similarity_ = np.array(to_train)
        self.test_similarity_ = np.array(to_test)
        self.subset_similarity_ = baseline
        self.transition_size_ = transition_size(
            self.train_sizes_,
            self.sample_similarity_.mean(axis=1),
            self.train_similarity_.mean(axis=(1, 2)),
        )

    def _tabulate(self):
        shape = self.test_psnr_.shape
        size, subset, level = (index.ravel() for index in np.indices(shape))
        self.results_ = {
            "train_size": self.train_sizes_[size],
            "subset": subset,
            "noise_std": self.noise_std_[level],
            "train_psnr": self.train_psnr_.ravel(),
            "test_psnr": self.test_psnr_.ravel(),
            "agreement": self.agreement_[size, level],
            "variance": self.variance_[size, level],
            "regime": self.regime_[size],
        }
        if hasattr(self, "bias_"):
            self.results_["bias"] = self.bias_[size, level]
        if self.n_samples:
            similarity = self.sample_similarity_.mean(axis=1)
            self.results_["sample_similarity"] = similarity[size]
            similarity = self.train_similarity_.mean(axis=2)
            self.results_["train_similarity"] = similarity[size, subset]


def check_sizes(train_sizes):
    """An increasing array of positive whole numbers."""
    sizes = np.asarray(train_sizes)
    if (
        sizes.ndim != 1
        or not len(sizes)
        or sizes.dtype.kind not in "iu"
        or sizes[0] < 1
        or (np.diff(sizes) <= 0).any()
    ):
        raise ValueError(
            f"train_sizes={train_sizes!r} must be increasing whole numbers from 1 on."
        )
    return sizes


def check_levels(noise_std):
    """An array of positive noise levels."""
    levels = np.atleast_1d(np.asarray(noise_std, dtype=np.float64))
    if levels.ndim != 1 or not len(levels) or not (levels > 0).all():
        raise ValueError(f"noise_std={noise_std!r} must be positive numbers.")
    return levels


def seeded_clone(estimator, rng):
    """Clone whose parameters `random_state`, nested ones too, are new ints."""
    copy = clone(estimator)
    names = [
        name
        for name in sorted(copy.get_params(deep=True))
        if name == "random_state" or name.endswith("__random_state")
    ]
    return copy.set_params(**{name: int(rng.randint(2**31 - 1)) for name in names})
