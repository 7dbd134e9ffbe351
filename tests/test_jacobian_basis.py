"""Bases in which denoisers shrink images."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    BandletDenoiser,
    BandletOracle,
    DNNDenoiser,
    GaussianNoise,
    JacobianBasis,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    as_denoiser,
    mse,
    psnr,
)
from sklearn_gahb.datasets import make_disk_images, make_gaussian_textures
from sklearn_gahb.jacobian import (
    jacobian_bases,
    jacobian_operator,
    posterior_directions,
    sure,
    sure_psnr,
)
from sklearn_gahb.jacobian._lanczos import block_lanczos

CLEAN = make_disk_images(40, 16, random_state=0).astype(np.float64)
TEXTURES = make_gaussian_textures(100, 32, random_state=0)
NOISY = GaussianNoise(0.1, random_state=0).fit_transform(CLEAN)
HARD = {"threshold": 3.0, "shrinkage": "hard", "n_shifts": 1}


@pytest.fixture(scope="module")
def network():
    denoiser = DNNDenoiser(
        "bf_cnn", width=8, depth=5, max_steps=60, learning_rate=1e-2, random_state=0
    )
    return denoiser.fit(CLEAN.astype(np.float32))


def symmetric(spectrum, seed=0):
    """Make a symmetric matrix with these eigenvalues, and its eigenvectors."""
    rng = np.random.RandomState(seed)
    Q = np.linalg.qr(rng.randn(len(spectrum), len(spectrum)))[0]
    return torch.from_numpy(Q * spectrum @ Q.T), Q.T


def run_lanczos(A, k, **parameters):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(4, len(A), generator=generator, dtype=A.dtype)
    defaults = {"tol": 1e-8, "n_oversamples": 8, "max_products": 1000}
    return block_lanczos(
        lambda v: v @ A, start, k, generator=generator, **(defaults | parameters)
    )


@pytest.mark.parametrize(
    "spectrum",
    [
        np.linspace(-0.6, 2.2, 200),
        1.2 * 0.97 ** np.arange(200),
        np.repeat(np.linspace(0, 1, 50), 4),
        np.repeat(np.linspace(0, 1, 20), 10),
        np.repeat(np.linspace(0, 1, 20), 10) + 1e-10 * np.arange(200),
        np.repeat([1.0, 0.0], [60, 140]),
        np.zeros(200),
    ],
    ids=[
        "uniform",
        "geometric",
        "fourfold",
        "tenfold",
        "clusters",
        "projection",
        "zero",
    ],
)
def test_lanczos_against_known_spectra(spectrum):
    A, _ = symmetric(spectrum)
    pairs = run_lanczos(A, 30)
    assert pairs.converged
    np.testing.assert_allclose(pairs.values, np.sort(spectrum)[::-1][:30], atol=1e-8)
    V = pairs.vectors
    np.testing.assert_allclose(V @ V.T, np.eye(30), atol=1e-10)
    residuals = (V @ A - pairs.values[:, None] * V).norm(dim=1)
    np.testing.assert_allclose(residuals, pairs.residuals, atol=1e-10)
    if len(set(spectrum)) <= 2:
        assert pairs.n_products <= 120


def test_lanczos_of_few_dimensions():
    A, _ = symmetric(np.array([3.0, -1.0, 2.0]))
    pairs = run_lanczos(A, 3)
    np.testing.assert_allclose(pairs.values, [3, 2, -1], atol=1e-12)


def test_lanczos_says_when_it_has_not_converged():
    A, _ = symmetric(np.linspace(0, 1, 200))
    pairs = run_lanczos(A, 10, max_products=40)
    assert not pairs.converged
    assert pairs.n_products == 40
    residuals = (pairs.vectors @ A - pairs.values[:, None] * pairs.vectors).norm(dim=1)
    np.testing.assert_allclose(residuals, pairs.residuals, atol=1e-10)
    assert residuals.max() > pairs.residual_limit


@pytest.mark.parametrize("k", [16, 32, 100])
def test_lanczos_on_the_clusters_of_wiener(k):
    """The gains form groups of 8 that differ by less than the tolerance."""
    denoiser = WienerDenoiser(noise_std=0.1).fit(TEXTURES)
    bases = [
        JacobianBasis(denoiser, k, solver=solver, random_state=0).fit(TEXTURES[:1])
        for solver in ("lanczos", "auto")
    ]
    assert [basis.solver_ for basis in bases] == ["lanczos", "closed"]
    np.testing.assert_allclose(bases[0].eigenvalues_, bases[1].eigenvalues_, atol=2e-3)


@pytest.mark.parametrize("method", ["eigh", "svd"])
@pytest.mark.parametrize("solver", ["dense", "lanczos"])
def test_network_basis_against_numpy(network, solver, method):
    basis = JacobianBasis(network, 12, method=method, solver=solver, random_state=0)
    basis.fit(NOISY[:1])
    J = jacobian_operator(network, NOISY[0]).dense().numpy()
    if method == "svd":
        _, expected, Vt = np.linalg.svd(J)
        matrix = J.T @ J
    else:
        expected, V = np.linalg.eigh((J + J.T) / 2)
        expected, Vt = expected[::-1], V.T[::-1]
        matrix = (J + J.T) / 2
    np.testing.assert_allclose(basis.eigenvalues_, expected[:12], atol=1e-4)
    E = basis.components_
    np.testing.assert_allclose(E @ E.T, np.eye(12), atol=1e-5)
    values = basis.eigenvalues_ ** (2 if method == "svd" else 1)
    limit = 1e-3 * values.max() + 1e-5
    assert np.linalg.norm(E @ matrix - values[:, None] * E, axis=1).max() < limit
    # The first eigenvectors are well separated, so compare their span.
    assert np.linalg.norm(E[:4] @ Vt[:4].T) == pytest.approx(2, abs=1e-2)
    if method == "svd":
        U = basis.left_components_
        np.testing.assert_allclose(U @ U.T, np.eye(12), atol=1e-2)
        np.testing.assert_allclose(E @ J.T, basis.eigenvalues_[:, None] * U, atol=1e-4)
    assert basis.homogeneity_error_ < 1e-5
    assert np.abs(E).max(axis=1) == pytest.approx(E.max(axis=1))
    exact = np.linalg.norm(J - J.T) / np.linalg.norm(J)
    rank = np.trace(J)
    if solver == "dense":
        assert basis.asymmetry_ == pytest.approx(exact, rel=1e-4)
        assert basis.degrees_of_freedom_ == pytest.approx(rank, rel=1e-4)
    else:
        assert basis.asymmetry_ == pytest.approx(exact, rel=0.3)
        spread = np.sqrt(2 / 8) * np.linalg.norm((J + J.T) / 2)
        assert abs(basis.degrees_of_freedom_ - rank) < 3 * spread


def test_two_random_starts_agree(network):
    first, second = (
        JacobianBasis(network, 10, solver="lanczos", random_state=seed).fit(NOISY[:1])
        for seed in (0, 1)
    )
    np.testing.assert_allclose(first.eigenvalues_, second.eigenvalues_, atol=1e-4)
    again = JacobianBasis(network, 10, solver="lanczos", random_state=0).fit(NOISY[:1])
    np.testing.assert_array_equal(first.components_, again.components_)


def test_no_convergence_warns(network):
    basis = JacobianBasis(
        network, 10, solver="lanczos", max_products=20, random_state=0
    )
    with pytest.warns(
        ConvergenceWarning, match="of 10 components .* after 20 prod"
    ) as records:
        basis.fit(NOISY[:1])
    assert {record.filename for record in records} == {__file__}


@pytest.mark.parametrize(
    "denoiser",
    [
        WaveletThresholdDenoiser("haar", **HARD, noise_std=0.1),
        WaveletThresholdDenoiser("db2", threshold=1.0, n_shifts=1, noise_std=0.1),
        WaveletThresholdDenoiser(
            shrinkage="garrote", threshold=1.0, n_shifts=1, noise_std=0.1
        ),
        WienerDenoiser(noise_std=0.1),
        WienerDenoiser(
            noise_std=0.1, power_spectrum=np.random.RandomState(0).rand(16, 16)
        ),
    ],
    ids=["hard", "soft", "garrote", "wiener", "wiener, any spectrum"],
)
def test_closed_bases_are_the_dense_ones(denoiser):
    denoiser.fit(CLEAN)
    basis = JacobianBasis(denoiser).fit(NOISY[:1])
    assert basis.solver_ == "closed"
    dense = JacobianBasis(denoiser, solver="dense").fit(NOISY[:1])
    np.testing.assert_allclose(basis.eigenvalues_, dense.eigenvalues_, atol=1e-10)
    E = basis.components_
    np.testing.assert_allclose(E @ E.T, np.eye(256), atol=1e-10)
    J = jacobian_operator(denoiser, NOISY[0]).dense().numpy()
    np.testing.assert_allclose((E.T * basis.eigenvalues_) @ E, J, atol=1e-10)
    assert basis.degrees_of_freedom_ == pytest.approx(np.trace(J))
    assert basis.asymmetry_ == 0
    # At the image of fit, shrinkage in the whole basis equals the denoiser.
    np.testing.assert_allclose(
        basis.affine_denoiser().transform(NOISY[:1]),
        denoiser.transform(NOISY[:1]),
        atol=1e-10,
    )
    np.testing.assert_array_equal(basis.denoised_, denoiser.transform(NOISY[:1])[0])


def test_closed_bases_of_odd_sizes_and_color():
    X = np.random.RandomState(0).rand(5, 7, 10, 3)
    denoiser = WienerDenoiser(noise_std=0.1).fit(X)
    basis = JacobianBasis(denoiser, 20).fit(X[:1])
    J = jacobian_operator(denoiser, X[0])
    E = basis.components_
    np.testing.assert_allclose(E @ E.T, np.eye(20), atol=1e-10)
    np.testing.assert_allclose(J @ E.T, E.T * basis.eigenvalues_, atol=1e-10)
    assert basis.inverse_transform(basis.transform(X)).shape == X.shape


def test_padded_or_shifted_wavelets_have_no_closed_basis():
    X = np.random.RandomState(0).rand(2, 10, 12)
    for denoiser in [
        WaveletThresholdDenoiser("haar", **HARD, n_scales=3, noise_std=0.3),
        WaveletThresholdDenoiser("haar", **(HARD | {"n_shifts": 4}), noise_std=0.3),
    ]:
        basis = JacobianBasis(denoiser.fit(X)).fit(X[:1])
        assert basis.solver_ == "dense"
        basis = JacobianBasis(denoiser, method="svd").fit(X[:1])
        shrunk = basis.affine_denoiser().transform(X[:1])
        np.testing.assert_allclose(shrunk, denoiser.transform(X[:1]), atol=1e-10)


def test_surviving_wavelets_come_first():
    """Eigenvalues equal to 1 are sorted by the size of the coefficient."""
    denoiser = WaveletThresholdDenoiser("haar", **HARD, noise_std=0.1).fit(CLEAN)
    basis = JacobianBasis(denoiser).fit(NOISY[:1])
    n_kept = int(basis.degrees_of_freedom_)
    sizes = np.abs(basis.transform(NOISY[:1])[0])
    assert (basis.eigenvalues_[:n_kept] == 1).all()
    assert (np.diff(sizes[:n_kept]) <= 0).all()


def test_layouts(network):
    basis = JacobianBasis(network, 5, random_state=0).fit(NOISY[:1])
    coefficients = basis.transform(NOISY)
    assert coefficients.shape == (40, 5)
    expected = NOISY.reshape(40, -1) @ basis.components_.T.astype(float)
    np.testing.assert_allclose(coefficients, expected, atol=1e-10)
    assert basis.inverse_transform(coefficients).shape == NOISY.shape
    tensor = torch.from_numpy(NOISY)
    torch.testing.assert_close(basis.transform(tensor), torch.from_numpy(coefficients))
    assert isinstance(basis.affine_denoiser().transform(tensor), torch.Tensor)
    rows = JacobianBasis(network, 5, image_shape=(16, 16), random_state=0)
    rows.fit(NOISY[:1].reshape(1, -1))
    np.testing.assert_array_equal(rows.components_, basis.components_)
    assert rows.inverse_transform(coefficients).shape == (40, 256)
    assert rows.noisy_.shape == (256,)
    assert list(basis.get_feature_names_out())[:2] == [
        "jacobianbasis0",
        "jacobianbasis1",
    ]
    assert len(basis.set_output(transform="pandas").transform(NOISY).columns) == 5


RNG = np.random.RandomState(0)


def test_singular_matrices_have_orthonormal_vectors():
    rows = torch.from_numpy(RNG.randn(3, 30))

    def denoise(y, noise_std):
        return ((y.flatten(1) @ rows.T) @ rows.flip(0)).reshape(y.shape)

    y = RNG.randn(1, 5, 6)
    for solver in ("dense", "lanczos"):
        basis = JacobianBasis(denoise, 6, method="svd", solver=solver, random_state=0)
        basis.fit(y)
        np.testing.assert_allclose(basis.eigenvalues_[3:], 0, atol=1e-6)
        for vectors in (basis.components_, basis.left_components_):
            np.testing.assert_allclose(vectors @ vectors.T, np.eye(6), atol=1e-8)
    nothing = JacobianBasis(lambda y, _: 0 * y).fit(y)
    assert nothing.homogeneity_error_ == nothing.asymmetry_ == 0


def test_failed_fit_leaves_the_basis_as_it_was(network):
    denoiser = WaveletThresholdDenoiser("haar", noise_std=0.1).fit(np.ones((1, 8, 8)))
    basis = JacobianBasis(denoiser, 5).fit(RNG.randn(1, 16, 16))
    with pytest.raises(ValueError, match="n_components=5 must be at most"):
        basis.fit(RNG.randn(1, 2, 2))
    assert basis.n_features_in_ == 256
    np.testing.assert_allclose(
        basis.inverse_transform([[1, 0, 0, 0, 0]])[0].ravel(), basis.components_[0]
    )


def test_score(network):
    """In the whole svd basis, the affine denoiser has the score of the denoiser."""
    basis = JacobianBasis(network, method="svd", solver="dense").fit(NOISY[:1])
    expected = psnr(CLEAN[:1], network.transform(NOISY[:1]))
    affine = basis.affine_denoiser()
    assert affine.score(NOISY[:1], CLEAN[:1]) == pytest.approx(expected, abs=1e-3)
    assert affine.noise_std == network.noise_std
    basis.set_params(noise_std=0.2, random_state=0)
    assert 5 < basis.affine_denoiser().score(CLEAN[:1]) < 60
    few = JacobianBasis(network, 2, random_state=0).fit(NOISY[:1]).affine_denoiser()
    assert few.score(NOISY[:1], CLEAN[:1]) < expected
    bare = JacobianBasis(lambda y, _: y / 2, 2, random_state=0).fit(NOISY[:1])
    with pytest.raises(ValueError, match="noise_std=None"):
        bare.affine_denoiser().score(CLEAN[:1])


def test_unfitted_denoisers_name_frozen_estimator(network):
    for unfitted in (WienerDenoiser(), clone(JacobianBasis(network)).denoiser):
        with pytest.raises(NotFittedError, match="FrozenEstimator"):
            JacobianBasis(unfitted).fit(NOISY[:1])
    frozen = clone(JacobianBasis(FrozenEstimator(network), 3, random_state=0))
    assert frozen.fit(NOISY[:1]).transform(NOISY).shape == (40, 3)
    pipeline = make_pipeline(GaussianNoise(0.1, random_state=0), frozen)
    assert pipeline.fit_transform(CLEAN[:1]).shape == (1, 3)


def test_pickle_and_many(network):
    bases = jacobian_bases(network, NOISY[:3], n_components=4, random_state=0)
    assert len(bases) == 3
    again = pickle.loads(pickle.dumps(bases[1]))
    np.testing.assert_array_equal(again.transform(NOISY), bases[1].transform(NOISY))
    photos = jacobian_bases(
        network, [NOISY[0], NOISY[1, :9]], n_components=4, random_state=0
    )
    np.testing.assert_array_equal(photos[0].eigenvalues_, bases[0].eigenvalues_)
    assert photos[1].components_.shape == (4, 144)


def test_bad_input(network):
    with pytest.raises(ValueError, match=r"holds 40 images.*jacobian_bases"):
        JacobianBasis(network).fit(NOISY)
    with pytest.raises(ValueError, match="n_components=257 must be at most"):
        JacobianBasis(network, 257).fit(NOISY[:1])
    with pytest.raises(ValueError, match="'method'"):
        JacobianBasis(network, method="qr").fit(NOISY[:1])
    basis = JacobianBasis(network, 2, random_state=0)
    with pytest.raises(NotFittedError):
        basis.transform(NOISY)
    basis.fit(NOISY[:1])
    with pytest.raises(ValueError, match=r"images of 8x8x1, but JacobianBasis was"):
        basis.transform(NOISY[:, :8, :8])
    with pytest.raises(ValueError, match=r"expected \(n_images, 2\)"):
        basis.inverse_transform(np.zeros((3, 5)))


def test_sure_of_wiener():
    """On average over textures, the estimate equals the mean squared error."""
    X, spectrum = make_gaussian_textures(
        300, 32, random_state=0, return_power_spectrum=True
    )
    denoiser = WienerDenoiser(spectrum, noise_std=0.1).fit(X)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    squares = (denoiser.transform(noisy) - X) ** 2
    exact, probed = (
        sure(denoiser, noisy, 0.1, n_probes=n_probes, average=False, random_state=0)
        for n_probes in (None, 4)
    )
    standard_error = exact.std() / np.sqrt(300)
    assert abs(exact.mean() - squares.mean()) < 3 * standard_error
    assert standard_error < 0.2 * squares.mean()
    assert abs(probed.mean() - exact.mean()) < 3 * standard_error


def test_sure_of_network_by_dense_trace(network):
    J = jacobian_operator(network, NOISY[0]).dense()
    residual = network.transform(NOISY[:1])[0] - NOISY[0]
    mse = np.mean(residual**2) - 0.01 + 2 * 0.01 * float(J.trace()) / 256
    exact = {"noise_std": 0.1, "n_probes": None}
    assert sure(network, NOISY[0], **exact) == pytest.approx(mse, rel=1e-4)
    assert sure_psnr(network, NOISY[0], **exact) == pytest.approx(
        -10 * np.log10(mse), abs=1e-3
    )


def test_sure_warns_where_it_fails():
    with pytest.warns(UserWarning, match="of 1 of 1 images is not positive") as records:
        assert sure_psnr(lambda y, _: -y, 0 * NOISY[0], 0.1) == np.inf
    assert {record.filename for record in records} == {__file__}


SOFT = WaveletThresholdDenoiser(threshold=1.0, n_shifts=1)
JUMPY = WaveletThresholdDenoiser(**HARD)


@pytest.mark.parametrize(
    ("denoiser", "is_continuous"),
    [
        (SOFT, True),
        (JUMPY, False),
        (
            WaveletThresholdDenoiser(threshold=3.0, shrinkage="garrote", n_shifts=1),
            True,
        ),
        (WaveletThresholdDenoiser(**(HARD | {"threshold": 0.0})), True),
        (WaveletThresholdDenoiser(threshold="sure", n_shifts=1), False),
        (WaveletThresholdDenoiser(threshold="bayes", n_shifts=1), True),
        (BandletDenoiser(), False),
        (BandletOracle(), False),
        (BandletOracle(shrinkage="projection"), True),
        (WienerDenoiser(), True),
        (make_pipeline(SOFT, SOFT), True),
        (make_pipeline(JUMPY, SOFT), False),
    ],
    ids=str,
)
def test_sure_warns_of_denoisers_that_jump(denoiser, is_continuous):
    """The estimate is right for continuous denoisers, and not for the others."""
    X = make_disk_images(30, 32, random_state=0)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    denoiser = as_denoiser(clone(denoiser).fit(X))
    assert denoiser.is_continuous == is_continuous
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        options = {"clean": X, "n_probes": 8, "average": False, "random_state": 0}
        risks = sure(denoiser, noisy, 0.1, **options)
    assert len(records) == (not is_continuous)
    if not is_continuous:
        assert "is not a continuous function" in str(records[0].message)
        assert records[0].filename == __file__
    errors = mse(X, denoiser.denoise_images(noisy, 0.1, clean=X), average=False)
    excess = risks - errors
    standard_error = excess.std(ddof=1) / len(X) ** 0.5
    assert (abs(excess.mean()) < 4 * standard_error) == is_continuous
    assert not BandletOracle(shrinkage="projection", geometry="noisy").is_continuous


def test_oracles_are_told_the_clean_images():
    """Every function of Jacobians passes the clean images."""
    X = make_disk_images(2, 16, random_state=0).astype(np.float64)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    oracle = BandletOracle(shrinkage="attenuation", noise_std=0.1).fit(X)
    bases = jacobian_bases(oracle, noisy, clean=X, n_components=3)
    expected = JacobianBasis(oracle, 3).fit(noisy[1:], X[1:])
    np.testing.assert_array_equal(bases[1].eigenvalues_, expected.eigenvalues_)
    _, std = posterior_directions(oracle, noisy[0], 0.1, n_components=3, clean=X[0])
    np.testing.assert_allclose(std, 0.1 * bases[0].eigenvalues_ ** 0.5)
    # The factors of attenuation do not depend on y, so the risk treats them as fixed.
    risks = sure(oracle, noisy, 0.1, clean=X, n_probes=None, average=False)
    traces = [
        jacobian_operator(oracle, y, clean=x).trace()
        for y, x in zip(noisy, X, strict=True)
    ]
    residuals = (oracle.transform(noisy, clean=X) - noisy).reshape(2, -1)
    expected = np.mean(residuals**2, axis=1) - 0.01 + 0.02 * np.array(traces) / 256
    np.testing.assert_allclose(risks, expected)
    for missing in (
        lambda: jacobian_bases(oracle, noisy, n_components=3),
        lambda: posterior_directions(oracle, noisy[0], 0.1),
        lambda: sure(oracle, noisy, 0.1),
    ):
        with pytest.raises(ValueError, match="needs the clean images"):
            missing()
