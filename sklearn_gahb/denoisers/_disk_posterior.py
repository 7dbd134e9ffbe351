"""The posterior of disks, by adaptive importance sampling over their geometry.

The geometry g (centre and radius) is a point of the unit cube, on which the prior of
`make_disk_images` is uniform. Given it, an image is linear in the intensities of
foreground and background, A = [c, 1 - c] with the coverage c, so that these follow a
bivariate normal, truncated to the unit square, and are integrated out.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import logsumexp

from ..datasets._disks import EDGE_HALF_WIDTH, coverage_of_circles, disk_tangents
from ._proposals import GridCells, StudentT, spread_over_cells
from ._truncated import truncated_moments

GRID = (22, 22, 9)
# Of a weak normal prior on the cube, which keeps the fit of faint disks within it.
PRIOR_PRECISION = 4.0
N_STARTS, N_STEPS = 3, 20


@dataclass(frozen=True)
class DiskPrior:
    """Disks as `make_disk_images` draws them."""

    image_size: int
    smallest: float
    largest: float

    def circles(self, u):
        """Centre row, centre column and radius (n, 3) of points (n, 3) of the cube."""
        radius = self.smallest + (self.largest - self.smallest) * u[:, 2:]
        margin = radius + EDGE_HALF_WIDTH
        centre = margin - 0.5 + (self.image_size - 2 * margin) * u[:, :2]
        return np.concatenate([centre, radius], axis=1)

    def derivative(self, u):
        """Derivative (3, 3) of the circle in one point (3,) of the cube."""
        by_radius = self.largest - self.smallest
        radius = self.smallest + by_radius * u[2]
        free = self.image_size - 2 * (radius + EDGE_HALF_WIDTH)
        return np.array(
            [
                [free, 0, by_radius * (1 - 2 * u[0])],
                [0, free, by_radius * (1 - 2 * u[1])],
                [0, 0, by_radius],
            ]
        )

    def coverages(self, u):
        """Coverages (n, image_size**2) of the disks at points (n, 3)."""
        coverages = np.empty((len(u), self.image_size**2), u.dtype)
        # Chunks that stay in the cache.
        chunk = max(1, 2**17 // self.image_size**2)
        for start in range(0, len(u), chunk):
            circles = self.circles(u[start : start + chunk])
            images = coverage_of_circles(*circles.T, self.image_size)
            coverages[start : start + chunk] = images.reshape(len(circles), -1)
        return coverages


@dataclass(frozen=True)
class DiskDraws:
    """Geometries, and what is known about the rest given each of them.

    Attributes
    ----------
    u : ndarray of shape (n, 3)
        Points of the cube.
    coverages : ndarray of shape (n, d)
    log_evidence : ndarray of shape (n,)
        Logarithm of the posterior density of `u`, up to a constant.
    means : ndarray of shape (n, 2)
        Expected foreground and background.
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
    """Draws with weights that add up to 1."""

    draws: DiskDraws
    weights: np.ndarray

    @property
    def effective_sample_size(self):
        return 1 / np.square(self.weights).sum()

    def mean(self):
        """Posterior mean of the image, of shape (d,)."""
        foreground, background = self.weights * self.draws.means.T
        return (foreground - background) @ self.draws.coverages + background.sum()

    def covariance_factors(self):
        """Rows f (3 n, d) such that the posterior covariance is the sum of f f^T."""
        kept = self.weights > 1e-12 * self.weights.max()
        c = self.draws.coverages[kept]
        foreground, background = self.draws.means[kept].T[:, :, None]
        deviations = background + (foreground - background) * c - self.mean()
        # The covariance L L^T of the intensities becomes that of A L.
        L = np.linalg.cholesky(self.draws.covariances[kept])
        inner = [L[:, 0, i, None] * c + L[:, 1, i, None] * (1 - c) for i in (0, 1)]
        return np.concatenate(
            [np.sqrt(self.weights[kept, None]) * f for f in (deviations, *inner)]
        )


def sample_disk_posterior(y, sigma, prior, n_draws, rng):
    """Draw from the posterior of a noisy image by importance sampling.

    A fifth of the draws comes from the posterior on a grid, tempered so that it is
    spread over many cells; two fifths from a Student t distribution around the best
    fit; and two fifths from another one with the moments that these draws have. All are
    weighted by the density of the whole mixture [1]_.

    Parameters
    ----------
    y : ndarray of shape (d,)
        The image.
    sigma : float
        Standard deviation of the noise, positive.
    prior : DiskPrior
    n_draws : int
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
    mode, covariance = fit_geometry(y, sigma, prior, grid.centres()[best])

    proposals = [grid, StudentT.of_moments(mode, covariance)]
    counts = [n_draws // 5, 2 * n_draws // 5]
    u = np.concatenate([p.draw(n, rng) for p, n in zip(proposals, counts, strict=True)])
    draws = evaluate_disks(u, y, sigma, prior)
    weights = importance_weights(draws, proposals, counts)

    mean = weights @ u
    spread = (weights[:, None] * (u - mean)).T @ (u - mean)
    # Where few draws have all the weight, their spread tells less than the fit.
    spread = spread + covariance * np.square(weights).sum()
    proposals.append(StudentT.of_moments(mean, spread))
    counts.append(n_draws - sum(counts))
    u = proposals[-1].draw(counts[-1], rng)
    draws = draws.joined(evaluate_disks(u, y, sigma, prior))
    return DiskPosterior(draws, importance_weights(draws, proposals, counts))


def importance_weights(draws, proposals, counts):
    """Posterior over the density of the mixture of proposals, normalised."""
    shares = np.log(np.divide(counts, sum(counts)))
    densities = [
        share + proposal.log_density(draws.u)
        for share, proposal in zip(shares, proposals, strict=True)
    ]
    log_weights = draws.log_evidence - logsumexp(densities, axis=0)
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def evaluate_disks(u, y, sigma, prior):
    """Posterior density and intensities at points (n, 3); a density of 0 outside."""
    inside = ((u >= 0) & (u <= 1)).all(axis=1)
    coverages = prior.coverages(u.clip(0, 1))
    d = len(y)
    first, second = coverages.sum(1), np.einsum("nd,nd->n", coverages, coverages)
    # Least squares of y on c and 1, on deviations from the mean: no cancellation.
    deviations = y - y.mean()
    by_c = coverages @ deviations
    variance = second - first**2 / d
    contrast = by_c / variance
    residual = deviations @ deviations - contrast * by_c
    background = y.mean() - contrast * first / d
    # Inverse of A^T A for A = [c, 1 - c], whose determinant is d times the variance.
    inverse = (
        np.array(
            [[d - 2 * first + second, second - first], [second - first, second]]
        ).transpose(2, 0, 1)
        / (d * variance)[:, None, None]
    )
    log_mass, means, covariances = truncated_moments(
        np.stack([background + contrast, background], axis=1), sigma**2 * inverse
    )
    log_evidence = -residual / (2 * sigma**2) - 0.5 * np.log(variance) + log_mass
    log_evidence = np.where(inside, log_evidence, -np.inf)
    return DiskDraws(u, coverages, log_evidence, means, covariances)


@lru_cache(maxsize=2)
def grid_coverages(prior):
    """Coverages (n, d) on the grid minus their means, in float32, and their norms."""
    u = GridCells.centres_of(GRID).astype(np.float32)
    coverages = prior.coverages(u)
    coverages -= coverages.mean(axis=1, keepdims=True)
    return coverages, np.linalg.norm(coverages, axis=1)


def grid_log_evidence(y, sigma, prior):
    """Logarithm of the posterior on the grid; intensities may leave the unit square."""
    coverages, norms = grid_coverages(prior)
    explained = (coverages @ (y - y.mean()).astype(np.float32) / norms).astype(float)
    return explained**2 / (2 * sigma**2) - np.log(norms)


def fit_geometry(y, sigma, prior, starts):
    """Best fit by the Levenberg-Marquardt method, and the covariance around it.

    Intensities are fitted at each step (variable projection).

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
        Of the Laplace approximation.
    """
    fits = [_fit_from(start, y, prior) for start in starts]
    mode, _, derivative = min(fits, key=lambda fit: fit[1] @ fit[1])
    precision = derivative.T @ derivative / sigma**2 + PRIOR_PRECISION * np.eye(3)
    # Of images that are no disks the precision can be beyond all rounding: the smallest
    # values are raised, and the inverse is symmetric and positive.
    values, vectors = np.linalg.eigh(precision)
    values = values.clip(1e-10 * values.max())
    return mode, (vectors / values) @ vectors.T


def _fit_from(u, y, prior):
    residual, derivative = _project(u, y, prior)
    damping = 1e-2
    for _ in range(N_STEPS):
        normal = derivative.T @ derivative
        ridge = damping * np.diag(normal.diagonal() + 1e-12)
        step = np.linalg.solve(normal + ridge, derivative.T @ residual)
        trial = (u + step).clip(0, 1)
        trial_residual, trial_derivative = _project(trial, y, prior)
        if trial_residual @ trial_residual < residual @ residual:
            moved = np.abs(trial - u).max()
            u, residual, derivative = trial, trial_residual, trial_derivative
            damping /= 10
            if moved < 1e-7:
                break
        else:
            damping *= 10
    return u, residual, derivative


def _project(u, y, prior):
    """Residual (d,) of the best intensities, and minus its derivative (d, 3) in u."""
    (coverage,) = prior.coverages(u[None])
    A = np.stack([coverage, 1 - coverage], axis=1)
    Q, R = np.linalg.qr(A)
    intensities = np.linalg.solve(R, Q.T @ y)
    disk = np.concatenate([prior.circles(u[None])[0], intensities])
    tangents = disk_tangents(disk[None], prior.image_size)[0, :3].reshape(3, -1)
    derivative = tangents.T @ prior.derivative(u)
    derivative -= Q @ (Q.T @ derivative)
    return y - Q @ (Q.T @ y), derivative
