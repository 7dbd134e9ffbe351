"""Periodized wavelet transforms."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pywt

ORTHOGONAL = "'haar', 'db2', 'sym4' and 'coif1'"


@dataclass(frozen=True)
class WaveletBasis:
    """Periodized wavelets on images of shape (n, channels, height, width).

    The transform is orthonormal where each side is a multiple of ``2**n_scales``,
    however long the filter.

    Attributes
    ----------
    wavelet : pywt.Wavelet
    n_scales : int
    axes : list of int
        Axes that are transformed, at most 2 and 3.
    """

    wavelet: pywt.Wavelet
    n_scales: int
    axes: list

    def analyze(self, images):
        """Coarse band, and list of detail bands (n, channels, h, w), finest first."""
        bands = []
        for _ in range(self.n_scales):
            found = pywt.dwtn(images, self.wavelet, "periodization", self.axes)
            images, *details = (found[key] for key in self._keys())
            bands += details
        return images, bands

    def synthesize(self, coarse, bands):
        """Inverse of `analyze`."""
        keys = self._keys()
        for scale in reversed(range(self.n_scales)):
            first = scale * (len(keys) - 1)
            parts = [coarse, *bands[first : first + len(keys) - 1]]
            found = dict(zip(keys, parts, strict=True))
            coarse = pywt.idwtn(found, self.wavelet, "periodization", self.axes)
        return coarse

    def multiply(self, images, factors):
        """Multiply the detail coefficients of images: the symmetric W^T diag(f) W."""
        coarse, bands = self.analyze(images)
        pairs = zip(factors, bands, strict=True)
        return self.synthesize(coarse, [f * c for f, c in pairs])

    def eigenbasis(self, image, factors, n):
        """Factors in descending order, and the vectors of the first `n`.

        Parameters
        ----------
        image : ndarray of shape (1, channels, height, width)
            Its larger coefficients come first where factors are equal.
        factors : list of ndarray of the shapes of the detail bands
            The coarse band has factors of 1.
        n : int

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
        """Names that PyWavelets gives to bands, that of the coarse one first."""
        return ["".join(key) for key in product("ad", repeat=len(self.axes))]


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
