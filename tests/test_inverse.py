"""Linear measurements of images, and images restored from measurements."""

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sklearn_gahb import as_denoiser, psnr
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import load_photo_patches
from sklearn_gahb.samplers import DDIM, Ancestral, CoarseToFine, GradientEstimation
from sklearn_gahb.sampling import (
    MeasurementOperator,
    block_averages,
    circular_blur,
    low_frequencies,
    observed_pixels,
    random_pixels,
    random_projections,
    solve_inverse,
)

RNG = np.random.RandomState(0)
ascent = partial(
    CoarseToFine, step_size=1.0, beta=0.1, bounded=True, sigma_max=1.0, sigma_min=0.01
)


def operators(shape):
    observed = np.random.RandomState(1).rand(*shape) < 0.7
    return [
        observed_pixels(observed),
        random_pixels(shape, 0.3, random_state=0),
        block_averages(shape, 2),
        low_frequencies(shape, 0.4),
        random_projections(shape, 0.25, random_state=0),
    ]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("shape", [(8, 8), (6, 10), (4, 6, 3)])
def test_rows_are_orthonormal(number, shape):
    operator = operators(shape)[number]
    assert isinstance(operator, LinearOperator)
    size = int(np.prod(shape))
    M = operator @ np.eye(size)
    assert M.shape == operator.shape
    np.testing.assert_allclose(M @ M.T, np.eye(len(M)), atol=1e-12)
    np.testing.assert_allclose(operator.H @ np.eye(len(M)), M.T, atol=1e-12)
    again = pickle.loads(pickle.dumps(operator))
    np.testing.assert_array_equal(again @ np.eye(size), M)
    v = RNG.randn(size)
    np.testing.assert_allclose(operator.matvec(v), M @ v, atol=1e-12)
    np.testing.assert_allclose(operator.rmatvec(M @ v), M.T @ (M @ v), atol=1e-12)


def test_what_is_measured():
    image = RNG.rand(8, 8)
    observed = RNG.rand(8, 8) < 0.5
    np.testing.assert_array_equal(
        observed_pixels(observed) @ image.ravel(), image[observed]
    )
    np.testing.assert_allclose(
        block_averages((8, 8), 4) @ image.ravel() / 4,
        [image[i : i + 4, j : j + 4].mean() for i in (0, 4) for j in (0, 4)],
    )
    operator = low_frequencies((8, 8), 0.5)
    low = (operator.H @ (operator @ image.ravel())).reshape(8, 8)
    frequencies = np.abs(np.fft.fftfreq(8)) <= 0.25
    expected = np.fft.fft2(image) * np.outer(frequencies, frequencies)
    np.testing.assert_allclose(low, np.fft.ifft2(expected).real, atol=1e-12)
    operator = random_projections((256, 256), 0.1, random_state=0)
    impulse = np.zeros(256 * 256)
    impulse[1000] = 1
    spread = operator.H @ (operator @ impulse)
    assert np.sort(np.abs(spread))[-2] < 0.05
    assert len(random_pixels((8, 8, 3), 0.5) @ np.ones(192)) == 96


def linear_gaussian(size=16, rank=6):
    basis = torch.linalg.qr(
        torch.randn(size, rank, generator=torch.Generator().manual_seed(0))
    )[0]
    spectrum = torch.linspace(0.5, 1.0, rank)

    def denoise(y, noise_std):
        variance = torch.as_tensor(noise_std).reshape(-1, 1) ** 2
        gain = spectrum / (spectrum + variance)
        return ((gain * (y.flatten(1) @ basis)) @ basis.T).reshape(y.shape)

    return denoise, basis.numpy(), spectrum.numpy()


@pytest.mark.parametrize("name", ["pixels", "spectrum", "matrix", "operator"])
def test_recovers_what_measurements_determine(name):
    """There are 8 measurements, and each of the 6 dimensions is well measured."""
    denoise, basis, spectrum = linear_gaussian()
    rng = np.random.RandomState(0)
    X = (rng.randn(5, 6) * np.sqrt(spectrum)) @ basis.T
    Q = np.linalg.qr(rng.randn(16, 8))[0].T
    assert np.linalg.svd(Q @ basis, compute_uv=False).min() > 0.5
    operator, shape = {
        "pixels": (random_pixels((4, 4), 0.5, random_state=1), None),
        "spectrum": (random_projections((4, 4), 0.5, random_state=1), None),
        "matrix": (Q, (4, 4)),
        "operator": (aslinearoperator(Q), (4, 4)),
    }[name]
    measurements = (aslinearoperator(operator) @ X.T).T
    solution = solve_inverse(
        denoise,
        measurements,
        operator,
        image_shape=shape,
        sampler=ascent(sigma_min=1e-3, beta=0.05),
        mean=0.0,
        random_state=0,
    )
    assert solution.mean.shape == (5, 4, 4)
    assert solution.draws.shape == (4, 5, 4, 4)
    errors = np.linalg.norm(solution.mean.reshape(5, -1) - X, axis=1)
    assert (errors < 0.05 * np.linalg.norm(X, axis=1)).all()
    assert (solution.relative_residual < 1e-2).all()
    single = solve_inverse(
        denoise,
        measurements[0],
        operator,
        image_shape=shape,
        n_draws=1,
    )
    assert single.mean.shape == (4, 4)
    assert single.draws.shape == (1, 4, 4)
    assert single.relative_residual.shape == (1,)


@pytest.mark.parametrize("make", [DDIM, Ancestral, GradientEstimation])
def test_any_sampler_meets_the_measurements(make):
    denoise, basis, spectrum = linear_gaussian()
    operator = random_projections((4, 4), 0.5, random_state=1)
    X = (np.random.RandomState(0).randn(5, 6) * np.sqrt(spectrum)) @ basis.T
    solution = solve_inverse(
        denoise,
        (operator @ X.T).T,
        operator,
        sampler=make(200, sigma_max=10.0, sigma_min=1e-3),
        mean=0.0,
        random_state=0,
    )
    assert (solution.relative_residual < 1e-2).all()
    errors = np.linalg.norm(solution.mean.reshape(5, -1) - X, axis=1)
    assert (errors < 0.5 * np.linalg.norm(X, axis=1)).all()


def test_operators_of_the_user_know_their_images():
    Q = np.linalg.qr(RNG.randn(16, 5))[0].T
    operator = MeasurementOperator(Q, (4, 4))
    solution = solve_inverse(
        linear_gaussian()[0], operator @ np.ones(16), operator, n_draws=1
    )
    assert solution.mean.shape == (4, 4)


def test_draws_spread_where_nothing_is_measured():
    """The draws nearly follow the Gaussian posterior given two of six coordinates."""
    denoise, basis, spectrum = linear_gaussian(size=256)
    operator = basis[:, :2].T.copy()
    x = basis @ (np.sqrt(spectrum) * RNG.randn(6))
    solution = solve_inverse(
        denoise,
        operator @ x,
        operator,
        image_shape=(16, 16),
        n_draws=1000,
        sampler=CoarseToFine(sigma_max=10.0, bounded=True),
        mean=0.0,
        random_state=0,
    )
    z = solution.draws.reshape(1000, 256) @ basis
    np.testing.assert_allclose(
        z[:, :2], np.tile(x @ basis[:, :2], (1000, 1)), atol=0.01
    )
    np.testing.assert_allclose(z[:, 2:].mean(0), 0, atol=0.1)
    np.testing.assert_allclose(z[:, 2:].var(0), spectrum[2:], rtol=0.2)


def test_parameters_of_the_ascent():
    denoise, _, _ = linear_gaussian(size=256)
    operator = random_pixels((16, 16), 0.1, random_state=0)
    m = np.ones(operator.shape[0])
    steps = []

    def solve(random_state=0, callback=None, batch_size=None, **parameters):
        return solve_inverse(
            denoise,
            m,
            operator,
            n_draws=3,
            sampler=ascent(**parameters) if parameters else None,
            callback=callback,
            batch_size=batch_size,
            random_state=random_state,
        )

    default = solve(callback=lambda step, y, noise_std: steps.append(y.shape))
    np.testing.assert_array_equal(solve(beta=0.1).draws, default.draws)
    assert steps == [(3, 1, 16, 16)] * (default.n_evaluations.max() + 1)
    slower = solve(beta=0.01).n_evaluations.mean()
    assert slower > 2 * default.n_evaluations.mean()
    grown = solve(step_schedule="published", step_size=0.2).n_evaluations.mean()
    constant = solve(step_size=0.2).n_evaluations.mean()
    assert constant > 2 * grown
    assert (solve(sigma_min=0.3).n_evaluations < default.n_evaluations).all()
    np.testing.assert_allclose(solve(batch_size=1).draws, default.draws, atol=1e-4)
    assert np.abs(solve(random_state=1).draws - default.draws).max() > 1e-3
    assert np.abs(default.draws[0] - default.draws[1]).max() > 1e-3
    with pytest.warns(UserWarning, match="after 2 evaluations") as records:
        solve(max_evaluations=2)
    assert {record.filename for record in records} == {__file__}


def test_holes_in_photographs():
    """With blind networks, images drift where they are not measured."""
    clean = load_photo_patches(64, 8, subset="test", random_state=11).images[:4]
    clean = clean / np.float32(255)
    is_known = np.ones((64, 64), dtype=bool)
    is_known[10:26, 34:50] = False
    operator = observed_pixels(is_known)
    filled = [np.where(is_known, image, image[is_known].mean()) for image in clean]
    solution = solve_inverse(
        load_pretrained("photos-grey"),
        (operator @ clean.reshape(4, -1).T).T,
        operator,
        n_draws=1,
        random_state=0,
    )
    assert psnr(clean, solution.mean) > psnr(clean, np.stack(filled)) + 5
    # Each step reduces the noise at least by the factor 1 - beta.
    assert solution.n_evaluations.max() <= 1 + np.ceil(np.log(100) / -np.log(0.9))


def test_images_that_grow_where_nothing_is_known_come_to_an_end():
    is_known = np.zeros((8, 8), dtype=bool)
    is_known[0] = True
    operator = observed_pixels(is_known)
    solution = solve_inverse(lambda y, _: 1.2 * y, np.ones(8), operator, random_state=0)
    assert solution.n_evaluations.max() <= 1 + np.ceil(np.log(100) / -np.log(0.9))


def test_color_starts_with_what_is_measured():
    shape = (4, 6, 3)
    operator = random_pixels(shape, 0.5, random_state=0)
    x = RNG.rand(*shape)
    solution = solve_inverse(
        lambda y, _: y / 2,
        operator @ x.ravel(),
        operator,
        n_draws=1,
        sampler=ascent(sigma_max=1e-5, sigma_min=1e-6),
        mean=0.25,
        keep_every=3,
        return_trajectory=True,
    )
    known = (operator.H @ np.ones(operator.shape[0])).reshape(shape) > 0.5
    first = solution.trajectory.images[0][0]
    np.testing.assert_allclose(first, np.where(known, x, 0.25), atol=1e-4)
    n_kept = 1 + int(np.ceil(solution.n_evaluations[0] / 3))
    assert len(solution.trajectory.images) == n_kept
    np.testing.assert_allclose(solution.mean[known], x[known], atol=1e-4)


def test_rows_need_not_have_length_one():
    denoise, _, _ = linear_gaussian()
    m = np.arange(4.0) / 4
    found, expected = (
        solve_inverse(
            denoise,
            scale * m,
            scale * np.eye(16)[:4],
            image_shape=(4, 4),
            random_state=0,
        )
        for scale in (1.01, 1)
    )
    np.testing.assert_allclose(found.draws, expected.draws, atol=1e-5)


def test_color_and_trajectory():
    shape = (4, 6, 3)
    operator = random_pixels(shape, 0.5, random_state=0)
    x = np.full(72, 0.25)
    solution = solve_inverse(
        lambda y, _: y.mean((2, 3), keepdim=True).expand_as(y).clone(),
        operator @ x,
        operator,
        n_draws=2,
        return_trajectory=True,
        random_state=0,
    )
    assert solution.mean.shape == shape
    np.testing.assert_allclose(solution.mean, 0.25, atol=0.05)
    assert solution.trajectory.images[0].shape == (2, 4, 6, 3)
    assert solution.trajectory.noise_std[0][0] == 1.0
    assert (solution.trajectory.noise_std[-1] <= 0.01).all()
    assert (solution.trajectory.n_evaluations == solution.n_evaluations).all()


def test_bad_input():
    denoise, _, _ = linear_gaussian()
    good = random_pixels((4, 4), 0.5)
    garbage = LinearOperator(
        (4, 16),
        matvec=lambda x: x.ravel()[:4],
        rmatvec=lambda m: np.concatenate([m.ravel(), np.arange(12.0)]),
        dtype=float,
    )
    with pytest.raises(ValueError, match="must be the transpose"):
        solve_inverse(denoise, np.ones(4), garbage, image_shape=(4, 4))
    with pytest.raises(ValueError, match="complex dtype"):
        solve_inverse(denoise, np.ones(4), 1j * np.eye(16)[:4], image_shape=(4, 4))
    forward = LinearOperator((4, 16), matvec=lambda x: x[:4], dtype=float)
    with pytest.raises(ValueError, match="Define its rmatvec"):
        solve_inverse(denoise, np.ones(4), forward, image_shape=(4, 4))
    with pytest.raises(ValueError, match="image_shape=None"):
        solve_inverse(denoise, np.ones(4), np.eye(16)[:4])
    with pytest.raises(ValueError, match="but the images have 25"):
        solve_inverse(denoise, np.ones(4), np.eye(16)[:4], image_shape=(5, 5))
    with pytest.raises(ValueError, match=r"the operator measures images of shape"):
        solve_inverse(denoise, np.ones(8), good, image_shape=(2, 8))
    with pytest.raises(ValueError, match=r"has shape \(7,\); expected \(8,\)"):
        solve_inverse(denoise, np.ones(7), good)
    with pytest.raises(ValueError, match="NaN"):
        solve_inverse(denoise, np.full(8, np.nan), good)
    with pytest.raises(ValueError, match="'n_draws' parameter"):
        solve_inverse(denoise, np.ones(8), good, n_draws=0)
    with pytest.raises(ValueError, match="NaN or infinity at step 1"):
        solve_inverse(lambda y, _: y * np.nan, np.ones(8), good)
    with pytest.raises(ValueError, match="factor=3 must divide"):
        block_averages((8, 8), 3)
    with pytest.raises(ValueError, match="at least one True"):
        observed_pixels(np.zeros((3, 3), dtype=bool))
    with pytest.raises(ValueError, match="image_shape"):
        random_pixels((8,), 0.5)


@pytest.mark.parametrize(
    "operator",
    [
        random_pixels((16, 16), 0.3, random_state=0),
        block_averages((16, 16), 4),
        circular_blur((16, 16), np.ones((3, 3))),
        np.random.RandomState(0).randn(50, 256),
    ],
    ids=["pixels", "averages", "blur", "matrix"],
)
def test_measurements_in_other_units_warn_and_data_range_cures(operator):
    def solve(m, data_range=None):
        denoiser = as_denoiser(lambda y, noise_std: y / 2)
        denoiser.set_params(data_range=data_range)
        parameters = {"image_shape": (16, 16), "n_draws": 1, "random_state": 0}
        return solve_inverse(denoiser, m, operator, noise_std=0.1, **parameters)

    m = operator @ np.random.RandomState(1).rand(256)
    message = "measurements are much too large .* white is 1. Set the data_range"
    with pytest.warns(UserWarning, match=message) as records:
        solve(255 * m)
    assert {record.filename for record in records} == {__file__}
    with pytest.warns(UserWarning, match="too small .* white is 255. Check data_range"):
        solve(m, 255)
    np.testing.assert_allclose(solve(255 * m, 255).mean / 255, solve(m).mean, rtol=1e-4)
    solve(0 * m, 255)


def test_errors_about_what_is_no_matrix():
    denoise, _, _ = linear_gaussian()
    m = np.ones(4)
    for wrong in (lambda x: x, "blur", None, np.ones((4, 4, 4)), torch.nn.Identity()):
        with pytest.raises(ValueError, match=r"expected a matrix .* \(n_meas.* 16\)"):
            solve_inverse(denoise, m, wrong, image_shape=(4, 4))
    for wrong in (m + 1j, ["a"] * 4):
        with pytest.raises(ValueError, match=r"measurements has dtype .* floats"):
            solve_inverse(denoise, wrong, np.eye(16)[:4], image_shape=(4, 4))
    with pytest.raises(ValueError, match=r"mean has shape \(3, 3\); expected a number"):
        solve_inverse(
            denoise, m, np.eye(16)[:4], image_shape=(4, 4), mean=np.ones((3, 3))
        )
    with pytest.raises(ValueError, match="image_shape=16 must be"):
        MeasurementOperator(np.eye(16), 16)


def test_large_matrices_are_refused_before_they_are_made():
    """Only products with few vectors are computed."""
    M = sparse.eye_array(8192, 16384) + sparse.eye_array(8192, 16384, k=1)
    widths = []

    def product(matrix):
        def multiply(X):
            widths.append(X.shape[1] if X.ndim == 2 else 1)
            return matrix @ X

        return multiply

    operator = LinearOperator(
        M.shape,
        matvec=product(M),
        rmatvec=product(M.T),
        matmat=product(M),
        rmatmat=product(M.T),
        dtype=float,
    )
    with pytest.raises(ValueError, match=r"\(8192, 16384\).* 1\.1 GB .* smaller parts"):
        solve_inverse(
            lambda y, _: y / 2, np.ones(8192), operator, image_shape=(128, 128)
        )
    assert max(widths) <= 4


def test_measurements_of_uint8_are_refused():
    image = np.full(256, 200, dtype=np.uint8)
    operator = random_pixels((16, 16), 0.5, random_state=0)
    with pytest.raises(ValueError, match="dtype int64; expected floats"):
        solve_inverse(lambda y, _: y, image[:128].astype(np.int64), operator)
