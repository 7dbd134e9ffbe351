"""The optimal denoiser for disks."""

import warnings

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, multivariate_t

from sklearn_gahb import (
    BandletDenoiser,
    DiskPosteriorDenoiser,
    EmpiricalDenoiser,
    GaussianNoise,
    WaveletThresholdDenoiser,
    WienerDenoiser,
)
from sklearn_gahb.datasets import (
    DiskPrior,
    disk_coverage,
    disk_tangents,
    make_disk_images,
)
from sklearn_gahb.jacobian import jacobian_operator
from sklearn_gahb.posteriors.disks import fit_geometry
from sklearn_gahb.posteriors.proposals import (
    GridCells,
    spread_over_cells,
    student_t,
)
from sklearn_gahb.posteriors.truncated_normal import truncated_moments

PRIOR = DiskPrior(32, 4.0, 12.0)


@pytest.fixture(scope="module")
def grid():
    """The coverages of 8x8 disks on a grid of all three parameters of the geometry."""
    middle = (np.arange(24) + 0.5) / 24
    u = np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), -1).reshape(-1, 3)
    circles = DiskPrior(8, 1.5, 3.0).circles(u)
    return disk_coverage(*circles.T, image_size=8).reshape(len(u), -1)


def grid_posterior_mean(y, sigma, c, n_intensities=40):
    """Integrate over all five parameters of 8x8 disks by the midpoint rule."""
    a = (np.arange(n_intensities) + 0.5) / n_intensities
    # Expand |y - b - (f - b) c|^2 in these sums over pixels.
    cc, c1, cy = (c**2).sum(1), c.sum(1), c @ y
    total, mean = 0.0, np.zeros(64)
    for b in a:
        contrast = a - b
        squares = (
            y @ y
            + 64 * b**2
            - 2 * b * y.sum()
            + 2 * b * np.outer(contrast, c1)
            + np.outer(contrast**2, cc)
            - 2 * np.outer(contrast, cy)
        )
        weights = np.exp(-squares / (2 * sigma**2) + 32)
        total += weights.sum()
        mean += (contrast @ weights) @ c + b * weights.sum()
    return mean / total


@pytest.mark.parametrize("sigma", [0.1, 0.3, 1.0])
def test_agrees_with_a_grid_posterior(sigma, grid):
    X = make_disk_images(2, 8, radius_range=(2, 3), random_state=0).astype(np.float64)
    noisy = GaussianNoise(sigma, random_state=0).fit_transform(X)
    denoiser = DiskPosteriorDenoiser(
        (1.5, 3.0), n_draws=30_000, noise_std=sigma, random_state=0
    )
    denoised = denoiser.fit(X).transform(noisy)
    for y, x_hat in zip(noisy, denoised, strict=True):
        expected = grid_posterior_mean(y.ravel(), sigma, grid)
        np.testing.assert_allclose(x_hat.ravel(), expected, atol=3e-3)
        assert np.sqrt(np.mean((x_hat.ravel() - expected) ** 2)) < 1e-3


def test_vanishing_noise():
    """The mse tends to 5 sigma^2 / d, and the trace of the Jacobian tends to 5.

    The error tends to the noise along the five tangents. It is compared with this
    noise, because the mean of few errors differs from 5 sigma^2 / d by chance.
    """
    sigma = 0.01
    X, parameters = make_disk_images(100, 16, return_parameters=True, random_state=0)
    kept = np.flatnonzero(np.abs(parameters[:, 3] - parameters[:, 4]) > 0.3)[:24]
    X, tangents = X[kept], disk_tangents(parameters[kept], image_size=16)
    assert len(X) == 24
    noisy = GaussianNoise(sigma, random_state=0).fit_transform(X)
    denoiser = DiskPosteriorDenoiser(noise_std=sigma, random_state=0).fit(X)
    Q = np.linalg.qr(tangents.reshape(24, 5, 256).transpose(0, 2, 1))[0]
    along = np.einsum("nd,ndk->nk", (noisy - X).reshape(24, 256), Q)
    errors = ((denoiser.transform(noisy) - X) ** 2).sum((1, 2))
    assert errors.mean() / np.square(along).sum(1).mean() == pytest.approx(1, abs=0.1)
    traces = [jacobian_operator(denoiser, y).dense().trace() for y in noisy[:8]]
    assert np.mean(traces) / 5 == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("sigma", [0.03, 0.3])
def test_is_never_worse_than_others(sigma):
    train = make_disk_images(300, 16, random_state=1)
    X = make_disk_images(25, 16, random_state=2)
    noisy = GaussianNoise(sigma, random_state=0).fit_transform(X)
    optimum = DiskPosteriorDenoiser(noise_std=sigma, random_state=0).fit(train)
    best = ((optimum.transform(noisy) - X) ** 2).mean((1, 2))
    for other in (
        WienerDenoiser(noise_std=sigma),
        WaveletThresholdDenoiser("haar", noise_std=sigma),
        BandletDenoiser(n_shifts=4, noise_std=sigma),
        EmpiricalDenoiser(noise_std=sigma),
    ):
        errors = ((other.fit(train).transform(noisy) - X) ** 2).mean((1, 2))
        differences = errors - best
        assert differences.mean() > -2 * differences.std() / np.sqrt(len(X))


def test_jacobian_is_the_posterior_covariance():
    """With little noise, the Jacobian is the projection onto the five tangents."""
    X, parameters = make_disk_images(1, 16, return_parameters=True, random_state=3)
    y = X[0].astype(np.float64)
    denoiser = DiskPosteriorDenoiser(noise_std=0.003, random_state=0).fit(X)
    J = jacobian_operator(denoiser, y)
    tangents = disk_tangents(parameters, image_size=16)[0].reshape(5, -1)
    Q = np.linalg.qr(tangents.T)[0]
    np.testing.assert_allclose(Q.T @ (J @ Q), np.eye(5), atol=0.15)
    assert J.dense().trace() == pytest.approx(5, rel=0.1)
    np.testing.assert_allclose(J.H @ Q, J @ Q)


def test_order_and_batches_do_not_matter():
    X = make_disk_images(4, 16, random_state=0)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    denoiser = DiskPosteriorDenoiser(noise_std=0.1, random_state=0).fit(X)
    together = denoiser.transform(noisy)
    np.testing.assert_array_equal(denoiser.transform(noisy[::-1])[::-1], together)
    np.testing.assert_array_equal(denoiser.transform(noisy[:1]), together[:1])


def test_levels_per_image_go_through_the_callable():
    X = make_disk_images(2, 16, random_state=0)
    y = torch.from_numpy(GaussianNoise(0.1, random_state=0).fit_transform(X))[:, None]
    denoise = DiskPosteriorDenoiser(random_state=0).fit(X)
    both = denoise(y, torch.tensor([0.05, 0.5]))
    for i, level in enumerate([0.05, 0.5]):
        torch.testing.assert_close(both[i : i + 1], denoise(y[i : i + 1], level))
    with pytest.raises(ValueError, match="is not written in torch"):
        denoise(y.requires_grad_())


def test_few_draws_warn():
    X = make_disk_images(2, 16, random_state=0)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    denoiser = DiskPosteriorDenoiser(n_draws=100, noise_std=0.1, random_state=0).fit(X)
    sizes = denoiser.effective_sample_size(noisy)
    assert (sizes < 100).all()
    with pytest.warns(
        UserWarning, match="sample size is under 100 for 2 of 2"
    ) as records:
        denoiser.transform(noisy)
    assert {record.filename for record in records} == {__file__}


@pytest.mark.filterwarnings("ignore:noise_std=.* is very low")
def test_images_that_are_no_disks():
    """Textures, extreme intensities and zero images do not give NaN."""
    X = make_disk_images(2, 16, random_state=0)
    texture = np.random.RandomState(0).rand(16, 16)
    odd = np.stack([X[0] + 3, -5 * X[0], 0 * texture, texture, 1e6 * texture])
    for noise_std in (0.0, 0.001, 0.01, 10.0):
        denoiser = DiskPosteriorDenoiser(noise_std=noise_std, random_state=0).fit(X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            denoised = denoiser.transform(odd)
        assert np.isfinite(denoised).all()
        assert (denoised > -0.01).all()
        assert (denoised < 1.01).all()
        assert (denoiser.effective_sample_size(odd) >= 1 - 1e-9).all()


def test_fit_finds_the_geometry():
    rng = np.random.RandomState(0)
    for u in rng.rand(20, 3):
        disk = np.concatenate([PRIOR.circles(u[None])[0], [0.8, 0.3]])
        y = disk_coverage(*disk[:3, None], image_size=32).ravel() * 0.5 + 0.3
        start = (u + rng.uniform(-1, 1, 3) / 22).clip(0, 1)
        mode, covariance = fit_geometry(y, 0.01, PRIOR, start[None])
        np.testing.assert_allclose(mode, u, atol=1e-5)
        assert np.sqrt(covariance.diagonal()).max() < 0.01


def test_prior_is_that_of_the_images():
    _, parameters = make_disk_images(2000, 32, return_parameters=True, random_state=0)
    circles = PRIOR.circles(np.random.RandomState(0).rand(2000, 3))
    np.testing.assert_allclose(
        np.quantile(circles, [0.1, 0.5, 0.9], axis=0),
        np.quantile(parameters[:, :3], [0.1, 0.5, 0.9], axis=0),
        atol=0.5,
    )
    u = np.array([0.3, 0.6, 0.2])
    steps = PRIOR.circles(u + 1e-6 * np.eye(3)) - PRIOR.circles(u - 1e-6 * np.eye(3))
    np.testing.assert_allclose(PRIOR.derivative(u), steps.T / 2e-6, atol=1e-6)


@pytest.mark.parametrize("mean", [(0.5, 0.4), (0.05, 0.97), (1.3, -0.2), (3.0, 0.5)])
@pytest.mark.parametrize("std", [0.02, 0.3, 2.0])
def test_truncated_moments_by_brute_force(mean, std):
    covariance = std**2 * np.array([[1.0, -0.3], [-0.3, 0.5]])
    axis = (np.arange(1500) + 0.5) / 1500
    x, y = (axis - mean[0])[:, None], axis - mean[1]
    (a, b), (_, c) = np.linalg.inv(covariance)
    log_density = (a * x + 2 * b * y) * x + c * y**2
    log_density *= -0.5
    log_density += multivariate_normal(mean, covariance).logpdf(mean)
    weights = np.exp(log_density - log_density.max())
    log_mass = np.log(weights.mean()) + log_density.max()
    weights /= weights.sum()
    center = np.array([weights.sum(1) @ axis, weights.sum(0) @ axis])
    x, y = axis - center[0], axis - center[1]
    cross = x @ weights @ y
    expected = [[weights.sum(1) @ x**2, cross], [cross, weights.sum(0) @ y**2]]
    ours = truncated_moments(np.array([mean]), covariance[None])
    assert ours[0].item() == pytest.approx(log_mass, abs=max(1e-3, 1e-4 * -log_mass))
    np.testing.assert_allclose(ours[1][0], center, atol=2e-4)
    np.testing.assert_allclose(ours[2][0], expected, atol=2e-4 * std + 1e-6)


def test_densities_of_proposals():
    rng = np.random.default_rng(0)
    mean, covariance = np.full(3, 0.4), np.diag([0.01, 0.02, 0.03])
    t = student_t(mean, covariance)
    u = t.rvs(50_000, random_state=rng)
    np.testing.assert_allclose(u.mean(0), mean, atol=5e-3)
    np.testing.assert_allclose(np.cov(u.T), 2.5 * covariance, atol=2e-3)
    expected = multivariate_t(mean, 1.5 * covariance, df=5).logpdf(u[:100])
    np.testing.assert_allclose(t.logpdf(u[:100]), expected)
    p = spread_over_cells(-1e4 * np.linspace(0, 1, 4 * 5 * 6))
    assert 1 / np.square(p).sum() == pytest.approx(50, rel=1e-3)
    cells = GridCells((4, 5, 6), p)
    drawn = cells.draw(1000, rng)
    density = np.exp(cells.log_density(rng.random((200_000, 3))))
    assert density.mean() == pytest.approx(1, abs=0.02)
    assert np.isfinite(cells.log_density(drawn)).all()
    assert np.isneginf(cells.log_density(np.array([[1.1, 0.5, 0.5]]))).all()


def test_bad_input():
    X = make_disk_images(2, 16, random_state=0)
    with pytest.raises(ValueError, match="gray and square"):
        DiskPosteriorDenoiser().fit(X[:, :12])
    with pytest.raises(ValueError, match="gray and square"):
        DiskPosteriorDenoiser().fit(np.ones((2, 16, 16, 3)))
    with pytest.raises(ValueError, match="radius_range"):
        DiskPosteriorDenoiser((2, 9)).fit(X)
    with pytest.raises(ValueError, match="was fitted on images of 16x16"):
        DiskPosteriorDenoiser().fit(X).transform(np.ones((1, 17, 17)))
