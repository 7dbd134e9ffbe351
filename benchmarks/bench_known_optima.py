"""Errors and slopes of denoisers against known optima.

    python benchmarks/bench_known_optima.py [--parts textures backgrounds disks]

textures: the slope of the Wiener filter on Gaussian textures, which is (b - 1) / b for
exponent b, and the excess error of a spectrum learned from 200 images.

backgrounds: the slope of the Wiener filter on C^alpha backgrounds, which is
alpha / (alpha + 1).

disks: the posterior mean against its low-noise limit, 5 sigma^2 / d, and against the
other denoisers.

The script takes about ten minutes on 2 cores.
"""

import argparse
from time import perf_counter

import numpy as np

from sklearn_gahb import (
    BandletDenoiser,
    BM3DDenoiser,
    DiskPosteriorDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianNoise,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    mse,
    psnr_curve,
)
from sklearn_gahb.datasets import (
    make_c_alpha_backgrounds,
    make_disk_images,
    make_gaussian_textures,
)
from sklearn_gahb.jacobian import jacobian_operator

PARTS = ["textures", "backgrounds", "disks"]
LEVELS = 10 ** (-np.arange(10, 31, 2.5) / 20)

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
parts = parser.parse_args().parts


def squared_errors(denoiser, noisy, clean):
    difference = denoiser.transform(noisy).astype(np.float64) - clean
    return np.square(difference).mean(axis=(1, 2))


if "textures" in parts:
    for exponent in (2, 3, 4):
        X, spectrum = make_gaussian_textures(
            300, 128, exponent=exponent, return_power_spectrum=True, random_state=0
        )
        train, test = X[:200], X[200:]
        optimum = WienerDenoiser(spectrum).fit(train)
        curve = psnr_curve(optimum, test, LEVELS, random_state=0)
        low_pass = WienerDenoiser(spectrum, shrinkage="low_pass").fit(train)
        low_pass_curve = psnr_curve(low_pass, test, LEVELS, random_state=0)
        excess = []
        for level in LEVELS:
            noisy = GaussianNoise(level, random_state=0).fit_transform(test)
            errors = [
                mse(test, denoiser.set_params(noise_std=level).transform(noisy))
                for denoiser in (WienerDenoiser().fit(train), optimum)
            ]
            excess.append(errors[0] / errors[1] - 1)
        print(
            f"textures, exponent {exponent}: slope {curve.slope:.3f} +- "
            f"{curve.slope_std_err:.3f}, theory {(exponent - 1) / exponent:.3f}; ideal "
            f"low-pass {low_pass_curve.slope:.3f}; learned spectrum at most "
            f"{100 * max(excess):.2f} percent above the true one"
        )

if "backgrounds" in parts:
    for alpha in (1, 2, 3):
        X = make_c_alpha_backgrounds(300, 128, alpha, random_state=0)
        curve = psnr_curve(WienerDenoiser().fit(X), X, LEVELS, random_state=0)
        print(
            f"backgrounds, alpha {alpha}: slope {curve.slope:.3f} +- "
            f"{curve.slope_std_err:.3f}, theory {alpha / (alpha + 1):.3f}"
        )

if "disks" in parts:
    sigma = 0.01
    X, parameters = make_disk_images(2200, 32, return_parameters=True, random_state=0)
    X = X[np.abs(parameters[:, 3] - parameters[:, 4]) > 0.3]
    noisy = GaussianNoise(sigma, random_state=0).fit_transform(X)
    denoiser = DiskPosteriorDenoiser(noise_std=sigma, random_state=0).fit(X)
    start = perf_counter()
    errors = squared_errors(denoiser, noisy, X)
    seconds = perf_counter() - start
    sizes = denoiser.effective_sample_size(noisy) / denoiser.n_draws
    limit = 5 * sigma**2 / 1024
    # Products with J = F^T F use its factors F, so this trace is exact.
    traces = np.array(
        [jacobian_operator(denoiser, y).dense().trace() for y in noisy[:300]]
    )
    print(
        f"{len(X)} disks, noise {sigma}: mse over 5 sigma^2 / d "
        f"{errors.mean() / limit:.3f} +- {errors.std() / limit / len(X) ** 0.5:.3f}; "
        f"trace of the posterior over 5 {traces.mean() / 5:.3f} +- "
        f"{traces.std() / 5 / len(traces) ** 0.5:.3f}; effective share of the draws "
        f"{np.median(sizes):.2f} median, {sizes.min():.2f} smallest; "
        f"{1000 * seconds / len(X):.0f} ms per image"
    )
    train = make_disk_images(5000, 32, random_state=1)
    X = make_disk_images(200, 32, random_state=2)
    network = DNNDenoiser(
        width=16, depth=2, max_steps=1500, learning_rate=5e-3, random_state=0
    ).fit(train)
    for sigma in (0.03, 0.1, 0.3):
        noisy = GaussianNoise(sigma, random_state=0).fit_transform(X)
        optimum = DiskPosteriorDenoiser(noise_std=sigma, random_state=0).fit(train)
        best = squared_errors(optimum, noisy, X)
        print(f"noise {sigma}: disk posterior {-10 * np.log10(best.mean()):.2f} dB")
        others = {
            "Wiener": WienerDenoiser(noise_std=sigma).fit(train),
            "wavelets": WaveletThresholdDenoiser("haar", noise_std=sigma),
            "bandlets": BandletDenoiser(n_shifts=16, noise_std=sigma),
            "empirical": EmpiricalDenoiser(noise_std=sigma),
            "BM3D": BM3DDenoiser(noise_std=sigma, n_jobs=-1),
            "network": network,
        }
        for name, other in others.items():
            if other is not network:
                other.fit(train)
            errors = squared_errors(other, noisy, X)
            difference = errors - best
            standard_errors = difference.mean() / (difference.std() / len(X) ** 0.5)
            print(
                f"  {name}: {-10 * np.log10(errors.mean()):.2f} dB, mse larger by "
                f"{standard_errors:.1f} standard errors"
            )
