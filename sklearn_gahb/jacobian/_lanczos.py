"""Largest eigenvalues of symmetric operators."""

from dataclasses import dataclass

import torch

# Number of extra steps, with random vectors in the block, that check the eigenvalues.
N_CONFIRMING = 3


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenvalues in descending order, with their vectors and residuals.

    Attributes
    ----------
    values : Tensor of shape (k,)
    vectors : Tensor of shape (k, d)
        Orthonormal rows.
    residuals : Tensor of shape (k,)
        Norms of A v - value * v.
    residual_limit : float
        Residual below which an eigenpair has converged.
    n_products : int
        Number of vectors that were multiplied by A.
    converged : bool
    """

    values: torch.Tensor
    vectors: torch.Tensor
    residuals: torch.Tensor
    residual_limit: float
    n_products: int
    converged: bool


def block_lanczos(
    multiply, start, k, *, tol, max_products, generator, n_oversamples=8, check_every=8
):
    """Compute the k largest eigenvalues of a symmetric operator and their vectors.

    The method is Rayleigh-Ritz on the block Krylov space of `start`, with full
    reorthogonalization. The iteration continues until the residuals of the k largest
    eigenpairs are below `tol`, relative to the largest absolute Ritz value. The
    residuals of the next `n_oversamples` eigenpairs must be below ``10 * tol``.

    Even if all these residuals are small, the iteration may have missed an eigenvalue
    between the computed ones. To check for this, it runs `N_CONFIRMING` more steps with
    random vectors added to the block. It repeats these steps until the k eigenvalues no
    longer change. This check also finds eigenvalues whose multiplicity exceeds the
    block size. Eigenvalues closer than `tol` count as one multiple eigenvalue.

    Parameters
    ----------
    multiply : callable
        Maps rows (b, d) to their products with the operator.
    start : Tensor of shape (b, d)
        First block of vectors.
    k : int
        Number of eigenvalues, at most d.
    tol : float
        Residual below which an eigenpair has converged, relative to the largest
        absolute Ritz value.
    max_products : int
        Maximum number of vectors to multiply by the operator.
    generator : torch.Generator
        Generator on the CPU.
    n_oversamples : int, default=8
        Number of additional eigenpairs, which are computed less accurately.
    check_every : int, default=8
        Number of vectors to multiply between two checks of the residuals.

    Returns
    -------
    eigenpairs : Eigenpairs

    References
    ----------
    G. H. Golub, R. Underwood, "The block Lanczos method for computing eigenvalues",
    Mathematical Software III, 1977. :doi:`10.1016/B978-0-12-587260-7.50018-2`
    """
    dimension = start.shape[1]
    n_wanted = min(k + n_oversamples, dimension)
    max_products = min(max(max_products, n_wanted), dimension)
    basis = products = start[:0]
    norm = start.norm(dim=1).max()
    block = orthonormal_rows(start[:max_products], basis, norm, generator)
    norm = torch.zeros_like(norm)
    next_check, candidate = n_wanted, None
    while True:
        product = multiply(block)
        norm = torch.maximum(norm, product.norm(dim=1).max())
        basis, products = torch.cat([basis, block]), torch.cat([products, product])
        n = len(basis)
        rows = remainder = _project_out(product, basis)
        if n >= min(next_check, max_products):
            projection = (basis @ products.T).double().cpu()
            values, coordinates = torch.linalg.eigh((projection + projection.T) / 2)
            values, coordinates = values.flip(0), coordinates.flip(1)
            gram = (remainder @ remainder.T).double().cpu()
            last = coordinates[-len(remainder) :, :n_wanted]
            residuals = (last * (gram @ last)).sum(0).clamp(min=0).sqrt()
            limit = tol * float(values.abs().max())
            converged = n == dimension or bool(
                (residuals[:k] <= limit).all() and (residuals <= 10 * limit).all()
            )
            is_confirmed = candidate is not None and bool(
                ((values[:k] - candidate).abs() <= limit).all()
            )
            if n >= max_products or (converged and is_confirmed):
                vectors = coordinates[:, :k].to(basis).T @ basis
                return Eigenpairs(
                    values[:k].to(basis), vectors, residuals[:k], limit, n, converged
                )
            next_check, candidate = n + check_every, None
            if converged:
                candidate = values[:k]
                fresh = torch.randn(start.shape, generator=generator, dtype=start.dtype)
                rows = torch.cat([remainder, norm * fresh.to(start)])
                next_check = n + N_CONFIRMING * len(rows)
        block = orthonormal_rows(rows[: max_products - n], basis, norm, generator)


def orthonormal_rows(rows, basis, norm, generator):
    """Return orthonormal rows that span `rows` and are orthogonal to `basis`.

    Random rows replace linearly dependent rows. A row counts as dependent if the
    projection makes it negligibly short relative to `norm`, the length of rows before
    the projection.
    """
    limit = torch.finfo(rows.dtype).eps ** 0.75 * norm.clamp(min=1e-30)
    rows = _project_out(rows, basis)
    while True:
        Q, R = torch.linalg.qr(rows.T)
        dependent = R.diagonal().abs() <= limit
        rows = Q.T.contiguous()
        if not dependent.any():
            # Project again: normalizing short rows amplified their rounding errors.
            rows = _project_out(rows, basis)
            return torch.linalg.qr(rows.T)[0].T.contiguous()
        fresh = torch.randn(
            int(dependent.sum()), rows.shape[1], generator=generator, dtype=rows.dtype
        )
        rows[dependent] = _project_out(fresh.to(rows), basis)
        limit = torch.finfo(rows.dtype).eps ** 0.75 * rows.norm(dim=1).max()


def _project_out(rows, basis):
    """Subtract from rows their projections on the span of the orthonormal `basis`."""
    # Twice is enough (Kahan and Parlett).
    for _ in range(2):
        rows = rows - (rows @ basis.T) @ basis
    return rows
