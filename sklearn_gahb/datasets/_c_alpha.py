"""Piecewise regular images, with edges along regular contours."""

import numpy as np
from scipy import fft
from sklearn.utils import check_random_state

from .._sklearn_compat import POSITIVE, StrOptions, at_least, validate_params
from ._common import radial_wavenumber, sample_batches

CONSTRAINTS = {
    "image_size": [at_least(2)],
    "alpha": [POSITIVE],
    "convention": [StrOptions({"hoelder", "released"})],
}


def filter_exponents(alpha, beta, convention):
    """Return the filter exponents for given regularities of contours and backgrounds.

    In d dimensions, white noise filtered by |k|^-a has Hoelder regularity a - d / 2.

    Parameters
    ----------
    alpha, beta : float
        Regularities of the contours and of the backgrounds.
    convention : {"hoelder", "released"}
        "hoelder" adds d / 2 to the exponents, and "released" does not.

    Returns
    -------
    exponents : tuple of float
        Exponents for contours (d = 1) and for backgrounds (d = 2).
    """
    if convention == "hoelder":
        return alpha + 1 / 2, beta + 1
    return alpha, beta


def filter_noise(noise, exponent, n_dimensions):
    """Multiply the Fourier coefficients of lines or images by |k|^-exponent.

    Parameters
    ----------
    noise : ndarray of shape (n_samples, size) or (n_samples, size, size)
        Lines or images.
    exponent : float
        Exponent of the filter. The factor at zero frequency is 1.
    n_dimensions : {1, 2}
        Number of axes to transform.

    Returns
    -------
    filtered : ndarray of the shape of `noise`
        Filtered lines or images, which are periodic, in the precision of `noise`.
    """
    axes = tuple(range(-n_dimensions, 0))
    size = noise.shape[-1]
    amplitude = radial_wavenumber(size, n_dimensions) ** -exponent
    amplitude = amplitude.astype(noise.dtype)
    return fft.irfftn(
        fft.rfftn(noise, axes=axes) * amplitude, s=(size,) * n_dimensions, axes=axes
    )


def rescale(images, is_bright, end):
    """Map the intensities of each image linearly to [end, 1] or [0, end].

    Parameters
    ----------
    images : ndarray of shape (n_samples, height, width)
        Images to rescale.
    is_bright : ndarray of bool of shape (n_samples,)
        If True, the new range of the image is [end, 1]. If False, the new range is
        [0, end].
    end : ndarray of shape (n_samples,)
        Lower end of a bright range, or upper end of a dark range.

    Returns
    -------
    rescaled : ndarray of shape (n_samples, height, width)
        Images with the new range, up to rounding.
    """
    low, high = np.where(is_bright, end, 0.0), np.where(is_bright, 1.0, end)
    smallest = images.min(axis=(1, 2), keepdims=True)
    extent = np.ptp(images, axis=(1, 2), keepdims=True)
    slope = (high - low)[:, None, None].astype(images.dtype) / extent
    return images * slope + (low[:, None, None].astype(images.dtype) - smallest * slope)


def region_below(contour, image_size):
    """Compute an antialiased mask of the pixels below a contour.

    Parameters
    ----------
    contour : ndarray of shape (n_samples, image_size)
        First row below the contour, for each column.
    image_size : int
        Height and width of the images.

    Returns
    -------
    mask : ndarray of shape (n_samples, image_size, image_size)
        Mask with values from 0 to 1. Each value is the mean of a binary mask over the
        pixel and its upper, left and upper-left neighbors. The binary mask is mirrored
        at the border.
    """
    rows = np.arange(image_size)
    below = (rows[:, None] >= contour[:, None, :]).astype(np.float32)
    previous = np.abs(rows - 1)
    below = (below + below[:, previous]) / 2
    return (below + below[:, :, previous]) / 2


@validate_params(**CONSTRAINTS, beta=[POSITIVE, None])
def make_c_alpha_images(
    n_samples=100,
    image_size=80,
    alpha=2.0,
    beta=None,
    *,
    convention="hoelder",
    random_state=None,
):
    r"""Draw C^alpha images: two smooth backgrounds that meet at a smooth contour.

    The contour and the backgrounds have Hoelder regularity :math:`\alpha` (a larger
    value is smoother). For such images, the mean squared error of the best denoiser at
    noise level :math:`\sigma` decays like
    :math:`\sigma^{2 \alpha / (\alpha + 1)}` [1]_. The output PSNR, as a function of the
    input PSNR, then has the slope :math:`\alpha / (\alpha + 1)`. Thresholding in the
    best bandlet basis attains this rate [2]_, and deep denoisers come close [3]_.

    An image of N x N pixels is made in four steps [3]_:

    1. Draw one uniform value in (-1, 1) for each column, and multiply the Fourier
       transform of this sequence by :math:`|k|^{-a}`. The filtered sequence is c. Here,
       k is in cycles per image, and the factor at k = 0 is 1. In column j, the contour
       is at row :math:`\mathrm{round}(N c_j) + \lfloor N / 2 \rfloor`. If this row is
       outside the image, one background fills the column.
    2. Draw two backgrounds in the same way: one uniform value in (-1, 1) for each
       pixel, filtered by :math:`|k|^{-b}`. Here, k is the radial wavenumber.
    3. A fair coin toss decides which background is rescaled to [p, 1]. The other
       background is rescaled to [0, q]. Here, p and q are uniform on [0, 1].
    4. The binary mask of the region below the contour is averaged over 2x2 pixels. The
       image is ``mask * lower + (1 - mask) * upper``.

    The exponents a and b depend on the parameter `convention`. In d dimensions, white
    noise filtered by :math:`|k|^{-a}` has Hoelder regularity :math:`a - d / 2`.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    image_size : int, default=80
        Height and width of the images, in pixels.
    alpha : float, default=2.0
        Hoelder regularity of the contour, if `convention` is "hoelder".
    beta : float, default=None
        Regularity of the backgrounds, in the same sense. If None, `alpha` is used.
    convention : {"hoelder", "released"}, default="hoelder"
        Convention for the exponents. "hoelder" filters with a = alpha + 1/2 and b =
        beta + 1. The contour and the backgrounds then have the Hoelder regularity that
        the theory of the optimal rate assumes. "released" filters with a = alpha and b
        = beta, as in [3]_ and its released code. The regularity is then alpha - 1/2 for
        the contour and beta - 1 for the backgrounds, and the optimal rate above does
        not hold.
    random_state : int, RandomState instance or None, default=None
        Seed of the random numbers. For a given int, a larger `n_samples` appends images
        and leaves the earlier ones unchanged.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size, image_size), dtype=float32
        Images in [0, 1].

    See Also
    --------
    make_c_alpha_backgrounds : Backgrounds only, without an edge.

    Notes
    -----
    The contour is rounded to whole pixels before the mask is averaged. The rounding
    limits the regularity of an image at the scale of a pixel. The rates are therefore
    visible only at intermediate noise levels. With an image size of 64 to 128 pixels,
    these levels correspond to an input PSNR of about 10 to 30 dB.

    References
    ----------
    .. [1] A. P. Korostelev, A. B. Tsybakov, "Minimax Theory of Image Reconstruction",
       Lecture Notes in Statistics 82, Springer, 1993.
       :doi:`10.1007/978-1-4612-2712-0`
    .. [2] S. Mallat, G. Peyre, "Orthogonal bandlet bases for geometric images
       approximation", Comm. Pure Appl. Math. 61(9), 2008. :doi:`10.1002/cpa.20242`
    .. [3] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024, appendix E. :arxiv:`2310.02557`

    Examples
    --------
    >>> from sklearn_gahb.datasets import make_c_alpha_images
    >>> X = make_c_alpha_images(n_samples=10, image_size=64, alpha=3, random_state=0)
    >>> X.shape
    (10, 64, 64)
    """
    contour_exponent, background_exponent = filter_exponents(
        alpha, alpha if beta is None else beta, convention
    )
    rng = check_random_state(random_state)
    n_pixels = image_size**2
    X = np.empty((n_samples, image_size, image_size), dtype=np.float32)
    for batch in sample_batches(n_samples, image_size):
        # One row per image: contour, lower and upper background, coin, p, q.
        n_images = batch.stop - batch.start
        draws = rng.uniform(size=(n_images, image_size + 2 * n_pixels + 3))
        contour_noise, background_noise, ranges = np.split(
            draws, [image_size, image_size + 2 * n_pixels], axis=1
        )
        contour = filter_noise(2 * contour_noise - 1, contour_exponent, 1)
        contour = np.round(image_size * contour) + image_size // 2
        # Rounding to float32 is far below the noise at which slopes are measured.
        noise = background_noise.astype(np.float32)
        noise = 2 * noise.reshape(-1, image_size, image_size) - 1
        backgrounds = filter_noise(noise, background_exponent, 2)
        backgrounds = backgrounds.reshape(n_images, 2, image_size, image_size)
        lower_is_bright = ranges[:, 0] < 0.5
        p, q = ranges[:, 1], ranges[:, 2]
        lower, upper = (
            rescale(backgrounds[:, i], is_bright, np.where(is_bright, p, q))
            for i, is_bright in enumerate((lower_is_bright, ~lower_is_bright))
        )
        mask = region_below(contour, image_size)
        lower -= upper
        lower *= mask
        lower += upper
        np.clip(lower, 0, 1, out=X[batch])
    return X


@validate_params(**CONSTRAINTS)
def make_c_alpha_backgrounds(
    n_samples=100, image_size=80, alpha=2.0, *, convention="hoelder", random_state=None
):
    r"""Draw images of the same regularity everywhere: backgrounds of C^alpha images.

    Uniform white noise on (-1, 1) is filtered by :math:`|k|^{-b}`. Here, k is the
    radial wavenumber in cycles per image, and the factor at k = 0 is 1. The exponent b
    depends on `alpha` and `convention`. The image is then rescaled to [p, 1] or to [0,
    q] with equal probability, where p and q are uniform on [0, 1].

    Linear denoisers attain the optimal rate on such images. At noise level
    :math:`\sigma`, the mean squared error of the Wiener filter decays like
    :math:`\sigma^{2 (b - 1) / b}`. In the convention "hoelder", this rate is
    :math:`\sigma^{2 \alpha / (\alpha + 1)}`.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    image_size : int, default=80
        Height and width of the images, in pixels.
    alpha : float, default=2.0
        Hoelder regularity of the images, if `convention` is "hoelder".
    convention : {"hoelder", "released"}, default="hoelder"
        Convention for the exponent. "hoelder" filters with b = alpha + 1, so that the
        images have Hoelder regularity alpha. "released" filters with b = alpha, as in
        [1]_ and its released code.
    random_state : int, RandomState instance or None, default=None
        Seed of the random numbers. For a given int, a larger `n_samples` appends images
        and leaves the earlier ones unchanged.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size, image_size), dtype=float32
        Images in [0, 1].

    See Also
    --------
    make_c_alpha_images : Two backgrounds that meet at a contour.
    make_gaussian_textures : Images with a power-law spectrum that are not rescaled.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024, appendix E. :arxiv:`2310.02557`

    Examples
    --------
    >>> from sklearn_gahb.datasets import make_c_alpha_backgrounds
    >>> X = make_c_alpha_backgrounds(n_samples=10, image_size=64, random_state=0)
    >>> X.shape
    (10, 64, 64)
    """
    _, exponent = filter_exponents(alpha, alpha, convention)
    rng = check_random_state(random_state)
    X = np.empty((n_samples, image_size, image_size), dtype=np.float32)
    for batch in sample_batches(n_samples, image_size):
        # One row per image: noise, coin, end of the range.
        draws = rng.uniform(size=(batch.stop - batch.start, image_size**2 + 2))
        noise = draws[:, :-2].astype(np.float32)
        noise = 2 * noise.reshape(-1, image_size, image_size) - 1
        is_bright, end = draws[:, -2] < 0.5, draws[:, -1]
        images = rescale(filter_noise(noise, exponent, 2), is_bright, end)
        np.clip(images, 0, 1, out=X[batch])
    return X
