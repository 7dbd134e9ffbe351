"""Posterior distributions along directions, and their calibration."""

import numpy as np
import pytest
import torch

from sklearn_gahb import (
    BandletOracle,
    EmpiricalDenoiser,
    GaussianDenoiser,
    WienerDenoiser,
)
from sklearn_gahb.datasets import make_disk_images, make_gaussian_textures
from sklearn_gahb.displays import CoverageDisplay
from sklearn_gahb.evaluation import coverage_curve
from sklearn_gahb.jacobian import (
    JacobianBasis,
    posterior_directions,
    posterior_marginal,
    posterior_std,
)
from sklearn_gahb.posteriors.maximum_entropy import maximum_entropy_density

DISKS = make_disk_images(2000, 8, random_state=0).astype(np.float64)
MEMORIZER = EmpiricalDenoiser().fit(DISKS)
NOISE_STD = 0.5
TEXTURES = make_gaussian_textures(1000, 8, random_state=0).astype(np.float64)


def exact_moments(y, v, noise_std):
    """Moments of <v, x> given y, where x is one of the disks."""
    exponents = -np.square(DISKS - y).sum(axis=(1, 2)) / (2 * noise_std**2)
    weights = np.exp(exponents - exponents.max())
    weights /= weights.sum()
    values = (DISKS * v).sum(axis=(1, 2))
    mean = weights @ values
    return np.array([mean, *(weights @ (values - mean) ** k for k in (2, 3, 4))])


@pytest.mark.parametrize("number", range(4))
def test_moments_of_a_finite_set_of_disks(number):
    rng = np.random.default_rng(number)
    y = DISKS[number] + NOISE_STD * rng.normal(size=(8, 8))
    if number % 2:
        (v,), _ = posterior_directions(MEMORIZER, y, NOISE_STD, n_components=1)
    else:
        v = rng.normal(size=(8, 8))
        v /= np.linalg.norm(v)
    found = posterior_marginal(MEMORIZER, y, NOISE_STD, 3 * v)
    exact = exact_moments(y, v, NOISE_STD)
    np.testing.assert_allclose(found.moments, exact, rtol=1e-4)
    assert (found.moments_err < 1e-4 * exact[1] ** [0.5, 1, 1.5, 2]).all()
    std = np.sqrt(exact[1])
    assert found.std == pytest.approx(std)
    assert found.skewness == pytest.approx(exact[2] / std**3, rel=1e-3)
    assert found.kurtosis == pytest.approx(exact[3] / std**4, rel=1e-3)
    # The distribution has these moments.
    drawn = found.distribution
    assert drawn.mean() == pytest.approx(exact[0], rel=1e-4)
    assert drawn.std() == pytest.approx(std, rel=1e-3)


def test_normal_posterior():
    denoiser, y = GaussianDenoiser().fit(TEXTURES), TEXTURES[0]
    unit = np.zeros((8, 8))
    unit[3, 4] = 1
    found = posterior_marginal(denoiser, y, 0.2, unit)
    assert found.mean == pytest.approx(denoiser.denoise_images(y[None], 0.2)[0, 3, 4])
    assert found.std == pytest.approx(posterior_std(denoiser, y, 0.2)[3, 4])
    assert found.skewness == pytest.approx(0, abs=1e-4)
    assert found.kurtosis == pytest.approx(3, abs=1e-3)
    low, high = found.distribution.interval(0.95)
    assert (high - low) / found.std == pytest.approx(2 * 1.95996, rel=1e-3)


def test_two_peaks():
    pair = DISKS[:2]
    v = pair[1] - pair[0]
    distance = np.linalg.norm(v)
    middle = pair.mean(axis=0)
    found = posterior_marginal(EmpiricalDenoiser().fit(pair), middle, 0.2, v)
    assert found.std == pytest.approx(distance / 2)
    assert found.kurtosis == pytest.approx(1, rel=1e-4)
    # The two disks are two narrow peaks.
    low, high = found.mean - distance / 2, found.mean + distance / 2
    pdf = found.distribution.pdf
    assert min(pdf(low), pdf(high)) > 100 * pdf(found.mean)


def test_units():
    denoiser = WienerDenoiser().fit(TEXTURES)
    scaled = WienerDenoiser(data_range=(-10, 30)).fit(40 * TEXTURES - 10)
    v = np.random.RandomState(0).randn(8, 8)
    v /= np.linalg.norm(v)
    expected = posterior_marginal(denoiser, TEXTURES[0], 0.2, v)
    found = posterior_marginal(scaled, 40 * TEXTURES[0] - 10, 0.2, v)
    assert found.mean == pytest.approx(40 * expected.mean - 10 * v.sum(), rel=1e-4)
    assert found.std == pytest.approx(40 * expected.std, rel=1e-4)


@pytest.mark.parametrize(
    ("skewness", "kurtosis"),
    [(0, 3), (0, 1.8), (0, 1.05), (1, 3.5), (2, 5.1), (0, 6), (-0.5, 1.3)],
)
def test_density_of_largest_entropy_has_the_moments(skewness, kurtosis):
    density, edges = maximum_entropy_density(skewness, kurtosis)
    u, p = (edges[1:] + edges[:-1]) / 2, density * np.diff(edges)
    found = [p @ u**k for k in range(5)]
    np.testing.assert_allclose(found, [1, 0, 1, skewness, kurtosis], atol=1e-4)
    # The logarithm of the density is a polynomial of degree 4.
    inner = density > 1e-200
    fit = np.polynomial.Polynomial.fit(u[inner], np.log(density[inner]), 4)
    np.testing.assert_allclose(fit(u[inner]), np.log(density[inner]), atol=1e-6)


def test_normal_density_has_the_largest_entropy():
    density, edges = maximum_entropy_density(0, 3)
    u = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(density, np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi))


def test_no_density_has_these_moments():
    assert maximum_entropy_density(2, 4)[0] is None
    assert maximum_entropy_density(0, np.nan)[0] is None

    def kinked(y, noise_std):
        # The third derivative is large, so that the kurtosis is impossible.
        return y / 2 - 40 * y**3

    with pytest.warns(UserWarning, match="No density with the computed"):
        found = posterior_marginal(kinked, np.zeros((4, 4)), 0.3, np.ones((4, 4)))
    assert found.distribution.std() == pytest.approx(0.3 * 0.5**0.5)


def test_rows_of_a_basis_are_directions():
    denoiser, y = WienerDenoiser().fit(TEXTURES), TEXTURES[0]
    row = JacobianBasis(denoiser, 1, noise_std=0.1).fit(y[None]).components_[0]
    image = row.reshape(y.shape)
    for direction in (row, torch.from_numpy(row)):
        marginal = posterior_marginal(denoiser, y, 0.1, direction)
        assert marginal.std == posterior_marginal(denoiser, y, 0.1, image).std


def test_bad_directions():
    denoiser = WienerDenoiser().fit(TEXTURES)
    y = TEXTURES[0]
    with pytest.raises(ValueError, match=r"direction has shape \(4, 8\); expected"):
        posterior_marginal(denoiser, y, 0.1, np.ones((4, 8)))
    with pytest.raises(ValueError, match="direction has 65 values; expected 64"):
        posterior_marginal(denoiser, y, 0.1, np.ones(65))
    with pytest.raises(ValueError, match="direction is 0 everywhere"):
        posterior_marginal(denoiser, y, 0.1, np.zeros((8, 8)))
    with pytest.raises(ValueError, match="variance along direction is -"):
        posterior_marginal(lambda y, _: -y, y, 0.1, np.ones((8, 8)))


def test_exact_posteriors_are_calibrated():
    denoiser = GaussianDenoiser().fit(TEXTURES)
    X = make_gaussian_textures(40, 8, random_state=1)
    for kind, n_intervals in (("pixels", 64), ("directions", 3)):
        curve = coverage_curve(denoiser, X, 0.2, intervals=kind, random_state=0)
        assert curve.ranks.shape == (40, n_intervals)
        scores = (curve.coverage - curve.nominal) / curve.coverage_std_err
        assert np.sqrt(np.mean(scores**2)) < 2
    disks = coverage_curve(
        MEMORIZER, DISKS[:15], NOISE_STD, intervals="directions", random_state=0
    )
    scores = (disks.coverage - disks.nominal) / disks.coverage_std_err
    assert np.sqrt(np.mean(scores**2)) < 2


def test_wrong_posteriors_are_not():
    """A denoiser for a higher noise level is too certain."""
    denoiser = GaussianDenoiser().fit(TEXTURES)

    def certain(y, noise_std):
        return denoiser.denoise(y, 2 * noise_std)

    X = make_gaussian_textures(30, 8, random_state=1)
    curve = coverage_curve(certain, X, 0.2, random_state=0)
    assert (curve.coverage < curve.nominal - 3 * curve.coverage_std_err)[5:].all()
    scaled = GaussianDenoiser(data_range=255).fit(255 * TEXTURES)
    units = coverage_curve(scaled, (255 * X).round(), 0.2, random_state=0)
    integers = coverage_curve(
        denoiser, (255 * X).round().clip(0, 255).astype(np.uint8), 0.2, random_state=0
    )
    assert abs(units.coverage - integers.coverage).max() < 0.05
    with pytest.raises(ValueError, match="X is a list of images"):
        coverage_curve(denoiser, list(X), 0.2)


def test_coverage_is_drawn():
    curve = coverage_curve(
        GaussianDenoiser().fit(TEXTURES), TEXTURES[:5], 0.2, random_state=0
    )
    display = CoverageDisplay.from_curves({"Gaussian": curve})
    x, y = display.lines_["Gaussian"].get_data()
    np.testing.assert_array_equal(x, curve.nominal)
    np.testing.assert_array_equal(y, curve.coverage)
    with pytest.raises(ValueError, match="result of coverage_curve"):
        CoverageDisplay.from_curves({})


def test_oracles_and_tensors():
    oracle = BandletOracle(noise_std=0.2).fit(TEXTURES)
    v = np.random.RandomState(0).randn(8, 8)
    noisy = TEXTURES[0] + 0.2 * np.random.RandomState(1).randn(8, 8)
    found = posterior_marginal(oracle, noisy, 0.2, v, clean=TEXTURES[0])
    denoised = oracle.denoise_images(noisy[None], 0.2, clean=TEXTURES[:1])[0]
    assert found.mean == pytest.approx((v * denoised).sum() / np.linalg.norm(v))
    denoiser = GaussianDenoiser().fit(TEXTURES)
    for kind in ("pixels", "directions"):
        options = {"intervals": kind, "random_state": 0}
        expected = coverage_curve(denoiser, TEXTURES[:2], 0.2, **options)
        tensor = torch.from_numpy(TEXTURES[:2])
        curve = coverage_curve(denoiser, tensor, 0.2, **options)
        np.testing.assert_allclose(curve.ranks, expected.ranks, atol=1e-6)


def test_one_warning_for_all_images():
    """The diagonal of this Jacobian is negative at every pixel of every image."""
    with pytest.warns(UserWarning, match="Jacobian is negative") as records:
        coverage_curve(lambda y, noise_std: -y, np.ones((4, 6, 6)), 0.1, random_state=0)
    (record,) = records
    assert "negative at 36 of 36 entries" in str(record.message)
    assert "(And 3 more warnings of this kind.)" in str(record.message)
    assert record.filename == __file__
