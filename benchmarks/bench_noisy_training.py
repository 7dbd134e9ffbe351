"""Training with and without clean images, on the same photographs.

    python benchmarks/bench_noisy_training.py [--max-steps 800] [--random-states 0]

Networks of the same size are trained for the same number of steps on BSD400 with noise
25/255, and tested on Set12 with this noise:

clean: on clean photographs, with new noise in every step;
noisy pairs: on two noisy versions of every photograph (Noise2Noise);
noisy alone: on one noisy version (supervision="noisy").

The script takes about ten minutes on one core.
"""

import argparse

import numpy as np

from sklearn_gahb import DNNDenoiser, GaussianNoise
from sklearn_gahb.datasets import fetch_bsd400, fetch_set12

NOISE_STD = 25 / 255

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--max-steps", type=int, default=800)
parser.add_argument("--random-states", type=int, nargs="+", default=[0])
options = parser.parse_args()

clean, test = fetch_bsd400().images, fetch_set12().images
noisy, other = (
    GaussianNoise(NOISE_STD, random_state=seed).fit_transform(clean) for seed in (1, 2)
)
noisy_test = GaussianNoise(NOISE_STD, random_state=3).fit_transform(test)
recipes = {
    "clean": ({}, (clean,)),
    "noisy pairs": ({}, (noisy, other)),
    "noisy alone": ({"supervision": "noisy"}, (noisy,)),
}
print(f"PSNR on Set12 in dB, by random_state {options.random_states}")
for name, (parameters, images) in recipes.items():
    scores = [
        DNNDenoiser(
            width=16,
            depth=2,
            noise_std=NOISE_STD,
            train_noise_std=NOISE_STD,
            patch_size=40,
            augment=True,
            max_steps=options.max_steps,
            batch_size=32,
            learning_rate=5e-3,
            random_state=seed,
            **parameters,
        )
        .fit(*images)
        .score(noisy_test, test)
        for seed in options.random_states
    ]
    values = " ".join(f"{score:6.2f}" for score in scores)
    print(f"{name:12} {np.mean(scores):6.2f}   {values}", flush=True)
