"""Estimate the two parameters of Poisson-Gaussian noise from one image."""

from collections import defaultdict

import numpy as np
from scipy.ndimage import correlate1d
from scipy.optimize import nnls
from scipy.special import gammainc

from .._sklearn_compat import validate_params
from .._warnings import warn
from ..images import check_images
from ..units import warn_of_units

BLOCK_SIDE = 8
SMALLEST_N_BLOCKS = 16
# Third differences, of norm 1. They remove the smooth parts of an image.
HIGH_PASS = np.array([1, -3, 3, -1]) / np.sqrt(20)
# The same filter with gaps. It passes middle frequencies instead of high frequencies.
MIDDLE_PASS = np.array([1, 0, -3, 0, 3, 0, -1]) / np.sqrt(20)
# Relative variance of the variance of a block of white noise: twice the sum of squares
# of the autocorrelation of the filter, divided by the number of pixels.
SPREAD = (
    2 * np.square(np.correlate(HIGH_PASS, HIGH_PASS, "full")).sum() ** 2
) / BLOCK_SIDE**2
# Blocks that are more standard deviations above the line contain edges or texture.
LARGEST_DEVIATION = 2
# The following limits separate noise on photographs from the images of the tests that
# were smoothed, compressed or clipped.
SMALLEST_SHARE_OF_NOISE = 0.5
LARGEST_RATIO_OF_BANDS = 1.8
LARGEST_SHARE_OF_EXTREMES = 0.01
LARGEST_VARIANCE_OF_COUNTS = 4
SMALLEST_CONTRAST = 15


@validate_params()
def estimate_poisson_gaussian(X, *, data_range=None, image_shape=None):
    r"""Estimate the two parameters of the Poisson-Gaussian noise in each image.

    The variance of the noise is a linear function of the intensity x:

    .. math:: \mathrm{Var}[y \mid x] = x / \mathrm{peak} + \mathrm{noise\_std}^2

    This function fits the line to means and variances of blocks of 8x8 pixels [1]_. To
    remove smooth structures, the variances are computed after a high-pass filter:
    third-order finite differences along both axes. The fit is iterated: blocks far
    above the line contain edges or texture, and are left out of the next fit.

    Parameters
    ----------
    X : array-like or list of array-like
        Noisy images of shape (n_images, height, width),
        (n_images, height, width, channels), or (n_images, n_pixels) if `image_shape` is
        given. A list of photographs is accepted too. All channels of an image share the
        same parameters.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).

    Returns
    -------
    peak : ndarray of shape (n_images,)
        Mean number of photons counted at a white pixel; infinity if the noise does not
        grow with intensity.
    noise_std : ndarray of shape (n_images,)
        Standard deviation of the Gaussian part, as a fraction of the data range.

    Raises
    ------
    ValueError
        If an image has fewer than 16 blocks whose values vary and are not saturated, if
        values are not finite, or if the layout of `X` is not one of the above.

    Warns
    -----
    UserWarning
        If the estimate is unreliable. This happens if the image was smoothed, resized,
        compressed or clipped, or has more texture than noise. It also happens if the
        brightness hardly varies, so that Poisson and Gaussian noise cannot be
        distinguished.

    See Also
    --------
    PoissonNoise : Add such noise.
    estimate_noise_std : Estimate the level of white Gaussian noise.

    Notes
    -----
    `benchmarks/bench_poisson.py` compares the estimated and true standard deviations of
    the noise on seven scikit-image photographs, cropped to the central 256x256 pixels.
    The error of a photograph is the largest relative error at three intensities, the
    quantiles 0.1, 0.5 and 0.9. The table shows the mean and the largest error over the
    photographs:

    =====  =========  ==========  =============
    peak   noise_std  mean error  largest error
    =====  =========  ==========  =============
    1      0          1.8 %       3.4 %
    5      0          1.3 %       2.5 %
    10     0.05       1.8 %       6.0 %
    30     0          0.8 %       2.1 %
    30     0.05       1.7 %       2.7 %
    100    0.02       4.1 %       7.9 %
    300    0          5.4 %       11.3 %
    1000   0.005      12.5 %      20.9 %
    =====  =========  ==========  =============

    If `peak` is large, the errors are larger: the noise is weak, and texture is
    mistaken for noise. On photographs with more texture, errors of 130 % were measured
    at a peak of 1000. A warning is issued for these, and for all errors above 15 % that
    were measured on twelve photographs.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical
       Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE
       Transactions on Image Processing 17(10), 2008. :doi:`10.1109/TIP.2008.2001399`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.noise import PoissonNoise, estimate_poisson_gaussian
    >>> X = np.linspace(0, 1, 256).reshape(1, 256, 1).repeat(256, axis=2)
    >>> noisy = PoissonNoise(100, noise_std=0.02, random_state=0).fit_transform(X)
    >>> peak, noise_std = estimate_poisson_gaussian(noisy)
    >>> peak.round(), noise_std.round(2)
    (array([97.]), array([0.02]))
    """
    images = check_images(X, image_shape, data_range=data_range)
    warn_of_units(None, images)
    arrays = [y for batch in images.tensors() for y in batch.cpu().numpy()]
    gains, levels = estimate_gain_and_level(arrays, separately=True)
    with np.errstate(divide="ignore"):
        return 1 / gains, levels


def estimate_gain_and_level(images, gain=None, noise_std=None, *, separately=False):
    """Estimate the noise of each image, and warn about unreliable estimates.

    Parameters
    ----------
    images : sequence of n ndarray of shape (channels, height, width)
    gain : float, default=None
        Intensity of one count, if it is known.
    noise_std : sequence of n floats, default=None
        Level of the Gaussian part of each image, if it is known.
    separately : bool, default=False
        Whether to warn if only the sum of the two parts can be estimated.

    Returns
    -------
    gains, levels : ndarray of shape (n,)
        Intensity of one count, and level of the Gaussian part.
    """
    estimates, problems = [], defaultdict(list)
    levels = [None] * len(images) if noise_std is None else noise_std
    for i, (image, level) in enumerate(zip(images, levels, strict=True)):
        found, kinds = _estimate(image.astype(np.float64), gain, level, i)
        estimates.append(found)
        if not separately:
            kinds.pop("contrast", None)
        for kind, problem in kinds.items():
            problems[kind].append((i, problem))
    for (first, problem), *others in problems.values():
        more = f" and of {len(others)} others" if others else ""
        warn(
            f"The noise of image {first}{more} cannot be estimated reliably: {problem}."
            " Pass peak and noise_std if you know them, or estimate them from a raw "
            "image of the same camera."
        )
    return tuple(np.transpose(estimates))


def _estimate(image, gain, level, index):
    """Return (gain, level) of an image, and a dict of the problems found."""
    lowest, highest = image.min(), image.max()
    pixels = split_into_blocks(image)
    means = pixels.mean(axis=1)
    variances = band_variances(image, HIGH_PASS)
    # Blocks that are saturated or constant tell nothing about the noise.
    is_usable = (pixels.max(axis=1) < highest) & (np.ptp(pixels, axis=1) > 0)
    is_usable &= variances > 1e-12 * (highest - lowest) ** 2
    if is_usable.sum() < SMALLEST_N_BLOCKS:
        raise ValueError(
            f"The noise of image {index} cannot be estimated. The image has "
            f"{image.shape[1]}x{image.shape[2]} pixels, and {is_usable.sum()} blocks "
            f"of {BLOCK_SIDE}x{BLOCK_SIDE} pixels that are noisy and not saturated; "
            f"{SMALLEST_N_BLOCKS} are needed. Pass peak and noise_std if you know "
            "them, or a larger image."
        )
    problems = {}
    if (share := (image == highest).mean()) > LARGEST_SHARE_OF_EXTREMES:
        problems["white"] = describe_clipping(share, "largest")
    share, step = (image == lowest).mean(), image[image > lowest].min() - lowest
    at_lowest = (pixels == lowest).mean(axis=1)
    dark = is_usable & (at_lowest > 0.1)
    if share > LARGEST_SHARE_OF_EXTREMES and dark.any():
        # Low counts give many equal values too. If 10 % of the counts are 0, their
        # variance is at most 2.3 gain^2, and the step between values is the gain.
        # The quartile ignores blocks with edges.
        variance_of_counts = np.quantile(variances[dark], 0.25) / step**2
        if variance_of_counts > LARGEST_VARIANCE_OF_COUNTS:
            problems["black"] = describe_clipping(share, "smallest")
            bright = is_usable & (at_lowest == 0)
            is_usable = bright if bright.sum() >= SMALLEST_N_BLOCKS else is_usable
    means, variances = means[is_usable], variances[is_usable]
    (gain_hat, variance), is_noise = fit_noise_line(means, variances, gain, level)
    if is_noise.mean() < SMALLEST_SHARE_OF_NOISE:
        problems["texture"] = (
            f"only {is_noise.mean():.0%} of the image looks like noise on a smooth "
            "background, so texture hides the noise, or there is no noise"
        )
    middle = band_variances(image, MIDDLE_PASS)[is_usable]
    ratio = middle[is_noise].sum() / variances[is_noise].sum()
    if ratio > LARGEST_RATIO_OF_BANDS:
        problems["bands"] = (
            f"middle frequencies are {ratio:.1f} times as strong as high frequencies, "
            "so the image was smoothed, resized or compressed, or texture hides the "
            "noise"
        )
    contrast = np.diff(np.quantile(means, [0.1, 0.9]))[0] / np.abs(means).mean()
    least = SMALLEST_CONTRAST * np.sqrt(SPREAD / len(means))
    if gain is None and level is None and contrast < least:
        problems["contrast"] = (
            "its brightness hardly varies, so the two parts of the noise look alike, "
            "and only the variance at this brightness is known"
        )
    return (gain_hat, np.sqrt(variance)), problems


def describe_clipping(share, which):
    """Describe clipped values."""
    return (
        f"{share:.1%} of its values are equal to the {which} one, so the noise was "
        "clipped"
    )


def split_into_blocks(image):
    """Cut images (channels, height, width) into blocks, of shape (n, pixels)."""
    b = BLOCK_SIDE
    channels, height, width = image.shape
    whole = image[:, : height - height % b, : width - width % b]
    blocks = whole.reshape(channels, height // b, b, width // b, b).swapaxes(2, 3)
    return blocks.reshape(-1, b * b)


def band_variances(image, filter_taps):
    """Compute the mean square of each block after filtering along both axes."""
    rows = correlate1d(image, filter_taps, axis=1, mode="reflect")
    filtered = correlate1d(rows, filter_taps, axis=2, mode="reflect")
    return np.square(split_into_blocks(filtered)).mean(axis=1)


def fit_noise_line(means, variances, gain=None, level=None, max_iter=50):
    """Fit variance = gain * mean + level**2 to blocks, and leave out those far above.

    Parameters
    ----------
    means, variances : ndarray of shape (n,)
        Mean of each block, and variance of its noise and texture.
    gain, level : float, default=None
        Known parameters, which are not fitted.

    Returns
    -------
    line : ndarray of shape (2,)
        Gain and squared level.
    is_noise : ndarray of shape (n,), dtype=bool
        Whether each block agrees with the line.
    """
    limit = 1 + LARGEST_DEVIATION * np.sqrt(SPREAD)
    # The variance of a block has a gamma distribution. This is its mean below `limit`.
    shape = 1 / SPREAD
    kept_mean = gammainc(shape + 1, shape * limit) / gammainc(shape, shape * limit)
    known = np.array([gain, None if level is None else level**2], dtype=float)
    is_free = np.isnan(known)
    line = np.where(is_free, 0, known)
    columns = np.column_stack([means, np.ones_like(means)])
    from_known = columns @ line
    smallest = 1e-9 * variances.max()
    # Start from a constant variance, below that of most of the texture.
    predicted = np.full_like(variances, np.quantile(variances, 0.25))
    for _ in range(max_iter):
        is_noise = variances < limit * predicted
        weights = 1 / predicted[is_noise]
        before = line.copy()
        unknown = (variances / kept_mean - from_known)[is_noise]
        free_columns = columns[is_noise][:, is_free]
        line[is_free] = nnls(free_columns * weights[:, None], unknown * weights)[0]
        predicted = np.maximum(columns @ line, smallest)
        if np.allclose(line, before, rtol=1e-4, atol=0):
            break
    return line, variances < limit * predicted
