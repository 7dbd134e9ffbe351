"""Train the networks that ship with the package, and write their cards.

    python benchmarks/train_pretrained.py disks [--output FOLDER] [--max-steps 5000]
        [--part-steps 1000] [--start disks]

The script writes FOLDER/disks.safetensors in float16, and FOLDER/disks.json. The
figures in the card are measured with the network after it has been read back.

The learning rate rises and falls in one cycle. Training takes up to two hours on a CPU.
If it may be interrupted, set --part-steps: the script then saves its progress in
FOLDER/disks.part after each part, and the same command goes on from there. Each part
has a cycle and optimizers of its own. The maximum of its learning rate falls along half
a cosine from part to part. --start begins with a network that ships with the package:
training goes on from its number of steps. A conservative network can start from a
network that predicts the noise directly, whose steps then do not count. It reaches the
PSNR of 3,000 steps from random weights after 600 steps.

An earlier version of this script trained photos-color in 16 parts of constant rates.
All other networks were trained in one part.
"""

import argparse
import json
import math
from datetime import date
from pathlib import Path
from time import perf_counter

import torch

import sklearn_gahb
from sklearn_gahb import DNNDenoiser, psnr_curve
from sklearn_gahb.checkpoints import load, load_pretrained, pretrained_card, save
from sklearn_gahb.datasets import (
    fetch_bsd68,
    fetch_bsd400,
    fetch_bsds500,
    make_c_alpha_images,
    make_disk_images,
)
from sklearn_gahb.networks import ConservativeNetwork

NOISE_STD = [5 / 255, 10 / 255, 25 / 255, 50 / 255, 75 / 255, 0.5, 1.0]
PACKAGE_DATA = Path(sklearn_gahb.__file__).parent / "checkpoints" / "pretrained"


def c_alpha(alpha):
    X = make_c_alpha_images(50_000, 40, alpha=alpha, random_state=alpha)
    return X, make_c_alpha_images(200, 40, alpha=alpha, random_state=100 + alpha)


def disks():
    X = make_disk_images(100_000, 32, random_state=0)
    return X, make_disk_images(200, 32, random_state=100)


def photos():
    return fetch_bsd400().images, fetch_bsd68().images


def color_photos():
    train, test, val = (fetch_bsds500(name).images for name in ("train", "test", "val"))
    return train + test, val


TRAINING = {
    "batch_statistics": "auto",
    "loss": "inverse_root_std",
    "optimizer": "muon",
}
SYNTHETIC = TRAINING | {
    "width": 16,
    "batch_size": 48,
    "learning_rate": 1e-2,
    "max_steps": 5000,
}
PHOTOS = TRAINING | {
    "width": 32,
    "patch_size": 48,
    "augment": True,
    "batch_size": 16,
    "learning_rate": 5e-3,
    "max_steps": 8000,
}
GRAY_PHOTOS = (
    "Random 48x48 crops of the 400 photographs of fetch_bsd400, from the Berkeley "
    "Segmentation Dataset (for research and education); the 68 photographs of "
    "fetch_bsd68, which are not among the 400, are test images"
)
# Name: (training images, their source, function that loads (train, test), parameters).
RECIPES = {
    "disks": (
        "Disks of random position, radius, foreground and background, 32x32 pixels",
        "make_disk_images(100_000, 32, random_state=0); for the test, "
        "make_disk_images(200, 32, random_state=100)",
        disks,
        SYNTHETIC,
    ),
    **{
        f"c-alpha-{alpha}": (
            f"C^alpha images, alpha = {alpha} in the Hoelder convention, 40x40 pixels",
            f"make_c_alpha_images(50_000, 40, alpha={alpha}, random_state={alpha}); "
            f"for the test, make_c_alpha_images(200, 40, alpha={alpha}, "
            f"random_state={100 + alpha})",
            lambda alpha=alpha: c_alpha(alpha),
            # Slopes are measured at levels up to 0.32.
            SYNTHETIC | {"train_noise_std": (0.0, 0.4)},
        )
        for alpha in (2, 4)
    },
    "photos-grey": ("Gray photographs", GRAY_PHOTOS, photos, PHOTOS),
    "photos-grey-small": (
        "Gray photographs, with a quarter of the parameters of photos-grey",
        GRAY_PHOTOS,
        photos,
        PHOTOS | {"width": 16, "learning_rate": 1e-2, "max_steps": 3500},
    ),
    "photos-grey-conservative": (
        "Gray photographs, with a symmetric Jacobian",
        GRAY_PHOTOS,
        photos,
        PHOTOS
        | {
            "width": 16,
            "max_steps": 4000,
            "conservative": True,
        },
    ),
    "photos-color": (
        "Color photographs",
        "Random 48x48 crops of the 400 photographs of the subsets train and test of "
        "fetch_bsds500, from the Berkeley Segmentation Dataset (for research and "
        "education); the 100 photographs of the subset val are test images",
        color_photos,
        PHOTOS,
    ),
}


def begin(options, recipe):
    """Return the denoiser to train and the minutes so far, from a file if it exists."""
    part = options.output / f"{options.name}.part"
    if part.exists():
        denoiser, minutes = (
            load(part),
            json.loads(part.with_suffix(".minutes").read_text()),
        )
    elif options.start:
        denoiser, minutes = load_pretrained(options.start), 0.0
        if recipe.get("conservative", False) and not denoiser.conservative:
            network = ConservativeNetwork(denoiser.network_)
            denoiser.adopt(network, denoiser.n_channels_in_)
    else:
        denoiser, minutes = DNNDenoiser(), 0.0
    return denoiser.set_params(**recipe, warm_start=True), minutes


def train(denoiser, X, minutes, options):
    """Train in parts, and save the progress after each part; return the minutes."""
    part = options.output / f"{options.name}.part"
    denoiser.set_params(compile=True)  # "auto" would judge by the steps of one part.
    rate, n_steps = denoiser.learning_rate, denoiser.max_steps
    while (n_done := getattr(denoiser, "n_steps_", 0)) < n_steps:
        start = perf_counter()
        denoiser.set_params(
            max_steps=min(options.part_steps or n_steps, n_steps - n_done),
            learning_rate=rate * (1 + math.cos(math.pi * n_done / n_steps)) / 2,
            random_state=n_done,
        ).fit(X)
        del denoiser.train_indices_  # The indices take 0.8 MB and have no use here.
        minutes += (perf_counter() - start) / 60
        save(denoiser, part)
        part.with_suffix(".minutes").write_text(json.dumps(minutes))
        loss = denoiser.loss_curve_[-denoiser.max_steps :].mean()
        print(f"{denoiser.n_steps_} steps, mean squared error {loss:.5f}", flush=True)
    return minutes


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--output", type=Path, default=PACKAGE_DATA)
    parser.add_argument("--max-steps", type=int, help="default: those of the recipe")
    parser.add_argument("--part-steps", type=int, help="default: one part")
    parser.add_argument("--start", help="name of a network that ships with the package")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    title, source, load_images, recipe = RECIPES[options.name]
    if options.max_steps is not None:
        recipe = recipe | {"max_steps": options.max_steps}
    X, X_test = load_images()
    denoiser, minutes = begin(options, recipe)
    minutes = train(denoiser, X, minutes, options)
    denoiser.set_params(
        **recipe,
        warm_start=False,
        compile="auto",
        random_state=0,
    )
    path = options.output / f"{options.name}.safetensors"
    save(denoiser, path, dtype="float16")
    curve = psnr_curve(load(path), X_test, NOISE_STD, random_state=0)
    card = {
        "name": options.name,
        "title": title,
        "data": source,
        "intensities": "0 to 1",
        "noise_std": "blind, trained from {} to {}".format(*denoiser.train_noise_std),
        "parameters": denoiser.n_parameters_,
        "recipe": recipe,
        "training": {
            "steps": denoiser.n_steps_,
            "minutes": round(minutes, 1),
            "device": str(denoiser.device_),
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
        "command": command(options),
    }
    if options.start:
        card["started_from"] = pretrained_card(options.start)
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    print(json.dumps(card["psnr"], indent=2), f"after {minutes:.1f} minutes")
    for kind in (".part", ".minutes"):
        path.with_suffix(kind).unlink()


def command(options):
    """Return the command that trains the network of a card."""
    words = ["python benchmarks/train_pretrained.py", options.name]
    for name in ("max_steps", "part_steps", "start"):
        if getattr(options, name) is not None:
            words.append(f"--{name.replace('_', '-')} {getattr(options, name)}")
    return " ".join(words)


if __name__ == "__main__":
    main()
