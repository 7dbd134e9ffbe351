"""Table of ratios: the toolkit against plain torch on a GPU.

    python benchmarks/gpu_table.py [--cases NAME ...] [--output benchmarks/results/NAME]

The script writes a Markdown table and JSON under the name of the device, as `table.py`
does for the CPU. Plain float32 uses the default settings of torch, with which
convolutions round to TF32. The floor is the time that the operations would take at the
rate of a large matrix product or convolution in the same precision. Memory is the
memory of the device. To try the script without a GPU, run it on the CPU: all sizes are
then a tenth as large.
"""

import argparse
import os
from itertools import islice, pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
import table
import torch
from _comparison import Row, added_memory, in_turns, peak_rate, run_cases, synchronize
from bench_training import PlainUNet, plain_steps
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from sklearn_gahb import (
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    training,
)
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import load_photo_patches, make_disk_images
from sklearn_gahb.images import check_images
from sklearn_gahb.networks import UNet
from sklearn_gahb.samplers import DDIM, run_sampler

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ON_GPU = DEVICE.type == "cuda"
NOISE_STD = 0.1


def scaled(n):
    return n if ON_GPU else max(2, n // 10)


def train_small():
    return train(16, 32, 64, n_steps=scaled(400))


def train_wide():
    return train(64, 80, scaled(128), n_steps=scaled(100))


def train(width, size, batch_size, n_steps):
    patches = load_photo_patches(size, scaled(4000), random_state=0).images
    options = (width, patches, batch_size, n_steps)
    ways = [
        lambda: package_seconds_a_step(*options, compiled=False),
        lambda: package_seconds_a_step(*options, compiled=True),
        lambda: plain_seconds_a_step(*options),
    ]
    *ours, plain = np.transpose([[way() for way in ways] for _ in range(3)])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        UNet(width=width)(torch.zeros(batch_size, 1, size, size))
    operations = 3 * counter.get_total_flops()
    floor = operations / peak_rate(training.resolve_precision("auto", DEVICE), DEVICE)
    return [
        Row(
            f"training step, width {width}, {size}x{size}, batch {batch_size}, {how}",
            "plain eager float32 with a DataLoader",
            seconds,
            plain,
            floor,
            added_memory(way, DEVICE),
        )
        for how, seconds, way in zip(["eager", "compiled"], ours, ways[:2], strict=True)
    ]


def package_seconds_a_step(width, patches, batch_size, n_steps, compiled):
    """Time a step of the package in the second half; images are on the device.

    The first half includes compilation.
    """
    evaluations = training.train(
        UNet(width=width).to(DEVICE, memory_format=torch.channels_last),
        pairs_on_device(patches, batch_size),
        training.TrainingLog(),
        training.Recipe(
            batch_statistics=True,
            max_steps=n_steps,
            loss="squared_error",
            optimizer="adam",
            schedule="constant",
            compile=compiled,
        ),
        n_evaluations=2,
    )
    return seconds_of_second(evaluations) / (n_steps - n_steps // 2)


def pairs_on_device(X, batch_size):
    """Yield endless pairs (noisy, noise) of images that are on the device."""
    recipe = training.Recipe(batch_size=batch_size)
    batches = training.image_batches(
        [check_images(X).to(DEVICE)],
        np.arange(len(X)),
        recipe,
        rng=np.random.RandomState(0),
        device=DEVICE,
    )
    generator = torch.Generator(DEVICE).manual_seed(0)
    return training.with_fresh_noise(batches, recipe, generator)


def plain_seconds_a_step(width, patches, batch_size, n_steps):
    """Time a plain step in the second half; images come from a DataLoader."""
    clean = torch.from_numpy(patches)[:, None].float() / 255
    loader = DataLoader(
        TensorDataset(clean),
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=max(1, min(8, os.cpu_count() - 1)),
        pin_memory=ON_GPU,
        persistent_workers=True,
    )

    def make_pairs():
        while True:
            for (batch,) in loader:
                x = batch.to(DEVICE, non_blocking=True)
                noise = torch.rand(len(x), 1, 1, 1, device=DEVICE) ** 2
                noise = noise * torch.randn_like(x)
                yield x + noise, noise

    steps = plain_steps(PlainUNet(width).to(DEVICE), make_pairs(), n_steps)
    first = n_steps // 2
    halves = (list(islice(steps, n)) for n in (first, n_steps - first))
    return seconds_of_second(halves) / (n_steps - first)


def seconds_of_second(iterator):
    """Measure the time from the first item of an iterator to the second."""
    times = []
    for _ in iterator:
        synchronize(DEVICE)
        times.append(perf_counter())
    return times[1] - times[0]


def sweep():
    X = make_disk_images(2100, 16, random_state=0)
    n_steps, sizes = scaled(1000), (1, 10, 100, 1000)
    network = DNNDenoiser(
        width=8, max_steps=n_steps, batch_size=128, device=DEVICE, random_state=0
    )

    def fit(n_networks_per_pass):
        GeneralizationAnalyzer(
            network,
            sizes,
            noise_std=[NOISE_STD],
            duplicates="ignore",
            n_networks_per_pass=n_networks_per_pass,
            random_state=0,
        ).fit(X[:2000], X_test=X[2000:])

    def plain_one_after_another():
        pairs = pairs_on_device(X, 128)
        for _ in range(2 * len(sizes)):
            list(plain_steps(PlainUNet(8).to(DEVICE), pairs, n_steps))

    (ours, one_by_one, plain), memory = in_turns(
        lambda: fit(8),
        lambda: fit(1),
        plain_one_after_another,
        n_repeats=2,
        device=DEVICE,
    )
    what = f"analyzer, 8 networks of width 8, 16x16, {n_steps} steps, in one pass"
    return [
        Row(what, "one after another", ours, one_by_one, memory=memory),
        Row(what, "plain eager float32, one after another", ours, plain),
    ]


def jacobian_basis():
    return table.jacobian_basis(80 if ON_GPU else 32, DEVICE)


def samples():
    denoiser = load_pretrained("photos-grey")
    denoiser.network_.to(DEVICE)
    shape, n_steps = (scaled(500), 1, 64, 64), 20
    sampler = DDIM(n_steps, sigma_max=1.0)

    def run(**options):
        return run_sampler(
            denoiser, sampler, 0.0, shape, device=DEVICE, random_state=0, **options
        )

    def ours():
        return run()[0]

    _, trajectory = run(keep_every=n_steps)
    start = torch.from_numpy(trajectory.images[0])[:, None].to(DEVICE)

    @torch.no_grad()
    def all_at_once():
        y = start
        for sigma, lower in pairwise(sampler.levels(1.0)):
            y = y + (lower / sigma - 1) * denoiser.network_(y.clone())
        return y

    if float((ours() - all_at_once()).abs().max()) > 1e-2:
        raise RuntimeError(
            "The samples of run_sampler and of the plain loop differ by more than 1e-2."
        )
    (cost, plain), memory = in_turns(ours, all_at_once, n_repeats=3, device=DEVICE)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        denoiser.network_(torch.zeros(1, *shape[1:], device=DEVICE))
    operations = counter.get_total_flops() * n_steps * shape[0]
    floor = operations / peak_rate(torch.float32, DEVICE)
    what = f"{shape[0]} samples of 64x64, {n_steps} evaluations"
    return [
        Row(
            what,
            "a loop over the steps, all images at once",
            cost,
            plain,
            floor,
            memory,
        )
    ]


def empirical():
    X = make_disk_images(scaled(100_000), 32, random_state=0)
    noisy = GaussianNoise(NOISE_STD, random_state=1).fit_transform(X[:500])
    y = torch.from_numpy(noisy).to(DEVICE)
    x = torch.from_numpy(X).to(DEVICE)
    denoiser = EmpiricalDenoiser(noise_std=NOISE_STD).fit(x)

    def all_distances_at_once():
        rows, points = y.double().flatten(1), x.double().flatten(1)
        logits = -(torch.cdist(rows, points) ** 2) / (2 * NOISE_STD**2)
        return logits.softmax(dim=1) @ points

    difference = denoiser.transform(y).flatten(1) - all_distances_at_once()
    if float(difference.abs().max()) > 1e-4:
        raise RuntimeError(
            "The posterior means of EmpiricalDenoiser and of the plain way differ by "
            "more than 1e-4."
        )
    (cost, plain), memory = in_turns(
        lambda: denoiser.transform(y), all_distances_at_once, device=DEVICE
    )
    # One product for the distances and one for the weighted mean.
    operations = 2 * 2 * len(y) * x.numel()
    floor = operations / peak_rate(torch.float64, DEVICE)
    what = f"posterior mean of {len(y)} images over {len(X)} of 32x32"
    return [Row(what, "all distances at once", cost, plain, floor, memory)]


CASES = {
    "train_small": train_small,
    "train_wide": train_wide,
    "sweep": sweep,
    "jacobian_basis": jacobian_basis,
    "samples": samples,
    "empirical": empirical,
}

if __name__ == "__main__":
    name = torch.cuda.get_device_name(DEVICE) if ON_GPU else "none, on the CPU"
    file_name = name.lower().replace(" ", "-")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).parent / "results" / file_name,
        required=not ON_GPU,
        help="path without suffix; required without a GPU",
    )
    arguments = parser.parse_args()
    machine = {"GPU": name, "torch": torch.__version__}
    run_cases(CASES, arguments.cases, arguments.output, machine)
