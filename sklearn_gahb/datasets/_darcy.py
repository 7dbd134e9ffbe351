"""Flow through a porous medium: images whose channels solve a differential equation."""

from itertools import product

import numpy as np
import torch
from scipy.linalg import eigh, solveh_banded
from sklearn.utils import check_random_state

from .._sklearn_compat import COUNT, POSITIVE, validate_params

# Values of the logarithm of the permeability, and of the pressure, per unit of
# intensity. They fill [0, 1] except for rare extremes.
LOG_PERMEABILITY_SCALE = 6.0
PRESSURE_SCALE = 0.6
FORCING = 10.0
# Number of squares of the sources along a side of the image.
N_SQUARES = 8


@validate_params(n_terms=[COUNT], correlation_length=[POSITIVE])
def make_darcy_flow(
    n_samples=100,
    image_size=32,
    *,
    n_terms=64,
    correlation_length=0.1,
    random_state=None,
):
    r"""Draw permeabilities and the pressures of the flow that they let through.

    On the unit square, the pressure p solves Darcy's equation

    .. math:: -\nabla \cdot (K \nabla p) = f, \qquad \int p = 0,

    without flow through the borders. The source f is 10 in the square of side 1/8 in
    the first corner, -10 in the opposite one, and 0 elsewhere. The permeability K is
    the exponential of a Gaussian field with the covariance
    :math:`\exp(-(|\Delta_1| + |\Delta_2|) / \ell)`, of which the `n_terms` largest
    terms of the Karhunen-Loève expansion are kept. Except for the norm in the
    covariance, this is the test of [1]_. The equation is solved by finite volumes:
    between two pixels, K is the harmonic mean.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    image_size : int, default=32
        Height and width of the images in pixels, a multiple of 8.
    n_terms : int, default=64
        Number of terms of the expansion, at most ``image_size**2``.
    correlation_length : float, default=0.1
        Correlation length :math:`\ell`. The side of the square is 1.
    random_state : int, RandomState instance or None, default=None
        Seed of the random numbers. For a given int, a larger `n_samples` appends images
        to those of a smaller one.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size, image_size, 2), dtype=float64
        Images of two channels: ``0.5 + log(K) / 6`` and ``0.5 + p / 0.6``.

    Raises
    ------
    ValueError
        If `image_size` is not a multiple of 8, or if `n_terms` is too large.

    See Also
    --------
    darcy_residual : Residual of the equation.

    References
    ----------
    .. [1] J.-H. Bastek, W. Sun, D. M. Kochmann, "Physics-informed diffusion models",
       ICLR 2025. :arxiv:`2403.14404`

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.datasets import darcy_residual, make_darcy_flow
    >>> X = make_darcy_flow(2, 16, random_state=0)
    >>> X.shape
    (2, 16, 16, 2)
    >>> residual = darcy_residual(torch.from_numpy(X).permute(0, 3, 1, 2))
    >>> bool(residual.abs().max() < 1e-9)
    True
    """
    check_image_size(image_size)
    if n_terms > image_size**2:
        raise ValueError(
            f"n_terms={n_terms} must be at most image_size**2={image_size**2}, the "
            "number of pixels."
        )
    modes = karhunen_loeve_modes(image_size, n_terms, correlation_length)
    coefficients = check_random_state(random_state).normal(size=(n_samples, n_terms))
    log_permeability = (coefficients @ modes).reshape(-1, image_size, image_size)
    source = source_of_size(image_size)
    pressure = [solve_pressure(np.exp(one), source) for one in log_permeability]
    return 0.5 + np.stack(
        [
            log_permeability / LOG_PERMEABILITY_SCALE,
            np.stack(pressure) / PRESSURE_SCALE,
        ],
        axis=-1,
    )


def darcy_residual(images):
    r"""Compute the residual of Darcy's equation.

    The residual is :math:`-\nabla \cdot (K \nabla p) - f`. Use it as the parameter
    `residual` of :class:`~sklearn_gahb.DNNDenoiser`. Crops and flipped images do not
    satisfy the equation, so do not set `patch_size` and `augment`.

    Parameters
    ----------
    images : Tensor of shape (n, 2, height, width)
        Images with the channels and the size of :func:`make_darcy_flow`.

    Returns
    -------
    residual : Tensor of shape (n, height, width)
        Residual in each pixel. Torch can differentiate it.

    Raises
    ------
    ValueError
        If the images do not have two channels, or if their height and width are not the
        same multiple of 8.

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.datasets import darcy_residual
    >>> residual = darcy_residual(torch.zeros(1, 2, 16, 16))
    >>> residual[0, 0, 0], residual[0, -1, -1]
    (tensor(-10.), tensor(10.))
    """
    if images.ndim != 4 or images.shape[1] != 2 or images.shape[2] != images.shape[3]:
        raise ValueError(
            f"images of shape {tuple(images.shape)} must have the shape (n, 2, height, "
            "width), with equal height and width."
        )
    size = images.shape[-1]
    check_image_size(size)
    permeability = ((images[:, 0] - 0.5) * LOG_PERMEABILITY_SCALE).exp()
    pressure = (images[:, 1] - 0.5) * PRESSURE_SCALE
    flow = torch.zeros_like(pressure)
    for axis in (1, 2):
        k, p = permeability.movedim(axis, 1), pressure.movedim(axis, 1)
        through = harmonic_mean(k[:, :-1], k[:, 1:]) * (p[:, :-1] - p[:, 1:])
        out = torch.cat([through, torch.zeros_like(p[:, :1])], dim=1)
        back = torch.cat([torch.zeros_like(p[:, :1]), through], dim=1)
        flow = flow + (out - back).movedim(1, axis)
    return flow * size**2 - torch.from_numpy(source_of_size(size)).to(flow)


def check_image_size(image_size):
    """Raise a ValueError unless the sources cover whole pixels."""
    if image_size % N_SQUARES:
        raise ValueError(
            f"image_size={image_size} must be a multiple of {N_SQUARES}, so that the "
            "sources cover whole pixels."
        )


def source_of_size(size):
    """Make the source f: an array of shape (size, size)."""
    side, source = size // N_SQUARES, np.zeros((size, size))
    source[:side, :side] = FORCING
    source[-side:, -side:] = -FORCING
    return source


def harmonic_mean(a, b):
    """Return the harmonic mean of two arrays or tensors."""
    return 2 * a * b / (a + b)


def karhunen_loeve_modes(size, n_terms, correlation_length):
    """Return the largest modes of the Gaussian field: (n_terms, size**2).

    The covariance is a product of one factor for each axis, so the modes are products
    of modes in one dimension.
    """
    positions = np.arange(size) / size
    distances = np.abs(positions[:, None] - positions)
    values, vectors = eigh(np.exp(-distances / correlation_length))
    # The sign of an eigenvector is arbitrary.
    vectors = vectors * np.where(vectors[0] < 0, -1, 1)
    pairs = sorted(product(range(size), repeat=2), key=lambda ij: -values[[*ij]].prod())
    return np.stack(
        [
            np.sqrt(values[i] * values[j]) * np.outer(vectors[:, i], vectors[:, j])
            for i, j in pairs[:n_terms]
        ]
    ).reshape(n_terms, -1)


def solve_pressure(permeability, source):
    """Solve Darcy's equation for the pressure: arrays of shape (size, size).

    The pressure of the last pixel is set to 0, which makes the equations positive
    definite. The mean is subtracted afterwards.
    """
    size = len(permeability)
    down = np.zeros((size, size))
    down[:-1] = harmonic_mean(permeability[:-1], permeability[1:])
    right = np.zeros((size, size))
    right[:, :-1] = harmonic_mean(permeability[:, :-1], permeability[:, 1:])
    diagonal = down + right
    diagonal[1:] += down[:-1]
    diagonal[:, 1:] += right[:, :-1]
    # Lower diagonals of the matrix, whose row k is the pixel (k // size, k % size).
    bands = np.zeros((size + 1, size**2))
    bands[0], bands[1], bands[size] = diagonal.ravel(), -right.ravel(), -down.ravel()
    right_side = source.ravel()[:-1] / size**2
    pressure = np.append(solveh_banded(bands[:, :-1], right_side, lower=True), 0)
    return (pressure - pressure.mean()).reshape(size, size)
