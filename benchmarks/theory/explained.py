"""How much of a network the closed-form denoisers of its training set explain.

    python benchmarks/theory/explained.py [--images photos|disks] [--random-state 0]
        [--sizes 1 10 100 1000]

For each number N of training images, the script trains a network (UNet, width 16,
depth 2, 1,500 steps) and fits the theories to the same images of 16x16 pixels:

- empirical: the optimal denoiser of the training images themselves
- local: patches at the same position
- equivariant: patches at all positions
- support: neighborhoods at the same position that are the supports of the rows of the
  linear denoiser (Lukoianov et al., NeurIPS 2025, arXiv 2509.09672)
- gaussian: the Gaussian with their mean and shrunk covariance

For local and equivariant, `choose_patch_size` chooses the side of the patches for each
noise level among 3, 5, 7, 9 and 11, by the PSNR on 24 other images. No test image is
used for this.

The table shows, for each noise level, the PSNR in dB on 24 test images, and the median
over these images of r^2: the squared correlation between the output of the network and
that of the theory. Photographs are BSD400 at half resolution, tested on BSD68. The
published r^2 is .94 to .96 (Kamb and Ganguli, ICML 2025, arXiv 2412.20292).

The script takes about ten minutes on one core.
"""

import argparse

import numpy as np
from _common import SIDE, crops

from sklearn_gahb import (
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianDenoiser,
    GaussianNoise,
    LocalPosteriorDenoiser,
    psnr,
)
from sklearn_gahb.datasets import fetch_bsd68, fetch_bsd400, make_disk_images
from sklearn_gahb.denoisers import choose_patch_size

LEVELS = (0.05, 0.1, 0.2, 0.4)
N_TEST, N_HELD_OUT = 24, 24


def load(kind, n, seed):
    """Return images to train on, to choose patch sizes on, and to test on."""
    if kind == "disks":
        images = make_disk_images(n + N_HELD_OUT + N_TEST, SIDE, random_state=seed)
    else:
        rng = np.random.RandomState(seed)
        train, _ = crops(fetch_bsd400().images, n + N_HELD_OUT, rng)
        test, _ = crops(fetch_bsd68().images, N_TEST, np.random.RandomState(0))
        images = np.concatenate([train, test])
    return np.split(images, [n, n + N_HELD_OUT])


def squared_correlation(first, second):
    """Compute the squared correlation of the pixels of each pair of images."""
    first, second = (
        one.reshape(len(one), -1) - one.mean(axis=(1, 2))[:, None]
        for one in (first, second)
    )
    squares = (first * second).sum(1) ** 2
    return squares / (np.square(first).sum(1) * np.square(second).sum(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", choices=["photos", "disks"], default="photos")
    parser.add_argument("--random-state", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 100, 1000])
    options = parser.parse_args()
    print(f"{options.images}; PSNR in dB (r^2 with the network)")
    print(f"{'N':>5} {'denoiser':12}", *(f"{level:>12.2f}" for level in LEVELS))
    for n in options.sizes:
        X, held_out, test = load(options.images, n, options.random_state)
        sizes = {
            name: choose_patch_size(
                LocalPosteriorDenoiser(3, equivariant=name == "equivariant").fit(X),
                held_out,
                LEVELS,
                random_state=1,
            ).patch_size
            for name in ("local", "equivariant")
        }
        denoisers = {
            "network": DNNDenoiser(
                batch_statistics=True,
                loss="squared_error",
                optimizer="adam",
                width=16,
                depth=2,
                max_steps=1500,
                batch_size=32,
                learning_rate=3e-3,
                random_state=options.random_state,
            ),
            "empirical": EmpiricalDenoiser(),
            "local": LocalPosteriorDenoiser(sizes["local"], equivariant=False),
            "equivariant": LocalPosteriorDenoiser(sizes["equivariant"]),
            "support": LocalPosteriorDenoiser(neighborhood="wiener", equivariant=False),
            "gaussian": GaussianDenoiser("shrunk"),
        }
        outputs = {}
        for name, denoiser in denoisers.items():
            denoiser.fit(X)
            cells = []
            for level in LEVELS:
                noisy = GaussianNoise(level, random_state=0).fit_transform(test)
                x_hat = denoiser.denoise_images(noisy, noise_std=level)
                outputs[name, level] = x_hat
                r2 = np.median(squared_correlation(outputs["network", level], x_hat))
                cells.append(f"{psnr(test, x_hat):.2f} ({r2:.2f})")
            print(f"{n:5} {name:12}", *(f"{cell:>12}" for cell in cells), flush=True)
        print(f"{'':5} patch sizes: {sizes}", flush=True)


if __name__ == "__main__":
    main()
