"""Third-party networks: with noise levels, or with sides that need padding."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_gahb import DNNDenoiser, as_denoiser, estimate_noise_std, psnr_curve
from sklearn_gahb.checkpoints import load, save
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.jacobian import jacobian_operator
from sklearn_gahb.networks import NoiseFromImage, PaddedNetwork
from sklearn_gahb.samplers import DDIM

X = make_disk_images(6, 16, random_state=0)
RNG = np.random.default_rng(0)


class Shrink(nn.Module):
    """Network that needs the level and returns the image, y / (1 + sigma^2)."""

    def forward(self, y, noise_std):
        assert noise_std.shape == (len(y),)
        return y / (1 + noise_std.view(-1, 1, 1, 1) ** 2)


class NoiseInShrink(Shrink):
    def forward(self, y, noise_std):
        return y - super().forward(y, noise_std)


class UShaped(nn.Module):
    """Two scales with skips, as in DRUNet. Sides must be multiples of 4."""

    def __init__(self):
        super().__init__()
        self.down1 = nn.Conv2d(1, 4, 2, stride=2)
        self.down2 = nn.Conv2d(4, 8, 2, stride=2)
        self.up2 = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.up1 = nn.ConvTranspose2d(4, 1, 2, stride=2)
        self.relu = nn.ReLU()

    def forward(self, y):
        first = self.relu(self.down1(y))
        second = self.relu(self.down2(first))
        return self.up1(self.up2(second) + first)


class UShapedWithLevels(UShaped):
    def forward(self, y, sigma):
        return sigma.view(-1, 1, 1, 1) * super().forward(y)


@pytest.fixture
def u_shaped():
    torch.manual_seed(0)
    return UShaped().eval()


@pytest.mark.parametrize(
    ("network", "predicts"), [(Shrink(), "image"), (NoiseInShrink(), "noise")]
)
def test_networks_that_take_the_level_are_told(network, predicts):
    denoiser = DNNDenoiser.from_module(network, predicts, noise_std=0.5)
    np.testing.assert_allclose(denoiser.transform(X), X / 1.25, rtol=1e-6)
    passed = denoiser.denoise_images(X, noise_std=1.0)
    np.testing.assert_allclose(passed, X / 2, rtol=1e-6)
    y, levels = torch.from_numpy(X[:2, None]), torch.tensor([1.0, 2.0])
    expected = y / torch.tensor([2.0, 5.0]).view(2, 1, 1, 1)
    torch.testing.assert_close(denoiser(y, levels), expected)
    # If the level is unknown, it is estimated for each image.
    noisy = X + RNG.normal(size=X.shape) * np.linspace(0.1, 0.6, 6)[:, None, None]
    blind = DNNDenoiser.from_module(network, predicts)
    assert blind.noise_std is None
    estimated = estimate_noise_std(noisy)[:, None, None]
    expected = noisy / (1 + estimated**2)
    np.testing.assert_allclose(blind.transform(noisy), expected, rtol=1e-5)
    J = jacobian_operator(denoiser, X[0], noise_std=2.0)
    np.testing.assert_allclose(J.dense(), np.eye(256) / 5, atol=1e-6)


def test_functions_tell_the_level():
    levels = []

    class Listening(Shrink):
        def forward(self, y, noise_std):
            levels.extend(noise_std.tolist())
            return super().forward(y, noise_std)

    denoiser = DNNDenoiser.from_module(Listening(), "image")
    levels.clear()
    psnr_curve(denoiser, X, [0.3, 0.1], random_state=0)
    assert set(np.round(levels, 6)) == {0.3, 0.1}
    levels.clear()
    denoiser.sample(2, image_shape=(8, 8), sampler=DDIM(2, sigma_max=1.0))
    np.testing.assert_allclose(levels, [1.0, 1.0, 0.1, 0.1], rtol=1e-6)


@pytest.mark.parametrize("size", [(16, 16), (13, 30), (5, 7)])
def test_networks_are_padded(u_shaped, size):
    images = RNG.random((3, *size)).astype(np.float32)
    denoiser = DNNDenoiser.from_module(u_shaped)
    y = torch.from_numpy(images)[:, None]
    pads = (0, -size[1] % 4, 0, -size[0] % 4)
    with torch.no_grad():
        noise = u_shaped(F.pad(y, pads, mode="reflect"))[..., : size[0], : size[1]]
    expected = images - noise[:, 0].numpy()
    np.testing.assert_allclose(denoiser.transform(images), expected, atol=1e-6)
    J = jacobian_operator(denoiser, images[0])
    v = RNG.random(J.shape[1]).astype(np.float32)
    step = 1e-3 * v.reshape(1, *size)
    change = denoiser.transform(images[:1] + step) - denoiser.transform(images[:1])
    np.testing.assert_allclose(1e-3 * (J @ v), change.ravel(), atol=2e-5)


def test_tiles_are_padded(u_shaped):
    image = RNG.random((1, 731, 613)).astype(np.float32)
    y = torch.from_numpy(image)[None]
    padded = PaddedNetwork(u_shaped, multiple=4)
    with torch.no_grad():
        expected = y - padded(y)
    denoised = DNNDenoiser.from_module(u_shaped).transform(image)
    np.testing.assert_allclose(denoised, expected[0].numpy(), atol=1e-5)


def test_padded_networks_with_levels():
    torch.manual_seed(0)
    network = UShapedWithLevels().eval()
    denoiser = as_denoiser(network)
    y = torch.rand(2, 1, 9, 10)
    twice = y - denoiser(y, 0.2), y - denoiser(y, 0.4)
    torch.testing.assert_close(2 * twice[0], twice[1])
    assert denoiser(y, torch.tensor([0.2, 0.4])).shape == y.shape


def test_networks_that_need_no_padding_are_left_alone():
    network = nn.Conv2d(1, 1, 3, padding=1)
    nn.init.zeros_(network.weight)
    assert isinstance(DNNDenoiser.from_module(network).network_, nn.Conv2d)


def test_saved_wrappers_tell_what_to_pass(u_shaped, tmp_path):
    denoiser = DNNDenoiser.from_module(u_shaped, "image")
    save(denoiser, tmp_path / "wrapped")
    message = r"NoiseFromImage\(sklearn_gahb\.networks\.PaddedNetwork\(.*UShaped, 4\)\)"
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "wrapped")
    wrapped = NoiseFromImage(PaddedNetwork(u_shaped, 4))
    again = load(tmp_path / "wrapped", wrapped)
    images = RNG.random((2, 9, 10))
    np.testing.assert_array_equal(again.transform(images), denoiser.transform(images))


@pytest.mark.parametrize("multiple", [3, 5, 6, 14, 20, 24, 64])
def test_tiles_begin_where_the_network_wants_it(multiple):
    class Coarse(nn.Module):
        """Averages over blocks, for any image size."""

        def forward(self, y):
            down = F.avg_pool2d(y, multiple)
            return F.interpolate(down, scale_factor=multiple)

    denoiser = DNNDenoiser.from_module(Coarse(), "image")
    assert denoiser.network_.network.multiple == multiple
    size = {14: (700, 602), 64: (704, 640)}.get(multiple, (720, 600))
    image = RNG.random((1, *size)).astype(np.float32)
    expected = Coarse()(torch.from_numpy(image)[None])[0].numpy()
    np.testing.assert_allclose(denoiser.transform(image), expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_scripted_networks():
    network = torch.jit.script(nn.Conv2d(1, 1, 3, padding=1))
    denoiser = DNNDenoiser.from_module(network)
    with torch.no_grad():
        expected = X - network(torch.from_numpy(X)[:, None])[:, 0].numpy()
    np.testing.assert_allclose(denoiser.transform(X), expected, atol=1e-6)


def test_jacobians_know_the_level():
    class Optional(nn.Sequential):
        takes_noise_std = True

        def forward(self, y, noise_std=None):
            scale = 1 if noise_std is None else noise_std.view(-1, 1, 1, 1)
            return scale * super().forward(y)

    torch.manual_seed(0)
    network = Optional(nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.ReLU())
    network.append(nn.Conv2d(2, 1, 3, padding=1, bias=False))
    denoiser, eye = DNNDenoiser.from_module(network), torch.eye(256)
    first, second = (jacobian_operator(denoiser, X[0], s).dense() for s in (1.0, 2.0))
    torch.testing.assert_close(2 * (eye - first), eye - second)
