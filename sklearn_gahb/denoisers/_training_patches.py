"""Patches of training images, in blocks."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils import gen_batches

from .._tensors import to_tensor
from ..posteriors import local

# Number of values in a block of training patches, and in a block of their products.
BLOCK = 2**21


@dataclass(frozen=True)
class TrainingPatches:
    """Patches of all training images at the positions of a window, or a random subset.

    Parameters
    ----------
    images : ndarray or Tensor of shape (n_images, height, width, channels)
    data_range : tuple of (float, float) or None
    mean : Tensor of shape (1, channels, 1, 1)
        Mean that is subtracted. Patches have its dtype and device.
    layout : Layout
    window : Window
        A window of `layout`.
    n_largest : int or None
        Largest number of patches. If None, all patches are used.
    seed : list of int
        Seed of the choice of patches.
    """

    images: object
    data_range: tuple | None
    mean: torch.Tensor
    layout: local.Layout
    window: local.Window
    n_largest: int | None
    seed: list

    @property
    def n_patches(self):
        """Number of patches of all training images."""
        return len(self.images) * self.window.n_positions

    @property
    def is_subset(self):
        """Whether `blocks` leaves out patches."""
        return self.n_largest is not None and self.n_largest < self.n_patches

    @property
    def jackknife_factor(self):
        """Factor of the sum of squared changes in the variance of a random subset.

        Defined only for subsets. The patches are drawn without replacement.
        """
        return (1 - self.n_largest / self.n_patches) * (1 - 1 / self.n_largest)

    def blocks(self, n_values):
        """Yield blocks of patches as rows; each row is used for `n_values` products."""
        chosen, n_positions = self._chosen(), self.window.n_positions
        n_pixels = n_positions * self.window.n_pixels
        n_at_once = n_images_at_once(self.images, n_pixels * n_values)
        for batch in gen_batches(len(self.images), n_at_once):
            x = to_tensor(self.images[batch], data_range=self.data_range)
            x = x.to(self.mean) - self.mean
            patches = self.window.patches(self.layout.extend(x))
            if chosen is not None:
                first = batch.start * n_positions
                ends = np.searchsorted(chosen, [first, first + len(patches)])
                patches = patches[chosen[slice(*ends)] - first]
            if len(patches):
                yield patches

    def parts(self, n_values):
        """Yield blocks of patches that are small enough for `n_values` values each."""
        for patches in self.blocks(1):
            yield from patches.split(max(1, BLOCK // n_values))

    def _chosen(self):
        """Draw the sorted numbers of the patches in use; None if all are used."""
        if not self.is_subset:
            return None
        rng = np.random.default_rng(self.seed)
        return np.sort(rng.choice(self.n_patches, self.n_largest, replace=False))


def n_images_at_once(images, n_pixels=0):
    """Return the number of images in a block with `n_pixels` pixels of each image."""
    height, width, channels = images.shape[1:]
    return max(1, BLOCK // (max(height * width, n_pixels) * channels))
