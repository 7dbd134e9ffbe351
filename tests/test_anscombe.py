"""Generalized Anscombe transform against its definition."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import poisson

from sklearn_gahb.noise import PoissonNoise
from sklearn_gahb.transforms.anscombe import (
    stabilize,
    stabilized_mean,
    unbiased_inverse,
)

GAIN = 0.02
COUNTS = [0.0, 0.01, 0.3, 1.0, 3.0, 10.0, 50.0, 99.0, 120.0, 400.0, 2000.0]


def as_images(*values):
    return torch.tensor(values, dtype=torch.float64).reshape(-1, 1, 1, 1)


def usual_transform(counts, ratio):
    """Equation 2 of Makitalo and Foi, 2013, in units of the gain."""
    return 2 * np.sqrt(np.maximum(counts + 3 / 8 + ratio**2, 0))


def expectation(mean_count, ratio):
    """Sum over counts and integrate over the normal variable."""
    k = np.arange(int(mean_count + 12 * math.sqrt(mean_count) + 40))
    total = 0.0
    for count, probability in zip(k, poisson.pmf(k, mean_count), strict=True):
        mean = count + 3 / 8 + ratio**2
        if probability < 1e-16:
            continue
        if ratio == 0:
            total += probability * 2 * math.sqrt(mean)
            continue

        # v = r^2, so that the integrand is smooth at 0.
        def integrand(r, mean=mean):
            z = (r**2 - mean) / ratio
            return 4 * r**2 * math.exp(-(z**2) / 2) / (ratio * math.sqrt(2 * math.pi))

        ends = [math.sqrt(max(0, mean + side * 12 * ratio)) for side in (-1, 1)]
        total += probability * quad(integrand, *ends, epsabs=1e-11, limit=200)[0]
    return total


@pytest.mark.parametrize("ratio", [0.0, 0.05, 0.6, 3.0, 20.0])
def test_mean_and_inverse_are_exact(ratio):
    gain, sigma = as_images(GAIN), as_images(GAIN * ratio)
    for count in COUNTS[:-1]:
        mean = expectation(count, ratio) - usual_transform(0, ratio)
        found = stabilized_mean(as_images(GAIN * count), gain, sigma)
        assert float(found) == pytest.approx(mean, abs=1e-5)
        inverse = unbiased_inverse(as_images(mean), gain, sigma)
        assert float(inverse) / GAIN == pytest.approx(count, abs=1e-4)


def test_inverse_is_near_the_published_approximation():
    """Makitalo and Foi, 2011, doi:10.1109/TIP.2011.2121085, for Poisson noise."""
    D = np.linspace(2.5, 60, 50)
    root = math.sqrt(3 / 2)
    published = D**2 / 4 + root / (4 * D) - 11 / (8 * D**2) + 5 * root / (8 * D**3)
    published -= 1 / 8
    t = torch.as_tensor(D - usual_transform(0, 0)).reshape(1, 1, 1, -1)
    found = unbiased_inverse(t, as_images(1.0), as_images(0.0)).flatten()
    np.testing.assert_allclose(found, published, atol=0.02)


def test_transform_is_the_published_one_up_to_a_constant():
    y = torch.linspace(-0.5, 3, 30, dtype=torch.float64).reshape(1, 1, 5, 6)
    found = stabilize(y, as_images(0.1), as_images(0.07))
    expected = usual_transform(y.numpy() / 0.1, 0.7) - usual_transform(0, 0.7)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    np.testing.assert_allclose(found[y > -0.08], expected[y > -0.08], rtol=1e-10)


@pytest.mark.parametrize(("peak", "noise_std"), [(30, 0.0), (10, 0.1), (500, 0.02)])
def test_noise_has_standard_deviation_1(peak, noise_std):
    noise = PoissonNoise(peak, noise_std, random_state=0)
    for x in (0.3, 0.6, 1.0):
        y = torch.from_numpy(noise.transform(np.full((1, 300, 300), x)))
        t = stabilize(y[None], as_images(1 / peak), as_images(noise_std))
        assert float(t.std()) == pytest.approx(1, abs=0.05)


def test_inverse_removes_the_bias_of_the_algebraic_inverse():
    x = np.full((1, 400, 400), 0.5)
    y = torch.from_numpy(PoissonNoise(2, random_state=0).transform(x))[None]
    gain, sigma = as_images(0.5), as_images(0.0)
    t = stabilize(y, gain, sigma).mean().reshape(1, 1, 1, 1)
    assert float(unbiased_inverse(t, gain, sigma)) == pytest.approx(0.5, abs=0.01)
    algebraic = 0.5 * (float(t + usual_transform(0, 0)) ** 2 / 4 - 3 / 8)
    assert algebraic < 0.42


def test_many_counts_and_gaussian_limit():
    x = torch.linspace(0, 1, 20, dtype=torch.float64).reshape(1, 1, 4, 5)
    for gain, sigma in [(0.0, 0.1), (1e-9, 0.1), (1e-4, 0.1), (1e-6, 1e-3)]:
        parameters = as_images(gain), as_images(sigma)
        t = stabilized_mean(x, *parameters)
        np.testing.assert_allclose(unbiased_inverse(t, *parameters), x, atol=1e-7)
    t = stabilize(x, as_images(0.0), as_images(0.1))
    np.testing.assert_allclose(t, x / 0.1)
    both = [as_images(0.0, 0.02), as_images(0.1, 0.03)]
    t = stabilize(x.repeat(2, 1, 1, 1), *both)
    np.testing.assert_allclose(t[:1], x / 0.1)


def test_below_the_mean_of_black_the_inverse_is_0():
    gain, sigma = as_images(0.1), as_images(0.0)
    black = stabilized_mean(as_images(0.0), gain, sigma)
    assert float(black) == pytest.approx(0, abs=1e-12)
    assert float(unbiased_inverse(black - 1, gain, sigma)) == 0
