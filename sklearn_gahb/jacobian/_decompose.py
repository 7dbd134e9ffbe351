"""Decompositions of Jacobians: in closed form, of the matrix, and by products alone."""

from dataclasses import dataclass

import torch

from ._lanczos import block_lanczos
from ._operator import images_to_rows

BLOCK_SIZE = 4
N_OVERSAMPLES = 8
N_PROBES = 8


@dataclass(frozen=True)
class Decomposition:
    """Part of a basis in which a Jacobian J is diagonal.

    Attributes
    ----------
    values : Tensor of shape (k,)
        Largest eigenvalues of (J + J^T) / 2, or singular values; in descending order.
    vectors : Tensor of shape (k, d)
        Orthonormal eigenvectors, or right singular vectors.
    left_vectors : Tensor of shape (k, d) or None
        Left singular vectors.
    trace : float
        Trace of J.
    asymmetry : float
        Frobenius norm of J - J^T over that of J.
    residuals : Tensor of shape (k,) or None
        Of an iteration.
    n_products : int or None
    converged : bool
    """

    values: torch.Tensor
    vectors: torch.Tensor
    left_vectors: torch.Tensor | None
    trace: float
    asymmetry: float
    residuals: torch.Tensor | None = None
    residual_limit: float | None = None
    n_products: int | None = None
    converged: bool = True


def choose_solver(solver, operator, k):
    """Resolve "auto": the closed form, or what needs fewer products."""
    if solver != "auto":
        return solver
    if operator.linearization.eigenbasis is not None:
        return "closed"
    # Of networks on photographs the iteration needs 5 to 6 products a vector, with J
    # and with J^T each.
    return "dense" if 11 * k >= operator.shape[0] else "lanczos"


def decompose_closed(operator, k, method):
    """Decompose a symmetric Jacobian that has no negative eigenvalues."""
    values, images = operator.linearization.eigenbasis(k)
    vectors = images_to_rows(images)
    left = vectors if method == "svd" else None
    return Decomposition(values[:k], vectors, left, float(values.sum()), 0.0)


def decompose_dense(operator, k, method):
    """Decompose the whole matrix."""
    J = operator.dense()
    trace = float(J.diagonal().sum())
    asymmetry = norm_ratio(J - J.T, J)
    if method == "svd":
        U, values, Vt = torch.linalg.svd(J)
        return Decomposition(values[:k], Vt[:k], U.T[:k], trace, asymmetry)
    values, vectors = torch.linalg.eigh((J + J.T) / 2)
    values, vectors = values.flip(0)[:k], vectors.T.flip(0)[:k]
    return Decomposition(values, vectors, None, trace, asymmetry)


def decompose_lanczos(operator, k, method, *, tol, max_products, generator):
    """Find the top of a decomposition by products with J and J^T."""

    def multiply(rows):
        return operator.multiply_rows(rows)

    def multiply_transposed(rows):
        return operator.multiply_rows(rows, transposed=True)

    def symmetric_part(rows):
        return (multiply(rows) + multiply_transposed(rows)) / 2

    def gram(rows):
        return multiply_transposed(multiply(rows))

    x_hat = operator.linearization.x_hat
    dimension = operator.shape[0]
    # Drawn in float64 and on the CPU: the same for all precisions and devices.
    start = torch.randn(
        min(BLOCK_SIZE, dimension), dimension, generator=generator, dtype=torch.float64
    ).to(x_hat)
    pairs = block_lanczos(
        gram if method == "svd" else symmetric_part,
        start,
        k,
        tol=tol,
        n_oversamples=N_OVERSAMPLES,
        max_products=max_products,
        generator=generator,
    )
    values, left = pairs.values, None
    if method == "svd":
        values = values.clamp(min=0).sqrt()
        # J V = U S: orthonormal also where singular values vanish.
        Q, R = torch.linalg.qr(multiply(pairs.vectors).T)
        left = (Q * torch.where(R.diagonal() < 0, -1, 1)).T.contiguous()
    probes = torch.randint(0, 2, (N_PROBES, dimension), generator=generator)
    trace, asymmetry = estimate_trace_and_asymmetry(
        multiply, multiply_transposed, 2 * probes.to(x_hat) - 1
    )
    return Decomposition(
        values,
        pairs.vectors,
        left,
        trace,
        asymmetry,
        pairs.residuals,
        pairs.residual_limit,
        pairs.n_products,
        pairs.converged,
    )


def estimate_trace_and_asymmetry(multiply, multiply_transposed, probes):
    """Hutchinson's estimates of tr J and of |J - J^T| / |J|.

    For probes z with independent signs E z^T J z = tr J and E |J z|^2 = |J|^2.
    """
    forward, backward = multiply(probes), multiply_transposed(probes)
    trace = float((probes * forward).sum(1).mean())
    both = torch.cat([forward, backward]) / 2**0.5
    return trace, norm_ratio(forward - backward, both)


def norm_ratio(difference, reference):
    """Norm of a tensor relative to that of another one; 0 if both vanish."""
    size = float(difference.norm())
    return size / float(reference.norm()) if size > 0 else 0.0
