"""PSNR of a fitted denoiser as a function of the noise level."""

import numpy as np
from sklearn.utils import Bunch, check_random_state

from .._mistakes import warn_if_made_for_poisson_noise
from .._sklearn_compat import POSITIVE, validate_params
from ..denoisers import as_denoiser
from ..noise.gaussian import check_noise_levels, noisy_copy


@validate_params(noise_std=["array-like", POSITIVE], blind=["boolean"])
def psnr_curve(
    denoiser, X, noise_std, *, blind=False, slope_range=(10.0, 30.0), random_state=None
):
    r"""Measure the output PSNR of a denoiser as a function of the input PSNR.

    The input PSNR is :math:`-20 \log_{10} \sigma`. If the mean squared error decays
    like :math:`\sigma^{2 s}`, the output PSNR is a linear function of the input PSNR
    with slope s. For images on a smooth manifold, the optimal slope is 1. For images
    whose contours and backgrounds have Hoelder regularity :math:`\alpha`, the optimal
    slope is :math:`\alpha / (\alpha + 1)` [1]_.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts. Oracles (denoisers that
        need the clean image) receive the clean images.
    X : array-like or list of array-like
        Clean images, in a layout and units that `denoiser` accepts.
    noise_std : float or array-like of shape (n_levels,)
        Standard deviation of the noise at each noise level, as a fraction of the data
        range. Must be positive.
    blind : bool, default=False
        If True, do not pass the noise level to the denoiser. The denoiser then uses its
        own `noise_std`, or estimates the noise level if its `noise_std` is None.
    slope_range : tuple of (float, float), default=(10.0, 30.0)
        Range of input PSNR, in dB, over which the slope is fitted.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise. Pass an int for reproducible results.

    Returns
    -------
    curve : :class:`~sklearn.utils.Bunch`
        Object with the attributes:

        noise_std : ndarray of shape (n_levels,)
            Standard deviation of the noise at each noise level.
        input_psnr : ndarray of shape (n_levels,)
            PSNR of the noisy images in dB, ``-20 * log10(noise_std)``.
        psnr : ndarray of shape (n_levels, n_images)
            PSNR of each denoised image in dB.
        output_psnr : ndarray of shape (n_levels,)
            Mean of `psnr` over the images.
        output_psnr_std_err : ndarray of shape (n_levels,)
            Standard error of `output_psnr`. It is nan for a single image.
        slope : float
            Least-squares slope of `output_psnr` as a function of `input_psnr`. It is
            nan if fewer than two noise levels are in `slope_range`.
        slope_std_err : float
            Standard error of `slope`, from the spread of the slopes fitted to the
            individual images. Their mean equals `slope`.
        slope_range : tuple of (float, float)
            The parameter `slope_range`.

    See Also
    --------
    sklearn_gahb.displays.PSNRCurveDisplay : Draw several curves.

    References
    ----------
    .. [1] A. P. Korostelev, A. B. Tsybakov, "Minimax Theory of Image Reconstruction",
       Lecture Notes in Statistics 82, Springer, 1993.
       :doi:`10.1007/978-1-4612-2712-0`

    Examples
    --------
    >>> from sklearn_gahb import WienerDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.evaluation import psnr_curve
    >>> X = make_gaussian_textures(100, 64, exponent=2, random_state=0)
    >>> curve = psnr_curve(
    ...     WienerDenoiser().fit(X), X, [0.3, 0.1, 0.03], random_state=0
    ... )
    >>> curve.output_psnr.shape, f"{curve.slope:.1f}"
    ((3,), '0.5')
    """
    levels = check_noise_levels(noise_std)
    if np.shape(slope_range) != (2,) or not slope_range[0] < slope_range[1]:
        raise ValueError(
            f"slope_range={slope_range!r} must be two increasing numbers, such as "
            "(10.0, 30.0)."
        )
    low, high = slope_range
    seed = check_random_state(random_state).randint(2**31 - 1)
    denoiser = as_denoiser(denoiser)
    warn_if_made_for_poisson_noise(
        denoiser,
        "psnr_curve adds",
        "Call psnr_per_image(noisy, clean) with noisy images from PoissonNoise.",
    )
    ratios = []
    for level in levels:
        noisy = noisy_copy(X, level, seed, denoiser.data_range)
        told = None if blind else level
        ratios.append(denoiser.psnr_per_image(noisy, X, noise_std=told))
    ratios = np.stack(ratios)
    input_psnr = -20 * np.log10(levels)
    # The tolerance includes levels at the ends of the range despite rounding.
    fitted = (input_psnr > low - 1e-6) & (input_psnr < high + 1e-6)
    slopes = np.full(ratios.shape[1], np.nan)
    if fitted.sum() > 1:
        slopes = np.polyfit(input_psnr[fitted], ratios[fitted], 1)[0]
    return Bunch(
        noise_std=levels,
        input_psnr=input_psnr,
        psnr=ratios,
        output_psnr=ratios.mean(axis=1),
        output_psnr_std_err=standard_error(ratios),
        slope=float(slopes.mean()),
        slope_std_err=float(standard_error(slopes)),
        slope_range=(low, high),
    )


def standard_error(values):
    """Compute the standard error of the mean over the last axis; nan for one value."""
    n = values.shape[-1]
    if n == 1:
        return np.full(values.shape[:-1], np.nan)
    return values.std(axis=-1, ddof=1) / np.sqrt(n)
