"""Samplers, tested on priors with closed-form solutions."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from sklearn_gahb import (
    DiskPosteriorDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    samplers,
)
from sklearn_gahb.datasets import (
    load_photo_patches,
    make_disk_images,
    make_gaussian_textures,
)
from sklearn_gahb.samplers import (
    DDIM,
    Ancestral,
    CoarseToFine,
    GradientEstimation,
    Sampler,
    ScheduledSampler,
    noise_schedule,
    run_sampler,
)
from sklearn_gahb.sampling import sample

# All samplers that follow a schedule, including new ones.
SCHEDULED = [
    one
    for one in vars(samplers).values()
    if isinstance(one, type)
    and issubclass(one, ScheduledSampler)
    and one is not ScheduledSampler
]
SPECTRUM = torch.linspace(0.1, 1, 16)
BASIS = torch.linalg.qr(
    torch.randn(16, 16, generator=torch.Generator().manual_seed(0))
)[0]
COVARIANCE = (BASIS * SPECTRUM) @ BASIS.T


def gaussian(basis, spectrum):
    """Make the posterior mean of a Gaussian prior with these axes and variances."""

    def denoise(y, noise_std):
        variance = torch.as_tensor(noise_std, dtype=y.dtype).reshape(-1, 1) ** 2
        gain = spectrum / (spectrum + variance)
        return ((gain * (y.flatten(1) @ basis)) @ basis.T).reshape(y.shape)

    return denoise


GAUSSIAN = gaussian(BASIS, SPECTRUM)


def draw(denoiser, n, sampler=None, *, side=4, **options):
    """Draw samples as a tensor of rows, and the trajectory if it is requested."""
    options = {"mean": 0.0, "random_state": 0} | options
    drawn = sample(denoiser, n, image_shape=(side, side), sampler=sampler, **options)
    if isinstance(drawn, tuple):
        return torch.from_numpy(drawn[0]).flatten(1), drawn[1]
    return torch.from_numpy(drawn).flatten(1)


class Diffusion:
    """A callable whose `forward` has another meaning."""

    def forward(self, x):
        raise NotImplementedError

    def __call__(self, y, noise_std):
        return y / 2


def flow(y, sigma_max, sigma_min):
    """Compute the exact probability flow of the Gaussian."""
    scale = ((SPECTRUM + sigma_min**2) / (SPECTRUM + sigma_max**2)).sqrt()
    return ((y.flatten(1) @ BASIS) * scale) @ BASIS.T


def relative_error(a, b):
    return float((a - b).norm() / b.norm())


def test_ancestral_sampling_has_the_moments_of_the_prior():
    """Test 4,000 samples, and each mode against the recursion of its variance.

    The standard errors of 4,000 samples are 6 percent for the covariance, 1.6 percent
    for the mean and 2.2 percent for the variance of a mode. The recursion has none.
    """
    n, n_steps, sigma_min = 4000, 400, 0.01
    sampler = Ancestral(n_steps, sigma_max=10.0, sigma_min=sigma_min)
    y = draw(GAUSSIAN, n, sampler, batch_size=n)
    mean = y.mean(0)
    covariance = y.T @ y / n - torch.outer(mean, mean)
    assert relative_error(covariance, COVARIANCE) < 0.08
    assert mean.norm() < 0.03 * COVARIANCE.trace().sqrt()
    sigmas = torch.from_numpy(noise_schedule(n_steps, 10.0, sigma_min))
    expected = torch.full((16,), 100.0, dtype=torch.float64)
    for sigma, target in pairwise(sigmas):
        gain = SPECTRUM / (SPECTRUM + sigma**2)
        ratio = (target / sigma) ** 2
        expected = (gain + ratio * (1 - gain)) ** 2 * expected
        expected += target**2 * (1 - ratio)
    torch.testing.assert_close(expected.float(), SPECTRUM, rtol=0.02, atol=0)
    measured = ((y @ BASIS) ** 2).mean(0)
    torch.testing.assert_close(measured, expected.float(), rtol=0.08, atol=0)


def flow_error(sampler):
    """Relative error of samples against the exact Gaussian flow from level 10."""
    y, trajectory = draw(GAUSSIAN, 200, sampler, return_trajectory=True)
    start = torch.from_numpy(trajectory.images[0])
    return relative_error(y, flow(start, 10.0, 0.01))


@pytest.mark.parametrize(
    ("make", "tolerance", "order"),
    [
        (DDIM, 0.03, 1),
        (GradientEstimation, 0.03, 1),
        (partial(GradientEstimation, gamma=1.5), 1e-3, 2),
    ],
)
def test_flows_converge_to_the_exact_one(make, tolerance, order):
    errors = [flow_error(make(n_steps, sigma_max=10.0)) for n_steps in (100, 200)]
    assert errors[0] < tolerance
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.15)


@pytest.mark.parametrize("n_steps", [5, 10, 20])
def test_gradient_estimation_needs_fewer_steps(n_steps):
    options = {"n_steps": n_steps, "sigma_max": 10.0}
    assert flow_error(GradientEstimation(**options)) < flow_error(DDIM(**options))


def test_gradient_estimation_without_memory_is_ddim():
    y = draw(GAUSSIAN, 3, GradientEstimation(20, gamma=1.0))
    torch.testing.assert_close(y, draw(GAUSSIAN, 3, DDIM(20)))


def test_ancestral_step_is_the_published_one():
    """The published DDPM step uses the scale x = sqrt(abar) y."""
    sigmas = [2.0, 1.5, 1.0]
    sampler = Ancestral(2, schedule=lambda *ends: sigmas, sigma_max=2.0)
    y, trajectory = draw(GAUSSIAN, 3, sampler, return_trajectory=True)
    first, second = torch.from_numpy(trajectory.images[:2])
    abar, abar_next = (1 / (1 + sigma**2) for sigma in sigmas[:2])
    a = abar / abar_next
    x_hat = GAUSSIAN(first, sigmas[0])
    mean = (1 - abar_next) * a**0.5 / (1 - abar) * (abar**0.5 * first)
    mean += (1 - a) * abar_next**0.5 / (1 - abar) * x_hat
    noise = (abar_next**0.5 * second - mean) / (
        (1 - abar_next) / (1 - abar) * (1 - a)
    ) ** 0.5
    expected = np.random.default_rng(
        [np.random.RandomState(0).randint(2**31 - 1), 1]
    ).standard_normal((3, 4, 4), np.float32)
    np.testing.assert_allclose(noise, expected, atol=1e-5)
    assert y.shape == (3, 16)


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
    """The prior has rank d / 16. The error of 2,000 samples is 4 percent by itself."""
    basis = torch.linalg.qr(
        torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    )[0]
    spectrum = torch.linspace(0.1, 1, 4)
    n = 2000
    sampler = CoarseToFine(sigma_max=10.0, **parameters)
    y = draw(gaussian(basis, spectrum), n, sampler, side=8, batch_size=n)
    z = y @ basis
    assert relative_error(z.T @ z / n, torch.diag(spectrum)) < 0.08
    outside = y - z @ basis.T
    assert outside.square().mean() < 1e-4


@pytest.mark.parametrize(
    "sampler",
    [
        *(one(100, sigma_max=100.0) for one in SCHEDULED),
        CoarseToFine(sigma_max=100.0),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_empirical_prior_gives_its_images(sampler):
    """Start at a level far above the distances between the images."""
    train = load_photo_patches(16, 20, random_state=0).images / np.float32(255)
    denoiser = EmpiricalDenoiser().fit(train)
    y = sample(denoiser, 200, sampler=sampler, mean=0.0, random_state=0)
    errors = ((y[:, None] - train[None]) ** 2).mean((2, 3))
    assert np.mean(errors.min(1) < 10**-3.5) >= 0.95
    counts = np.bincount(errors.argmin(1), minlength=20)
    assert (counts > 0).all()
    if isinstance(sampler, Ancestral):
        assert ((counts - 10) ** 2 / 10).sum() / 19 < 3


def test_sample_of_estimators():
    textures, spectrum = make_gaussian_textures(
        50, 8, return_power_spectrum=True, random_state=0
    )
    wiener = WienerDenoiser(spectrum).fit(textures)
    X = wiener.sample(2000, sampler=GradientEstimation(50), random_state=0)
    assert X.shape == (2000, 8, 8)
    learned = WienerDenoiser(noise_std=0.1).fit(X).power_spectrum_[..., 0]
    np.testing.assert_allclose(learned, spectrum, rtol=0.15, atol=2e-4)
    np.testing.assert_allclose(X.mean(), wiener.mean_, atol=0.02)
    few = wiener.sample(3, sampler=GradientEstimation(50), random_state=0)
    np.testing.assert_array_equal(few, X[:3])

    train = load_photo_patches(16, 20, random_state=0).images
    memorizer = EmpiricalDenoiser().fit(train)
    X = memorizer.sample(150, sampler=GradientEstimation(30), random_state=0)
    errors = ((X[:, None] - train[None] / 255) ** 2).mean((2, 3))
    assert np.mean(errors.min(1) < 10**-3.5) >= 0.95
    assert len(set(errors.argmin(1))) == 20

    rows = EmpiricalDenoiser(image_shape=(16, 16)).fit(train.reshape(20, -1))
    assert rows.sample(2).shape == (2, 256)
    color = np.random.RandomState(0).rand(4, 8, 8, 3).astype(np.float32)
    network = DNNDenoiser(width=4, depth=1, max_steps=2, random_state=0)
    network.fit(color)
    few = {"sampler": DDIM(3)}
    assert network.sample(2, **few).shape == (2, 8, 8, 3)
    assert network.sample(2, image_shape=(12, 10), **few).shape == (2, 12, 10, 3)
    assert network.sample(2, image_shape=(12, 10, 3), **few).shape == (2, 12, 10, 3)
    network.set_params(patch_size=4).fit([color[0], color[1][:5]])
    assert network.sample(**few).shape == (1, 4, 4, 3)
    wavelets = WaveletThresholdDenoiser("haar").fit([color[0], color[1][:6]])
    with pytest.raises(ValueError, match=r"pass image_shape=\(height, width\)"):
        wavelets.sample()


@pytest.mark.parametrize(
    "sampler",
    [*(one(sigma_max=3.0) for one in SCHEDULED), CoarseToFine(sigma_max=3)],
    ids=lambda sampler: type(sampler).__name__,
)
def test_noise_does_not_depend_on_batches_or_numbers(sampler):
    together = draw(GAUSSIAN, 7, sampler, random_state=1)
    for n, batch_size in [(7, 2), (7, 1), (3, 3)]:
        y = draw(GAUSSIAN, n, sampler, batch_size=batch_size, random_state=1)
        torch.testing.assert_close(y, together[:n], atol=1e-5, rtol=0)
    again = draw(GAUSSIAN, 7, sampler, random_state=None)
    assert (again - together).abs().max() > 0.1


def test_converged_images_are_not_denoised_again():
    counts = []

    def denoise(y, noise_std):
        """The second image is returned unchanged, so it converges at once."""
        counts.append(len(y))
        x_hat = 0.5 * y
        x_hat[y.flatten(1).mean(1) > 50] = y[y.flatten(1).mean(1) > 50]
        return x_hat

    mean = torch.tensor([0.0, 100.0]).reshape(2, 1, 1, 1)
    _, trajectory = draw(
        denoise, 2, CoarseToFine(beta=1.0), mean=mean, return_trajectory=True
    )
    assert trajectory.n_evaluations[1] == 1
    assert trajectory.n_evaluations[0] == len(counts)
    assert counts[0] == 2
    assert set(counts[1:]) == {1}


def shrink_to_zero(y, noise_std):
    """Denoise images that are always 0, so that the residual is y."""
    return 0 * y


def test_coarse_to_fine_follows_its_formulas():
    told, states = [], []

    def denoise(y, noise_std):
        told.append(noise_std.flatten())
        return shrink_to_zero(y, noise_std)

    h, beta = 0.3, 0.4
    draw(
        denoise,
        2,
        CoarseToFine(step_size=h, beta=beta),
        side=8,
        callback=lambda step, y, noise_std: states.append(y),
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


@pytest.mark.parametrize("sigma_min", [0.1, 0.01])
def test_coarse_to_fine_stops_at_sigma_min(sigma_min):
    sampler = CoarseToFine(beta=1.0, sigma_min=sigma_min)
    _, trajectory = draw(shrink_to_zero, 20, sampler, side=16, return_trajectory=True)
    expected = np.log(1 / sigma_min) / -np.log(0.95)
    np.testing.assert_allclose(trajectory.n_evaluations, expected, atol=5)
    assert (trajectory.noise_std[-2] > 0).any()
    assert (trajectory.noise_std[-1] == 0).all()


def test_sample_begins_with_the_spread_of_the_prior():
    """Compare the first level of each kind of denoiser."""
    X = make_disk_images(20, 16, random_state=0)
    starts = []

    def first_level(denoiser):
        called = []
        original = denoiser.denoise
        denoiser.denoise = lambda y, level: called.append(level) or original(y, level)
        denoiser.sample(1, sampler=DDIM(2), random_state=0)
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
    y, trajectory = draw(
        GAUSSIAN,
        2,
        GradientEstimation(10),
        keep_every=4,
        return_trajectory=True,
        callback=lambda step, y, noise_std: steps.append((step, noise_std)),
    )
    assert [step for step, _ in steps] == list(range(11))
    assert len(trajectory.images) == 4
    levels = noise_schedule(10)[[0, 4, 8, 10]]
    np.testing.assert_allclose([one[0] for one in trajectory.noise_std], levels)
    np.testing.assert_array_equal(trajectory.images[-1].reshape(2, 16), y)


def test_bound_on_evaluations_warns():
    with pytest.warns(
        UserWarning, match=r"2 of 2 images .* after 3 evaluations"
    ) as records:
        draw(GAUSSIAN, 2, CoarseToFine(max_evaluations=3))
    assert {record.filename for record in records} == {__file__}


@pytest.mark.parametrize("kind", ["log_linear", "ddpm", "cosine"])
def test_schedules(kind):
    sigmas = noise_schedule(30, 5.0, 0.02, kind)
    assert len(sigmas) == 31
    assert (sigmas[0], sigmas[-1]) == (5.0, 0.02)
    assert (np.diff(sigmas) < 0).all()
    time = {
        "log_linear": np.log(sigmas),
        # With linear variances, log abar is about -(b0 t + (b1 - b0) t^2 / 2).
        "ddpm": np.sqrt(1e-4**2 + 2 * 0.0199 / 1000 * np.log1p(sigmas**2)),
        "cosine": np.arccos(np.cos(np.pi / 2 * 0.008 / 1.008) / np.sqrt(1 + sigmas**2)),
    }[kind]
    tolerance = {"log_linear": 1e-9, "ddpm": 0.03, "cosine": 0.01}[kind]
    differences = np.diff(time)
    np.testing.assert_allclose(differences, differences.mean(), rtol=tolerance)


def test_schedule_that_ends_without_noise():
    for make in SCHEDULED:
        y = draw(GAUSSIAN, 3, make(2, schedule=lambda *ends: [1.0, 0.1, 0.0]))
        assert y.isfinite().all()


@dataclass(frozen=True)
class Heun(ScheduledSampler):
    """A user-defined sampler: the second-order step of Karras et al. (2022)."""

    def steps(self, denoise, y, sigma_max, draw_noise):
        for sigma, target in pairwise(self.levels(sigma_max)):
            slope = (y - denoise(y, sigma)) / sigma
            guess = y + (target - sigma) * slope
            corrected = (guess - denoise(guess, target)) / target
            y = y + (target - sigma) * (slope + corrected) / 2
            yield y, target


def test_a_sampler_of_the_user():
    y, trajectory = draw(GAUSSIAN, 50, Heun(50, sigma_max=10.0), return_trajectory=True)
    expected = flow(torch.from_numpy(trajectory.images[0]), 10.0, 0.01)
    assert relative_error(y, expected) < 0.003
    assert trajectory.n_evaluations.tolist() == [100] * 50


def test_samplers_are_values():
    assert DDIM(20) == DDIM(n_steps=20, sigma_min=0.01) != DDIM(21)
    assert repr(CoarseToFine(beta=0.1)).startswith("CoarseToFine(sigma_max=None")
    for wrong, name in [
        (lambda: DDIM(0), "'n_steps' parameter of DDIM"),
        (lambda: DDIM(schedule="linear"), "'schedule' parameter of DDIM"),
        (lambda: GradientEstimation(gamma=-1), "'gamma' parameter"),
        (lambda: CoarseToFine(step_size=2), "'step_size' parameter"),
        (lambda: Ancestral(sigma_max=1, sigma_min=2), "sigma_min=2 must be below"),
    ]:
        with pytest.raises(ValueError, match=name):
            wrong()
    with pytest.raises(TypeError, match="abstract"):
        Sampler()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda y: y, "it yielded <class 'torch.Tensor'>"),
        (lambda y: (y, 0.1, y), "it yielded <class 'tuple'>"),
        (lambda y: (y[:1], 0.1), r"with y of shape \(1, 1, 4, 4\)"),
        (lambda y: (y * np.nan, 0.1), r"finite images y of shape \(2, 1, 4, 4\)"),
        (lambda y: (y, -0.1), "it yielded noise_std=-0.1"),
        (lambda y: (y, None), "it yielded noise_std=None"),
        (lambda y: (y, torch.ones(3)), "or a tensor of 2 such levels; it yielded"),
        (lambda y: (y, torch.ones(2, 1, 1, 1)), "or a tensor of 2 such levels"),
    ],
)
def test_what_a_sampler_yields_is_checked(state, message):
    @dataclass(frozen=True, kw_only=True)
    class Wrong(Sampler):
        def steps(self, denoise, y, sigma_max, draw_noise):
            yield state(y)

    with pytest.raises(ValueError, match=rf"Wrong\.steps must yield .*{message}"):
        draw(GAUSSIAN, 2, Wrong())


def test_bad_input():
    with pytest.raises(ValueError, match=r"must return .* shape \(2, 1, 4, 4\)"):
        draw(lambda y, _: y[..., :2], 2)
    with pytest.raises(ValueError, match=r"of its input, \(2, 1, 4, 4\); at step 1"):
        run_sampler(lambda y, _: y[..., :2], DDIM(), 0.0, (2, 1, 4, 4))

    calls = []

    def breaks(y, noise_std):
        calls.append(1)
        return y * (np.nan if len(calls) == 3 else 0.5)

    with pytest.raises(ValueError, match="NaN or infinity at step 3"):
        draw(breaks, 2)
    for levels, message in [
        ([1.0, 0.5, 0.5], r"decrease strictly .* at position 1"),
        ([1.0], "at least two noise levels"),
        ([2.0, 1.0], "the first equal to sigma_max=1;"),
    ]:
        with pytest.raises(ValueError, match=message):
            draw(GAUSSIAN, 2, DDIM(schedule=lambda *ends, levels=levels: levels))
    for sampler in (DDIM(sigma_min=2.0), CoarseToFine(sigma_min=2.0)):
        with pytest.raises(ValueError, match=r"begins at noise 1.0, .* sigma_min=2.0"):
            draw(GAUSSIAN, 2, sampler)
    with pytest.raises(ValueError, match="beyond the levels of kind='ddpm'"):
        draw(GAUSSIAN, 2, DDIM(sigma_max=1e4, schedule="ddpm"))
    with pytest.raises(ValueError, match="at least one image"):
        run_sampler(GAUSSIAN, DDIM(), 0.0, (0, 1, 4, 4))
    with pytest.raises(NotFittedError):
        sample(EmpiricalDenoiser(), 2)
    with pytest.raises(TypeError, match=r"function of two arguments"):
        draw(lambda y: y, 2)
    assert draw(Diffusion(), 2).shape == (2, 16)
    textures = make_gaussian_textures(5, 6, random_state=0)
    with pytest.raises(ValueError, match=r"image_shape has 3 channels, .* expecting 1"):
        sample(WienerDenoiser().fit(textures), image_shape=(6, 6, 3))
    network = DNNDenoiser(width=4, depth=1, max_steps=1, train_noise_std=0.005)
    with pytest.raises(ValueError, match=r"begins at noise 0\.005"):
        network.fit(textures).sample()
    in_place = draw(lambda y, _: y.mul_(0.5), 2, DDIM())
    torch.testing.assert_close(in_place, draw(lambda y, _: 0.5 * y, 2, DDIM()))
    with pytest.raises(ValueError, match=r"mean has shape \(5, 3, 1, 1\)"):
        draw(GAUSSIAN, 2, mean=torch.zeros(5, 3, 1, 1))
    memorizer = EmpiricalDenoiser().fit(np.ones((2, 4, 5)))
    with pytest.raises(ValueError, match="was fitted on images of 4x5"):
        memorizer.sample(image_shape=(9, 9))
    with pytest.raises(ValueError, match=r"image_shape.*Got 8 instead"):
        memorizer.sample(image_shape=8)
    for wrong in ("langevin", DDIM):
        with pytest.raises(
            TypeError, match=r"must be a sampler from sklearn_gahb\.sampl"
        ):
            draw(GAUSSIAN, 2, wrong)
