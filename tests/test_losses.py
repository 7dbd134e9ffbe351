"""Losses of images: their formulas, and how much each noise level counts."""

import pytest
import torch

from sklearn_gahb import DNNDenoiser, GaussianNoise
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.training import Recipe, TrainingLog, train
from sklearn_gahb.training._losses import LOSSES, loss_of, mean_squared_errors

ERRORS = torch.tensor([[4e-4], [1e-2], [0.25]], dtype=torch.float64)
# Noise of standard deviation 0.1, 0.5 and 1 in three images of 4 pixels.
LEVELS = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64)
SIGNS = torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64).view(1, 1, 2, 2)
NOISE = LEVELS.view(3, 1, 1, 1) * SIGNS
# Derivatives of the losses by the errors of the images: the weights of the images.
WEIGHTS = {
    "inverse_root_std": [1 / 0.0101**0.25, 1 / 0.2501**0.25, 1 / 1.0001**0.25],
    "squared_error": [1, 1, 1],
    "root_squared_error": [0.5 / 0.02, 0.5 / 0.1, 0.5 / 0.5],
    "log_squared_error": [1 / 4e-4, 1 / 1e-2, 1 / 0.25],
    "inverse_variance": [1 / 0.011, 1 / 0.251, 1 / 1.001],
    "min_snr": [5, 0.25, 0.0625],
}


@pytest.mark.parametrize("name", LOSSES)
def test_weights_of_images(name):
    errors = ERRORS.clone().requires_grad_()
    loss_of(name, errors, NOISE, 1).sum().backward()
    expected = torch.tensor(WEIGHTS[name], dtype=torch.float64) / 3
    torch.testing.assert_close(errors.grad[:, 0], expected, rtol=1e-4, atol=0)


def test_networks_in_a_stack_have_their_own_losses():
    noise = torch.cat([NOISE, NOISE.flip(0)], dim=1)
    estimate = torch.zeros_like(noise)
    errors = mean_squared_errors(estimate, noise, 2)
    torch.testing.assert_close(errors[:, 0], LEVELS**2)
    torch.testing.assert_close(errors[:, 1], LEVELS.flip(0) ** 2)
    first, second = loss_of("root_squared_error", errors, noise, 2)
    assert float(first) == pytest.approx(1.6 / 3, rel=1e-5)
    assert float(second) == pytest.approx(1.6 / 3, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_no_loss_has_an_infinite_slope_at_an_exact_estimate(name):
    noise = torch.zeros(1, 1, 2, 2)
    estimate = torch.zeros(1, 1, 2, 2, requires_grad=True)
    errors = mean_squared_errors(estimate, noise, 1)
    loss_of(name, errors, noise, 1).sum().backward()
    assert estimate.grad.isfinite().all()


class Slope(torch.nn.Module):
    """Estimate the noise as a multiple of the noisy image."""

    def __init__(self):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(()))

    def forward(self, y):
        return self.slope * y


@pytest.mark.parametrize("name", LOSSES)
def test_at_one_noise_level_all_losses_have_the_same_minimum(name):
    generator = torch.Generator().manual_seed(0)

    def pairs():
        while True:
            noise = torch.randn(32, 1, 16, 16, generator=generator)
            yield noise + 2 * torch.randn(noise.shape, generator=generator), noise

    network, log = Slope(), TrainingLog()
    recipe = Recipe(loss=name, learning_rate=0.02, max_steps=300, precision="float32")
    list(train(network, pairs(), log, recipe))
    assert network.slope.item() == pytest.approx(1 / 5, abs=0.01)
    # The curve shows the mean squared error, whatever the loss.
    assert log.losses[-1].item() == pytest.approx(4 / 5, abs=0.05)


def test_unknown_loss():
    with pytest.raises(ValueError, match="'loss' parameter of DNNDenoiser"):
        DNNDenoiser(loss="mse").fit(torch.zeros(2, 8, 8).numpy())


@pytest.mark.parametrize("name", ["root_squared_error", "log_squared_error"])
def test_noisy_images_alone_need_squared_errors(name):
    X = make_disk_images(8, 8, random_state=0)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    denoiser = DNNDenoiser(width=4, depth=1, max_steps=1, supervision="noisy")
    denoiser.fit(noisy)
    with pytest.raises(ValueError, match=f"loss='{name}' cannot be combined"):
        denoiser.set_params(loss=name).fit(noisy)
    denoiser.fit(noisy, X)


@pytest.mark.parametrize("name", LOSSES)
def test_estimate_of_two_images_of_equal_probability(name):
    """The squared errors lead to the mean; the logarithm leads to one of the images."""
    estimates = torch.linspace(0, 1, 21, dtype=torch.float64)
    # Errors of an estimate that is a mixture of images at distance 1: (2, 21).
    errors = torch.stack([estimates, 1 - estimates]).square()
    losses = LOSSES[name](errors, torch.tensor(0.01)).mean(dim=0)
    if name == "root_squared_error":
        torch.testing.assert_close(
            losses, torch.full_like(losses, 0.5), atol=1e-4, rtol=0
        )
    elif name == "log_squared_error":
        assert losses.argmin() in (0, 20)
        assert losses.argmax() == 10
    else:
        assert losses.argmin() == 10
