"""Linear measurements of images, as operators with orthonormal rows."""

from functools import partial

import numpy as np
from scipy import sparse
from scipy.fft import dctn, fft2, idctn
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from sklearn.utils import check_random_state

from .._sklearn_compat import COUNT, validate_params
from ..images import height_width_channels

LARGEST_DEVIATION = 1e-3


class MeasurementOperator(LinearOperator):
    """Linear measurements of images of a known shape, with orthonormal rows.

    Products with it measure flattened images. Products with its transpose, `H`, are its
    pseudo-inverse. The functions of this module make it.

    Parameters
    ----------
    operator : LinearOperator or array of shape (n_measurements, n_values)
        The measurements M, with :math:`M M^T = I`. It multiplies images in the order of
        :meth:`numpy.ndarray.ravel`.
    image_shape : tuple of int
        (height, width) or (height, width, channels) of the images.

    Attributes
    ----------
    shape : tuple of (int, int)
        (n_measurements, n_values).
    image_shape : tuple of int
        As above.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.sampling import MeasurementOperator
    >>> operator = MeasurementOperator(np.eye(16)[:3], (4, 4))
    >>> measurements = operator @ np.arange(16.0)
    >>> measurements
    array([0., 1., 2.])
    >>> (operator.H @ measurements).reshape(4, 4)[0]
    array([0., 1., 2., 0.])
    """

    def __init__(self, operator, image_shape):
        self.operator = aslinearoperator(operator)
        self.image_shape = tuple(image_shape)
        super().__init__(np.float64, self.operator.shape)

    def _matmat(self, X):
        return self.operator.matmat(X)

    def _rmatmat(self, M):
        return self.operator.rmatmat(M)


class _ImageTransform(LinearOperator):
    """Orthonormal transform of flattened images (k, height, width, channels)."""

    def __init__(self, shape, forward, backward):
        self.image_shape, self.forward, self.backward = shape, forward, backward
        super().__init__(np.float64, (int(np.prod(shape)),) * 2)

    def _matmat(self, X):
        return self._apply(self.forward, X)

    def _rmatmat(self, X):
        return self._apply(self.backward, X)

    def _apply(self, transform, columns):
        images = columns.T.reshape(-1, *self.image_shape)
        return transform(images).reshape(len(images), -1).T


def restriction(places, size):
    """Operator that keeps the values at some places of a vector."""
    return aslinearoperator(sparse.eye_array(size, format="csr")[places])


@validate_params(observed=["array-like"])
def observed_pixels(observed):
    """Measure some values of an image and leave the others out (inpainting).

    Parameters
    ----------
    observed : array-like of bool, of shape (height, width) or (height, width, channels)
        Where the image is known.

    Returns
    -------
    operator : MeasurementOperator
        Its measurements are ``image[observed]``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.sampling import observed_pixels
    >>> observed = np.ones((32, 32), dtype=bool)
    >>> observed[10:20, 10:20] = False
    >>> observed_pixels(observed).shape
    (924, 1024)
    """
    observed = np.asarray(observed)
    if observed.dtype != bool or not observed.any():
        raise ValueError(
            "observed must be an array of bool with at least one True; got dtype "
            f"{observed.dtype} with {int(observed.astype(bool).sum())} of them."
        )
    height_width_channels(observed.shape)
    (places,) = np.nonzero(observed.ravel())
    return MeasurementOperator(restriction(places, observed.size), observed.shape)


@validate_params()
def random_pixels(image_shape, fraction, *, random_state=None):
    """Measure pixels at random places.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels).
    fraction : float
        Share of the pixels that is known, with all their channels.
    random_state : int, RandomState instance or None, default=None
        Seeds the places.

    Returns
    -------
    operator : MeasurementOperator
        Its measurements are the known values in the order of the image.

    Examples
    --------
    >>> from sklearn_gahb.sampling import random_pixels
    >>> random_pixels((32, 32), 0.1, random_state=0).shape
    (102, 1024)
    """
    height, width, channels = height_width_channels(image_shape)
    n_known = max(1, round(fraction * height * width))
    places = check_random_state(random_state).permutation(height * width)[:n_known]
    observed = np.zeros((height * width, channels), dtype=bool)
    observed[places] = True
    return observed_pixels(observed.reshape(image_shape))


@validate_params(factor=[COUNT])
def block_averages(image_shape, factor):
    """Measure the sums of blocks of pixels, for super-resolution.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels); sides are multiples of `factor`.
    factor : int
        Side of the blocks.

    Returns
    -------
    operator : MeasurementOperator
        Its measurements are the means of the blocks, times `factor`, which makes rows
        orthonormal: the image of low resolution is
        ``(operator @ image.ravel()).reshape(height // factor, width // factor) /
        factor``.

    Examples
    --------
    >>> from sklearn_gahb.sampling import block_averages
    >>> block_averages((32, 32), 4).shape
    (64, 1024)
    """
    height, width, channels = height_width_channels(image_shape)
    if height % factor or width % factor:
        raise ValueError(
            f"factor={factor} must divide the sides of image_shape="
            f"{tuple(image_shape)}."
        )

    def sums(side):
        blocks = np.full((1, factor), factor**-0.5)
        return sparse.kron(sparse.eye_array(side // factor), blocks, format="csr")

    by_columns = sparse.kron(sums(width), sparse.eye_array(channels), format="csr")
    operator = sparse.kron(sums(height), by_columns, format="csr")
    return MeasurementOperator(operator, image_shape)


@validate_params()
def low_frequencies(image_shape, fraction):
    r"""Measure the low frequencies of an image, for spectral super-resolution.

    The rows are those of the Hartley transform,
    :math:`(\cos + \sin)(2 \pi \langle \omega, x \rangle) / \sqrt{h w}`, which span the
    same as the sines and cosines of these frequencies, and are real and orthonormal.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels).
    fraction : float
        Largest frequency along each axis, relative to that of the grid: 0.25 keeps
        about a sixteenth of all frequencies.

    Returns
    -------
    operator : MeasurementOperator
        Its measurements are coefficients of the Hartley transform.

    Examples
    --------
    >>> from sklearn_gahb.sampling import low_frequencies
    >>> low_frequencies((32, 32), 0.25).shape
    (81, 1024)
    """
    height, width, channels = height_width_channels(image_shape)
    kept = np.logical_and.outer(
        np.abs(np.fft.fftfreq(height)) <= fraction / 2,
        np.abs(np.fft.fftfreq(width)) <= fraction / 2,
    )
    (places,) = np.nonzero(np.repeat(kept[..., None], channels, axis=-1).ravel())
    transform = _ImageTransform((height, width, channels), _hartley, _hartley)
    kept = restriction(places, height * width * channels)
    return MeasurementOperator(kept @ transform, image_shape)


def _hartley(images):
    """Hartley transform of images (k, height, width, channels), its own inverse."""
    coefficients = fft2(images, axes=(1, 2), norm="ortho")
    return coefficients.real - coefficients.imag


@validate_params()
def random_projections(image_shape, fraction, *, random_state=None):
    """Measure random combinations of all pixels (compressive sensing).

    Random signs of the pixels, a cosine transform, and a random selection of its
    coefficients: dense rows that take neither memory nor time as a matrix would.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels).
    fraction : float
        Number of measurements over that of values of an image.
    random_state : int, RandomState instance or None, default=None
        Seeds signs and selection.

    Returns
    -------
    operator : MeasurementOperator
        Of rows with entries of the size of 1 / sqrt(d).

    Examples
    --------
    >>> from sklearn_gahb.sampling import random_projections
    >>> random_projections((256, 256), 0.1, random_state=0).shape
    (6554, 65536)
    """
    shape = height_width_channels(image_shape)
    size = int(np.prod(shape))
    rng = check_random_state(random_state)
    signs = 2.0 * rng.randint(0, 2, size=shape) - 1
    places = np.sort(rng.permutation(size)[: max(1, round(fraction * size))])
    options = {"axes": (1, 2, 3), "norm": "ortho"}
    transform = _ImageTransform(
        shape, partial(dctn, **options), partial(idctn, **options)
    )
    mixing = transform @ aslinearoperator(sparse.diags_array(signs.ravel()))
    return MeasurementOperator(restriction(places, size) @ mixing, image_shape)


def check_operator(operator, size):
    """A LinearOperator of images of `size` values with orthonormal rows."""
    if not hasattr(operator, "shape") or hasattr(operator, "detach"):
        operator = np.asarray(operator)
    operator = aslinearoperator(operator)
    if np.issubdtype(operator.dtype, np.complexfloating):
        raise ValueError(
            f"operator has the complex dtype {operator.dtype}; measure real and "
            "imaginary parts by a real one."
        )
    n_rows, n_columns = operator.shape
    if n_columns != size:
        raise ValueError(
            f"operator has shape {tuple(operator.shape)}, for images of {n_columns} "
            f"values, and the images have {size}."
        )
    probes = np.random.default_rng(0).standard_normal((n_rows, 4))
    try:
        again = multiply(operator, multiply_transposed(operator, probes.T)).T
    except (TypeError, NotImplementedError) as error:
        raise ValueError(
            "operator must multiply by its transpose too: give it rmatvec."
        ) from error
    deviation = np.linalg.norm(again - probes) / np.linalg.norm(probes)
    images = np.random.default_rng(1).standard_normal((4, n_columns))
    forward = np.sum(multiply(operator, images) * probes.T)
    backward = np.sum(images * multiply_transposed(operator, probes.T))
    if abs(forward - backward) > LARGEST_DEVIATION * np.sqrt(probes.size):
        raise ValueError(
            "operator.rmatvec must be the transpose of operator.matvec: random "
            f"products v . M x and M^T v . x are {forward:.4g} and {backward:.4g}."
        )
    if not deviation < LARGEST_DEVIATION:
        raise ValueError(
            "operator must have orthonormal rows, M M^T = I: random vectors v are off "
            f"by |M M^T v - v| / |v| = {deviation:.2g}. For full-rank rows, replace "
            "them by an orthonormal basis, such as Q of np.linalg.qr(M.T), and the "
            "measurements accordingly."
        )
    return operator


def multiply(operator, rows):
    """Products (k, m) of an operator with vectors (k, d)."""
    return np.asarray(operator.matmat(np.asarray(rows).T)).T


def multiply_transposed(operator, rows):
    """Products (k, d) of the transpose with vectors (k, m)."""
    return np.asarray(operator.rmatmat(np.asarray(rows).T)).T
