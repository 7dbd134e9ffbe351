"""Training with a constraint that clean images satisfy."""

import warnings

import numpy as np
import pytest
import torch
from scipy.special import ive
from torch import nn

from sklearn_gahb import DNNDenoiser, GaussianNoise, GeneralizationAnalyzer
from sklearn_gahb.checkpoints import load, save
from sklearn_gahb.datasets import (
    darcy_residual,
    make_circle_points,
    make_darcy_flow,
    make_disk_images,
)
from sklearn_gahb.denoisers import as_denoiser
from sklearn_gahb.generalization._keys import estimator_key
from sklearn_gahb.metrics import mean_absolute_residual
from sklearn_gahb.samplers import DDIM
from sklearn_gahb.training import Recipe
from sklearn_gahb.training._residuals import (
    SAMPLE_RATIO,
    squared_gains,
    squared_residuals,
)

POINTS = make_circle_points(1000, random_state=0)
DISKS = make_disk_images(30, 16, random_state=0)
# These constraints only show what training does with them.
pytestmark = pytest.mark.filterwarnings("ignore:Clean training images do not satisfy")
QUICK = {"width": 4, "depth": 1, "max_steps": 5, "batch_size": 8, "random_state": 0}


def off_circle(x):
    """Squared distance from the center, over the squared radius, minus 1."""
    return 4 * ((x - 0.5) ** 2).sum(dim=(2, 3)) - 1


def relative_length(y, noise_std):
    """Length of the posterior mean for points on the circle, over the radius."""
    lengths = np.linalg.norm(y - 0.5, axis=-1, keepdims=True)
    k = 0.5 * lengths / noise_std**2
    return ive(1, k) / ive(0, k)


def posterior_mean(y, noise_std):
    y = y.numpy()
    lengths = np.linalg.norm(y - 0.5, axis=-1, keepdims=True)
    mean = 0.5 + 0.5 * relative_length(y, noise_std) * (y - 0.5) / lengths
    return torch.from_numpy(mean)


def make_network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(2, 64),
        nn.SiLU(),
        nn.Linear(64, 64),
        nn.SiLU(),
        nn.Linear(64, 2),
        nn.Unflatten(1, (1, 1, 2)),
    )


@pytest.mark.parametrize("noise_std", [0.05, 0.2, 0.5])
def test_the_posterior_mean_has_a_known_residual(noise_std):
    """It lies inside the circle, so its constraint is not satisfied."""
    noisy = GaussianNoise(noise_std, random_state=0).fit_transform(POINTS)
    oracle = as_denoiser(posterior_mean)
    denoised = oracle.denoise_images(noisy, noise_std=noise_std)
    expected = 1 - relative_length(noisy, noise_std)[:, 0, 0] ** 2
    found = mean_absolute_residual(denoised, off_circle, average=False)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    best = np.mean((denoised - POINTS) ** 2)
    for factor in (0.9, 1.1):
        assert np.mean((0.5 + factor * (denoised - 0.5) - POINTS) ** 2) > best


def test_samples_satisfy_the_constraint():
    """At equal steps, they are at least 5 times closer to the circle."""
    found, errors = [], []
    noisy = GaussianNoise(0.1, random_state=1).fit_transform(POINTS)
    for options in ({}, {"residual": off_circle, "residual_weight": 100.0}):
        denoiser = DNNDenoiser(
            make_network(),
            max_steps=1000,
            batch_size=128,
            learning_rate=1e-2,
            random_state=0,
            **options,
        ).fit(POINTS)
        samples = denoiser.sample(
            200,
            image_shape=(1, 2),
            sampler=DDIM(n_steps=60, sigma_min=1e-3),
            random_state=0,
        )
        samples = denoiser.transform(samples)
        found.append(mean_absolute_residual(samples, off_circle))
        errors.append(np.mean((denoiser.transform(noisy) - POINTS) ** 2))
    assert found[1] < found[0] / 5
    assert errors[1] < errors[0]
    assert (samples.std(axis=0) > 0.3).all()


@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_squared_residuals(estimate):
    """The network predicts a fixed share of the noisy image, so all is explicit."""
    recipe = Recipe(
        residual=lambda x: 3 * x, residual_weight=0.5, residual_estimate=estimate
    )
    y = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    gains = squared_gains(recipe.residual, y, y / 2)
    found = squared_residuals(lambda y: 0.2 * y, y, 0.2 * y, gains, recipe)
    factor = 0.8
    if estimate == "sample":
        factor = 0.8 * (0.8 + SAMPLE_RATIO * 0.2)
    # The gain of the residual is 3.
    expected = 0.5 * (factor * y).square().mean(dim=(1, 2, 3))[:, None]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("n_rows", [1, 6, 16])
def test_errors_that_violate_a_linear_constraint_count_twice(n_rows):
    """With rows of length 1, the term is the mean square of the violating part."""
    rng = torch.Generator().manual_seed(0)
    rows = torch.linalg.qr(torch.randn(16, 16, generator=rng)).Q[:n_rows]
    recipe = Recipe(residual=lambda x: x.flatten(1) @ rows.T)
    noise = torch.randn(4000, 1, 4, 4, generator=rng)
    # Half of the noise is left, and it is the only violation.
    gains = squared_gains(recipe.residual, noise, noise)
    found = squared_residuals(None, noise, noise / 2, gains, recipe)
    violation = (noise / 2).flatten(1) @ rows.T @ rows
    expected = violation.square().mean()
    np.testing.assert_allclose(found.mean(), expected, rtol=0.25)


def test_gains():
    """They come from images with similar noise, and do not depend on the order."""
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(600, 1, 8, 8, generator=rng)
    levels = torch.linspace(0.01, 1, 600)[torch.randperm(600, generator=rng)]
    levels = levels[:, None, None, None]
    noise = levels * noise
    linear = squared_gains(lambda x: 5 * x, noise, noise)
    np.testing.assert_allclose(linear, 25, rtol=1e-3)
    cubic = squared_gains(lambda x: x**3, noise, noise)
    # The derivative is 3 x^2, and the sixth moment of the normal distribution is 15.
    expected = 9 * 15 * levels.flatten() ** 4
    ratio = cubic[:, 0] / expected
    assert 0.8 < ratio[levels.flatten() > 0.2].log().mean().exp() < 1.2
    assert 0.5 < ratio.median() < 2
    assert (squared_gains(lambda x: x, noise, 0 * noise) == torch.inf).all()
    assert (squared_gains(lambda x: x, noise, 1e-7 * noise) == torch.inf).all()
    overflow = squared_gains(lambda x: (1e3 * x).exp().diff(dim=3), noise, noise)
    assert not overflow.isnan().any()


def test_gains_of_inequalities():
    """Values that satisfy the inequality do not count."""
    rng = torch.Generator().manual_seed(0)
    noise = 0.05 * torch.randn(200, 1, 16, 16, generator=rng)
    clean = torch.zeros_like(noise)
    clean[:, :, 0] = 1
    gains = squared_gains(lambda x: torch.relu(x - 1), clean + noise, noise)
    # Half of the values in one of 16 rows violate it. The derivative is 1 there.
    assert gains.min() > 0.5
    assert gains.max() < 2
    held = squared_gains(lambda x: torch.relu(x - 3), clean + noise, noise)
    assert (held == torch.inf).all()


def test_no_weight_changes_nothing():
    plain = DNNDenoiser(**QUICK).fit(DISKS)
    without = DNNDenoiser(residual=lambda x: x - 1, residual_weight=0, **QUICK)
    np.testing.assert_array_equal(without.fit(DISKS).loss_curve_, plain.loss_curve_)
    constrained = without.set_params(residual_weight=1.0).fit(DISKS)
    assert not np.array_equal(constrained.transform(DISKS), plain.transform(DISKS))


def test_the_residual_has_the_units_of_the_images():
    fractions = DNNDenoiser(residual=lambda x: x - 0.3, **QUICK).fit(DISKS)
    values = DNNDenoiser(
        residual=lambda x: (x + 1) / 2 - 0.3, data_range=(-1, 1), **QUICK
    ).fit(2 * DISKS - 1)
    np.testing.assert_allclose(values.loss_curve_, fractions.loss_curve_, rtol=1e-4)
    assert mean_absolute_residual(
        2 * DISKS - 1, lambda x: (x + 1) / 2, data_range=(-1, 1)
    ) == pytest.approx(DISKS.mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        (lambda x: x / 0, "NaN or infinity"),
        (lambda x: torch.where(x > 0, x.sqrt(), 0 * x), "gradient is NaN"),
        (lambda x: x.mean(), r"of shape \(\)"),
        (lambda x: x[:1], r"of shape \(1, 1, 16, 16\)"),
        (lambda x: x.detach().numpy(), "a ndarray of shape"),
        (lambda x: x.detach(), "not differentiable"),
        (lambda x: x > 0, "not differentiable"),
        (lambda x: x.numpy(), "fails for a tensor.*without NumPy"),
        (lambda x: x.mul_(2), "fails for a tensor.*in place"),
        (lambda x: x[:, 1] - x[:, 2], "fails for a tensor.*index 1"),
    ],
)
def test_bad_residuals(residual, message):
    with pytest.raises(ValueError, match=f"residual.*{message}"):
        DNNDenoiser(residual=residual, **QUICK).fit(DISKS)


def test_bad_parameters():
    for name, value in [
        ("residual", 5),
        ("residual_weight", -1.0),
        ("residual_estimate", "median"),
    ]:
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            DNNDenoiser(**QUICK).set_params(**{name: value}).fit(DISKS)
    with pytest.raises(ValueError, match="it has a residual"):
        GeneralizationAnalyzer(
            DNNDenoiser(residual=off_circle, **QUICK), [2], n_networks_per_pass=2
        ).fit(DISKS)
    with pytest.raises(ValueError, match=r"a Tensor of shape \(1, 1, 16, 16\)"):
        mean_absolute_residual(DISKS, lambda x: x[:1])


def test_constraints_that_clean_images_do_not_satisfy():
    X = make_darcy_flow(10, 16, random_state=0)

    def residual(x):
        return darcy_residual(x) / 10

    denoiser = DNNDenoiser(residual=residual, residual_weight=1e-9, **QUICK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        denoiser.fit(X)
    with pytest.warns(UserWarning, match="whether crops"):
        denoiser.set_params(patch_size=8).fit(X)
    with pytest.warns(UserWarning, match="Check the axes and the units"):
        DNNDenoiser(
            make_network(),
            residual=lambda x: 4 * ((x - 0.5) ** 2).sum(dim=(1, 2)) - 1,
            max_steps=1,
        ).fit(POINTS)


def test_one_number_per_image_and_complex_numbers():
    for residual in (lambda x: x.mean(dim=(1, 2, 3)) - 0.5, torch.fft.fft2):
        denoiser = DNNDenoiser(residual=residual, **QUICK).fit(DISKS)
        assert np.isfinite(denoiser.transform(DISKS)).all()
        assert mean_absolute_residual(DISKS, residual) > 0


def test_unsigned_integers_are_fractions():
    X = (255 * DISKS).astype(np.uint8)
    assert mean_absolute_residual(X, lambda x: x) == pytest.approx(X.mean() / 255)


def test_early_stopping_counts_the_residual():
    """Without the residual, the weights after the first steps would be the best."""
    options = {**QUICK, "max_steps": 40, "early_stopping": True, "learning_rate": 1e-2}
    plain = DNNDenoiser(**options).fit(DISKS)
    black = DNNDenoiser(residual=lambda x: x, residual_weight=100.0, **options)
    black.fit(DISKS)
    assert black.validation_loss_curve_[0] > 10 * plain.validation_loss_curve_[0]
    assert np.abs(black.transform(DISKS)).mean() < np.abs(plain.transform(DISKS)).mean()


def test_sampled_residuals_and_statistics_of_batches_are_refused():
    denoiser = DNNDenoiser(
        residual=lambda x: x, residual_estimate="sample", batch_statistics=True, **QUICK
    )
    with pytest.raises(ValueError, match="needs batch_statistics=False"):
        denoiser.fit(DISKS)


def test_functions_that_read_other_numbers_have_other_keys():
    scope = {}
    exec("limit = 1.0\ndef residual(x): return x - limit", scope)
    keys = [estimator_key(DNNDenoiser(residual=scope["residual"]))]
    scope["limit"] = 2.0
    keys.append(estimator_key(DNNDenoiser(residual=scope["residual"])))
    for radius in (1, 2):

        def other(x, *, radius=radius):
            return x - radius

        keys.append(estimator_key(DNNDenoiser(residual=other)))
    for number in "34":
        exec(f"def residual(x): return x - {number}", scope)
        keys.append(estimator_key(DNNDenoiser(residual=scope["residual"])))
    assert len(set(keys)) == 6


def test_files_do_not_hold_the_residual(tmp_path):
    denoiser = DNNDenoiser(residual=off_circle, **QUICK).fit(DISKS)
    save(denoiser, tmp_path / "network")
    again = load(tmp_path / "network")
    assert again.residual is None
    np.testing.assert_array_equal(again.transform(DISKS), denoiser.transform(DISKS))
