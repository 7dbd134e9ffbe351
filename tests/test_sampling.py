"""Samplers, against priors whose answer is known in closed form."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from sklearn_gahb import (
    DiskPosteriorDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    as_denoise,
)
from sklearn_gahb.datasets import (
    load_photo_patches,
    make_disk_images,
    make_gaussian_textures,
)
from sklearn_gahb.networks import BFCNN
from sklearn_gahb.sampling import density_gap, noise_schedule, sample

SPECTRUM = torch.linspace(0.1, 1, 16)
BASIS = torch.linalg.qr(
    torch.randn(16, 16, generator=torch.Generator().manual_seed(0))
)[0]
COVARIANCE = (BASIS * SPECTRUM) @ BASIS.T


def gaussian(basis, spectrum):
    """Posterior mean for a Gaussian prior with these eigenvectors and variances."""

    def denoise(y, noise_std):
        variance = torch.as_tensor(noise_std, dtype=y.dtype).reshape(-1, 1) ** 2
        gain = spectrum / (spectrum + variance)
        return ((gain * (y.flatten(1) @ basis)) @ basis.T).reshape(y.shape)

    return denoise


GAUSSIAN = gaussian(BASIS, SPECTRUM)


class Diffusion:
    """A callable with a `forward` of another meaning."""

    def forward(self, x):
        raise NotImplementedError

    def __call__(self, y, noise_std):
        return y / 2


def flow(y, sigma_start, sigma_end):
    """Exact map of the probability flow of the Gaussian."""
    scale = ((SPECTRUM + sigma_end**2) / (SPECTRUM + sigma_start**2)).sqrt()
    return ((y.flatten(1) @ BASIS) * scale) @ BASIS.T


def relative_error(a, b):
    return float((a - b).norm() / b.norm())


def test_ddpm_has_the_moments_of_the_prior():
    """40,000 samples; each mode also against the recursion of its variance."""
    n, sigma_end = 40_000, 0.01
    y = sample(
        GAUSSIAN,
        (n, 1, 4, 4),
        method="ddpm",
        n_steps=1000,
        sigma_start=10.0,
        sigma_end=sigma_end,
        batch_size=n,
        random_state=0,
    ).flatten(1)
    mean = y.mean(0)
    covariance = y.T @ y / n - torch.outer(mean, mean)
    assert relative_error(covariance, COVARIANCE) < 0.05
    assert mean.norm() < 0.02 * COVARIANCE.trace().sqrt()
    sigmas = torch.from_numpy(noise_schedule(1000, 10.0, sigma_end))
    expected = torch.full((16,), 100.0, dtype=torch.float64)
    for sigma, target in pairwise(sigmas):
        gain = SPECTRUM / (SPECTRUM + sigma**2)
        ratio = (target / sigma) ** 2
        expected = (gain + ratio * (1 - gain)) ** 2 * expected
        expected += target**2 * (1 - ratio)
    measured = ((y @ BASIS) ** 2).mean(0)
    torch.testing.assert_close(measured, expected.float(), rtol=0.05, atol=0)


@pytest.mark.parametrize(
    ("method", "gamma", "tolerance"),
    [
        ("ddim", 1.0, 0.03),
        ("gradient_estimation", 2.0, 0.03),
        ("gradient_estimation", 1.5, 1e-3),
    ],
)
def test_flows_converge_to_the_exact_one(method, gamma, tolerance):
    errors = []
    for n_steps in (100, 200):
        y, trajectory = sample(
            GAUSSIAN,
            (200, 1, 4, 4),
            method=method,
            gamma=gamma,
            n_steps=n_steps,
            sigma_start=10.0,
            return_trajectory=True,
            random_state=0,
        )
        expected = flow(trajectory.images[0], 10.0, 0.01)
        errors.append(relative_error(y.flatten(1), expected))
        assert (trajectory.n_evaluations == n_steps).all()
    assert errors[0] < tolerance
    order = 1 if gamma != 1.5 else 2
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.15)


def test_gradient_estimation_needs_fewer_steps():
    errors = {}
    for n_steps in (5, 10, 20):
        for method in ("ddim", "gradient_estimation"):
            y, trajectory = sample(
                GAUSSIAN,
                (200, 1, 4, 4),
                method=method,
                n_steps=n_steps,
                sigma_start=10.0,
                return_trajectory=True,
                random_state=0,
            )
            expected = flow(trajectory.images[0], 10.0, 0.01)
            errors[n_steps, method] = relative_error(y.flatten(1), expected)
        assert errors[n_steps, "gradient_estimation"] < errors[n_steps, "ddim"]


def test_methods_are_one_step_of_their_formulas():
    """DDPM in the scale x = sqrt(abar) y, as it is published."""
    sigmas = [2.0, 1.5, 1.0]
    denoise = GAUSSIAN
    y, trajectory = sample(
        denoise,
        (3, 1, 4, 4),
        method="ddpm",
        schedule=sigmas,
        return_trajectory=True,
        random_state=0,
    )
    first, second = trajectory.images[:2]
    abar, abar_next = (1 / (1 + sigma**2) for sigma in sigmas[:2])
    a = abar / abar_next
    x_hat = denoise(first, sigmas[0])
    mean = (1 - abar_next) * a**0.5 / (1 - abar) * (abar**0.5 * first)
    mean += (1 - a) * abar_next**0.5 / (1 - abar) * x_hat
    noise = (abar_next**0.5 * second - mean) / (
        (1 - abar_next) / (1 - abar) * (1 - a)
    ) ** 0.5
    expected = np.random.default_rng(
        [np.random.RandomState(0).randint(2**31 - 1), 1]
    ).standard_normal((3, 1, 4, 4), np.float32)
    np.testing.assert_allclose(noise, expected, atol=1e-5)
    assert y.shape == (3, 1, 4, 4)


@pytest.mark.parametrize(
    "parameters",
    [
        {"step_size": 0.05, "beta": 0.5},
        {"step_size": 0.05, "beta": 1.0},
        {"step_size": 5e-4, "step_schedule": "published", "beta": 0.5},
        {"step_size": 5e-4, "step_schedule": "published", "beta": 1.0},
    ],
)
def test_coarse_to_fine_has_the_covariance_of_the_prior(parameters):
    """Rank d / 16; 4,000 samples, which scatter by 5 percent themselves."""
    basis = torch.linalg.qr(
        torch.randn(256, 16, generator=torch.Generator().manual_seed(1))
    )[0]
    n = 4000
    y = sample(
        gaussian(basis, SPECTRUM),
        (n, 1, 16, 16),
        method="coarse_to_fine",
        sigma_start=10.0,
        batch_size=n,
        random_state=0,
        **parameters,
    ).flatten(1)
    z = y @ basis
    assert relative_error(z.T @ z / n, torch.diag(SPECTRUM)) < 0.08
    outside = y - z @ basis.T
    assert outside.square().mean() < 1e-4


@pytest.mark.parametrize("method", ["ddpm", "ddim", "gradient_estimation"])
def test_empirical_prior_gives_its_images(method):
    """The mean starts amid the images, and the level far above their distances."""
    train = load_photo_patches(16, 20, random_state=0).images / np.float32(255)
    y = sample(
        as_denoise(EmpiricalDenoiser().fit(train)),
        (600, 1, 16, 16),
        method=method,
        n_steps=20 if method != "ddpm" else 100,
        sigma_start=100.0,
        random_state=0,
    )[:, 0].numpy()
    errors = ((y[:, None] - train[None]) ** 2).mean((2, 3))
    assert np.mean(-10 * np.log10(errors.min(1)) > 35) >= 0.95
    counts = np.bincount(errors.argmin(1), minlength=20)
    assert (counts > 0).all()
    if method == "ddpm":
        assert ((counts - 30) ** 2 / 30).sum() / 19 < 3


def test_coarse_to_fine_of_an_empirical_prior():
    train = load_photo_patches(16, 20, random_state=0).images / np.float32(255)
    y = sample(
        as_denoise(EmpiricalDenoiser().fit(train)),
        (600, 1, 16, 16),
        method="coarse_to_fine",
        sigma_start=100.0,
        random_state=0,
    )[:, 0].numpy()
    errors = ((y[:, None] - train[None]) ** 2).mean((2, 3))
    assert np.mean(errors.min(1) < 10**-3.5) >= 0.95
    assert len(set(errors.argmin(1))) == 20


def test_sample_of_estimators():
    textures, spectrum = make_gaussian_textures(
        50, 8, return_power_spectrum=True, random_state=0
    )
    wiener = WienerDenoiser(spectrum).fit(textures)
    X = wiener.sample(4000, n_steps=100, random_state=0)
    assert X.shape == (4000, 8, 8)
    learned = WienerDenoiser(noise_std=0.1).fit(X).power_spectrum_[..., 0]
    np.testing.assert_allclose(learned, spectrum, rtol=0.15, atol=2e-4)
    np.testing.assert_allclose(X.mean(), wiener.mean_, atol=0.02)
    np.testing.assert_array_equal(wiener.sample(3, n_steps=100, random_state=0), X[:3])

    train = load_photo_patches(16, 20, random_state=0).images
    memoriser = EmpiricalDenoiser().fit(train)
    X = memoriser.sample(200, n_steps=30, random_state=0)
    errors = ((X[:, None] - train[None] / 255) ** 2).mean((2, 3))
    assert np.mean(errors.min(1) < 10**-3.5) >= 0.95
    assert len(set(errors.argmin(1))) == 20

    rows = EmpiricalDenoiser(image_shape=(16, 16)).fit(train.reshape(20, -1))
    assert rows.sample(2).shape == (2, 256)
    colour = np.random.RandomState(0).rand(4, 8, 8, 3).astype(np.float32)
    network = DNNDenoiser(width=4, depth=1, max_steps=2, random_state=0)
    network.fit(colour)
    assert network.sample(2, n_steps=3).shape == (2, 8, 8, 3)
    assert network.sample(2, size=(12, 10), n_steps=3).shape == (2, 12, 10, 3)
    network.set_params(patch_size=4).fit([colour[0], colour[1][:5]])
    assert network.sample(n_steps=3).shape == (1, 4, 4, 3)
    wavelets = WaveletThresholdDenoiser("haar").fit([colour[0], colour[1][:6]])
    with pytest.raises(ValueError, match=r"pass size=\(height, width\)"):
        wavelets.sample()


@pytest.mark.parametrize("method", ["ddpm", "ddim", "coarse_to_fine"])
def test_noise_does_not_depend_on_batches_or_numbers(method):
    together = sample(
        GAUSSIAN, (7, 1, 4, 4), method=method, sigma_start=3.0, random_state=1
    )
    for n, batch_size in [(7, 2), (7, 1), (3, 3)]:
        y = sample(
            GAUSSIAN,
            (n, 1, 4, 4),
            method=method,
            sigma_start=3.0,
            batch_size=batch_size,
            random_state=1,
        )
        torch.testing.assert_close(y, together[:n], atol=1e-5, rtol=0)
    again = sample(GAUSSIAN, (7, 1, 4, 4), method=method, sigma_start=3.0)
    assert (again - together).abs().max() > 0.1


def test_converged_images_are_not_denoised_again():
    counts = []

    def denoise(y, noise_std):
        """The noise of the second image is invisible: it has converged at once."""
        counts.append(len(y))
        x_hat = 0.5 * y
        x_hat[y.flatten(1).mean(1) > 50] = y[y.flatten(1).mean(1) > 50]
        return x_hat

    mean = torch.tensor([0.0, 100.0]).reshape(2, 1, 1, 1)
    _, trajectory = sample(
        denoise,
        (2, 1, 4, 4),
        method="coarse_to_fine",
        mean=mean,
        beta=1.0,
        return_trajectory=True,
        random_state=0,
    )
    assert trajectory.n_evaluations[1] == 1
    assert trajectory.n_evaluations[0] == len(counts)
    assert counts[0] == 2
    assert set(counts[1:]) == {1}


def shrink_to_zero(y, noise_std):
    """Denoiser of images that are always 0: the residual is all of y."""
    return 0 * y


def test_coarse_to_fine_follows_its_formulas():
    told, states = [], []

    def denoise(y, noise_std):
        told.append(noise_std.clone())
        return shrink_to_zero(y, noise_std)

    h, beta = 0.3, 0.4
    sample(
        denoise,
        (2, 1, 8, 8),
        method="coarse_to_fine",
        step_size=h,
        beta=beta,
        callback=lambda step, y, noise_std: states.append(y),
        random_state=0,
    )
    seed = np.random.RandomState(0).randint(2**31 - 1)
    for t in range(3):
        y, following = states[t], states[t + 1]
        level = y.flatten(1).norm(dim=1) / 8
        gamma = ((1 - beta * h) ** 2 - (1 - h) ** 2) ** 0.5 * level
        noise = np.random.default_rng([seed, t + 1]).standard_normal(
            (2, 1, 8, 8), np.float32
        )
        expected = (1 - h) * y + gamma.view(2, 1, 1, 1) * torch.from_numpy(noise)
        torch.testing.assert_close(following, expected)
        torch.testing.assert_close(told[t + 1], (1 - beta * h) * level)
    assert (states[-1] == 0).all()


@pytest.mark.parametrize("sigma_end", [0.1, 0.01])
def test_coarse_to_fine_stops_at_sigma_end(sigma_end):
    _, trajectory = sample(
        shrink_to_zero,
        (20, 1, 16, 16),
        method="coarse_to_fine",
        sigma_end=sigma_end,
        beta=1.0,
        return_trajectory=True,
        random_state=0,
    )
    expected = np.log(1 / sigma_end) / -np.log(0.95)
    np.testing.assert_allclose(trajectory.n_evaluations, expected, atol=5)
    assert (trajectory.noise_std[-2] > 0).all()


def test_sample_begins_with_the_spread_of_the_prior():
    """The first level of each kind of denoiser."""
    X = make_disk_images(20, 16, random_state=0)
    starts = []

    def first_level(denoiser):
        called = []
        original = denoiser._denoise
        denoiser._denoise = lambda y, level: called.append(level) or original(y, level)
        denoiser.sample(1, n_steps=2, random_state=0)
        return called[0]

    flat = X.reshape(20, -1).astype(np.float64)
    spread = np.sqrt(flat.var(axis=0).sum())
    starts = {
        "empirical": first_level(EmpiricalDenoiser().fit(X)),
        "disks": first_level(DiskPosteriorDenoiser().fit(X)),
        "network": first_level(
            DNNDenoiser(width=4, depth=1, max_steps=1, train_noise_std=(0, 3.0)).fit(X)
        ),
    }
    assert starts["empirical"] == pytest.approx(10 * spread, rel=1e-3)
    assert starts["disks"] == pytest.approx(10 * 16 / 12**0.5)
    assert starts["network"] == 3.0
    wiener = WienerDenoiser().fit(X)
    total = (wiener.power_spectrum_).sum()
    assert first_level(wiener) == pytest.approx(10 * total**0.5)


def test_trajectory_and_callback():
    steps = []
    y, trajectory = sample(
        GAUSSIAN,
        (2, 1, 4, 4),
        n_steps=10,
        keep_every=4,
        return_trajectory=True,
        callback=lambda step, images, noise_std: steps.append((step, noise_std)),
        random_state=0,
    )
    assert [step for step, _ in steps] == list(range(11))
    assert len(trajectory.images) == 4
    levels = noise_schedule(10)[[0, 4, 8, 10]]
    np.testing.assert_allclose([one[0] for one in trajectory.noise_std], levels)
    torch.testing.assert_close(trajectory.images[-1], y)


def test_bound_on_evaluations_warns():
    with pytest.warns(
        UserWarning, match=r"2 of 2 images .* after 3 evaluations"
    ) as records:
        sample(GAUSSIAN, (2, 1, 4, 4), method="coarse_to_fine", max_evaluations=3)
    assert {record.filename for record in records} == {__file__}


@pytest.mark.parametrize("kind", ["log_linear", "ddpm", "cosine"])
def test_schedules(kind):
    sigmas = noise_schedule(30, 5.0, 0.02, kind)
    assert len(sigmas) == 31
    assert (sigmas[0], sigmas[-1]) == (5.0, 0.02)
    assert (np.diff(sigmas) < 0).all()
    time = {
        "log_linear": np.log(sigmas),
        # log abar of linear variances is -(b0 t + (b1 - b0) t^2 / 2) and smaller terms.
        "ddpm": np.sqrt(1e-4**2 + 2 * 0.0199 / 1000 * np.log1p(sigmas**2)),
        "cosine": np.arccos(np.cos(np.pi / 2 * 0.008 / 1.008) / np.sqrt(1 + sigmas**2)),
    }[kind]
    tolerance = {"log_linear": 1e-9, "ddpm": 0.03, "cosine": 0.01}[kind]
    differences = np.diff(time)
    np.testing.assert_allclose(differences, differences.mean(), rtol=tolerance)


def test_schedule_that_ends_without_noise():
    y = sample(GAUSSIAN, (3, 1, 4, 4), schedule=[1.0, 0.1, 0.0], method="ddim")
    assert y.isfinite().all()


def test_bad_input():
    shape = (2, 1, 4, 4)
    with pytest.raises(ValueError, match=r"of its input, \(2, 1, 4, 4\); at step 1"):
        sample(lambda y, _: y[..., :2], shape)

    calls = []

    def breaks(y, noise_std):
        calls.append(1)
        return y * (np.nan if len(calls) == 3 else 0.5)

    with pytest.raises(ValueError, match="NaN or infinity at step 3"):
        sample(breaks, shape)
    with pytest.raises(ValueError, match=r"decrease strictly .* at position 1"):
        sample(GAUSSIAN, shape, schedule=[1.0, 0.5, 0.5])
    with pytest.raises(ValueError, match="at least two noise levels"):
        sample(GAUSSIAN, shape, schedule=[1.0])
    with pytest.raises(ValueError, match=r"sigma_end=2.0 must be below sigma_start=1"):
        sample(GAUSSIAN, shape, sigma_end=2.0)
    with pytest.raises(ValueError, match=r"sigma_end=2.0 must be below sigma_start=1"):
        sample(GAUSSIAN, shape, sigma_end=2.0, method="coarse_to_fine")
    with pytest.raises(ValueError, match="beyond the levels of kind='ddpm'"):
        sample(GAUSSIAN, shape, sigma_start=1e4, schedule="ddpm")
    with pytest.raises(ValueError, match="at least one image"):
        sample(GAUSSIAN, (0, 1, 4, 4))
    with pytest.raises(TypeError, match=r"is an estimator; pass .*as_denoise"):
        sample(EmpiricalDenoiser(), shape)
    with pytest.raises(TypeError, match=r"a BFCNN, must take two arguments"):
        sample(BFCNN(width=2, depth=2), shape)
    assert sample(Diffusion(), shape).shape == shape
    textures = make_gaussian_textures(5, 6, random_state=0)
    with pytest.raises(ValueError, match=r"y has 3 channels, .* expecting 1"):
        sample(as_denoise(WienerDenoiser().fit(textures)), (1, 3, 6, 6))
    network = DNNDenoiser(width=4, depth=1, max_steps=1, train_noise_std=0.005)
    with pytest.raises(ValueError, match=r"begins at noise 0\.005"):
        network.fit(textures).sample()
    in_place = sample(lambda y, _: y.mul_(0.5), shape, method="ddim", random_state=0)
    expected = sample(lambda y, _: 0.5 * y, shape, method="ddim", random_state=0)
    torch.testing.assert_close(in_place, expected)
    with pytest.raises(ValueError, match=r"mean has shape \(5, 3, 1, 1\)"):
        sample(GAUSSIAN, shape, mean=torch.zeros(5, 3, 1, 1))
    with pytest.raises(ValueError, match="was fitted on images of 4x5"):
        EmpiricalDenoiser().fit(np.ones((2, 4, 5))).sample(size=(9, 9))
    with pytest.raises(ValueError, match=r"size=8 must be \(height, width\)"):
        EmpiricalDenoiser().fit(np.ones((2, 4, 5))).sample(size=8)
    with pytest.raises(ValueError, match="'method' parameter"):
        sample(GAUSSIAN, shape, method="langevin")


def test_density_gap_of_gaussians():
    """KL(N(0, s^2) || N(0, t^2)) = (s^2 / t^2 - 1 - log(s^2 / t^2)) / 2."""
    s, t = 1.0, 1.7
    sigma = np.geomspace(1e-4, 1e4, 300)
    gain = t**2 / (t**2 + sigma**2)
    mse = s**2 * (1 - gain) ** 2 + sigma**2 * gain**2
    optimal = s**2 * sigma**2 / (s**2 + sigma**2)
    expected = (s**2 / t**2 - 1 - np.log(s**2 / t**2)) / 2
    result = density_gap(mse, optimal, sigma)
    assert result.gap == pytest.approx(expected, rel=1e-3)
    assert np.isnan(result.std_err)
    coarse = density_gap(mse[::20], optimal[::20], sigma[::20])
    error = abs(coarse.gap - expected)
    assert coarse.quadrature_err / 3 < error < 3 * coarse.quadrature_err
    backwards = density_gap(mse[::-1], optimal[::-1], sigma[::-1])
    assert backwards.gap == pytest.approx(result.gap)
    per_value = density_gap(mse / 5, optimal / 5, sigma, n_values=5)
    assert per_value.gap == pytest.approx(result.gap)


def test_density_gap_has_the_error_of_its_mean():
    rng = np.random.RandomState(0)
    sigma = np.geomspace(0.1, 10, 20)
    errors = 1 + 0.1 * rng.randn(20, 50)
    optimal = 0.9 + 0.1 * rng.randn(20, 50)
    result = density_gap(errors, optimal, sigma)
    gaps = [density_gap(errors[:, i], optimal[:, i], sigma).gap for i in range(50)]
    assert result.gap == pytest.approx(np.mean(gaps))
    assert result.std_err == pytest.approx(np.std(gaps, ddof=1) / 50**0.5)
    mixed = density_gap(errors, optimal.mean(1), sigma)
    assert mixed.gap == pytest.approx(result.gap)
    assert mixed.std_err > 0
    for bad in ([1.0, 2.0], [1.0, 1.0, 2.0], [-1.0, 1.0, 2.0]):
        with pytest.raises(ValueError, match="noise_std"):
            density_gap(np.ones(len(bad)), np.ones(len(bad)), bad)
    with pytest.raises(ValueError, match="mse_optimal has shape"):
        density_gap(np.ones(20), np.ones(19), sigma)
