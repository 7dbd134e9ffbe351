"""Shrinkage in periodic bases, for images of any size, averaged over translations."""

import math
from dataclasses import dataclass
from functools import reduce
from itertools import product

import torch
import torch.nn.functional as F
from sklearn.utils import gen_batches

MOST_SHIFTS = 4096


@dataclass(frozen=True)
class CycleSpinning:
    """Average over translations, and extend images to a periodic size.

    Images are tensors of shape (n, channels, height, width). Sides that are not
    multiples of ``2**n_scales`` are extended by reflection. A side of one pixel is not
    transformed.

    Attributes
    ----------
    size : tuple of (int, int)
        Height and width of the images.
    axes : list of int
        Axes to transform: 2, 3, both or none.
    n_scales : int
        Number of scales of the basis.
    shifts : list of tuple of int
        Translations along `axes`.
    """

    size: tuple
    axes: list
    n_scales: int
    shifts: list

    @classmethod
    def of(cls, size, n_scales, n_shifts):
        """Make the translations for images of one size.

        If `n_scales` is None, the number of scales is the largest one that leaves at
        least 8 coefficients per side. The minimum is one scale. `n_shifts` is the
        square of a number s. The shifts are 0 to s - 1 pixels along each axis.
        """
        size = tuple(size)
        axes = [axis for axis in (2, 3) if size[axis - 2] > 1]
        side = min((size[axis - 2] for axis in axes), default=1)
        if not axes:
            n_scales = 0
        elif n_scales is None:
            n_scales = max(1, int(math.log2(side / 8)))
        elif n_scales > math.ceil(math.log2(side)):
            raise ValueError(
                f"n_scales={n_scales} is too large for images of {size[0]}x{size[1]} "
                f"pixels. Pass at most {math.ceil(math.log2(side))}."
            )
        shifts = list(product(range(math.isqrt(n_shifts)), repeat=len(axes)))
        # Arithmetic of NumPy integers can overflow.
        return cls(size, axes, int(n_scales), shifts)

    @property
    def is_orthonormal(self):
        """Whether images are neither extended nor translated."""
        multiple = 2**self.n_scales
        sides = [self.size[axis - 2] for axis in self.axes]
        return len(self.shifts) == 1 and all(side % multiple == 0 for side in sides)

    def translate(self, *images):
        """Yield the extended and translated images, for each translation."""
        extended = [self._extend(one) for one in images]
        for shift in self.shifts:
            yield [self._roll(one, shift) for one in extended]

    def average(self, function, *images, n_pixels_at_once=1):
        """Apply a map to translated images, undo the translations, average and crop.

        Parameters
        ----------
        function : callable
            Map of m * n images: first the n images under the first translation, then
            the n images under the second translation, and so on.
        *images : Tensor of shape (n, channels, height, width)
            Images to pass to the map.
        n_pixels_at_once : int, default=1
            Largest number of pixels in one call of the map. It determines the number m
            of translations per call, which is at least 1.

        Returns
        -------
        mean : Tensor of shape (n, channels, height, width)
        """
        extended = [self._extend(one) for one in images]
        m = max(1, n_pixels_at_once // max(1, extended[0].numel()))
        groups = [self.shifts[some] for some in gen_batches(len(self.shifts), m)]

        def apply(shifts):
            translated = ([self._roll(one, s) for s in shifts] for one in extended)
            return function(*map(torch.cat, translated)).chunk(len(shifts))

        return self._crop(self._mean(one for group in groups for one in apply(group)))

    def products(self, maps):
        """Return functions that apply the mean of symmetric maps over the translations.

        Parameters
        ----------
        maps : list of callable
            Symmetric maps of extended images, one for each translation.

        Returns
        -------
        multiply, multiply_transposed : callable
            Functions that apply the mean and its transpose to images of shape
            (k, channels, height, width).
        """

        def average(extended):
            pairs = zip(maps, self.shifts, strict=True)
            return self._mean(m(self._roll(extended, shift)) for m, shift in pairs)

        def multiply(v):
            return self._crop(average(self._extend(v)))

        def multiply_transposed(u):
            (_, rows), (_, columns) = self._margins()
            return self._fold(average(F.pad(u, (0, columns, 0, rows))))

        return multiply, multiply_transposed

    def _mean(self, translated):
        back = [[-s for s in shift] for shift in self.shifts]
        pairs = zip(translated, back, strict=True)
        moved = (self._roll(one, shift) for one, shift in pairs)
        return reduce(torch.add, moved) / len(self.shifts)

    def _roll(self, images, shift):
        return torch.roll(images, tuple(shift), self.axes) if any(shift) else images

    def _margins(self):
        """Return each axis of the images and the number of pixels to add to it."""
        multiple = 2**self.n_scales
        return [
            (axis, -side % multiple if axis in self.axes else 0)
            for axis, side in zip((2, 3), self.size, strict=True)
        ]

    def _extend(self, images):
        """Mirror the last rows and columns."""
        for axis, margin in self._margins():
            if margin:
                last = images.narrow(axis, images.shape[axis] - margin, margin)
                images = torch.cat([images, last.flip(axis)], axis)
        return images

    def _crop(self, extended):
        height, width = self.size
        return extended[:, :, :height, :width]

    def _fold(self, extended):
        """Apply the transpose of the extension: add copied pixels to the originals."""
        for axis, margin in self._margins():
            if not margin:
                continue
            side = extended.shape[axis] - margin
            inner = extended.narrow(axis, 0, side).clone()
            copied = extended.narrow(axis, side, margin).flip(axis)
            inner.narrow(axis, side - margin, margin).add_(copied)
            extended = inner
        return extended


def check_n_shifts(n_shifts):
    """Raise a ValueError unless the number of translations is a square."""
    if math.isqrt(n_shifts) ** 2 != n_shifts or n_shifts > MOST_SHIFTS:
        raise ValueError(
            f"n_shifts={n_shifts} must be a square number up to {MOST_SHIFTS}, such as "
            "1, 4, 9 or 16."
        )
