import numpy as np
import pytest
import torch

from sklearn_gahb import (
    GaussianNoise,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    as_denoiser,
)
from sklearn_gahb.datasets import make_c_alpha_backgrounds, make_gaussian_textures
from sklearn_gahb.evaluation import psnr_curve
from sklearn_gahb.metrics import mse

TEXTURES, SPECTRUM = make_gaussian_textures(
    400, 32, exponent=2.0, return_power_spectrum=True, random_state=0
)
SIGMA = 0.1


def test_is_the_linear_minimum_mse_filter():
    """x_hat = m + C (C + sigma^2 I)^-1 (y - m), with a dense circulant covariance C."""
    height = width = 8
    X, spectrum = make_gaussian_textures(
        4, height, return_power_spectrum=True, random_state=0
    )
    X = X.astype(np.float64)
    autocovariance = np.fft.ifft2(spectrum).real
    rows, columns = np.divmod(np.arange(height * width), width)
    C = autocovariance[
        (rows[:, None] - rows) % height, (columns[:, None] - columns) % width
    ]
    denoiser = WienerDenoiser(spectrum, noise_std=SIGMA).fit(X)
    m = denoiser.mean_.item()
    gain = C @ np.linalg.inv(C + SIGMA**2 * np.eye(len(C)))
    expected = m + (X.reshape(4, -1) - m) @ gain.T
    np.testing.assert_allclose(
        denoiser.transform(X).reshape(4, -1), expected, atol=1e-12
    )


def test_reaches_the_optimal_mse_of_gaussian_textures():
    """The expected mse is the mean of S sigma^2 / (S + sigma^2)."""
    optimum = (SPECTRUM * SIGMA**2 / (SPECTRUM + SIGMA**2)).mean()
    train, test = TEXTURES[:200], TEXTURES[200:]
    noisy = GaussianNoise(SIGMA, random_state=0).transform(test)
    denoised = WienerDenoiser(noise_std=SIGMA).fit(train).transform(noisy)
    assert mse(test, denoised) == pytest.approx(optimum, rel=0.02)


def test_spectrum_is_learned_and_white_noise_has_the_level():
    learned = WienerDenoiser().fit(TEXTURES).power_spectrum_[..., 0]
    ratio = learned[1:, 1:] / SPECTRUM[1:, 1:]
    assert abs(np.log(ratio).mean()) < 0.02
    white = 0.3 * np.random.RandomState(0).randn(200, 16, 16)
    spectrum = WienerDenoiser().fit(white).power_spectrum_
    np.testing.assert_allclose(spectrum.mean(), 0.09, rtol=0.02)


def test_zero_mean_is_linear():
    y = torch.from_numpy(TEXTURES[:3, None].astype(np.float64))
    denoise = as_denoiser(WienerDenoiser(zero_mean=True).fit(TEXTURES))
    torch.testing.assert_close(denoise(-10 * y, 0.1), -10 * denoise(y, 0.1))
    affine = as_denoiser(WienerDenoiser().fit(TEXTURES))
    assert (affine(-10 * y, 0.1) + 10 * affine(y, 0.1)).abs().max() > 1e-3


def test_levels_per_image_go_through_the_callable():
    denoise = as_denoiser(WienerDenoiser(noise_std=0.1).fit(TEXTURES))
    y = torch.from_numpy(TEXTURES[:2, None])
    both = denoise(y, torch.tensor([0.05, 0.5]))
    torch.testing.assert_close(both[:1], denoise(y[:1], 0.05))
    torch.testing.assert_close(both[1:], denoise(y[1:], 0.5))
    torch.testing.assert_close(denoise(y), denoise(y, 0.1))


def test_color_has_a_spectrum_a_channel():
    X = np.stack([TEXTURES, 0.1 * TEXTURES, TEXTURES[::-1]], axis=-1)
    spectrum = WienerDenoiser().fit(X).power_spectrum_
    assert spectrum.shape == (32, 32, 3)
    np.testing.assert_allclose(spectrum[..., 1], 0.01 * spectrum[..., 0], rtol=1e-4)


@pytest.mark.parametrize("n", [1, 2])
def test_few_images_keep_the_mean_of_others(n):
    noisy = GaussianNoise(SIGMA, random_state=0).transform(TEXTURES[200:])
    denoised = WienerDenoiser(noise_std=SIGMA).fit(TEXTURES[:n]).transform(noisy)
    optimum = (SPECTRUM * SIGMA**2 / (SPECTRUM + SIGMA**2)).mean()
    assert mse(TEXTURES[200:], denoised) < 1.5 * optimum


def test_zero_frequency_is_unbiased():
    X = TEXTURES[:200].reshape(100, 2, 32, 32)
    learned = [WienerDenoiser().fit(pair).power_spectrum_[0, 0, 0] for pair in X]
    assert np.mean(learned) == pytest.approx(SPECTRUM[0, 0], rel=0.3)


def test_pairs_learn_from_the_clean_images():
    noisy = GaussianNoise(1.0, random_state=0).transform(TEXTURES)
    a = WienerDenoiser().fit(noisy, TEXTURES).power_spectrum_
    np.testing.assert_array_equal(a, WienerDenoiser().fit(TEXTURES).power_spectrum_)


def test_bad_input():
    with pytest.raises(ValueError, match="was fitted on images of 32x32"):
        WienerDenoiser().fit(TEXTURES).transform(TEXTURES[:, :16])
    with pytest.raises(ValueError, match="images of 2 sizes"):
        WienerDenoiser().fit([np.ones((8, 8)), np.ones((8, 9))])
    with pytest.raises(ValueError, match=r"power_spectrum has shape \(8, 8\)"):
        WienerDenoiser(np.ones((8, 8))).fit(TEXTURES)
    with pytest.raises(ValueError, match="not negative"):
        WienerDenoiser(-SPECTRUM).fit(TEXTURES)


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.5])
def test_low_pass_is_the_best_disk_of_frequencies(sigma):
    """Compare with the error at all radii, computed from the known spectrum."""
    denoiser = WienerDenoiser(SPECTRUM, shrinkage="low_pass", noise_std=sigma)
    denoiser.fit(TEXTURES)
    gain = denoiser._gain(torch.zeros(1, 1, 32, 32).double(), sigma)[0, 0].numpy()
    frequencies = np.fft.fftfreq(32)
    radius = np.hypot(frequencies[:, None], frequencies)

    def expected_error(kept):
        return (SPECTRUM * ~kept + sigma**2 * kept).mean()

    errors = [expected_error(radius <= r + 1e-9) for r in np.unique(radius)]
    assert expected_error(gain == 1) == pytest.approx(min(errors))
    assert set(np.unique(gain)) == {0.0, 1.0}
    noisy = GaussianNoise(sigma, random_state=0).transform(TEXTURES)
    low_pass = mse(TEXTURES, denoiser.transform(noisy))
    assert low_pass == pytest.approx(min(errors), rel=0.03)
    wiener = WienerDenoiser(SPECTRUM, noise_std=sigma).fit(TEXTURES)
    assert mse(TEXTURES, wiener.transform(noisy)) < low_pass < 2 * min(errors)


def test_low_pass_of_levels_and_channels():
    X = np.stack([TEXTURES, 3 * TEXTURES], axis=-1)
    denoise = as_denoiser(WienerDenoiser(shrinkage="low_pass").fit(X))
    y = torch.from_numpy(X[:2]).movedim(-1, 1)
    both = denoise(y, torch.tensor([0.02, 0.5]))
    for channel in (0, 1):
        alone = as_denoiser(WienerDenoiser(shrinkage="low_pass").fit(X[..., channel]))
        for i, level in enumerate([0.02, 0.5]):
            torch.testing.assert_close(
                both[i, channel], alone(y[i : i + 1, [channel]], level)[0, 0]
            )
    torch.testing.assert_close(denoise(y, 0.0), y)


@pytest.mark.parametrize("shrinkage", ["wiener", "low_pass"])
@pytest.mark.parametrize(
    ("exponent", "low", "high"), [(2, 0.48, 0.53), (3, 0.647, 0.687), (4, 0.73, 0.77)]
)
def test_slopes_on_gaussian_textures(exponent, low, high, shrinkage):
    """The slopes are (b - 1) / b: 0.50 to 0.51, 0.667 and 0.750."""
    X, spectrum = make_gaussian_textures(
        40,
        128,
        exponent=exponent,
        return_power_spectrum=True,
        random_state=0,
    )
    levels = 10 ** (-np.arange(10, 31, 5) / 20)
    denoiser = WienerDenoiser(spectrum, shrinkage=shrinkage).fit(X)
    assert low < psnr_curve(denoiser, X, levels, random_state=0).slope < high


def test_no_linear_or_learned_denoiser_beats_it_on_textures():
    """A spectrum learned from 200 images costs less than 1 percent more error."""
    X, spectrum = make_gaussian_textures(
        300, 64, exponent=2.0, return_power_spectrum=True, random_state=0
    )
    train, test = X[:200], X[200:]
    noisy = GaussianNoise(SIGMA, random_state=0).transform(test)
    optimum = WienerDenoiser(spectrum, noise_std=SIGMA).fit(train)
    best = mse(test, optimum.transform(noisy))
    learned = WienerDenoiser(noise_std=SIGMA).fit(train)
    assert mse(test, learned.transform(noisy)) < 1.01 * best
    for other in (
        WienerDenoiser(shrinkage="low_pass", noise_std=SIGMA),
        WaveletThresholdDenoiser(noise_std=SIGMA),
        WaveletThresholdDenoiser(threshold=3.0, shrinkage="hard", noise_std=SIGMA),
    ):
        assert mse(test, other.fit(train).transform(noisy)) > best


@pytest.mark.parametrize("alpha", [1, 2, 3])
def test_slopes_on_regular_backgrounds(alpha):
    X = make_c_alpha_backgrounds(100, 128, alpha, random_state=0)
    levels = 10 ** (-np.arange(10, 31, 5) / 20)
    curve = psnr_curve(WienerDenoiser().fit(X), X, levels, random_state=0)
    assert curve.slope == pytest.approx(alpha / (alpha + 1), abs=0.02)


def test_no_noise_keeps_the_image_and_no_signal_gives_the_mean():
    keep = WienerDenoiser(noise_std=0.0).fit(TEXTURES)
    np.testing.assert_allclose(keep.transform(TEXTURES), TEXTURES, atol=1e-5)
    flat = WienerDenoiser(np.zeros((32, 32)), noise_std=0.1).fit(TEXTURES)
    np.testing.assert_allclose(flat.transform(TEXTURES) - flat.mean_, 0, atol=1e-5)
