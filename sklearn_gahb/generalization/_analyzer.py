"""Memorise or generalise: estimators fitted on disjoint subsets."""

import socket
from itertools import chain
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed

from .._doc_link import DOC_LINK_MODULE, DOC_LINK_TEMPLATE
from .._images import as_images
from .._warnings import warn
from ..denoisers._as_denoise import unwrap
from ..denoisers._together import check_fits_together
from ._checks import (
    check_estimator,
    check_levels,
    check_no_images,
    check_rows,
    check_sizes,
    check_stack,
    check_test_stack,
    check_units_of_levels,
)
from ._keys import digest, estimator_key, fingerprint
from ._measures import (
    agreement,
    density_gaps,
    mean_square,
    model_variance,
    psnr_gap,
    regimes,
    squared_bias,
    transition_size,
)
from ._similarity import compare_samples, mean_free_unit_rows
from ._store import Store
from ._subsets import (
    DuplicateWarning,
    check_groups,
    check_pools,
    choose_test_images,
    disjoint_subsets,
    draw_pools,
    left_for_test,
)
from ._tasks import (
    Sweep,
    Task,
    optimal_outputs,
    reshape_rows,
    run_tasks,
    split_into_passes,
)

# Images to test on, of those that are left where none are given.
N_TEST_IMAGES = 500
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


class GeneralizationAnalyzer(CallbackSupportMixin, BaseEstimator):
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
        The best possible denoiser of such images, if it is known. One that is not
        fitted is fitted on the images of `X` that are not tested on.
    n_train_images : int, default=500
        Number of training images of each subset that the training PSNR is measured on;
        of few it is measured with several draws of noise.
    duplicate_threshold : float, default=0.95
        Cosine of mean-free images above which they are near-duplicates.
    duplicates : {"warn", "remove", "ignore"}, default="warn"
        Whether near-duplicates are reported, left out or not looked for: training
        images that are nearly those of another subset, and test images that are nearly
        training images. Classes of images with few degrees of freedom are full of them.
    n_jobs : int, default=None
        Number of fits at the same time, by :class:`joblib.Parallel`; -1 means one a
        processor. None means one after another, each with all threads, unless a
        :func:`joblib.parallel_config` says otherwise: it is the choice for networks on
        one GPU, which several processes would have to share.
    n_together : int, default=1
        Number of networks to train in one pass, side by side; the result is the same up
        to rounding, which grows over the steps to some hundredths of a dB. On a CPU
        small networks spend most of their time on beginning operations; eight of width
        8 on images of 16x16 take 0.6 of the time. Larger ones are slower so: of width
        16 on images of 32x32 they take 1.4 times the time. Memory grows with the
        number. Each of the `n_jobs` makes passes of its own, of fewer networks if there
        would be none left for some. Callbacks see the networks, not their steps, and a
        pass that is interrupted is lost as a whole. Other than 1 it takes a
        :class:`~sklearn_gahb.DNNDenoiser` with the name of an architecture and without
        early stopping.
    checkpoint_dir : str or path-like, default=None
        Folder that keeps every finished fit, its measures and its samples. A second
        call takes them from there if training images, parameters and source of the
        estimator, `random_state` and versions are the same; it may ask for more levels,
        samples or sizes (with "remove" a larger size can change the subsets). What
        functions and classes refer to is not followed. The files are pickles: use
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
    n_test_duplicates_ : int
        Near-duplicates of training images among the test images, likewise; 0 if they
        are ignored.
    estimators_ : list of list of estimators
        The fitted ones, by size and subset.
    train_psnr_, test_psnr_ : ndarray of shape (n_sizes, n_subsets, n_levels)
        Mean PSNR in dB on training images and on `X_test`.
    test_mse_ : ndarray of shape (n_sizes, n_subsets, n_levels)
        Mean squared error on `X_test`, per value.
    psnr_gap_ : ndarray of shape (n_sizes,)
        Train minus test PSNR, averaged over subsets and levels; infinite if a training
        image is returned exactly.
    agreement_ : ndarray of shape (n_sizes, n_levels)
        PSNR in dB between the outputs of different subsets on the same noisy test
        images.
    variance_ : ndarray of shape (n_sizes, n_levels)
        Variance of the model, half the mean squared distance between these outputs, per
        value.
    bias_ : ndarray of shape (n_sizes, n_levels)
        Squared bias, per value: with `variance_` the mean squared distance from the
        outputs of `optimal`. An unbiased estimate, which can be negative. Only if
        `optimal` is given.
    optimal_mse_ : ndarray of shape (n_levels,)
        Mean squared error of `optimal` on the test images. Only if that is given.
    density_gap_ : ndarray of shape (n_sizes, n_subsets)
        Bound on the Kullback-Leibler divergence in nats, over the levels, see
        :func:`~sklearn_gahb.sampling.density_gap`. Only if `optimal` is given and there
        are at least three levels.
    regime_ : ndarray of str of shape (n_sizes,)
        By means over subsets and levels: "memorising" where `psnr_gap_` is above 3 dB
        and the training PSNR more than 1 dB above that of the noisy images;
        "generalising" where the gap is under 1 dB, the agreement is above the test
        PSNR, and that is more than 1 dB above that of the noisy images; else "in
        transition". The gap does not count where `variance_` is 0: denoisers that do
        not depend on what they were fitted on. Of few images it depends much on how
        hard these are.
    results_ : dict of str to ndarray
        All measures in columns, one row a size, subset and level, for
        ``pandas.DataFrame(analyzer.results_)``.
    samples_ : list of ndarray of shape (n_subsets, n_samples, ...)
        Images (height, width[, channels]) drawn from the denoisers of each size. Only
        if `n_samples` is positive, as what follows.
    closest_ : list of ndarray of the shapes of `samples_`
        Training image of its subset that is closest to each sample, as floats.
    sample_similarity_ : ndarray of shape (n_sizes, n_samples)
        Cosine of mean-free samples of the first two subsets.
    train_similarity_ : ndarray of shape (n_sizes, n_subsets, n_samples)
        Cosine of each sample with the closest training image.
    test_similarity_ : ndarray of shape (n_sizes, n_subsets, n_samples)
        The same with the closest image of `X_test`.
    subset_similarity_ : list of ndarray of shape (n_images,)
        Baseline of each size: cosine of up to 500 training images of the first subset
        with the closest one of the second.
    transition_size_ : float
        Smallest size from which on samples of two subsets are closer to each other than
        to their training images, in the mean; nan if there is none.

    See Also
    --------
    sklearn_gahb.displays.GeneralizationDisplay : Draws what was found.
    sklearn.model_selection.learning_curve : Train and test scores alone.

    Notes
    -----
    Progress bars come from ``set_callbacks(sklearn.callback.ProgressBar())``. They show
    all fits, also those in other processes, but leave those on other hosts out.

    A killed call loses only the fits that were under way. Several calls may share a
    `checkpoint_dir`, also at the same time; on a cluster all workers must reach it.

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
    ...     EmpiricalDenoiser(), (1, 10, 100), duplicates="ignore", random_state=0
    ... )
    >>> analyzer.fit(X[:400], X_test=X[400:]).regime_.tolist()
    ['memorising', 'memorising', 'memorising']
    """

    _doc_link_module = DOC_LINK_MODULE
    _doc_link_template = DOC_LINK_TEMPLATE
    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "get_params"])],
        "train_sizes": ["array-like"],
        "n_subsets": [Interval(Integral, 2, None, closed="left")],
        "noise_std": ["array-like", Interval(Real, 0, None, closed="neither")],
        "n_samples": [Interval(Integral, 0, None, closed="left")],
        "optimal": [HasMethods(["fit", "transform"]), None],
        "n_train_images": [Interval(Integral, 1, None, closed="left")],
        "duplicate_threshold": [Interval(Real, 0, 1, closed="right")],
        "duplicates": [StrOptions({"warn", "remove", "ignore"})],
        "n_jobs": [Integral, None],
        "n_together": [Interval(Integral, 1, None, closed="left")],
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
        n_together=1,
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
        self.n_together = n_together
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, groups=None, subsets=None, X_test=None):
        """Fit the estimator on subsets, and measure.

        Parameters
        ----------
        X : array-like
            Clean images of one size, in a layout that the estimator accepts.
        y : array-like of shape (n_images,), default=None
            Labels, which are ignored.
        groups : array-like of shape (n_images,), default=None
            Images of one group, such as patches of one photograph, are never in
            different subsets.
        subsets : sequence of array-like of int, default=None
            Indices of the training images of each subset, if they are not to be drawn:
            disjoint, and at least the largest size of each, of which the first ones are
            the smaller subsets.
        X_test : array-like, default=None
            Clean images to test on. None takes images of `X` that are in no subset, nor
            in a group of a subset, up to 500.

        Returns
        -------
        self : object
            The fitted analyzer.

        Raises
        ------
        ValueError
            If there are too few images, subsets overlap, `y` holds images, `X` and
            `X_test` are not in the same units, or an argument is out of its range.
        TypeError
            If the estimator has no `transform`, or no `sample` where samples are to be
            drawn.
        """
        check_estimator(self.estimator, self.n_samples)
        if self.n_together > 1:
            check_fits_together(self.estimator, self.n_together)
        check_no_images(y)
        sizes = check_sizes(self.train_sizes)
        levels = check_levels(self.noise_std)
        rng = check_random_state(self.random_state)
        X = check_stack(X, "X", self)
        check_rows(X, self.estimator)
        check_units_of_levels(levels, X)
        groups = check_groups(groups, len(X))
        if subsets is None:
            pools = draw_pools(len(X), groups, self.n_subsets, rng)
        else:
            pools = check_pools(subsets, len(X), groups, self.n_subsets)
        subsets, n_duplicates = disjoint_subsets(
            X,
            pools,
            sizes[-1],
            threshold=self.duplicate_threshold,
            duplicates=self.duplicates,
        )
        seed, noise_seed, sample_seed = rng.randint(2**31 - 1, size=3).tolist()
        order = rng.permutation(len(X))
        if X_test is None:
            left = left_for_test(order, subsets, groups)
            candidates, n_candidates = X[left], N_TEST_IMAGES
        else:
            candidates = check_test_stack(X_test, X, self)
            n_candidates = len(candidates)
        chosen, n_test_duplicates = choose_test_images(
            candidates,
            [X[subset] for subset in subsets],
            n_candidates,
            threshold=self.duplicate_threshold,
            duplicates=self.duplicates,
        )
        tested = left[chosen] if X_test is None else []
        X_test = candidates[chosen]
        if self.duplicates == "warn":
            self._warn_of_duplicates(n_duplicates.sum(), n_test_duplicates)
        if self.checkpoint_dir is not None and not isinstance(
            self.random_state, Integral
        ):
            warn(
                "What is kept in checkpoint_dir will not be found again, for "
                f"random_state={self.random_state!r} is another one in each call; pass "
                "an int."
            )
        Store(self.checkpoint_dir).prepare()
        sweep = Sweep(
            X_test=X_test,
            levels=levels,
            n_train_images=self.n_train_images,
            n_samples=self.n_samples,
            noise_seed=noise_seed,
            sample_seed=sample_seed,
            folder=self.checkpoint_dir,
            test_key=digest(
                fingerprint(X_test), levels.tolist(), noise_seed, self.n_train_images
            ),
            analyzer=clone(self),
            host=socket.gethostname(),
        )
        optimum = None
        if self.optimal is not None:
            optimum = optimal_outputs(self.optimal, np.delete(X, tested, axis=0), sweep)
        train = [[X[subset[:size]] for subset in subsets] for size in sizes]
        rows = self._run(sweep, train, seed)

        self.train_sizes_, self.noise_std_ = sizes, levels
        self.subsets_, self.n_duplicates_ = subsets, n_duplicates
        self.n_test_duplicates_ = n_test_duplicates
        self.estimators_ = [[one.estimator for one in row] for row in rows]
        for name in OPTIONAL:
            vars(self).pop(name, None)
        self._measure(rows)
        if optimum is not None:
            self._measure_against(optimum, rows, sweep)
        if self.n_samples:
            self._compare_samples(rows, train, X_test)
        self._tabulate()
        return self

    def _warn_of_duplicates(self, n_train, n_test):
        if n_train or n_test:
            warn(
                f"{n_train} training images are nearly those of another subset, and "
                f"{n_test} test images nearly training images (cosine of mean-free "
                f"images above {self.duplicate_threshold}); duplicates='remove' leaves "
                "them out.",
                DuplicateWarning,
            )

    def _run(self, sweep, train, seed):
        """Results of fits on training images by size and subset."""
        context = self._init_callback_context(
            max_subtasks=len(train) * self.n_subsets, sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self)
        # All tasks before the first is sent to a worker, as scikit-learn does: a tree
        # of contexts must not grow while it is pickled.
        tasks = []
        for row in train:
            for number, images in enumerate(row):
                own_rng = np.random.RandomState([seed, len(images), number])
                estimator = seeded_clone(self.estimator, own_rng)
                key = ""
                if sweep.folder is not None:
                    key = digest(estimator_key(estimator), fingerprint(images))
                one = context.subcontext(f"N = {len(images)}", task_id=len(tasks))
                tasks.append(Task(estimator, images, key, one))
        n_jobs = effective_n_jobs(self.n_jobs)
        passes = split_into_passes(tasks, Store(sweep.folder), self.n_together, n_jobs)
        # Not more workers than passes, so that each may use its share of the threads.
        found = Parallel(n_jobs=min(n_jobs, len(passes)))(
            delayed(run_tasks)(sweep, [tasks[i] for i in one]) for one in passes
        )
        order = np.argsort(list(chain.from_iterable(passes)))
        results = list(chain.from_iterable(found))
        results = [results[i] for i in order]
        for report in [report for result in results for report in result.reports]:
            warn(report)
        context.call_on_fit_task_end(estimator=self)
        n = self.n_subsets
        return [results[i : i + n] for i in range(0, len(results), n)]

    def _measure(self, rows):
        self.train_psnr_, self.test_psnr_ = (
            np.array([[getattr(r, name).mean(axis=1) for r in row] for row in rows])
            for name in ("train_psnr", "test_psnr")
        )
        self.test_mse_ = np.array(
            [[np.mean(10 ** (-r.test_psnr / 10), axis=1) for r in row] for row in rows]
        )
        self.psnr_gap_ = psnr_gap(self.train_psnr_, self.test_psnr_)
        outputs = [[r.test_outputs for r in row] for row in rows]
        self.agreement_ = np.array([agreement(row) for row in outputs])
        self.variance_ = np.array([model_variance(row) for row in outputs])
        noisy_psnr = -20 * np.log10(self.noise_std_)
        self.regime_ = regimes(
            self.train_psnr_,
            self.test_psnr_,
            self.agreement_,
            self.variance_,
            noisy_psnr,
        )
        too_low = (self.train_psnr_ < noisy_psnr).all(axis=(1, 2))
        if too_low.any():
            warn(
                "At every noise level even training images are worse denoised than "
                f"noisy for sizes {self.train_sizes_[too_low].tolist()}: the denoisers "
                "need more training, or intensities or noise_std are in other units "
                "than [0, 1] (unsigned integers are divided by their largest value)."
            )

    def _measure_against(self, optimum, rows, sweep):
        outputs = [[r.test_outputs for r in row] for row in rows]
        self.bias_ = np.array([squared_bias(row, optimum) for row in outputs])
        clean = as_images(sweep.X_test, image_shape=(1, -1)).map(lambda x: x)
        self.optimal_mse_ = mean_square(optimum - clean).mean(axis=1)
        if len(sweep.levels) >= 3:
            self.density_gap_ = density_gaps(outputs, optimum, clean, sweep.levels)

    def _compare_samples(self, rows, train, X_test):
        self.samples_ = [np.stack([r.samples for r in row]) for row in rows]
        test_rows = mean_free_unit_rows(X_test)
        compared = [
            compare_samples(*pair, test_rows)
            for pair in zip(self.samples_, train, strict=True)
        ]
        shape = getattr(unwrap(self.estimators_[0][0]), "image_shape", None)
        self.closest_ = [
            np.stack([reshape_rows(rows, shape) for rows in one.closest])
            for one in compared
        ]
        self.sample_similarity_ = np.array([one.between for one in compared])
        self.train_similarity_ = np.array([one.to_train for one in compared])
        self.test_similarity_ = np.array([one.to_test for one in compared])
        self.subset_similarity_ = [one.baseline for one in compared]
        self.transition_size_ = transition_size(
            self.train_sizes_,
            self.sample_similarity_.mean(axis=1),
            self.train_similarity_.mean(axis=(1, 2)),
        )

    def _tabulate(self):
        n_sizes, n_subsets, n_levels = self.test_psnr_.shape
        measures = {
            "train_size": self.train_sizes_[:, None, None],
            "subset": np.arange(n_subsets)[:, None],
            "noise_std": self.noise_std_,
            "train_psnr": self.train_psnr_,
            "test_psnr": self.test_psnr_,
            "test_mse": self.test_mse_,
            "agreement": self.agreement_[:, None],
            "variance": self.variance_[:, None],
            "psnr_gap": self.psnr_gap_[:, None, None],
            "regime": self.regime_[:, None, None],
        }
        if hasattr(self, "bias_"):
            measures["bias"] = self.bias_[:, None]
            measures["optimal_mse"] = self.optimal_mse_
        if hasattr(self, "density_gap_"):
            measures["density_gap"] = self.density_gap_[:, :, None]
        if self.n_samples:
            between = self.sample_similarity_.mean(axis=1)
            measures["sample_similarity"] = between[:, None, None]
            for name in ("train_similarity", "test_similarity"):
                means = getattr(self, f"{name}_").mean(axis=2)
                measures[name] = means[:, :, None]
            baseline = np.array([one.mean() for one in self.subset_similarity_])
            measures["subset_similarity"] = baseline[:, None, None]
        self.results_ = {
            name: np.broadcast_to(values, (n_sizes, n_subsets, n_levels)).ravel()
            for name, values in measures.items()
        }


def seeded_clone(estimator, rng):
    """Clone whose parameters `random_state`, nested ones too, are new ints."""
    copy = clone(estimator)
    names = [
        name
        for name in sorted(copy.get_params(deep=True))
        if name == "random_state" or name.endswith("__random_state")
    ]
    return copy.set_params(**{name: int(rng.randint(2**31 - 1)) for name in names})
