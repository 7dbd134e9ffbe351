"""Denoising of large images in tiles."""

from itertools import product

import torch

from .checks import check_tensors

TILE_SIDE = 448


def denoise_in_tiles(denoise, y, *, margin, side=TILE_SIDE):
    """Denoise large images (n, c, h, w) in tiles with margins that are discarded.

    The tiles give the same result as the whole image under two conditions. Pixels
    farther apart than `margin` must not depend on each other, and `margin` must be a
    multiple of the pooling factor. Tiles then begin at multiples of the pooling factor,
    because `side` is rounded down to a multiple of `margin`.
    """
    height, width = y.shape[2:]
    side = max(side // margin, 1) * margin if margin else side
    if height * width <= (side + 2 * margin) ** 2:
        return denoise(y)
    x_hat = torch.empty_like(y)
    for top, left in product(range(0, height, side), range(0, width, side)):
        first_row, first_column = max(0, top - margin), max(0, left - margin)
        rows = slice(first_row, top + side + margin)
        columns = slice(first_column, left + side + margin)
        tile = denoise(y[:, :, rows, columns])
        inner = tile[:, :, top - first_row :, left - first_column :][..., :side, :side]
        x_hat[:, :, top : top + side, left : left + side] = inner
    return x_hat


def subtract_noise(network, levels, device, tile):
    """Subtract the noise that a network predicts from images (n, c, h, w).

    `levels` is a tuple of the further arguments of the network.
    """
    # A copy, because the first layer may work in place.
    noise = network(tile.to(device, torch.float32, copy=True), *levels)
    return tile - check_tensors(noise, "The network", tile.shape).to(tile)
