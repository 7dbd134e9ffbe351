"""PSNR against training time, for the package and for other ways to train a denoiser.

    python benchmarks/time_to_quality.py [--seconds 5 10 20 40 75] [--deepinv]
        [--random-state 0] [--output FOLDER]

Each way trains a new network for each number of seconds, because learning-rate
schedules depend on the end of the training. The number of steps comes from the speed of
the training before. All ways train on random 40x40 crops of BSD400, in batches of 64,
with noise levels (0.6 u^2, u uniform), on the same machine and threads. The ways are:

- package: DNNDenoiser with width 16, learning rate 1e-2, and `max_steps` set so that
  training fits the time;
- paper: plain eager float32 torch, the initial weights of torch, and Adam with learning
  rate 1e-3, halved ten times (arXiv 2310.02557), for the same UNet;
- skorch: `skorch.NeuralNet` with the package's UNet and Adam with learning rate 1e-3;
- DnCNN, DRUNet (with --deepinv): networks of deepinv with their default sizes, and its
  `Trainer` with Adam, learning rate 1e-4 and uniform noise levels. They are told the
  noise level.

The quality is the mean PSNR in dB over noise levels 0.05, 0.1, 0.2 and 0.4, on central
crops of 160x160 pixels of 24 photographs of BSD68. The script prints the qualities, and
the seconds until the package reaches what each other way reaches at the end. With
--output, it also draws the curves.

`_deepinv.py` says how to install deepinv.
"""

import argparse
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from _deepinv import import_deepinv
from bench_training import PlainUNet
from sklearn.utils import check_random_state

from sklearn_gahb import DNNDenoiser, psnr_curve, training
from sklearn_gahb.datasets import fetch_bsd68, fetch_bsd400
from sklearn_gahb.images import check_images
from sklearn_gahb.networks import UNet

SIZE, BATCH_SIZE, WIDTH = 40, 64, 16
NOISE_STD = (0.05, 0.1, 0.2, 0.4)
CPU = torch.device("cpu")


def make_recipe(max_steps, learning_rate=1e-3):
    return training.Recipe(
        width=WIDTH,
        train_noise_std=(0.0, 0.6),
        patch_size=SIZE,
        batch_size=BATCH_SIZE,
        max_steps=max_steps,
        learning_rate=learning_rate,
        schedule="halving",
    )


def make_pairs(photos, recipe, random_state):
    rng = check_random_state(random_state)
    images, indices = check_images(photos), np.arange(len(photos))
    batches = training.image_batches([images], indices, recipe, rng=rng, device=CPU)
    generator = torch.Generator().manual_seed(random_state)
    return training.with_fresh_noise(batches, recipe, generator)


def as_denoiser(network):
    return DNNDenoiser(network).adopt(network, 1)


def train_package(photos, n_steps, random_state):
    denoiser = DNNDenoiser(
        width=WIDTH,
        train_noise_std=(0.0, 0.6),
        patch_size=SIZE,
        batch_size=BATCH_SIZE,
        learning_rate=1e-2,
        max_steps=n_steps,
        random_state=random_state,
    )
    return denoiser.fit(photos)


def train_paper(photos, n_steps, random_state):
    torch.manual_seed(random_state)
    network, recipe = PlainUNet(WIDTH), make_recipe(n_steps)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: 0.5 ** (10 * i // n_steps)
    )
    pairs = make_pairs(photos, recipe, random_state)
    for noisy, noise in islice(pairs, n_steps):
        loss = ((network(noisy) - noise) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return as_denoiser(copy_to_unet(network))


def copy_to_unet(plain):
    """Copy a plain UNet to the package's UNet."""
    network = UNet(width=WIDTH)
    state = list(plain.state_dict().values())
    names = list(network.state_dict())
    network.load_state_dict(dict(zip(names, state, strict=True)))
    return network


class Crops(torch.utils.data.IterableDataset):
    """Pairs (noisy, noise) of single images, for loops that want a dataset."""

    def __init__(self, pairs, n_steps):
        self.pairs, self.n_steps = pairs, n_steps

    def __iter__(self):
        for noisy, noise in islice(self.pairs, self.n_steps):
            yield from zip(noisy, noise, strict=True)


def train_skorch(photos, n_steps, random_state):
    from skorch import NeuralNet

    torch.manual_seed(random_state)
    net = NeuralNet(
        UNet,
        module__width=WIDTH,
        criterion=torch.nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=BATCH_SIZE,
        max_epochs=1,
        train_split=None,
        verbose=0,
    )
    pairs = make_pairs(photos, make_recipe(n_steps), random_state)
    net.fit(Crops(pairs, n_steps), y=None)
    return as_denoiser(net.module_)


class CleanCrops(torch.utils.data.Dataset):
    """Random crops for the loop of deepinv, which adds the noise itself."""

    def __init__(self, photos, n_steps, random_state):
        recipe = make_recipe(n_steps)
        rng = check_random_state(random_state)
        images, indices = check_images(photos), np.arange(len(photos))
        batches = training.image_batches([images], indices, recipe, rng=rng, device=CPU)
        self.crops = torch.cat([batch for (batch,) in islice(batches, n_steps)])

    def __len__(self):
        return len(self.crops)

    def __getitem__(self, i):
        return self.crops[i]


class WithLevels(torch.nn.Module):
    """Network of deepinv as a function of images (n, 1, h, w) and levels (n,)."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, y, noise_std):
        return self.model(y, noise_std)


def train_deepinv(name, photos, n_steps, random_state):
    deepinv = import_deepinv()
    torch.manual_seed(random_state)
    network = getattr(deepinv.models, name)(1, 1, pretrained=None)
    crops = CleanCrops(photos, n_steps, random_state)
    model = deepinv.models.ArtifactRemoval(network, mode="direct")
    deepinv.Trainer(
        model=model,
        physics=deepinv.physics.Denoising(deepinv.physics.GaussianNoise(0.1)),
        physics_generator=deepinv.physics.generator.SigmaGenerator(0.0, 0.6),
        online_measurements=True,
        optimizer=torch.optim.Adam(network.parameters(), lr=1e-4),
        train_dataloader=torch.utils.data.DataLoader(crops, BATCH_SIZE, shuffle=True),
        epochs=1,
        losses=deepinv.loss.SupLoss(),
        metrics=[],
        device="cpu",
        save_path=None,
        verbose=False,
        show_progress_bar=False,
        non_blocking_transfers=False,
    ).train()
    return DNNDenoiser.from_module(
        WithLevels(network.eval()), predicts="image", n_channels=1
    )


WAYS = {"package": train_package, "paper": train_paper, "skorch": train_skorch}
OTHERS = {name: partial(train_deepinv, name) for name in ("DnCNN", "DRUNet")}


def load_test_images(n_images=24, size=160):
    photos = fetch_bsd68().images[:n_images]
    corners = [[(side - size) // 2 for side in photo.shape] for photo in photos]
    crops = [
        photo[top:, left:][:size, :size]
        for photo, (top, left) in zip(photos, corners, strict=True)
    ]
    return np.stack(crops) / np.float32(255)


def timed(train, photos, n_steps, random_state):
    start = perf_counter()
    denoiser = train(photos, n_steps, random_state)
    return perf_counter() - start, denoiser


def speed(train, photos, random_state):
    """Return the seconds before the first step, and the seconds of a step."""
    timed(train, photos, 4, random_state)
    few, many = (timed(train, photos, n, random_state)[0] for n in (8, 24))
    step = max(many - few, 1e-3) / 16
    return max(few - 8 * step, 0.0), step


def measure(train, photos, X_test, budgets, random_state):
    """Return the seconds and the PSNR of one training for each budget of seconds."""
    start, step = speed(train, photos, random_state)
    found = []
    for budget in budgets:
        n_steps = max(int((budget - start) / step), 10)
        spent, denoiser = timed(train, photos, n_steps, random_state)
        step = max(spent - start, 1e-3) / n_steps
        curve = psnr_curve(denoiser, X_test, NOISE_STD, random_state=0)
        found.append((spent, curve.output_psnr.mean()))
    return np.transpose(found)


def seconds_until(quality, times, qualities):
    """Return the time at which a curve reaches a quality, in log time."""
    best = np.maximum.accumulate(qualities)
    if quality > best[-1]:
        return np.inf
    if quality <= best[0]:
        return times[0]
    return float(np.exp(np.interp(quality, best, np.log(times))))


def draw(results, path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(layout="constrained")
    for marker, (name, (times, qualities)) in zip(
        "osv^D", results.items(), strict=False
    ):
        axes.semilogx(times, qualities, f"{marker}-", label=name)
    axes.set(xlabel="training time (s)", ylabel="PSNR (dB)")
    axes.legend()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 10, 20, 40, 75])
    parser.add_argument("--deepinv", action="store_true")
    parser.add_argument("--random-state", type=int, default=0)
    parser.add_argument("--output", type=Path, help="folder for the figure")
    options = parser.parse_args()
    photos, X_test = fetch_bsd400().images, load_test_images()
    budgets = sorted(options.seconds)
    print(f"{torch.get_num_threads()} threads. PSNR in dB (seconds of training)")
    results = {}
    for name, train in (WAYS | (OTHERS if options.deepinv else {})).items():
        found = measure(train, photos, X_test, budgets, options.random_state)
        results[name] = found
        cells = (f"{quality:7.2f} ({time:5.1f})" for time, quality in found.T)
        print(f"{name:10}", *cells, flush=True)
    ours = results.pop("package")
    for name, (times, qualities) in results.items():
        needed = seconds_until(qualities[-1], *ours)
        print(
            f"The package reaches the {qualities[-1]:.2f} dB of {name} after "
            f"{needed:.1f} s instead of {times[-1]:.1f} s: {times[-1] / needed:.1f} "
            "times sooner."
        )
    if options.output:
        draw({"package": ours, **results}, options.output / "time_to_quality.png")


if __name__ == "__main__":
    main()
