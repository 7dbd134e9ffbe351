"""Time of wavelet thresholding: a batch of 500 images, and loops over the images.

python benchmarks/bench_wavelets.py
"""

from time import perf_counter

import numpy as np
import pywt
from skimage.restoration import denoise_wavelet

from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser
from sklearn_gahb.datasets import load_photo_patches

NOISE_STD, N_SCALES, WAVELET = 0.1, 3, "db2"

clean = load_photo_patches(64, 500, random_state=0).images / 255
noisy = GaussianNoise(NOISE_STD, random_state=0).fit_transform(clean)


def median_seconds(function, n_repeats=7):
    times = []
    for _ in range(n_repeats):
        start = perf_counter()
        result = function()
        times.append(perf_counter() - start)
    return float(np.median(times)), result


def loop_over_pywavelets():
    denoised = []
    for y in noisy:
        bands = pywt.wavedec2(y, WAVELET, "periodization", level=N_SCALES)
        for i in range(1, N_SCALES + 1):
            bands[i] = tuple(pywt.threshold(c, 3 * NOISE_STD, "hard") for c in bands[i])
        denoised.append(pywt.waverec2(bands, WAVELET, "periodization"))
    return np.array(denoised)


def loop_over_skimage(method):
    return np.array(
        [
            denoise_wavelet(
                y,
                sigma=NOISE_STD,
                wavelet=WAVELET,
                method=method,
                mode="soft",
                wavelet_levels=N_SCALES,
            )
            for y in noisy
        ]
    )


def batched(threshold, shrinkage):
    return (
        WaveletThresholdDenoiser(
            WAVELET,
            n_scales=N_SCALES,
            threshold=threshold,
            shrinkage=shrinkage,
            noise_std=NOISE_STD,
        )
        .fit(noisy)
        .transform(noisy)
    )


pywavelets_time, expected = median_seconds(loop_over_pywavelets)
hard_time, hard = median_seconds(lambda: batched(3.0, "hard"))
print(
    f"hard, 3 sigma: {1e3 * hard_time:.0f} ms, loop over PyWavelets "
    f"{1e3 * pywavelets_time:.0f} ms ({pywavelets_time / hard_time:.1f}x), largest "
    f"difference {np.abs(hard - expected).max():.1e}"
)
for ours, theirs in [("bayes", "BayesShrink"), ("universal", "VisuShrink")]:
    package_time, _ = median_seconds(lambda ours=ours: batched(ours, "soft"))
    skimage_time, _ = median_seconds(
        lambda theirs=theirs: loop_over_skimage(theirs), n_repeats=3
    )
    print(
        f"{theirs}: {1e3 * package_time:.0f} ms, loop over skimage.denoise_wavelet "
        f"{1e3 * skimage_time:.0f} ms ({skimage_time / package_time:.1f}x)"
    )
