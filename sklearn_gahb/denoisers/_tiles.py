"""Large images, in tiles."""

from itertools import product

import torch

TILE_SIDE = 448
# At least the radius of the field that a pixel of the UNet with 3 scales depends on,
# and a multiple of its pooling: tiles give what the whole image would.
TILE_MARGIN = 64


def denoise_in_tiles(denoise, y, side=TILE_SIDE, margin=TILE_MARGIN):
    """Denoise large images (n, c, h, w) in tiles that overlap by `margin` pixels."""
    height, width = y.shape[2:]
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
