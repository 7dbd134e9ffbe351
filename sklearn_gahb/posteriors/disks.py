"""The posterior of disks, by adaptive importance sampling over their geometry.

The geometry (center and radius) is a point of the unit cube, where the prior of
`make_disk_images` is uniform. For a fixed geometry with coverage c, an image is the
product of the matrix A = [c, 1 - c] and the intensities of foreground and background.
The posterior of the intensities is therefore a bivariate normal, truncated to the unit
square. The intensities are integrated out.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import least_squares
from scipy.special import logsumexp

from ..datasets import disk_tangents
from .proposals import GridCells, spread_over_cells, student_t
from .truncated_normal import truncated_moments

GRID = (22, 22, 9)
# Precision of a weak normal prior, which keeps the fit of faint disks in the cube.
PRIOR_PRECISION = 4.0
N_STARTS, MAX_EVALUATIONS = 3, 20


@dataclass(frozen=True)
class DiskDraws:
    """Drawn geometries, and the posterior of the intensities for each geometry.

    Attributes
    ----------
    u : ndarray of shape (n, 3)
        Geometries, as points of the cube.
    coverages : ndarray of shape (n, d)
    log_evidence : ndarray of shape (n,)
        Logarithm of the posterior density of `u`, up to a constant.
    means : ndarray of shape (n, 2)
        Posterior means of foreground and background.
    covariances : ndarray of shape (n, 2, 2)
    """

    u: np.ndarray
    coverages: np.ndarray
    log_evidence: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def joined(self, other):
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return DiskDraws(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class DiskPosterior:
    """Weighted draws at noise level `sigma`. The weights sum to 1."""

    draws: DiskDraws
    weights: np.ndarray
    sigma: float

    @property
    def effective_sample_size(self):
        return 1 / np.square(self.weights).sum()

    def mean(self):
        """Compute the posterior mean of the image, of shape (d,)."""
        foreground, background = self.weights * self.draws.means.T
        return (foreground - background) @ self.draws.coverages + background.sum()

    def covariance_factors(self):
        """Compute rows f (3 n, d); the sum of f f^T is the posterior covariance."""
        kept = self.weights > 1e-12 * self.weights.max()
        c = self.draws.coverages[kept]
        foreground, background = self.draws.means[kept].T[:, :, None]
        deviations = background + (foreground - background) * c - self.mean()
        # The covariance L L^T of the intensities gives A L (A L)^T for the image.
        L = np.linalg.cholesky(self.draws.covariances[kept])
        inner = [L[:, 0, i, None] * c + L[:, 1, i, None] * (1 - c) for i in (0, 1)]
        roots = np.sqrt(self.weights[kept, None])
        return np.concatenate([roots * f for f in (deviations, *inner)])


def sample_disk_posterior(y, sigma, prior, n_draws, rng):
    """Draw from the posterior of a noisy image by importance sampling.

    The draws come from three proposals. One fifth comes from the posterior on a grid.
    This posterior is tempered, so that it spreads over many cells. Two fifths come from
    a Student t distribution around the best fit. The last two fifths come from a
    Student t distribution with the moments of these earlier draws. All draws are
    weighted by the density of the whole mixture [1]_.

    Parameters
    ----------
    y : ndarray of shape (d,)
        Noisy image.
    sigma : float
        Standard deviation of the noise, positive.
    prior : DiskPrior
    n_draws : int
        Total number of draws.
    rng : numpy.random.Generator

    Returns
    -------
    posterior : DiskPosterior

    References
    ----------
    .. [1] J.-M. Cornuet, J.-M. Marin, A. Mira, C. P. Robert, "Adaptive multiple
       importance sampling", Scandinavian Journal of Statistics 39(4), 2012.
       :doi:`10.1111/j.1467-9469.2011.00756.x`
    """
    log_evidence = grid_log_evidence(y, sigma, prior)
    grid = GridCells(GRID, spread_over_cells(log_evidence))
    best = np.argsort(log_evidence)[-N_STARTS:]
    mode, covariance = fit_geometry(y, sigma, prior, grid.centers()[best])

    t = student_t(mode, covariance)
    log_densities, counts = (
        [grid.log_density, t.logpdf],
        [n_draws // 5, 2 * n_draws // 5],
    )
    u = np.concatenate([grid.draw(counts[0], rng), t.rvs(counts[1], random_state=rng)])
    draws = evaluate_disks(u, y, sigma, prior)
    weights = importance_weights(draws, log_densities, counts)

    mean = weights @ u
    spread = (weights[:, None] * (u - mean)).T @ (u - mean)
    # If few draws have all the weight, their spread is not reliable. The covariance of
    # the fit is therefore added.
    t = student_t(mean, spread + covariance * np.square(weights).sum())
    log_densities.append(t.logpdf)
    counts.append(n_draws - sum(counts))
    u = t.rvs(counts[-1], random_state=rng)
    draws = draws.joined(evaluate_disks(u, y, sigma, prior))
    weights = importance_weights(draws, log_densities, counts)
    return DiskPosterior(draws, weights, sigma)


def importance_weights(draws, log_densities, counts):
    """Divide the posterior by the mixture density of the proposals, and normalize."""
    shares = np.divide(counts, sum(counts))[:, None]
    densities = [log_density(draws.u) for log_density in log_densities]
    log_weights = draws.log_evidence - logsumexp(densities, axis=0, b=shares)
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def evaluate_disks(u, y, sigma, prior):
    """Evaluate the posterior at points (n, 3). The density outside the cube is 0."""
    inside = ((u >= 0) & (u <= 1)).all(axis=1)
    coverages = prior.coverages(u.clip(0, 1))
    d = len(y)
    first, second = coverages.sum(1), np.einsum("nd,nd->n", coverages, coverages)
    # Regress y on c and 1. Deviations from the mean avoid cancellation.
    deviations = y - y.mean()
    by_c = coverages @ deviations
    variance = second - first**2 / d
    contrast = by_c / variance
    residual = deviations @ deviations - contrast * by_c
    background = y.mean() - contrast * first / d
    # Inverse of A^T A for A = [c, 1 - c]. The determinant of A^T A is d * variance.
    inverse = np.array(
        [[d - 2 * first + second, second - first], [second - first, second]]
    ) / (d * variance)
    log_mass, means, covariances = truncated_moments(
        np.stack([background + contrast, background], axis=1),
        sigma**2 * inverse.transpose(2, 0, 1),
    )
    log_evidence = -residual / (2 * sigma**2) - 0.5 * np.log(variance) + log_mass
    log_evidence = np.where(inside, log_evidence, -np.inf)
    return DiskDraws(u, coverages, log_evidence, means, covariances)


@lru_cache(maxsize=2)
def grid_coverages(prior):
    """Return the float32 coverages (n, d) on the grid, centered, and their norms."""
    u = GridCells.centers_of(GRID).astype(np.float32)
    coverages = prior.coverages(u)
    coverages -= coverages.mean(axis=1, keepdims=True)
    return coverages, np.linalg.norm(coverages, axis=1)


def grid_log_evidence(y, sigma, prior):
    """Log posterior on the grid, with intensities that may be outside [0, 1]."""
    coverages, norms = grid_coverages(prior)
    explained = (coverages @ (y - y.mean()).astype(np.float32) / norms).astype(float)
    return explained**2 / (2 * sigma**2) - np.log(norms)


def fit_geometry(y, sigma, prior, starts):
    """Find the best fit in the cube, and the covariance around the best fit.

    Each step fits the intensities by least squares (variable projection).

    Parameters
    ----------
    y : ndarray of shape (d,)
    sigma : float
    prior : DiskPrior
    starts : ndarray of shape (n_starts, 3)

    Returns
    -------
    mode : ndarray of shape (3,)
    covariance : ndarray of shape (3, 3)
        Covariance of the Laplace approximation.
    """
    # Cache one point, because least_squares asks for the derivative after the residual.
    at = lru_cache(maxsize=1)(lambda *u: project(np.array(u), y, prior))
    maps = [lambda u, i=i: at(*u)[i] for i in (0, 1)]
    options = {"xtol": 1e-7, "ftol": None, "max_nfev": MAX_EVALUATIONS}
    fits = [
        least_squares(maps[0], start, maps[1], bounds=(0, 1), **options)
        for start in starts
    ]
    best = min(fits, key=lambda fit: fit.cost)
    precision = best.jac.T @ best.jac / sigma**2 + PRIOR_PRECISION * np.eye(3)
    # If the image is not a disk, the precision can be numerically singular. Raise the
    # smallest eigenvalues, so that the inverse is symmetric and positive definite.
    values, vectors = np.linalg.eigh(precision)
    values = values.clip(1e-10 * values.max())
    return best.x, (vectors / values) @ vectors.T


def project(u, y, prior):
    """Residual (d,) of the best intensities, and its derivative (d, 3) in u."""
    (coverage,) = prior.coverages(u[None])
    A = np.stack([coverage, 1 - coverage], axis=1)
    Q, R = np.linalg.qr(A)
    intensities = np.linalg.solve(R, Q.T @ y)
    disk = np.concatenate([prior.circles(u[None])[0], intensities])
    tangents = disk_tangents(disk[None], prior.image_size)[0, :3].reshape(3, -1)
    derivative = tangents.T @ prior.derivative(u)
    return y - Q @ (Q.T @ y), Q @ (Q.T @ derivative) - derivative
