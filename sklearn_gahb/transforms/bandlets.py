"""Orthogonal bandlets: the best basis of directed squares of wavelet coefficients.

A plane is a tensor (n, h, w) of the coefficients of a band, where n counts images and
channels. A geometry is a dict ``{size: [choices of band, ...]}`` with a choice for each
square of each band. Choices have shape (n, h // size, w // size). A choice is either
the index of a direction or a negative number. `AS_IT_IS` means that the coefficients
are not transformed. `NOT_A_LEAF` means that a smaller or larger square is the leaf.
Coefficients outside all squares are not transformed.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch

from .wavelets import WaveletBasis

AS_IT_IS, NOT_A_LEAF = -1, -2


@dataclass(frozen=True)
class BandletBasis(WaveletBasis):
    """Bandlet basis for images of one size and a fixed geometry.

    Attributes
    ----------
    dictionary : dict of int to Tensor of shape (n_directions, size**2, size**2)
        Transforms, keyed by the size of the squares. Each size is twice the previous
        one.
    geometry : dict of int to list of Tensor
        Geometry of the images to transform. If the images are copies of one image, the
        geometry of this image suffices.
    """

    dictionary: dict
    geometry: dict

    @classmethod
    @torch.no_grad()
    def best(cls, wavelets, bands, T, dictionary, penalty):
        """Find the best basis of images at thresholds T, given their wavelet bands."""
        scale = torch.where(T > 0, 1 / T, 0)
        planes = [(scale * band).flatten(0, 1) for band in bands]
        geometry = choose_geometry(planes, dictionary, penalty)
        return cls(**vars(wavelets), dictionary=dictionary, geometry=geometry)

    def analyze(self, images):
        """Return the coarse band and a list of bands of bandlet coefficients."""
        coarse, bands = super().analyze(images)
        return coarse, self.to_bandlets(bands)

    def synthesize(self, coarse, bands):
        """Invert `analyze`."""
        return super().synthesize(coarse, self.to_bandlets(bands, inverse=True))

    def to_bandlets(self, bands, inverse=False):
        """Transform wavelet coefficients to bandlet coefficients, or back."""
        planes = [band.flatten(0, 1) for band in bands]
        n_known = next((len(one[0]) for one in self.geometry.values() if one), 1)
        geometry = {
            size: [
                one.repeat(len(planes[0]) // max(1, n_known), 1, 1) for one in choices
            ]
            for size, choices in self.geometry.items()
        }
        planes = transform_leaves(planes, geometry, self.dictionary, inverse=inverse)
        pairs = zip(planes, bands, strict=True)
        return [plane.reshape(band.shape) for plane, band in pairs]


def choose_geometry(bands, dictionary, penalty):
    r"""Find the best basis of squares for a threshold of 1.

    The cost of a leaf of the quadtree is :math:`\sum \min(c^2, 1)` plus `penalty` times
    its number of bits. The number of bits of a directed leaf is the base-2 logarithm of
    the number of directions. A leaf that is not transformed has 1 bit. A split costs 1
    bit. Four squares are merged if the square that contains them does not cost more
    than the split.

    Parameters
    ----------
    bands : list of Tensor of shape (n, h, w)
        Wavelet coefficients, divided by the threshold.
    dictionary : dict of int to Tensor of shape (n_directions, size**2, size**2)
        Transforms, keyed by the size of the squares. Each size is twice the previous
        one.
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
        # At best, a single coefficient holds all the energy of a square.
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
    """Sum min(c^2, 1) for each direction; return shape (n_directions, n_squares)."""
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
    """Mark squares inside a leaf as `NOT_A_LEAF`."""
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
    """Transform wavelet coefficients to bandlet coefficients, or back."""
    bands = [band.clone() for band in bands]
    for size, matrices in dictionary.items():
        # Image, row and column of the directed leaves of each band.
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
    """Return squares (n_squares, size**2) of all bands, and (n, rows, columns)."""
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
    """View the whole squares of a band as (n, rows, size, columns, size)."""
    rows, columns = band.shape[1] // size, band.shape[2] // size
    covered = band[:, : rows * size, : columns * size]
    return covered.unflatten(2, (columns, size)).unflatten(1, (rows, size))
