"""Memorize or generalize: estimators fitted on disjoint subsets."""

from numbers import Integral

from sklearn.callback import CallbackSupportMixin

from .._fitting import forget_fit, unchanged_on_failure
from .._sklearn_compat import (
    COUNT,
    FRACTION,
    POSITIVE,
    BaseEstimator,
    HasMethods,
    StrOptions,
    at_least,
    fit_context,
)
from .._warnings import warn
from ..denoisers.side_by_side import check_fits_side_by_side
from ..images import is_images
from ._design import check_estimator, make_design
from ._measures import measure
from ._store import Store
from ._sweep import optimal_outputs, run_sweep


class GeneralizationAnalyzer(CallbackSupportMixin, BaseEstimator):
    r"""Compare denoisers that were fitted on disjoint subsets of growing size.

    Two denoisers that memorize their training images return different things for the
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
    n_generated : int, default=0
        Number of images to generate with each denoiser, from the same noise. 0
        generates none, and leaves the similarities out.
    optimal : estimator, module or callable, default=None
        The best possible denoiser of such images, if it is known: anything that
        :func:`~sklearn_gahb.as_denoiser` takes. One that is not fitted is fitted on the
        images of `X` that are not tested on.
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
    n_networks_per_pass : int, default=1
        Number of networks to train in one pass, side by side. The result is the same up
        to rounding, which grows over the steps to some hundredths of a dB. On a CPU
        small networks spend most of their time on beginning operations: eight of width
        8 on images of 16x16 take 0.6 of the time. Larger networks lose: of width 16 on
        images of 32x32 they take 1.4 times the time. Memory grows with the number. Each
        of the `n_jobs` makes passes of its own, of fewer networks if there would be
        none left for some. Callbacks see the networks, not their steps, and a pass that
        is interrupted is lost as a whole. Numbers other than 1 need a
        :class:`~sklearn_gahb.DNNDenoiser` with the name of an architecture and without
        early stopping.
    checkpoint_dir : str or path-like, default=None
        Folder that keeps every finished fit, its measures and what it generated. A
        second call takes them from there if training images, parameters and source of
        the estimator, `random_state` and versions are the same; it may ask for more
        levels, generated images or sizes (with "remove" a larger size can change the
        subsets). What functions and classes refer to is not followed. The files are
        pickles: use folders that you trust.
    random_state : int, RandomState instance or None, default=None
        Determines subsets, fits, noise and generated images. Pass an int to make use of
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
    squared_bias_ : ndarray of shape (n_sizes, n_levels)
        Squared bias, per value: with `variance_` the mean squared distance from the
        outputs of `optimal`. An unbiased estimate, which can be negative. Only if
        `optimal` is given.
    optimal_mse_ : ndarray of shape (n_levels,)
        Mean squared error of `optimal` on the test images. Only if that is given.
    density_gap_ : ndarray of shape (n_sizes, n_subsets)
        Bound on the Kullback-Leibler divergence in nats, over the levels, see
        :func:`~sklearn_gahb.evaluation.density_gap`. Only if `optimal` is given and
        there are at least three levels.
    regime_ : ndarray of str of shape (n_sizes,)
        By means over subsets and levels: "memorizing" where `psnr_gap_` is above 3 dB
        and the training PSNR more than 1 dB above that of the noisy images;
        "generalizing" where the gap is under 1 dB, the agreement is above the test
        PSNR, and that is more than 1 dB above that of the noisy images; else "in
        transition". The gap does not count where `variance_` is 0: denoisers that do
        not depend on what they were fitted on. Of few images it depends much on how
        hard these are.
    results_ : dict of str to ndarray
        All measures in columns, one row a size, subset and level, for
        ``pandas.DataFrame(analyzer.results_)``.
    generated_images_ : list of ndarray of shape (n_subsets, n_generated, ...)
        Images (height, width[, channels]) that the denoisers of each size generated.
        Only if `n_generated` is positive, as what follows.
    closest_train_images_ : list of ndarray of the shapes of `generated_images_`
        Training image of its subset that is closest to each generated image, as floats.
    generated_similarity_ : ndarray of shape (n_sizes, n_generated)
        Cosine of mean-free images that the first two subsets generated.
    train_similarity_ : ndarray of shape (n_sizes, n_subsets, n_generated)
        Cosine of each generated image with the closest training image.
    test_similarity_ : ndarray of shape (n_sizes, n_subsets, n_generated)
        The same with the closest image of `X_test`.
    subset_similarity_ : list of ndarray of shape (n_images,)
        Baseline of each size: cosine of up to 500 training images of the first subset
        with the closest one of the second.
    transition_size_ : float
        Smallest size from which on generated images of two subsets are closer to each
        other than to their training images, in the mean; nan if there is none.

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
    ['memorizing', 'memorizing', 'memorizing']
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "get_params"])],
        "train_sizes": ["array-like"],
        "n_subsets": [at_least(2)],
        "noise_std": ["array-like", POSITIVE],
        "n_generated": [at_least(0)],
        "optimal": "no_validation",
        "n_train_images": [COUNT],
        "duplicate_threshold": [FRACTION],
        "duplicates": [StrOptions({"warn", "remove", "ignore"})],
        "n_jobs": [Integral, None],
        "n_networks_per_pass": [COUNT],
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
        n_generated=0,
        optimal=None,
        n_train_images=500,
        duplicate_threshold=0.95,
        duplicates="warn",
        n_jobs=None,
        n_networks_per_pass=1,
        checkpoint_dir=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.train_sizes = train_sizes
        self.n_subsets = n_subsets
        self.noise_std = noise_std
        self.n_generated = n_generated
        self.optimal = optimal
        self.n_train_images = n_train_images
        self.duplicate_threshold = duplicate_threshold
        self.duplicates = duplicates
        self.n_jobs = n_jobs
        self.n_networks_per_pass = n_networks_per_pass
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
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
            If the estimator has no `transform`.
        """
        check_estimator(self.estimator)
        if self.n_networks_per_pass > 1:
            check_fits_side_by_side(self.estimator)
        if is_images(y):
            raise ValueError(
                "y holds images; GeneralizationAnalyzer takes clean images alone, "
                "fit(X), and adds the noise itself. Pass images to test on as X_test=."
            )
        with unchanged_on_failure(self):
            design = make_design(self, X, X_test, groups, subsets)
            prepare_folder(self.checkpoint_dir, self.random_state)
            optimum = optimal_outputs(self.optimal, design)
            context = self._init_callback_context(
                max_subtasks=design.train_sizes.size * self.n_subsets,
                sequential_subtasks=False,
            ).call_on_fit_task_begin(estimator=self)
            results = run_sweep(design, self, context)
            context.call_on_fit_task_end(estimator=self)
            measures = measure(design, results, optimum)
            forget_fit(self)
            vars(self).update(measures.attributes())
        return self


def prepare_folder(folder, random_state):
    """Make a folder for fits, and warn if they cannot be found again."""
    if folder is not None and not isinstance(random_state, Integral):
        warn(
            "What is kept in checkpoint_dir will not be found again, for random_state="
            f"{random_state!r} is another one in each call; pass an int."
        )
    Store(folder).prepare()
