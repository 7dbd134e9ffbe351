"""Posterior of a Gaussian image, given its principal components.

Images are rows. The covariance has k orthonormal eigenvectors, called components, and
the same variance in all directions that are orthogonal to the components. No function
builds a d x d matrix if there are fewer than d images.
"""

import math

import torch


def principal_components(blocks, n):
    """Compute the eigenvectors and eigenvalues of the covariance of centered images.

    Parameters
    ----------
    blocks : iterable of Tensor of shape (m, d)
        Centered images in float64, in blocks.
    n : int
        Number of images in all blocks.

    Returns
    -------
    components : Tensor of shape (k, d)
        Orthonormal eigenvectors. The entry of largest size is positive.
    variances : Tensor of shape (k,)
        Positive eigenvalues in descending order.
    """
    blocks = iter(blocks)
    first = next(blocks)
    d = first.shape[1]
    if n < d:
        _, singular, vectors = torch.linalg.svd(
            torch.cat([first, *blocks]), full_matrices=False
        )
        variances = singular.square() / n
    else:
        scatter = first.T @ first
        for x in blocks:
            scatter.addmm_(x.T, x)
        variances, vectors = torch.linalg.eigh(scatter / n)
        variances, vectors = variances.flip(0), vectors.T.flip(0)
    # Smaller eigenvalues are rounding errors of zeros.
    smallest = d * torch.finfo(variances.dtype).eps * variances[0]
    components = vectors[variances > smallest]
    largest = components.abs().argmax(dim=1, keepdim=True)
    components = components * components.gather(1, largest).sign()
    return components, variances[variances > smallest]


def ledoit_wolf_shrinkage(blocks, variances, n):
    """Compute the coefficient of Ledoit and Wolf (doi:10.1016/S0047-259X(03)00096-4).

    The result is that of :func:`sklearn.covariance.ledoit_wolf_shrinkage`, which takes
    n d^2 operations. The squared norms of the images and the eigenvalues give the same
    sums in n d operations.

    Parameters
    ----------
    blocks : iterable of Tensor of shape (m, d)
        Centered images, in blocks.
    variances : Tensor of shape (k,)
        Positive eigenvalues of the covariance.
    n : int
        Number of images.

    Returns
    -------
    shrinkage : float
        Weight of the white covariance, from 0 to 1.
    """
    fourth_powers = 0.0
    for x in blocks:
        d = x.shape[1]
        fourth_powers = fourth_powers + float(x.square().sum(1).square().sum())
    squares = float(variances.square().sum())
    distance = squares - float(variances.sum()) ** 2 / d
    error = (fourth_powers / n - squares) / n
    return min(max(error, 0.0) / distance, 1.0) if distance > 0 else 0.0


def shrinkage_factors(variance, noise_variance):
    """Compute S / (S + sigma^2), or 0 where S = 0.

    This form does not increase as S decreases, in spite of rounding errors.
    """
    return torch.where(variance > 0, 1 / (1 + noise_variance / variance), 0.0)


def multiply(v, components, eigenvalues, residual_eigenvalue):
    """Multiply rows by a symmetric matrix, given its eigenvectors and eigenvalues.

    Parameters
    ----------
    v : Tensor of shape (n, d)
    components : Tensor of shape (k, d)
        Orthonormal eigenvectors.
    eigenvalues : Tensor that broadcasts to (n, k)
        Eigenvalues of the components.
    residual_eigenvalue : Tensor that broadcasts to (n, 1)
        Eigenvalue of all vectors that are orthogonal to the components.

    Returns
    -------
    products : Tensor of shape (n, d)
    """
    coefficients = (eigenvalues - residual_eigenvalue) * (v @ components.T)
    return residual_eigenvalue * v + coefficients @ components


def eigenbasis(components, eigenvalues, residual_eigenvalue, n):
    """Return all d eigenvalues of the matrix of `multiply`, and n eigenvectors.

    Parameters
    ----------
    components : Tensor of shape (k, d)
    eigenvalues : Tensor of shape (k,)
        Eigenvalues in descending order.
    residual_eigenvalue : Tensor of shape (1,)
        Eigenvalue that is not above the others.
    n : int
        Number of eigenvectors, at most d.

    Returns
    -------
    eigenvalues : Tensor of shape (d,)
        Eigenvalues in descending order.
    vectors : Tensor of shape (n, d)
        Orthonormal eigenvectors.
    """
    k, d = components.shape
    values = torch.cat([eigenvalues, residual_eigenvalue.expand(d - k)])
    if n <= k:
        return values, components[:n]
    # Householder reflections make all n columns orthonormal, even after columns of 0.
    padded = torch.nn.functional.pad(components.T, (0, n - k))
    completed = torch.linalg.qr(padded).Q.T
    return values, torch.cat([components, completed[k:]])


def log_density(v, components, variances, residual_variance):
    """Compute the logarithm of a normal density of mean 0, in nats.

    Parameters
    ----------
    v : Tensor of shape (n, d)
        Images minus their mean.
    components : Tensor of shape (k, d)
        Orthonormal eigenvectors of the covariance.
    variances : Tensor of shape (k,)
        Positive variances of the components.
    residual_variance : float
        Variance of all directions that are orthogonal to the components. It must be
        positive if k < d.

    Returns
    -------
    log_density : Tensor of shape (n,)
    """
    k, d = components.shape
    coefficients = v @ components.T
    distances = (coefficients.square() / variances).sum(1)
    log_determinant = float(variances.log().sum())
    if k < d:
        residuals = v - coefficients @ components
        distances = distances + residuals.square().sum(1) / residual_variance
        log_determinant += (d - k) * math.log(residual_variance)
    return -(distances + log_determinant + d * math.log(2 * math.pi)) / 2
