import copy
from functools import partial

import pytest
import torch

from sklearn_gahb import DNNDenoiser
from sklearn_gahb.networks import BFCNN, BiasFreeBatchNorm2d, DilatedUNet, UNet
from sklearn_gahb.networks.making import make_network
from sklearn_gahb.networks.norms import calibrate_norms
from sklearn_gahb.networks.stacking import stack_networks, unstack_networks


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def n_parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_of_the_papers_unet():
    assert n_parameters(UNet()) == 7_659_264
    assert [n_parameters(UNet(n_scales=s)) for s in (1, 2)] == [366_080, 1_825_024]


@pytest.mark.parametrize("bias", [False, True])
def test_bfcnn_has_dncnns_layers(bias):
    network = BFCNN(depth=20, bias=bias)
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in network.modules() if hasattr(m, "momentum")]
    assert len(convolutions) == 20
    assert len(norms) == 18
    assert all((c.bias is not None) == bias for c in convolutions)


def test_norm_equals_its_definition_and_autograd(generator):
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64, generator=generator) + 1
    weights = torch.randn(x.shape, dtype=torch.float64, generator=generator)
    norm = BiasFreeBatchNorm2d(4).double()
    norm.gammas.data.uniform_(0.5, 2, generator=generator)
    x.requires_grad_()

    variance = x.var(dim=(0, 2, 3), keepdim=True, unbiased=False)
    sd = torch.sqrt(variance + 1e-5)
    expected = norm.gammas * x / sd
    gradients = torch.autograd.grad((expected * weights).sum(), [x, norm.gammas])
    y = norm(x)
    torch.testing.assert_close(y, expected)
    computed = torch.autograd.grad((y * weights).sum(), [x, norm.gammas])
    torch.testing.assert_close(computed, gradients)
    torch.testing.assert_close(norm.running_sd, (0.9 + 0.1 * sd).detach())


def test_frozen_norm_is_linear_and_differentiable_twice(generator):
    norm = BiasFreeBatchNorm2d(2).eval().double()
    norm.running_sd.uniform_(0.5, 2, generator=generator)
    x = torch.randn(1, 2, 3, 3, dtype=torch.float64, generator=generator)
    jacobian = torch.func.jacrev(norm)(x).reshape(18, 18)
    torch.testing.assert_close((jacobian @ x.ravel()).reshape(x.shape), norm(x))


def test_running_sd_tracks_constant_statistics(generator):
    norm = BiasFreeBatchNorm2d(1)
    x = 3 * torch.randn(8, 1, 32, 32, generator=generator)
    for _ in range(200):
        norm(x)
    assert norm.running_sd.item() == pytest.approx(x.std().item(), rel=1e-3)


@pytest.mark.parametrize(("name", "depth"), [("unet", 3), ("bf_cnn", 5)])
@pytest.mark.parametrize("size", [(8, 8), (1, 1), (1, 17), (13, 30)])
def test_any_size_and_homogeneous(name, depth, size, generator):
    network = make_network(DNNDenoiser(name, width=4, depth=depth), 1, seed=0).eval()
    y = torch.randn(2, 1, *size, generator=generator)
    with torch.no_grad():
        expected = 10 * network(y)
        assert expected.shape == y.shape
        error = torch.linalg.norm(network(10 * y) - expected)
    assert error <= 1e-5 * torch.linalg.norm(expected)


def test_images_of_odd_sizes_are_mirrored(generator):
    """Mirrored noise looks like noise; repeated rows and columns do not."""
    network = UNet(width=4, n_scales=2).eval()
    y = torch.randn(1, 1, 21, 30, generator=generator)
    mirrored = torch.nn.functional.pad(y, (0, 2, 0, 3), mode="reflect")
    torch.testing.assert_close(network(y), network(mirrored)[..., :21, :30])
    # Too small to be mirrored.
    assert network(y[..., :1, :2]).shape == (1, 1, 1, 2)


def test_color():
    assert UNet(3, width=4)(torch.zeros(1, 3, 8, 8)).shape == (1, 3, 8, 8)


def test_module_names_are_those_of_the_published_networks():
    names = UNet(width=4).state_dict()
    for name in (
        "encoder.0.0.weight",
        "encoder.0.2.weight",
        "encoder.0.3.gammas",
        "encoder.0.3.running_sd",
        "mid_block.0.weight",
        "upsample.0.weight",
        "decoder.0.0.weight",
    ):
        assert name in names


@pytest.mark.parametrize("bias", [False, True])
def test_calibrated_norms_begin_as_identities(bias, generator):
    network = UNet(width=4, n_scales=1, bias=bias)
    noisy = torch.rand(8, 1, 16, 16, generator=generator)
    calibrate_norms(network, noisy)
    without_norms = copy.deepcopy(network)
    for name, module in network.named_modules():
        if isinstance(module, BiasFreeBatchNorm2d | torch.nn.BatchNorm2d):
            without_norms.set_submodule(name, torch.nn.Identity())
    with torch.no_grad():
        expected = without_norms(noisy)
        torch.testing.assert_close(network.eval()(noisy), expected)
        torch.testing.assert_close(network.train()(noisy), expected)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        partial(UNet, 2, width=3, n_scales=2),
        partial(BFCNN, 2, width=3, depth=4),
        partial(DilatedUNet, 2, width=3),
    ],
)
def test_stacks_are_their_networks_side_by_side(make, bias, generator):
    """A stack has the outputs, gradients and statistics of three single networks."""
    networks = [make(bias=bias).double() for _ in range(3)]
    for network in networks:
        for parameter in network.parameters():
            parameter.data.normal_(std=0.3, generator=generator)
    copies = copy.deepcopy(networks)
    y = torch.randn(4, 6, 9, 10, dtype=torch.float64, generator=generator)
    stacked = stack_networks(networks)
    expected = torch.cat(
        [network(part) for network, part in zip(networks, y.chunk(3, 1), strict=True)],
        dim=1,
    )
    outputs = stacked(y)
    torch.testing.assert_close(outputs, expected)

    expected.square().sum().backward()
    outputs.square().sum().backward()
    for parameter in stacked.parameters():
        parameter.data = parameter.grad
    unstack_networks(stacked, copies)
    for one, network in zip(copies, networks, strict=True):
        gradients = [parameter.grad for parameter in network.parameters()]
        torch.testing.assert_close(list(one.parameters()), gradients)
        torch.testing.assert_close(
            dict(one.named_buffers()), dict(network.named_buffers())
        )
