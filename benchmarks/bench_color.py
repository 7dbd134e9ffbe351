"""PSNR on color photographs: networks for color, for each channel, and BM3D.

    python benchmarks/bench_color.py [--levels 25] [--n-bm3d 10]

The photographs are the 100 of the subset "val" of fetch_bsds500, which the networks
that ship with the package were not trained on. photos-grey and photos-grey-small
denoise each channel as a gray image. BM3D takes about a minute per photograph, so it
denoises only the first ones. The last column is the PSNR on these photographs.
"""

import argparse

import numpy as np

from sklearn_gahb import BM3DDenoiser, GaussianNoise, psnr
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import fetch_bsds500


def denoise_channels(denoiser, noisy):
    """Denoise each channel of color photographs as a gray image."""
    return [
        np.moveaxis(denoiser.transform(np.moveaxis(photo, -1, 0)), 0, -1)
        for photo in noisy
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--levels", nargs="+", type=float, default=[25.0])
    parser.add_argument("--n-bm3d", type=int, default=10)
    options = parser.parse_args()
    clean = [photo / np.float32(255) for photo in fetch_bsds500("val").images]
    few = slice(options.n_bm3d or None)
    for level in options.levels:
        noisy = GaussianNoise(level / 255, random_state=0).fit_transform(clean)
        print(f"noise {level:g} of 255{'all':>24}{f'first {options.n_bm3d}':>12}")
        for name in ("photos-color", "photos-grey", "photos-grey-small"):
            denoiser = load_pretrained(name)
            if name == "photos-color":
                denoised = denoiser.transform(noisy)
            else:
                denoised = denoise_channels(denoiser, noisy)
            values = psnr(clean, denoised, average=False)
            print(
                f"{name:32}{values.mean():8.2f}{values[few].mean():12.2f}", flush=True
            )
        if options.n_bm3d:
            denoiser = BM3DDenoiser(noise_std=level / 255).fit(noisy[few])
            value = psnr(clean[few], denoiser.transform(noisy[few]))
            print(f"{'BM3D':32}{'':8}{value:12.2f}", flush=True)


if __name__ == "__main__":
    main()
