"""Patches of images, for posterior means of pixels from patches of training images.

Images are tensors (n, channels, height, width). Patches are rows (n, channels * patch
height * patch width).
"""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Window:
    """Positions of an image whose neighborhoods have the same shape.

    Parameters
    ----------
    rows, columns : tuple of (int, int)
        First and last position, plus 1, along each axis.
    above, below, left, right : int
        Extent of the neighborhood on each side of a position, in pixels.
    """

    rows: tuple
    columns: tuple
    above: int
    below: int
    left: int
    right: int

    @property
    def n_positions(self):
        """Number of positions."""
        return (self.rows[1] - self.rows[0]) * (self.columns[1] - self.columns[0])

    @property
    def n_pixels(self):
        """Number of pixels of a neighborhood."""
        return (self.above + self.below + 1) * (self.left + self.right + 1)

    def patches(self, images):
        """Cut out the neighborhoods of all positions, image by image."""
        (top, bottom), (first, last) = self.rows, self.columns
        part = images[
            ...,
            top - self.above : bottom + self.below,
            first - self.left : last + self.right,
        ]
        part = part.unfold(2, self.above + self.below + 1, 1)
        part = part.unfold(3, self.left + self.right + 1, 1)
        return part.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)

    def centers(self, channels, device):
        """Return the places of the central pixel in a patch, for each channel."""
        height, width = self.above + self.below + 1, self.left + self.right + 1
        first = torch.arange(channels, device=device) * height * width
        return first + self.above * width + self.left

    def put_patches(self, canvas, patches):
        """Add patches to images, at the places where `patches` cuts them out."""
        (top, bottom), (first, last) = self.rows, self.columns
        height, width = bottom - top, last - first
        sides = self.above + self.below + 1, self.left + self.right + 1
        n, channels = canvas.shape[:2]
        patches = patches.reshape(n, height, width, channels, *sides)
        for i in range(sides[0]):
            for j in range(sides[1]):
                row, column = top - self.above + i, first - self.left + j
                canvas[:, :, row : row + height, column : column + width] += patches[
                    ..., i, j
                ].permute(0, 3, 1, 2)

    def put_centers(self, canvas, values):
        """Set the pixels at the positions to values (n_positions, channels)."""
        (top, bottom), (first, last) = self.rows, self.columns
        n, channels = canvas.shape[:2]
        values = values.reshape(n, bottom - top, last - first, channels)
        canvas[..., top:bottom, first:last] = values.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Support:
    """Positions of an image whose neighborhoods are lists of pixels.

    It has the methods of `Window`.

    Parameters
    ----------
    index : Tensor of shape (n_positions, n_pixels)
        Numbers of the pixels of each neighborhood.
    center : int
        Place of the position itself in its list.
    """

    index: torch.Tensor
    center: int

    @property
    def n_positions(self):
        """Number of positions."""
        return len(self.index)

    @property
    def n_pixels(self):
        """Number of pixels of a neighborhood."""
        return self.index.shape[1]

    def patches(self, images):
        """Cut out the neighborhoods of all positions, image by image."""
        part = images.flatten(2)[..., self.index.to(images.device)]
        return part.transpose(1, 2).flatten(2).flatten(0, 1)

    def centers(self, channels, device):
        """Return the places of the position itself in a patch, for each channel."""
        return torch.arange(channels, device=device) * self.n_pixels + self.center

    def put_patches(self, canvas, patches):
        """Add patches to images, at the places where `patches` cuts them out."""
        shape = len(canvas), self.n_positions, canvas.shape[1], self.n_pixels
        patches = patches.reshape(shape).transpose(1, 2).flatten(2)
        canvas.flatten(2).index_add_(2, self.index.to(canvas.device).flatten(), patches)

    def put_centers(self, canvas, values):
        """Set the pixels at the positions to values (n_positions, channels)."""
        values = values.reshape(len(canvas), self.n_positions, canvas.shape[1])
        positions = self.index[:, self.center].to(canvas.device)
        canvas.flatten(2)[..., positions] = values.transpose(1, 2)


@dataclass(frozen=True)
class Layout:
    """Patches of all positions of an image, which may continue beyond its borders.

    Parameters
    ----------
    index : Tensor of shape (canvas height, canvas width)
        Number of the pixel that each pixel of the extended image shows. If the canvas
        has the size of the image, it is the image.
    windows : list of Window or list of Support
        Windows of the extended image. They contain each position once.
    """

    index: torch.Tensor
    windows: list

    def extend(self, images):
        """Continue images beyond their borders, in contiguous memory.

        The windows write to flattened canvases, which are copies in any other memory
        layout.
        """
        if self.index.shape == images.shape[2:]:
            return images.contiguous()
        return images.flatten(2)[..., self.index.to(images.device)].contiguous()

    def collapse(self, canvas, size):
        """Sum the values of all copies of a pixel: the transpose of `extend`."""
        if self.index.shape == size:
            return canvas
        images = canvas.new_zeros(*canvas.shape[:2], size[0] * size[1])
        index = self.index.to(canvas.device).flatten()
        return images.index_add(2, index, canvas.flatten(2)).unflatten(2, size)


def make_layout(size, patch_size, boundary, equivariant):
    """Divide images of a size into windows.

    Parameters
    ----------
    size : tuple of (int, int)
        Height and width.
    patch_size : int
        Side length of the patches; odd.
    boundary : {"cut", "reflect", "periodic"}
    equivariant : bool
        If False, each position is a window.

    Returns
    -------
    layout : Layout
    """
    radius = patch_size // 2
    index = np.arange(size[0] * size[1]).reshape(size)
    if boundary == "cut":
        return Layout(torch.from_numpy(index), cut_windows(size, radius, equivariant))
    index = np.pad(index, radius, mode={"periodic": "wrap"}.get(boundary, boundary))
    return Layout(torch.from_numpy(index), whole_windows(size, radius, equivariant))


def cut_windows(size, radius, equivariant):
    """Divide an image into windows whose neighborhoods end at the border.

    If `equivariant` is True, the windows are the interior, the positions at each
    distance from an edge, and single positions near the corners. Images of all sizes
    have the same list of windows. Otherwise, each position is a window.
    """

    def intervals(side):
        extents = [(min(i, radius), min(side - 1 - i, radius)) for i in range(side)]
        if not equivariant:
            return [((i, i + 1), *extents[i]) for i in range(side)]
        middle = ((radius, side - radius), radius, radius)
        first = [((i, i + 1), *extents[i]) for i in range(radius)]
        last = [((i, i + 1), *extents[i]) for i in range(side - radius, side)]
        return [*first, middle, *last]

    return [
        Window(rows, columns, above, below, left, right)
        for rows, above, below in intervals(size[0])
        for columns, left, right in intervals(size[1])
    ]


def whole_windows(size, radius, equivariant):
    """Divide an image that was extended by `radius` into windows of whole patches."""
    extents = (radius,) * 4
    if equivariant:
        ends = [(radius, side + radius) for side in size]
        return [Window(*ends, *extents)]
    return [
        Window((i + radius, i + radius + 1), (j + radius, j + radius + 1), *extents)
        for i in range(size[0])
        for j in range(size[1])
    ]


def support_layout(rows, threshold, size):
    """Make a layout of the supports of the rows of a linear filter.

    A support contains the position itself, and the pixels whose coefficients are at
    least `threshold` times the largest coefficient of the row.

    Parameters
    ----------
    rows : Tensor of shape (channels, n_positions, channels, n_pixels)
        Coefficients: a row for each pixel, or only the row of the first pixel if the
        filter is a periodic convolution. All channels of a pixel have one support.
    threshold : float
    size : tuple of (int, int)
        Height and width.

    Returns
    -------
    layout : Layout
    """
    sizes = rows.abs().amax((0, 2)).cpu()
    is_inside = sizes >= threshold * sizes.amax(1, keepdim=True)
    is_inside.fill_diagonal_(True)
    index = torch.arange(size[0] * size[1]).reshape(size)
    if len(is_inside) > 1:
        supports = [
            Support(inside.nonzero().T, int(inside[:p].sum()))
            for p, inside in enumerate(is_inside)
        ]
    else:
        offsets = is_inside[0].reshape(size).nonzero().tolist()
        moved = [index.roll((-i, -j), (0, 1)).flatten() for i, j in offsets]
        supports = [Support(torch.stack(moved, dim=1), 0)]
    return Layout(index, supports)
