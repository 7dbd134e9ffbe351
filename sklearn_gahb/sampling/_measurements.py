"""Linear measurements of images, as operators with orthonormal rows."""

from functools import partial
from numbers import Integral, Real

import numpy as np
from scipy.fft import dctn, fft2, idctn
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

FRACTION = Interval(Real, 0, 1, closed="right")
LARGEST_DEVIATION = 1e-3


class MeasurementOperator(LinearOperator):
    """Linear measurements of images, whose rows are orthonormal.

    Products with it measure flattened images; those with its transpose, `H`, are its
    pseudo-inverse. The factories of this module make it.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels).
    n_measurements : int
        Number of rows.
    measure : callable
        Maps images (k, height, width, channels) to measurements (k, n_measurements).
    fill : callable
        Its transpose.

    Attributes
    ----------
    shape : tuple of (int, int)
        (n_measurements, number of values of an image).
    image_shape : tuple of int
        As above.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.sampling import block_averages
    >>> operator = block_averages((4, 4), 2)
    >>> image = np.arange(16.0).reshape(4, 4)
    >>> operator @ image.ravel()
    array([ 5.,  9., 21., 25.])
    >>> (operator.H @ (operator @ image.ravel())).reshape(4, 4)[0]
    array([2.5, 2.5, 4.5, 4.5])
    """

    def __init__(self, image_shape, n_measurements, measure, fill):
        self.image_shape = tuple(image_shape)
        self._measure, self._fill = measure, fill
        super().__init__(np.float64, (n_measurements, int(np.prod(image_shape))))

    def _matmat(self, X):
        height, width, *channels = self.image_shape
        images = X.T.reshape(-1, height, width, *(channels or (1,)))
        return self._measure(images).T

    def _rmatmat(self, M):
        return self._fill(M.T).reshape(M.shape[1], -1).T

    def _matvec(self, x):
        return self._matmat(x.reshape(-1, 1))[:, 0]

    def _rmatvec(self, m):
        return self._rmatmat(m.reshape(-1, 1))[:, 0]


def height_width_channels(image_shape):
    """(height, width, channels) of a checked image_shape."""
    if len(image_shape) not in (2, 3) or not all(
        isinstance(n, Integral) and n > 0 for n in image_shape
    ):
        raise ValueError(
            f"image_shape={tuple(image_shape)} must be (height, width) or (height, "
            "width, channels)."
        )
    return (*image_shape, 1)[:3]


@validate_params({"observed": ["array-like"]}, prefer_skip_nested_validation=True)
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
    shape = height_width_channels(observed.shape)
    (places,) = np.nonzero(observed.ravel())
    return MeasurementOperator(
        observed.shape,
        len(places),
        partial(_take, places=places),
        partial(_put, places=places, shape=shape),
    )


def _take(images, places):
    return images.reshape(len(images), -1)[:, places]


def _put(measurements, places, shape):
    images = np.zeros((len(measurements), int(np.prod(shape))))
    images[:, places] = measurements
    return images.reshape(-1, *shape)


@validate_params(
    {
        "image_shape": [tuple, list],
        "fraction": [FRACTION],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
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


@validate_params(
    {
        "image_shape": [tuple, list],
        "factor": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
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
    small = (height // factor, width // factor, channels)
    return MeasurementOperator(
        image_shape,
        int(np.prod(small)),
        partial(_average, small=small, factor=factor),
        partial(_repeat, small=small, factor=factor),
    )


def _average(images, small, factor):
    blocks = images.reshape(-1, small[0], factor, small[1], factor, small[2])
    return blocks.mean(axis=(2, 4)).reshape(len(images), -1) * factor


def _repeat(measurements, small, factor):
    images = measurements.reshape(-1, *small) / factor
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


@validate_params(
    {"image_shape": [tuple, list], "fraction": [FRACTION]},
    prefer_skip_nested_validation=True,
)
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
    return MeasurementOperator(
        image_shape,
        len(places),
        partial(_take_hartley, places=places),
        partial(_put_hartley, places=places, shape=(height, width, channels)),
    )


def _hartley(images):
    """Hartley transform, its own inverse."""
    coefficients = fft2(images, axes=(1, 2), norm="ortho")
    return coefficients.real - coefficients.imag


def _take_hartley(images, places):
    return _take(_hartley(images), places)


def _put_hartley(measurements, places, shape):
    return _hartley(_put(measurements, places, shape))


@validate_params(
    {
        "image_shape": [tuple, list],
        "fraction": [FRACTION],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
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
    return MeasurementOperator(
        image_shape,
        len(places),
        partial(_take_mixed, places=places, signs=signs),
        partial(_put_mixed, places=places, signs=signs),
    )


def _take_mixed(images, places, signs):
    return _take(dctn(signs * images, axes=(1, 2, 3), norm="ortho"), places)


def _put_mixed(measurements, places, signs):
    mixed = _put(measurements, places, signs.shape)
    return signs * idctn(mixed, axes=(1, 2, 3), norm="ortho")


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
