"""Linear measurements with noise, and how they enter a sampler."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from .._tensors import images_to_rows, rows_to_images
from ._operators import SMALLEST_SINGULAR_VALUE, check_shapes, restriction

LARGEST_DEVIATION = 1e-3
# Levels up to this factor apart count as the same level, so that rounding does not
# decide whether a sampler has reached the noise of the measurements.
SAME_LEVEL = 1.01
# Largest shorter side, and largest number of values, of a matrix whose singular values
# are computed.
LARGEST_SIDE = 4096
LARGEST_SIZE = 2**26


@dataclass(frozen=True)
class Measurements:
    r"""Measurements of images, in coordinates with independent noise.

    Let :math:`M = U S V^T` be the measurement operator. Measurements :math:`m = M x +
    s n` with noise of the level s give each coordinate of :math:`V^T x` with noise of
    its own level,

    .. math:: (S^{-1} U^T m)_i = (V^T x)_i + \frac{s}{S_i} n_i.

    A coordinate is known at a noise level if its own noise is 0 or below this level.

    Parameters
    ----------
    right_vectors : LinearOperator of shape (n_vectors, n_values)
        Matrix :math:`V^T`, which has orthonormal rows.
    coordinates : ndarray of shape (n, n_vectors)
        Measured coordinates :math:`S^{-1} U^T m` of each image.
    noise_std : ndarray of shape (n_vectors,)
        Noise level of each coordinate.
    """

    right_vectors: LinearOperator
    coordinates: np.ndarray
    noise_std: np.ndarray

    def denoise(self, denoise, y, noise_std, indices):
        r"""Denoise images, and insert the known coordinates.

        If a sampler adds noise of the level :math:`\sigma` to an image that contains a
        measured coordinate, the coordinate also has the noise of the measurement, of
        the level :math:`\sigma_i`. We multiply its deviation from the measurement by
        :math:`\sqrt{1 - \sigma_i^2 / \sigma^2}`. Then all coordinates have noise of the
        level :math:`\sigma`, and the denoiser removes the noise of the measurements
        with the other noise, as in denoising diffusion restoration models
        (:arxiv:`2201.11793`).

        Below its own level, a coordinate moves towards its measurement by the fraction
        :math:`\sigma^2 / (2 (\sigma^2 + \sigma_i^2))`: half of what the noise levels
        suggest, because y already contains the measurement. At the smallest level of a
        coordinate, images are denoised without measurements.

        Parameters
        ----------
        denoise : callable
            Denoising function ``denoise(y, noise_std)``.
        y : Tensor of shape (n_indices, channels, height, width)
            Noisy images.
        noise_std : float or Tensor of shape (n_indices, 1, 1, 1)
            Noise level.
        indices : ndarray of int
            Position of each image among the n images.

        Returns
        -------
        x_hat : Tensor of shape (n_indices, channels, height, width)
            Denoised images.
        """
        levels = noise_std.cpu() if torch.is_tensor(noise_std) else noise_std
        levels = np.asarray(levels, dtype=np.float64).reshape(-1, 1)
        if not self.noise_std.any():
            return self._move(denoise(y, noise_std), 1.0, indices)
        variance, own = levels**2, self.noise_std**2
        is_known = own < variance
        ratio = np.where(is_known, own, 0) / np.maximum(variance, 1e-300)
        y = self._move(y, is_known * (1 - np.sqrt(1 - ratio)), indices)
        weights = np.where(is_known, 1.0, variance / (2 * (variance + own)))
        weights = weights * (levels > SAME_LEVEL * self.noise_std.min())
        return self._move(denoise(y, noise_std), weights, indices)

    def insert(self, images, noise_std):
        """Replace the coordinates with noise of at most `noise_std`, in all images."""
        is_known = self.noise_std <= SAME_LEVEL * noise_std
        return self._move(images, is_known, slice(None))

    def _move(self, images, weights, indices):
        """Move each coordinate towards the measured one by the fraction `weights`."""
        rows = images_to_rows(images).cpu().numpy()
        residual = self.coordinates[indices] - multiply(self.right_vectors, rows)
        change = multiply_transposed(self.right_vectors, weights * residual)
        _, channels, height, width = images.shape
        change = rows_to_images(torch.from_numpy(change), (height, width, channels))
        return images + change.to(images)


def decompose(operator):
    """Compute the right singular vectors and the singular values of an operator.

    Parameters
    ----------
    operator : LinearOperator of shape (n_measurements, n_values)
        Measurement operator, from `check_operator`.

    Returns
    -------
    right_vectors : LinearOperator of shape (n_vectors, n_values)
        Right singular vectors, as orthonormal rows. If the rows of the operator are
        orthogonal, these are its own rows, divided by their norms.
    singular_values : ndarray of shape (n_vectors,)
        Singular values that are not 0.

    Raises
    ------
    ValueError
        If the operator is 0 or too large, or if the decomposition that it provides is
        not its own.
    """
    right_vectors = getattr(operator, "right_vectors", None)
    if right_vectors is not None:
        _check_decomposition(operator, right_vectors, operator.singular_values)
        return right_vectors, operator.singular_values
    squares = _squared_row_norms(operator)
    if squares is not None:
        return _normalize_rows(operator, np.sqrt(squares))
    if min(operator.shape) > LARGEST_SIDE or math.prod(operator.shape) > LARGEST_SIZE:
        raise ValueError(
            f"operator has shape {tuple(operator.shape)}, and its rows are not "
            "orthogonal. Its singular vectors would take "
            f"{8e-9 * min(operator.shape) * operator.shape[1]:.1f} GB of memory. "
            f"Expected orthogonal rows, or at most {LARGEST_SIDE} rows or columns and "
            f"{LARGEST_SIZE} values. Pass a MeasurementOperator with its right_vectors "
            "and singular_values, use circular_blur for a blur, or measure smaller "
            "parts of the image."
        )
    return _decompose_matrix(operator)


def _squared_row_norms(operator):
    """Compute the squared norms of orthogonal rows; None if M M^T is not diagonal."""
    v = np.random.default_rng(0).standard_normal((4, operator.shape[0]))
    again = multiply(operator, multiply_transposed(operator, v))
    squares = (again * v).sum(axis=0) / np.square(v).sum(axis=0)
    error = np.linalg.norm(again - squares * v)
    is_diagonal = error <= LARGEST_DEVIATION * np.linalg.norm(again)
    return np.maximum(squares, 0) if is_diagonal else None


def _normalize_rows(operator, norms):
    """Divide rows by their norms, and drop rows of norm 0."""
    is_kept = _are_kept(norms)
    if np.allclose(norms, 1, rtol=0, atol=1e-6):
        return operator, np.ones(len(norms))
    (places,) = np.nonzero(is_kept)
    kept = restriction(places, len(norms))
    scale = aslinearoperator(sparse.diags_array(1 / norms[is_kept]))
    return scale @ kept @ operator, norms[is_kept]


def _are_kept(singular_values):
    is_kept = singular_values > SMALLEST_SINGULAR_VALUE * singular_values.max()
    if not is_kept.any():
        raise ValueError("operator is 0 for all images; expected a nonzero operator.")
    return is_kept


def _decompose_matrix(operator):
    """Decompose the smaller one of M M^T and M^T M."""
    n_rows, n_columns = operator.shape
    is_wide = n_rows <= n_columns
    if is_wide:
        M = multiply_transposed(operator, np.eye(n_rows))
    else:
        M = multiply(operator, np.eye(n_columns)).T
    squares, vectors = eigh(M @ M.T if is_wide else M.T @ M)
    values = np.sqrt(np.maximum(squares, 0))
    is_kept = _are_kept(values)
    values, vectors = values[is_kept], vectors[:, is_kept].T
    if is_wide:
        # Dividing the smaller matrix takes less memory.
        vectors = (vectors / values[:, None]) @ M
    return aslinearoperator(vectors), values


def _check_decomposition(operator, right_vectors, singular_values):
    """Raise a ValueError unless M V / S has orthonormal columns, and M (I - V V^T) = 0.

    Random vectors test this. V^T are the right vectors, and S the singular values.
    """
    check_shapes(right_vectors, singular_values, operator.shape[1])
    rng = np.random.default_rng(0)
    v = rng.standard_normal((4, len(singular_values)))
    images = multiply_transposed(right_vectors, v)
    products = multiply(
        operator, multiply_transposed(right_vectors, v / singular_values)
    )
    again = multiply(right_vectors, multiply_transposed(operator, products))
    rest = rng.standard_normal((4, operator.shape[1]))
    rest -= multiply_transposed(right_vectors, multiply(right_vectors, rest))
    errors = {
        "|V^T V v - v| / |v|": multiply(right_vectors, images) - v,
        "|S^-1 V^T M^T M V S^-1 v - v| / |v|": again / singular_values - v,
        "|M (x - V V^T x)| / |S v|": multiply(operator, rest)
        * (np.linalg.norm(v) / np.linalg.norm(singular_values * v)),
    }
    for name, difference in errors.items():
        error = np.linalg.norm(difference) / np.linalg.norm(v)
        if not error < LARGEST_DEVIATION:
            raise ValueError(
                "right_vectors V^T and singular_values S must be those of the operator "
                f"M. For random v and x, {name} = {error:.2g}; expected 0."
            )


def check_operator(operator, size):
    """Return an operator that measures `size` values, or raise a ValueError."""
    if hasattr(operator, "detach"):
        operator = operator.detach().cpu().numpy()
    elif not hasattr(operator, "shape"):
        operator = np.asarray(operator)
    if len(operator.shape) != 2 or operator.dtype.kind in "OSU":
        raise ValueError(
            f"operator has shape {tuple(operator.shape)} and dtype {operator.dtype}; "
            f"expected a matrix of shape (n_measurements, {size}), or a LinearOperator "
            "of this shape. To make one from a function, pass scipy.sparse.linalg."
            "LinearOperator(shape, matvec=function, rmatvec=transpose, dtype=float)."
        )
    operator = aslinearoperator(operator)
    if np.issubdtype(operator.dtype, np.complexfloating):
        raise ValueError(
            f"operator has the complex dtype {operator.dtype}; expected a real dtype. "
            "Measure the real and imaginary parts with a real operator."
        )
    n_rows, n_columns = operator.shape
    if n_columns != size:
        raise ValueError(
            f"operator has shape {tuple(operator.shape)} and measures images of "
            f"{n_columns} values, but the images have {size}. Pass an operator with "
            f"{size} columns, or another image_shape."
        )
    v = np.random.default_rng(0).standard_normal((4, n_rows))
    images = np.random.default_rng(1).standard_normal((4, n_columns))
    try:
        backward = np.sum(images * multiply_transposed(operator, v))
    except (TypeError, NotImplementedError) as error:
        raise ValueError(
            "operator cannot multiply by its transpose. Define its rmatvec method."
        ) from error
    products = multiply(operator, images)
    if not np.isfinite(products).all():
        raise ValueError(
            "operator returns NaN or infinity for random images; expected finite "
            "values."
        )
    forward = np.sum(products * v)
    if abs(forward - backward) > LARGEST_DEVIATION * np.linalg.norm(products) * 2:
        raise ValueError(
            "operator.rmatvec must be the transpose of operator.matvec. For random v "
            f"and x, v . M x = {forward:.4g} but M^T v . x = {backward:.4g}; the two "
            "must be equal."
        )
    return operator


def multiply(operator, rows):
    """Multiply vectors (k, d) by an operator, and return products (k, m)."""
    return np.asarray(operator.matmat(np.asarray(rows).T), dtype=np.float64).T


def multiply_transposed(operator, rows):
    """Multiply vectors (k, m) by the transpose, and return products (k, d)."""
    return np.asarray(operator.rmatmat(np.asarray(rows).T), dtype=np.float64).T
