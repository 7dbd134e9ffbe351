"""Stationary Gaussian images with the moments of given images."""

import numpy as np
import pytest
import torch

from sklearn_gahb import DNNDenoiser, GaussianNoise, VarianceStabilizedDenoiser
from sklearn_gahb.checkpoints import load, load_pretrained, save
from sklearn_gahb.datasets import make_disk_images, make_gaussian_textures
from sklearn_gahb.images import check_images
from sklearn_gahb.transforms.stationary import draw_stationary_images, estimate_moments

DISKS = make_disk_images(200, 32, random_state=0)


def moments(X, data_range=None):
    return estimate_moments(check_images(X, data_range=data_range))


def draw(found, n_images, size):
    return draw_stationary_images(*found, n_images, size, np.random.default_rng(0))


def test_moments_of_white_noise():
    mixing = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 2.0]])
    X = np.random.default_rng(0).standard_normal((500, 16, 20, 3)) @ mixing.T
    mean, covariance = moments(X + np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(mean, [0.1, 0.2, 0.3], atol=0.02)
    assert covariance.shape == (9, 3, 3)
    expected = np.broadcast_to(mixing @ mixing.T, (8, 3, 3))
    np.testing.assert_allclose(covariance[1:], expected, atol=0.15)


def test_images_have_the_moments():
    found = moments(make_gaussian_textures(500, 32, random_state=0))
    again = moments(draw(found, 2000, (32, 32)).permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(again[0], found[0], atol=0.03)
    # Interpolation between rings changes a spectrum that falls steeply.
    np.testing.assert_allclose(again[1], found[1], rtol=0.3, atol=1e-3)


@pytest.mark.parametrize("size", [(8, 8), (16, 40), (32, 32), (32, 48), (96, 64)])
@pytest.mark.parametrize("make", [make_disk_images, make_gaussian_textures])
def test_images_of_any_size_have_the_variance(make, size):
    X = make(500, 32, random_state=0)
    drawn = draw(moments(X), 500, size)
    assert float(drawn.std()) == pytest.approx(X.std(), rel=0.15)


@pytest.mark.parametrize("size", [64, 128])
def test_the_brightness_of_disks_varies_alike_at_any_size(size):
    """The parameters of disks do not depend on the size of the images."""
    drawn = draw(moments(make_disk_images(1000, 64, random_state=0)), 500, (size, size))
    expected = make_disk_images(500, size, random_state=1).mean(axis=(1, 2)).std()
    assert float(drawn.mean((1, 2, 3)).std()) == pytest.approx(expected, rel=0.15)


def test_all_images_count():
    levels = np.linspace(0.1, 0.9, 10)
    for X in [
        [np.full((400, 700), level) for level in levels],
        np.repeat(levels, 1000)[:, None, None] * np.ones((1, 16, 16)),
        [*(np.full((20, 30), level) for level in levels), np.zeros((8, 8))],
        # Every second image is dark.
        np.resize([0.2, 0.8], 3000)[:, None, None] * np.ones((1, 16, 16)),
    ]:
        mean, covariance = moments(X)
        side = 2 * len(covariance) - 2
        values = X[:, 0, 0] if isinstance(X, np.ndarray) else levels
        assert float(mean) == pytest.approx(0.5, abs=0.04)
        variance = covariance[0].item() / side**2
        assert variance == pytest.approx(values.var(), rel=0.2)


def test_noise_does_not_count():
    noisy = GaussianNoise(0.3, random_state=0).fit_transform(DISKS)
    found = estimate_moments(check_images(noisy), noise_std=0.3)[1].ravel()
    np.testing.assert_allclose(found, moments(DISKS)[1].ravel(), rtol=0.1, atol=0.02)
    quick = DNNDenoiser(width=4, depth=1, max_steps=2, random_state=0)
    quick.set_params(supervision="noisy", noise_std=0.3, loss="squared_error")
    assert quick.fit(noisy).image_covariance_[-1] < 0.02


def test_the_mean_brightness_varies_as_in_the_images():
    drawn = draw(moments(DISKS), 1000, (32, 32)).mean((1, 2, 3)).numpy()
    brightness = DISKS.mean(axis=(1, 2))
    assert drawn.mean() == pytest.approx(brightness.mean(), abs=0.03)
    assert drawn.std() == pytest.approx(brightness.std(), rel=0.06)


def test_units_sizes_and_layouts():
    found = moments(DISKS)
    for X, data_range in [
        (255 * DISKS, 255),
        (DISKS[..., None], None),
        (list(DISKS), None),
        (torch.from_numpy(DISKS), None),
    ]:
        for one, other in zip(moments(X, data_range), found, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
    assert moments([np.zeros((40, 90)), np.ones((41, 200))])[1].shape == (21, 1, 1)
    assert moments(np.zeros((3, 7, 30))) is None
    assert moments(np.zeros((3, 2000, 10)))[1].shape == (6, 1, 1)


def test_constant_images_are_drawn_as_constants():
    drawn = draw(moments(np.full((5, 16, 16), 0.25)), 3, (8, 24))
    np.testing.assert_allclose(drawn, 0.25)


def test_first_images_do_not_depend_on_the_number():
    found = moments(DISKS)
    np.testing.assert_array_equal(
        draw(found, 7, (20, 30))[:2], draw(found, 2, (20, 30))
    )


def test_samples_have_the_contrast_of_the_images(tmp_path):
    denoiser = load_pretrained("disks")
    drawn, gray = (
        denoiser.sample(30, mean=mean, random_state=0) for mean in (None, 0.5)
    )
    assert 0.8 < drawn.mean(axis=(1, 2)).std() / DISKS.mean(axis=(1, 2)).std() < 1.2
    assert gray.std() < 0.3 * drawn.std()
    np.testing.assert_array_equal(
        denoiser.sample(2, random_state=0),
        denoiser.sample(3, random_state=0)[:2],
    )
    save(denoiser, tmp_path / "disks")
    np.testing.assert_array_equal(
        load(tmp_path / "disks").sample(2, random_state=0),
        denoiser.sample(2, random_state=0),
    )


def test_small_images_and_modules_start_from_the_mean():
    quick = DNNDenoiser(width=4, depth=1, max_steps=2, random_state=0)
    trained = quick.fit(DISKS[:20])
    assert trained.image_covariance_.shape == (17, 1, 1)
    assert trained.prior().moments is not None
    module = DNNDenoiser.from_module(trained.network_)
    assert module.prior().moments is None
    X = np.random.default_rng(0).uniform(size=(20, 6, 6))
    assert quick.fit(X).prior().moments is None
    assert not hasattr(quick, "image_mean_")
    quick.sample(2, random_state=0)


def test_moments_of_stabilized_images_are_not_used():
    quick = DNNDenoiser(width=4, depth=1, max_steps=2, random_state=0)
    denoiser = VarianceStabilizedDenoiser(quick, peak=10).fit(DISKS[:20])
    assert denoiser.denoiser_.prior().moments is not None
    assert denoiser.prior().moments is None
