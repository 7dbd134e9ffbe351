"""Alpert multiwavelets along a direction: the bandlet transform of a square."""

from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import legvander

# Singular values below this fraction of the largest one are rounding errors.
RANK_TOLERANCE = 1e-9


def directions(size, angles_per_size):
    """Return the angles pi i / n for i < n, where n = angles_per_size * size."""
    n_angles = angles_per_size * size
    return np.pi * np.arange(n_angles) / n_angles


@lru_cache(maxsize=16)
def alpert_dictionary(size, angles_per_size, moments):
    """Compute the transforms of a square of coefficients along all directions.

    Parameters
    ----------
    size : int
        Side length of the square, in coefficients.
    angles_per_size : int
        Number of directions per unit of side length. There are
        ``angles_per_size * size`` directions.
    moments : tuple of (int, int)
        Numbers of vanishing moments across and along the direction.

    Returns
    -------
    matrices : ndarray of shape (n_directions, size**2, size**2)
        Orthonormal matrices, whose rows are vectors on the flattened square. The array
        is read-only because it is cached.
    """
    angles = directions(size, angles_per_size)
    matrices = np.stack([alpert_matrix(size, angle, moments) for angle in angles])
    matrices.flags.writeable = False
    return matrices


def alpert_matrix(size, angle, moments):
    """Compute orthonormal multiwavelets on a square, along a direction.

    The points of the square are sorted across the direction and split into halves
    recursively [1]_. Let u be the coordinate along the direction and v the coordinate
    across it. The scaling vectors of each part span the polynomials u^a v^b on this
    part. The scaling vectors of the two halves of a part span a space that contains the
    polynomials of the part. In this space, the details of the part span the orthogonal
    complement of these polynomials.

    Parameters
    ----------
    size : int
        Side length of the square.
    angle : float
        Angle between the direction and the rows of the square, in [0, pi).
    moments : tuple of (int, int)
        Number of exponents b of v, and number of exponents a of u.

    Returns
    -------
    matrix : ndarray of shape (size**2, size**2)
        The rows are the vectors: first the scaling vectors, then the details from large
        parts to small ones.

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
    # Round, so that equal values compare equal: tan(pi / 4) is not exactly 1.
    order = np.lexsort((u, v.round(9)))
    scaling, details = _multiwavelets(u[order], v[order], moments)
    matrix = np.empty((size**2, size**2))
    matrix[:, order] = np.concatenate([scaling, *details])
    return matrix


def _multiwavelets(u, v, moments):
    """Compute scaling vectors (r, n), and a list of detail vectors (k, n)."""
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
    # Coordinates of the polynomials, which are in the span of the inner vectors.
    polynomials = inner @ _polynomial_span(u, v, moments)
    rotation, _ = np.linalg.qr(polynomials, mode="complete")
    rotated = rotation.T @ inner
    rank = polynomials.shape[1]
    return rotated[:rank], [rotated[rank:], *details]


def _pad(vectors, before, after):
    return np.pad(vectors, [(0, 0), (before, after)])


def _polynomial_span(u, v, moments):
    """Compute orthonormal columns (n, r) that span the polynomials on the points."""
    across, along = moments
    by_u = legvander(_to_unit_interval(u), along - 1)
    by_v = legvander(_to_unit_interval(v), across - 1)
    columns = (by_u[:, :, None] * by_v[:, None, :]).reshape(len(u), -1)
    vectors, values, _ = np.linalg.svd(columns, full_matrices=False)
    return vectors[:, values > RANK_TOLERANCE * values[0]]


def _to_unit_interval(t):
    half = np.ptp(t) / 2
    return (t - (t.max() + t.min()) / 2) / (half if half > 1e-9 else 1)
