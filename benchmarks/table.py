"""Table of ratios: the toolkit against the code that a user would otherwise use.

    python benchmarks/table.py [--cases NAME ... | --preset change|release]
        [--output benchmarks/results/cpu]

The script writes a Markdown table and JSON. The result files keep the rows of cases
that are not measured again, if the machine is the same. The package and the other way
run in turns in one process. Times are medians.

The floor is the time that the operations would take at the rate of a large matrix
product or convolution in the same precision. If there are few operations, the floor is
the time to read the input and write the output, at the rate of a large copy. Memory is
the growth of the process's peak memory when the package runs.

All cases together take about half an hour on two cores. The preset "change" leaves out
long cases. compare_tables.py compares two result files.
"""

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from _comparison import (
    CPU,
    Row,
    copy_rate,
    exponential_rate,
    in_turns,
    peak_rate,
    processor,
    run_cases,
)

NOISE_STD = 0.1


def train_small():
    return train(16, 32, 64, n_steps=40)


def train_wide():
    return train(64, 80, 16, n_steps=10)


def train(width, size, batch_size, n_steps):
    import bench_training as plain
    from skorch import NeuralNet
    from torch.utils.flop_counter import FlopCounterMode

    from sklearn_gahb import training
    from sklearn_gahb.datasets import load_photo_patches
    from sklearn_gahb.images import check_images
    from sklearn_gahb.networks import UNet

    images = check_images(load_photo_patches(size, 512, random_state=0).images)
    pairs = list(islice(plain.make_pairs(images, batch_size), n_steps))
    noisy, noise = (torch.cat(part).numpy() for part in zip(*pairs, strict=True))
    net = NeuralNet(
        UNet,
        module__width=width,
        criterion=torch.nn.MSELoss,
        optimizer=torch.optim.Adam,
        batch_size=batch_size,
        train_split=None,
        verbose=0,
    ).initialize()

    # All three ways receive prepared batches.
    def package():
        list(plain.package_steps(UNet(width=width), iter(pairs), n_steps, False))

    def eager():
        list(plain.plain_steps(plain.PlainUNet(width), iter(pairs), n_steps))

    times, memory = in_turns(
        package, eager, lambda: net.partial_fit(noisy, noise, epochs=1), n_repeats=3
    )
    ours, of_eager, of_skorch = (seconds / n_steps for seconds in times)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        UNet(width=width).eval()(torch.zeros(batch_size, 1, size, size))
    precision = training.resolve_precision("auto", torch.device("cpu"))
    floor = 3 * counter.get_total_flops() / peak_rate(precision)
    what = f"training step, width {width}, {size}x{size}, batch {batch_size}"
    return [
        Row(what, "plain eager float32", ours, of_eager, floor, memory),
        Row(what, "skorch, the same network", ours, of_skorch),
    ]


def wavelets():
    import pywt
    from skimage.restoration import denoise_wavelet

    from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser
    from sklearn_gahb.datasets import load_photo_patches

    clean = load_photo_patches(64, 500, random_state=0).images / 255
    noisy = GaussianNoise(NOISE_STD, random_state=0).fit_transform(clean)
    basis = {"wavelet": "db2", "n_scales": 3, "n_shifts": 1, "noise_std": 0.1}
    hard = WaveletThresholdDenoiser(**basis, threshold=3.0, shrinkage="hard")
    bayes = WaveletThresholdDenoiser(**basis, threshold="bayes", shrinkage="soft")

    def loop_over_pywavelets():
        denoised = []
        for y in noisy:
            bands = pywt.wavedec2(y, "db2", "periodization", level=3)
            for i in (1, 2, 3):
                bands[i] = tuple(pywt.threshold(c, 0.3, "hard") for c in bands[i])
            denoised.append(pywt.waverec2(bands, "db2", "periodization"))
        return np.array(denoised)

    def loop_over_skimage():
        for y in noisy:
            denoise_wavelet(y, sigma=0.1, wavelet="db2", wavelet_levels=3)

    difference = hard.fit(clean).transform(noisy) - loop_over_pywavelets()
    if np.abs(difference).max() > 1e-5:
        raise RuntimeError(
            "The results of WaveletThresholdDenoiser and of PyWavelets differ by more "
            "than 1e-5."
        )
    rows = []
    for denoiser, name, other, loop in [
        (hard, "hard threshold", "loop over PyWavelets", loop_over_pywavelets),
        (bayes, "BayesShrink", "loop over scikit-image", loop_over_skimage),
    ]:
        denoiser.fit(clean)
        (ours, theirs), memory = in_turns(lambda d=denoiser: d.transform(noisy), loop)
        floor = 2 * noisy.nbytes / copy_rate()
        what = f"wavelets, {name}, 500 images of 64x64"
        rows.append(Row(what, other, ours, theirs, floor, memory))
    return rows


def bandlets():
    from sklearn_gahb import BandletDenoiser, GaussianNoise, WaveletThresholdDenoiser
    from sklearn_gahb.datasets import make_c_alpha_images

    X = make_c_alpha_images(500, 64, 3, random_state=0)
    noisy = GaussianNoise(NOISE_STD, random_state=0).fit_transform(X)
    denoiser = BandletDenoiser(noise_std=NOISE_STD).fit(X)
    haar = WaveletThresholdDenoiser(
        "haar", threshold=3.0, shrinkage="hard", n_shifts=1, noise_std=NOISE_STD
    ).fit(X)
    (ours, theirs), memory = in_turns(
        lambda: denoiser.transform(noisy), lambda: haar.transform(noisy)
    )
    what = "bandlets of the noisy image, 500 images of 64x64"
    return [Row(what, "Haar wavelets of the package", ours, theirs, memory=memory)]


def jacobian_basis(size=64, device=CPU):
    from torch.utils.flop_counter import FlopCounterMode

    from sklearn_gahb import GaussianNoise, JacobianBasis
    from sklearn_gahb.checkpoints import load_pretrained
    from sklearn_gahb.datasets import load_photo_patches

    denoiser = load_pretrained("photos-grey")
    denoiser.network_.to(device)
    photo = load_photo_patches(size, 1, subset="test", random_state=0).images[:1]
    noisy = GaussianNoise(NOISE_STD, random_state=0).fit_transform(
        photo / np.float32(255)
    )
    found = []

    def ours():
        found.append(JacobianBasis(denoiser, 64, random_state=0).fit(noisy))

    def one_call_a_pixel():
        y = torch.from_numpy(noisy)[None].to(device).requires_grad_()
        x_hat = y - denoiser.network_(y)
        rows = [
            torch.autograd.grad(value, y, retain_graph=True)[0].ravel()
            for value in x_hat.ravel()
        ]
        J = torch.stack(rows)
        torch.linalg.eigh((J + J.T) / 2)

    (seconds, plain), memory = in_turns(
        ours, one_call_a_pixel, n_repeats=1, device=device
    )
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        denoiser.network_(torch.zeros(1, 1, size, size, device=device))
    # A product with the symmetric part takes one forward pass and one backward pass.
    operations = 2 * counter.get_total_flops() * found[-1].n_products_
    floor = operations / peak_rate(torch.float32, device)
    what = f"Jacobian basis, 64 vectors at {size}x{size}"
    return [Row(what, "one autograd call a pixel", seconds, plain, floor, memory)]


def samplers():
    """Count evaluations until the relative error of the end points stays below 0.1."""
    from sklearn_gahb.samplers import DDIM, GradientEstimation, run_sampler

    spectrum = torch.linspace(0.1, 1, 16)

    def denoise(y, noise_std):
        variance = torch.as_tensor(noise_std).reshape(-1, 1) ** 2
        gain = spectrum / (spectrum + variance)
        return (gain * y.flatten(1)).reshape(y.shape)

    shape = (1000, 1, 4, 4)

    def run(sampler, keep_every=None):
        return run_sampler(
            denoise, sampler, 0.0, shape, keep_every=keep_every, random_state=0
        )

    _, trajectory = run(DDIM(1, sigma_max=10.0), keep_every=1)
    scale = ((spectrum + 1e-4) / (spectrum + 100)).sqrt()
    start = torch.from_numpy(trajectory.images[0]).flatten(1)
    exact = (start * scale).reshape(shape)

    def evaluations(sampler):
        distances = [
            (run(sampler(n, sigma_max=10.0))[0] - exact).norm() for n in range(2, 60)
        ]
        too_far = [d >= 0.1 * exact.norm() for d in distances]
        return 2 + len(too_far) - too_far[::-1].index(True) if any(too_far) else 2

    what = "gradient estimation, to 0.1 of the exact flow of a Gaussian"
    ours, theirs = evaluations(GradientEstimation), evaluations(DDIM)
    return [Row(what, "DDIM", [ours], [theirs], unit="evaluations")]


def local_posterior(n_noisy=100):
    from sklearn_gahb import GaussianNoise, LocalPosteriorDenoiser
    from sklearn_gahb.datasets import load_photo_patches
    from sklearn_gahb.posteriors.local import make_layout

    size, n_train, patch_size = (16, 16), 1000, 7
    photos = load_photo_patches(size[0], n_train + n_noisy, random_state=0).images
    X, clean = np.split(photos / np.float32(255), [n_train])
    noisy = GaussianNoise(NOISE_STD, random_state=0).fit_transform(clean)
    denoiser = LocalPosteriorDenoiser(patch_size, noise_std=NOISE_STD).fit(X)
    x, y = (torch.from_numpy(one)[:, None] for one in (X, noisy))
    windows = make_layout(size, patch_size, "cut", equivariant=True).windows

    def distances_and_softmax():
        x_hat = torch.zeros_like(y)
        for window in windows:
            keys, values = window.patches(x), []
            for queries in window.patches(y).split(100):
                exponents = torch.cdist(queries, keys) ** 2 / (-2 * NOISE_STD**2)
                values.append(exponents.softmax(dim=1) @ keys[:, window.centers(1)])
            window.put_centers(x_hat, torch.cat(values))
        return x_hat[:, 0].numpy()

    difference = np.abs(denoiser.transform(noisy) - distances_and_softmax()).max()
    if difference > 1e-3:
        raise RuntimeError(
            "The results of LocalPosteriorDenoiser and of torch.cdist differ by "
            f"{difference:.1e}."
        )
    (ours, theirs), memory = in_turns(
        lambda: denoiser.transform(noisy), distances_and_softmax, n_repeats=2
    )
    # Products of queries and keys, and exponentials.
    n_pairs = [n_noisy * n_train * window.n_positions**2 for window in windows]
    n_products = sum(n * w.n_pixels for n, w in zip(n_pairs, windows, strict=True))
    floor = 2 * n_products / peak_rate(torch.float32)
    floor += sum(n_pairs) / exponential_rate()
    what = (
        f"posterior mean of patches, {n_noisy} images of 16x16, 1,000 training images"
    )
    return [Row(what, "torch.cdist and softmax", ours, theirs, floor, memory)]


def generators():
    from sklearn_gahb.datasets import make_c_alpha_images, make_disk_images

    rows = []
    for make, n, size in [(make_disk_images, 2000, 32), (make_c_alpha_images, 500, 80)]:

        def loop(make=make, n=n, size=size):
            for i in range(n):
                make(1, size, random_state=i)

        (ours, theirs), memory = in_turns(
            lambda make=make, n=n, size=size: make(n, size, random_state=0), loop
        )
        floor = 4 * n * size**2 / copy_rate()
        what = f"{make.__name__}, {n} of {size}x{size}"
        rows.append(Row(what, "one image a call", ours, theirs, floor, memory))
    return rows


def analyzer_sweep():
    return sweep(8, 16, n_steps=200)


def analyzer_sweep_wider():
    return sweep(16, 32, n_steps=20)


def sweep(width, size, n_steps):
    import bench_training as plain

    from sklearn_gahb import DNNDenoiser, GeneralizationAnalyzer
    from sklearn_gahb.datasets import make_disk_images
    from sklearn_gahb.images import check_images

    X = make_disk_images(2100, size, random_state=0)
    sizes = (1, 10, 100, 1000)
    network = DNNDenoiser(
        width=width,
        depth=3,
        max_steps=n_steps,
        batch_size=128,
        device="cpu",
        random_state=0,
    )

    def analyze(**parameters):
        GeneralizationAnalyzer(
            network,
            sizes,
            noise_std=[NOISE_STD],
            duplicates="ignore",
            random_state=0,
            **parameters,
        ).fit(X[:2000], X_test=X[2000:])

    def one_after_another():
        for n in sizes:
            for subset in (X[:n], X[1000 : 1000 + n]):
                network.fit(subset)

    def plain_one_after_another():
        pairs = plain.make_pairs(check_images(X), 128)
        for _ in range(2 * len(sizes)):
            list(plain.plain_steps(plain.PlainUNet(width), pairs, n_steps))

    (together, processes, serial, eager), memory = in_turns(
        lambda: analyze(n_networks_per_pass=8),
        lambda: analyze(n_jobs=-1),
        one_after_another,
        plain_one_after_another,
        n_repeats=2,
    )
    what = f"analyzer, 8 networks of width {width}, {size}x{size}, {n_steps} steps"
    return [
        Row(f"{what}, {how}", other, ours, theirs, memory=used)
        for how, ours, used in [
            ("in one pass", together, memory),
            ("in processes", processes, None),
        ]
        for other, theirs in [
            ("one after another, all threads", serial),
            ("plain eager float32, one after another", eager),
        ]
    ]


def bm3d():
    from bm3d import bm3d

    from sklearn_gahb import BM3DDenoiser, GaussianNoise
    from sklearn_gahb.datasets import load_photo_patches

    X = load_photo_patches(64, 8, random_state=0).images / 255
    noisy = GaussianNoise(NOISE_STD, random_state=0).fit_transform(X)
    denoiser = BM3DDenoiser(noise_std=NOISE_STD, n_jobs=-1).fit(X)
    (ours, theirs), _ = in_turns(
        lambda: denoiser.transform(noisy),
        lambda: [bm3d(y, NOISE_STD) for y in noisy],
        n_repeats=3,
    )
    what = "BM3D in parallel, 8 images of 64x64"
    return [Row(what, "loop over bm3d", ours, theirs)]


CASES = {
    "train_small": train_small,
    "train_wide": train_wide,
    "wavelets": wavelets,
    "bandlets": bandlets,
    "jacobian_basis": jacobian_basis,
    "samplers": samplers,
    "local_posterior": local_posterior,
    "generators": generators,
    "analyzer_sweep": analyzer_sweep,
    "analyzer_sweep_wider": analyzer_sweep_wider,
    "bm3d": bm3d,
}
# Cases for each change; a release measures all cases.
QUICK = ["train_small", "wavelets", "bandlets", "samplers", "generators", "bm3d"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--cases", nargs="+", choices=CASES)
    group.add_argument("--preset", choices=["change", "release"], default="release")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "cpu"
    )
    arguments = parser.parse_args()
    machine = {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    usual = QUICK if arguments.preset == "change" else list(CASES)
    run_cases(CASES, arguments.cases or usual, arguments.output, machine)
