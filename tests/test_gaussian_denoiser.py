"""The posterior mean, the density and draws of a Gaussian of any covariance."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn import covariance as estimates
from sklearn.decomposition import PCA

from sklearn_gahb import (
    GaussianDenoiser,
    JacobianBasis,
    WienerDenoiser,
    as_denoiser,
    estimate_noise_std,
)
from sklearn_gahb.datasets import load_photo_patches, make_gaussian_textures
from sklearn_gahb.jacobian import jacobian_operator, posterior_std
from sklearn_gahb.posteriors import gaussian
from sklearn_gahb.sampling import sample

RNG = np.random.RandomState(0)
SHAPE, D = (4, 5), 20
MIXING = RNG.randn(D, D) * 0.5 ** np.arange(D)
MANY = (0.5 + 0.1 * RNG.randn(60, D) @ MIXING.T).reshape(60, *SHAPE)
FEW = MANY[:7]
NOISY = MANY[:3] + 0.1 * RNG.randn(3, *SHAPE)
KINDS = ["empirical", "shrunk"]
each_kind = pytest.mark.parametrize("kind", KINDS)
each_set = pytest.mark.parametrize("X", [MANY, FEW], ids=["many", "few"])


def dense(denoiser):
    """Return the mean (d,) and the covariance (d, d) that a denoiser has learned."""
    U, d = denoiser.components_, denoiser.mean_.size
    outside = denoiser.residual_variance_ * (np.eye(d) - U.T @ U)
    return denoiser.mean_.ravel(), (U.T * denoiser.variances_) @ U + outside


@each_set
def test_covariances_are_those_of_scikit_learn(X):
    rows = X.reshape(len(X), D)
    empirical = GaussianDenoiser("empirical").fit(X)
    mean, C = dense(empirical)
    np.testing.assert_allclose(mean, rows.mean(0), atol=1e-14)
    np.testing.assert_allclose(C, estimates.empirical_covariance(rows), atol=1e-14)
    assert empirical.residual_variance_ == empirical.shrinkage_ == 0
    shrunk = GaussianDenoiser("shrunk").fit(X)
    expected = estimates.LedoitWolf().fit(rows)
    np.testing.assert_allclose(dense(shrunk)[1], expected.covariance_, atol=1e-14)
    assert shrunk.shrinkage_ == pytest.approx(expected.shrinkage_, rel=1e-10)
    assert 0 < shrunk.shrinkage_ < 1


@each_set
def test_components_are_those_of_pca(X):
    denoiser = GaussianDenoiser("empirical").fit(X)
    k = min(len(X) - 1, D)
    assert denoiser.components_.shape == (k, D)
    U = denoiser.components_
    np.testing.assert_allclose(U @ U.T, np.eye(k), atol=1e-12)
    pca = PCA(5).fit(X.reshape(len(X), D))
    products = np.abs((U[:5] * pca.components_).sum(1))
    np.testing.assert_allclose(products, 1, atol=1e-9)
    n = len(X)
    np.testing.assert_allclose(
        denoiser.variances_[:5], pca.explained_variance_ * (n - 1) / n, rtol=1e-9
    )
    assert (np.diff(denoiser.variances_) <= 0).all()


@pytest.mark.parametrize("sigma", [1e-2, 0.1, 1.0, 10.0])
@each_kind
@each_set
def test_equals_the_dense_formula(X, kind, sigma):
    denoiser = GaussianDenoiser(kind, noise_std=sigma).fit(X)
    mean, C = dense(denoiser)
    gain = np.linalg.solve(C + sigma**2 * np.eye(D), C).T
    expected = mean + (NOISY.reshape(3, D) - mean) @ gain.T
    denoised = denoiser.transform(NOISY)
    np.testing.assert_allclose(denoised.reshape(3, D), expected, atol=1e-10)
    single = denoiser.transform(NOISY.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, denoised, atol=2e-6)


@pytest.mark.parametrize("sigma", [0.05, 0.5])
@each_kind
@each_set
def test_density_is_that_of_scipy(X, kind, sigma):
    denoiser = GaussianDenoiser(kind).fit(X)
    mean, C = dense(denoiser)
    expected = multivariate_normal(mean, C + sigma**2 * np.eye(D))
    found = denoiser.log_density(NOISY, sigma)
    np.testing.assert_allclose(found, expected.logpdf(NOISY.reshape(3, D)), rtol=1e-10)
    if kind == "shrunk":
        expected = multivariate_normal(mean, C, allow_singular=False)
        np.testing.assert_allclose(
            denoiser.log_density(NOISY), expected.logpdf(NOISY.reshape(3, D)), rtol=1e-7
        )


@each_kind
def test_the_denoiser_is_the_score_of_the_density(kind):
    """x_hat - y is sigma^2 times the gradient of log p_sigma (Miyasawa)."""
    denoiser, sigma, step = GaussianDenoiser(kind).fit(FEW), 0.1, 1e-5
    y = NOISY[0]
    moved = y + step * np.eye(D).reshape(D, *SHAPE)
    back = y - step * np.eye(D).reshape(D, *SHAPE)
    densities = [denoiser.log_density(one, sigma) for one in (moved, back)]
    gradient = (densities[0] - densities[1]) / (2 * step)
    score = (denoiser.denoise_images(y[None], sigma)[0] - y) / sigma**2
    np.testing.assert_allclose(gradient, score.ravel(), atol=1e-6)


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.5])
def test_equals_the_wiener_filter_on_stationary_images(sigma):
    """The covariance of all translations of images is circulant."""
    X = make_gaussian_textures(5, 6, random_state=0).astype(np.float64)
    X = X - X.mean()
    shifted = [np.roll(X, (i, j), (1, 2)) for i in range(6) for j in range(6)]
    shifted = np.concatenate(shifted)
    noisy = X + sigma * RNG.randn(*X.shape)
    wiener = WienerDenoiser(zero_mean=True, noise_std=sigma).fit(shifted)
    denoised = GaussianDenoiser("empirical", noise_std=sigma).fit(shifted)
    np.testing.assert_allclose(
        denoised.transform(noisy), wiener.transform(noisy), atol=1e-10
    )


def test_approaches_the_optimal_error_of_textures():
    """The expected mse is the mean of S sigma^2 / (S + sigma^2)."""
    X, S = make_gaussian_textures(
        6000, 8, exponent=2.0, return_power_spectrum=True, random_state=0
    )
    clean = X[4000:]
    noisy = clean + 0.1 * RNG.randn(*clean.shape)
    for kind in KINDS:
        denoised = GaussianDenoiser(kind, noise_std=0.1).fit(X[:4000]).transform(noisy)
        optimum = (S * 0.01 / (S + 0.01)).mean()
        assert np.square(denoised - clean).mean() == pytest.approx(optimum, rel=0.03)


@each_kind
@each_set
def test_draws_have_the_learned_moments(X, kind):
    denoiser = GaussianDenoiser(kind).fit(X)
    mean, C = dense(denoiser)
    drawn = denoiser.draw(20_000, random_state=0)
    assert drawn.shape == (20_000, *SHAPE)
    assert drawn.dtype == np.float32
    rows = drawn.reshape(-1, D).astype(np.float64)
    error = np.linalg.norm(np.cov(rows.T) - C) / np.linalg.norm(C)
    assert error < 0.05
    assert np.linalg.norm(rows.mean(0) - mean) < 0.03 * np.sqrt(np.trace(C))
    outside = np.eye(D) - denoiser.components_.T @ denoiser.components_
    n_residual = D - len(denoiser.components_)
    variance = np.square((rows - mean) @ outside).sum(1).mean()
    expected = n_residual * denoiser.residual_variance_
    assert variance == pytest.approx(expected, rel=0.05, abs=1e-10)
    np.testing.assert_allclose(denoiser.draw(5, random_state=0), drawn[:5], atol=1e-6)


def test_samplers_draw_from_the_same_density():
    denoiser = GaussianDenoiser("shrunk").fit(MANY)
    mean, C = dense(denoiser)
    rows = sample(denoiser, 2000, random_state=0).reshape(2000, D)
    error = np.linalg.norm(np.cov(rows.T) - C) / np.linalg.norm(C)
    assert error < 0.2
    prior = denoiser.prior()
    assert prior.size == SHAPE
    np.testing.assert_allclose(prior.mean[0, 0], mean.reshape(SHAPE), rtol=1e-6)
    assert prior.sigma_max == pytest.approx(10 * np.sqrt(np.trace(C)))


@each_kind
@each_set
def test_jacobian(X, kind):
    sigma = 0.1
    denoiser = GaussianDenoiser(kind, noise_std=sigma).fit(X)
    _, C = dense(denoiser)
    expected = np.linalg.solve(C + sigma**2 * np.eye(D), C)
    J = jacobian_operator(denoiser, NOISY[0])
    np.testing.assert_allclose(J @ np.eye(D), expected, atol=1e-12)
    np.testing.assert_allclose(J.H @ np.eye(D), expected, atol=1e-12)
    y = torch.from_numpy(NOISY[:1, None])
    by_torch = torch.autograd.functional.jacobian(denoiser, y).reshape(D, D)
    np.testing.assert_allclose(by_torch, expected, atol=1e-12)
    std = posterior_std(denoiser, NOISY[0], sigma)
    posterior = np.linalg.inv(np.linalg.pinv(C) + np.eye(D) / sigma**2)
    if kind == "shrunk":
        np.testing.assert_allclose(std.ravel() ** 2, posterior.diagonal(), rtol=1e-8)


@pytest.mark.parametrize("n", [0, 3, 10, D])
@each_kind
@each_set
def test_eigenbasis(X, kind, n):
    denoiser = GaussianDenoiser(kind, noise_std=0.1).fit(X)
    y = torch.from_numpy(NOISY[:1, None])
    linear = denoiser.linearize(y)
    values, vectors = linear.eigenbasis(n)
    assert vectors.shape == (n, 1, *SHAPE)
    J = jacobian_operator(denoiser, NOISY[0]).dense()
    expected = torch.linalg.eigvalsh(J).flip(0)
    torch.testing.assert_close(values, expected, atol=1e-12, rtol=0)
    assert (values.diff() <= 0).all()
    rows = vectors.reshape(n, D)
    torch.testing.assert_close(rows @ rows.T, torch.eye(n).double())
    torch.testing.assert_close(J @ rows.T, values[:n] * rows.T)


@each_kind
def test_jacobian_basis(kind):
    denoiser = GaussianDenoiser(kind, noise_std=0.1).fit(FEW)
    closed = JacobianBasis(denoiser).fit(NOISY[:1])
    assert closed.solver_ == "closed"
    exact = JacobianBasis(denoiser, solver="dense").fit(NOISY[:1])
    np.testing.assert_allclose(closed.eigenvalues_, exact.eigenvalues_, atol=1e-12)
    assert closed.degrees_of_freedom_ == pytest.approx(exact.degrees_of_freedom_)


@each_kind
def test_color_images_use_correlations_of_channels(kind):
    X = MANY[..., None] * [1.0, 0.8, 0.5] + 0.02 * RNG.randn(*MANY.shape, 3)
    denoiser = GaussianDenoiser(kind, noise_std=0.1).fit(X)
    assert denoiser.mean_.shape == (*SHAPE, 3)
    y = X[:4] + 0.1 * RNG.randn(4, *SHAPE, 3)
    mean, C = dense(denoiser)
    np.testing.assert_allclose(mean, X.mean(0).ravel())
    gain = np.linalg.solve(C + 0.01 * np.eye(60), C)
    expected = mean + (y.reshape(4, 60) - mean) @ gain
    np.testing.assert_allclose(
        denoiser.transform(y).reshape(4, 60), expected, atol=1e-10
    )
    J = jacobian_operator(denoiser, y[:1])
    np.testing.assert_allclose(J @ np.eye(60), gain, atol=1e-12)
    assert denoiser.draw(2).shape == (2, *SHAPE, 3)
    separate = np.stack(
        [
            GaussianDenoiser(kind, noise_std=0.1).fit(X[..., i]).transform(y[..., i])
            for i in range(3)
        ],
        axis=-1,
    )
    errors = [
        np.square(one - X[:4]).mean() for one in (denoiser.transform(y), separate)
    ]
    assert errors[0] < errors[1]


def test_layouts_and_units():
    images = load_photo_patches(8, 30, random_state=0).images
    expected = GaussianDenoiser("shrunk").fit(images)
    noisy = images / 255 + 0.1 * RNG.randn(*images.shape)
    rows = GaussianDenoiser("shrunk", image_shape=(8, -1)).fit(images.reshape(30, 64))
    np.testing.assert_allclose(
        rows.denoise_images(noisy.reshape(30, 64), 0.1),
        expected.denoise_images(noisy, 0.1).reshape(30, 64),
    )
    drawn = expected.draw(2, random_state=0)
    np.testing.assert_allclose(
        rows.draw(2, random_state=0), drawn.reshape(2, 64), atol=1e-6
    )
    listed = GaussianDenoiser("shrunk").fit(list(images))
    np.testing.assert_allclose(listed.variances_, expected.variances_)
    tensors = GaussianDenoiser("shrunk").fit(torch.from_numpy(images))
    np.testing.assert_allclose(tensors.variances_, expected.variances_)
    in_units = GaussianDenoiser("shrunk", data_range=(-10, 500)).fit(
        510.0 * (images / 255) - 10
    )
    np.testing.assert_allclose(in_units.mean_, expected.mean_, atol=1e-6)
    np.testing.assert_allclose(
        in_units.draw(2, random_state=0), 510 * drawn - 10, atol=0.05
    )
    np.testing.assert_allclose(
        in_units.log_density(510 * noisy - 10, 0.1),
        expected.log_density(noisy, 0.1),
        rtol=1e-5,
    )


def test_blocks_of_images_give_the_same_result():
    rows = torch.from_numpy((MANY - MANY.mean(0)).reshape(60, D))
    for n in (60, 7):
        blocks = rows[:n].split(3)
        one = gaussian.principal_components([rows[:n]], n)
        components, variances = gaussian.principal_components(blocks, n)
        torch.testing.assert_close(variances, one[1])
        # Rounding turns the vectors of the smallest variances, which are 1e-11 here.
        leading = slice(6)
        torch.testing.assert_close(components[leading], one[0][leading])
        torch.testing.assert_close(
            (components.T * variances) @ components, (one[0].T * one[1]) @ one[0]
        )
        assert gaussian.ledoit_wolf_shrinkage(blocks, one[1], n) == pytest.approx(
            gaussian.ledoit_wolf_shrinkage([rows[:n]], one[1], n)
        )


def test_large_images_need_no_square_matrix():
    """The covariance matrix of these images would take 5 TB."""
    X = RNG.rand(3, 900, 900)
    denoiser = GaussianDenoiser("shrunk", noise_std=0.1).fit(X)
    assert denoiser.components_.shape == (2, 810_000)
    assert np.isfinite(denoiser.transform(X)).all()
    assert np.isfinite(denoiser.log_density(X)).all()
    values, vectors = denoiser.linearize(torch.from_numpy(X[:1, None])).eigenbasis(5)
    assert len(values) == 810_000
    rows = vectors.flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(5).double())
    assert denoiser.draw().shape == (1, 900, 900)


@each_kind
def test_one_image_is_the_mean(kind):
    denoiser = GaussianDenoiser(kind, noise_std=0.1).fit(MANY[:1])
    assert denoiser.components_.shape == (0, D)
    np.testing.assert_array_equal(
        denoiser.transform(NOISY), np.repeat(MANY[:1], 3, axis=0)
    )
    np.testing.assert_array_equal(denoiser.draw()[0], MANY[0].astype(np.float32))
    values, vectors = denoiser.linearize(torch.from_numpy(NOISY[:1, None])).eigenbasis(
        2
    )
    assert (values == 0).all()
    assert vectors.shape == (2, 1, *SHAPE)
    assert denoiser.prior().sigma_max == 1
    with pytest.raises(ValueError, match=r"in 0 of 20 .* positive noise_std\.$"):
        denoiser.log_density(NOISY)


def test_no_noise_projects_on_the_learned_images():
    keep = GaussianDenoiser("shrunk", noise_std=0.0).fit(FEW)
    np.testing.assert_allclose(keep.transform(NOISY), NOISY, atol=1e-12)
    project = GaussianDenoiser("empirical", noise_std=0.0).fit(FEW)
    once = project.transform(NOISY)
    np.testing.assert_allclose(project.transform(once), once, atol=1e-12)
    np.testing.assert_allclose(project.transform(FEW), FEW, atol=1e-12)
    assert np.abs(once - NOISY).max() > 0.01


def test_levels():
    denoise = as_denoiser(GaussianDenoiser(noise_std=0.1).fit(MANY))
    y = torch.from_numpy(NOISY[:2, None])
    both = denoise(y, torch.tensor([0.05, 0.5]))
    torch.testing.assert_close(both[:1], denoise(y[:1], 0.05))
    torch.testing.assert_close(both[1:], denoise(y[1:], 0.5))
    torch.testing.assert_close(denoise(y), denoise(y, 0.1))
    blind = as_denoiser(GaussianDenoiser().fit(MANY))
    found = torch.from_numpy(estimate_noise_std(NOISY[:2]))
    torch.testing.assert_close(blind(y), blind(y, found))


def test_pairs_learn_from_the_clean_images():
    noisy = MANY + RNG.randn(*MANY.shape)
    pairs = GaussianDenoiser().fit(noisy, MANY)
    np.testing.assert_array_equal(pairs.mean_, GaussianDenoiser().fit(MANY).mean_)


@pytest.mark.parametrize(
    ("n", "sigma", "better"),
    [(10, 0.02, "shrunk"), (10, 0.1, "empirical"), (100, 0.02, "shrunk")],
)
def test_which_covariance_is_better_for_photographs(n, sigma, better):
    """From few images, a shrunk covariance is better only at low noise."""
    X = load_photo_patches(16, n, subset="train", random_state=0).images
    test = load_photo_patches(16, 200, subset="test", random_state=1).images
    scores = {
        kind: GaussianDenoiser(kind, noise_std=sigma, random_state=0).fit(X).score(test)
        for kind in KINDS
    }
    assert max(scores, key=scores.get) == better


def test_bad_input():
    denoiser = GaussianDenoiser("empirical").fit(FEW)
    with pytest.raises(ValueError, match="was fitted on images of 4x5"):
        denoiser.transform(np.ones((1, 6, 5)))
    with pytest.raises(ValueError, match="was fitted on images of 4x5"):
        denoiser.log_density(np.ones((1, 6, 5)), 0.1)
    with pytest.raises(ValueError, match="or fit GaussianDenoiser on images of 6x5"):
        denoiser.sample(image_shape=(6, 5))
    with pytest.raises(ValueError, match=r"images of 2 sizes.* Crop the images"):
        GaussianDenoiser().fit([np.ones((8, 8)), np.ones((8, 9))])
    with pytest.raises(ValueError, match="'covariance' parameter"):
        GaussianDenoiser("oas").fit(MANY)
    with pytest.raises(
        ValueError, match=r'noise_std=0.0 makes .* 6 of 20 .* covariance="shrunk"\.'
    ):
        denoiser.log_density(NOISY)
    with pytest.raises(ValueError, match="noise_std"):
        denoiser.log_density(NOISY, -0.1)
    with pytest.raises(ValueError, match="n_samples"):
        denoiser.draw(0)
