"""Wavelet thresholding: time of a batch of 500 images, and PSNR of several parameters.

The first lines compare a batch with loops over the images. The tables compare
parameters on photographs, on patches and on disks. The tables are the reason for the
default parameters of `WaveletThresholdDenoiser`.

python benchmarks/bench_wavelets.py
"""

from time import perf_counter

import numpy as np
import pywt
import skimage.data
from skimage.color import rgb2gray
from skimage.restoration import denoise_wavelet
from skimage.util import img_as_float

from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser, psnr, ssim
from sklearn_gahb.datasets import load_photo_patches, make_disk_images

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
            n_shifts=1,
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

PHOTOS = ["astronaut", "camera", "chelsea", "coffee", "coins", "moon", "rocket"]
CHOICES = {
    "hard, 3 sigma": {"threshold": 3.0, "shrinkage": "hard"},
    "BayesShrink, soft": {"threshold": "bayes", "shrinkage": "soft"},
    "SURE, soft": {"threshold": "sure", "shrinkage": "soft"},
    "garrote, 2 sigma": {"threshold": 2.0, "shrinkage": "garrote"},
}


def photographs():
    """Return seven photographs of scikit-image, as gray images in [0, 1]."""
    photos = [getattr(skimage.data, name)() for name in PHOTOS]
    return [rgb2gray(x) if x.ndim == 3 else img_as_float(x) for x in photos]


def print_choices(name, clean, noise_std):
    """Print the PSNR, the SSIM and the time per image, for one set of images."""
    clean = list(clean)
    noisy = GaussianNoise(noise_std, random_state=0).fit_transform(clean)
    print(f"\n{name}, noise {noise_std:.3f}, noisy {psnr(clean, noisy):.2f} dB")

    def print_score(label, denoise):
        start = perf_counter()
        denoised = denoise()
        milliseconds = 1e3 * (perf_counter() - start) / len(clean)
        print(
            f"{label:30}{psnr(clean, denoised):6.2f} dB{ssim(clean, denoised):8.3f}"
            f"{milliseconds:8.1f} ms"
        )

    print_score(
        "denoise_wavelet, its defaults",
        lambda: [denoise_wavelet(y, sigma=noise_std) for y in noisy],
    )
    for label, parameters in CHOICES.items():
        for n_shifts in (1, 4, 16):
            denoiser = WaveletThresholdDenoiser(
                **parameters, n_shifts=n_shifts, noise_std=noise_std
            ).fit(noisy)
            print_score(
                f"{label}, {n_shifts} shifts", lambda: denoiser.transform(noisy)
            )
    for wavelet in ("haar", "db2", "sym8"):
        denoiser = WaveletThresholdDenoiser(
            wavelet, **CHOICES["SURE, soft"], n_shifts=16, noise_std=noise_std
        ).fit(noisy)
        print_score(
            f"{wavelet}, SURE, soft, 16 shifts", lambda: denoiser.transform(noisy)
        )


photo_patches = load_photo_patches(64, 200, random_state=0).images / 255
for noise_std in (10 / 255, 25 / 255, 50 / 255):
    print_choices("seven photographs", photographs(), noise_std)
    print_choices("patches of 64x64", photo_patches, noise_std)
    print_choices(
        "disks of 64x64", make_disk_images(200, 64, random_state=0), noise_std
    )
