import numpy as np
import pytest
import torch

from sklearn_gahb import GaussianNoise, WienerDenoiser, as_denoise
from sklearn_gahb.datasets import make_gaussian_textures
from sklearn_gahb.metrics import mse

TEXTURES, SPECTRUM = make_gaussian_textures(
    400, 32, exponent=2.0, return_power_spectrum=True, random_state=0
)
SIGMA = 0.1


def test_is_the_linear_minimum_mse_filter():
    """x_hat = m + C (C + sigma^2 I)^-1 (y - m), C the dense circulant covariance."""
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
    """E mse = mean of S sigma^2 / (S + sigma^2)."""
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
    denoise = as_denoise(WienerDenoiser(zero_mean=True).fit(TEXTURES))
    torch.testing.assert_close(denoise(-10 * y, 0.1), -10 * denoise(y, 0.1))
    affine = as_denoise(WienerDenoiser().fit(TEXTURES))
    assert (affine(-10 * y, 0.1) + 10 * affine(y, 0.1)).abs().max() > 1e-3


def test_levels_per_image_go_through_the_callable():
    denoise = as_denoise(WienerDenoiser(noise_std=0.1).fit(TEXTURES))
    y = torch.from_numpy(TEXTURES[:2, None])
    both = denoise(y, torch.tensor([0.05, 0.5]))
    torch.testing.assert_close(both[:1], denoise(y[:1], 0.05))
    torch.testing.assert_close(both[1:], denoise(y[1:], 0.5))
    torch.testing.assert_close(denoise(y), denoise(y, 0.1))


def test_colour_has_a_spectrum_a_channel():
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


def test_no_noise_keeps_the_image_and_no_signal_gives_the_mean():
    keep = WienerDenoiser(noise_std=0.0).fit(TEXTURES)
    np.testing.assert_allclose(keep.transform(TEXTURES), TEXTURES, atol=1e-5)
    flat = WienerDenoiser(np.zeros((32, 32)), noise_std=0.1).fit(TEXTURES)
    np.testing.assert_allclose(flat.transform(TEXTURES) - flat.mean_, 0, atol=1e-5)
