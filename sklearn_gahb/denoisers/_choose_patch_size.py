"""Choice of the patch size of a local posterior denoiser at each noise level."""

from copy import copy

import numpy as np
from sklearn.utils import Bunch

from .._sklearn_compat import POSITIVE, validate_params
from .._warnings import warn
from ..images import Images, check_images
from ..metrics import psnr
from ..noise.gaussian import check_noise_levels, digest_of, noisy_copy
from ..units import data_range_of
from ._as_denoiser import as_denoiser
from ._local_posterior import LocalPosteriorDenoiser
from ._patch_size import check_side

# Side lengths that are tried by default.
PATCH_SIZES = (3, 5, 7, 9, 11)


@validate_params(noise_std=["array-like", POSITIVE], patch_sizes=["array-like", None])
def choose_patch_size(
    denoiser, X, noise_std, *, patch_sizes=None, reference=None, random_state=None
):
    """Choose the patch size of a :class:`LocalPosteriorDenoiser` at each noise level.

    At each noise level, the function chooses the patch size of the highest score. The
    score is the mean PSNR between the denoised images and the target. The target is

    - the clean images, if `reference` is None: the chosen patch sizes have the lowest
      error;
    - the output of `reference` for the same noisy images otherwise: the chosen patch
      sizes explain `reference` best [1]_.

    Parameters
    ----------
    denoiser : LocalPosteriorDenoiser
        Fitted denoiser. Its `patch_size` is not used, and not changed.
    X : array-like or list of array-like
        Clean images that are not training images, in a layout that `denoiser` accepts.
    noise_std : float or array-like of shape (n_levels,)
        Standard deviation of the noise at each noise level, as a fraction of the data
        range. Must be positive.
    patch_sizes : array-like of int of shape (n_sizes,), default=None
        Side lengths to choose from: odd numbers that are not larger than the images.
        If None, all of 3, 5, 7, 9 and 11 that are not larger than the images.
    reference : estimator, module or callable, default=None
        Denoiser to explain, for example a network that was trained on the same images:
        anything that :func:`~sklearn_gahb.as_denoiser` accepts.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

    Returns
    -------
    choice : :class:`~sklearn.utils.Bunch`
        Object with the attributes:

        patch_size : dict of float to int
            Chosen side length at each noise level. Pass it as `patch_size` to
            :class:`LocalPosteriorDenoiser`.
        noise_std : ndarray of shape (n_levels,)
            Noise levels.
        patch_sizes : ndarray of shape (n_sizes,)
            Side lengths in ascending order.
        psnr : ndarray of shape (n_levels, n_sizes)
            Score in dB. Of equal scores, the smallest side length is chosen.

    Raises
    ------
    ValueError
        If `noise_std` or `patch_sizes` is empty. If a side length is even, or larger
        than the images. If `denoiser` has another `neighborhood` than "square".

    Warns
    -----
    UserWarning
        If `X` contains training images of `denoiser`.

    References
    ----------
    .. [1] M. Kamb, S. Ganguli, "An analytic theory of creativity in convolutional
       diffusion models", ICML 2025. :arxiv:`2412.20292`

    Examples
    --------
    >>> from sklearn_gahb import LocalPosteriorDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.denoisers import choose_patch_size
    >>> X = make_disk_images(40, 16, random_state=0)
    >>> denoiser = LocalPosteriorDenoiser().fit(X[:30])
    >>> choice = choose_patch_size(denoiser, X[30:], [0.05, 0.5], random_state=0)
    >>> choice.patch_size
    {0.05: 3, 0.5: 7}
    >>> denoiser.set_params(patch_size=choice.patch_size)
    LocalPosteriorDenoiser(patch_size={0.05: 3, 0.5: 7})
    """
    denoiser = as_denoiser(denoiser)
    if not isinstance(denoiser, LocalPosteriorDenoiser):
        raise ValueError(
            f"denoiser={denoiser!r:.100} must be a fitted LocalPosteriorDenoiser."
        )
    if denoiser.neighborhood != "square":
        raise ValueError(
            f"denoiser has neighborhood={denoiser.neighborhood!r}, which does not use "
            "patch_size; expected neighborhood='square'."
        )
    data_range = data_range_of(denoiser, reference)
    levels = check_noise_levels(noise_std)
    images = check_images(X, denoiser.image_shape, data_range=data_range)
    train_size = tuple(denoiser.train_images_.shape[1:3])
    size = min([train_size, *images.sizes], key=min)
    sides = check_patch_sizes(patch_sizes, size)
    warn_of_training_images(denoiser, images)
    scores = np.empty((len(levels), len(sides)))
    for level, row in zip(levels, scores, strict=True):
        noisy = noisy_copy(X, level, random_state, data_range)
        target = X
        if reference is not None:
            target = as_denoiser(reference).denoise_images(noisy, level, clean=X)
        for k, side in enumerate(sides):
            one = copy(denoiser).set_params(patch_size=side)
            row[k] = psnr(
                target,
                one.denoise_images(noisy, level),
                data_range=data_range,
                image_shape=denoiser.image_shape,
            )
    chosen = [sides[k] for k in scores.argmax(axis=1)]
    return Bunch(
        patch_size=dict(zip(levels.tolist(), chosen, strict=True)),
        noise_std=levels,
        patch_sizes=np.array(sides),
        psnr=scores,
    )


def warn_of_training_images(denoiser, images):
    """Warn if some Images are training images, which large patches return exactly."""
    stack, data_range = denoiser.train_images_, denoiser.data_range_
    known = set(digests(Images(stack, [stack], data_range=data_range)))
    n_known = sum(one in known for one in digests(images))
    if n_known:
        warn(
            f"{n_known} of {len(images)} images in X are training images. The largest "
            "patches return training images exactly, so these images favor large "
            "patches. Pass other images."
        )


def digests(images):
    """Yield a digest of each of some Images, which ignores the units and the dtype."""
    for batch in images.tensors():
        yield from map(digest_of, batch)


def check_patch_sizes(patch_sizes, size):
    """Return sorted side lengths that fit images of a size, or raise a ValueError."""
    if patch_sizes is None:
        return [side for side in PATCH_SIZES if side <= min(size)] or [1]
    sides = np.unique(patch_sizes).tolist()
    if not sides:
        raise ValueError("patch_sizes is empty; expected at least one odd number.")
    for side in sides:
        check_side(side, size, f"The side length {side!r} in patch_sizes")
    return sides
