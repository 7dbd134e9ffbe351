"""Gaussian textures, sine waves and rays: spectra, ranks and optimal errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_gahb.datasets import (
    make_gaussian_textures,
    make_ray_images,
    make_sine_images,
)


@pytest.mark.parametrize("image_size", [15, 32])
def test_texture_spectrum_is_the_returned_one(image_size):
    X, spectrum = make_gaussian_textures(
        4000, image_size, exponent=1.5, return_power_spectrum=True, random_state=0
    )
    periodogram = np.abs(np.fft.fft2(X.astype(float) - 0.5)) ** 2 / image_size**2
    ratio = periodogram.mean(axis=0) / spectrum
    # Each ratio is a mean of 4000 exponential variables. If the coefficient is real,
    # they are chi-square variables.
    assert_allclose(ratio, 1, atol=6 * np.sqrt(2 / 4000))
    assert_allclose(ratio.mean(), 1, atol=0.005)


def test_texture_spectrum_is_a_power_law():
    spectrum = make_gaussian_textures(
        1, 49, exponent=2, std=0.3, return_power_spectrum=True, random_state=0
    )[1]
    k = 49 * np.fft.fftfreq(49)
    radius = np.hypot(k[:, None], k)
    radius[0, 0] = 1
    assert_allclose(spectrum, spectrum[0, 1] * radius**-4)
    assert_allclose(spectrum.mean(), 0.3**2)


def test_texture_moments():
    X = make_gaussian_textures(3000, 16, mean=0.4, std=0.1, random_state=0)
    assert_allclose(X.mean(dtype=float), 0.4, atol=0.005)
    # The textures are stationary: all pixels have the same mean and deviation.
    assert_allclose(X.mean(axis=0, dtype=float), 0.4, atol=0.01)
    assert_allclose(X.std(axis=0, dtype=float), 0.1, rtol=0.08)


def test_white_texture():
    X, spectrum = make_gaussian_textures(
        2000, 16, exponent=0, std=0.2, return_power_spectrum=True, random_state=0
    )
    assert_allclose(spectrum, 0.04)
    neighbors = np.mean((X[:, 1:] - 0.5) * (X[:, :-1] - 0.5), dtype=float)
    assert abs(neighbors) < 0.0005


def test_wiener_filter_attains_its_mean_squared_error():
    X, spectrum = make_gaussian_textures(
        1000, 32, return_power_spectrum=True, random_state=0
    )
    noise = 0.1 * np.random.RandomState(1).standard_normal(X.shape)
    gain = spectrum / (spectrum + 0.1**2)
    denoised = 0.5 + np.fft.ifft2(gain * np.fft.fft2(X + noise - 0.5)).real
    expected = np.mean(spectrum * 0.1**2 / (spectrum + 0.1**2))
    assert_allclose(np.mean((denoised - X) ** 2), expected, rtol=0.02)


def test_sine_images_fill_a_cone_of_two_dimensions():
    X = make_sine_images(3000, 24, random_state=0)
    assert X.dtype == np.float32
    assert_allclose(X.mean(axis=(1, 2)), 0, atol=1e-6)
    coefficients = np.fft.fft2(X.astype(float)) / 24**2
    carried = np.zeros((24, 24), dtype=bool)
    carried[0, [1, -1]] = True
    assert np.abs(coefficients[:, ~carried]).max() < 1e-7
    amplitude = 2 * np.abs(coefficients[:, 0, 1])
    phase = np.angle(coefficients[:, 0, 1]) / (2 * np.pi)
    for uniform in (amplitude, phase % 1):
        assert_allclose(np.histogram(uniform, bins=4, range=(0, 1))[0], 750, atol=100)
    assert np.linalg.matrix_rank(X.reshape(3000, -1)) == 2


def test_sine_images_amplitude_range():
    X = make_sine_images(200, 64, amplitude_range=(0.2, 0.3), random_state=0)
    assert np.abs(X).max(axis=(1, 2)).min() > 0.19
    assert np.abs(X).max() <= 0.3


def test_linear_manifolds_projection_error():
    # Projection onto the span of the images leaves an error of sigma^2 * dimension / d.
    noise = np.random.RandomState(0).standard_normal((20000, 16 * 16))
    for X, dimension in (
        (make_ray_images(50, 16, random_state=0), 1),
        (make_sine_images(50, 16, random_state=0), 2),
    ):
        basis = np.linalg.svd(X.reshape(50, -1), full_matrices=False)[2][:dimension]
        assert_allclose(
            X.reshape(50, -1) @ basis.T @ basis, X.reshape(50, -1), atol=1e-5
        )
        error = np.mean((noise @ basis.T @ basis) ** 2)
        assert_allclose(error, dimension / 16**2, rtol=0.05)


def test_ray_images_of_a_given_image():
    image = np.random.RandomState(0).uniform(size=(5, 7))
    X = make_ray_images(1000, image=image, scale_range=(0.5, 1.0), random_state=0)
    scale = X[:, 2, 3] / image[2, 3]
    assert X.shape == (1000, 5, 7)
    assert_allclose(X, scale[:, None, None] * image, rtol=1e-5)
    assert 0.5 <= scale.min() < 0.51
    assert 0.99 < scale.max() <= 1 + 1e-6


def test_ray_images_of_unsigned_integers():
    X = make_ray_images(
        2, image=np.array([[0, 255]], dtype=np.uint8), scale_range=(1, 1)
    )
    assert_array_equal(X, [[[0, 1]], [[0, 1]]])


def test_default_ray_is_a_disk():
    X = make_ray_images(1, 32, scale_range=(1, 1))[0]
    assert_allclose(X.mean(), 0.25 + 0.75 * np.pi * 8**2 / 32**2, atol=1e-3)


@pytest.mark.parametrize(
    "function", [make_gaussian_textures, make_ray_images, make_sine_images]
)
def test_random_state(function):
    X = function(600, image_size=32, random_state=3)
    assert_array_equal(function(333, image_size=32, random_state=3), X[:333])
    assert not np.array_equal(function(5, image_size=32, random_state=4), X[:5])
    drawn = function(5, image_size=32, random_state=np.random.RandomState(3))
    assert_array_equal(drawn, X[:5])


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (make_gaussian_textures, {"n_samples": -1}, r"'n_samples'.*Got -1 instead"),
        (make_gaussian_textures, {"image_size": 1}, r"'image_size'.*Got 1 instead"),
        (make_gaussian_textures, {"exponent": -1}, r"'exponent'.*Got -1 instead"),
        (make_gaussian_textures, {"std": 0}, r"'std'.*Got 0 instead"),
        (make_gaussian_textures, {"mean": np.nan}, r"'mean'.*Got nan instead"),
        (make_gaussian_textures, {"random_state": "a"}, r"'random_state'.*Got 'a'"),
        (make_sine_images, {"n_samples": 2.5}, r"'n_samples'.*Got 2.5 instead"),
        (make_sine_images, {"image_size": 2}, r"'image_size'.*Got 2 instead"),
        (make_sine_images, {"amplitude_range": (-1, 1)}, r"amplitude_range.*\(-1, 1\)"),
        (make_sine_images, {"amplitude_range": None}, r"amplitude_range.*None"),
        (make_ray_images, {"image_size": 4}, r"'image_size'.*Got 4 instead"),
        (make_ray_images, {"scale_range": (0, 2)}, r"scale_range.*Got \(0, 2\)"),
        (make_ray_images, {"image": [1.0]}, r"image must have shape.*\(1,\)"),
        (make_ray_images, {"image": [[np.nan]]}, r"image contains NaN"),
        (make_ray_images, {"image": [[1j]]}, r"Complex data not supported"),
        (make_ray_images, {"image": [["a"]]}, r"arrays of bytes/strings"),
    ],
)
def test_bad_arguments(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(**arguments)
