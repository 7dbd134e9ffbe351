"""Shrinkage in periodic bases, for images of any size, averaged over translations."""

import math
from dataclasses import dataclass
from itertools import product, repeat

import numpy as np

MOST_SHIFTS = 4096


@dataclass(frozen=True)
class CycleSpinning:
    """Average over translations, and extend images to a periodic size.

    Images are arrays of shape (n, channels, height, width). Sides that are not
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
        extended = [np.pad(one, self._pads(), mode="symmetric") for one in images]
        for shift in self.shifts:
            yield [np.roll(one, shift, self.axes) for one in extended]

    def average(self, function, *images):
        """Apply a map to translated images, undo the translations, average and crop."""
        functions = zip(repeat(function), self.translate(*images))
        return self._crop(self._mean(f(*translated) for f, translated in functions))

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
            return self._mean(m(np.roll(extended, s, self.axes)) for m, s in pairs)

        def multiply(v):
            return self._crop(average(np.pad(v, self._pads(), mode="symmetric")))

        def multiply_transposed(u):
            return self._fold(average(np.pad(u, self._pads())))

        return multiply, multiply_transposed

    def _mean(self, translated):
        total = 0
        for shift, image in zip(self.shifts, translated, strict=True):
            total += np.roll(image, [-s for s in shift], self.axes)
        return total / len(self.shifts)

    def _pads(self):
        sides = dict(zip((2, 3), self.size, strict=True))
        multiple = 2**self.n_scales
        return [(0, -sides[i] % multiple if i in self.axes else 0) for i in range(4)]

    def _crop(self, extended):
        height, width = self.size
        return extended[:, :, :height, :width]

    def _fold(self, extended):
        """Apply the transpose of the extension: add copied pixels to the originals."""
        for axis, n in zip((2, 3), self.size, strict=True):
            inner, copied = np.split(extended, [n], axis=axis)
            inner, copied = inner.copy(), np.flip(copied, axis)
            last = [slice(None)] * 4
            last[axis] = slice(n - copied.shape[axis], n)
            inner[tuple(last)] += copied
            extended = inner
        return extended


def check_n_shifts(n_shifts):
    """Raise a ValueError unless the number of translations is a square."""
    if math.isqrt(n_shifts) ** 2 != n_shifts or n_shifts > MOST_SHIFTS:
        raise ValueError(
            f"n_shifts={n_shifts} must be a square number up to {MOST_SHIFTS}, such as "
            "1, 4, 9 or 16."
        )
