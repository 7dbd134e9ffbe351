"""Inverse problems with a published network on Set12.

    python benchmarks/bench_inverse.py [--n-images 12] [--n-draws 4] [--beta BETA]
        [--published]

The network is BF-CNN, trained on 400 photographs. The images are central crops of
128x128 pixels. The script prints the PSNR in dB of the mean of the draws, of single
draws, and of the usual alternative: biharmonic inpainting of scikit-image for missing
pixels, and SciPy's cubic zoom for averages of blocks.

--beta sets the beta of the sampler for all problems. --published uses the values of the
authors instead: a growing step size that starts at h0 = 0.05, and beta = 0.2.

The script takes half an hour on 2 cores.
"""

import argparse
from dataclasses import replace
from time import perf_counter

import numpy as np
from scipy.ndimage import zoom
from skimage.restoration import inpaint_biharmonic

from sklearn_gahb import psnr
from sklearn_gahb.checkpoints import fetch_published
from sklearn_gahb.datasets import fetch_set12
from sklearn_gahb.samplers import CoarseToFine
from sklearn_gahb.sampling import (
    block_averages,
    observed_pixels,
    random_pixels,
    solve_inverse,
)

SIZE = 128
parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--n-images", type=int, default=12)
parser.add_argument("--n-draws", type=int, default=4)
parser.add_argument("--beta", type=float)
parser.add_argument("--published", action="store_true")
arguments = parser.parse_args()

photos = fetch_set12().images[: arguments.n_images]
X = np.stack(
    [
        photo[
            (photo.shape[0] - SIZE) // 2 : (photo.shape[0] + SIZE) // 2,
            (photo.shape[1] - SIZE) // 2 : (photo.shape[1] + SIZE) // 2,
        ]
        for photo in photos
    ]
) / np.float32(255)
denoiser = fetch_published("bf_cnn_bsd400_0-100")
has_no_hole = np.ones((SIZE, SIZE), dtype=bool)
has_no_hole[52:76, 52:76] = False


def inpaint(operator, measurements):
    known = (operator.H @ np.ones(operator.shape[0])).reshape(SIZE, SIZE) > 0.5
    image = (operator.H @ measurements).reshape(SIZE, SIZE)
    return inpaint_biharmonic(image, ~known)


def magnify(operator, measurements):
    small = measurements.reshape(SIZE // 4, SIZE // 4) / 4
    return zoom(small, 4, order=3, mode="reflect", grid_mode=True)


# The fields equal those of the default sampler of solve_inverse.
USUAL = CoarseToFine(step_size=1.0, beta=0.1, bounded=True, sigma_max=1.0)
PUBLISHED = replace(USUAL, step_size=0.05, step_schedule="published", beta=0.2)
slow = replace(USUAL, sigma_max=0.4, beta=0.02)
problems = {
    "50 percent of the pixels": (random_pixels, 0.5, inpaint, USUAL),
    "all but a block of 24x24": (None, None, inpaint, USUAL),
    "averages of 4x4 blocks": (block_averages, 4, magnify, USUAL),
    "10 percent of the pixels": (random_pixels, 0.1, inpaint, slow),
}
print(f"{'':26} mean   draw   alternative  |Mx - m|/|m|  evaluations  seconds")
for name, (make, parameter, alternative, sampler) in problems.items():
    if make is None:
        operator = observed_pixels(has_no_hole)
    elif make is random_pixels:
        operator = random_pixels((SIZE, SIZE), parameter, random_state=0)
    else:
        operator = make((SIZE, SIZE), parameter)
    if arguments.beta is not None:
        sampler = replace(sampler, beta=arguments.beta)
    if arguments.published:
        sampler = PUBLISHED
    measurements = (operator @ X.reshape(len(X), -1).T.astype(np.float64)).T
    start = perf_counter()
    solution = solve_inverse(
        denoiser,
        measurements,
        operator,
        n_draws=arguments.n_draws,
        sampler=sampler,
        random_state=0,
    )
    seconds = perf_counter() - start
    usual = np.stack([alternative(operator, m) for m in measurements])
    draws = [psnr(X, draw) for draw in solution.draws]
    print(
        f"{name:26} {psnr(X, solution.mean):.2f}  {np.mean(draws):.2f}  "
        f"{psnr(X, usual):.2f}        {solution.relative_residual.max():.0e}         "
        f"{solution.n_evaluations.mean():4.0f}         {seconds:.0f}",
        flush=True,
    )
