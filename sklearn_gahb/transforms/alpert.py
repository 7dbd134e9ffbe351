"""Alpert multiwavelets along a direction: the transforms of squares of bandlets."""

from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import legvander

# Singular values of polynomials on a grid below this one, of the largest, are rounding.
RANK_TOLERANCE = 1e-9


def directions(size, angles_per_size):
    """Angles pi i / (angles_per_size * size), one for each i below that product."""
    n_angles = angles_per_size * size
    return np.pi * np.arange(n_angles) / n_angles


@lru_cache(maxsize=16)
def alpert_dictionary(size, angles_per_size, moments):
    """Transforms of squares of coefficients along all directions.

    Parameters
    ----------
    size : int
        Side of the squares.
    angles_per_size : int
        Number of directions, divided by `size`.
    moments : tuple of (int, int)
        Vanishing moments across and along the direction.

    Returns
    -------
    matrices : ndarray of shape (n_directions, size**2, size**2)
        Orthonormal; rows are the vectors on the flattened square. Not writeable.
    """
    angles = directions(size, angles_per_size)
    matrices = np.stack([alpert_matrix(size, angle, moments) for angle in angles])
    matrices.flags.writeable = False
    return matrices


def alpert_matrix(size, angle, moments):
    """Orthonormal multiwavelets on a square, piecewise polynomial along a direction.

    The points of the square are sorted across the direction and halved again and again
    [1]_. On each part, scaling vectors span the polynomials u^a v^b in the coordinates
    along (u) and across (v); what the two halves of a part span beyond its own
    polynomials are the details.

    Parameters
    ----------
    size : int
    angle : float
        Angle of the direction to the rows of the square, in [0, pi).
    moments : tuple of (int, int)
        Numbers of exponents b and a.

    Returns
    -------
    matrix : ndarray of shape (size**2, size**2)
        Rows are the vectors: scaling vectors first, then details from large parts to
        small ones.

    References
    ----------
    .. [1] S. Mallat, G. Peyre, "Orthogonal bandlet bases for geometric images
       approximation", Comm. Pure Appl. Math. 61(9), 2008. :doi:`10.1002/cpa.20242`
    """
    y, x = np.divmod(np.arange(size**2), size)
    if abs(np.cos(angle)) >= abs(np.sin(angle)):
        u, v = x, y - x * np.tan(angle)
    else:
        u, v = y, x - y / np.tan(angle)
    # Ties must be ties: tan(pi / 4) is not quite 1.
    order = np.lexsort((u, v.round(9)))
    scaling, details = _multiwavelets(u[order], v[order], moments)
    matrix = np.empty((size**2, size**2))
    matrix[:, order] = np.concatenate([scaling, *details])
    return matrix


def _multiwavelets(u, v, moments):
    """Scaling vectors (r, n), and detail vectors as a list of arrays (k, n)."""
    n_points = len(u)
    if n_points < 2 * moments[0] * moments[1]:
        inner, details = np.eye(n_points), []
    else:
        half = n_points // 2
        first, first_details = _multiwavelets(u[:half], v[:half], moments)
        second, second_details = _multiwavelets(u[half:], v[half:], moments)
        inner = np.concatenate([_pad(first, 0, n_points - half), _pad(second, half, 0)])
        details = [_pad(vectors, 0, n_points - half) for vectors in first_details]
        details += [_pad(vectors, half, 0) for vectors in second_details]
    # Polynomials in the coordinates of the inner vectors, whose span holds them.
    polynomials = inner @ _polynomial_span(u, v, moments)
    rotation, _ = np.linalg.qr(polynomials, mode="complete")
    rotated = rotation.T @ inner
    rank = polynomials.shape[1]
    return rotated[:rank], [rotated[rank:], *details]


def _pad(vectors, before, after):
    return np.pad(vectors, [(0, 0), (before, after)])


def _polynomial_span(u, v, moments):
    """Orthonormal columns (n, r) that span the polynomials on the points."""
    across, along = moments
    by_u = legvander(_to_unit_interval(u), along - 1)
    by_v = legvander(_to_unit_interval(v), across - 1)
    columns = (by_u[:, :, None] * by_v[:, None, :]).reshape(len(u), -1)
    vectors, values, _ = np.linalg.svd(columns, full_matrices=False)
    return vectors[:, values > RANK_TOLERANCE * values[0]]


def _to_unit_interval(t):
    half = np.ptp(t) / 2
    return (t - (t.max() + t.min()) / 2) / (half if half > 1e-9 else 1)
