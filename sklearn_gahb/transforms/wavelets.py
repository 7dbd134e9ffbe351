"""Periodized wavelet transforms."""

from dataclasses import dataclass

import pywt
import torch

from .._threads import one_thread

ORTHOGONAL = "'haar', 'db2', 'sym4' or 'coif1'"


@dataclass(frozen=True)
class WaveletBasis:
    """Periodized wavelets on tensors of shape (n, channels, height, width).

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
        with one_thread():
            for _ in range(self.n_scales):
                images, *details = self._analyze_once(images)
                bands += details
        return images, bands

    def synthesize(self, coarse, bands):
        """Invert `analyze`."""
        n_details = 2 ** len(self.axes) - 1
        with one_thread():
            for scale in reversed(range(self.n_scales)):
                details = bands[scale * n_details :][:n_details]
                coarse = self._synthesize_once([coarse, *details])
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
        image : Tensor of shape (1, channels, height, width)
            Image that breaks ties: if factors are equal, its larger coefficients come
            first.
        factors : list of Tensor of the shapes of the detail bands
            Factors of the detail coefficients. The factors of the coarse band are 1.
        n : int
            Number of vectors.

        Returns
        -------
        factors : Tensor of shape (d,)
        atoms : Tensor of shape (n, channels, height, width)
        """
        coarse, bands = self.analyze(image)
        factors, (coarse, *bands) = largest_factors(
            [coarse, *bands], [torch.ones_like(coarse), *factors], n
        )
        return factors, self.synthesize(coarse, bands)

    def _analyze_once(self, images):
        """Return the coarse band and the detail bands of one scale."""
        filters, parts = (self.wavelet.dec_lo, self.wavelet.dec_hi), [images]
        # Axis 2 is the last one, so that the bands are contiguous.
        for axis in reversed(self.axes):
            halves = (split(part, *filters, axis) for part in parts)
            low, high = zip(*halves, strict=True)
            parts = [*low, *high]
        return parts

    def _synthesize_once(self, parts):
        """Invert `_analyze_once`."""
        filters = self.wavelet.dec_lo, self.wavelet.dec_hi
        for axis in self.axes:
            middle = len(parts) // 2
            halves = zip(parts[:middle], parts[middle:], strict=True)
            parts = [merge(low, high, *filters, axis) for low, high in halves]
        return parts[0]


def split(images, low_pass, high_pass, axis):
    """Filter periodic images along axis 2 or 3, and keep every second value.

    The filters of length L are those of PyWavelets, and so is the alignment: value i of
    the result is the sum of f[L - 1 - k] x[2 i + k - L / 2 + 1] over k.
    """
    length, n_rows = len(low_pass), images.shape[axis]
    rows = _periodic_rows(images, axis, length // 2 - 1)
    shifted = [rows[:, :, k : k + n_rows : 2] for k in range(length)]
    return [
        _weighted_sum(shifted, one[::-1]).transpose(2, axis)
        for one in (low_pass, high_pass)
    ]


def merge(low, high, low_pass, high_pass, axis):
    """Invert `split` for orthogonal filters: apply its transpose."""
    length, n_rows = len(low_pass), low.shape[axis]
    reach = length // 2 - 1
    margin = (reach + 1) // 2
    halves = [_periodic_rows(one, axis, margin) for one in (low, high)]
    # Row 2 i + r is the sum of f[L - 1 - k] c[i + s] over s and both filters, where
    # k = r + L / 2 - 1 - 2 s.
    rows = []
    for r in (0, 1):
        pairs = [(s, r + reach - 2 * s) for s in range(-margin, margin + 1)]
        pairs = [(margin + s, length - 1 - k) for s, k in pairs if 0 <= k < length]
        shifted = [half[:, :, s : s + n_rows] for half in halves for s, _ in pairs]
        weights = [one[k] for one in (low_pass, high_pass) for _, k in pairs]
        rows.append(_weighted_sum(shifted, weights))
    return torch.stack(rows, 3).flatten(2, 3).transpose(2, axis)


def _periodic_rows(images, axis, margin):
    """Swap an axis with axis 2, and add `margin` periodic rows at both ends.

    In the result, the values of a row are neighbors in memory.
    """
    rows = images.transpose(2, axis)
    n_rows = rows.shape[2]
    if margin == 0:
        return rows.contiguous()
    if margin > n_rows:
        numbers = torch.arange(-margin, n_rows + margin, device=rows.device)
        return rows[:, :, numbers % n_rows]
    n, n_channels, _, n_columns = rows.shape
    extended = rows.new_empty(n, n_channels, n_rows + 2 * margin, n_columns)
    extended[:, :, margin:-margin] = rows
    extended[:, :, :margin] = rows[:, :, -margin:]
    extended[:, :, -margin:] = rows[:, :, :margin]
    return extended


def _weighted_sum(tensors, weights):
    total = tensors[0] * weights[0]
    for one, weight in zip(tensors[1:], weights[1:], strict=True):
        total.add_(one, alpha=weight)
    return total


def largest_factors(bands, factors, n):
    """Return the factors in descending order, and the first `n` unit coefficients.

    Parameters
    ----------
    bands : list of Tensor of shape (1, channels, h, w)
        Coefficients. If factors are equal, larger coefficients come first.
    factors : list of Tensor of the same shapes
    n : int
        Number of unit coefficients.

    Returns
    -------
    factors : Tensor of shape (d,)
    units : list of Tensor of shape (n, channels, h, w)
        Bands of n images, each with a single coefficient of 1.
    """
    factors = torch.cat([factor.flatten() for factor in factors])
    sizes = torch.cat([band.abs().flatten() for band in bands])
    order = sizes.argsort(descending=True, stable=True)
    order = order[factors[order].argsort(descending=True, stable=True)]
    units = sizes.new_zeros(n, len(order)).scatter_(1, order[:n, None], 1)
    parts = units.split([band.numel() for band in bands], dim=1)
    parts = [
        part.reshape(n, *band.shape[1:])
        for part, band in zip(parts, bands, strict=True)
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
