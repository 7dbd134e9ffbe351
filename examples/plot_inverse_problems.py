"""
=============================================
Inverse problems with a network that denoises
=============================================

A denoiser is a prior for any linear inverse problem: the samplers that draw images from
it can be made to agree with measurements. Here the network was trained to denoise
photographs, and knows nothing of the problems.
"""

# %%
# Network and image
# -----------------

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import psnr
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.displays import InverseProblemDisplay
from sklearn_gahb.sampling import block_averages, random_pixels, solve_inverse

denoiser = load_pretrained("photos-grey")
photo = load_photo_patches(64, 1, subset="test", random_state=0).photos["camera"]
clean = photo[70:198:2, 190:318:2] / np.float32(255)

# %%
# Missing pixels, and too few of them
# -----------------------------------
#
# The measurements are linear: a matrix with orthonormal rows, as an operator that
# multiplies flattened images. Each draw agrees with them exactly. Draws differ in what
# they say about the rest; their mean has the smaller error.

problems = {
    "half of the pixels": random_pixels((64, 64), 0.5, random_state=0),
    "averages of 2x2 blocks": block_averages((64, 64), 2),
}
figure = plt.figure(figsize=(7, 4.6), layout="constrained")
for part, (name, operator) in zip(
    figure.subfigures(2, 1), problems.items(), strict=True
):
    measurements = operator @ clean.ravel()
    solution = solve_inverse(denoiser, measurements, operator, random_state=0)
    InverseProblemDisplay.from_solution(
        solution, measurements, operator, clean=clean, figure=part
    )
    of_mean = psnr(clean[None], solution.mean[None])
    of_draws = np.mean([psnr(clean[None], draw[None]) for draw in solution.draws])
    print(
        f"{name}: {of_mean:.1f} dB, single draws {of_draws:.1f} dB, "
        f"{solution.n_evaluations.mean():.0f} evaluations, "
        f"|Mx - m| / |m| = {solution.relative_residual.max():.0e}"
    )
    assert of_mean > of_draws
    assert solution.relative_residual.max() < 1e-5
plt.show()
