"""Thresholding of wavelet coefficients."""

import math
from itertools import product
from numbers import Integral, Real

import numpy as np
import pywt
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from ..noise import median_noise_std
from ._base import BaseDenoiser

ORTHOGONAL = "'haar', 'db2', 'sym4' and 'coif1'"


class WaveletThresholdDenoiser(BaseDenoiser):
    r"""Thresholding in an orthonormal wavelet basis.

    .. math:: \hat x = \sum_k \rho_T(\langle y, \psi_k \rangle)\, \psi_k

    with periodised wavelets; the coarse band is kept. The shrinkage of a coefficient c
    at threshold T is

    - ``"hard"``: c if :math:`|c| > T`, and 0 otherwise;
    - ``"soft"``: :math:`\mathrm{sign}(c) \max(|c| - T, 0)`;
    - ``"garrote"``: :math:`\max(c - T^2 / c, 0)` for c > 0, odd in c.

    Sides that are no multiples of ``2**levels`` are extended by mirror images and
    cropped; a side of one pixel is not transformed. Each channel is denoised by itself.

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default="sym4"
        An orthogonal wavelet of PyWavelets, see :func:`pywt.wavelist`.
    levels : int, default=None
        Number of scales, at most the logarithm to base 2 of the shorter side, rounded
        up. None takes as many as leave at least 8 coefficients a side, and at least 1.
    threshold : float or {"universal", "bayes", "sure"}, default=3.0
        A number alpha means :math:`T = \alpha \sigma`. "universal" is
        :math:`\sigma \sqrt{2 \log d}` with d pixels [1]_. "bayes" is
        :math:`\sigma^2 / \sqrt{\max(E\,c^2 - \sigma^2, 0)}` in each band [2]_. "sure"
        minimises Stein's unbiased risk estimate of soft thresholding in each band [3]_,
        and needs ``shrinkage="soft"``.
    shrinkage : {"hard", "soft", "garrote"}, default="hard"
        What is done with coefficients at the threshold, see above.
    n_shifts : int, default=1
        Number of translations to average over (cycle spinning [4]_), the square of a
        whole number s: shifts by 0 to s - 1 pixels along both sides. 16 is nearly
        translation invariant, and 16 times the work.
    noise_std : float, default=None
        Standard deviation of the noise, in the units of the images, which for unsigned
        integers are fractions of the largest value: 25 of 255 is ``25 / 255``. None
        estimates it for each image by `estimate_noise_std`.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the rows of 2-D arrays.
    random_state : int, RandomState instance or None, default=None
        Seeds the noise that ``score(X)`` adds.

    Attributes
    ----------
    wavelet_ : pywt.Wavelet
        The wavelet in use.
    n_channels_in_ : int
        Number of channels seen during :term:`fit`.
    n_features_in_ : int
        Number of values of an image seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    WienerDenoiser : Shrinks in the Fourier basis.
    DNNDenoiser : Shrinks in a basis that a network adapts to the image.

    References
    ----------
    .. [1] D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet
       shrinkage", Biometrika 81(3), 1994. :doi:`10.1093/biomet/81.3.425`
    .. [2] S. G. Chang, B. Yu, M. Vetterli, "Adaptive wavelet thresholding for image
       denoising and compression", IEEE Transactions on Image Processing 9(9), 2000.
       :doi:`10.1109/83.862633`
    .. [3] D. L. Donoho, I. M. Johnstone, "Adapting to unknown smoothness via wavelet
       shrinkage", Journal of the American Statistical Association 90(432), 1995.
       :doi:`10.1080/01621459.1995.10476626`
    .. [4] R. R. Coifman, D. L. Donoho, "Translation-invariant de-noising", in Wavelets
       and Statistics, Springer, 1995. :doi:`10.1007/978-1-4612-2544-7_9`

    Examples
    --------
    >>> from sklearn_gahb import WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X = make_disk_images(20, random_state=0)
    >>> denoiser = WaveletThresholdDenoiser("haar", noise_std=0.1, random_state=0)
    >>> denoiser.fit(X).score(X) > 25
    True
    """

    _parameter_constraints: dict = {
        "wavelet": [str, pywt.Wavelet],
        "levels": [Interval(Integral, 1, None, closed="left"), None],
        "threshold": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"universal", "bayes", "sure"}),
        ],
        "shrinkage": [StrOptions({"hard", "soft", "garrote"})],
        "n_shifts": [Interval(Integral, 1, None, closed="left")],
        "noise_std": [Interval(Real, 0, None, closed="left"), None],
        "image_shape": [tuple, list, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        wavelet="sym4",
        *,
        levels=None,
        threshold=3.0,
        shrinkage="hard",
        n_shifts=1,
        noise_std=None,
        image_shape=None,
        random_state=None,
    ):
        self.wavelet = wavelet
        self.levels = levels
        self.threshold = threshold
        self.shrinkage = shrinkage
        self.n_shifts = n_shifts
        self.noise_std = noise_std
        self.image_shape = image_shape
        self.random_state = random_state

    def _fit(self, clean, noisy):
        _check_thresholding(self.threshold, self.shrinkage, self.n_shifts)
        self.wavelet_ = _check_wavelet(self.wavelet)

    def _denoise(self, y, noise_std):
        _check_thresholding(self.threshold, self.shrinkage, self.n_shifts)
        if y.requires_grad:
            raise ValueError(
                "y requires gradients, and wavelets are computed by PyWavelets, which "
                "does not propagate them; pass y.detach()."
            )
        images = y.cpu().numpy()
        if noise_std is None:
            noise_std = median_noise_std(images)
        elif isinstance(noise_std, torch.Tensor):
            noise_std = noise_std.detach().cpu().numpy()
        sigma = np.asarray(noise_std, dtype=images.dtype).reshape(-1, 1, 1, 1)
        denoised = threshold_wavelets(
            images,
            sigma,
            wavelet=self.wavelet_,
            levels=self.levels,
            threshold=self.threshold,
            shrinkage=self.shrinkage,
            n_shifts=self.n_shifts,
        )
        return torch.from_numpy(denoised).to(y.device)


def threshold_wavelets(y, sigma, *, wavelet, levels, threshold, shrinkage, n_shifts):
    """Threshold the wavelet coefficients of images, on average over translations.

    Parameters
    ----------
    y : ndarray of shape (n, channels, height, width)
    sigma : ndarray of shape (n, 1, 1, 1) or (1, 1, 1, 1)
    wavelet, levels, threshold, shrinkage, n_shifts
        As in `WaveletThresholdDenoiser`.

    Returns
    -------
    x_hat : ndarray of shape (n, channels, height, width)
    """
    height, width = y.shape[2:]
    axes = [axis for axis in (2, 3) if y.shape[axis] > 1]
    if not axes:
        return y.copy()
    side = min(y.shape[axis] for axis in axes)
    if levels is None:
        levels = default_levels(side)
    elif levels > math.ceil(math.log2(side)):
        raise ValueError(
            f"levels={levels} is too many for images of {height}x{width} pixels; "
            f"accepted are at most {math.ceil(math.log2(side))}."
        )
    padded = _pad_to_multiple(y, 2**levels, axes)
    shifts = range(math.isqrt(n_shifts))
    x_hat = np.zeros_like(padded)
    for shift in product(*(shifts for _ in axes)):
        coarse, details = analyse(np.roll(padded, shift, axes), wavelet, levels, axes)
        for bands in details:
            for key, c in bands.items():
                T = band_threshold(c, sigma, threshold, n_pixels=height * width)
                bands[key] = shrink(c, T, shrinkage)
        denoised = synthesise(coarse, details, wavelet, axes)
        x_hat += np.roll(denoised, [-s for s in shift], axes)
    return x_hat[:, :, :height, :width] / len(shifts) ** len(axes)


def analyse(y, wavelet, levels, axes):
    """Coarse band, and one dict of detail bands a level, of the periodised transform.

    Orthonormal where each side is a multiple of ``2**levels``, however long the filter.
    """
    details = []
    for _ in range(levels):
        bands = pywt.dwtn(y, wavelet, "periodization", axes)
        y = bands.pop("a" * len(axes))
        details.append(bands)
    return y, details


def synthesise(coarse, details, wavelet, axes):
    """Inverse of `analyse`."""
    for bands in reversed(details):
        bands = {"a" * len(axes): coarse, **bands}
        coarse = pywt.idwtn(bands, wavelet, "periodization", axes)
    return coarse


def default_levels(side):
    """Number of scales that leaves at least 8 coefficients a side, and at least 1."""
    return max(1, int(math.log2(side / 8))) if side >= 8 else 1


def band_threshold(c, sigma, threshold, n_pixels):
    """Threshold of one band of coefficients (n, channels, h, w); broadcasts to it."""
    if threshold == "universal":
        return sigma * math.sqrt(2 * math.log(n_pixels))
    if threshold == "bayes":
        return bayes_threshold(c, sigma)
    if threshold == "sure":
        return sure_threshold(c, sigma)
    return threshold * sigma


def bayes_threshold(c, sigma):
    """BayesShrink: sigma^2 / sqrt(max(E c^2 - sigma^2, 0)) over each band."""
    signal = np.mean(c**2, axis=(2, 3), keepdims=True) - sigma**2
    with np.errstate(divide="ignore", invalid="ignore"):
        T = sigma**2 / np.sqrt(np.maximum(signal, 0))
    return np.where(sigma > 0, T, 0).astype(c.dtype)


def sure_threshold(c, sigma):
    r"""Minimiser of Stein's risk estimate of soft thresholding over each band.

    SURE(T) = sum min(c^2, T^2) + 2 sigma^2 #{|c| > T} - m sigma^2 is smallest at 0 or
    at the size of one of the m coefficients.
    """
    m = c.shape[2] * c.shape[3]
    sizes = np.sort(np.abs(c).reshape(*c.shape[:2], m), axis=2)
    squares = sizes**2
    n_above = np.arange(m - 1, -1, -1, dtype=c.dtype)
    variance = np.square(sigma)[..., 0]
    risk = np.cumsum(squares, axis=2) + n_above * (squares + 2 * variance)
    best = risk.argmin(axis=2)[..., None]
    T = np.take_along_axis(sizes, best, axis=2)
    risk_at_zero = 2 * m * variance
    T = np.where(np.take_along_axis(risk, best, axis=2) < risk_at_zero, T, 0)
    return T[..., None].astype(c.dtype)


def shrink(c, T, shrinkage):
    """Shrink coefficients `c` at thresholds `T` that broadcast to them."""
    size = np.abs(c)
    if shrinkage == "hard":
        return np.where(size > T, c, 0)
    if shrinkage == "soft":
        return np.sign(c) * np.maximum(size - T, 0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(size > T, c - T**2 / c, 0)


def _pad_to_multiple(y, multiple, axes):
    pads = [(0, -n % multiple if i in axes else 0) for i, n in enumerate(y.shape)]
    return np.pad(y, pads, mode="symmetric")


def _check_thresholding(threshold, shrinkage, n_shifts):
    if threshold == "sure" and shrinkage != "soft":
        raise ValueError(
            "threshold='sure' estimates the risk of soft thresholding and needs "
            f"shrinkage='soft'; got shrinkage={shrinkage!r}."
        )
    if math.isqrt(n_shifts) ** 2 != n_shifts:
        raise ValueError(
            f"n_shifts={n_shifts} must be the square of a whole number: 1, 4, 9, 16..."
        )


def _check_wavelet(wavelet):
    if isinstance(wavelet, str):
        if wavelet not in pywt.wavelist(kind="discrete"):
            raise ValueError(
                f"wavelet={wavelet!r} is no discrete wavelet of PyWavelets; accepted "
                f"are the orthogonal ones, such as {ORTHOGONAL}."
            )
        wavelet = pywt.Wavelet(wavelet)
    if not wavelet.orthogonal:
        raise ValueError(
            f"wavelet={wavelet.name!r} is not orthogonal; accepted are the orthogonal "
            f"wavelets of PyWavelets, such as {ORTHOGONAL}."
        )
    return wavelet
