"""Training of several networks in one pass: each operation runs on all networks."""

from .._sklearn_compat import has_callbacks
from ..images import check_images
from ..training import Recipe, train_side_by_side
from ..training.run import check_side_by_side, pays_side_by_side
from ..units import warn_of_signed_images
from ._dnn import DNNDenoiser
from ._progress import keep_run, training_run


def check_fits_side_by_side(estimator):
    """Raise a ValueError unless clones of an estimator can be trained in one pass."""
    # A subclass is refused, because its `fit` might do something else.
    if type(estimator) is not DNNDenoiser:
        raise ValueError(
            "Only networks of DNNDenoiser itself can be trained in one pass; the "
            f"estimator is of type {type(estimator).__name__}."
        )
    if has_callbacks(estimator):
        raise ValueError(
            "Networks that are trained in one pass cannot have callbacks of their own. "
            "Set the callbacks on the analyzer."
        )
    check_side_by_side(Recipe.of(estimator))


def choose_networks_per_pass(estimator, X, n_most=8):
    """Return how many clones of an estimator to train in one pass on images like X.

    The choice depends on the estimator and on the size of the images, but not on
    measured times, so that equal studies have equal results.

    Parameters
    ----------
    estimator : estimator
    X : array-like
        Images of one size.
    n_most : int, default=8
        Number of networks if small networks train faster in one pass.

    Returns
    -------
    n_networks : int
        1 or `n_most`.
    """
    try:
        check_fits_side_by_side(estimator)
    except ValueError:
        return 1
    shape, data_range = estimator.image_shape, estimator.data_range
    images = check_images(X[:1], shape, data_range=data_range)
    (size,), patch_size = images.sizes, estimator.patch_size
    if patch_size is not None:
        size = patch_size, patch_size
    pays = pays_side_by_side(Recipe.of(estimator), images.n_channels, size)
    return n_most if pays else 1


def fit_side_by_side(denoisers, image_sets):
    """Fit denoisers as :meth:`DNNDenoiser.fit` does, but in one pass.

    The result is the same except for rounding errors.

    Parameters
    ----------
    denoisers : list of DNNDenoiser
        Denoisers with the same parameters except `random_state`.
    image_sets : list of array-like
        Clean images for each denoiser. All images have the same size.
    """
    runs = []
    for denoiser, X in zip(denoisers, image_sets, strict=True):
        denoiser._validate_params()
        images = denoiser._check_images(X, reset=True)
        warn_of_signed_images(images)
        runs.append(training_run(denoiser, images))
    train_side_by_side(runs)
    for denoiser, run in zip(denoisers, runs, strict=True):
        keep_run(denoiser, run)
