r"""
=====================================
Draw samples from a denoiser
=====================================

A denoiser knows the density of its images: the denoised image minus the noisy image is
:math:`\sigma^2` times the gradient of the logarithm of the density of noisy images.
Samplers follow this gradient from noise to images. In this example, a small network has
learned disks. Four samplers draw images from the network, starting from the same noise.
"""

# %%
# A network trained on disks
# --------------------------
#
# The network ships with the package. It was trained on images from
# :func:`~sklearn_gahb.datasets.make_disk_images`.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_gahb import DiskPosteriorDenoiser, psnr
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.displays import TrajectoryDisplay
from sklearn_gahb.samplers import DDIM, Ancestral, CoarseToFine, GradientEstimation
from sklearn_gahb.sampling import sample

denoiser = load_pretrained("disks")

# %%
# Samples in one call
# -------------------
#
# The `sample` method of a fitted denoiser starts at the highest training noise level.

print(denoiser.sample(4, random_state=0).shape)

# %%
# Four samplers
# -------------
#
# A sampler is an object whose fields are its parameters. DDIM and gradient estimation
# follow the same flow, so they end at nearly the same images. Ancestral sampling and
# coarse-to-fine ascent add fresh noise along the way, so they end at other images. Each
# column starts from the same noise. For the figure, the denoiser removes the remaining
# noise, 0.01.

samplers = {
    "DDIM, 50 steps": DDIM(n_steps=50),
    "gradient estimation, 10": GradientEstimation(n_steps=10),
    "ancestral, 200": Ancestral(n_steps=200),
    "coarse to fine": CoarseToFine(step_size=0.2),
}
drawn = {}
figure, axes = plt.subplots(4, 8, figsize=(10, 5.4), layout="constrained")
for row, (name, sampler) in zip(axes, samplers.items(), strict=True):
    drawn[name], trajectory = sample(
        denoiser, 8, sampler=sampler, return_trajectory=True, random_state=2
    )
    row[0].set_title(name, loc="left", fontsize="small")
    print(f"{name}: {trajectory.n_evaluations.mean():.0f} evaluations")
    for ax, image in zip(row, denoiser.transform(drawn[name]), strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])

# %%
# Distance to the closest disk
# ----------------------------
#
# At low noise, the posterior mean over disks returns the closest disk. An image that
# the posterior mean leaves unchanged is therefore a disk.

posterior = DiskPosteriorDenoiser(noise_std=0.05, random_state=0)
posterior.fit(make_disk_images(10, 32, random_state=0))
to_disk = {
    name: np.median([psnr(posterior.transform(x[None]), x[None]) for x in images])
    for name, images in drawn.items()
}
for name, value in to_disk.items():
    print(f"{name:24} {value:.1f} dB to the closest disk")
same_flow = psnr(*[drawn[name] for name in list(samplers)[:2]])
fresh_noise = psnr(*[drawn[name] for name in list(samplers)[1:3]])
print(f"DDIM and gradient estimation: {same_flow:.1f} dB from each other")
print(f"gradient estimation and ancestral: {fresh_noise:.1f} dB from each other")

# %%
# Trajectory of a sampler
# -----------------------
#
# The figure shows the last sampler, coarse-to-fine ascent, step by step, for the three
# samples with the strongest contrast. The sampler settles the large shapes first.

strongest = np.argsort(-trajectory.images[-1].std(axis=(1, 2)))[:3]
TrajectoryDisplay(
    images=trajectory.images[:, strongest], noise_std=trajectory.noise_std[:, strongest]
).plot(n_columns=6)
plt.show()

# sphinx_gallery_start_ignore
assert min(to_disk.values()) > 30
assert same_flow > fresh_noise + 3
# sphinx_gallery_end_ignore
