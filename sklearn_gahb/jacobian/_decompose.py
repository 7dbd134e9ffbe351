"""Decompositions of Jacobians: in closed form, dense, or with the Lanczos method."""

from dataclasses import dataclass

import torch
from sklearn.exceptions import ConvergenceWarning

from .._tensors import images_to_rows
from .._warnings import warn
from ._lanczos import block_lanczos
from ._operator import norm_ratio

BLOCK_SIZE = 4
N_PROBES = 8


@dataclass(frozen=True)
class Decomposition:
    """Largest eigenvalues or singular values of a Jacobian J, with their vectors.

    Attributes
    ----------
    values : Tensor of shape (k,)
        Largest eigenvalues of (J + J^T) / 2, or singular values, in descending order.
    vectors : Tensor of shape (k, d)
        Orthonormal eigenvectors, or right singular vectors.
    left_vectors : Tensor of shape (k, d) or None
        Left singular vectors.
    trace : float
        Trace of J.
    asymmetry : float
        Frobenius norm of J - J^T divided by the Frobenius norm of J.
    solver : {"closed", "dense", "lanczos"}
    residuals : Tensor of shape (k,) or None
        Residuals of "lanczos".
    n_products : int or None
        Number of vectors that "lanczos" multiplied.
    """

    values: torch.Tensor
    vectors: torch.Tensor
    left_vectors: torch.Tensor | None
    trace: float
    asymmetry: float
    solver: str
    residuals: torch.Tensor | None = None
    n_products: int | None = None


def decompose(operator, k, *, method, solver, tol, max_products, rng):
    """Compute the largest eigenvalues or singular values of a Jacobian, with vectors.

    The parameters are those of :class:`JacobianBasis`; `k` is the number of components.
    """
    # Draw the seed for every solver, so that later draws do not depend on the solver.
    seed = rng.randint(2**31 - 1)
    if solver == "auto":
        # For networks on photographs, "lanczos" needs 5 to 6 products per vector. Each
        # of these products multiplies by both J and J^T.
        is_small = 11 * k >= operator.shape[0]
        is_closed = operator.linearization.eigenbasis is not None
        solver = "closed" if is_closed else "dense" if is_small else "lanczos"
    if solver == "closed":
        return decompose_closed(operator, k, method)
    if solver == "dense":
        return decompose_dense(operator, k, method)
    max_products = max_products or max(500, 20 * k)
    return decompose_lanczos(operator, k, method, tol, max_products, seed)


def decompose_closed(operator, k, method):
    """Decompose a symmetric Jacobian that has no negative eigenvalues."""
    values, images = operator.linearization.eigenbasis(k)
    vectors = images_to_rows(images)
    left = vectors if method == "svd" else None
    return Decomposition(values[:k], vectors, left, float(values.sum()), 0.0, "closed")


def decompose_dense(operator, k, method):
    """Build the whole matrix and decompose it."""
    J = operator.dense()
    trace = float(J.diagonal().sum())
    asymmetry = norm_ratio(J - J.T, J)
    if method == "svd":
        U, values, Vt = torch.linalg.svd(J)
        return Decomposition(values[:k], Vt[:k], U.T[:k], trace, asymmetry, "dense")
    values, vectors = torch.linalg.eigh((J + J.T) / 2)
    values, vectors = values.flip(0)[:k], vectors.T.flip(0)[:k]
    return Decomposition(values, vectors, None, trace, asymmetry, "dense")


def decompose_lanczos(operator, k, method, tol, max_products, seed):
    """Find the largest values and their vectors by multiplying by J and J^T."""
    generator = torch.Generator().manual_seed(seed)

    def multiply_transposed(rows):
        return operator.multiply_rows(rows, transposed=True)

    def symmetric_part(rows):
        if operator.linearization.is_symmetric:
            return operator.multiply_rows(rows)
        return (operator.multiply_rows(rows) + multiply_transposed(rows)) / 2

    def gram(rows):
        return multiply_transposed(operator.multiply_rows(rows))

    dimension = operator.shape[0]
    # Draw in float64 on the CPU, so that the start is the same on all devices.
    start = torch.randn(
        min(BLOCK_SIZE, dimension), dimension, generator=generator, dtype=torch.float64
    ).to(operator.linearization.x_hat)
    multiply = gram if method == "svd" else symmetric_part
    pairs = block_lanczos(
        multiply, start, k, tol=tol, max_products=max_products, generator=generator
    )
    limit, residuals = pairs.residual_limit, pairs.residuals
    if not pairs.converged:
        warn(
            f"{(residuals > limit).sum()} of {k} components did not converge after "
            f"{pairs.n_products} products: the largest residual is "
            f"{residuals.max():.1e}, but tol={tol} allows {limit:.1e}. Increase "
            "max_products or tol, or decrease n_components.",
            ConvergenceWarning,
        )
    values, left = pairs.values, None
    if method == "svd":
        values = values.clamp(min=0).sqrt()
        # J V = U S. QR makes U orthonormal even where singular values are zero.
        Q, R = torch.linalg.qr(operator.multiply_rows(pairs.vectors).T)
        left = (Q * torch.where(R.diagonal() < 0, -1, 1)).T.contiguous()
    basis = values, pairs.vectors, left
    trace = operator.trace(N_PROBES, random_state=seed)
    asymmetry = operator.asymmetry(N_PROBES, random_state=seed)
    found = *basis, trace, asymmetry, "lanczos", residuals, pairs.n_products
    return Decomposition(*found)
