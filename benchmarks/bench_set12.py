"""PSNR on Set12 of a network trained on BSD400 for a few minutes on a CPU.

The script needs the photographs of fetch_bsd400 and fetch_set12. Run it with

    python benchmarks/bench_set12.py [--max-steps 2500] [--random-state 0]
"""

import argparse
from time import perf_counter

from sklearn.callback import ProgressBar

from sklearn_gahb import DNNDenoiser, WaveletThresholdDenoiser, make_psnr_scorer
from sklearn_gahb.datasets import fetch_bsd400, fetch_set12

NOISE_STD = 25 / 255

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--max-steps", type=int, default=2500)
parser.add_argument("--random-state", type=int, default=0)
arguments = parser.parse_args()

denoiser = DNNDenoiser(
    "unet",
    width=32,
    depth=2,
    train_noise_std=NOISE_STD,
    patch_size=40,
    augment=True,
    max_steps=arguments.max_steps,
    batch_size=16,
    learning_rate=7e-3,
    random_state=arguments.random_state,
).set_callbacks(ProgressBar())

start = perf_counter()
denoiser.fit(fetch_bsd400().images)
minutes = (perf_counter() - start) / 60

images = fetch_set12().images
score = make_psnr_scorer(NOISE_STD, random_state=0)
wavelets = WaveletThresholdDenoiser(noise_std=NOISE_STD).fit(images)
print(
    f"Set12 at noise 25/255: {score(denoiser, images):.2f} dB after {minutes:.1f} "
    f"minutes and {denoiser.n_steps_} steps ({denoiser.n_parameters_} parameters); "
    f"wavelets {score(wavelets, images):.2f} dB"
)
