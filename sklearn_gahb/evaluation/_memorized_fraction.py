"""Share of images that are copies of training images."""

import numpy as np
from scipy.stats import binomtest
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import Bunch

from .._sklearn_compat import FRACTION, validate_params
from .._warnings import warn
from ..images import check_images
from ..units import check_same_units, peek, rms

# Images in the same units rarely differ so much. A white of 255 instead of 1 does.
LARGEST_SCALE = 50


@validate_params(ratio=[FRACTION], confidence_level=[FRACTION])
def memorized_fraction(
    X, X_train, *, ratio=1 / 3, confidence_level=0.95, data_range=None, image_shape=None
):
    r"""Measure the share of generated images that are copies of training images.

    A generated image x counts as memorized if its closest training image is much closer
    than the second closest one [1]_, [2]_:

    .. math:: \|x - x_{(1)}\| < \tfrac{1}{3} \|x - x_{(2)}\|

    The distance is Euclidean, over all pixels and channels. In contrast to a threshold
    on the distance itself, this rule does not depend on the contrast of the images.

    Parameters
    ----------
    X : array-like of shape (n_images, height, width[, channels])
        Generated images. Rows of pixels are accepted if `image_shape` is given.
    X_train : array-like of shape (n_train_images, height, width[, channels])
        At least two training images of the size of those in `X`.
    ratio : float, default=1/3
        Largest ratio of the two distances for a memorized image.
    confidence_level : float, default=0.95
        Confidence level of `interval`.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Object with the attributes:

        fraction : float
            Share of memorized images.
        interval : tuple of (float, float)
            Exact binomial (Clopper-Pearson) confidence interval of `fraction`.
        ratios : ndarray of shape (n_images,)
            Distance to the closest training image, divided by the distance to the
            second closest one. The ratio is 1 if both distances are 0.
        closest : ndarray of int of shape (n_images,)
            Index of the closest training image.

    Raises
    ------
    ValueError
        If there are fewer than two training images, if the sizes or the numbers of
        channels differ, or if one of `X` and `X_train` holds unsigned integers and the
        other holds floats in other units.

    Warns
    -----
    UserWarning
        If the root mean squares of `X` and `X_train` differ by a factor above 50.

    Notes
    -----
    Remove near-duplicates from `X_train` first. The copy of an image that is in the
    training set twice has two equally close training images, so it does not count as
    memorized.

    The interval is not a bootstrap interval. A bootstrap interval has the width 0 if no
    image or every image is memorized, even if there are few images.

    References
    ----------
    .. [1] T. Yoon, J. Y. Choi, S. Kwon, E. K. Ryu, "Diffusion probabilistic models
       generalize when they fail to memorize", ICML 2023 workshop on structured
       probabilistic inference and generative modeling.
    .. [2] X. Gu, C. Du, T. Pang, C. Li, M. Lin, Y. Wang, "On memorization in diffusion
       models", TMLR 2025. :arxiv:`2310.02664`

    Examples
    --------
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.evaluation import memorized_fraction
    >>> X = make_disk_images(40, 16, random_state=0)
    >>> copies = X[:10] + 0.01
    >>> memorized_fraction(copies, X).fraction
    1.0
    >>> low, high = memorized_fraction(X[:20], X[20:]).interval
    >>> f"{low:.2f} to {high:.2f}"
    '0.00 to 0.17'
    """
    generated, train = (
        check_images(images, image_shape, data_range=data_range, name=name)
        for images, name in ((X, "X"), (X_train, "X_train"))
    )
    if generated.is_list or train.is_list or generated.sizes != train.sizes:
        raise ValueError(
            f"X has images of sizes {sorted(generated.sizes)}, and X_train has images "
            f"of sizes {sorted(train.sizes)}; expected two arrays of images of one "
            "size."
        )
    if generated.n_channels != train.n_channels:
        raise ValueError(
            f"X has images with {generated.n_channels} channels, and X_train has "
            f"images with {train.n_channels}; expected the same number. Color images "
            "have the shape (n_images, height, width, 3)."
        )
    if len(train) < 2:
        raise ValueError(
            f"X_train has {len(train)} image; expected at least 2, because the rule "
            "compares the distances to the two closest training images."
        )
    check_same_units(generated, train)
    warn_of_other_units(generated, train)
    rows, train_rows = (
        np.concatenate([one.flatten(1).cpu().numpy() for one in images.tensors()])
        for images in (generated, train)
    )
    ratios, closest = distance_ratios(rows, train_rows)
    n_memorized = int((ratios < ratio).sum())
    interval = binomtest(n_memorized, len(rows)).proportion_ci(confidence_level)
    return Bunch(
        fraction=n_memorized / len(rows),
        interval=(float(interval.low), float(interval.high)),
        ratios=ratios,
        closest=closest,
    )


def warn_of_other_units(generated, train):
    """Warn if one of two Images is so much larger that its units must be others."""
    sizes = {one.name: rms(peek(one)) for one in (generated, train)}
    small, large = sorted(sizes, key=sizes.get)
    if sizes[small] * LARGEST_SCALE < sizes[large]:
        warn(
            f"X, the generated images, has a root mean square of {sizes['X']:.3g}, and "
            f"X_train has one of {sizes['X_train']:.3g}, as fractions of the data "
            "range. If the units differ, no image counts as memorized: pass both in "
            "the same units, because data_range applies to both. If the units are "
            "equal, the sampler has failed."
        )


def distance_ratios(rows, train_rows):
    """Divide the distance to the closest row by that to the second closest one.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
    train_rows : ndarray of shape (m, d)
        At least two rows.

    Returns
    -------
    ratios : ndarray of shape (n,)
    closest : ndarray of int of shape (n,)
        Index of the closest of `train_rows`.
    """
    search = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(train_rows)
    distances, indices = search.kneighbors(rows)
    first, second = distances.T
    ratios = np.divide(first, second, out=np.ones_like(first), where=second > 0)
    return ratios, indices[:, 0]
