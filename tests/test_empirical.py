"""The posterior mean if the density is the set of training images."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_gahb import (
    EmpiricalDenoiser,
    GaussianNoise,
    as_denoiser,
    estimate_noise_std,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.denoisers import _empirical
from sklearn_gahb.jacobian import jacobian_operator
from sklearn_gahb.posteriors import finite

RNG = np.random.RandomState(0)
TRAIN = RNG.rand(50, 6, 7)
SIGMAS = [1e-3, 1e-2, 0.1, 0.5, 1.0, 10.0]


def brute_force(y, train, sigma):
    distances = ((y[:, None] - train[None]) ** 2).sum((2, 3))
    weights = softmax(-distances / (2 * sigma**2), axis=1)
    return np.einsum("nm,mhw->nhw", weights, train), weights


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("block", [2**22, 42 * 7])
def test_equals_the_formula(sigma, block, monkeypatch):
    monkeypatch.setattr(_empirical, "BLOCK", block)
    y = TRAIN[:20] + sigma * RNG.randn(20, 6, 7)
    denoised = EmpiricalDenoiser(noise_std=sigma).fit(TRAIN).transform(y)
    np.testing.assert_allclose(denoised, brute_force(y, TRAIN, sigma)[0], atol=1e-10)


@pytest.mark.filterwarnings("ignore:noise_std=.* is very low")
def test_offsets_do_not_cost_precision():
    y = TRAIN[:20] + 0.1 * RNG.randn(20, 6, 7)
    denoised = EmpiricalDenoiser(noise_std=0.1).fit(TRAIN + 100).transform(y + 100)
    np.testing.assert_allclose(denoised - 100, brute_force(y, TRAIN, 0.1)[0], atol=1e-8)


def test_level_is_estimated():
    train = np.random.RandomState(1).rand(2, 64, 64)
    noisy = train.mean(0) + np.array([0.01, 10])[:, None, None] * RNG.randn(2, 64, 64)
    denoise = as_denoiser(EmpiricalDenoiser().fit(train))
    y = torch.from_numpy(noisy[:, None])
    told = denoise(y, torch.from_numpy(estimate_noise_std(noisy)))
    torch.testing.assert_close(denoise(y), told)
    assert (denoise(y) - denoise(y, 0.1)).abs().max() > 1e-3


def test_memory_is_bounded_for_small_images(monkeypatch):
    """No tensor is larger than a block, although there are 350,000 weights."""
    sizes = []

    class Record(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            output = function(*args, **(kwargs or {}))
            if torch.is_tensor(output):
                sizes.append(output.numel())
            return output

    monkeypatch.setattr(_empirical, "BLOCK", 2**14)
    monkeypatch.setattr(finite, "WEIGHTS_AT_ONCE", 2**14)
    # The training images themselves are a tensor of 20,000 values.
    denoiser = EmpiricalDenoiser(noise_std=0.3).fit(RNG.rand(5000, 2, 2))
    with Record():
        denoiser.transform(RNG.rand(70, 2, 2))
    assert 2**13 < max(sizes) <= 5 * 2**12


@pytest.mark.parametrize("sigma", [0.0, 1e-30, 1e-6, 1e-3])
def test_little_noise_gives_the_closest_training_image(sigma):
    y = RNG.rand(20, 6, 7)
    closest = ((y[:, None] - TRAIN[None]) ** 2).sum((2, 3)).argmin(1)
    denoised = EmpiricalDenoiser(noise_std=sigma).fit(TRAIN).transform(y)
    np.testing.assert_allclose(denoised, TRAIN[closest], atol=1e-12)


@pytest.mark.parametrize("sigma", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("block", [2**22, 42 * 7])
def test_jacobian_is_the_posterior_covariance(sigma, block, monkeypatch):
    monkeypatch.setattr(_empirical, "BLOCK", block)
    y = TRAIN[0] + sigma * RNG.randn(6, 7)
    denoiser = EmpiricalDenoiser(noise_std=sigma).fit(TRAIN)
    mean, weights = brute_force(y[None], TRAIN, sigma)
    deviations = (TRAIN - mean).reshape(50, -1)
    covariance = (weights.T * deviations).T @ deviations
    J = jacobian_operator(denoiser, y)
    np.testing.assert_allclose(J @ np.eye(42), covariance / sigma**2, atol=1e-8)
    np.testing.assert_allclose(J.H @ np.eye(42), covariance / sigma**2, atol=1e-8)
    v = RNG.randn(6, 7)
    moved = denoiser.transform(np.stack([y + 1e-6 * v, y - 1e-6 * v]))
    np.testing.assert_allclose(
        J @ v.ravel(), (moved[0] - moved[1]).ravel() / 2e-6, atol=1e-6
    )


def test_jacobian_vanishes_where_one_image_has_all_the_weight():
    J = jacobian_operator(EmpiricalDenoiser(noise_std=0.0).fit(TRAIN), TRAIN[0])
    np.testing.assert_array_equal(J @ np.ones(42), 0)


def test_memorizes():
    X = make_disk_images(200, 16, random_state=0)
    denoiser = EmpiricalDenoiser(noise_std=0.1, random_state=0).fit(X[:100])
    assert denoiser.score(X[:100]) > 60
    assert denoiser.score(X[100:]) < 25


def test_layouts():
    color = RNG.randint(0, 256, (30, 5, 5, 3)).astype(np.uint8)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(color)
    expected = EmpiricalDenoiser(noise_std=0.1).fit(color).transform(noisy)
    as_list = EmpiricalDenoiser(noise_std=0.1).fit(list(color)).transform(list(noisy))
    np.testing.assert_array_equal(np.stack(as_list), expected)
    tensors = EmpiricalDenoiser(noise_std=0.1).fit(list(torch.from_numpy(color)))
    np.testing.assert_array_equal(tensors.transform(noisy), expected)
    np.testing.assert_allclose(expected, color / np.float32(255), atol=1e-6)
    y = torch.from_numpy(TRAIN[:2, None])
    both = as_denoiser(EmpiricalDenoiser().fit(TRAIN))(y, torch.tensor([0.0, 1e9]))
    np.testing.assert_allclose(both[0, 0], TRAIN[0])
    np.testing.assert_allclose(both[1, 0], TRAIN.mean(0))


def test_training_set_is_not_copied(tmp_path):
    memmap = np.memmap(tmp_path / "X", np.uint8, "w+", shape=(20, 6, 7))
    denoiser = EmpiricalDenoiser().fit(memmap)
    assert np.shares_memory(denoiser.train_images_, memmap)
    assert denoiser.train_images_.dtype == np.uint8


def test_smoothing_averages_over_perturbations():
    clean, sigma = RNG.rand(20, 4, 5, 2), 0.3
    y = clean[:3] + sigma * RNG.randn(3, 4, 5, 2)
    options = {"smoothing_std": 0.2, "n_perturbations": 5, "random_state": 0}
    denoiser = EmpiricalDenoiser(sigma, **options).fit(clean)
    noise = denoiser.perturbations_
    assert noise.shape == (5, 4, 5, 2)
    assert noise.std() == pytest.approx(0.2, rel=0.15)
    plain = EmpiricalDenoiser(sigma).fit(clean)
    expected = np.mean([plain.transform(y + one) for one in noise], axis=0)
    found = denoiser.transform(y)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    again = EmpiricalDenoiser(sigma, **options).fit(clean).transform(y[1:])
    np.testing.assert_allclose(again, found[1:], atol=1e-12)
    J = jacobian_operator(denoiser, y[0])
    v = RNG.randn(4, 5, 2)
    moved = denoiser.transform(np.stack([y[0] + 1e-5 * v, y[0] - 1e-5 * v]))
    np.testing.assert_allclose(
        J @ v.ravel(), (moved[0] - moved[1]).ravel() / 2e-5, atol=1e-6
    )
    np.testing.assert_allclose(J.H @ np.eye(40), J @ np.eye(40), atol=1e-12)
    x_hat = denoiser.linearize(torch.from_numpy(y[:1]).permute(0, 3, 1, 2)).x_hat
    np.testing.assert_allclose(x_hat[0].permute(1, 2, 0), found[0], atol=1e-12)


def test_no_smoothing_is_the_limit_of_little_smoothing():
    y = TRAIN[:5] + 0.5 * RNG.randn(5, 6, 7)
    plain = EmpiricalDenoiser(0.5).fit(TRAIN)
    expected = brute_force(y, TRAIN, 0.5)[0]
    np.testing.assert_allclose(plain.transform(y), expected, atol=1e-12)
    little = EmpiricalDenoiser(0.5, smoothing_std=1e-13).fit(TRAIN)
    np.testing.assert_allclose(little.transform(y), expected, atol=1e-12)


def test_smoothing_of_two_images_is_an_integral():
    """The weight of the second image is a logistic function of a normal variable."""
    pair = np.array([[[0.0, 0.0]], [[3.0, 4.0]]])[..., None] / 5
    y, sigma, s = np.array([[[0.3], [0.5]]])[None], 0.5, 0.4
    denoiser = EmpiricalDenoiser(
        sigma, smoothing_std=s, n_perturbations=3000, random_state=0
    ).fit(pair)
    # |y - x_0|^2 - |y - x_1|^2 = 2 y . u - 1, where u is a unit vector.
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    projection = (0.3 * 3 + 0.5 * 4) / 5 + s * nodes
    share = expit((2 * projection - 1) / (2 * sigma**2)) @ weights / weights.sum()
    found = denoiser.transform(y).ravel()
    # The standard error of 3,000 perturbations is about 0.005.
    np.testing.assert_allclose(found, share * np.array([3, 4]) / 5, atol=0.015)


def test_bad_input():
    with pytest.raises(ValueError, match="'smoothing_std' parameter"):
        EmpiricalDenoiser(smoothing_std=-0.1).fit(TRAIN)
    with pytest.raises(ValueError, match="was fitted on images of 6x7"):
        EmpiricalDenoiser().fit(TRAIN).transform(np.ones((1, 7, 6)))
    with pytest.raises(ValueError, match="images of 2 sizes"):
        EmpiricalDenoiser().fit([np.ones((8, 8)), np.ones((8, 9))])
