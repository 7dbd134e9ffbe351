"""A typed program: `make typing` checks this file with mypy in strict mode."""

import io
from dataclasses import dataclass, replace
from typing import Any, Literal, assert_type

import numpy as np
import torch
from numpy.typing import NDArray

import sklearn_gahb
from sklearn_gahb import (
    BandletDenoiser,
    DNNDenoiser,
    GeneralizationAnalyzer,
    JacobianBasis,
    WaveletThresholdDenoiser,
    datasets,
    psnr_curve,
    training,
)
from sklearn_gahb.denoisers import BaseDenoiser, Linearization
from sklearn_gahb.displays import ComparisonDisplay
from sklearn_gahb.images import check_images
from sklearn_gahb.samplers import DDIM
from sklearn_gahb.sampling import MeasurementOperator, observed_pixels, solve_inverse


class Halve(BaseDenoiser):
    def denoise(
        self, y: torch.Tensor, noise_std: float | torch.Tensor | None = None
    ) -> torch.Tensor:
        return y / 2


def test_estimators_are_typed() -> None:
    X = datasets.make_disk_images(8, 16, random_state=0)
    assert_type(sklearn_gahb.__version__, str)
    wavelets = WaveletThresholdDenoiser("db2", noise_std=0.1, threshold="bayes").fit(X)
    assert_type(wavelets, WaveletThresholdDenoiser)
    assert_type(wavelets.score(X + 0.1, X), float)
    assert_type(wavelets.psnr_per_image([X[0], X[1]]), NDArray[Any])
    assert_type(wavelets.linearize(torch.zeros(1, 1, 16, 16)), Linearization)
    network = DNNDenoiser(width=4, max_steps=2, compile=False).fit(torch.from_numpy(X))
    assert_type(network.network_, torch.nn.Module)
    assert_type(network.noise_std, float | None)
    analyzer = GeneralizationAnalyzer(wavelets, train_sizes=(1, 2), random_state=0)
    assert_type(analyzer.n_networks_per_pass, int | Literal["auto"])


def test_containers_and_displays_are_typed() -> None:
    X = datasets.make_disk_images(8, 16, random_state=0)
    images = check_images(X, data_range=[0, 1])
    assert_type(len(images), int)
    recipe = replace(training.Recipe(width=4, compile=False), max_steps=2)
    run = training.TrainingRun(recipe, images, random_state=0)
    for start, stop in run:
        assert_type((start, stop), tuple[int, int])
    bandlets = BandletDenoiser(block_sizes=[4, 8], noise_std=0.1).fit(X)
    display = ComparisonDisplay.from_estimators({"bandlets": bandlets}, X, X + 0.1)
    display.figure_.savefig(io.BytesIO())


def test_samplers_are_dataclasses() -> None:
    @dataclass(frozen=True)
    class Slow(DDIM):
        factor: float = 2.0

    assert Slow(5, factor=3.0, sigma_min=0.1).n_steps == 5


def test_functions_are_typed() -> None:
    X = datasets.make_disk_images(2, 16, random_state=0)
    halve = Halve().fit(X)
    assert_type(halve, Halve)
    basis = JacobianBasis(halve, noise_std=0.1).fit(X[:1])
    assert_type(basis.eigenvalues_, NDArray[Any])
    psnr_curve(halve, X, (0.1, 0.2), random_state=0)
    operator = observed_pixels(np.ones((16, 16), dtype=bool))
    assert_type(operator, MeasurementOperator)
    solve_inverse(halve, X[0].reshape(1, -1), operator, random_state=0)
