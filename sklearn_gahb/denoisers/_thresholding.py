"""Thresholding of periodised wavelet coefficients, and its derivative.

Images are arrays of shape (n, channels, height, width).
"""

import math
from itertools import product

import numpy as np
import pywt

from ..noise import median_noise_std

ORTHOGONAL = "'haar', 'db2', 'sym4' and 'coif1'"


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
    size = y.shape[2:]
    axes, levels = transformed_axes(size, levels)
    padded = pad_by_mirror(y, 2**levels, axes)

    def threshold_once(y):
        coarse, details = analyse(y, wavelet, levels, axes)
        for bands in details:
            for key, c in bands.items():
                T = band_threshold(c, sigma, threshold, n_pixels=math.prod(size))
                bands[key] = shrink(c, T, shrinkage)
        return synthesise(coarse, details, wavelet, axes)

    return crop(spin(threshold_once, n_shifts, axes, padded), size)


def spin(function, n_shifts, axes, *images):
    """Mean over translations of a map of images, each translated back."""
    shifts = translations(n_shifts, axes)
    total = 0
    for shift in shifts:
        result = function(*(np.roll(one, shift, axes) for one in images))
        total += np.roll(result, [-s for s in shift], axes)
    return total / len(shifts)


def wavelet_slopes(y, sigma, *, wavelet, levels, threshold, shrinkage, n_shifts):
    """Derivatives of the shrinkages at the coefficients of one image.

    Parameters are those of `threshold_wavelets`, with n = 1; thresholds are fixed.

    Returns
    -------
    slopes : dict of tuple to list of dict of str to ndarray
        For each shift and each level, finest first, the slopes of the detail bands,
        each of shape (1, channels, h, w).
    """
    size = y.shape[2:]
    axes, levels = transformed_axes(size, levels)
    padded = pad_by_mirror(y, 2**levels, axes)
    slopes = {}
    for shift in translations(n_shifts, axes):
        _, details = analyse(np.roll(padded, shift, axes), wavelet, levels, axes)
        slopes[shift] = [
            {
                key: shrinkage_slope(
                    c,
                    band_threshold(c, sigma, threshold, n_pixels=math.prod(size)),
                    shrinkage,
                )
                for key, c in bands.items()
            }
            for bands in details
        ]
    return slopes


def multiply_bands(padded, slopes, wavelet, levels, axes):
    """Multiply the wavelet coefficients of images, on average over translations.

    This is a symmetric map: W^T diag(slopes) W, translated and averaged.
    """
    product = np.zeros_like(padded)
    for shift, slopes_of_levels in slopes.items():
        coarse, details = analyse(np.roll(padded, shift, axes), wavelet, levels, axes)
        for bands, slopes_of_bands in zip(details, slopes_of_levels, strict=True):
            for key, slope in slopes_of_bands.items():
                bands[key] = slope * bands[key]
        multiplied = synthesise(coarse, details, wavelet, axes)
        product += np.roll(multiplied, [-s for s in shift], axes)
    return product / len(slopes)


def wavelet_eigenbasis(y, slopes, wavelet, axes, n):
    """Slopes in descending order, and the wavelets of the first `n`.

    Parameters
    ----------
    y : ndarray of shape (1, channels, height, width)
        Image whose larger coefficients come first where slopes are equal.
    slopes : list of dict of str to ndarray
        As in `wavelet_slopes`, for no shift.

    Returns
    -------
    slopes : ndarray of shape (d,)
        The coarse band, which is kept, has slopes of 1.
    atoms : ndarray of shape (n, channels, height, width)
    """
    coarse, details = analyse(y, wavelet, len(slopes), axes)
    bands = [coarse, *(c for level in details for c in level.values())]
    factors = [np.ones_like(coarse)]
    factors += [slope for level in slopes for slope in level.values()]
    factors, units = largest_factors(bands, factors, n)
    parts = iter(units)
    coarse = next(parts)
    details = [{key: next(parts) for key in level} for level in details]
    return factors, synthesise(coarse, details, wavelet, axes)


def largest_factors(bands, factors, n):
    """Factors of coefficients in descending order, and unit coefficients of the first.

    Parameters
    ----------
    bands : list of ndarray of shape (1, channels, h, w)
        Coefficients, of which larger ones come first where factors are equal.
    factors : list of ndarray of the same shapes
    n : int

    Returns
    -------
    factors : ndarray of shape (d,)
    units : list of ndarray of shape (n, channels, h, w)
        One coefficient of 1 in each of the n.
    """
    factors = np.concatenate([factor.ravel() for factor in factors])
    sizes = np.concatenate([np.abs(band).ravel() for band in bands])
    order = np.lexsort((-sizes, -factors))
    units = np.zeros((n, len(order)), dtype=bands[0].dtype)
    units[np.arange(n), order[:n]] = 1
    ends = np.cumsum([band.size for band in bands])
    parts = [
        part.reshape(n, *band.shape[1:])
        for part, band in zip(np.split(units, ends[:-1], axis=1), bands, strict=True)
    ]
    return factors[order], parts


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


def shrinkage_slope(c, T, shrinkage):
    """Derivative of `shrink` in c; 0 at the threshold itself."""
    kept = (np.abs(c) > T) | (T == 0)
    if shrinkage != "garrote":
        return kept.astype(c.dtype)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(kept, 1 + np.where(c == 0, 0, T / c) ** 2, 0)


def transformed_axes(size, levels):
    """Axes of (n, c, h, w) that are transformed, and the number of levels."""
    axes = [axis for axis in (2, 3) if size[axis - 2] > 1]
    side = min((size[axis - 2] for axis in axes), default=1)
    if not axes:
        return axes, 0
    if levels is None:
        return axes, default_levels(side)
    if levels > math.ceil(math.log2(side)):
        raise ValueError(
            f"levels={levels} is too many for images of {size[0]}x{size[1]} pixels; "
            f"accepted are at most {math.ceil(math.log2(side))}."
        )
    return axes, levels


def translations(n_shifts, axes):
    """All shifts along `axes` by less than the root of `n_shifts`."""
    return list(product(range(math.isqrt(n_shifts)), repeat=len(axes)))


def _pads(shape, multiple, axes):
    return [(0, -n % multiple if i in axes else 0) for i, n in enumerate(shape)]


def pad_by_mirror(y, multiple, axes):
    return np.pad(y, _pads(y.shape, multiple, axes), mode="symmetric")


def pad_by_zeros(y, multiple, axes):
    return np.pad(y, _pads(y.shape, multiple, axes))


def crop(padded, size):
    return padded[:, :, : size[0], : size[1]]


def fold_mirror(padded, size):
    """Transpose of extending images by mirror images: what was copied is added."""
    for axis, n in ((2, size[0]), (3, size[1])):
        inner, copied = np.split(padded, [n], axis=axis)
        inner, copied = inner.copy(), np.flip(copied, axis)
        last = [slice(None)] * 4
        last[axis] = slice(n - copied.shape[axis], n)
        inner[tuple(last)] += copied
        padded = inner
    return padded


def noise_levels(images, noise_std):
    """Noise levels (n or 1, 1, 1, 1) of an array (n, channels, height, width)."""
    if noise_std is None:
        noise_std = median_noise_std(images)
    elif hasattr(noise_std, "detach"):
        noise_std = noise_std.detach().cpu().numpy()
    return np.asarray(noise_std, dtype=images.dtype).reshape(-1, 1, 1, 1)


def check_n_shifts(n_shifts):
    if math.isqrt(n_shifts) ** 2 != n_shifts:
        raise ValueError(
            f"n_shifts={n_shifts} must be the square of a whole number: 1, 4, 9, 16..."
        )


def check_wavelet(wavelet):
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
