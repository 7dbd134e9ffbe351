"""The adapter for the package bm3d."""

import numpy as np
import pytest

from sklearn_gahb import BM3DDenoiser, GaussianNoise, psnr
from sklearn_gahb.jacobian import jacobian_operator

bm3d = pytest.importorskip("bm3d")

RNG = np.random.RandomState(0)


def test_is_the_package():
    y = RNG.rand(2, 20, 24)
    denoised = BM3DDenoiser(noise_std=0.2, n_jobs=2).fit(y).transform(y)
    expected = [bm3d.bm3d(one, 0.2) for one in y]
    # The package computes in float32, and two of its calls differ by up to 2e-6.
    np.testing.assert_allclose(denoised, expected, atol=1e-5)
    other = BM3DDenoiser("high", noise_std=0.2).fit(y).transform(y[:1])
    np.testing.assert_allclose(other[0], bm3d.bm3d(y[0], 0.2, "high"), atol=1e-5)
    color = RNG.rand(1, 20, 24, 3)
    denoised = BM3DDenoiser(noise_std=0.2).fit(color).transform(color)
    np.testing.assert_allclose(denoised[0], bm3d.bm3d_rgb(color[0], 0.2), atol=1e-5)


def test_published_psnr(data_home):
    """Table of Zhang et al., 2017, doi:10.1109/TIP.2017.2662206, at noise 25/255."""
    from sklearn_gahb.datasets import fetch_set12

    house = fetch_set12().images[1]
    clean = house[None] / np.float32(255)
    denoiser = BM3DDenoiser(noise_std=25 / 255, random_state=0).fit(clean)
    # The package improves the method of the table by at most 0.25 dB.
    assert 32.8 < denoiser.score(clean) < 33.15


@pytest.mark.parametrize("shape", [(1, 1, 30), (1, 3, 5), (1, 9, 40), (1, 8, 8, 2)])
def test_small_images(shape):
    X = np.full(shape, 0.5)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    denoised = BM3DDenoiser(noise_std=0.1).fit(X).transform(noisy)
    assert denoised.shape == shape
    assert psnr(X, denoised) > psnr(X, noisy)


def test_gray_stored_as_color():
    """Equal channels have no chrominance to normalize."""
    gray = RNG.rand(1, 16, 16)
    denoiser = BM3DDenoiser(noise_std=0.1)
    expected = denoiser.fit(gray).transform(gray)
    # The channels are equal up to rounding.
    color = np.stack([gray, gray * 1.1 / 1.1, gray * 3 / 3], axis=-1)
    denoised = denoiser.fit(color).transform(color)
    expected = np.repeat(expected[..., None], 3, axis=-1)
    np.testing.assert_allclose(denoised, expected, atol=1e-6)


def test_no_noise_and_no_jacobian():
    X = RNG.rand(1, 16, 16)
    denoiser = BM3DDenoiser(noise_std=0.0).fit(X)
    np.testing.assert_array_equal(denoiser.transform(X), X)
    with pytest.raises(ValueError, match=r"BM3DDenoiser.* is not written in torch"):
        jacobian_operator(denoiser, X[0])
    with pytest.raises(ValueError, match="'profile' parameter"):
        BM3DDenoiser("fast").fit(X)
