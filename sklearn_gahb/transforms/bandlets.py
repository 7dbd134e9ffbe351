"""Orthogonal bandlets: the best basis of directed squares of wavelet coefficients.

Planes are tensors (n, h, w) of the coefficients of a band, n counting images and
channels. A geometry says, for each size of square, what is done with each square of
each band: ``{size: [choices of band, ...]}`` with choices of shape
(n, h // size, w // size), an index of a direction, `AS_IT_IS`, or `NOT_A_LEAF` where
smaller squares or the one around decide. Coefficients that no square covers stay as
they are.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from .wavelets import WaveletBasis

AS_IT_IS, NOT_A_LEAF = -1, -2


@dataclass(frozen=True)
class BandletBasis(WaveletBasis):
    """Bandlets on images of one size and geometry.

    Attributes
    ----------
    dictionary : dict of int to Tensor of shape (n_directions, size**2, size**2)
        Transforms by size of the squares, each size twice the one before.
    geometry : dict of int to list of Tensor
        Of the images that are transformed, or of the one that they are copies of.
    """

    dictionary: dict
    geometry: dict

    @classmethod
    def best(cls, wavelets, bands, T, dictionary, penalty):
        """Best basis of the images with these wavelet bands, at thresholds T."""
        scale = np.divide(1, T, out=np.zeros_like(T), where=T > 0)
        bands = as_planes([scale * band for band in bands], dictionary)
        geometry = choose_geometry(bands, dictionary, penalty)
        return cls(**vars(wavelets), dictionary=dictionary, geometry=geometry)

    def analyze(self, images):
        """Coarse band, and list of bands of bandlet coefficients."""
        coarse, bands = super().analyze(images)
        return coarse, self.to_bandlets(bands)

    def synthesize(self, coarse, bands):
        """Inverse of `analyze`."""
        return super().synthesize(coarse, self.to_bandlets(bands, inverse=True))

    def to_bandlets(self, bands, inverse=False):
        """Bandlet coefficients of wavelet bands, in their places; or the inverse."""
        planes = as_planes(bands, self.dictionary)
        n_known = next((len(one[0]) for one in self.geometry.values() if one), 1)
        geometry = {
            size: [one.repeat(len(planes[0]) // n_known, 1, 1) for one in choices]
            for size, choices in self.geometry.items()
        }
        planes = transform_leaves(planes, geometry, self.dictionary, inverse=inverse)
        pairs = zip(planes, bands, strict=True)
        return [plane.cpu().numpy().reshape(band.shape) for plane, band in pairs]


def as_planes(bands, dictionary):
    """Arrays (n, channels, h, w) as tensors (n * channels, h, w)."""
    like = next(iter(dictionary.values()))
    planes = [band.reshape(-1, *band.shape[2:]) for band in bands]
    return [torch.from_numpy(np.ascontiguousarray(one)).to(like) for one in planes]


def choose_geometry(bands, dictionary, penalty):
    r"""Best basis of squares, for a threshold of 1.

    The cost of a leaf of the quadtree is :math:`\sum \min(c^2, 1)` plus `penalty`
    times its bits: the logarithm to base 2 of the number of directions, or 1 if the
    coefficients are left as they are. A split costs 1 bit. Four squares are merged
    where the one around costs no more.

    Parameters
    ----------
    bands : list of Tensor of shape (n, h, w)
        Wavelet coefficients, divided by the threshold.
    dictionary : dict of int to Tensor of shape (n_directions, size**2, size**2)
        Transforms by size of the squares, each size twice the one before.
    penalty : float
        Cost of a bit.

    Returns
    -------
    geometry : dict of int to list of Tensor of shape (n, h // size, w // size)
    """
    if not bands:
        return {size: [] for size in dictionary}
    geometry, costs = {}, None
    for size, matrices in dictionary.items():
        squares, shapes = _cut(bands, size)
        best = squares.clamp(-1, 1).square().sum(dim=1) + penalty
        choices = torch.full(best.shape, AS_IT_IS, device=best.device)
        if costs is not None:
            split = _sum_of_children(costs, shapes) + penalty
            choices[split < best] = NOT_A_LEAF
            best = torch.minimum(best, split)
        bits = penalty * math.log2(len(matrices))
        # At best the energy of a square goes to one coefficient.
        bound = squares.square().sum(dim=1).clamp(max=1) + bits
        (promising,) = torch.nonzero(bound < best, as_tuple=True)
        if len(promising):
            directed, direction = _directed_costs(squares[promising], matrices).min(0)
            gains = directed + bits < best[promising]
            choices[promising[gains]] = direction[gains]
            best[promising[gains]] = directed[gains] + bits
        geometry[size] = _paste_numbers(choices, shapes)
        costs = _paste_numbers(best, shapes)
    return _mark_covered(geometry)


def _directed_costs(squares, matrices):
    """Sums of min(c^2, 1) along each direction, of shape (n_directions, n_squares)."""
    costs = squares.new_empty(len(matrices), len(squares))
    for cost, matrix in zip(costs, matrices, strict=True):
        coefficients = (squares @ matrix.T).clamp_(-1, 1)
        torch.linalg.vector_norm(coefficients, dim=1, out=cost)
    return costs.square_()


def _sum_of_children(costs, shapes):
    sums = []
    for cost, (n, rows, columns) in zip(costs, shapes, strict=True):
        inner = cost[:, : 2 * rows, : 2 * columns]
        sums.append(inner.reshape(n, rows, 2, columns, 2).sum((2, 4)).flatten())
    return torch.cat(sums)


def _mark_covered(geometry):
    """Squares within a leaf are no leaves."""
    sizes = sorted(geometry, reverse=True)
    covered = [torch.zeros_like(one, dtype=torch.bool) for one in geometry[sizes[0]]]
    for size, smaller in pairwise(sizes):
        inner = []
        for i, choices in enumerate(geometry[size]):
            closed = (choices != NOT_A_LEAF) | covered[i]
            closed = closed.repeat_interleave(2, 1).repeat_interleave(2, 2)
            children = geometry[smaller][i]
            mask = torch.zeros_like(children, dtype=torch.bool)
            mask[:, : closed.shape[1], : closed.shape[2]] = closed
            children[mask] = NOT_A_LEAF
            inner.append(mask)
        covered = inner
    return geometry


def transform_leaves(bands, geometry, dictionary, *, inverse):
    """Bandlet coefficients of wavelet bands, in their places; or the inverse."""
    bands = [band.clone() for band in bands]
    for size, matrices in dictionary.items():
        # Directed leaves of each band: image, row and column, and the direction.
        places = [torch.nonzero(one >= 0, as_tuple=True) for one in geometry[size]]
        views = [_view_of_squares(band, size) for band in bands]
        counts = [len(place[0]) for place in places]
        if not sum(counts):
            continue
        squares = torch.cat(
            [view[n, i, :, j] for view, (n, i, j) in zip(views, places, strict=True)]
        ).flatten(1)
        choices = torch.cat(
            [one[place] for one, place in zip(geometry[size], places, strict=True)]
        )
        order = choices.argsort()
        n_leaves = torch.bincount(choices, minlength=len(matrices)).tolist()
        for matrix, leaves in zip(matrices, order.split(n_leaves), strict=True):
            if len(leaves):
                squares[leaves] = squares[leaves] @ (matrix if inverse else matrix.T)
        parts = squares.unflatten(1, (size, size)).split(counts)
        for view, (n, i, j), part in zip(views, places, parts, strict=True):
            view[n, i, :, j] = part
    return bands


def _cut(bands, size):
    """Flattened squares (n_squares, size**2) of all bands, and (n, rows, columns)."""
    shapes = [(len(b), b.shape[1] // size, b.shape[2] // size) for b in bands]
    counts = [math.prod(shape) for shape in shapes]
    squares = bands[0].new_empty(sum(counts), size**2)
    for band, shape, part in zip(bands, shapes, squares.split(counts), strict=True):
        view = _view_of_squares(band, size).permute(0, 1, 3, 2, 4)
        part.view(*shape, size, size).copy_(view)
    return squares, shapes


def _paste_numbers(numbers, shapes):
    parts = numbers.split([math.prod(shape) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _view_of_squares(band, size):
    """View (n, rows, size, columns, size) of what whole squares cover."""
    rows, columns = band.shape[1] // size, band.shape[2] // size
    covered = band[:, : rows * size, : columns * size]
    return covered.unflatten(2, (columns, size)).unflatten(1, (rows, size))
