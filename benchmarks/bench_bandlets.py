"""Speed of bandlets and their gain in PSNR, against wavelet thresholding.

    python benchmarks/bench_bandlets.py [--n-images 500]

A gain is the PSNR of bandlets minus the PSNR of Haar wavelets with the same thresholds
and shifts, in dB, on C^alpha images of 64x64 pixels (``convention="released"``). The
number after +- is the standard error.
"""

import argparse
from time import perf_counter

import numpy as np
import pywt
from sklearn.base import clone

from sklearn_gahb import (
    BandletDenoiser,
    BandletOracle,
    GaussianNoise,
    WaveletThresholdDenoiser,
    psnr,
)
from sklearn_gahb.datasets import load_photo_patches, make_c_alpha_images

# Wavelets with the threshold, the shrinkage and the shifts of the bandlets.
HAAR = WaveletThresholdDenoiser("haar", threshold=3.0, shrinkage="hard", n_shifts=1)

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--n-images", type=int, default=500)
n_images = parser.parse_args().n_images


def median_seconds(function, n_repeats=7):
    function()
    times = []
    for _ in range(n_repeats):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return float(np.median(times))


for name, X, noise_std in [
    ("C^alpha images, alpha 3", make_c_alpha_images(500, 64, 3, random_state=0), 0.05),
    (
        "photographs",
        load_photo_patches(64, 500, random_state=0).images / np.float32(255),
        0.1,
    ),
]:
    noisy = GaussianNoise(noise_std, random_state=0).fit_transform(X)
    wavelets = clone(HAAR).set_params(noise_std=noise_std).fit(X)
    seconds = median_seconds(lambda: wavelets.transform(noisy))
    print(f"500 {name} of 64x64, float32: wavelets {500 / seconds:.0f} images/s")
    for geometry, bandlets in [
        ("clean", BandletOracle(noise_std=noise_std).fit(X)),
        ("noisy", BandletDenoiser(noise_std=noise_std).fit(X)),
    ]:
        bandlet_seconds = median_seconds(
            lambda: bandlets.denoise_images(noisy, clean=X)
        )
        print(
            f"  bandlets, {geometry} geometry: {500 / bandlet_seconds:.0f} images/s, "
            f"{seconds / bandlet_seconds:.2f} times the wavelet rate"
        )


def project_wavelets(noisy, clean, sigma):
    noisy, clean = (
        pywt.wavedec2(x, "haar", "periodization", level=3) for x in (noisy, clean)
    )
    for i in (1, 2, 3):
        pairs = zip(noisy[i], clean[i], strict=True)
        noisy[i] = tuple(np.where(np.abs(c) > sigma, b, 0) for b, c in pairs)
    return pywt.waverec2(noisy, "haar", "periodization")


def gain(denoised, reference, clean):
    differences = psnr(clean, denoised, average=False) - psnr(
        clean, reference, average=False
    )
    return f"{differences.mean():+.2f} +- {differences.std() / len(clean) ** 0.5:.2f}"


print(f"\n{n_images} images, input PSNR 40 dB")
print("alpha          clean     projection          noisy   16 shifts")
for alpha in (1, 2, 3, 4):
    X = make_c_alpha_images(n_images, 64, alpha, convention="released", random_state=0)
    noisy = GaussianNoise(0.01, random_state=0).fit_transform(X)
    haar = clone(HAAR).set_params(noise_std=0.01)
    wavelets = haar.fit(X).transform(noisy)
    spun = clone(haar).set_params(n_shifts=16).fit(X)
    projected = project_wavelets(noisy, X, 0.01)
    row = []
    for reference, bandlets in [
        (wavelets, BandletOracle(noise_std=0.01)),
        (projected, BandletOracle(shrinkage="projection", noise_std=0.01)),
        (wavelets, BandletDenoiser(noise_std=0.01)),
        (spun.transform(noisy), BandletDenoiser(n_shifts=16, noise_std=0.01)),
    ]:
        denoised = bandlets.fit(X).denoise_images(noisy, clean=X)
        row.append(gain(denoised, reference, X))
    print(f"{alpha:5d} ", "  ".join(row))

print("\n16 shifts, noisy geometry, gain over 16-shift wavelets; 100 images")
print("alpha ", "  ".join(f"{level:>13d} dB" for level in (10, 20, 30, 40, 50)))
for alpha in (1, 2, 3, 4):
    X = make_c_alpha_images(100, 64, alpha, convention="released", random_state=1)
    row = []
    for level in (10, 20, 30, 40, 50):
        sigma = 10 ** (-level / 20)
        noisy = GaussianNoise(sigma, random_state=0).fit_transform(X)
        wavelets = clone(HAAR).set_params(noise_std=sigma, n_shifts=16)
        bandlets = BandletDenoiser(noise_std=sigma, n_shifts=16)
        row.append(
            gain(bandlets.fit(X).transform(noisy), wavelets.fit(X).transform(noisy), X)
        )
    print(f"{alpha:5d} ", "   ".join(row))
