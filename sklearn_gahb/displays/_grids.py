"""Grids of images."""

import numpy as np

from .._optional import import_optional


def new_figure(width, height):
    """Create a figure; width and height are in inches."""
    plt = import_optional("matplotlib.pyplot", "plot")
    return plt.figure(figsize=(width, height), layout="constrained")


def gray_or_rgb(image):
    """Average the channels of an image that does not have three channels.

    Images of shape (h, w) and (h, w, 3) stay unchanged.
    """
    if image.ndim == 3 and image.shape[-1] != 3:
        return image.mean(axis=-1)
    return image


def draw_grid(images, titles, limits, figure=None):
    """Draw images with a title above each column.

    Parameters
    ----------
    images : ndarray of shape (n_rows, n_columns, height, width[, channels])
    titles : list of str
        Title of each column.
    limits : tuple of (float, float) or None
        Intensities drawn as black and as white. If None, each image is drawn from its
        least to its largest intensity.
    figure : matplotlib Figure or SubFigure, default=None
        Figure to draw in. If None, a new figure is created.

    Returns
    -------
    figure : matplotlib Figure or SubFigure
    axes : ndarray of shape (n_rows, n_columns) of matplotlib Axes
    """
    n_rows, n_columns = images.shape[:2]
    figure = figure or new_figure(1.5 * n_columns, 1.5 * n_rows + 0.3)
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for row, row_images in zip(axes, images, strict=True):
        for ax, image in zip(row, row_images, strict=True):
            low, high = limits or (image.min(), image.max())
            shown = gray_or_rgb(image)
            if shown.ndim == 3:
                shown = ((shown - low) / (high - low)).clip(0, 1)
            ax.imshow(shown, cmap="gray", vmin=low, vmax=high)
            ax.set(xticks=[], yticks=[])
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize="small")
    return figure, axes


def write_psnr(ax, clean, image, data_range=1.0):
    """Write the PSNR of an image below it."""
    with np.errstate(divide="ignore"):
        mse = np.mean(np.square((clean - image) / data_range))
        decibels = -10 * np.log10(mse)
    ax.set_xlabel(f"{decibels:.1f} dB", fontsize="small")
