import pickle

import numpy as np
import pytest
import torch
from skimage.restoration import estimate_sigma
from sklearn.datasets import load_sample_images

from sklearn_gahb.noise import GaussianNoise, estimate_noise_std

X = np.random.RandomState(0).rand(6, 20, 30)


def test_noise_is_white_gaussian_at_the_level():
    noise = GaussianNoise(0.3, random_state=0).fit_transform(np.zeros((1, 256, 256)))
    assert noise.std() == pytest.approx(0.3, rel=0.01)
    assert abs(noise.mean()) < 0.003
    spectrum = np.abs(np.fft.fft2(noise[0], norm="ortho")) ** 2
    low, high = spectrum[:, :64].mean(), spectrum[:, 64:128].mean()
    assert low == pytest.approx(high, rel=0.05)
    assert (np.abs(noise) < 0.3).mean() == pytest.approx(0.6827, abs=0.01)


def test_neither_order_nor_batch_nor_layout_nor_precision_matters():
    noise = GaussianNoise(0.1, random_state=0)
    noisy = noise.transform(X)
    np.testing.assert_array_equal(noise.transform(X[::-1])[::-1], noisy)
    np.testing.assert_array_equal(noise.transform(X[2:3]), noisy[2:3])
    np.testing.assert_array_equal(
        noise.transform(X.reshape(6, -1)), noisy.reshape(6, -1)
    )
    np.testing.assert_array_equal(noise.transform(list(X)), noisy)
    np.testing.assert_array_equal(noise.transform(torch.tensor(X)), noisy)
    np.testing.assert_allclose(noise.transform(X.astype("f4")), noisy, atol=1e-6)


def test_color_rows_get_the_noise_of_color_images():
    color = X[:, :10, :].reshape(6, 10, 10, 3)
    noise = GaussianNoise(0.1, random_state=0)
    rows = noise.transform(color.reshape(6, -1))
    np.testing.assert_array_equal(rows.reshape(color.shape), noise.transform(color))


def test_images_differ_and_seeds_differ():
    noise = GaussianNoise(0.1, random_state=0).transform(X) - X
    assert abs(np.corrcoef(noise.reshape(6, -1))[0, 1]) < 0.15
    other = GaussianNoise(0.1, random_state=1).transform(X) - X
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.05


def test_none_draws_afresh():
    noise = GaussianNoise(0.1)
    assert not np.array_equal(noise.transform(X), noise.transform(X))


def test_level_zero_is_the_identity():
    np.testing.assert_array_equal(GaussianNoise(0.0).transform(X), X)


@pytest.mark.parametrize("noise_std", [-0.1, None, "loud"])
def test_bad_level(noise_std):
    with pytest.raises(ValueError, match="noise_std"):
        GaussianNoise(noise_std).fit(X)


def test_estimate_equals_skimage_image_by_image():
    photos = [photo[:200, :301] / 255 for photo in load_sample_images().images]
    noisy = GaussianNoise(0.1, random_state=0).transform(photos)
    expected = [estimate_sigma(y, channel_axis=-1, average_sigmas=True) for y in noisy]
    np.testing.assert_allclose(estimate_noise_std(noisy), expected, rtol=1e-10)
    np.testing.assert_allclose(
        estimate_noise_std(np.stack(noisy)), expected, rtol=1e-10
    )


@pytest.mark.parametrize("level", [0.01, 0.1, 1.0])
def test_estimate_of_pure_noise(level):
    noisy = GaussianNoise(level, random_state=0).transform(np.zeros((4, 128, 128)))
    np.testing.assert_allclose(estimate_noise_std(noisy), level, rtol=0.03)
    rows = noisy.reshape(4, -1)
    np.testing.assert_allclose(
        estimate_noise_std(rows, image_shape=(1, -1)), level, rtol=0.03
    )


def test_estimate_of_constant_images_is_zero():
    np.testing.assert_allclose(estimate_noise_std(np.ones((2, 8, 8))), 0, atol=1e-15)
    np.testing.assert_array_equal(estimate_noise_std(np.ones((2, 1, 1))), 0)
    np.testing.assert_array_equal(estimate_noise_std(np.zeros((2, 8, 8))), 0)


def test_pickles_of_the_module_still_load():
    assert pickle.loads(b"csklearn_gahb.noise\nGaussianNoise\n.") is GaussianNoise
