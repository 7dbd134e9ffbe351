"""Grids of square cells: averages of images over cells, and coordinates of cells."""

import torch


def average_cells(image, top, left, cell, n_cells):
    """Average an image over the cells of a grid.

    Pixels are unit squares of constant value. Cells that contain only part of a pixel
    count this part.

    Parameters
    ----------
    image : Tensor of shape (channels, height, width)
        Image.
    top, left : float
        Position of the upper left corner of the grid, in pixels.
    cell : float
        Side of a cell, in pixels.
    n_cells : int
        Number of rows and of columns of the grid.

    Returns
    -------
    means : Tensor of shape (channels, n_cells, n_cells)
        Mean values of the cells.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.fields import average_cells
    >>> average_cells(torch.tensor([[[0.0, 4.0], [8.0, 12.0]]]), 0, 0, 2, 1)
    tensor([[[6.]]])
    """
    rows, columns = (
        overlaps(start, cell, n_cells, n_pixels).to(image)
        for start, n_pixels in zip((top, left), image.shape[1:], strict=True)
    )
    return rows @ image @ columns.mT


def overlaps(start, cell, n_cells, n_pixels):
    """Return the share of each pixel in each cell along an axis: (n_cells, n_pixels).

    Computed in float64, so that cells that end where a pixel ends have no part in the
    next pixel.
    """
    edges = start + cell * torch.arange(n_cells + 1, dtype=torch.float64)
    pixels = torch.arange(n_pixels, dtype=torch.float64)
    shared = torch.minimum(edges[1:, None], pixels + 1)
    shared = shared - torch.maximum(edges[:-1, None], pixels)
    return shared.clamp(min=0) / cell


def nearest_features(features, origins, cells, n_cells, margin=0):
    """Return the nearest feature of each cell of a grid, and the place of the cell.

    Parameters
    ----------
    features : Tensor of shape (n, n_features, height, width)
        Features of n images, one feature in each unit square.
    origins : Tensor of shape (n, 2)
        Position of the upper left corner of each grid: the row, and the column. The
        unit is a cell of the grid, so that strips of a grid agree exactly with it.
    cells : Tensor of shape (n, 2)
        Height and width of the cells of each grid. The unit is the distance between two
        features.
    n_cells : tuple of (int, int)
        Number of rows and columns of the grids.
    margin : int, default=0
        Number of rows and columns that are added on each side of the grids. Cells
        outside of the image have the nearest feature inside.

    Returns
    -------
    queries : Tensor of shape (n, n_features + 4, n_rows, n_columns)
        For each cell: the nearest feature, the row and the column of the center of the
        cell relative to the center of this feature, and the height and the width of the
        cell.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.fields import nearest_features
    >>> features = torch.tensor([[[[5.0, 6.0]]]])
    >>> halves = torch.full((1, 2), 0.5)
    >>> queries = nearest_features(features, torch.zeros(1, 2), halves, (2, 4))
    >>> queries[0, 0, 0]
    tensor([5., 5., 6., 6.])
    >>> queries[0, 2, 0]
    tensor([-0.2500,  0.2500, -0.2500,  0.2500])
    """
    nearest, offsets = [], []
    for axis, (n, n_features) in enumerate(
        zip(n_cells, features.shape[2:], strict=True)
    ):
        steps = torch.arange(-margin, n + margin, device=features.device) + 0.5
        # (n, n_rows) or (n, n_columns)
        positions = cells[:, axis, None] * (origins[:, axis, None] + steps)
        index = positions.floor().clamp(0, n_features - 1).long()
        nearest.append(index)
        offsets.append(positions - index - 0.5)
    (rows, columns), (y, x) = nearest, offsets
    images = torch.arange(len(features), device=features.device)[:, None, None]
    chosen = features.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None]]
    shape = len(features), 1, rows.shape[1], columns.shape[1]
    coordinates = [
        y[:, None, :, None],
        x[:, None, None, :],
        cells[:, :1, None, None],
        cells[:, 1:, None, None],
    ]
    return torch.cat(
        [chosen.permute(0, 3, 1, 2), *(one.expand(shape) for one in coordinates)], dim=1
    )
