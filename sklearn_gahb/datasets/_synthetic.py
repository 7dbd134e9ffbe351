"""Images with a simple distribution, for which the optimal denoiser is known."""

from numbers import Real

import numpy as np
from scipy import fft
from sklearn.utils import check_array, check_random_state

from .._sklearn_compat import (
    NOT_NEGATIVE,
    POSITIVE,
    Interval,
    at_least,
    validate_params,
)
from ._common import axis_wavenumber, check_range, radial_wavenumber, sample_batches
from ._disks import render_disks


@validate_params(
    image_size=[at_least(2)],
    exponent=[NOT_NEGATIVE],
    mean=[Interval(Real, None, None, closed="neither")],
    std=[POSITIVE],
    return_power_spectrum=["boolean"],
)
def make_gaussian_textures(
    n_samples=100,
    image_size=64,
    *,
    exponent=2.0,
    mean=0.5,
    std=0.2,
    return_power_spectrum=False,
    random_state=None,
):
    r"""Draw stationary periodic Gaussian images with a power-law spectrum.

    An image is white Gaussian noise whose Fourier coefficients are multiplied by
    :math:`\sqrt{S(k)}`, where :math:`S(k) \propto |k|^{-2 \, \mathrm{exponent}}`. This
    power law is infinite at zero frequency, so S(0) is set to the value of S at the
    lowest non-zero frequency. S(0) is positive, so the mean intensity of an image is
    random too.

    The Fourier coefficients are independent, so the optimal denoiser at noise level
    :math:`\sigma` is the Wiener filter :math:`S / (S + \sigma^2)`. The mean squared
    error of this filter is the average of :math:`S \sigma^2 / (S + \sigma^2)` over the
    frequencies.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    image_size : int, default=64
        Height and width of the images, in pixels.
    exponent : float, default=2.0
        Exponent of the decay of the amplitude spectrum. With 0, the images are white
        noise. The exponent of photographs is about 1 [1]_.
    mean : float, default=0.5
        Expected intensity.
    std : float, default=0.2
        Standard deviation of the intensity of a pixel over random images.
    return_power_spectrum : bool, default=False
        If True, also return the power spectrum.
    random_state : int, RandomState instance or None, default=None
        Seed of the random numbers. For a given int, a larger `n_samples` appends images
        and leaves the earlier ones unchanged.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size, image_size), dtype=float32
        Images. Intensities are not clipped. With the default parameters, about 1 pixel
        in 80 is outside [0, 1].
    power_spectrum : ndarray of shape (image_size, image_size)
        Expected value of ``abs(fft2(x - mean)) ** 2 / image_size**2`` in the layout of
        `numpy.fft.fft2`. White noise of standard deviation s has the spectrum s ** 2.
        Only returned if `return_power_spectrum` is True.

    See Also
    --------
    make_c_alpha_images : Images with edges.

    References
    ----------
    .. [1] D. J. Field, "Relations between the statistics of natural images and the
       response properties of cortical cells", J. Opt. Soc. Am. A 4(12), 1987.
       :doi:`10.1364/JOSAA.4.002379`

    Examples
    --------
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> X, power_spectrum = make_gaussian_textures(
    ...     n_samples=10, image_size=32, return_power_spectrum=True, random_state=0
    ... )
    >>> X.shape, power_spectrum.shape
    ((10, 32, 32), (32, 32))
    >>> float(power_spectrum.mean() ** 0.5)
    0.2...
    """
    rng = check_random_state(random_state)
    wavenumber = radial_wavenumber(image_size, 2)
    # S(k) = S(-k), so the columns that rfft2 omits mirror the columns that it keeps.
    power_spectrum = wavenumber[:, axis_wavenumber(image_size)] ** (-2.0 * exponent)
    power_spectrum *= std**2 / power_spectrum.mean()
    amplitude = np.sqrt(power_spectrum[:, : image_size // 2 + 1])

    shape = (image_size, image_size)
    X = np.empty((n_samples, *shape), dtype=np.float32)
    for batch in sample_batches(n_samples, image_size):
        noise = rng.standard_normal((batch.stop - batch.start, *shape))
        X[batch] = mean + fft.irfft2(amplitude * fft.rfft2(noise), s=shape)
    return (X, power_spectrum) if return_power_spectrum else X


@validate_params(image_size=[at_least(3)])
def make_sine_images(
    n_samples=100, image_size=32, *, amplitude_range=(0.0, 1.0), random_state=None
):
    r"""Draw sine waves of unit frequency with random phase and amplitude.

    An image is :math:`x_{ij} = a \cos(2 \pi j / \mathrm{image\_size} + \varphi)`. The
    amplitude `a` is uniform on `amplitude_range`, and the phase :math:`\varphi` is
    uniform on :math:`[0, 2 \pi)`. The wave has one period across the image, and each
    column is constant. The images fill a disk in a two-dimensional linear space. As the
    noise level :math:`\sigma` tends to 0, the optimal mean squared error therefore
    approaches :math:`2 \sigma^2 / d` [1]_. Here, d is the number of pixels.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    image_size : int, default=32
        Height and width of the images, in pixels. Must be at least 3.
    amplitude_range : tuple of float, default=(0.0, 1.0)
        Smallest and largest amplitude, in [0, 1].
    random_state : int, RandomState instance or None, default=None
        Seed of the random numbers. For a given int, a larger `n_samples` appends images
        and leaves the earlier ones unchanged.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size, image_size), dtype=float32
        Images with mean 0 and values in [-1, 1].

    Raises
    ------
    ValueError
        If `amplitude_range` is not an ordered pair in [0, 1].

    See Also
    --------
    make_ray_images : Images on a one-dimensional cone.
    make_disk_images : Images on a curved five-dimensional manifold.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.datasets import make_sine_images
    >>> X = make_sine_images(n_samples=10, image_size=16, random_state=0)
    >>> X.shape
    (10, 16, 16)
    >>> int(np.linalg.matrix_rank(X.reshape(10, -1)))
    2
    """
    amplitude_range = check_range("amplitude_range", amplitude_range, 0.0, 1.0)
    rng = check_random_state(random_state)
    # One row per sample, so that the first samples do not depend on n_samples.
    draws = rng.uniform(size=(n_samples, 2, 1))
    amplitude = amplitude_range[0] + np.ptp(amplitude_range) * draws[:, 0]
    angle = 2 * np.pi * (np.arange(image_size) / image_size + draws[:, 1])
    rows = (amplitude * np.cos(angle)).astype(np.float32)
    return np.repeat(rows[:, None], image_size, axis=1)


@validate_params(image_size=[at_least(8)], image=["array-like", None])
def make_ray_images(
    n_samples=100,
    image_size=32,
    *,
    image=None,
    scale_range=(0.0, 1.0),
    random_state=None,
):
    r"""Multiply one image by random positive numbers.

    The images lie on a ray, which is a one-dimensional cone. As the noise level
    :math:`\sigma` tends to 0, the optimal mean squared error therefore approaches
    :math:`\sigma^2 / d` [1]_. Here, d is the number of pixels.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    image_size : int, default=32
        Height and width of the default image, in pixels. Must be at least 8. Ignored if
        `image` is given.
    image : array-like of shape (height, width), default=None
        Image to scale. Unsigned integers are divided by the largest value of their
        dtype. If None, the image is a centered disk of intensity 1 and radius
        ``image_size / 4`` on a background of intensity 0.25.
    scale_range : tuple of float, default=(0.0, 1.0)
        Smallest and largest factor, in [0, 1]. The factors are uniform on this range.
    random_state : int, RandomState instance or None, default=None
        Seed of the random numbers. For a given int, a larger `n_samples` appends images
        and leaves the earlier ones unchanged.

    Returns
    -------
    X : ndarray of shape (n_samples, height, width), dtype=float32
        Images. They are in [0, 1] if `image` is in [0, 1].

    Raises
    ------
    ValueError
        If `image` is not a 2-D array of finite numbers, or if `scale_range` is not an
        ordered pair in [0, 1].

    See Also
    --------
    make_sine_images : Images on a two-dimensional cone.
    make_disk_images : Images on a curved five-dimensional manifold.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.datasets import make_ray_images
    >>> X = make_ray_images(n_samples=10, image_size=16, random_state=0)
    >>> X.shape
    (10, 16, 16)
    >>> int(np.linalg.matrix_rank(X.reshape(10, -1)))
    1
    """
    scale_range = check_range("scale_range", scale_range, 0.0, 1.0)
    if image is None:
        center = (image_size - 1) / 2
        disk = [center, center, image_size / 4, 1.0, 0.25]
        image = render_disks([disk], image_size)[0]
    image = check_array(image, ensure_2d=False, allow_nd=True, input_name="image")
    if image.ndim != 2:
        raise ValueError(
            f"image must have shape (height, width). Got shape {image.shape} instead."
        )
    if image.dtype.kind == "u":
        image = image / np.iinfo(image.dtype).max
    rng = check_random_state(random_state)
    scale = rng.uniform(*scale_range, size=n_samples).astype(np.float32)
    return scale[:, None, None] * image.astype(np.float32)
