"""Analyzer that tells memorizing denoisers from generalizing ones."""

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
from ._design import check_estimator, check_theories, make_design
from ._measures import measure, warn_of_harm
from ._outputs import optimal_outputs
from ._store import Store
from ._sweep import run_sweep
from ._theories import try_theories
from ._times import measure_over_time


class GeneralizationAnalyzer(CallbackSupportMixin, BaseEstimator):
    r"""Compare denoisers fitted on disjoint subsets of increasing size.

    Two denoisers that memorize their training images return different outputs for the
    same noisy image. Two denoisers that have learned the density of the images return
    nearly the same output [1]_. For each training size, the analyzer fits clones of the
    estimator on disjoint subsets of the images. It then applies the clones to the same
    noisy images.

    Parameters
    ----------
    estimator : estimator
        Denoiser to fit, or a pipeline or search that ends in a denoiser and adds no
        noise. The estimator is fitted on clean images only. A network trains for the
        same number of steps at every training size. If the network has `checkpoints`,
        it is also measured there. Each fit uses a different seed, which replaces the
        `random_state` of the estimator.
    train_sizes : array-like of int, default=(1, 10, 100, 1000, 10000)
        Numbers of training images, in increasing order. For each subset, a larger
        training set contains the smaller training sets.
    n_subsets : int, default=2
        Number of disjoint subsets for each training size. Must be at least 2.
    noise_std : float or array-like of shape (n_levels,), default=0.1
        Noise levels of the noisy images, as fractions of the data range of `estimator`.
        The analyzer passes the noise level to denoisers that use it.
    n_generated : int, default=0
        Number of images that each denoiser generates. All denoisers start from the same
        noise and the same mean, 0.5 for networks. (Samples of a single network start
        from moments of its training images instead.) If 0, no image is generated and no
        similarity is computed.
    optimal : estimator, module or callable, default=None
        Optimal denoiser of these images, if it is known. It can be any object that
        :func:`~sklearn_gahb.as_denoiser` accepts. An unfitted estimator is fitted on
        the images in `X` that are not test images.
    theories : dict of str to estimator, default=None
        Denoisers in closed form, by name, such as ``{"local":
        LocalPosteriorDenoiser()}``. Each is fitted on each training set, and
        `explained_` tells how well it predicts the outputs of the estimator. Before the
        estimators are fitted, each theory is tried on the smallest training set.
    n_train_images : int, default=500
        Maximum number of training images of each subset on which the training PSNR is
        measured. If there are fewer than 50 images, each image is denoised several
        times, with different noise.
    duplicate_threshold : float, default=0.95
        Cosine above which two images are near-duplicates. The mean of each image is
        subtracted before the cosine is computed.
    duplicates : {"warn", "remove", "ignore"}, default="warn"
        How to treat near-duplicates. These are training images that nearly equal an
        image of another subset, and test images that nearly equal a training image.
        "warn" reports near-duplicates, "remove" leaves them out, and "ignore" does not
        look for them. Near-duplicates are frequent in classes of images with few
        degrees of freedom.
    n_jobs : int, default=None
        Number of fits that :class:`joblib.Parallel` runs at the same time. If -1, the
        number of processors is used. If None, the fits run one after another, and each
        fit uses all threads. A :func:`joblib.parallel_config` context overrides None.
        Use None for networks on one GPU, because several processes would have to share
        the GPU.
    n_networks_per_pass : int or "auto", default=1
        Number of networks to train side by side in one pass, where each operation runs
        on all networks at once. This number changes the results only by rounding
        errors, which grow during training to a few hundredths of a dB. On a CPU, small
        networks train faster in one pass than one after another, because launching
        operations takes most of their training time. For example, eight networks of
        width 8 on 16x16 images need 0.6 times as much time in one pass as one after
        another. Larger networks train more slowly in one pass: networks of width 16 on
        32x32 images need 1.4 times as much time in one pass as one after another. With
        "auto", 8 networks are in a pass if the estimator can be trained so, and if a
        training step has fewer than 3e9 operations. Otherwise, each network is trained
        alone. The memory grows with the number of networks in a pass. Each of the
        `n_jobs` workers runs its own passes. Passes contain fewer networks if some
        workers would otherwise be idle. Callbacks are called for each network, but not
        for each training step. If a pass is interrupted, all networks of the pass are
        lost. If `n_networks_per_pass` is a number above 1, the estimator must be a
        :class:`~sklearn_gahb.DNNDenoiser` that names its `architecture`, without early
        stopping, `conservative`, `residual` and callbacks.
    checkpoint_dir : str or path-like, default=None
        Folder in which `fit` saves every finished fit, with its measures and its
        generated images. A later call reuses a fit if the following are the same: the
        training images, the parameters and the source code of the estimator,
        `random_state`, and the package versions. The later call can request more noise
        levels, generated images or training sizes. If `duplicates` is "remove", a
        larger training size can change the subsets, and changed subsets are fitted
        again. The source code of the estimator's own functions and classes is compared,
        but not the source code that they call. The files are pickles, so use only
        folders that you trust.
    random_state : int, RandomState instance or None, default=None
        Seed of the subsets, the fits, the noise and the generated images. Pass an int
        if you use `checkpoint_dir`.

    Attributes
    ----------
    train_sizes_ : ndarray of shape (n_sizes,)
        Numbers of training images.
    noise_std_ : ndarray of shape (n_levels,)
        Noise levels.
    subsets_ : ndarray of int of shape (n_subsets, largest size)
        Indices of the training images in `X`. The first ``size`` entries of a row are
        the training set of this size.
    n_duplicates_ : ndarray of int of shape (n_subsets,)
        For each subset, the number of near-duplicates of images in earlier subsets.
        They are left out or reported, depending on `duplicates`.
    n_test_duplicates_ : int
        Number of test images that are near-duplicates of training images. They are left
        out or reported, depending on `duplicates`. The number is 0 if `duplicates` is
        "ignore".
    estimators_ : list of list of estimators
        Fitted estimators: one list per training size, with one estimator per subset.
    train_psnr_, test_psnr_ : ndarray of shape (n_sizes, n_subsets, n_levels)
        Mean PSNR in dB on the training images and on the test images.
    test_mse_ : ndarray of shape (n_sizes, n_subsets, n_levels)
        Mean squared error on the test images, averaged over pixels and channels.
    psnr_gap_ : ndarray of shape (n_sizes, n_levels)
        Training PSNR minus test PSNR in dB, averaged over subsets. The gap is infinite
        if a denoiser returns a training image exactly.
    log_density_gap_ : ndarray of shape (n_sizes, n_subsets)
        Mean log density of the training images minus that of the test images, in nats,
        under the prior that the denoiser has learned: memorization in nats. It is the
        integral over the noise levels of the difference of the squared errors; see
        :func:`~sklearn_gahb.evaluation.log_density`. Noise levels outside the range of
        `noise_std` are left out. Only available for at least three noise levels.
    log_density_gap_std_err_ : ndarray of shape (n_sizes, n_subsets)
        Standard error of `log_density_gap_` over the noisy images.
    agreement_ : ndarray of shape (n_sizes, n_levels)
        PSNR in dB between the outputs of the denoisers of different subsets, for the
        same noisy test images, averaged over pairs of subsets.
    variance_ : ndarray of shape (n_sizes, n_levels)
        Variance of the denoised test images over the subsets, averaged over pixels and
        channels. It is half the mean squared difference between the outputs of the
        denoisers of different subsets.
    squared_bias_ : ndarray of shape (n_sizes, n_levels)
        Squared bias of the denoised test images, averaged over pixels and channels. The
        sum of `squared_bias_` and `variance_` is the mean squared difference between
        the denoised test images and the outputs of `optimal`. The estimate is unbiased,
        so it can be negative. Only available if `optimal` is given.
    psnr_gap_std_, agreement_std_, variance_std_, squared_bias_std_ : ndarray
        Standard deviations of the attributes above, of the same shape (n_sizes,
        n_levels): of `psnr_gap_` over subsets, and of the other attributes over pairs
        of subsets. Two subsets form only one pair, so the standard deviations over
        pairs are then nan.
    optimal_mse_ : ndarray of shape (n_levels,)
        Mean squared error of `optimal` on the test images. Only available if `optimal`
        is given.
    density_gap_ : ndarray of shape (n_sizes, n_subsets)
        Upper bound, in nats, on the Kullback-Leibler divergence between the density of
        the images and the learned density. :func:`~sklearn_gahb.evaluation.density_gap`
        computes the bound from all noise levels and from the mean squared difference
        between the denoised test images and the outputs of `optimal`. If these outputs
        have errors of their own, such as those of importance sampling in
        :class:`~sklearn_gahb.DiskPosteriorDenoiser`, the mean square of these errors
        adds to `density_gap_` and to `squared_bias_`. Only available if `optimal` is
        given and there are at least three noise levels.
    density_gap_std_err_, density_gap_quadrature_err_ : ndarray
        Standard error of `density_gap_` over the test images, and estimated error of
        the integration over the noise levels, of the shape of `density_gap_`. Available
        if `density_gap_` is.
    regime_ : ndarray of str of shape (n_sizes, n_levels)
        Regime of each training size at each noise level, determined from means over
        subsets. It does not depend on the other noise levels. "memorizing": the PSNR
        gap is above 3 dB and the training PSNR is more than 1 dB above the PSNR of the
        noisy images. "generalizing": the PSNR gap is below 1 dB, the agreement is above
        the test PSNR, and the test PSNR is more than 1 dB above the PSNR of the noisy
        images. "in transition": neither of these regimes. If `variance_` is 0, the gap
        counts as 0, because the denoisers do not depend on their training images. If
        there are few training images, the gap depends strongly on how hard these images
        are to denoise.
    common_regime_ : ndarray of str of shape (n_sizes,)
        Regime that all levels in `noise_std_` share, or "mixed" if they do not share
        one.
    transition_size_ : ndarray of shape (n_levels,)
        Smallest training size such that, for this and all larger sizes, the regime at
        the noise level is "generalizing". The value is nan if there is no such size.
    theory_psnr_ : dict of str to ndarray of shape (n_sizes, n_subsets, n_levels)
        For each theory, the mean PSNR in dB on the test images. This attribute and the
        next two are only available if `theories` is given.
    explained_ : dict of str to ndarray of shape (n_sizes, n_subsets, n_levels)
        For each theory, the squared correlation between its output and that of the
        estimator that was fitted on the same subset: the median over the test images of
        the squared correlation over the values of an image.
    explained_change_ : dict of str to ndarray of shape (n_sizes, n_subsets, n_levels)
        For each theory, the share that it predicts of the change that the estimator
        makes to noisy images: 1 minus the squared distance between the two outputs,
        divided by that between the estimator's output and the noisy image. It is the
        median over the test images. It is negative if the noisy image is the better
        prediction, and nan if the estimator does not change an image.
    snapshots_ : dict of int to GeneralizationAnalyzer
        For each number of training steps in the `checkpoints` of the network, a fitted
        analyzer with all measures after this number of steps. This attribute and the
        next two are only available if the network has `checkpoints`.
    memorization_time_ : ndarray of shape (n_sizes, n_subsets, n_levels)
        Number of training steps at which the PSNR on the training images exceeds that
        on the test images by 3 dB, or nan if it does not. It is interpolated between
        the checkpoints, linearly in the logarithm of the steps. It is the first
        checkpoint if the gap is as large there.
    generalization_time_ : ndarray of shape (n_sizes, n_subsets, n_levels)
        Number of training steps at which the test PSNR comes within 0.5 dB of its
        highest value at the checkpoints, interpolated in the same way. It is a lower
        bound if the highest value is that of the last checkpoint.
    results_ : dict of str to ndarray
        All measures as columns, with one row per training size, subset and noise level.
        If the network has `checkpoints`, there is one such table for each of them, and
        a column "n_steps".
        For a data frame, call ``pandas.DataFrame(analyzer.results_)``. For the spread
        of a measure over subsets, call ``.groupby(["train_size", "noise_std"])`` and
        ``["test_psnr"].std()`` on the data frame. Measures that are means over subsets
        or pairs have a column for their spread, such as "agreement_std".
    generated_images_ : list of ndarray of shape (n_subsets, n_generated, ...)
        For each training size, the images that the denoisers generated, of shape
        (height, width[, channels]), as fractions of the data range. This attribute and
        the following ones are only available if `n_generated` is positive.
    closest_train_images_ : list of ndarray of the shapes of `generated_images_`
        For each generated image, the closest training image of the same subset, as
        fractions of the data range.
    generated_similarity_ : ndarray of shape (n_sizes, n_generated)
        Cosine between the images that the denoisers of the first two subsets generated,
        after the mean of each image is subtracted. The other similarities are also
        computed after this subtraction.
    train_similarity_ : ndarray of shape (n_sizes, n_subsets, n_generated)
        Cosine between each generated image and the closest training image of its
        subset.
    test_similarity_ : ndarray of shape (n_sizes, n_subsets, n_generated)
        Cosine between each generated image and the closest test image.
    subset_similarity_ : list of ndarray of shape (n_images,)
        Baseline for each training size: cosine between a training image of the first
        subset and the closest image of the second subset. Up to 500 images are used.
    generated_transition_size_ : float
        Smallest training size such that, for this and all larger sizes, the mean of
        `generated_similarity_` is above the mean of `train_similarity_`. Generated
        images of two subsets are then closer to each other than to their training
        images. The value is nan if there is no such size. Generating an image involves
        all noise levels, so this size does not refer to a single noise level.
    memorized_fraction_ : ndarray of shape (n_sizes, n_subsets)
        Share of the generated images that are copies of training images, by the rule of
        :func:`~sklearn_gahb.evaluation.memorized_fraction`. The rule needs two training
        images, so the value is nan if there is only one.
    memorized_fraction_interval_ : ndarray of shape (n_sizes, n_subsets, 2)
        Confidence intervals of `memorized_fraction_` at the level 0.95.
    generated_explained_ : dict of str to ndarray of shape (n_sizes, n_subsets)
        For each theory, the squared correlation between the images that it generates
        and those that the estimator generates from the same noise: the median over the
        generated images. Only available if `theories` is given.

    See Also
    --------
    sklearn_gahb.displays.GeneralizationDisplay : Draws the results.
    sklearn.model_selection.learning_curve : Computes only train and test scores.

    Notes
    -----
    Call ``set_callbacks(sklearn.callback.ProgressBar())`` for progress bars. The
    progress bars show the fits of all processes on this host. They do not show fits on
    other hosts.

    If a call that uses a `checkpoint_dir` is killed, only the unfinished fits are lost.
    Several calls can share a `checkpoint_dir`, even at the same time. On a cluster, all
    workers must have access to the folder.

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
    [['memorizing'], ['memorizing'], ['memorizing']]
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "get_params"])],
        "train_sizes": ["array-like"],
        "n_subsets": [at_least(2)],
        "noise_std": ["array-like", POSITIVE],
        "n_generated": [at_least(0)],
        "optimal": "no_validation",
        "theories": [dict, None],
        "n_train_images": [COUNT],
        "duplicate_threshold": [FRACTION],
        "duplicates": [StrOptions({"warn", "remove", "ignore"})],
        "n_jobs": [Integral, None],
        "n_networks_per_pass": [COUNT, StrOptions({"auto"})],
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
        theories=None,
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
        self.theories = theories
        self.n_train_images = n_train_images
        self.duplicate_threshold = duplicate_threshold
        self.duplicates = duplicates
        self.n_jobs = n_jobs
        self.n_networks_per_pass = n_networks_per_pass
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, groups=None, subsets=None, X_test=None):
        """Fit the estimator on disjoint subsets and compare the fits.

        Parameters
        ----------
        X : array-like
            Clean images that all have the same size, in a layout that the estimator
            accepts.
        y : array-like of shape (n_images,), default=None
            Labels, which are ignored.
        groups : array-like of shape (n_images,), default=None
            Group of each image. Images of one group, such as patches of one photograph,
            are never in different subsets.
        subsets : sequence of array-like of int, default=None
            Indices of the training images of each subset. The subsets must be disjoint.
            Each subset must contain at least ``max(train_sizes)`` indices. For smaller
            training sets, the first indices of each subset are used. If None, subsets
            are drawn at random.
        X_test : array-like, default=None
            Clean images to test on. If None, up to 500 images of `X` are used. They are
            drawn from the images that are in no subset and share no group with a
            subset.

        Returns
        -------
        self : object
            The fitted analyzer.

        Raises
        ------
        ValueError
            If there are too few images, if subsets overlap, if `y` holds images, if `X`
            and `X_test` are in different units, or if an argument is out of range.
        TypeError
            If the estimator has no `transform`.

        Warns
        -----
        UserWarning
            If, at some training sizes and noise levels, denoising harms test images and
            hardly improves training images. More precisely, the mean PSNR of the
            denoised test images is more than 0.1 dB below the PSNR of the noisy images,
            and the mean PSNR of the denoised training images is less than 1 dB above
            it.
        """
        check_estimator(self.estimator)
        check_theories(self.theories or {})
        if self.n_networks_per_pass not in (1, "auto"):
            check_fits_side_by_side(self.estimator)
        if is_images(y):
            raise ValueError(
                "y holds images; GeneralizationAnalyzer.fit expects only clean images, "
                "fit(X), and adds the noise itself. Pass test images as X_test=."
            )
        with unchanged_on_failure(self):
            design = make_design(self, X, X_test, groups, subsets)
            prepare_folder(self.checkpoint_dir, self.random_state)
            try_theories(self, design)
            optimum = optimal_outputs(self.optimal, design)
            context = self._init_callback_context(
                max_subtasks=design.train_sizes.size * self.n_subsets,
                sequential_subtasks=False,
            ).call_on_fit_task_begin(estimator=self)
            results = run_sweep(design, self, context)
            context.call_on_fit_task_end(estimator=self)
            measures = measure(design, results, optimum)
            warn_of_harm(measures)
            over_time = measure_over_time(self, design, results, optimum)
            forget_fit(self)
            vars(self).update(measures.attributes() | over_time)
        return self


def prepare_folder(folder, random_state):
    """Make the folder for the fits, and warn if no later call can reuse the fits."""
    if folder is not None and not isinstance(random_state, Integral):
        warn(
            "No later call can reuse the fits in checkpoint_dir, because random_state="
            f"{random_state!r} gives different seeds in each call; pass an int."
        )
    Store(folder).prepare()
