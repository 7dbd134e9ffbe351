"""Proposal densities on the unit cube, for importance sampling."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import multivariate_t

N_CELLS = 50
DEGREES_OF_FREEDOM = 5
# Factor on the covariance, so that the proposal is wider than the fitted distribution.
INFLATION = 1.5


@dataclass(frozen=True)
class GridCells:
    """Piecewise constant density on the cells of a grid.

    Attributes
    ----------
    shape : tuple of int
        Number of cells along each axis.
    probabilities : ndarray of shape (n_cells,)
    """

    shape: tuple
    probabilities: np.ndarray

    @staticmethod
    def centers_of(shape):
        """Compute the centers (n_cells, n_dimensions) of the cells."""
        cells = np.indices(shape).reshape(len(shape), -1).T
        return (cells + 0.5) / shape

    def centers(self):
        return self.centers_of(self.shape)

    def draw(self, n, rng):
        cells = rng.choice(len(self.probabilities), size=n, p=self.probabilities)
        jitter = (rng.random((n, len(self.shape))) - 0.5) / self.shape
        return self.centers()[cells] + jitter

    def log_density(self, u):
        inside = ((u >= 0) & (u <= 1)).all(axis=1)
        cells = np.minimum(
            (u.clip(0, 1) * self.shape).astype(int), np.subtract(self.shape, 1)
        )
        chosen = self.probabilities[np.ravel_multi_index(cells.T, self.shape)]
        with np.errstate(divide="ignore"):
            return np.log(np.where(inside, chosen, 0) * len(self.probabilities))


def student_t(mean, covariance):
    """Return a multivariate Student t distribution with an inflated covariance."""
    # SciPy refuses covariances that are nearly singular.
    jitter = 1e-9 * np.trace(covariance) * np.eye(len(mean))
    return multivariate_t(mean, INFLATION * covariance + jitter, DEGREES_OF_FREEDOM)


def spread_over_cells(log_density):
    """Return probabilities p ~ exp(t log_density) that spread over `N_CELLS` cells.

    The effective number of cells is 1 / sum p^2. The exponent t is the largest value up
    to 1 for which this number is at least `N_CELLS`.
    """
    log_density = log_density - log_density.max()

    def probabilities(t):
        p = np.exp(t * log_density)
        return p / p.sum()

    def excess(log_t):
        return 1 / np.square(probabilities(2.0**log_t)).sum() - N_CELLS

    if excess(0.0) >= 0:
        return probabilities(1.0)
    # With this t, the largest p is e times the smallest p.
    flat = -np.log2(np.ptp(log_density))
    return probabilities(2.0 ** brentq(excess, flat, 0.0, xtol=1e-9))
