"""Periodized wavelet transforms."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pywt

ORTHOGONAL = "'haar', 'db2', 'sym4' or 'coif1'"


@dataclass(frozen=True)
class WaveletBasis:
    """Periodized wavelets on images of shape (n, channels, height, width).

    The transform is orthonormal if each side is a multiple of ``2**n_scales``, for any
    filter length.

    Attributes
    ----------
    wavelet : pywt.Wavelet
    n_scales : int
    axes : list of int
        Axes to transform: 2, 3, both or none.
    """

    wavelet: pywt.Wavelet
    n_scales: int
    axes: list

    def analyze(self, images):
        """Return the coarse band and detail bands (n, channels, h, w), finest first."""
        bands = []
        for _ in range(self.n_scales):
            found = pywt.dwtn(images, self.wavelet, "periodization", self.axes)
            images, *details = (found[key] for key in self._keys())
            bands += details
        return images, bands

    def synthesize(self, coarse, bands):
        """Invert `analyze`."""
        keys = self._keys()
        for scale in reversed(range(self.n_scales)):
            first = scale * (len(keys) - 1)
            parts = [coarse, *bands[first : first + len(keys) - 1]]
            found = dict(zip(keys, parts, strict=True))
            coarse = pywt.idwtn(found, self.wavelet, "periodization", self.axes)
        return coarse

    def multiply(self, images, factors):
        """Multiply the detail coefficients of images: apply W^T diag(factors) W."""
        coarse, bands = self.analyze(images)
        pairs = zip(factors, bands, strict=True)
        return self.synthesize(coarse, [f * c for f, c in pairs])

    def eigenbasis(self, image, factors, n):
        """Return the factors in descending order, and the first `n` vectors.

        Parameters
        ----------
        image : ndarray of shape (1, channels, height, width)
            Image that breaks ties: if factors are equal, its larger coefficients come
            first.
        factors : list of ndarray of the shapes of the detail bands
            Factors of the detail coefficients. The factors of the coarse band are 1.
        n : int
            Number of vectors.

        Returns
        -------
        factors : ndarray of shape (d,)
        atoms : ndarray of shape (n, channels, height, width)
        """
        coarse, bands = self.analyze(image)
        factors, (coarse, *bands) = largest_factors(
            [coarse, *bands], [np.ones_like(coarse), *factors], n
        )
        return factors, self.synthesize(coarse, bands)

    def _keys(self):
        """Names of the bands in PyWavelets. The coarse band is first."""
        return ["".join(key) for key in product("ad", repeat=len(self.axes))]


def largest_factors(bands, factors, n):
    """Return the factors in descending order, and the first `n` unit coefficients.

    Parameters
    ----------
    bands : list of ndarray of shape (1, channels, h, w)
        Coefficients. If factors are equal, larger coefficients come first.
    factors : list of ndarray of the same shapes
    n : int
        Number of unit coefficients.

    Returns
    -------
    factors : ndarray of shape (d,)
    units : list of ndarray of shape (n, channels, h, w)
        Bands of n images, each with a single coefficient of 1.
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


def check_wavelet(wavelet):
    if isinstance(wavelet, str):
        if wavelet not in pywt.wavelist(kind="discrete"):
            raise ValueError(
                f"wavelet={wavelet!r} is not a discrete wavelet of PyWavelets. Pass an "
                f"orthogonal wavelet, such as {ORTHOGONAL}."
            )
        wavelet = pywt.Wavelet(wavelet)
    if not wavelet.orthogonal:
        raise ValueError(
            f"wavelet={wavelet.name!r} is not orthogonal. Pass an orthogonal wavelet "
            f"of PyWavelets, such as {ORTHOGONAL}."
        )
    return wavelet
