"""Bandlets: the transform, the best basis, and the gain over wavelets."""

import numpy as np
import pytest
import pywt
import sklearn
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    BandletDenoiser,
    BandletOracle,
    GaussianNoise,
    JacobianBasis,
    WaveletThresholdDenoiser,
    psnr,
)
from sklearn_gahb.datasets import make_c_alpha_images
from sklearn_gahb.denoisers.linearization import linearize_by_autograd
from sklearn_gahb.jacobian import jacobian_operator
from sklearn_gahb.transforms.alpert import alpert_dictionary, alpert_matrix, directions
from sklearn_gahb.transforms.bandlets import (
    AS_IT_IS,
    NOT_A_LEAF,
    choose_geometry,
    transform_leaves,
)
from sklearn_gahb.transforms.wavelets import WaveletBasis

CLEAN = make_c_alpha_images(4, 64, alpha=3, random_state=0)
NOISY = GaussianNoise(0.05, random_state=0).fit_transform(CLEAN)
# The parameters of wavelets that do the same as bandlets.
HARD = {"threshold": 3.0, "shrinkage": "hard", "n_shifts": 1}
DICTIONARY = {size: torch.tensor(alpert_dictionary(size, 4, (1, 2))) for size in (4, 8)}
ORACLES = [
    BandletOracle(geometry=geometry, shrinkage=shrinkage, noise_std=0.05)
    for geometry, shrinkage in [
        ("clean", "hard"),
        ("clean", "projection"),
        ("clean", "attenuation"),
        ("noisy", "projection"),
        ("noisy", "attenuation"),
    ]
]
EVERY = [BandletDenoiser(noise_std=0.05), *ORACLES]


def wavelet_bands(images, n_scales=3):
    wavelets = WaveletBasis(pywt.Wavelet("haar"), n_scales, [2, 3])
    _, bands = wavelets.analyze(torch.as_tensor(images).double()[:, None])
    return [band.flatten(0, 1) for band in bands]


def leaf_costs(bands, geometry, penalty):
    """Compute the Lagrangian of a geometry as a sum over its leaves."""
    total = 0.0
    coefficients = transform_leaves(bands, geometry, DICTIONARY, inverse=False)
    for i, band in enumerate(coefficients):
        total += float(band.clamp(-1, 1).square().sum())
        for size, choices in geometry.items():
            one = choices[i]
            n_bits = np.log2(len(DICTIONARY[size]))
            total += penalty * int((one == AS_IT_IS).sum())
            total += penalty * n_bits * int((one >= 0).sum())
        total += penalty * int((geometry[8][i] == NOT_A_LEAF).sum())
    return total


@pytest.mark.parametrize("moments", [(1, 2), (1, 1), (2, 2), (2, 3)])
@pytest.mark.parametrize("size", [2, 4, 8, 16])
def test_blocks_are_orthonormal(size, moments):
    # Large matrices are slow to compute, so few directions are tested.
    for angle in directions(size, 2)[:: 5 if size == 16 else 1]:
        matrix = alpert_matrix(size, angle, moments)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(size**2), atol=1e-12)


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("moments", [(1, 2), (2, 2)])
def test_polynomials_along_every_direction_need_few_coefficients(size, moments):
    """The scaling vectors span the polynomials u^a v^b of the moments."""
    y, x = np.divmod(np.arange(size**2), size)
    for angle in directions(size, 4):
        matrix = alpert_matrix(size, angle, moments)
        along = x if abs(np.cos(angle)) >= abs(np.sin(angle)) else y
        across = x * np.sin(angle) - y * np.cos(angle)
        for a in range(moments[1]):
            for b in range(moments[0]):
                coefficients = matrix @ (along**a * across**b)
                kept = np.abs(coefficients) > 1e-9
                assert kept.sum() <= moments[0] * moments[1]
                assert not kept[moments[0] * moments[1] :].any()


@pytest.mark.parametrize("i", [0, 3, 5, 9, 16, 20, 31])
def test_edge_is_sparsest_along_its_direction(i):
    y, x = np.divmod(np.arange(64), 8)
    angle = directions(8, 4)[i]
    across = y * np.cos(angle) - x * np.sin(angle)
    edge = np.where(across > np.median(across) + 0.4, 1.0, 0.0)
    matrices = alpert_dictionary(8, 4, (1, 2))
    costs = np.array([np.minimum((m @ edge) ** 2, 0.1).sum() for m in matrices])
    away = (costs.argmin() - i) % 32
    assert min(away, 32 - away) <= 1
    assert costs.min() < 0.5 * np.median(costs)
    assert costs.min() < 0.5 * np.minimum(edge**2, 0.1).sum()


@pytest.mark.parametrize("size", [64, 80, 61])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)]
)
@pytest.mark.parametrize("n_shifts", [1, 4])
def test_threshold_zero_reconstructs(size, dtype, tolerance, n_shifts):
    X = np.random.RandomState(0).rand(2, size, size + 3).astype(dtype)
    denoiser = BandletDenoiser(threshold=0.0, n_shifts=n_shifts, noise_std=0.1)
    denoised = denoiser.fit(X).transform(X)
    assert denoised.dtype == dtype
    np.testing.assert_allclose(denoised, X, atol=tolerance)


@pytest.mark.parametrize("penalty", [0.0, 0.1, 0.5])
def test_lagrangian_is_never_above_that_of_wavelets(penalty):
    for image in CLEAN:
        bands = [band / 0.1 for band in wavelet_bands(image[None])]
        chosen = choose_geometry(bands, DICTIONARY, penalty)
        wavelets = {
            size: [
                torch.full_like(one, AS_IT_IS if size == 8 else NOT_A_LEAF)
                for one in choices
            ]
            for size, choices in chosen.items()
        }
        best = leaf_costs(bands, chosen, penalty)
        assert best <= leaf_costs(bands, wavelets, penalty) + 1e-9
        rng = np.random.RandomState(0)
        turned = {
            size: [
                torch.where(
                    one >= 0,
                    torch.from_numpy(rng.randint(4 * size, size=one.shape)),
                    one,
                )
                for one in choices
            ]
            for size, choices in chosen.items()
        }
        assert leaf_costs(bands, turned, penalty) > best


def test_best_basis_of_one_square_by_exhaustion():
    """Try all bases of an 8x8 square: one leaf, or any choice in each quarter."""
    penalty = 0.2
    for seed in range(20):
        rng = np.random.RandomState(seed)
        band = torch.from_numpy(rng.standard_t(2, size=(1, 8, 8)))
        geometry = choose_geometry([band], DICTIONARY, penalty)

        def best_leaf(square, size):
            costs = [square.clamp(-1, 1).square().sum() + penalty]
            bits = penalty * np.log2(4 * size)
            for matrix in DICTIONARY[size]:
                c = matrix @ square.flatten()
                costs.append(c.clamp(-1, 1).square().sum() + bits)
            return float(min(costs))

        quarters = [
            best_leaf(band[0, i : i + 4, j : j + 4], 4) for i in (0, 4) for j in (0, 4)
        ]
        expected = min(best_leaf(band[0], 8), sum(quarters) + penalty)
        assert leaf_costs([band], geometry, penalty) == pytest.approx(expected)


def test_high_cost_of_geometry_gives_wavelets():
    bandlets = BandletDenoiser(geometry_cost=1e6, noise_std=0.05).fit(CLEAN)
    wavelets = WaveletThresholdDenoiser("haar", **HARD, noise_std=0.05).fit(CLEAN)
    np.testing.assert_allclose(
        bandlets.transform(NOISY), wavelets.transform(NOISY), atol=1e-5
    )


def test_leftover_coefficients_and_lines_are_wavelets():
    """A subband can be smaller than a square, and an image can be a single line."""
    for shape in [(3, 1, 40), (3, 40, 1), (3, 6, 6), (3, 1, 1)]:
        X = np.random.RandomState(0).rand(*shape)
        bandlets = BandletDenoiser(noise_std=0.2).fit(X)
        wavelets = WaveletThresholdDenoiser("haar", **HARD, noise_std=0.2).fit(X)
        np.testing.assert_allclose(
            bandlets.transform(X), wavelets.transform(X), atol=1e-12
        )


@pytest.fixture(scope="module")
def gains():
    """PSNR gain over Haar wavelets at input PSNR 40 dB, by exponent and estimator."""
    gains = {}
    for exponent in (1, 2, 3, 4):
        X = make_c_alpha_images(30, 64, exponent, convention="released", random_state=0)
        noisy = GaussianNoise(0.01, random_state=0).fit_transform(X)
        wavelets = {
            n: WaveletThresholdDenoiser(
                "haar", **(HARD | {"n_shifts": n}), noise_std=0.01
            )
            .fit(X)
            .score(noisy, X)
            for n in (1, 16)
        }

        others = {
            "clean": (BandletOracle(), wavelets[1]),
            "projection": (
                BandletOracle(shrinkage="projection"),
                projected_wavelets(noisy, X),
            ),
            "noisy": (BandletDenoiser(), wavelets[1]),
            "shifts": (BandletDenoiser(n_shifts=16), wavelets[16]),
        }
        gains[exponent] = {
            name: one.set_params(noise_std=0.01).fit(X).score(noisy, X) - over
            for name, (one, over) in others.items()
        }
    return gains


def projected_wavelets(noisy, clean, sigma=0.01):
    noisy, clean = (
        pywt.wavedec2(x, "haar", "periodization", level=3) for x in (noisy, clean)
    )
    for i in (1, 2, 3):
        pairs = zip(noisy[i], clean[i], strict=True)
        noisy[i] = tuple(np.where(np.abs(c) > sigma, b, 0) for b, c in pairs)
    images = pywt.waverec2(noisy, "haar", "periodization")
    return psnr(pywt.waverec2(clean, "haar", "periodization"), images)


@pytest.mark.parametrize(
    ("exponent", "clean", "projection"),
    # Of 30 images, the gains at exponent 1 have a standard error of 0.03 dB.
    [(1, 0.4, 0.4), (2, 0.45, 0.6), (3, 1.5, 1.8), (4, 1.9, 2.3)],
)
def test_gain_of_geometry(gains, exponent, clean, projection):
    assert gains[exponent]["clean"] > clean
    assert gains[exponent]["projection"] > projection
    assert gains[exponent]["noisy"] > (1.0 if exponent > 2 else -0.15)
    assert gains[exponent]["shifts"] > (0.4 if exponent > 2 else -0.05)


@pytest.mark.parametrize("input_psnr", [10, 30, 50])
@pytest.mark.parametrize("exponent", [1, 4])
def test_noisy_geometry_with_shifts_does_no_harm(input_psnr, exponent):
    noise_std = 10 ** (-input_psnr / 20)
    X = make_c_alpha_images(10, 64, exponent, convention="released", random_state=1)
    noisy = GaussianNoise(noise_std, random_state=0).fit_transform(X)
    wavelets = WaveletThresholdDenoiser(
        "haar", **(HARD | {"n_shifts": 16}), noise_std=noise_std
    )
    bandlets = BandletDenoiser(noise_std=noise_std, n_shifts=16)
    gain = bandlets.fit(X).score(noisy, X) - wavelets.fit(X).score(noisy, X)
    assert gain > -0.05


def test_bounds_are_in_order():
    """Arbitrary factors beat factors of 0 or 1, and these beat thresholds."""
    scores = [
        BandletOracle(shrinkage=shrinkage, noise_std=0.05)
        .fit(CLEAN)
        .score(NOISY, CLEAN)
        for shrinkage in ("hard", "projection", "attenuation")
    ]
    assert scores == sorted(scores)


@pytest.mark.parametrize("denoiser", EVERY)
@pytest.mark.parametrize("n_shifts", [1, 4])
@pytest.mark.parametrize("shape", [(13, 18), (8, 8, 3)])
def test_jacobian_in_closed_form(denoiser, n_shifts, shape):
    rng = np.random.RandomState(0)
    clean = rng.rand(*shape)
    y = clean + 0.1 * rng.randn(*shape)
    denoiser = clone(denoiser).set_params(noise_std=0.1, n_shifts=n_shifts)
    denoiser.fit(clean[None])
    J = jacobian_operator(denoiser, y, clean=clean)
    V = rng.randn(y.size, 3)
    dense = J.dense().numpy()
    np.testing.assert_allclose(J @ V, dense @ V, atol=1e-10)
    np.testing.assert_allclose(J.rmatmat(V), dense.T @ V, atol=1e-10)
    expected = denoiser.denoise_images(y[None], clean=clean[None]).ravel()
    np.testing.assert_allclose(J @ y.ravel(), expected, atol=1e-10)


@pytest.mark.parametrize("denoiser", EVERY)
def test_basis_in_closed_form(denoiser):
    denoiser = clone(denoiser).fit(CLEAN)
    y, clean = NOISY[:1, 16:32, 16:32], CLEAN[:1, 16:32, 16:32]
    basis = JacobianBasis(denoiser).fit(y, clean)
    assert basis.solver_ == "closed"
    J = jacobian_operator(denoiser, y, clean=clean).dense()
    vectors = torch.from_numpy(basis.components_)
    torch.testing.assert_close(
        vectors @ J,
        torch.from_numpy(basis.eigenvalues_)[:, None] * vectors,
        atol=1e-5,
        rtol=0,
    )
    torch.testing.assert_close(vectors @ vectors.T, torch.eye(256), atol=1e-5, rtol=0)
    np.testing.assert_allclose(
        basis.affine_denoiser().transform(y),
        denoiser.denoise_images(y, clean=clean),
        atol=1e-5,
    )


@pytest.mark.parametrize("oracle", ORACLES)
def test_clean_images_are_needed_and_asked_for(oracle):
    oracle = clone(oracle).fit(CLEAN)
    for ask in (
        oracle.transform,
        lambda y: oracle(torch.from_numpy(y[:, None])),
        lambda y: jacobian_operator(oracle, y[0]),
        clone(oracle).fit_transform,
    ):
        with pytest.raises(ValueError, match=r"needs the clean images\. Call tran"):
            ask(NOISY)
    with pytest.raises(ValueError, match="needs no clean image: use BandletDenoiser"):
        BandletOracle(geometry="noisy").fit(CLEAN)


def test_ways_to_pass_clean_images():
    oracle = BandletOracle(noise_std=0.05, random_state=0).fit(CLEAN)
    expected = oracle.transform(NOISY, clean=CLEAN)
    np.testing.assert_array_equal(oracle.fit_transform(NOISY, clean=CLEAN), expected)
    tensors = [torch.from_numpy(images[:, None]) for images in (NOISY, CLEAN)]
    bound = oracle.with_clean(tensors[1])
    np.testing.assert_array_equal(bound(tensors[0])[:, 0], expected)
    assert oracle.score(NOISY, CLEAN) == pytest.approx(psnr(CLEAN, expected))
    noisy = GaussianNoise(0.05, random_state=0).transform(CLEAN)
    assert oracle.score(CLEAN) == oracle.score(noisy, CLEAN)
    np.testing.assert_array_equal(
        oracle.transform(torch.from_numpy(NOISY), clean=CLEAN), expected
    )
    photos = oracle.transform(list(NOISY), clean=list(CLEAN))
    np.testing.assert_allclose(np.stack(photos), expected, atol=1e-6)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            GaussianNoise(0.05, random_state=0), BandletOracle(noise_std=0.05)
        )
        pipeline.fit(CLEAN, CLEAN)
        np.testing.assert_array_equal(pipeline.transform(CLEAN, clean=CLEAN), expected)
        together = pipeline.fit_transform(CLEAN, CLEAN, clean=CLEAN)
        np.testing.assert_array_equal(together, expected)


def test_geometry_of_the_noisy_image_needs_nothing():
    denoiser = BandletDenoiser().fit(CLEAN)
    expected = denoiser.transform(NOISY)
    np.testing.assert_array_equal(denoiser.denoise_images(NOISY, clean=CLEAN), expected)
    assert psnr(CLEAN, expected) > psnr(CLEAN, NOISY) + 5
    levels = torch.tensor([0.05, 0.5])
    y = torch.from_numpy(NOISY[:2, None])
    both = denoiser(y, levels)
    for i in (0, 1):
        alone = denoiser(y[i : i + 1], float(levels[i]))
        torch.testing.assert_close(both[i : i + 1], alone)


def test_no_noise_keeps_the_image():
    for denoiser in EVERY:
        denoiser = clone(denoiser).set_params(noise_std=0.0).fit(CLEAN)
        denoised = denoiser.denoise_images(NOISY, clean=CLEAN)
        np.testing.assert_allclose(denoised, NOISY, atol=1e-5)
        # This also holds where coefficients are zero, as for a flat image.
        flat = np.full((16, 16), 0.5)
        J = jacobian_operator(denoiser, flat, clean=flat)
        np.testing.assert_allclose(J.dense(), np.eye(256), atol=1e-10)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"block_sizes": (4, 16)}, r"block_sizes=\(4, 16\) must be .* twice"),
        ({"block_sizes": ()}, "block_sizes"),
        ({"block_sizes": (1, 2)}, "block_sizes"),
        ({"moments": (1,)}, r"moments=\(1,\) must be two"),
        ({"moments": (0, 2)}, "moments"),
        ({"n_shifts": 3}, "n_shifts=3 must be a square"),
        ({"shrinkage": "soft"}, "'shrinkage' parameter"),
        ({"geometry": "true"}, "'geometry' parameter"),
        ({"wavelet": "bior2.2"}, "is not orthogonal"),
        ({"n_scales": 9}, "n_scales=9 is too large"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        BandletOracle(**parameters).fit(CLEAN).transform(NOISY, clean=CLEAN)


def test_bad_clean_images():
    oracle = BandletOracle(noise_std=0.05).fit(CLEAN)
    with pytest.raises(ValueError, match="clean has shape"):
        oracle.transform(NOISY, clean=CLEAN[:2])
    with pytest.raises(ValueError, match="Input clean contains NaN"):
        oracle.transform(NOISY, clean=np.full_like(NOISY, np.nan))
    with pytest.raises(ValueError, match=r"clean has shape \(2, 1, 16, 16\)"):
        oracle.with_clean(torch.zeros(2, 1, 16, 16))(torch.zeros(1, 1, 16, 16))


@pytest.mark.parametrize("denoiser", EVERY)
def test_torch_differentiates(denoiser):
    """The Jacobian by autograd is that in closed form."""
    denoiser = clone(denoiser).set_params(n_shifts=4).fit(CLEAN)
    if isinstance(denoiser, BandletOracle):
        denoiser = denoiser.with_clean(torch.from_numpy(CLEAN[:1, None]).double())
    y, v = torch.from_numpy(NOISY[:2, None]).double().split(1)
    found = linearize_by_autograd(denoiser, y).multiply(v)
    torch.testing.assert_close(found, denoiser.linearize(y).multiply(v))
