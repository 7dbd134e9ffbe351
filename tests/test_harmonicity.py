"""Energy and frequencies of basis vectors along contours."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from sklearn_gahb import JacobianBasis, WienerDenoiser, psnr
from sklearn_gahb.datasets import make_gaussian_textures
from sklearn_gahb.denoisers import FunctionDenoiser
from sklearn_gahb.jacobian import harmonicity

SIDE = 32
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
EDGE = gaussian_filter((COLUMNS >= SIDE // 2).astype(float), 1)


def basis_of(vectors):
    """Basis of a denoiser that keeps the given orthonormal vectors (k, h, w)."""
    V = torch.from_numpy(vectors.reshape(len(vectors), -1))
    factors = torch.linspace(1.0, 0.5, len(V), dtype=torch.float64)

    def denoise(y, noise_std):
        rows = y.flatten(1)
        return ((factors * (rows @ V.T)) @ V).reshape(y.shape)

    y = vectors.sum(axis=0)[None]
    return JacobianBasis(FunctionDenoiser(denoise), len(V), solver="dense").fit(y)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=(1, 2), keepdims=True)


@pytest.mark.parametrize("turned", [False, True])
def test_harmonics_of_a_straight_edge(turned):
    """Waves along an edge, with a Gaussian profile across it."""
    width, frequencies = 1.5, np.array([2, 4]) / SIDE
    profile = np.exp(-((COLUMNS - SIDE / 2 + 0.5) ** 2) / (2 * width**2))
    waves = [np.cos(2 * np.pi * f * ROWS) * profile for f in frequencies]
    image, vectors = EDGE, unit(np.array(waves))
    if turned:
        image, vectors = image.T, vectors.transpose(0, 2, 1)
    found = harmonicity(basis_of(vectors), image, contour_fraction=2 / SIDE)
    assert (found.contour_share > 0.9).all()
    assert found.area_share < 0.25
    # Differences over two pixels damp frequencies: sin(2 pi f) instead of 2 pi f. The
    # mean over the ends of the waves differs a little.
    expected = np.sin(2 * np.pi * frequencies) / (2 * np.pi)
    np.testing.assert_allclose(found.along, expected, rtol=0.05)
    # The derivative of exp(-t^2 / 2 w^2) has 1 / (2 w^2) of its energy.
    across = 1 / (2**0.5 * width * 2 * np.pi)
    np.testing.assert_allclose(found.across, across, rtol=0.25)
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights[0] == pytest.approx(2 / 3, rel=1e-6)


def test_drawn_contours_say_what_is_near():
    drawn = np.zeros((SIDE, SIDE), dtype=bool)
    drawn[:, 5] = True
    inside = unit((np.abs(COLUMNS - 5) <= 2).astype(float)[None])
    outside = unit((COLUMNS > 20).astype(float)[None])
    basis = basis_of(np.concatenate([inside, outside]))
    found = harmonicity(basis, EDGE, contours=drawn)
    np.testing.assert_allclose(found.contour_share, [1, 0], atol=1e-12)
    assert found.area_share == 5 / SIDE
    assert found.along[1] == found.across[1] == 0


def test_waves_do_not_know_the_image():
    X = make_gaussian_textures(50, 32, random_state=0)
    basis = JacobianBasis(WienerDenoiser(noise_std=0.1).fit(X)).fit(X[:1])
    # Away from the border, where differences are one-sided.
    drawn = np.zeros((32, 32), dtype=bool)
    drawn[8:24, 8:24] = X[0, 8:24, 8:24] > np.median(X[0, 8:24, 8:24])
    found = harmonicity(basis, X[0], contours=drawn)
    assert found.contour_share.mean() == pytest.approx(found.area_share, abs=1e-6)
    # In the mean over a complete basis, no direction differs from another.
    along, across = (
        found.contour_share @ one**2 for one in (found.along, found.across)
    )
    assert along == pytest.approx(across, rel=1e-4)


def test_bad_contours():
    basis = basis_of(unit(EDGE[None]))
    for wrong in (np.zeros((SIDE, SIDE)), np.ones((3, 3))):
        with pytest.raises(ValueError, match=r"contours .*\(32, 32\)"):
            harmonicity(basis, EDGE, contours=wrong)
    with pytest.raises(ValueError, match="clean has 8x8 pixels"):
        harmonicity(basis, EDGE[:8, :8])


def test_symmetrization_loss():
    """Against the symmetric part of a matrix that is known."""
    rng = np.random.default_rng(0)
    A = torch.from_numpy(rng.normal(size=(36, 36)) / 36 + 0.8 * np.eye(36))
    denoiser = FunctionDenoiser(
        lambda y, _: (y.flatten(1) @ A.T).reshape(y.shape) + 0.1
    )
    clean = rng.random((1, 6, 6))
    noisy = clean + 0.1 * rng.normal(size=clean.shape)
    basis = JacobianBasis(denoiser).fit(noisy, clean)
    symmetric = (A + A.T).numpy() / 2
    x_hat = (symmetric @ noisy.ravel() + 0.1).reshape(clean.shape)
    expected = psnr(clean, denoiser.denoise_images(noisy)) - psnr(clean, x_hat)
    assert basis.symmetrization_loss_ == pytest.approx(expected)
    np.testing.assert_allclose(basis.affine_denoiser().transform(noisy), x_hat)
    assert not hasattr(basis.fit(noisy), "symmetrization_loss_")
