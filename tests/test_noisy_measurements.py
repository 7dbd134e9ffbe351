"""Inverse problems with noisy measurements and with any linear operator."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import ndimage, sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sklearn_gahb import as_denoiser, psnr
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.samplers import (
    DDIM,
    Ancestral,
    CoarseToFine,
    Sampler,
    noise_schedule,
    run_sampler,
)
from sklearn_gahb.sampling import (
    MeasurementOperator,
    block_averages,
    circular_blur,
    observed_pixels,
    random_pixels,
    solve_inverse,
)
from sklearn_gahb.sampling._measurements import decompose

RNG = np.random.RandomState(0)
SPECTRUM = 1 / (1 + np.arange(16)) ** 1.5
BASIS = np.linalg.qr(np.random.RandomState(3).randn(16, 16))[0]
ORTHONORMAL = np.linalg.qr(np.random.RandomState(4).randn(16, 6))[0].T
GENERAL = np.random.RandomState(5).randn(6, 16) / 4


def optimal(y, noise_std):
    """Denoise Gaussian images of 4x4 pixels with the optimal linear shrinkage."""
    level = torch.as_tensor(noise_std, dtype=y.dtype).reshape(-1, 1)
    basis, spectrum = torch.from_numpy(BASIS).to(y), torch.from_numpy(SPECTRUM).to(y)
    shrunk = spectrum / (spectrum + level**2) * (y.flatten(1) @ basis)
    return (shrunk @ basis.T).reshape(y.shape)


def solve(operator, m, noise_std, **parameters):
    parameters = {"mean": 0.0, "image_shape": (4, 4), "random_state": 0} | parameters
    return solve_inverse(optimal, m, operator, noise_std=noise_std, **parameters)


@pytest.mark.parametrize("sampler", [None, DDIM(sigma_max=1.0)])
@pytest.mark.parametrize("noise_std", [0.0, 0.2])
def test_measured_coordinates_of_gaussians(noise_std, sampler):
    """Principal coordinates are independent, so the posterior mean is exact."""
    M, spectrum = BASIS.T[::2], SPECTRUM[::2]
    m = RNG.randn(3, 8)
    expected = spectrum / (spectrum + noise_std**2) * m
    draws = solve(M, m, noise_std, sampler=sampler).draws
    atol = 0.05 if noise_std == 0 and sampler else 1e-5
    np.testing.assert_allclose(draws.reshape(4, 3, 16) @ M.T - expected, 0, atol=atol)


def test_coordinates_with_noise_of_different_levels():
    """The errors of draws from the posterior have twice the posterior variance."""
    values = np.array([1.0, 0.4, 0.2, 0.1])
    M, levels, n = values[:, None] * BASIS.T[:4], 0.02 / values, 2000
    x = RNG.randn(n, 16) * np.sqrt(SPECTRUM)
    m = x @ BASIS.T @ M.T + 0.02 * RNG.randn(n, 4)
    sampler = Ancestral(n_steps=300, sigma_max=10.0)
    found = solve(M, m, 0.02, n_draws=1, sampler=sampler).draws[0].reshape(n, 16)
    variance = SPECTRUM[:4] * levels**2 / (SPECTRUM[:4] + levels**2)
    ratio = np.square(found @ BASIS - x).mean(axis=0)[:4] / variance
    # The last step takes the mean of the coordinate with the smallest noise.
    np.testing.assert_allclose(ratio, [1, 2, 2, 2], rtol=0.2)


@pytest.mark.parametrize("sampler", [None, DDIM(sigma_max=1.0)])
def test_measurements_of_all_pixels_are_denoised(sampler):
    noisy = RNG.rand(3, 16)
    found = solve(np.eye(16), noisy, 0.1, n_draws=2, sampler=sampler)
    expected = optimal(torch.from_numpy(noisy).float().view(3, 1, 4, 4), 0.1)[:, 0]
    for draw in found.draws:
        np.testing.assert_allclose(draw, expected, atol=1e-5)
    assert found.n_evaluations.min() > 1


def test_denoiser_sees_noise_of_one_level():
    """At each step, all coordinates have the noise that the denoiser is told."""
    size, noise_std, n = 16, 0.3, 4000
    x = RNG.rand(size)
    m = ORTHONORMAL @ x + noise_std * RNG.randn(n, 6)
    ratios = []

    def record(y, level):
        errors = y.flatten(1).double().numpy() - x
        known = errors @ ORTHONORMAL.T
        unknown = errors - known @ ORTHONORMAL
        level = float(torch.as_tensor(level).flatten()[0])
        ratios.append((known.std() / level, np.sqrt((unknown**2).mean() * 1.6) / level))
        # The exact image is the best that a denoiser can return.
        return torch.from_numpy(x).to(y).reshape(1, 1, 4, 4).expand(y.shape).clone()

    solve_inverse(
        record,
        m,
        ORTHONORMAL,
        noise_std=noise_std,
        image_shape=(4, 4),
        n_draws=1,
        sampler=DDIM(n_steps=20, sigma_max=2.0),
        mean=torch.from_numpy(x).reshape(1, 1, 4, 4),
        batch_size=n,
        random_state=0,
    )
    assert len(ratios) == 21
    np.testing.assert_allclose(ratios, 1, rtol=0.03)


def test_little_noise_changes_little():
    m = ORTHONORMAL @ RNG.randn(16)
    exact = solve(ORTHONORMAL, m, 0.0).draws
    np.testing.assert_allclose(solve(ORTHONORMAL, m, 1e-5).draws, exact, atol=1e-4)


def test_scale_and_units():
    m = ORTHONORMAL @ RNG.randn(16)
    expected = solve(ORTHONORMAL, m, 0.1).draws
    found = solve(3 * ORTHONORMAL, 3 * m, 0.3).draws
    np.testing.assert_allclose(found, expected, atol=1e-5)
    in_255 = as_denoiser(optimal).set_params(data_range=255)
    found = solve_inverse(
        in_255,
        255 * m,
        ORTHONORMAL,
        noise_std=0.1,
        mean=0.0,
        image_shape=(4, 4),
        random_state=0,
    ).draws
    np.testing.assert_allclose(found / 255, expected, atol=1e-5)


def test_rows_that_are_repeated_count_once_and_have_less_noise():
    m = ORTHONORMAL @ RNG.randn(16) + 0.2 * RNG.randn(6)
    twice = np.concatenate([ORTHONORMAL, ORTHONORMAL])
    noise = 0.1 * RNG.randn(6)
    found = solve(twice, np.concatenate([m + noise, m - noise]), 0.2)
    expected = solve(ORTHONORMAL, m, 0.2 / np.sqrt(2))
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-4)


@pytest.mark.parametrize("shape", [(6, 16), (16, 16), (30, 16)])
def test_matrices_are_solved_without_noise(shape):
    M = np.random.RandomState(6).randn(*shape) + 9 * np.eye(*shape)
    x = RNG.randn(16)
    solution = solve(M, M @ x, 0.0, n_draws=2)
    assert (solution.relative_residual < 1e-5).all()
    if shape[0] >= 16:
        np.testing.assert_allclose(solution.mean.ravel(), x, atol=1e-4)


@pytest.mark.parametrize("shape", [(8, 9), (6, 8, 3)])
@pytest.mark.parametrize("kernel_shape", [(3, 3), (5, 2), (1, 1)])
def test_blur_is_a_circular_convolution(shape, kernel_shape):
    kernel = RNG.rand(*kernel_shape)
    operator = circular_blur(shape, kernel)
    image = RNG.rand(*shape)
    wide = kernel.reshape(*kernel_shape, *[1] * (len(shape) - 2))
    expected = ndimage.convolve(image, wide, mode="wrap")
    found = (operator @ image.ravel()).reshape(shape)
    np.testing.assert_allclose(found, expected, atol=1e-12)

    M = operator @ np.eye(image.size)
    np.testing.assert_allclose(operator.H @ np.eye(image.size), M.T, atol=1e-12)
    V = (operator.right_vectors @ np.eye(image.size)).T
    np.testing.assert_allclose(V.T @ V, np.eye(V.shape[1]), atol=1e-12)
    np.testing.assert_allclose(M.T @ M @ V, V * operator.singular_values**2, atol=1e-10)
    values = np.linalg.svd(M, compute_uv=False)
    found = np.sort(operator.singular_values)[::-1]
    np.testing.assert_allclose(found, values[: len(found)], atol=1e-10)
    assert (values[len(found) :] < 2e-4 * values[0]).all()


def test_frequencies_that_a_blur_removes_are_not_measured():
    operator = circular_blur((4, 4), np.full((2, 2), 0.25))
    assert operator.right_vectors.shape == (9, 16)
    x = RNG.rand(16)
    solution = solve(operator, operator @ x, 0.0, n_draws=1)
    assert solution.relative_residual[0] < 1e-5


def test_three_problems_on_photographs():
    """The noise is told or ignored; benchmarks/bench_noisy_inverse.py has more."""
    network = load_pretrained("photos-grey")
    clean = load_photo_patches(32, 3, subset="test", random_state=3).images
    clean = clean / np.float32(255)
    is_known = np.ones((32, 32), dtype=bool)
    is_known[10:22, 10:22] = False
    for operator in [
        random_pixels((32, 32), 0.5, random_state=0),
        observed_pixels(is_known),
        block_averages((32, 32), 2),
    ]:
        m = (operator @ clean.reshape(3, -1).T).T
        m = m + 0.1 * np.random.RandomState(0).randn(*m.shape)
        told, ignored = (
            solve_inverse(
                network, m, operator, noise_std=noise_std, n_draws=1, random_state=0
            )
            for noise_std in (0.1, 0.0)
        )
        assert psnr(clean, told.mean) > psnr(clean, ignored.mean) + 1.5
        # The residual keeps the noise that the network removed, which is most of it.
        residual = told.relative_residual[0] * np.linalg.norm(m, axis=1)
        assert (residual > 0.05 * np.sqrt(m.shape[1])).all()
        assert (residual < 0.11 * np.sqrt(m.shape[1])).all()


def test_own_conditions():
    """run_sampler passes the condition what it needs to use measurements."""
    seen = []

    def condition(denoise, y, noise_std, indices):
        seen.extend(indices)
        with torch.enable_grad():
            y = y.clone().requires_grad_()
            x_hat = denoise(y, noise_std)
            (gradient,) = torch.autograd.grad(x_hat.sum(), y)
        assert gradient.abs().sum() > 0
        return x_hat.detach()

    shape = (3, 1, 4, 4)
    sampler = DDIM(n_steps=2, sigma_max=1.0)
    found, _ = run_sampler(
        optimal,
        sampler,
        0.0,
        shape,
        condition=condition,
        batch_size=2,
        random_state=0,
    )
    expected, _ = run_sampler(optimal, sampler, 0.0, shape, random_state=0)
    assert torch.allclose(found, expected, atol=1e-6)
    assert seen == [0, 1, 2, 0, 1, 2]


def test_measurements_of_no_image_warn():
    twice = np.concatenate([ORTHONORMAL, ORTHONORMAL])
    with pytest.warns(UserWarning, match="No image has these measurements") as records:
        solve(twice, RNG.randn(12), 0.0, n_draws=1)
    assert {record.filename for record in records} == {__file__}
    solve(twice, RNG.randn(12), 0.5, n_draws=1)


def test_measurements_of_little_noise_still_end_without_it():
    """sigma_min of the sampler does not decide what is fitted exactly."""
    m = RNG.randn(2, 16)
    sampler = CoarseToFine(step_size=1.0, bounded=True, sigma_max=1.0, sigma_min=0.3)
    for noise_std, sampler_ in [(0.2, sampler), (0.01, None)]:
        found = solve(np.eye(16), m, noise_std, n_draws=1, sampler=sampler_).mean
        y = torch.from_numpy(m).float().view(2, 1, 4, 4)
        np.testing.assert_allclose(found, optimal(y, noise_std)[:, 0], atol=1e-5)


def test_schedules_that_end_above_the_noise():
    """The denoiser is told the level at which the sampler stopped."""
    m, told = RNG.randn(1, 16), []

    def record(y, noise_std):
        told.append(float(torch.as_tensor(noise_std).flatten()[0]))
        return optimal(y, noise_std)

    solve_inverse(
        record,
        m,
        np.eye(16),
        noise_std=0.05,
        image_shape=(4, 4),
        n_draws=1,
        sampler=DDIM(
            4, sigma_max=1.0, schedule=lambda *ends: noise_schedule(4, 1, 0.3)
        ),
    )
    assert told[-1] == pytest.approx(0.3)


@pytest.mark.parametrize("noise_std", [0.0, 0.1])
@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (lambda y: [y], r"Mine\.steps must yield pairs .* it yielded <class 'torch"),
        (lambda y: [(y[:1, :, :2], 0.1)], r"Mine\.steps must .* \(4, 1, 4, 4\)"),
        (
            lambda y: [(y, torch.ones(3))],
            r"Mine\.steps must .* tensor of 4 such levels",
        ),
        (lambda y: [], r"Mine\.steps yielded no images"),
    ],
)
def test_errors_name_the_sampler_of_the_user(pairs, message, noise_std):
    @dataclass(frozen=True, kw_only=True)
    class Mine(Sampler):
        def steps(self, denoise, y, sigma_max, draw_noise):
            yield from pairs(y)

    with pytest.raises(ValueError, match=message):
        solve(ORTHONORMAL, np.ones(6), noise_std, sampler=Mine())


def test_samplers_that_cannot_be_copied():
    class Mine(Sampler):
        def __init__(self, n_steps):
            object.__setattr__(self, "n_steps", n_steps)

        def steps(self, denoise, y, sigma_max, draw_noise):
            yield denoise(y, sigma_max), 0.0

    assert solve(ORTHONORMAL, np.ones(6), 0.0, sampler=Mine(3)).n_evaluations[0] == 1
    with pytest.raises(TypeError, match=r"Mine with sigma_min=0.1.* a dataclass, with"):
        solve(ORTHONORMAL, np.ones(6), 0.1, sampler=Mine(3))


def test_exact_measurements_hold_at_noise_level_0():
    @dataclass(frozen=True, kw_only=True)
    class Once(Sampler):
        def steps(self, denoise, y, sigma_max, draw_noise):
            yield denoise(y, 0.0), 0.0

    m = RNG.randn(6)
    for noise_std in (0.0, 1e-5):
        solution = solve(ORTHONORMAL, m, noise_std, sampler=Once())
        assert (solution.relative_residual < 1e-4 + noise_std).all() == (noise_std == 0)


def test_draws_do_not_depend_on_other_draws():
    m = ORTHONORMAL @ RNG.randn(16)
    one, three = (solve(ORTHONORMAL, m, 0.1, n_draws=n).draws[0] for n in (1, 3))
    np.testing.assert_allclose(one, three, atol=1e-6)


def test_orthogonal_rows_need_no_decomposition():
    shape = (96, 96)
    weights = np.arange(1.0, 1 + 96**2 // 2) / 96**2 + 0.5
    pixels = random_pixels(shape, 0.5, random_state=0)
    operator = aslinearoperator(sparse.diags_array(weights)) @ pixels
    x = RNG.rand(96**2)
    found, expected = (
        solve_inverse(
            lambda y, _: y / 2,
            one @ x,
            one,
            image_shape=shape,
            n_draws=1,
            random_state=0,
        ).draws
        for one in (operator, pixels)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_operators_in_float32():
    """Singular values that are 0 are not taken for small ones."""
    M = (np.random.RandomState(6).randn(30, 6) @ ORTHONORMAL).astype(np.float32)
    single = LinearOperator(
        M.shape,
        matvec=lambda x: M @ x.astype(np.float32),
        rmatvec=lambda m: M.T @ m.astype(np.float32),
        dtype=np.float32,
    )
    vectors, values = decompose(single)
    assert vectors.shape == (6, 16)
    expected = np.linalg.svd(M.astype(float), compute_uv=False)[:6]
    np.testing.assert_allclose(np.sort(values)[::-1], expected, rtol=1e-4)


def test_ill_conditioned_operators_warn_without_noise():
    operator = circular_blur((8, 8), np.outer([1, 2.1, 1], [1, 2.1, 1]))
    x = RNG.rand(64)
    with pytest.warns(UserWarning, match="differ by a factor of 1681. Errors"):
        solve_inverse(lambda y, _: y / 2, operator @ x, operator, n_draws=1)


def test_bad_input():
    m = np.ones(6)
    with pytest.raises(TypeError, match="sampler='ddim' must be a sampler"):
        solve(ORTHONORMAL, m, 0.1, sampler="ddim")
    with pytest.raises(TypeError, match="must be a sampler"):
        solve(ORTHONORMAL, m, 0.1, sampler=DDIM)
    with pytest.raises(ValueError, match="operator returns NaN or infinity"):
        solve(np.full((6, 16), np.nan), m, 0.1)
    with pytest.raises(ValueError, match="kernel has dtype complex128"):
        circular_blur((8, 8), [[1j]])
    with pytest.raises(ValueError, match="'noise_std' parameter"):
        solve(ORTHONORMAL, m, -0.1)
    with pytest.raises(ValueError, match=r"noise_std=25 hides all .* below 1,"):
        solve(ORTHONORMAL, m, 25)
    with pytest.raises(ValueError, match="operator is 0 for all images"):
        solve(np.zeros((6, 16)), m, 0.0)
    wide = aslinearoperator(
        sparse.eye_array(5000, 6400) + sparse.eye_array(5000, 6400, k=1)
    )
    with pytest.raises(ValueError, match="at most 4096 rows or columns"):
        solve_inverse(optimal, np.ones(5000), wide, image_shape=(80, 80))
    weak = np.repeat([1.0, 0.01], 3)
    wrong = MeasurementOperator(
        weak[:, None] * ORTHONORMAL,
        (4, 4),
        right_vectors=ORTHONORMAL,
        singular_values=np.repeat([1.0, 0.02], 3),
    )
    with pytest.raises(ValueError, match="must be those of the operator"):
        solve(wrong, m, 0.0)
    decomposition = {
        "right_vectors": ORTHONORMAL,
        "singular_values": np.full(6, 2.0),
    }
    good = MeasurementOperator(2 * ORTHONORMAL, (4, 4), **decomposition)
    expected = solve(ORTHONORMAL, m, 0.0).mean
    np.testing.assert_allclose(solve(good, 2 * m, 0.0).mean, expected, atol=1e-5)
    bad = MeasurementOperator(ORTHONORMAL, (4, 4), **decomposition)
    with pytest.raises(ValueError, match=r"must be those of the operator .* = 0.75"):
        solve(bad, m, 0.0)
    partial = MeasurementOperator(
        ORTHONORMAL,
        (4, 4),
        right_vectors=ORTHONORMAL[:5],
        singular_values=np.ones(5),
    )
    with pytest.raises(ValueError, match="must be those of the operator"):
        solve(partial, m, 0.0)
    skewed = MeasurementOperator(
        GENERAL, (4, 4), right_vectors=GENERAL, singular_values=np.ones(6)
    )
    with pytest.raises(ValueError, match=r"\|V\^T V v - v\|"):
        solve(skewed, m, 0.0)
    for values in (None, np.ones(5), np.zeros(6)):
        with pytest.raises(ValueError, match="singular_values"):
            MeasurementOperator(
                ORTHONORMAL,
                (4, 4),
                right_vectors=aslinearoperator(ORTHONORMAL),
                singular_values=values,
            )
    for kernel in (np.zeros((3, 3)), np.ones((9, 3)), np.ones(3), [[np.nan]]):
        with pytest.raises(ValueError, match=r"kernel has shape .* up to \(8, 8\)"):
            circular_blur((8, 8), kernel)
