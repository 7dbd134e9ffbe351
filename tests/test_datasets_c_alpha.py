"""C^alpha images: the algorithm, the two conventions, the spectra and regularity."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_gahb.datasets import make_c_alpha_backgrounds, make_c_alpha_images


def one_image(rng, size, contour_exponent, background_exponent):
    """Compute one image with plain loops, as in the appendix and the released code."""
    frequency = size * np.abs(np.fft.fftfreq(size))
    frequency[0] = 1
    noise = rng.uniform(-1, 1, size=size)
    contour = np.fft.ifft(np.fft.fft(noise) * frequency**-contour_exponent).real
    backgrounds = []
    frequency = size * np.fft.fftfreq(size)
    frequency = np.sqrt(frequency[:, None] ** 2 + frequency**2)
    frequency[0, 0] = 1
    for _ in range(2):
        noise = rng.uniform(-1, 1, size=(size, size))
        spectrum = np.fft.fft2(noise) * frequency**-background_exponent
        background = np.fft.ifft2(spectrum).real
        background -= background.min()
        backgrounds.append(background / background.max())
    lower, upper = backgrounds
    coin, p, q = rng.uniform(size=3)
    if coin < 0.5:
        lower, upper = p + (1 - p) * lower, q * upper
    else:
        lower, upper = q * lower, p + (1 - p) * upper

    mask = np.ones((size, size))
    for j in range(size):
        mask[: max(0, round(size * contour[j]) + size // 2), j] = 0
    padded = np.pad(mask, ((1, 0), (1, 0)), mode="reflect")
    image = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            inside = padded[i : i + 2, j : j + 2].mean()
            image[i, j] = inside * lower[i, j] + (1 - inside) * upper[i, j]
    return image


@pytest.mark.parametrize("size", [20, 33])
@pytest.mark.parametrize(
    ("arguments", "exponents"),
    [
        ({"alpha": 2, "convention": "released"}, (2, 2)),
        ({"alpha": 1, "beta": 3, "convention": "released"}, (1, 3)),
        ({"alpha": 2, "convention": "hoelder"}, (2.5, 3)),
        ({"alpha": 1.5, "beta": 0.5}, (2, 1.5)),
    ],
)
def test_images_are_those_of_the_plain_algorithm(size, arguments, exponents):
    X = make_c_alpha_images(30, size, **arguments, random_state=0)
    rng = np.random.RandomState(0)
    expected = [one_image(rng, size, *exponents) for _ in range(30)]
    assert_allclose(X, expected, atol=1e-6)


def spectral_slope(X):
    """Fit the slope of the log mean power spectrum against the log wavenumber."""
    size = X.shape[-1]
    X = X - X.mean(axis=(1, 2), keepdims=True)
    X /= X.std(axis=(1, 2), keepdims=True)
    power = np.mean(np.abs(np.fft.fft2(X)) ** 2, axis=0)
    k = size * np.fft.fftfreq(size)
    k = np.hypot(k[:, None], k)
    used = (k > 2) & (k < size / 2)
    return np.polyfit(np.log(k[used]), np.log(power[used]), 1)[0]


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_background_spectrum(alpha):
    X = make_c_alpha_backgrounds(300, 64, alpha, random_state=0).astype(float)
    assert_allclose(spectral_slope(X), -2 * (alpha + 1), atol=0.05)
    X = make_c_alpha_backgrounds(
        300, 64, alpha, convention="released", random_state=0
    ).astype(float)
    assert_allclose(spectral_slope(X), -2 * alpha, atol=0.05)


@pytest.mark.parametrize(
    ("convention", "regularity"), [("hoelder", 0.5), ("released", -0.5)]
)
def test_background_regularity(convention, regularity):
    # If the regularity is in (0, 1), the mean squared increments over a distance h grow
    # like h^(2 regularity). If the regularity is negative, they do not grow.
    X = make_c_alpha_backgrounds(
        100, 256, 0.5, convention=convention, random_state=0
    ).astype(float)
    X /= X.std(axis=(1, 2), keepdims=True)
    steps = np.array([2, 4, 8, 16])
    increments = [np.mean((np.roll(X, h, axis=2) - X) ** 2) for h in steps]
    slope = np.polyfit(np.log(steps), np.log(increments), 1)[0] / 2
    assert_allclose(slope, max(regularity, 0), atol=0.12)


@pytest.mark.parametrize("convention", ["hoelder", "released"])
@pytest.mark.parametrize("alpha", [1, 2, 3, 4])
def test_linear_denoising_has_the_optimal_rate(alpha, convention):
    # Compare output and input PSNR of the Wiener filter that knows the spectrum.
    exponent = alpha + 1 if convention == "hoelder" else alpha + 2
    X = make_c_alpha_backgrounds(
        300,
        64,
        alpha if convention == "hoelder" else exponent,
        convention=convention,
        random_state=0,
    ).astype(float)
    spectrum = np.mean(np.abs(np.fft.fft2(X - X.mean())) ** 2, axis=0) / 64**2
    input_psnr = np.array([10, 30])
    variance = 10 ** (-input_psnr / 10)
    mse = [np.mean(spectrum * v / (spectrum + v)) for v in variance]
    slope = -10 * np.diff(np.log10(mse)) / np.diff(input_psnr)
    assert_allclose(slope, (exponent - 1) / exponent, atol=0.02)


def test_one_side_is_bright_and_the_other_dark():
    X = make_c_alpha_backgrounds(400, 16, random_state=0)
    low, high = X.min(axis=(1, 2)), X.max(axis=(1, 2))
    is_bright = high > 1 - 1e-6
    assert_allclose(low[~is_bright], 0, atol=1e-6)
    assert_allclose(np.mean(is_bright), 0.5, atol=0.1)
    for uniform in (low[is_bright], high[~is_bright]):
        assert_allclose(np.mean(uniform), 0.5, atol=0.08)
        assert_allclose(np.std(uniform), 1 / np.sqrt(12), atol=0.05)


def test_images_are_brighter_below_the_contour_half_the_time():
    X = make_c_alpha_images(1000, 32, random_state=0)
    brighter_below = X[:, -1].mean(axis=1) > X[:, 0].mean(axis=1)
    assert_allclose(np.mean(brighter_below), 0.5, atol=0.06)


@pytest.mark.parametrize("function", [make_c_alpha_images, make_c_alpha_backgrounds])
def test_range_shape_and_random_state(function):
    X = function(300, 40, 1.0, random_state=3)
    assert X.shape == (300, 40, 40)
    assert X.dtype == np.float32
    assert X.min() >= 0
    assert X.max() <= 1
    assert_array_equal(function(200, 40, 1.0, random_state=3), X[:200])
    assert not np.array_equal(function(5, 40, 1.0, random_state=4), X[:5])


@pytest.mark.parametrize("function", [make_c_alpha_images, make_c_alpha_backgrounds])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, r"'n_samples'.*Got 0 instead"),
        ({"image_size": 1}, r"'image_size'.*Got 1 instead"),
        ({"alpha": 0}, r"'alpha'.*Got 0 instead"),
        ({"alpha": "smooth"}, r"'alpha'.*Got 'smooth' instead"),
        ({"alpha": np.inf}, r"'alpha'.*Got inf instead"),
        ({"convention": "paper"}, r"'convention'.*'hoelder'.*Got 'paper' instead"),
        ({"random_state": 1.5}, r"'random_state'.*Got 1.5 instead"),
    ],
)
def test_bad_arguments(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(**arguments)


def test_bad_beta():
    with pytest.raises(ValueError, match=r"'beta'.*Got -1 instead"):
        make_c_alpha_images(beta=-1)
