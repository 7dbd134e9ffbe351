"""Sides of patches: one number, or a table of noise levels."""

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np


def check_patch_size(patch_size, size):
    """Raise a ValueError unless all side lengths are odd and fit images of a size."""
    table = patch_size if isinstance(patch_size, Mapping) else {1.0: patch_size}
    if not table:
        raise ValueError("patch_size is an empty dict; expected at least one level.")
    for level, side in table.items():
        if not isinstance(level, Real) or not level > 0:
            raise ValueError(
                f"patch_size has the noise level {level!r}; expected positive numbers."
            )
        check_side(side, size, f"patch_size={side!r}")


def check_side(side, size, name):
    """Raise a ValueError unless a side length is odd and fits images of a size."""
    is_odd = isinstance(side, Integral) and side % 2 == 1
    if not is_odd or not 0 < side <= min(size):
        raise ValueError(
            f"{name} must be an odd number from 1 to {min(size)}, the shorter side of "
            f"images of {size[0]}x{size[1]}."
        )


def smallest_patch_size(patch_size):
    """Return the smallest side length of all noise levels."""
    is_table = isinstance(patch_size, Mapping)
    return int(min(patch_size.values()) if is_table else patch_size)


def patch_size_at(patch_size, noise_std):
    """Return the side length at a noise level: that of the closest level in a table."""
    if not isinstance(patch_size, Mapping):
        return int(patch_size)
    levels = np.array(sorted(patch_size))
    if not levels[0] * 0.99 <= noise_std <= levels[-1] * 1.01:
        raise ValueError(
            f"patch_size has noise levels from {levels[0]:g} to {levels[-1]:g}, but "
            f"the noise level is {noise_std:.4g}. Add an entry for this level, as a "
            "fraction of the data range. A sampler needs entries from its sigma_min to "
            "its sigma_max."
        )
    closest = np.abs(np.log(levels / noise_std)).argmin()
    return int(patch_size[levels[closest]])
