"""Jacobians of denoisers at an image."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_gahb import (
    DNNDenoiser,
    GaussianNoise,
    WaveletThresholdDenoiser,
    WienerDenoiser,
)
from sklearn_gahb.datasets import make_gaussian_textures
from sklearn_gahb.jacobian import jacobian_operator, posterior_directions, posterior_std
from sklearn_gahb.networks import BFCNN
from sklearn_gahb.networks.frozen import FrozenNetwork, is_linear_once_frozen

RNG = np.random.RandomState(0)
CLEAN = make_gaussian_textures(30, 16, random_state=0)
IMAGE = CLEAN[0].astype(np.float64) + 0.1 * RNG.randn(16, 16)
# Both the wavelet transform and the UNet extend images of this size.
ODD = RNG.rand(13, 18) + 0.1 * RNG.randn(13, 18)


def make_network(architecture="unet", *, bias=False, image=IMAGE):
    X = np.random.RandomState(1).rand(8, 16, 16).astype(np.float32)
    depth = 5 if architecture == "bf_cnn" else 2
    return DNNDenoiser(
        architecture, width=6, depth=depth, bias=bias, max_steps=30, random_state=0
    ).fit(X)


class SmoothNetwork(nn.Module):
    """A network that is not piecewise linear."""

    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, 4, 3, padding=1)
        self.last = nn.Conv2d(4, channels, 3, padding=1)

    def forward(self, y):
        return self.last(nn.functional.softplus(self.first(y)))


class FunctionalReLU(SmoothNetwork):
    """A network whose ReLU is a function instead of a module."""

    def forward(self, y):
        return self.last(torch.relu(self.first(y)))


# Hard thresholding in an orthonormal basis is homogeneous: J y is the denoised image.
HARD = {"threshold": 3.0, "shrinkage": "hard", "n_shifts": 1, "noise_std": 0.1}
CLOSED = {
    "hard": WaveletThresholdDenoiser("db2", **(HARD | {"threshold": 2.0})),
    "soft": WaveletThresholdDenoiser(
        "haar", threshold=1.0, shrinkage="soft", n_shifts=1, noise_std=0.1
    ),
    "garrote": WaveletThresholdDenoiser(
        "sym4", threshold=1.5, shrinkage="garrote", n_shifts=1, noise_std=0.1
    ),
    "bayes": WaveletThresholdDenoiser(**(HARD | {"threshold": "bayes"})),
    "shifts": WaveletThresholdDenoiser("haar", **(HARD | {"n_shifts": 9})),
    "default": WaveletThresholdDenoiser(noise_std=0.1),
}


def closed_form(name):
    if name == "wiener":
        return WienerDenoiser(noise_std=0.1).fit(CLEAN)
    if name == "wiener, zero mean":
        return WienerDenoiser(noise_std=0.1, zero_mean=True).fit(CLEAN)
    return CLOSED[name].fit(CLEAN)


def central_differences(denoise, y, v, step):
    return (denoise(y + step * v) - denoise(y - step * v)) / (2 * step)


@pytest.mark.parametrize("name", [*CLOSED, "wiener", "wiener, zero mean"])
@pytest.mark.parametrize("image", [IMAGE, ODD], ids=["16x16", "13x18"])
def test_closed_form_against_dense_and_adjoint(name, image):
    if name.startswith("wiener") and image is ODD:
        pytest.skip("the Wiener filter is bound to the size it was fitted on")
    J = jacobian_operator(closed_form(name), image)
    assert isinstance(J, LinearOperator)
    assert J.dtype == np.float64
    dense = J.dense().numpy()
    V = RNG.randn(image.size, 3)
    np.testing.assert_allclose(J @ V, dense @ V, atol=1e-10)
    np.testing.assert_allclose(J.rmatmat(V), dense.T @ V, atol=1e-10)
    np.testing.assert_allclose(J.matvec(V[:, 0]), dense @ V[:, 0], atol=1e-10)
    np.testing.assert_allclose(J.H @ V[:, 0], dense.T @ V[:, 0], atol=1e-10)


@pytest.mark.parametrize("image", [IMAGE, ODD], ids=["16x16", "13x18"])
@pytest.mark.parametrize("name", ["hard", "shifts", "wiener, zero mean"])
def test_homogeneous_closed_forms(name, image):
    if name.startswith("wiener") and image is ODD:
        pytest.skip("the Wiener filter is bound to the size it was fitted on")
    denoiser = closed_form(name)
    expected = denoiser.transform(image[None])[0].ravel()
    J = jacobian_operator(denoiser, image)
    np.testing.assert_allclose(J @ image.ravel(), expected, atol=1e-10)


@pytest.mark.parametrize("image", [IMAGE, ODD], ids=["16x16", "13x18"])
@pytest.mark.parametrize("name", ["soft", "garrote", "wiener"])
def test_other_closed_forms_against_central_differences(name, image):
    if name == "wiener" and image is ODD:
        pytest.skip("the Wiener filter is bound to the size it was fitted on")
    denoiser = closed_form(name)
    v = RNG.randn(*image.shape)
    expected = central_differences(
        lambda y: denoiser.transform(y[None])[0], image, v, step=1e-7
    )
    J = jacobian_operator(denoiser, image)
    np.testing.assert_allclose(J @ v.ravel(), expected.ravel(), atol=1e-6)


def test_bayes_thresholds_are_fixed():
    """The derivative ignores the dependence of the threshold on the image."""
    denoiser = closed_form("bayes").set_params(shrinkage="hard")
    J = jacobian_operator(denoiser, IMAGE)
    expected = denoiser.transform(IMAGE[None])[0].ravel()
    np.testing.assert_allclose(J @ IMAGE.ravel(), expected, atol=1e-10)


@pytest.mark.parametrize("architecture", ["unet", "bf_cnn"])
@pytest.mark.parametrize("bias", [False, True])
def test_network_against_dense_and_adjoint(architecture, bias):
    denoiser = make_network(architecture, bias=bias)
    image = ODD.astype(np.float32)
    J = jacobian_operator(denoiser, image)
    y = torch.from_numpy(image)[None, None].requires_grad_()
    jacobian = torch.autograd.functional.jacobian(denoiser, y)
    expected = jacobian.reshape(J.shape).numpy()
    V = RNG.randn(image.size, 7).astype(np.float32)
    scale = np.linalg.norm(expected @ V)
    assert np.linalg.norm(J @ V - expected @ V) < 1e-5 * scale
    assert np.linalg.norm(J.rmatmat(V) - expected.T @ V) < 1e-5 * scale
    assert np.linalg.norm(J.dense().numpy() - expected) < 1e-5 * np.linalg.norm(
        expected
    )
    x_hat = denoiser(y).detach().numpy().ravel()
    error = np.linalg.norm(J @ image.ravel() - x_hat) / np.linalg.norm(x_hat)
    assert (error < 1e-5) == (not bias)


@pytest.mark.parametrize("architecture", [SmoothNetwork, FunctionalReLU])
def test_other_networks_are_differentiated(architecture):
    denoiser = DNNDenoiser(architecture, max_steps=20, random_state=0).fit(
        CLEAN.astype(np.float32)
    )
    J = jacobian_operator(denoiser, IMAGE)
    y = torch.from_numpy(IMAGE)[None, None]
    expected = torch.autograd.functional.jacobian(denoiser, y)
    expected = expected.reshape(J.shape).numpy()
    V = RNG.randn(IMAGE.size, 3)
    np.testing.assert_allclose(J @ V, expected @ V, atol=1e-4)
    np.testing.assert_allclose(J.rmatmat(V), expected.T @ V, atol=1e-4)


class Shifted(nn.Module):
    """A network with an additive constant that is not the bias of a layer."""

    def __init__(self):
        super().__init__()
        self.network = BFCNN(width=4, depth=3)
        self.register_buffer("shift", torch.tensor(1e-3))

    def forward(self, y):
        return self.network(y) + self.shift


# Seed of the weights of the networks below.
torch.manual_seed(0)


class OneSize(nn.Module):
    """A network that accepts the size of `y`, but no cropped size."""

    def forward(self, y):
        assert y.shape[2:] == (80, 80)
        return y.relu()


@pytest.mark.parametrize(
    "network",
    [
        Shifted(),
        nn.Conv2d(1, 1, 3, padding=1),
        nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 1, 3, padding=1)),
        BFCNN(width=4, depth=3).double(),
    ],
    ids=["shifted", "bias", "in place", "float64"],
)
def test_networks_of_all_kinds(network):
    image = RNG.randn(9, 11).astype(np.float32)
    denoiser = DNNDenoiser.from_module(network)
    J = jacobian_operator(denoiser, image)
    before = image.copy()
    y = torch.from_numpy(image)[None, None]
    expected = torch.autograd.functional.jacobian(denoiser, y)
    expected = expected.reshape(J.shape).numpy()
    np.testing.assert_allclose(J @ np.eye(99), expected, atol=1e-5)
    np.testing.assert_allclose(J.H @ np.eye(99), expected.T, atol=1e-5)
    np.testing.assert_array_equal(J @ np.zeros(99), 0)
    denoiser.transform(image[None])
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("architecture", ["unet", "bf_cnn", "dilated_unet"])
def test_frozen_networks_are_the_derivative(architecture):
    network = make_network(architecture).network_
    y = torch.from_numpy(ODD.astype(np.float32))[None, None]
    assert is_linear_once_frozen(network, y)
    frozen = FrozenNetwork(network, y)
    assert not any(isinstance(module, nn.ReLU) for module in frozen.modules())
    expected = torch.autograd.functional.jacobian(network, y).reshape(ODD.size, -1)
    units = torch.eye(ODD.size).reshape(-1, 1, *ODD.shape)
    products = frozen(units).flatten(1).T
    assert (products - expected).norm() < 1e-5 * expected.norm()


def test_frozen_batch_norm_with_bias():
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Conv2d(4, 1, 3, padding=1))
    network(torch.randn(20, 1, 8, 8))
    network.eval()
    y = torch.from_numpy(ODD.astype(np.float32))[None, None]
    assert is_linear_once_frozen(network, y)
    v = torch.randn(3, 1, *ODD.shape)
    expected = torch.autograd.functional.jacobian(network, y).reshape(ODD.size, -1)
    products = FrozenNetwork(network, y)(v).flatten(1)
    torch.testing.assert_close(products, v.flatten(1) @ expected.T)


@pytest.mark.parametrize("network", [SmoothNetwork(1), FunctionalReLU(1), Shifted()])
def test_what_is_not_linear_once_frozen(network):
    y = torch.from_numpy(ODD.astype(np.float32))[None, None]
    assert not is_linear_once_frozen(network, y)


def test_norms_over_the_batch_are_refused():
    norm = nn.BatchNorm2d(1, track_running_stats=False)
    with pytest.raises(ValueError, match=r"layer '0' .* normalizes by batch"):
        DNNDenoiser.from_module(nn.Sequential(norm))


def test_network_of_one_size():
    image = RNG.randn(80, 80).astype(np.float32)
    J = jacobian_operator(DNNDenoiser.from_module(OneSize()), image)
    np.testing.assert_array_equal(J @ np.ones(6400), image.ravel() <= 0)


def test_color_is_flattened_as_numpy_does():
    X = np.random.RandomState(2).rand(6, 8, 8, 3)
    denoiser = WaveletThresholdDenoiser("haar", **HARD).fit(X)
    J = jacobian_operator(denoiser, X[0])
    assert J.image_shape == (8, 8, 3)
    expected = denoiser.transform(X[:1]).ravel()
    np.testing.assert_allclose(J @ X[0].ravel(), expected, atol=1e-10)


def test_callables():
    """Test a linear map of two pixels, the derivative of a square, and a constant."""

    def denoise(y, noise_std):
        return noise_std * y.flip(3) + y**2

    y = np.array([[1.0, 2.0]])
    J = jacobian_operator(denoise, y[None], noise_std=0.5)
    np.testing.assert_allclose(J.dense().numpy(), [[2.0, 0.5], [0.5, 4.0]])
    np.testing.assert_allclose(J @ [1.0, 0.0], [2.0, 0.5])
    constant = jacobian_operator(lambda y, _: 0 * y + 1.0, y)
    np.testing.assert_allclose(constant @ [1.0, 1.0], 0)


def test_same_for_tensors_stacks_rows_and_wrappers():
    denoiser = closed_form("hard")
    expected = jacobian_operator(denoiser, IMAGE) @ IMAGE.ravel()
    rows = WaveletThresholdDenoiser(**denoiser.get_params())
    rows = rows.set_params(image_shape=(16, 16)).fit(CLEAN.reshape(30, -1))
    for estimator, y in [
        (denoiser, IMAGE[None]),
        (denoiser, torch.from_numpy(IMAGE)),
        (denoiser, IMAGE.tolist()),
        (FrozenEstimator(denoiser), IMAGE),
        (rows, IMAGE.reshape(1, -1)),
        (Pipeline([("denoise", rows)]), IMAGE.reshape(1, -1)),
    ]:
        J = jacobian_operator(estimator, y)
        np.testing.assert_array_equal(J @ IMAGE.ravel(), expected)


def test_noise_std_of_the_call():
    denoiser = closed_form("soft")
    J = jacobian_operator(denoiser, IMAGE, noise_std=0.3)
    told = WaveletThresholdDenoiser(**denoiser.get_params()).set_params(noise_std=0.3)
    expected = jacobian_operator(told.fit(CLEAN), IMAGE)
    np.testing.assert_array_equal(J @ IMAGE.ravel(), expected @ IMAGE.ravel())


def test_bad_input():
    denoiser = closed_form("hard")
    with pytest.raises(ValueError, match="y holds 30 images"):
        jacobian_operator(denoiser, CLEAN)
    with pytest.raises(ValueError, match="NaN"):
        jacobian_operator(denoiser, np.full((8, 8), np.nan))
    with pytest.raises(ValueError, match=r"y has 3 channels, .* expecting 1"):
        jacobian_operator(denoiser, RNG.rand(8, 8, 3))
    with pytest.raises(NotFittedError):
        jacobian_operator(WienerDenoiser(), IMAGE)
    with pytest.raises(TypeError, match="is not a denoiser"):
        jacobian_operator(GaussianNoise(), IMAGE)
    with pytest.raises(ValueError, match="requires_grad=False"):
        jacobian_operator(lambda y, _: y.detach(), IMAGE)
    with pytest.raises(ValueError, match="of the same shape"):
        jacobian_operator(lambda y, _: y[..., :3], IMAGE)
    with pytest.raises(ValueError, match=r"noise_std.*Got -1 instead"):
        jacobian_operator(denoiser, IMAGE, noise_std=-1)
    with pytest.raises(NotFittedError):
        jacobian_operator(GridSearchCV(denoiser, {}), IMAGE)
    with pytest.raises(TypeError, match="Complex"):
        _ = jacobian_operator(denoiser, IMAGE) @ np.full(IMAGE.size, 1j)
    scaler = StandardScaler().fit(np.eye(3))
    with pytest.raises(
        ValueError, match=r"StandardScaler\(\)\) is not written in torch"
    ):
        jacobian_operator(scaler, IMAGE[None])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_equals_cpu():
    denoiser = make_network("bf_cnn")
    V = RNG.randn(ODD.size, 5).astype(np.float32)
    image = ODD.astype(np.float32)
    expected = jacobian_operator(denoiser, image) @ V
    denoiser.network_.cuda()
    np.testing.assert_allclose(
        jacobian_operator(denoiser, image) @ V, expected, atol=1e-3
    )


def test_hutchinson():
    A = torch.from_numpy(RNG.randn(40, 40))

    def denoise(y, noise_std):
        return (y.flatten(1) @ A.T).reshape(y.shape)

    J = jacobian_operator(denoise, np.zeros((5, 8)))
    torch.testing.assert_close(J.diagonal(), A.diagonal())
    assert J.trace() == pytest.approx(float(A.trace()))
    probed = J.diagonal(20_000, random_state=0)
    torch.testing.assert_close(probed, A.diagonal(), atol=0.25, rtol=0)
    assert J.trace(20_000, random_state=0) == pytest.approx(float(probed.sum()))
    assert J.trace(20_000, random_state=0) == pytest.approx(J.trace(), abs=1.5)
    expected = float((A - A.T).norm() / A.norm())
    assert J.asymmetry(20_000, random_state=0) == pytest.approx(expected, rel=0.02)


def test_posterior_std_of_wiener_is_its_error():
    """With 350 textures at input PSNR 30 dB, the standard error is 0.4 percent."""
    noise_std = 10 ** (-30 / 20)
    X, spectrum = make_gaussian_textures(
        350, 64, random_state=0, return_power_spectrum=True
    )
    denoiser = WienerDenoiser(spectrum, noise_std=noise_std).fit(X)
    noisy = GaussianNoise(noise_std, random_state=0).fit_transform(X)
    measured = np.mean((denoiser.transform(noisy) - X) ** 2)
    std = posterior_std(denoiser, noisy[0], noise_std)
    assert np.mean(std**2) == pytest.approx(measured, rel=0.02)


def test_posterior_std_by_probes():
    denoiser = closed_form("wiener")
    exact = posterior_std(denoiser, IMAGE, 0.1)
    estimate = posterior_std(denoiser, IMAGE, 0.1, n_probes=3000, random_state=0)
    assert exact.shape == IMAGE.shape
    np.testing.assert_allclose(estimate, exact, rtol=0.05)
    with pytest.raises(ValueError, match=r"noise_std.*Got 0 instead"):
        posterior_std(denoiser, IMAGE, 0)
    with pytest.raises(ValueError, match="'n_probes' parameter"):
        posterior_std(denoiser, IMAGE, 0.1, n_probes=0)


def test_posterior_std_clips_with_a_warning():
    y = np.zeros((2, 3))
    sign = torch.tensor([[1.0, -1.0, 4.0], [-4.0, 9.0, 0.0]]).double()
    with pytest.warns(
        UserWarning, match="negative at 2 of 6 entries, by up to 4.0e"
    ) as records:
        std = posterior_std(lambda y, _: sign * y, y, 0.5)
    assert {record.filename for record in records} == {__file__}
    np.testing.assert_allclose(std, [[0.5, 0, 1], [0, 1.5, 0]])


def test_posterior_directions_of_wiener():
    """The variances of a Gaussian posterior are S sigma^2 / (S + sigma^2)."""
    denoiser = closed_form("wiener")
    directions, std = posterior_directions(denoiser, IMAGE, 0.2, n_components=7)
    spectrum = np.sort(denoiser.power_spectrum_.ravel())[::-1]
    expected = np.sqrt(spectrum * 0.04 / (spectrum + 0.04))[:7]
    assert directions.shape == (7, 16, 16)
    np.testing.assert_allclose(std, expected, rtol=1e-6)
    gram = directions.reshape(7, -1) @ directions.reshape(7, -1).T
    np.testing.assert_allclose(gram, np.eye(7), atol=1e-10)
