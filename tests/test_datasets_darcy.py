"""Flow through a porous medium."""

import inspect

import numpy as np
import pytest
import torch

from sklearn_gahb.datasets import darcy_residual, make_darcy_flow
from sklearn_gahb.datasets._darcy import (
    LOG_PERMEABILITY_SCALE,
    PRESSURE_SCALE,
    karhunen_loeve_modes,
    solve_pressure,
    source_of_size,
)

SOURCE = source_of_size(8)


def to_tensor(X):
    return torch.from_numpy(X).permute(0, 3, 1, 2)


@pytest.mark.parametrize("size", [8, 16, 32])
def test_the_images_solve_the_equation(size):
    X = make_darcy_flow(4, size, random_state=0)
    assert X.shape == (4, size, size, 2)
    assert darcy_residual(to_tensor(X)).abs().max() < 1e-9
    np.testing.assert_allclose(X[..., 1].mean(axis=(1, 2)), 0.5, atol=1e-12)
    # Rounding to float32 leaves a residual far below the source, 10.
    assert darcy_residual(to_tensor(X.astype(np.float32))).abs().mean() < 1e-3


def test_pressure_between_plates():
    """If only one column has sources, the flow is that of one dimension."""
    permeability = np.exp(np.random.RandomState(0).normal(size=(8, 1))) * np.ones(8)
    source = np.zeros((8, 8))
    source[0], source[-1] = 3.0, -3.0
    pressure = solve_pressure(permeability, source)
    np.testing.assert_allclose(pressure, pressure[:, :1] * np.ones(8), atol=1e-12)
    # The flow through each face is the source of the first pixel.
    between = 2 / (1 / permeability[:-1, 0] + 1 / permeability[1:, 0])
    np.testing.assert_allclose(
        between * -np.diff(pressure[:, 0]) * 8**2, 3.0, rtol=1e-9
    )


def test_flow_leaves_through_no_border():
    """Without a source, the residual of any pressure adds up to 0."""
    X = np.random.RandomState(0).rand(3, 16, 16, 2)
    residual = darcy_residual(to_tensor(X)) + torch.from_numpy(source_of_size(16))
    assert residual.sum(dim=(1, 2)).abs().max() < 1e-8
    assert residual.abs().max() > 100
    constant = to_tensor(X)
    constant[:, 1] = 0.7
    expected = -torch.from_numpy(source_of_size(16)).expand(3, 16, 16)
    torch.testing.assert_close(darcy_residual(constant), expected)


def test_logarithm_of_the_permeability_has_the_covariance():
    size, length = 8, 0.3
    modes = karhunen_loeve_modes(size, size**2, length)
    row, column = np.divmod(np.arange(size**2), size)
    distances = np.abs(row[:, None] - row) + np.abs(column[:, None] - column)
    np.testing.assert_allclose(
        modes.T @ modes, np.exp(-distances / size / length), atol=1e-12
    )
    # The first modes are the largest.
    energies = (modes**2).sum(axis=1)
    assert (np.diff(energies) < 1e-12).all()
    X = make_darcy_flow(
        4000, size, n_terms=10, correlation_length=length, random_state=0
    )
    logarithms = (X[..., 0].reshape(4000, -1) - 0.5) * LOG_PERMEABILITY_SCALE
    np.testing.assert_allclose(
        np.cov(logarithms.T), modes[:10].T @ modes[:10], atol=0.12
    )
    pressure = solve_pressure(np.exp(logarithms[0].reshape(size, size)), SOURCE)
    np.testing.assert_allclose(X[0, ..., 1], 0.5 + pressure / PRESSURE_SCALE)


def test_derivative():
    X = to_tensor(make_darcy_flow(1, 8, random_state=0)).requires_grad_()
    assert torch.autograd.gradcheck(darcy_residual, X)


def test_fewer_images_are_the_first_ones_of_more():
    X = make_darcy_flow(5, 16, random_state=0)
    np.testing.assert_array_equal(make_darcy_flow(2, 16, random_state=0), X[:2])
    assert not np.array_equal(make_darcy_flow(2, 16, random_state=1), X[:2])
    names = list(inspect.signature(make_darcy_flow).parameters)
    assert names[:2] == ["n_samples", "image_size"]
    assert names[-1] == "random_state"


def test_bad_sizes():
    with pytest.raises(ValueError, match="image_size=20 must be a multiple of 8"):
        make_darcy_flow(1, 20)
    with pytest.raises(ValueError, match=r"n_terms=65 must be at most .*=64"):
        make_darcy_flow(1, 8, n_terms=65)
    for shape in [(1, 1, 8, 8), (1, 2, 8, 16), (2, 8, 8)]:
        with pytest.raises(ValueError, match="must have the shape"):
            darcy_residual(torch.zeros(shape))
    with pytest.raises(ValueError, match="image_size=12 must be a multiple of 8"):
        darcy_residual(torch.zeros(1, 2, 12, 12))
