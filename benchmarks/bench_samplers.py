"""Error of the end points of samplers, by number of evaluations of the denoiser.

    python benchmarks/bench_samplers.py

The first two tables print the relative distance between the end points of DDIM or
gradient estimation and a reference that starts from the same noise:

- For a Gaussian in 16 dimensions with variances from 0.1 to 1, the reference is the
  exact map of the flow. Noise levels range from 10 to 0.01.
- For a network, the reference is DDIM with 1,000 evaluations. The script trains the
  network, a UNet, on disks in a minute. Noise levels start at 1.

The third table is for coarse-to-fine ascent on a Gaussian of rank 16 in 256 dimensions.
It prints the error of the covariance of 20,000 samples.

The last table compares the contrast of images and of samples of the networks that ship
with the package: the standard deviation of all values, of the means of images, and
within images. Samples start from the mean 0.5, or from Gaussian images with the moments
of the training images, which is the default.
"""

from dataclasses import replace

import numpy as np
import torch

from sklearn_gahb import DNNDenoiser
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import (
    load_photo_patches,
    make_c_alpha_images,
    make_disk_images,
)
from sklearn_gahb.samplers import DDIM, CoarseToFine, GradientEstimation, run_sampler

SAMPLERS = {
    "DDIM": DDIM(),
    "gradient estimation, gamma 1.5": GradientEstimation(gamma=1.5),
    "gradient estimation, gamma 2": GradientEstimation(gamma=2.0),
}
N_STEPS = (5, 10, 20, 50)
spectrum = torch.linspace(0.1, 1, 16)


def random_basis(n_rows):
    generator = torch.Generator().manual_seed(0)
    return torch.linalg.qr(torch.randn(n_rows, 16, generator=generator))[0]


def gaussian(basis):
    def denoise(y, noise_std):
        variance = torch.as_tensor(noise_std).reshape(-1, 1) ** 2
        gain = spectrum / (spectrum + variance)
        return ((gain * (y.flatten(1) @ basis)) @ basis.T).reshape(y.shape)

    return denoise


def print_table(title, denoise, shape, sigma_max, mean, end_points):
    print(f"\n{title}: evaluations", *(f"{n:7d}" for n in N_STEPS))
    for name, sampler in SAMPLERS.items():
        distances = []
        for n_steps in N_STEPS:
            sampler = replace(sampler, n_steps=n_steps, sigma_max=sigma_max)
            y, _ = run_sampler(denoise, sampler, mean, shape, random_state=0)
            distances.append(float((y - end_points).norm() / end_points.norm()))
        print(f"{name:31}", *(f"{distance:7.3f}" for distance in distances))


basis = random_basis(16)
shape = (1000, 1, 4, 4)
_, trajectory = run_sampler(
    gaussian(basis), DDIM(1, sigma_max=10.0), 0.0, shape, keep_every=1, random_state=0
)
start = torch.from_numpy(trajectory.images[0]).flatten(1)
scale = ((spectrum + 1e-4) / (spectrum + 100)).sqrt()
exact = ((start @ basis * scale) @ basis.T).reshape(shape)
print_table("Gaussian", gaussian(basis), shape, 10.0, 0.0, exact)

network = DNNDenoiser(
    width=16, depth=2, max_steps=1500, learning_rate=5e-3, random_state=0
).fit(make_disk_images(2000, 32, random_state=0))
shape = (32, 1, 32, 32)
reference, _ = run_sampler(network, DDIM(1000), 0.5, shape, random_state=0)
print_table("Network", network, shape, 1.0, 0.5, reference)

basis, n = random_basis(256), 20_000
print("\ncoarse to fine: error of the covariance, evaluations")
usual = CoarseToFine(step_size=0.05, beta=0.5, sigma_max=10.0)
published = replace(usual, step_size=5e-4, step_schedule="published")
for sampler in [
    usual,
    replace(usual, beta=1.0),
    published,
    replace(published, beta=1.0),
    replace(published, step_size=0.01, beta=0.01),
    replace(published, step_size=0.01, beta=0.01, sigma_max=1.0),
]:
    shape = (n, 1, 16, 16)
    y, trajectory = run_sampler(
        gaussian(basis), sampler, 0.0, shape, batch_size=n, random_state=0
    )
    z = y.flatten(1) @ basis
    error = (z.T @ z / n - torch.diag(spectrum)).norm() / spectrum.norm()
    print(f"{float(error):.3f}  {np.mean(trajectory.n_evaluations):4.0f}  {sampler}")

print("\ncontrast: all values, means of images, within images")
for name, images in {
    "disks": make_disk_images(500, 32, random_state=1),
    "c-alpha-2": make_c_alpha_images(500, 40, alpha=2, random_state=1),
    "photos-grey-small": load_photo_patches(64, 500, random_state=0).images / 255,
}.items():
    denoiser, size = load_pretrained(name), images.shape[1:]
    drawn = {
        start: denoiser.transform(
            denoiser.sample(50, image_shape=size, mean=mean, random_state=0)
        )
        for start, mean in [("from 0.5", 0.5), ("from moments", None)]
    }
    for what, one in {"images": images, **drawn}.items():
        within = one.std(axis=(1, 2))
        contrast = one.std(), one.mean(axis=(1, 2)).std(), np.sqrt((within**2).mean())
        print(f"{name:18} {what:13}", *(f"{value:.3f}" for value in contrast))
