"""Draw the thumbnails of the examples that have no figures, into docs/_static.

python docs/make_thumbnails.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from sklearn_gahb.datasets import make_disk_images

FOLDER = Path(__file__).parent / "_static"
BLUE, ORANGE, GREEN = "#4c72b0", "#dd8452", "#55a868"


def canvas():
    """Axes of 400x280 pixels, the size of a thumbnail, with units of pixels."""
    figure = plt.figure(figsize=(4, 2.8), dpi=100)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, 400), ylim=(280, 0))
    ax.axis("off")
    return ax


def box(ax, x, y, width, height, text, color):
    shape = FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=8", color=color
    )
    ax.add_patch(shape)
    center = x + width / 2, y + height / 2
    ax.text(*center, text, color="white", ha="center", va="center", fontsize=11)


def arrow(ax, start, end):
    style = {"arrowstyle": "-|>", "color": "0.3", "linewidth": 1.5}
    ax.annotate("", end, start, arrowprops=style)


def draw_devices():
    """One batch is split among four GPUs, which train one network."""
    ax = canvas()
    images = make_disk_images(8, 32, random_state=0)
    for row in range(4):
        y = 36 + 62 * row
        for column in range(2):
            x = 18 + 46 * column
            image = images[2 * row + column]
            ax.imshow(image, cmap="gray", extent=(x, x + 42, y + 42, y))
        arrow(ax, (112, y + 21), (146, y + 21))
        box(ax, 148, y, 84, 42, f"GPU {row + 1}", BLUE)
        arrow(ax, (234, y + 21), (288, 150 + 8 * (row - 1.5)))
    box(ax, 290, 108, 96, 84, "one\nnetwork", ORANGE)
    ax.text(62, 20, "one batch", ha="center", va="center", fontsize=11)
    ax.set(xlim=(0, 400), ylim=(280, 0), aspect="auto")
    ax.figure.savefig(FOLDER / "several_devices.png")


def draw_cluster():
    """Each fit of the analyzer, by training size and subset, runs on some machine."""
    ax = canvas()
    ax.text(200, 20, "one fit per training set", ha="center", va="center", fontsize=11)
    colors = [BLUE, ORANGE, GREEN]
    for column, size in enumerate((1, 10, 100)):
        for row in range(2):
            color = colors[(column + row) % 3]
            name = f"N = {size}\nset {row + 1}"
            box(ax, 22 + 124 * column, 40 + 62 * row, 108, 50, name, color)
        arrow(ax, (76 + 124 * column, 158), (76 + 124 * column, 202))
    for column, color in enumerate(colors):
        box(ax, 22 + 124 * column, 206, 108, 50, f"machine {column + 1}", color)
    ax.figure.savefig(FOLDER / "cluster.png")


draw_devices()
draw_cluster()
