"""Densities that importance sampling draws from, on the unit cube."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

N_CELLS = 50
DEGREES_OF_FREEDOM = 5
# The proposal is wider than what it was fitted to.
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
    def centres_of(shape):
        """Centres (n_cells, n_dimensions) of the cells."""
        cells = np.indices(shape).reshape(len(shape), -1).T
        return (cells + 0.5) / shape

    def centres(self):
        return self.centres_of(self.shape)

    def draw(self, n, rng):
        cells = rng.choice(len(self.probabilities), size=n, p=self.probabilities)
        jitter = (rng.random((n, len(self.shape))) - 0.5) / self.shape
        return self.centres()[cells] + jitter

    def log_density(self, u):
        inside = ((u >= 0) & (u <= 1)).all(axis=1)
        cells = np.minimum(
            (u.clip(0, 1) * self.shape).astype(int), np.subtract(self.shape, 1)
        )
        chosen = self.probabilities[np.ravel_multi_index(cells.T, self.shape)]
        with np.errstate(divide="ignore"):
            return np.log(np.where(inside, chosen, 0) * len(self.probabilities))


@dataclass(frozen=True)
class StudentT:
    """Multivariate Student t distribution.

    Attributes
    ----------
    mean : ndarray of shape (d,)
    root : ndarray of shape (d, d)
        Cholesky factor of the scale matrix.
    """

    mean: np.ndarray
    root: np.ndarray

    @classmethod
    def of_moments(cls, mean, covariance):
        # Rounding must not make a covariance that is nearly singular indefinite.
        jitter = 1e-12 * np.trace(covariance) * np.eye(len(mean))
        return cls(mean, np.linalg.cholesky(INFLATION * covariance + jitter))

    def draw(self, n, rng):
        normal = rng.standard_normal((n, len(self.mean)))
        chi2 = rng.chisquare(DEGREES_OF_FREEDOM, size=(n, 1))
        return self.mean + normal @ self.root.T / np.sqrt(chi2 / DEGREES_OF_FREEDOM)

    def log_density(self, u):
        nu, d = DEGREES_OF_FREEDOM, len(self.mean)
        standardised = np.linalg.solve(self.root, (u - self.mean).T)
        squares = np.square(standardised).sum(0)
        constant = gammaln((nu + d) / 2) - gammaln(nu / 2) - d / 2 * np.log(nu * np.pi)
        constant -= np.log(self.root.diagonal()).sum()
        return constant - (nu + d) / 2 * np.log1p(squares / nu)


def spread_over_cells(log_density):
    """Probabilities p ~ exp(t log_density) with an effective number of `N_CELLS`.

    t is the largest of at most 1 for which 1 / sum p^2 is at least that.
    """
    log_density = log_density - log_density.max()

    def probabilities(t):
        p = np.exp(t * log_density)
        return p / p.sum()

    low, high = -40.0, 0.0
    if 1 / np.square(probabilities(1.0)).sum() >= N_CELLS:
        return probabilities(1.0)
    for _ in range(40):
        middle = (low + high) / 2
        if 1 / np.square(probabilities(2.0**middle)).sum() >= N_CELLS:
            low = middle
        else:
            high = middle
    return probabilities(2.0**low)
