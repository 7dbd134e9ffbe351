"""Training with a constraint: residuals, denoising errors and spread of samples.

    python benchmarks/bench_residual.py [--parts circle linear darcy overfitting]
        [--weights 0 10] [--max-steps 3000] [--image-size 32] [--width 16]

circle: points on a circle. Their posterior mean does not satisfy the constraint.

linear: fields without divergence, from random stream functions. Their posterior mean
satisfies the constraint. The network predicts the field and not the noise, so that it
can satisfy the constraint exactly.

darcy: permeabilities and pressures of a flow, which solve Darcy's equation.

overfitting: the same flow, with 100 training images. The analyzer compares training and
test images.

Every part trains one network for each weight. The denoising error is in dB, so 0.4 are
10 percent. Samples come from DDIM, and `transform` removes the remaining noise. The
options --width and --image-size do not change the circle, and --width does not change
the linear constraint.
"""

import argparse
from time import perf_counter

import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from sklearn_gahb import DNNDenoiser, GaussianNoise, GeneralizationAnalyzer
from sklearn_gahb.datasets import darcy_residual, make_circle_points, make_darcy_flow
from sklearn_gahb.metrics import mean_absolute_residual
from sklearn_gahb.networks import UNet
from sklearn_gahb.samplers import DDIM

LEVELS = [0.02, 0.05, 0.1, 0.2, 0.4]


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(2, 64),
        nn.SiLU(),
        nn.Linear(64, 64),
        nn.SiLU(),
        nn.Linear(64, 2),
        nn.Unflatten(1, (1, 1, 2)),
    )


def off_circle(x):
    return 4 * ((x - 0.5) ** 2).sum(dim=(2, 3)) - 1


class ImagePredictor(nn.Module):
    """Network whose output is subtracted from the noisy images."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, y):
        return y - self.network(y)


def make_fields(n_samples, size, random_state):
    """Draw fields of mean 0 without divergence: (n_samples, size, size, 2)."""
    noise = np.random.default_rng(random_state).normal(
        size=(n_samples, 2 * size, 2 * size)
    )
    frequencies = np.fft.fftfreq(2 * size) * 2 * size
    amplitude = (1 + frequencies[:, None] ** 2 + frequencies**2) ** -1.25
    stream = np.fft.ifft2(np.fft.fft2(noise) * amplitude).real[
        :, : size + 1, : size + 1
    ]
    fields = np.stack(
        [np.diff(stream, axis=1)[:, :, :-1], -np.diff(stream, axis=2)[:, :-1]], axis=-1
    )
    return 0.15 * fields / fields.std()


def divergence(x):
    return x[:, 0, :-1].diff(dim=2) + x[:, 1, :, :-1].diff(dim=1)


def compare(title, network, X, X_test, residual, weights):
    """Train a clone for each weight, and print what it reaches."""
    print(
        f"\n{title}: residual of clean images "
        f"{mean_absolute_residual(X_test, residual):.1e}, their spread by channel "
        f"{spread(X_test)}\nweight  denoising error in dB at noise {LEVELS}, "
        "mean absolute residual there, that of samples, their spread, seconds"
    )
    for weight in weights:
        start = perf_counter()
        denoiser = with_weight(network, residual, weight).fit(X)
        seconds = perf_counter() - start
        errors, residuals = [], []
        for level in LEVELS:
            noisy = GaussianNoise(level, random_state=0).fit_transform(X_test)
            denoised = denoiser.transform(noisy)
            errors.append(10 * np.log10(np.mean((denoised - X_test) ** 2)))
            residuals.append(mean_absolute_residual(denoised, residual))
        # transform is step 100, which removes all noise.
        sampler = DDIM(n_steps=99, sigma_min=1e-3)
        samples = denoiser.transform(
            denoiser.sample(200, sampler=sampler, random_state=0)
        )
        print(
            f"{weight:6g} ",
            " ".join(f"{error:6.2f}" for error in errors),
            " ".join(f"{one:.2g}" for one in residuals),
            f"{mean_absolute_residual(samples, residual):.2g}",
            spread(samples),
            f"{seconds:.0f}",
            sep="  ",
            flush=True,
        )


def with_weight(network, residual, weight):
    """Return a clone with a residual of this weight, or without one if it is 0."""
    residual = residual if weight else None
    return clone(network).set_params(residual=residual, residual_weight=weight)


def spread(X):
    """Average the standard deviations of the pixels, for each channel."""
    return np.round(X.reshape(*X.shape[:3], -1).std(axis=0).mean(axis=(0, 1)), 4)


def circle(options):
    network = DNNDenoiser(
        small_network(),
        max_steps=options.max_steps or 2000,
        batch_size=128,
        learning_rate=1e-2,
        random_state=0,
    )
    X = make_circle_points(1500, random_state=0)
    weights = options.weights or [0, 10]
    compare("circle", network, X[:1000], X[1000:], off_circle, weights)


def linear(options):
    torch.manual_seed(0)
    network = DNNDenoiser(
        ImagePredictor(UNet(2, width=16)),
        max_steps=options.max_steps or 3000,
        batch_size=32,
        learning_rate=1e-2,
        random_state=0,
    )
    X = make_fields(2100, options.image_size or 16, random_state=0)
    weights = options.weights or [0, 1000]
    compare("linear", network, X[:2000], X[2000:], divergence, weights)


def darcy_network(options):
    return DNNDenoiser(
        width=options.width,
        bias=True,
        max_steps=options.max_steps or 5000,
        batch_size=32,
        learning_rate=1e-2,
        random_state=0,
    )


def darcy(options):
    size = options.image_size or 32
    X = make_darcy_flow(4000, size, random_state=0)
    X_test = make_darcy_flow(200, size, random_state=1)
    weights = options.weights or [0, 100]
    compare("darcy", darcy_network(options), X, X_test, darcy_residual, weights)


def overfitting(options):
    X = make_darcy_flow(400, options.image_size or 16, random_state=0)
    for weight in options.weights or [0, 100]:
        network = with_weight(darcy_network(options), darcy_residual, weight)
        analyzer = GeneralizationAnalyzer(network, [100], noise_std=LEVELS).fit(X)
        print(
            f"\noverfitting, weight {weight:g}, noise {LEVELS}: PSNR in dB on training "
            "images, on test images"
        )
        for psnr in (analyzer.train_psnr_, analyzer.test_psnr_):
            print(" ".join(f"{one:.2f}" for one in np.ravel(psnr)), flush=True)


PARTS = {
    "circle": circle,
    "linear": linear,
    "darcy": darcy,
    "overfitting": overfitting,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--weights", type=float, nargs="+")
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--width", type=int, default=16)
    options = parser.parse_args()
    for part in options.parts:
        PARTS[part](options)
