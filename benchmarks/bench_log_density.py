"""Log densities of CIFAR-10 images under networks that memorize and that generalize.

    python benchmarks/bench_log_density.py [--train-sizes 100 10000] [--max-steps 2000]
        [--n-images 100] [--n-flows 5] [--random-state 0]

The script needs the file cifar10_gray.npz, with the arrays `train` and `test`, in the
folder SKLEARN_GAHB_DATA. For each training set size, a network (UNet, width 16) is
trained on gray images of 32x32 pixels. The table shows bits per value of gray levels
(8 bits), with standard errors, for images that the network was trained on and for test
images: by the mean squared errors, and for the first few images by both methods. The
densities are those of images with noise of standard deviation 0.02.
"""

import argparse
from time import perf_counter

import numpy as np

from sklearn_gahb import DNNDenoiser
from sklearn_gahb.datasets import get_data_home
from sklearn_gahb.evaluation import log_density, log_density_by_flow

NOISE_RANGE = (0.02, 2.0)


def describe(bits):
    """Return the mean of bits per value of gray levels, with its standard error."""
    return (
        f"{bits.mean() + np.log2(255):.3f} +- {bits.std(ddof=1) / len(bits) ** 0.5:.3f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train-sizes", nargs="+", type=int, default=[100, 10_000])
    parser.add_argument("--max-steps", type=int, default=2000)
    parser.add_argument("--n-images", type=int, default=100)
    parser.add_argument("--n-flows", type=int, default=5)
    parser.add_argument("--random-state", type=int, default=0)
    options = parser.parse_args()
    with np.load(get_data_home() / "cifar10_gray.npz") as archive:
        X, X_test = archive["train"], archive["test"]
    for size in options.train_sizes:
        start = perf_counter()
        denoiser = DNNDenoiser(
            width=16,
            max_steps=options.max_steps,
            batch_size=32,
            learning_rate=1e-2,
            n_train_samples=size,
            random_state=options.random_state,
        ).fit(X[: max(options.train_sizes)])
        print(f"N = {size}: trained for {perf_counter() - start:.0f} s", flush=True)
        trained_on = X[denoiser.train_indices_[: options.n_images]]
        found = {}
        for name, images in (("train", trained_on), ("test", X_test)):
            start = perf_counter()
            found[name] = log_density(
                denoiser,
                images[: options.n_images],
                noise_range=NOISE_RANGE,
                random_state=options.random_state,
            )
            seconds = perf_counter() - start
            few = slice(options.n_flows)
            start = perf_counter()
            flow = log_density_by_flow(
                denoiser,
                images[few],
                noise_range=NOISE_RANGE,
                rtol=1e-3,
                random_state=options.random_state,
            )
            print(
                f"  {name}: {describe(found[name].bits_per_value)} ({seconds:.0f} s); "
                f"first {options.n_flows}: "
                f"{describe(found[name].bits_per_value[few])}, by the flow "
                f"{describe(flow.bits_per_value)} ({perf_counter() - start:.0f} s)",
                flush=True,
            )
        nats = [found[name].log_density.mean() for name in ("train", "test")]
        print(f"  memorization: {nats[0] - nats[1]:.1f} nats per image", flush=True)


if __name__ == "__main__":
    main()
