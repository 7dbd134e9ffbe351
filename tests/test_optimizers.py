"""Muon: orthogonal updates, the same as torch's; which parameters it optimizes."""

import pytest
import torch
from torch import nn

from sklearn_gahb.networks import BFCNN, DilatedUNet, UNet
from sklearn_gahb.networks.stacking import stack_networks, unstack_networks
from sklearn_gahb.training import Recipe
from sklearn_gahb.training._optimizers import (
    N_NEWTON_SCHULZ_STEPS,
    NEWTON_SCHULZ,
    Muon,
    hidden_weights,
    make_optimizers,
    orthogonalize,
)


def matrices(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("shape", [(2, 3, 8), (2, 8, 3), (1, 4, 4), (3, 1, 5)])
def test_orthogonalization_changes_singular_values_only(shape):
    found = orthogonalize(matrices(*shape))
    left, values, right = torch.linalg.svd(matrices(*shape), full_matrices=False)
    values /= values.norm(dim=1, keepdim=True)
    a, b, c = NEWTON_SCHULZ
    for _ in range(sum(N_NEWTON_SCHULZ_STEPS)):
        values = a * values + b * values**3 + c * values**5
    torch.testing.assert_close(found, left * values[:, None] @ right)
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_tiny_gradients_are_orthogonalized():
    """Their squares are 0 in float32."""
    matrix = torch.randn(1, 8, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(orthogonalize(1e-30 * matrix), orthogonalize(matrix))
    assert (orthogonalize(0 * matrix) == 0).all()


def test_zero_and_singular_matrices_stay_finite():
    assert (orthogonalize(torch.zeros(1, 3, 5)) == 0).all()
    row = matrices(1, 1, 5)
    found = orthogonalize(row.expand(1, 3, 5))
    assert torch.linalg.matrix_rank(found, rtol=1e-6).item() == 1


def steps(optimizer, weight, gradients):
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("shape", [(6, 10), (10, 6)])
def test_matrices_are_optimized_as_by_torch(shape):
    """Torch orthogonalizes in bfloat16, which has three significant digits."""
    gradients = matrices(4, *shape, seed=1).float()
    ours, theirs = (nn.Parameter(torch.zeros(shape)) for _ in range(2))
    torch_muon = torch.optim.Muon(
        [theirs], lr=0.1, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    found = steps(Muon([ours], lr=0.1), ours, gradients)
    expected = steps(torch_muon, theirs, gradients)
    torch.testing.assert_close(found, expected, atol=4e-3, rtol=0)
    assert expected.abs().max() > 0.05


def test_a_kernel_is_a_matrix_with_one_row_per_filter():
    gradients = matrices(3, 6, 2, 3, 3, seed=1)
    kernel = nn.Parameter(matrices(6, 2, 3, 3))
    matrix = nn.Parameter(kernel.detach().flatten(1))
    kernel.data = kernel.data.contiguous(memory_format=torch.channels_last)
    found = steps(Muon([kernel], lr=0.1), kernel, gradients)
    expected = steps(Muon([matrix], lr=0.1), matrix, gradients.flatten(2))
    torch.testing.assert_close(found.flatten(1), expected)


@pytest.mark.parametrize("shape", [(4, 2, 3, 3), (40, 2, 3, 3), (6, 1, 3, 3)])
def test_groups_are_optimized_one_by_one(shape):
    """A grouped or depthwise convolution has one matrix for each group."""
    n = 2 if shape[1] == 2 else 6
    gradients = matrices(3, *shape, seed=1)
    kernel = nn.Parameter(matrices(*shape))
    parts = [nn.Parameter(part) for part in kernel.detach().clone().chunk(n)]
    muon = Muon([{"params": [kernel], "n_matrices": n}], lr=0.1)
    found = steps(muon, kernel, gradients)
    expected = [
        steps(Muon([part], lr=0.1), part, chunk)
        for part, chunk in zip(parts, gradients.chunk(n, dim=1), strict=True)
    ]
    torch.testing.assert_close(found, torch.cat(expected))


def test_steep_spectra_are_orthogonalized_in_float32():
    left, _ = torch.linalg.qr(matrices(64, 64))
    right, _ = torch.linalg.qr(matrices(576, 64, seed=1))
    steep = (left * torch.logspace(0, -12, 64, dtype=torch.float64)) @ right.mT
    expected = orthogonalize(steep[None])
    found = orthogonalize(steep[None].float())
    assert torch.linalg.matrix_norm(found, 2) < 1.3
    assert torch.linalg.matrix_norm(found - expected, 2) < 1e-2
    low = orthogonalize(steep[None].bfloat16())
    assert low.dtype == torch.float32
    assert torch.linalg.matrix_norm(low, 2) < 1.3


def test_updates_have_the_stated_size():
    weight = nn.Parameter(torch.zeros(32, 48))
    update = steps(Muon([weight], lr=0.1), weight, matrices(1, 32, 48).float())
    # Singular values near 1, not exactly 1.
    assert update.square().mean().sqrt().item() == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize(
    "make", [lambda: UNet(width=4, n_scales=1), lambda: BFCNN(width=4, depth=4)]
)
def test_networks_of_a_stack_are_optimized_one_by_one(make):
    recipe = Recipe(learning_rate=0.1)
    torch.manual_seed(0)
    networks = [make(), make()]
    stacked = stack_networks(networks)
    y = torch.rand(2, 1, 8, 8)
    for network in networks:
        optimizers = make_optimizers(network, recipe)
        network(y).square().mean().backward()
        for one in optimizers:
            one.step()
    optimizers = make_optimizers(stacked, recipe)
    (2 * stacked(y.repeat(1, 2, 1, 1)).square().mean()).backward()
    for one in optimizers:
        one.step()
    others = [make(), make()]
    unstack_networks(stacked, others)
    for network, other in zip(networks, others, strict=True):
        for a, b in zip(network.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("architecture", [UNet, BFCNN, DilatedUNet])
@pytest.mark.parametrize("bias", [False, True])
def test_muon_optimizes_all_layers_but_the_first_and_the_last(
    architecture, n_channels, bias
):
    network = architecture(n_channels, width=4, bias=bias)
    muon, adam = make_optimizers(network, Recipe())
    groups = [set(one.param_groups[0]["params"]) for one in (adam, muon)]
    assert groups[0] | groups[1] == set(network.parameters())
    assert not groups[0] & groups[1]
    kernels = [p for p in network.parameters() if p.ndim == 4 and p.shape[0] > 1]
    outer = [p for p in groups[0] if p.ndim == 4 and p.shape[0] > 1]
    # The first layer, and the last layer unless it has one row.
    assert len(outer) == (1 if n_channels == 1 else 2)
    assert len(kernels) == len(groups[1]) + len(outer)


def test_adam_optimizes_all_parameters():
    network = UNet(width=4)
    (adam,) = make_optimizers(network, Recipe(optimizer="adam"))
    assert isinstance(adam, torch.optim.Adam)
    assert len(adam.param_groups[0]["params"]) == len(list(network.parameters()))


def test_modules_without_hidden_weights():
    assert hidden_weights(nn.Conv2d(1, 1, 3)) == []
    shared = nn.Conv2d(2, 2, 3)
    shared.weight = nn.Parameter(torch.ones(2, 2, 3, 3))
    network = nn.Sequential(nn.Conv2d(1, 2, 3), shared, shared, nn.Conv2d(2, 1, 3))
    assert hidden_weights(network) == [{"params": [shared.weight], "n_matrices": 1}]
    network[1].requires_grad_(False)
    assert hidden_weights(network) == []
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 2, 3))
    network = nn.Sequential(nn.Conv2d(1, 2, 3), normed, nn.Conv2d(2, 1, 3))
    assert hidden_weights(network) == []
    assert len(make_optimizers(network, Recipe())) == 1
