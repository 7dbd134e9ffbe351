"""Gap between training and test PSNR, by N and by image size (figure 15).

    python benchmarks/paper/gap_by_size.py [--preset laptop|gpu|paper] [--images FOLDER]

The paper uses image sizes of 20, 40, 80 and 160 pixels, and UNets of 1, 2, 3 and 4
scales. This script uses a quarter of the image size of the preset, half of it and all
of it, with UNets of 1, 2 and 3 scales. PSNR is averaged over noise levels in [0, 1].
Images are crops of the same photographs. N grows until the gap is below half a decibel.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
from _common import load_photos, make_parser, preset_of, trained, verdict

from sklearn_gahb import psnr_curve

LEVELS = np.linspace(0.1, 0.9, 5)
TRAIN_SIZES = (1, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
# PSNR varies by decibels between images, so means over 200 images are not exact enough.
# If there are fewer than MIN_OUTPUTS images, several draws of noise are averaged.
N_IMAGES = 1000
MIN_OUTPUTS = 100


def mean_psnr(denoiser, X):
    """Return the mean PSNR in dB over images, draws of noise and noise levels."""
    n_draws = -(-MIN_OUTPUTS // len(X))
    curves = [psnr_curve(denoiser, X, LEVELS, random_state=i) for i in range(n_draws)]
    return np.mean([curve.output_psnr for curve in curves])


def crossing(gaps, train_sizes):
    """Interpolate the N where the gap falls to 1 dB; nan if there is no such N."""
    below = np.flatnonzero(np.array(gaps) < 1)
    if len(below) == 0 or below[0] == 0:
        return np.nan
    i = below[0]
    share = (gaps[i - 1] - 1) / (gaps[i - 1] - gaps[i])
    return train_sizes[i - 1] * (train_sizes[i] / train_sizes[i - 1]) ** share


parser = make_parser(__doc__)
parser.add_argument("--images", type=Path)
options = parser.parse_args()
preset = preset_of(options)
sizes = [preset.image_size // 4, preset.image_size // 2, preset.image_size]
train_sizes = [n for n in TRAIN_SIZES if n <= preset.train_sizes[-1]]
crossings = []
print("gap in dB at N =", *(f"{n:7d}" for n in train_sizes))
for depth, size in enumerate(sizes, start=1):
    X, _, X_test = load_photos(size, max(train_sizes), N_IMAGES, options.images)
    gaps = []
    print(f"{size:3d} pixels      ", end="")
    for n in train_sizes:
        denoiser = trained(
            preset.network().set_params(depth=depth, n_train_samples=n),
            X,
            f"gap_{size}_{n}",
            options,
        )
        train, test = (
            mean_psnr(denoiser, images)
            for images in (X[denoiser.train_indices_][:N_IMAGES], X_test)
        )
        gaps.append(train - test)
        print(f" {gaps[-1]:7.2f}", end="", flush=True)
        if gaps[-1] < 0.5:
            break
    print()
    crossings.append(crossing(gaps, train_sizes))
verdict(
    "larger images need more training images, but fewer than in proportion to pixels",
    "N for a gap of 1 dB: " + ", ".join(f"{n:.0f}" for n in crossings),
    all(a < b < 4 * a for a, b in pairwise(crossings)),
)
