"""
=============================================
Inverse problems with a denoising network
=============================================

A denoiser is a prior for any linear inverse problem: samplers draw images from the
denoiser, and these samplers can be made to agree with measurements. The network in this
example was trained to denoise photographs and knows nothing about inverse problems.
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
# Missing pixels and low resolution
# ---------------------------------
#
# The measurements are linear. Each operator represents a matrix that multiplies
# flattened images. Each draw agrees exactly with the measurements. The draws differ in
# what was not measured. The mean of the draws has a smaller error than a single draw.

problems = {
    "half of the pixels": random_pixels((64, 64), 0.5, random_state=0),
    "averages of 2x2 blocks": block_averages((64, 64), 2),
}
figure = plt.figure(figsize=(7, 5.4), layout="constrained")
for part, (name, operator) in zip(
    figure.subfigures(2, 1), problems.items(), strict=True
):
    measurements = operator @ clean.ravel()
    solution = solve_inverse(denoiser, measurements, operator, random_state=0)
    InverseProblemDisplay.from_solution(
        solution, measurements, operator, clean=clean, figure=part
    )
    part.suptitle(name)
    of_mean = psnr(clean[None], solution.mean[None])
    of_draws = np.mean([psnr(clean[None], draw[None]) for draw in solution.draws])
    print(f"{name}: mean of draws {of_mean:.1f} dB, single draws {of_draws:.1f} dB")
    print(f"    {solution.n_evaluations.mean():.0f} evaluations of the network")
    print(f"    |Mx - m| / |m| = {solution.relative_residual.max():.0e}")
    # sphinx_gallery_start_ignore
    assert of_mean > of_draws
    assert solution.relative_residual.max() < 1e-5
    # sphinx_gallery_end_ignore
plt.show()

# %%
# Noisy measurements
# ------------------
#
# Measurements of half of the pixels now contain noise of level 0.1. Without
# `noise_std`, the draws agree with the noise. With `noise_std`, the denoiser removes
# the noise together with the noise of the sampler.

operator = problems["half of the pixels"]
noise = 0.1 * np.random.default_rng(0).standard_normal(operator.shape[0])
measurements = operator @ clean.ravel() + noise
figure = plt.figure(figsize=(7, 5.4), layout="constrained")
for part, noise_std in zip(figure.subfigures(2, 1), [0.0, 0.1], strict=True):
    solution = solve_inverse(
        denoiser, measurements, operator, noise_std=noise_std, random_state=0
    )
    InverseProblemDisplay.from_solution(
        solution, measurements, operator, clean=clean, figure=part
    )
    part.suptitle(f"noise_std={noise_std}")
    print(f"noise_std={noise_std}: {psnr(clean[None], solution.mean[None]):.1f} dB")
# sphinx_gallery_start_ignore
told = psnr(clean[None], solution.mean[None])
ignored = solve_inverse(denoiser, measurements, operator, random_state=0).mean
assert told > psnr(clean[None], ignored[None]) + 1.5
# sphinx_gallery_end_ignore
plt.show()
