"""PSNR under Poisson noise, with and without variance stabilization.

    python benchmarks/bench_poisson.py [--peaks 30] [--parts denoisers estimates]

denoisers: mean PSNR on seven photographs of scikit-image, the central 256x256 pixels in
gray. Without stabilization, the denoisers estimate one level of white Gaussian noise
for each image. With stabilization, `peak` and `noise_std` are estimated or known.

estimates: errors of `estimate_poisson_gaussian` on the same photographs. An error is
the largest relative error of the standard deviation of the noise at the quantiles 0.1,
0.5 and 0.9 of the intensities of a photograph.

At one peak, the script takes about ten minutes on 2 cores.
"""

import argparse
import warnings

import numpy as np
import skimage
from skimage.color import rgb2gray
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
from sklearn.frozen import FrozenEstimator

from sklearn_gahb import (
    BM3DDenoiser,
    PoissonNoise,
    VarianceStabilizedDenoiser,
    WaveletThresholdDenoiser,
    as_denoiser,
    estimate_noise_std,
    estimate_poisson_gaussian,
    psnr,
)
from sklearn_gahb.checkpoints import load_pretrained

PARTS = ["denoisers", "estimates"]
NAMES = ["astronaut", "camera", "chelsea", "coffee", "coins", "moon", "rocket"]
SIZE = 256
CASES = [(1, 0), (5, 0), (10, 0.05), (30, 0), (30, 0.05), (100, 0.02), (300, 0)]
CASES += [(1000, 0.005)]

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--peaks", nargs="+", type=float, default=[30])
parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
arguments = parser.parse_args()


def gray_photo(name):
    photo = getattr(skimage.data, name)()
    gray = rgb2gray(photo) if photo.ndim == 3 else photo / 255
    top, left = ((side - SIZE) // 2 for side in gray.shape)
    return gray[top : top + SIZE, left : left + SIZE]


def non_local_means(y, sigma):
    # The filter strength and patches of the example gallery of scikit-image.
    return denoise_nl_means(
        y, h=0.8 * sigma, sigma=sigma, patch_size=5, patch_distance=6
    )


def print_row(name, values):
    row = " ".join(f"{value:9.2f}" for value in values)
    print(f"{name:44s}{np.mean(values):9.2f} {row}", flush=True)


clean = np.stack([gray_photo(name) for name in NAMES])

if "denoisers" in arguments.parts:
    denoisers = {
        **{
            f"network {name}": load_pretrained(name)
            for name in ("photos-grey", "photos-grey-small")
        },
        "BM3D": BM3DDenoiser(n_jobs=-1).fit(clean),
        "wavelets, hard, 16 shifts": WaveletThresholdDenoiser(n_shifts=16).fit(clean),
    }
    for peak in arguments.peaks:
        noisy = PoissonNoise(peak, random_state=0).transform(clean)
        print(f"\nPoisson noise of peak {peak:g}, PSNR in dB")
        print(f"{'':44s}{'mean':>9s} {' '.join(f'{name:>9s}' for name in NAMES)}")
        print_row("noisy", psnr(clean, noisy, average=False))
        levels = estimate_noise_std(noisy)
        pairs = list(zip(noisy, levels, strict=True))
        others = {
            "non-local means": [non_local_means(y, sigma) for y, sigma in pairs],
            "TV, weight = level": [denoise_tv_chambolle(y, weight=s) for y, s in pairs],
        }
        for name, denoised in others.items():
            values = psnr(clean, np.stack(denoised), average=False)
            print_row(f"scikit-image {name}", values)
        for name, denoiser in denoisers.items():
            plain = as_denoiser(denoiser).transform(noisy)
            print_row(name, psnr(clean, plain, average=False))
            known = {"peak": peak, "noise_std": 0.0}
            for how, parameters in [("estimated", {}), ("known", known)]:
                inner = FrozenEstimator(as_denoiser(denoiser))
                stabilized = VarianceStabilizedDenoiser(inner, **parameters).fit(clean)
                values = stabilized.psnr_per_image(noisy, clean)
                print_row(f"{name}, stabilized, {how}", values)

if "estimates" in arguments.parts:
    print("\nlargest relative error of the standard deviation, in percent")
    print(f"{'peak, noise_std':44s}{'mean':>9s} {' '.join(f'{n:>9s}' for n in NAMES)}")
    for peak, noise_std in CASES:
        noisy = PoissonNoise(peak, noise_std, random_state=0).transform(clean)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peaks, levels = estimate_poisson_gaussian(noisy)
        x = np.quantile(clean, [0.1, 0.5, 0.9], axis=(1, 2)).clip(0.02)
        ratios = np.sqrt((x / peaks + levels**2) / (x / peak + noise_std**2))
        print_row(f"{peak}, {noise_std}", 100 * abs(ratios - 1).max(axis=0))
