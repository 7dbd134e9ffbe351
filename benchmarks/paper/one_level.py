"""What a conservative network loses because it is blind.

    python benchmarks/paper/one_level.py [--networks photos-grey-small
        photos-grey-conservative] [--noise-std 25/255] [--max-steps 400]
        [--n-photos 10]

A blind denoiser estimates the noise level from the image. Its posterior mean is not a
gradient, so a conservative network cannot represent it. At a single known level, the
posterior mean is a gradient. The script trains copies of a direct and of a conservative
network further at one level, and compares them before and after, on photographs of
BSD68. It prints the PSNR in dB, for each photograph and their mean.
"""

import argparse
from fractions import Fraction

import numpy as np

from sklearn_gahb import GaussianNoise
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import fetch_bsd68, fetch_bsd400

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument(
    "--networks", nargs="+", default=["photos-grey-small", "photos-grey-conservative"]
)
parser.add_argument("--noise-std", type=Fraction, default=Fraction(25, 255))
parser.add_argument("--max-steps", type=int, default=400)
parser.add_argument("--n-photos", type=int, default=10)
options = parser.parse_args()
noise_std = float(options.noise_std)
clean = [photo / np.float32(255) for photo in fetch_bsd68().images[: options.n_photos]]
noisy = GaussianNoise(noise_std, random_state=0).fit_transform(clean)


def show(name, denoiser):
    ratios = denoiser.psnr_per_image(noisy, clean)
    print(f"{name:40} {ratios.mean():.2f}  ", *(f"{one:.2f}" for one in ratios))


for name in options.networks:
    denoiser = load_pretrained(name)
    show(f"{name}, blind", denoiser)
    denoiser.set_params(
        warm_start=True,
        train_noise_std=noise_std,
        max_steps=options.max_steps,
        learning_rate=3e-3,
        compile=True,
        random_state=0,
    ).fit(fetch_bsd400().images)
    show(f"{name}, one level", denoiser)
