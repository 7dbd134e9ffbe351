"""Structural similarity of images."""

import numpy as np
from scipy.ndimage import gaussian_filter

from .._sklearn_compat import validate_params
from ._errors import image_pairs

# Constants of Wang et al. (2004): standard deviation and radius of the window, in
# pixels, and the constants that stabilize the ratios.
WINDOW_STD, WINDOW_RADIUS = 1.5, 5
C1, C2 = 0.01**2, 0.03**2


@validate_params()
def ssim(clean, denoised, *, data_range=None, average=True, image_shape=None):
    r"""Compute the structural similarity (SSIM) of images.

    .. math:: \mathrm{ssim}(x, \hat x) = \frac{1}{m} \sum_{p=1}^m
              \frac{(2 \mu_p \hat\mu_p + C_1) (2 \kappa_p + C_2)}
                   {(\mu_p^2 + \hat\mu_p^2 + C_1) (s_p^2 + \hat s_p^2 + C_2)}

    where :math:`\mu_p, \hat\mu_p` are the means, :math:`s_p^2, \hat s_p^2` the
    variances and :math:`\kappa_p` the covariance of the two images in a window around
    the pixel p [1]_. The window is an 11x11-pixel Gaussian with a standard deviation of
    1.5 pixels. The mean is taken over the m pixels whose window lies inside the image,
    and over the channels. Pixel values are first expressed as fractions of the data
    range. The constants are :math:`C_1 = 0.01^2` and :math:`C_2 = 0.03^2`.

    The SSIM of identical images is 1. Like human observers, the SSIM tolerates errors
    in textures more readily than errors in smooth regions. The PSNR weights both
    equally.

    Parameters
    ----------
    clean, denoised : array-like or list of array-like
        Two arrays or two lists of photographs, with equal shapes. An array has the
        shape (n_images, height, width), (n_images, height, width, channels), or
        (n_images, n_pixels) if `image_shape` is given. No side can be shorter than 11
        pixels.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    average : bool, default=True
        If True, return the mean over the images. If False, return one value per image.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).

    Returns
    -------
    ssim : float or ndarray of shape (n_images,)
        Mean SSIM, from -1 to 1. If `average` is False, the SSIM of each image.

    Raises
    ------
    ValueError
        If `clean` and `denoised` differ in shape or seem to use different data ranges,
        if values are not finite, or if a side is shorter than 11 pixels.

    References
    ----------
    .. [1] Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality
       assessment: from error visibility to structural similarity", IEEE Transactions
       on Image Processing 13(4), 2004. :doi:`10.1109/TIP.2003.819861`

    Examples
    --------
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.metrics import ssim
    >>> from sklearn_gahb.noise import GaussianNoise
    >>> X = make_disk_images(5, random_state=0)
    >>> noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    >>> ssim(X, X), ssim(X, noisy) < 0.5
    (1.0, True)
    """
    pairs = image_pairs(clean, denoised, data_range, image_shape)
    values = np.concatenate([_similarities(*pair) for pair in pairs])
    return float(values.mean()) if average else values


def _similarities(x, y):
    """Compute the SSIM of each image of two batches (n, channels, h, w)."""
    window = 2 * WINDOW_RADIUS + 1
    if min(x.shape[2:]) < window:
        raise ValueError(
            f"clean has images of {x.shape[2]}x{x.shape[3]} pixels, but the window of "
            f"the SSIM has {window}x{window} pixels. Pass images whose sides have at "
            f"least {window} pixels."
        )
    # Variances are differences of close numbers, so they need float64.
    x, y = x.astype(np.float64), y.astype(np.float64)
    mean_x, mean_y = _window_means(x), _window_means(y)
    var_x = _window_means(x * x) - mean_x**2
    var_y = _window_means(y * y) - mean_y**2
    covariance = _window_means(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    structure = (2 * covariance + C2) / (var_x + var_y + C2)
    return (luminance * structure).mean(axis=(1, 2, 3))


def _window_means(x):
    """Compute the means in all windows that lie inside the images."""
    means = gaussian_filter(x, WINDOW_STD, axes=(2, 3), radius=WINDOW_RADIUS)
    inside = slice(WINDOW_RADIUS, -WINDOW_RADIUS)
    return means[:, :, inside, inside]
