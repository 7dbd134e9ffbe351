"""Errors and slopes of denoisers against known optima.

    python benchmarks/bench_known_optima.py [--parts textures divergence ...]

textures: on Gaussian textures, the PSNR slope of the Wiener filter, which is
(b - 1) / b in theory for exponent b, and the excess error if the filter learns the
spectrum from 200 images.

divergence: the density gap of spectra learned from 30 and 300 Gaussian textures,
compared with the Kullback-Leibler divergence in closed form. The gap is computed from
mean squared differences from the optimum, and from differences of mean squared errors.

backgrounds: on C^alpha backgrounds, the PSNR slope of the Wiener filter, which is
alpha / (alpha + 1) in theory.

disks: the error of the posterior mean, compared with its low-noise limit, 5
sigma^2 / d, and with the errors of other denoisers.

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
    GeneralizationAnalyzer,
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
from sklearn_gahb.evaluation import density_gap
from sklearn_gahb.jacobian import jacobian_operator

PARTS = ["textures", "divergence", "backgrounds", "disks"]
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

if "divergence" in parts:
    X, spectrum = make_gaussian_textures(
        1400, 16, exponent=1.0, mean=0.0, return_power_spectrum=True, random_state=0
    )
    X = X.astype(np.float64)
    X_test = X[600:]
    # The part of the integral below the lowest level is proportional to its square.
    levels = np.geomspace(3e-4, 30, 40)
    optimum = WienerDenoiser(spectrum, zero_mean=True)
    analyzer = GeneralizationAnalyzer(
        WienerDenoiser(zero_mean=True),
        (30, 300),
        noise_std=levels,
        optimal=optimum,
        random_state=0,
    ).fit(X[:600], X_test=X_test)
    optimum.fit(X[:600])
    for i, j in np.ndindex(2, 2):
        learned = analyzer.estimators_[i][j]
        ratio = spectrum / learned.power_spectrum_[..., 0]
        exact = (ratio - 1 - np.log(ratio)).sum() / 2
        excess = []
        for level in levels:
            noisy = GaussianNoise(level, random_state=0).fit_transform(X_test)
            errors = [
                mse(X_test, one.denoise_images(noisy, level), average=False)
                for one in (learned, optimum)
            ]
            excess.append(errors[0] - errors[1])
        of_errors = density_gap(excess, levels, n_values=X_test[0].size)
        gap, std_err = analyzer.density_gap_[i, j], analyzer.density_gap_std_err_[i, j]
        print(
            f"divergence, N = {analyzer.train_sizes_[i]}, subset {j}: exact "
            f"{exact:.4f} nats; squared differences {gap:.4f} +- {std_err:.4f} "
            f"({(gap - exact) / std_err:+.1f} standard errors; quadrature error "
            f"{analyzer.density_gap_quadrature_err_[i, j]:.4f}); differences of errors "
            f"{of_errors.gap:.4f} +- {of_errors.std_err:.4f}, "
            f"{of_errors.std_err / std_err:.0f} times the standard error"
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
        f"trace of the Jacobian over 5 {traces.mean() / 5:.3f} +- "
        f"{traces.std() / 5 / len(traces) ** 0.5:.3f}; effective share of the draws: "
        f"median {np.median(sizes):.2f}, smallest {sizes.min():.2f}; "
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
