"""Log densities from denoisers, against closed forms."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    BandletOracle,
    EmpiricalDenoiser,
    GaussianDenoiser,
    WienerDenoiser,
)
from sklearn_gahb.datasets import make_disk_images, make_gaussian_textures
from sklearn_gahb.evaluation import density_gap, log_density, log_density_by_flow
from sklearn_gahb.evaluation._log_density import clenshaw_curtis
from sklearn_gahb.evaluation._log_density_by_flow import log_density_of_noisy
from sklearn_gahb.jacobian import JacobianOperator

TEXTURES = make_gaussian_textures(300, 8, random_state=0).astype(np.float64)
# Twenty normal densities in 16 dimensions.
CENTERS = np.random.RandomState(0).rand(20, 4, 4, 1)
WIDTH = 0.1


def log_mixture(X, centers, noise_std):
    """Log density of images under a mixture of equal normal densities."""
    d2 = np.square(X[:, None] - centers).reshape(len(X), len(centers), -1).sum(axis=2)
    d = X[0].size
    log_sums = logsumexp(-d2 / (2 * noise_std**2), axis=1)
    return log_sums - np.log(len(centers) * (2 * np.pi * noise_std**2) ** (d / 2))


def log_normal(denoiser, X, noise_std):
    """Log densities of images and of their noisy copies, for a normal prior."""
    rows = X.reshape(len(X), -1)
    covariance = np.cov(rows.T, bias=True) + noise_std**2 * np.eye(rows.shape[1])
    of_clean = multivariate_normal(rows.mean(axis=0), covariance).logpdf(rows)
    return of_clean, of_clean - noise_std**2 / 2 * np.trace(np.linalg.inv(covariance))


def mean_log_mixture(X, centers, noise_std, n_draws=200):
    """Mean log densities of noisy copies of images, and the standard error."""
    rng = np.random.default_rng(1)
    found = [
        log_mixture(X + noise_std * rng.normal(size=X.shape), centers, noise_std)
        for _ in range(n_draws)
    ]
    return np.mean(found, axis=0)


def assert_equal(found, of_clean, of_noisy, n_values):
    """Assert equality within two standard errors.

    The densities of clean images are approximations, up to 0.01 nats per value.
    """
    error = (found.log_density - of_clean).mean()
    std_err = np.sqrt(np.square(found.std_err).sum()) / len(of_clean)
    assert abs(error) < max(0.01 * n_values, 2 * std_err)
    scores = (found.log_density - found.low_noise_end - of_noisy) / found.std_err
    assert abs(scores.mean()) < 2 / np.sqrt(len(scores))
    # Standard errors are neither much too small nor much too large.
    assert 0.6 < scores.std() < 1.7


def test_normal_density():
    denoiser = GaussianDenoiser().fit(TEXTURES)
    of_clean, of_noisy = log_normal(denoiser, TEXTURES, 0.05)
    options = {"noise_range": (0.05, 50.0), "random_state": 0}
    found = log_density(denoiser, TEXTURES, n_draws=8, **options)
    assert_equal(found, of_clean, of_noisy, 64)
    np.testing.assert_allclose(
        found.bits_per_value, -found.log_density / 64 / np.log(2)
    )
    flow = log_density_by_flow(denoiser, TEXTURES[:5], n_probes=None, **options)
    np.testing.assert_allclose(flow.log_density, of_clean[:5], atol=0.1)
    assert np.isnan(flow.std_err).all()


def test_mixture_of_normal_densities():
    denoiser = EmpiricalDenoiser().fit(CENTERS)
    rng = np.random.default_rng(0)
    X = CENTERS[rng.integers(0, 20, 200)] + WIDTH * rng.normal(size=(200, 4, 4, 1))
    of_clean = log_mixture(X, CENTERS, WIDTH)
    of_noisy = mean_log_mixture(X, CENTERS, WIDTH)
    options = {"noise_range": (WIDTH, 20.0), "random_state": 0}
    found = log_density(denoiser, X, n_draws=16, **options)
    assert_equal(found, of_clean, of_noisy, 16)
    flow = log_density_by_flow(denoiser, X[:5], n_probes=None, **options)
    np.testing.assert_allclose(flow.log_density, of_clean[:5], atol=0.1)
    probed = log_density_by_flow(denoiser, X[:5], n_draws=6, **options)
    errors = probed.log_density - of_clean[:5]
    assert abs(errors.mean()) < 3 * np.sqrt(np.square(probed.std_err).sum()) / 5


def test_flow_of_one_image_is_exact():
    denoiser = EmpiricalDenoiser().fit(CENTERS)
    rng = np.random.default_rng(0)
    y = CENTERS[:1] + WIDTH * rng.normal(size=(1, 4, 4, 1))
    y = torch.from_numpy(y).permute(0, 3, 1, 2)
    exact = log_mixture(y.permute(0, 2, 3, 1).numpy(), CENTERS, WIDTH)[0]
    trace_of = JacobianOperator.trace
    value, trace = log_density_of_noisy(denoiser, y, WIDTH, 20.0, trace_of, 1e-5)
    assert value == pytest.approx(exact, abs=2e-3)
    assert trace == pytest.approx(CENTERS.var(axis=0).sum() / 20**2, rel=0.05)


def test_disks():
    """A prior of 1000 disks has a density in closed form, as the sum over the disks."""
    disks = make_disk_images(1000, 8, random_state=0).astype(np.float64)[..., None]
    found = log_density(
        EmpiricalDenoiser().fit(disks),
        disks[:30],
        noise_range=(0.1, 30.0),
        n_draws=4,
        random_state=0,
    )
    of_noisy = mean_log_mixture(disks[:30], disks, 0.1, n_draws=40)
    assert_equal(found, log_mixture(disks[:30], disks, 0.1), of_noisy, 64)


def test_difference_of_log_densities_is_the_divergence():
    """The cross-entropy of a wrong prior exceeds that of the right one by the gap."""
    X = make_gaussian_textures(400, 8, random_state=1)
    right = GaussianDenoiser().fit(X)
    wrong = GaussianDenoiser().fit(make_gaussian_textures(70, 8, random_state=2))
    options = {"noise_range": (0.05, 50.0), "n_draws": 4, "random_state": 0}
    first, second = (log_density(one, X, **options) for one in (right, wrong))
    excess = second.mse.mean(axis=1) - first.mse.mean(axis=1)
    gap = density_gap(excess, first.noise_std, n_values=64)
    values = [(one.log_density - one.low_noise_end).mean() for one in (first, second)]
    assert values[0] - values[1] == pytest.approx(gap.gap, rel=0.03)


def test_training_images_of_a_memorizer_are_more_probable():
    X = make_gaussian_textures(100, 8, random_state=0)[..., None]
    options = {"noise_range": (0.1, 20.0), "random_state": 0}
    train, test = (
        log_density(EmpiricalDenoiser().fit(X[:50]), one, **options)
        for one in (X[:50], X[50:])
    )
    assert train.log_density.min() > test.log_density.max()


def test_layouts_and_units():
    denoiser = WienerDenoiser().fit(TEXTURES)
    options = {"noise_range": (0.05, 20.0), "random_state": 0}
    expected = log_density(denoiser, TEXTURES[:3], **options)
    scaled = WienerDenoiser(data_range=(-255, 255)).fit(510 * TEXTURES - 255)
    found = log_density(scaled, 510 * TEXTURES[:3] - 255, **options)
    np.testing.assert_allclose(found.log_density, expected.log_density, rtol=1e-4)

    def normal(y, noise_std):
        return y / (1 + noise_std**2)

    mixed = [TEXTURES[0], TEXTURES[1, :, :6]]
    for function in (log_density, log_density_by_flow):
        found = function(normal, mixed, noise_range=(0.05, 20.0))
        n_values = -found.log_density / found.bits_per_value / np.log(2)
        np.testing.assert_allclose(n_values, [64, 48])


def test_clenshaw_curtis_is_exact_for_polynomials():
    nodes, weights = clenshaw_curtis(9)
    for degree in range(9):
        exact = (1 - (-1) ** (degree + 1)) / (degree + 1)
        assert weights @ nodes**degree == pytest.approx(exact, abs=1e-14)
    np.testing.assert_allclose(nodes[::2], clenshaw_curtis(5)[0], atol=1e-15)
    nodes, weights = clenshaw_curtis(4)
    assert weights @ nodes**2 == pytest.approx(2 / 3)


def test_levels_that_do_not_cover_the_spread():
    denoiser = WienerDenoiser().fit(TEXTURES)
    for function in (log_density, log_density_by_flow):
        with pytest.warns(UserWarning, match=r"level, 0.2, .* nats per image"):
            function(denoiser, TEXTURES[:2], noise_range=(0.05, 0.2))


@pytest.mark.parametrize("function", [log_density, log_density_by_flow])
def test_bad_arguments(function):
    denoiser = WienerDenoiser().fit(TEXTURES)
    for levels in [(0.1, 0.01), (0, 1), (0.1,), (0.1, np.inf)]:
        with pytest.raises(ValueError, match="two increasing positive numbers"):
            function(denoiser, TEXTURES, noise_range=levels)
    with pytest.raises(ValueError, match="oracle"):
        function(BandletOracle().fit(TEXTURES), TEXTURES)


def test_pipelines_are_not_oracles():
    noisy = TEXTURES + 0.1 * np.random.RandomState(0).randn(*TEXTURES.shape)
    chain = make_pipeline(GaussianDenoiser(), WienerDenoiser()).fit(noisy, TEXTURES)
    found = log_density(chain, TEXTURES[:2], noise_range=(0.05, 20.0), random_state=0)
    assert np.isfinite(found.log_density).all()


def test_channels_of_another_number():
    color = np.repeat(TEXTURES[:1, ..., None], 3, axis=3)
    for function in (log_density, log_density_by_flow):
        with pytest.raises(ValueError, match="channel"):
            function(WienerDenoiser().fit(TEXTURES), color)


def test_even_number_of_levels():
    with pytest.raises(ValueError, match="n_levels=8 is even"):
        log_density(WienerDenoiser().fit(TEXTURES), TEXTURES, n_levels=8)
