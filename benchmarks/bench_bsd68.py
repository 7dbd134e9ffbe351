"""PSNR of published bias-free networks on BSD68, compared with published figures.

The authors add noise without clipping, and clip the denoised images to [0, 1] before
they measure the PSNR. This script prints the PSNR with and without clipping. It draws
new noise, so its figures differ from the published ones in the second decimal. It needs
the photographs of fetch_bsd68 and two files of fetch_published.

    python benchmarks/bench_bsd68.py [--levels 10 30 50 100]

Published figures exist only for levels that are multiples of 10.
"""

import argparse

import numpy as np

from sklearn_gahb import GaussianNoise, psnr
from sklearn_gahb.checkpoints import fetch_published
from sklearn_gahb.datasets import fetch_bsd68

LEVELS = range(10, 101, 10)
# Mohan, Kadkhodaie, Simoncelli, Fernandez-Granda, ICLR 2020, arXiv 1906.05478.
FIGURES = {
    "bf_dncnn_bsd400_0-55": (
        *(33.72, 30.16, 28.31, 27.09, 26.18),
        *(25.48, 24.88, 24.39, 23.94, 23.57),
    ),
    "bf_unet_bsd400_0-55": (
        *(33.59, 30.08, 28.25, 27.01, 26.12),
        *(25.39, 24.79, 24.27, 23.86, 23.44),
    ),
}

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--levels", type=int, nargs="+", default=list(LEVELS))
arguments = parser.parse_args()

clean = [photo / np.float32(255) for photo in fetch_bsd68().images]
print("network               noise  published  clipped  difference  not clipped")
for name, figures in FIGURES.items():
    denoiser = fetch_published(name)
    published = dict(zip(LEVELS, figures, strict=True))
    for level in arguments.levels:
        noisy = GaussianNoise(level / 255, random_state=0).fit_transform(clean)
        denoised = denoiser.transform(noisy)
        figure = published.get(level, np.nan)
        clipped = psnr(clean, [x.clip(0, 1) for x in denoised])
        print(
            f"{name:21} {level:5} {figure:10.2f} {clipped:8.2f} "
            f"{clipped - figure:+11.2f} {psnr(clean, denoised):12.2f}",
            flush=True,
        )
