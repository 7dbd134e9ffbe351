"""Train the networks that ship with the package, and write their cards.

    python benchmarks/train_pretrained.py disks [--output FOLDER] [--max-steps 7000]

The script writes FOLDER/disks.safetensors in float16, and FOLDER/disks.json. It trains
the network for photographs on fetch_bsd400 and tests it on fetch_bsd68. The figures in
a card are measured with the network after it has been read back from the file.
"""

import argparse
import json
from datetime import date
from pathlib import Path
from time import perf_counter

import torch
from sklearn.callback import ProgressBar

import sklearn_gahb
from sklearn_gahb import DNNDenoiser, psnr_curve
from sklearn_gahb.checkpoints import load, save
from sklearn_gahb.datasets import (
    fetch_bsd68,
    fetch_bsd400,
    make_c_alpha_images,
    make_disk_images,
)

NOISE_STD = [10 / 255, 25 / 255, 50 / 255, 75 / 255, 0.5, 1.0]
PACKAGE_DATA = Path(sklearn_gahb.__file__).parent / "checkpoints" / "pretrained"


def c_alpha(alpha):
    X = make_c_alpha_images(50_200, 40, alpha=alpha, random_state=alpha)
    return X[:-200], X[-200:]


def disks():
    X = make_disk_images(100_200, 32, random_state=0)
    return X[:-200], X[-200:]


def photos():
    return fetch_bsd400().images, fetch_bsd68().images


SYNTHETIC = {"width": 16, "batch_size": 48, "learning_rate": 4e-3, "max_steps": 7000}
# Name: (training images, their source, function that loads (train, test), parameters).
RECIPES = {
    "disks": (
        "Disks of random position, radius, foreground and background, 32x32 pixels",
        "make_disk_images(100_200, 32, random_state=0); the last 200 are test images",
        disks,
        SYNTHETIC,
    ),
    **{
        f"c-alpha-{alpha}": (
            f"C^alpha images, alpha = {alpha} in the Hoelder convention, 40x40 pixels",
            f"make_c_alpha_images(50_200, 40, alpha={alpha}, random_state={alpha}); "
            "the last 200 are "
            "test images",
            lambda alpha=alpha: c_alpha(alpha),
            # Slopes are measured at levels up to 0.32.
            SYNTHETIC | {"train_noise_std": (0.0, 0.4)},
        )
        for alpha in (2, 4)
    },
    "photos-grey": (
        "Gray photographs",
        "Random 48x48 crops of the 400 photographs of fetch_bsd400, from the Berkeley "
        "Segmentation Dataset (for research and education); the 68 photographs of "
        "fetch_bsd68, which are not among the 400, are test images",
        photos,
        {
            "width": 32,
            "patch_size": 48,
            "augment": True,
            "batch_size": 32,
            "learning_rate": 3e-3,
            "max_steps": 10_000,
        },
    ),
}

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("name", choices=RECIPES)
parser.add_argument("--output", type=Path, default=PACKAGE_DATA)
parser.add_argument("--max-steps", type=int, help="default: the steps of the recipe")
arguments = parser.parse_args()

title, source, load_images, recipe = RECIPES[arguments.name]
X, X_test = load_images()
denoiser = DNNDenoiser(**recipe, random_state=0).set_callbacks(ProgressBar())
if arguments.max_steps is not None:
    denoiser.set_params(max_steps=arguments.max_steps)
start = perf_counter()
denoiser.fit(X)
minutes = (perf_counter() - start) / 60
device = next(denoiser.network_.parameters()).device

arguments.output.mkdir(parents=True, exist_ok=True)
del denoiser.train_indices_  # The indices take 0.8 MB and have no use here.
path = arguments.output / f"{arguments.name}.safetensors"
save(denoiser, path, dtype="float16")
curve = psnr_curve(load(path), X_test, NOISE_STD, random_state=0)
card = {
    "name": arguments.name,
    "title": title,
    "data": source,
    "intensities": "0 to 1",
    "noise_std": "blind, trained from {} to {}".format(*denoiser.train_noise_std),
    "parameters": denoiser.n_parameters_,
    "recipe": recipe | {"max_steps": denoiser.max_steps, "random_state": 0},
    "training": {
        "steps": denoiser.n_steps_,
        "minutes": round(minutes, 1),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "date": date.today().isoformat(),
    },
    "psnr": {
        "noise_std": [round(level, 4) for level in NOISE_STD],
        "input_psnr": curve.input_psnr.round(2).tolist(),
        "output_psnr": curve.output_psnr.round(2).tolist(),
        "slope": round(float(curve.slope), 3),
    },
    "license": "BSD-3-Clause for the weights, like the package; the images are not "
    "included",
    "command": f"python benchmarks/train_pretrained.py {arguments.name}"
    + (f" --max-steps {arguments.max_steps}" if arguments.max_steps else ""),
}
path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
print(json.dumps(card["psnr"], indent=2), f"after {minutes:.1f} minutes")
