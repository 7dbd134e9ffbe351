"""Inverse problems with noisy measurements: PSNR with and without `noise_std`.

    python benchmarks/bench_noisy_inverse.py [--n-images 12] [--noise-std 0.1]
        [--deepinv]

The network is photos-grey, which ships with the package. The images are central crops
of 96x96 pixels of Set12. The script prints the PSNR in dB of the mean of two draws. The
columns are: measurements without noise; noisy measurements whose noise is ignored;
noisy measurements and their noise level; and PSNR of single draws for the last one.

--deepinv also runs DiffPIR and DPS (100 steps, guidance "annealed") of deepinv 0.5,
with the same network and measurements, two draws each. `_deepinv.py` says how to
install deepinv.

Without --deepinv, the script takes six minutes on 2 cores.
"""

import argparse
from time import perf_counter

import numpy as np
import torch
from _deepinv import import_deepinv
from scipy.signal.windows import gaussian

from sklearn_gahb import psnr
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import fetch_set12
from sklearn_gahb.sampling import (
    block_averages,
    circular_blur,
    observed_pixels,
    random_pixels,
    solve_inverse,
)

SIZE = 96
N_DRAWS = 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-images", type=int, default=12)
    parser.add_argument("--noise-std", type=float, default=0.1)
    parser.add_argument("--deepinv", action="store_true")
    options = parser.parse_args()
    X = np.stack(
        [crop(photo) for photo in fetch_set12().images[: options.n_images]]
    ) / np.float32(255)
    network = load_pretrained("photos-grey")
    has_no_hole = np.ones((SIZE, SIZE), dtype=bool)
    has_no_hole[36:60, 36:60] = False
    kernel = np.outer(gaussian(9, 1.5), gaussian(9, 1.5))
    problems = {
        "half of the pixels": random_pixels((SIZE, SIZE), 0.5, random_state=0),
        "all but a block of 24x24": observed_pixels(has_no_hole),
        "averages of 2x2 blocks": block_averages((SIZE, SIZE), 2),
        "blur": circular_blur((SIZE, SIZE), kernel / kernel.sum()),
    }
    others = deepinv_methods(network, options.noise_std) if options.deepinv else {}
    titles = ["no noise", "ignored", "noise_std", "one draw", *others]
    print(f"{'':26}", *(f"{title:>11}" for title in titles), "  evaluations")
    for name, operator in problems.items():
        clean = (operator @ X.reshape(len(X), -1).T.astype(np.float64)).T
        noise = np.random.default_rng(0).standard_normal(clean.shape)
        noisy = clean + options.noise_std * noise

        def solve(m, noise_std=0.0, operator=operator):
            return solve_inverse(
                network,
                m,
                operator,
                noise_std=noise_std,
                n_draws=N_DRAWS,
                random_state=0,
            )

        known = solve(noisy, options.noise_std)
        results = [
            psnr(X, solve(clean).mean),
            psnr(X, solve(noisy).mean),
            psnr(X, known.mean),
            np.mean([psnr(X, draw) for draw in known.draws]),
        ]
        seconds = []
        for method in others.values():
            start = perf_counter()
            results.append(psnr(X, method(noisy, operator)))
            seconds.append(f"{perf_counter() - start:.0f} s")
        print(
            f"{name:26}",
            *(f"{result:11.2f}" for result in results),
            f"  {known.n_evaluations.mean():.0f}",
            *seconds,
            flush=True,
        )


def crop(photo):
    top, left = ((side - SIZE) // 2 for side in photo.shape)
    return photo[top : top + SIZE, left : left + SIZE]


def deepinv_methods(network, noise_std):
    """Return functions of measurements and operator that give reconstructions."""
    deepinv = import_deepinv()
    from deepinv.optim import L2
    from deepinv.sampling import DPS, DiffPIR

    class Denoiser(torch.nn.Module):
        def forward(self, y, sigma, **unused):
            level = torch.as_tensor(sigma).flatten().max()
            return network(y.float(), float(level)).to(y.dtype)

    def solver(model):
        def solve(measurements, operator):
            physics = Physics(operator, noise_std)
            m = torch.from_numpy(measurements).float()
            draws = []
            for seed in range(1, N_DRAWS + 1):
                torch.manual_seed(seed)
                draws.append(model(m, physics).detach().numpy()[:, 0])
            return np.mean(draws, axis=0)

        return solve

    class Physics(deepinv.physics.LinearPhysics):
        def __init__(self, operator, noise_std):
            super().__init__(noise_model=deepinv.physics.GaussianNoise(noise_std))
            self.operator = operator

        def A(self, x, **unused):
            return Product.apply(x.flatten(1), self.operator)

        def A_adjoint(self, m, **unused):
            return Product.apply(m, self.operator.H).reshape(-1, 1, SIZE, SIZE)

    denoiser = Denoiser()
    return {
        "DiffPIR": solver(DiffPIR(denoiser, L2(), sigma=noise_std)),
        "DPS": solver(
            DPS(denoiser, num_steps=100, guidance="annealed", dtype=torch.float32)
        ),
    }


class Product(torch.autograd.Function):
    """Product of the rows of a tensor with a SciPy operator, with gradients."""

    @staticmethod
    def forward(context, x, operator):
        context.operator = operator
        return torch.from_numpy(operator.matmat(x.numpy().T).T.copy()).to(x.dtype)

    @staticmethod
    def backward(context, gradient):
        back = context.operator.rmatmat(gradient.numpy().T).T
        return torch.from_numpy(back.copy()).to(gradient.dtype), None


if __name__ == "__main__":
    main()
