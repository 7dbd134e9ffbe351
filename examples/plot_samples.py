r"""
=====================================
Samples from what a denoiser learned
=====================================

A denoiser knows the density of its images: the denoised image minus the noisy one is
:math:`\sigma^2` times the gradient of the logarithm of the density of noisy images.
Samplers follow it from noise to images. Here a small network learns disks, and four
methods draw from it, beginning with the same noise.
"""

# %%
# A network that knows disks
# --------------------------

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import DNNDenoiser, as_denoise
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.displays import TrajectoryDisplay
from sklearn_gahb.sampling import sample

X = make_disk_images(2000, 32, random_state=0)
denoiser = DNNDenoiser(
    width=16,
    depth=2,
    max_steps=1000,
    learning_rate=5e-3,
    random_state=0,
).fit(X)

# %%
# In one call
# -----------
#
# `sample` of a fitted denoiser begins at the highest noise level of training.

print(denoiser.sample(4, random_state=0).shape)

# %%
# Four methods
# ------------
#
# The same with any callable and with more options. DDIM and gradient estimation follow
# the same flow, so that they end at nearly the same images; DDPM and coarse-to-fine
# ascent add fresh noise on the way and end elsewhere.

methods = {
    "ddim, 50 evaluations": {"method": "ddim"},
    "gradient estimation, 10": {"method": "gradient_estimation", "n_steps": 10},
    "ddpm, 200": {"method": "ddpm", "n_steps": 200},
    "coarse to fine": {"method": "coarse_to_fine", "step_size": 0.2},
}
figure, axes = plt.subplots(4, 8, figsize=(10, 5.4), layout="constrained")
for row, (name, parameters) in zip(axes, methods.items(), strict=True):
    images, trajectory = sample(
        as_denoise(denoiser),
        (8, 1, 32, 32),
        mean=0.5,
        return_trajectory=True,
        random_state=0,
        **parameters,
    )
    row[0].set_title(name, loc="left", fontsize="small")
    print(f"{name}: {trajectory.n_evaluations.mean():.0f} evaluations")
    for ax, image in zip(row, images[:, 0].numpy(), strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])

# %%
# On the way
# ----------
#
# The last method, step by step: large shapes are decided first.

TrajectoryDisplay(
    images=np.stack([one[:3].numpy() for one in trajectory.images]),
    noise_std=np.stack([one[:3] for one in trajectory.noise_std]),
).plot()
plt.show()
