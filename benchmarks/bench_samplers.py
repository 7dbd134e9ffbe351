"""How many evaluations samplers need: distance to where many would lead.

    python benchmarks/bench_samplers.py

Relative distance of the end points of DDIM and of gradient estimation, from the same
noise, to the exact map of the flow of a Gaussian in 16 dimensions with variances from
0.1 to 1 (levels from 10 to 0.01), and to the end points of DDIM with 1,000 evaluations
for a network: a UNet that is trained on disks here, in a minute (levels from 1 on).
And the covariance that coarse-to-fine ascent gives on a Gaussian of rank 16 in 256
dimensions, from 20,000 samples.
"""

import numpy as np
import torch

from sklearn_gahb import DNNDenoiser, as_denoise
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.sampling import sample

METHODS = {
    "DDIM": ("ddim", 1.0),
    "gradient estimation, gamma 1.5": ("gradient_estimation", 1.5),
    "gradient estimation, gamma 2": ("gradient_estimation", 2.0),
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


def print_table(title, denoise, shape, sigma_start, mean, end_points):
    print(f"\n{title}: evaluations", *(f"{n:7d}" for n in N_STEPS))
    for name, (method, gamma) in METHODS.items():
        distances = []
        for n_steps in N_STEPS:
            y = sample(
                denoise,
                shape,
                method=method,
                gamma=gamma,
                n_steps=n_steps,
                sigma_start=sigma_start,
                mean=mean,
                random_state=0,
            )
            distances.append(float((y - end_points).norm() / end_points.norm()))
        print(f"{name:31}", *(f"{distance:7.3f}" for distance in distances))


basis = random_basis(16)
shape = (1000, 1, 4, 4)
_, trajectory = sample(
    gaussian(basis),
    shape,
    n_steps=1,
    sigma_start=10.0,
    return_trajectory=True,
    random_state=0,
)
scale = ((spectrum + 1e-4) / (spectrum + 100)).sqrt()
exact = ((trajectory.images[0].flatten(1) @ basis * scale) @ basis.T).reshape(shape)
print_table("Gaussian", gaussian(basis), shape, 10.0, 0.0, exact)

network = DNNDenoiser(
    width=16, depth=2, max_steps=1500, learning_rate=5e-3, random_state=0
).fit(make_disk_images(2000, 32, random_state=0))
denoise, shape = as_denoise(network), (32, 1, 32, 32)
reference = sample(
    denoise, shape, method="ddim", n_steps=1000, mean=0.5, random_state=0
)
print_table("Network", denoise, shape, 1.0, 0.5, reference)

basis, n = random_basis(256), 20_000
print("\ncoarse to fine: error of the covariance, evaluations")
for parameters in [
    {"step_size": 0.05, "beta": 0.5},
    {"step_size": 0.05, "beta": 1.0},
    {"step_size": 5e-4, "step_schedule": "published", "beta": 0.5},
    {"step_size": 5e-4, "step_schedule": "published", "beta": 1.0},
    {"step_size": 0.01, "step_schedule": "published", "beta": 0.01},
    {"step_size": 0.01, "step_schedule": "published", "beta": 0.01, "sigma_start": 1.0},
]:
    y, trajectory = sample(
        gaussian(basis),
        (n, 1, 16, 16),
        method="coarse_to_fine",
        batch_size=n,
        keep_every=10_000,
        return_trajectory=True,
        random_state=0,
        **({"sigma_start": 10.0} | parameters),
    )
    z = y.flatten(1) @ basis
    error = (z.T @ z / n - torch.diag(spectrum)).norm() / spectrum.norm()
    described = ", ".join(f"{key} {value}" for key, value in parameters.items())
    print(f"{float(error):.3f}  {np.mean(trajectory.n_evaluations):4.0f}  {described}")
