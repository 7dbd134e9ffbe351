"""Speed of training, compared with plain eager float32 torch.

The plain way is a first implementation of the paper: the UNet with a bias-free norm
made of torch.var, division and multiplication; Adam; float32; contiguous tensors. The
package and the plain way start from the same weights and train on the same batches, so
their loss curves can be compared.

    python benchmarks/bench_training.py [--quick]
"""

import argparse
from itertools import islice
from time import perf_counter

import numpy as np
import torch
from _comparison import CPU, peak_rate
from sklearn.utils import check_random_state
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sklearn_gahb import training
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.images import check_images
from sklearn_gahb.networks import UNet
from sklearn_gahb.networks.norms import calibrate_norms

LEARNING_RATE = 1e-3


class PlainNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gammas = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.register_buffer("running_sd", torch.ones(1, channels, 1, 1))

    def forward(self, x):
        variance = x.var(dim=(0, 2, 3), keepdim=True, unbiased=False)
        sd = torch.sqrt(variance + 1e-5)
        with torch.no_grad():
            self.running_sd.copy_(0.9 * self.running_sd + 0.1 * sd)
        return x / sd * self.gammas


class PlainUNet(nn.Module):
    """The paper's UNet with 3 scales and the parameter order of the package's UNet."""

    def __init__(self, width):
        super().__init__()

        def conv(i, o):
            return nn.Conv2d(i, o, 3, padding=1, bias=False)

        def unit(i, o):
            return [conv(i, o), PlainNorm(o), nn.ReLU()]

        w = [width, 2 * width, 4 * width, 8 * width]
        self.encoder = nn.ModuleList(
            [
                nn.Sequential(conv(1, w[0]), nn.ReLU(), *unit(w[0], w[0])),
                nn.Sequential(*unit(w[0], w[1]), *unit(w[1], w[1])),
                nn.Sequential(*unit(w[1], w[2]), *unit(w[2], w[2])),
            ]
        )
        self.middle = nn.Sequential(*unit(w[2], w[3]), *unit(w[3], w[3]))
        self.upsample = nn.ModuleList(
            nn.ConvTranspose2d(w[b + 1], w[b], 2, stride=2, bias=False)
            for b in (2, 1, 0)
        )
        self.decoder = nn.ModuleList(
            [
                nn.Sequential(*unit(2 * w[2], w[2]), *unit(w[2], w[2])),
                nn.Sequential(*unit(2 * w[1], w[1]), *unit(w[1], w[1])),
                nn.Sequential(*unit(2 * w[0], w[0]), conv(w[0], 1)),
            ]
        )
        self.pool = nn.AvgPool2d(2)

    def forward(self, x):
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.middle(x)
        for upsample, block in zip(self.upsample, self.decoder, strict=True):
            x = block(torch.cat([upsample(x), skips.pop()], dim=1))
        return x


def plain_steps(network, pairs, n_steps):
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for noisy, noise in islice(pairs, n_steps):
        loss = ((network(noisy) - noise) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.detach()


def package_steps(network, pairs, n_steps, compile):
    log = training.TrainingLog()
    recipe = training.Recipe(
        max_steps=n_steps,
        learning_rate=LEARNING_RATE,
        batch_statistics=True,
        loss="squared_error",
        optimizer="adam",
        schedule="constant",
        compile=compile,
    )
    network = network.to(memory_format=torch.channels_last)
    for _ in training.train(network, pairs, log, recipe, n_evaluations=n_steps):
        yield log.losses[-1][0]


def make_pairs(images, batch_size):
    rng = check_random_state(0)
    recipe, indices = training.Recipe(batch_size=batch_size), np.arange(len(images))
    batches = training.image_batches([images], indices, recipe, rng=rng, device=CPU)
    generator = torch.Generator().manual_seed(0)
    return training.with_fresh_noise(batches, recipe, generator)


def run(steps):
    """Return losses, median seconds per step from the third on, and the first time."""
    losses, times = [], []
    start = perf_counter()
    for loss in steps:
        losses.append(loss.item())
        times.append(perf_counter() - start)
        start = perf_counter()
    return np.array(losses), float(np.median(times[2:])), times[0]


def compare(width, size, batch_size, n_steps):
    patches = load_photo_patches(size, 512, random_state=0).images
    images = check_images(patches)
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        start = UNet(width=width)
    calibrate_norms(start, next(make_pairs(images, batch_size))[0])

    def copy_into(network):
        for target, source in zip(
            network.parameters(), start.parameters(), strict=True
        ):
            target.data.copy_(source)
        return network

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        start.eval()(torch.zeros(batch_size, 1, size, size))
    operations = 3 * counter.get_total_flops()
    floor = operations / peak_rate(torch.bfloat16)
    print(
        f"\nwidth {width}, {size}x{size}, batch {batch_size}: {operations / 1e9:.0f} "
        f"GFLOP per step, {1e3 * floor:.0f} ms at the peak rate in bfloat16"
    )
    plain_losses, plain, _ = run(
        plain_steps(
            copy_into(PlainUNet(width)), make_pairs(images, batch_size), n_steps
        )
    )
    print(f"  plain eager float32   {1e3 * plain:8.1f} ms per step")
    for compiled in (False, True):
        losses, seconds, first = run(
            package_steps(
                copy_into(UNet(width=width)),
                make_pairs(images, batch_size),
                n_steps,
                compiled,
            )
        )
        half = n_steps // 2
        gap = losses[half:].mean() / plain_losses[half:].mean() - 1
        name = "package, compiled" if compiled else "package, eager"
        print(
            f"  {name:20}  {1e3 * seconds:8.1f} ms per step, {plain / seconds:.2f}x; "
            f"first step {first:.0f} s; mean loss of the second half {gap:+.1%}, "
            f"first step's loss {losses[0] / plain_losses[0] - 1:+.2%}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the steps")
    factor = 4 if parser.parse_args().quick else 1
    print(f"{torch.get_num_threads()} threads, {torch.__version__}")
    compare(16, 32, 64, n_steps=200 // factor)
    compare(64, 80, 16, n_steps=40 // factor)
