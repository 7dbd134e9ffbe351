"""Networks whose noise estimate is the gradient of an energy."""

import copy
import pickle

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from torch import nn

from sklearn_gahb import DNNDenoiser, GaussianNoise, JacobianBasis
from sklearn_gahb.checkpoints import load, save
from sklearn_gahb.datasets import make_disk_images, make_gaussian_textures
from sklearn_gahb.jacobian import jacobian_operator
from sklearn_gahb.networks import BFCNN, ConservativeNetwork, SmoothReLU, UNet
from sklearn_gahb.networks.conservative import local_mean
from sklearn_gahb.training import Recipe

X = make_disk_images(60, 16, random_state=0)
RECIPE = {
    "width": 4,
    "depth": 1,
    "max_steps": 40,
    "batch_size": 16,
    "learning_rate": 1e-2,
    "device": "cpu",
    "random_state": 0,
}
DENOISER = DNNDenoiser(conservative=True, **RECIPE).fit(X)
NOISY = X[:3] + 0.1 * np.random.RandomState(0).randn(3, 16, 16).astype(np.float32)


def images(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).double()


def test_smooth_relu():
    a = images(2, 6, 4, 4)
    layer = SmoothReLU()
    torch.testing.assert_close(layer(3 * a), 3 * layer(a), atol=1e-6, rtol=1e-5)
    # It is within 2 percent of the ReLU where a feature is much larger than the others.
    a[:, 0] = 100
    torch.testing.assert_close(layer(a)[:, 0], a[:, 0], atol=0.02 * 100, rtol=0)
    assert torch.autograd.gradcheck(layer, images(1, 3, 2, 2).requires_grad_())
    zeros = torch.zeros(1, 3, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(zeros).sum(), zeros)
    assert gradient.isfinite().all()


@pytest.mark.parametrize(
    "make", [lambda: UNet(width=3, n_scales=1), lambda: BFCNN(width=4, depth=4)]
)
def test_noise_is_the_gradient_of_the_energy(make):
    network = ConservativeNetwork(make()).eval().double()
    y, v = images(2, 1, 8, 8), images(2, 1, 8, 8).flip(2)
    step = 1e-5
    slope = (network.energy(y + step * v) - network.energy(y - step * v)) / (2 * step)
    with torch.no_grad():
        noise = network(y)
    torch.testing.assert_close((noise * v).flatten(1).sum(1), slope, rtol=1e-5, atol=0)
    torch.testing.assert_close(network(2 * y), 2 * network(y), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(network.energy(2 * y), 4 * network.energy(y))
    # Euler's formula, for a homogeneous function of degree 2.
    torch.testing.assert_close((noise * y).flatten(1).sum(1) / 2, network.energy(y))
    # The brightness does not matter.
    torch.testing.assert_close(network(y + 5), network(y), rtol=1e-6, atol=1e-7)


def test_gradient_is_half_the_sum_of_the_network_and_its_transpose():
    A = images(9, 9)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(9, 9, bias=False)).double()
    linear[1].weight.data = A
    linear.append(nn.Unflatten(1, (1, 3, 3)))
    y = images(2, 1, 3, 3)
    noise = ConservativeNetwork(linear)(y).flatten(1)
    P = torch.eye(9).double() - 1 / 9
    torch.testing.assert_close(noise, y.flatten(1) @ (P @ (A + A.T) @ P / 2))


def test_local_mean():
    y, options = images(1, 1, 80, 40)[0, 0].numpy(), {"size": 65, "mode": "constant"}
    expected = uniform_filter(y, **options) / uniform_filter(np.ones_like(y), **options)
    found = local_mean(torch.from_numpy(y)[None, None])[0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_jacobian_is_symmetric():
    """Both products are computed on their own here, without the symmetry."""
    y = torch.from_numpy(NOISY[:1, None])
    J = torch.autograd.functional.jacobian(DENOISER.denoise, y).reshape(256, 256)
    assert (J - J.T).norm() < 1e-5 * J.norm()
    operator = jacobian_operator(DENOISER, NOISY[0])
    torch.testing.assert_close(operator.dense(), J, atol=1e-5, rtol=1e-4)
    assert operator.linearization.is_symmetric
    v = np.random.RandomState(1).randn(256).astype(np.float32)
    np.testing.assert_allclose(operator @ v, J.numpy() @ v, atol=1e-4)
    direct = DNNDenoiser(**RECIPE).set_params(max_steps=5).fit(X)
    assert not jacobian_operator(direct, NOISY[0]).linearization.is_symmetric


def test_the_basis_is_the_denoiser():
    """The sum of the shrunk coefficients is the denoised image."""
    basis = JacobianBasis(DENOISER).fit(NOISY[:1])
    denoised = DENOISER.transform(NOISY[:1])
    rows, y = basis.components_.reshape(-1, 256), NOISY[0].ravel()
    summed = (basis.eigenvalues_ * (rows @ y)) @ rows
    np.testing.assert_allclose(summed, denoised.ravel(), atol=1e-4)
    assert basis.asymmetry_ < 1e-5
    few = JacobianBasis(DENOISER, 8, solver="lanczos", random_state=0).fit(NOISY[:1])
    np.testing.assert_allclose(few.eigenvalues_, basis.eigenvalues_[:8], atol=1e-3)
    assert few.asymmetry_ == 0


def test_color():
    """The energy joins the channels, so the basis does too."""
    colors = np.stack([X, X**2, 1 - X], axis=-1)
    denoiser = DNNDenoiser(conservative=True, **RECIPE).set_params(max_steps=10)
    noisy = colors[:1] + 0.1 * np.random.RandomState(0).randn(1, 16, 16, 3)
    basis = JacobianBasis(denoiser.fit(colors)).fit(noisy, colors[:1])
    assert basis.asymmetry_ < 1e-5
    assert basis.symmetrization_loss_ == pytest.approx(0, abs=1e-4)
    assert denoiser.energy(noisy).shape == (1,)


def test_training():
    losses = DENOISER.loss_curve_
    assert losses[-10:].mean() < 0.7 * losses[:3].mean()
    assert DENOISER.score(X) > DNNDenoiser(**RECIPE).set_params(max_steps=1).fit(
        X
    ).score(X)
    again, same = (DNNDenoiser(conservative=True, **RECIPE).fit(X) for _ in range(2))
    np.testing.assert_array_equal(again.transform(NOISY), same.transform(NOISY))
    more = copy.deepcopy(again).set_params(warm_start=True, max_steps=2).fit(X)
    assert more.n_steps_ == 42


def test_energy():
    y = torch.from_numpy(NOISY[:, None])
    expected = DENOISER.network_.energy(y).detach().numpy()
    np.testing.assert_allclose(DENOISER.energy(NOISY), expected, rtol=1e-5)
    noise = NOISY - DENOISER.transform(NOISY)
    sums = (NOISY * noise).sum(axis=(1, 2)) / 2
    np.testing.assert_allclose(DENOISER.energy(NOISY), sums, rtol=1e-3)
    assert not hasattr(DNNDenoiser(), "energy")
    with pytest.raises(AttributeError, match="has no attribute 'energy'") as info:
        DNNDenoiser().energy(NOISY)
    assert "Set conservative=True" in str(info.value.__cause__)


def test_energies_are_log_densities():
    """For Gaussian textures, the log density of noisy images is known."""
    textures = make_gaussian_textures(2100, 8, exponent=1.5, random_state=0)
    textures -= textures.mean(axis=(1, 2), keepdims=True)
    train, test = textures[:2000], textures[2000:]
    level = 0.2
    noisy = GaussianNoise(level, random_state=0).fit_transform(test)
    noisy -= noisy.mean(axis=(1, 2), keepdims=True)
    denoiser = DNNDenoiser(
        width=8,
        depth=1,
        conservative=True,
        max_steps=100,
        train_noise_std=level,
        learning_rate=1e-2,
        device="cpu",
        random_state=0,
    ).fit(train)
    covariance = np.cov(train.reshape(2000, 64).T) + level**2 * np.eye(64)
    rows = noisy.reshape(100, 64)
    exact = -(rows @ np.linalg.inv(covariance) * rows).sum(axis=1) / 2
    estimate = -denoiser.energy(noisy) / level**2
    assert np.corrcoef(exact, estimate)[0, 1] > 0.95
    assert np.polyfit(exact, estimate, 1)[0] == pytest.approx(1, abs=0.1)
    # Typical differences between images are some nats.
    assert np.std(exact) > 4
    assert np.std(estimate - exact) < 0.4 * np.std(exact)


def test_files(tmp_path):
    save(DENOISER, tmp_path / "network.safetensors")
    for copied in (
        load(tmp_path / "network.safetensors"),
        pickle.loads(pickle.dumps(DENOISER)),
    ):
        assert copied.conservative
        np.testing.assert_array_equal(
            copied.transform(NOISY), DENOISER.transform(NOISY)
        )


def test_large_images_are_denoised_in_tiles():
    image = np.random.RandomState(0).rand(1, 40, 8000).astype(np.float32)
    y = torch.from_numpy(image[:, None])
    margin = DENOISER.network_.margin
    assert y.numel() > (448 // margin * margin + 2 * margin) ** 2
    with torch.no_grad():
        whole = y - DENOISER.network_(y)
    denoised = DENOISER.transform(image)
    np.testing.assert_allclose(denoised, whole[:, 0], atol=1e-5)


def test_modules_of_conservative_networks():
    """A layer that is used twice is replaced twice, and statistics are kept."""
    relu = nn.ReLU()
    layers = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), relu
    own = nn.Sequential(*layers, relu, nn.Conv2d(4, 1, 3, padding=1, bias=False))
    network = ConservativeNetwork(own)
    assert [type(one) for one in own[2:4]] == [SmoothReLU] * 2
    denoiser = DNNDenoiser.from_module(network.eval())
    assert denoiser.conservative
    assert denoiser.energy(NOISY).shape == (3,)
    trained = DNNDenoiser(own, conservative=True, max_steps=2, random_state=0).fit(X)
    assert (trained.network_.network[0][1].running_mean == 0).all()
    trained.set_params(conservative=False)
    assert trained.energy(NOISY).shape == (3,)
    with torch.inference_mode():
        noise = network(torch.from_numpy(NOISY[:, None]))
    expected = network(torch.from_numpy(NOISY[:, None])).detach()
    torch.testing.assert_close(noise.clone(), expected)


def test_own_modules():
    def network(activation):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False),
            activation,
            nn.Conv2d(4, 1, 3, padding=1, bias=False),
        )

    options = {"conservative": True, "max_steps": 3, "random_state": 0}
    own = network(nn.ReLU())
    denoiser = DNNDenoiser(own, **options).fit(X)
    assert isinstance(own[1], nn.ReLU)
    modules = denoiser.network_.modules()
    assert sum(isinstance(one, SmoothReLU) for one in modules) == 1
    with pytest.raises(ValueError, match="differentiate twice"):
        DNNDenoiser(network(OnceDifferentiable()), **options).fit(X)


class OnceDifferentiable(nn.Module):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            context.save_for_backward(x)
            return x * x

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(context, gradient):
            (x,) = context.saved_tensors
            return 2 * x * gradient

    def forward(self, x):
        return self.Square.apply(x)


def test_batch_statistics_are_refused():
    with pytest.raises(ValueError, match="batch_statistics=True cannot be combined"):
        Recipe(conservative=True, batch_statistics=True)


def test_the_gradient_that_is_compiled(monkeypatch):
    network = ConservativeNetwork(UNet(width=4)).double().eval()
    y = images(2, 1, 16, 16)
    weights = list(network.parameters())

    def noise_and_gradients():
        noise = network(y)
        return noise, *torch.autograd.grad(noise.square().sum(), weights)

    expected = noise_and_gradients()
    # Compilation takes minutes, so only the branch that it traces runs here.
    monkeypatch.setattr("sklearn_gahb.networks.conservative.is_compiling", lambda: True)
    torch.testing.assert_close(noise_and_gradients(), expected)
