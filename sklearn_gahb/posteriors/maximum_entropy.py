"""Density of largest entropy for given moments."""

import numpy as np
from numpy.polynomial import legendre
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

# The support, in standard deviations around the mean, and the cells that divide it.
HALF_WIDTH, N_CELLS = 8.0, 2400
# Largest error of the moments of a solution, relative to the kurtosis.
TOLERANCE = 1e-5


def maximum_entropy_density(skewness, kurtosis):
    r"""Compute the density of largest entropy with given skewness and kurtosis.

    The density has mean 0 and variance 1, and is

    .. math:: p(u) \propto \exp(\lambda_1 u + \lambda_2 u^2 + \lambda_3 u^3
              + \lambda_4 u^4), \qquad -8 \le u \le 8

    Parameters
    ----------
    skewness, kurtosis : float
        Third and fourth moment. For a normal density, they are 0 and 3.

    Returns
    -------
    density : ndarray of shape (n_cells,) or None
        Density in each cell. None if no density with these moments is found. The
        kurtosis of a density is at least 1 + skewness^2.
    edges : ndarray of shape (n_cells + 1,)
        Edges of the cells.
    """
    edges, width = np.linspace(-HALF_WIDTH, HALF_WIDTH, N_CELLS + 1, retstep=True)
    u = (edges[1:] + edges[:-1]) / 2
    if not kurtosis > 1 + skewness**2:
        return None, edges
    powers = np.vander(u, 5, increasing=True)[:, 1:]
    moments = np.array([0, 1, skewness, kurtosis])
    # The features are Legendre polynomials, because powers are badly conditioned.
    features = legendre.legvander(u / HALF_WIDTH, 4)[:, 1:]
    to_features = np.linalg.lstsq(
        np.column_stack([np.ones_like(u), powers]), features, rcond=None
    )[0]
    targets = np.concatenate([[1], moments]) @ to_features

    def dual(a):
        return logsumexp(features @ a) - a @ targets

    def gradient(a):
        return softmax(features @ a) @ features - targets

    def hessian(a):
        p = softmax(features @ a)
        centered = features - p @ features
        return (centered.T * p) @ centered

    normal = np.zeros(4)
    normal[1] = -(HALF_WIDTH**2) / 3  # -u^2 / 2, up to a constant
    found = minimize(
        dual,
        normal,
        jac=gradient,
        hess=hessian,
        method="trust-exact",
        options={"gtol": 1e-10, "maxiter": 200},
    )
    p = softmax(features @ found.x)
    if not np.abs(p @ powers - moments).max() < TOLERANCE * kurtosis:
        return None, edges
    return p / width, edges
