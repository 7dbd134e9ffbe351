"""Linear measurement operators."""

from functools import partial

import numpy as np
from scipy import sparse
from scipy.fft import dctn, fft2, idctn, ifft2
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from sklearn.utils import check_random_state

from .._sklearn_compat import COUNT, validate_params
from ..images import height_width_channels

# Singular values below this fraction of the largest one count as 0.
SMALLEST_SINGULAR_VALUE = 1e-4


class MeasurementOperator(LinearOperator):
    r"""Linear measurement operator for images of a given shape.

    Multiplying flattened images by the operator gives their measurements. Functions
    such as :func:`~sklearn_gahb.sampling.random_pixels` return a `MeasurementOperator`.

    Parameters
    ----------
    operator : LinearOperator or array of shape (n_measurements, n_values)
        Measurement matrix M. It multiplies images that are flattened in the order of
        :meth:`numpy.ndarray.ravel`.
    image_shape : tuple of int
        (height, width) or (height, width, channels) of the images.
    right_vectors : LinearOperator or array of shape (n_vectors, n_values), default=None
        Right singular vectors of M with positive singular values, as orthonormal rows
        of a matrix :math:`V^T`, where :math:`M = U S V^T`. If None,
        :func:`~sklearn_gahb.sampling.solve_inverse` computes the decomposition.
    singular_values : array of shape (n_vectors,), default=None
        Singular values of M, in the order of `right_vectors`. Pass both or neither.

    Attributes
    ----------
    shape : tuple of (int, int)
        (n_measurements, n_values).
    image_shape : tuple of int
        (height, width) or (height, width, channels) of the images.

    Raises
    ------
    ValueError
        If only one of `right_vectors` and `singular_values` is passed, or if their
        shapes do not match.

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

    def __init__(
        self, operator, image_shape, *, right_vectors=None, singular_values=None
    ):
        self.operator = aslinearoperator(operator)
        height_width_channels(image_shape)  # Raises an error if the shape is wrong.
        self.image_shape = tuple(image_shape)
        self.right_vectors, self.singular_values = right_vectors, singular_values
        if right_vectors is not None or singular_values is not None:
            check_shapes(right_vectors, singular_values, self.operator.shape[1])
            self.right_vectors = aslinearoperator(right_vectors)
            self.singular_values = np.asarray(singular_values, dtype=np.float64)
        super().__init__(np.float64, self.operator.shape)

    def _matmat(self, X):
        return self.operator.matmat(X)

    def _rmatmat(self, M):
        return self.operator.rmatmat(M)


def check_shapes(right_vectors, singular_values, n_values):
    """Raise a ValueError unless right vectors and singular values fit each other."""
    shapes = [tuple(np.shape(one)) for one in (right_vectors, singular_values)]
    if len(shapes[1]) != 1 or shapes[0] != (*shapes[1], n_values):
        raise ValueError(
            f"right_vectors and singular_values have shapes {shapes[0]} and "
            f"{shapes[1]}; expected (n_vectors, {n_values}) and (n_vectors,). Pass "
            "both or neither."
        )
    smallest = np.min(singular_values)
    if not smallest > 0:
        raise ValueError(
            f"singular_values has the minimum {smallest:.3g}; expected positive "
            "values. Omit singular values of 0 and their right_vectors."
        )


class _ImageTransform(LinearOperator):
    """Linear transform of flattened images (k, height, width, channels)."""

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
    """Return an operator that keeps only the values at `places` of a vector."""
    return aslinearoperator(sparse.eye_array(size, format="csr")[places])


@validate_params(observed=["array-like"])
def observed_pixels(observed):
    """Make an operator that measures the known values of an image, for inpainting.

    Parameters
    ----------
    observed : array-like of bool, of shape (height, width) or (height, width, channels)
        Mask of the known values. True where a value is known.

    Returns
    -------
    operator : MeasurementOperator
        Operator that measures ``image[observed]``.

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
            "observed must be a bool array with at least one True; got dtype "
            f"{observed.dtype} with {int(observed.astype(bool).sum())} nonzero values."
        )
    height_width_channels(observed.shape)
    (places,) = np.nonzero(observed.ravel())
    return MeasurementOperator(restriction(places, observed.size), observed.shape)


@validate_params()
def random_pixels(image_shape, fraction, *, random_state=None):
    """Make an operator that measures pixels at random positions.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels).
    fraction : float
        Fraction of the pixels that are known. All channels of a known pixel are known.
    random_state : int, RandomState instance or None, default=None
        Seed of the positions.

    Returns
    -------
    operator : MeasurementOperator
        Operator that measures the known values, in the order of the flattened image.

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
    """Make an operator that measures averages of pixel blocks, for super-resolution.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels). Height and width must be
        multiples of `factor`.
    factor : int
        Side length of the blocks, in pixels.

    Returns
    -------
    operator : MeasurementOperator
        Operator that measures the mean of each block, multiplied by `factor`. The
        factor makes the rows orthonormal. For a gray image, the low-resolution image is
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
            f"factor={factor} must divide the height and width of image_shape="
            f"{tuple(image_shape)}. Crop the image or pass another factor."
        )

    def sums(side):
        blocks = np.full((1, factor), factor**-0.5)
        return sparse.kron(sparse.eye_array(side // factor), blocks, format="csr")

    by_columns = sparse.kron(sums(width), sparse.eye_array(channels), format="csr")
    operator = sparse.kron(sums(height), by_columns, format="csr")
    return MeasurementOperator(operator, image_shape)


@validate_params()
def low_frequencies(image_shape, fraction):
    r"""Make an operator that measures low frequencies, for spectral super-resolution.

    The rows of the operator are the low-frequency basis functions of the Hartley
    transform, :math:`(\cos + \sin)(2 \pi \langle \omega, x \rangle) / \sqrt{h w}`,
    where x is a pixel position, :math:`\omega` a frequency, and h and w are the height
    and width of the image. These functions are real and orthonormal. They span the same
    space as the sines and cosines of the low frequencies.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels).
    fraction : float
        Largest measured frequency along each axis, divided by the largest frequency of
        the pixel grid. For example, 0.25 keeps about 1/16 of all frequencies.

    Returns
    -------
    operator : MeasurementOperator
        Operator that measures the low-frequency coefficients of the Hartley transform.

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
    """Compute the Hartley transform of images (k, height, width, channels).

    The transform is its own inverse.
    """
    coefficients = fft2(images, axes=(1, 2), norm="ortho")
    return coefficients.real - coefficients.imag


@validate_params()
def random_projections(image_shape, fraction, *, random_state=None):
    """Make an operator that measures random combinations of all pixels.

    Reconstruction from such measurements is called compressed sensing.

    The operator multiplies each value by a random sign, applies a cosine transform, and
    selects random coefficients. The rows are dense, but the operator does not store
    them. The operator therefore needs far less memory and time than a matrix.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels).
    fraction : float
        Number of measurements, divided by the number of values (pixels times channels)
        in an image.
    random_state : int, RandomState instance or None, default=None
        Seed of the random signs and of the selected coefficients.

    Returns
    -------
    operator : MeasurementOperator
        Operator that measures the selected coefficients. The entries of its rows have a
        magnitude of about 1 / sqrt(d), where d is the number of values in an image.

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


@validate_params(kernel=["array-like"])
def circular_blur(image_shape, kernel):
    r"""Make an operator that blurs images, for deblurring.

    The operator convolves each channel with a kernel. It continues the image
    periodically beyond its borders, so the Fourier transform gives its singular values.
    Do not use it for photographs that a camera blurred: their opposite borders differ,
    and the error at the borders spreads over the whole image. For such photographs,
    make a matrix that measures the inside of the image only.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels).
    kernel : array-like of shape (kernel_height, kernel_width)
        Convolution kernel, not larger than the image. The value at
        ``(kernel_height // 2, kernel_width // 2)`` multiplies the pixel itself.

    Returns
    -------
    operator : MeasurementOperator
        Operator that measures all pixels of the blurred image.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.sampling import circular_blur
    >>> operator = circular_blur((8, 8), np.full((3, 3), 1 / 9))
    >>> image = np.zeros((8, 8))
    >>> image[0, 0] = 9
    >>> (operator @ image.ravel()).reshape(8, 8).round(3)[:3, :3]
    array([[1., 1., 0.],
           [1., 1., 0.],
           [0., 0., 0.]])
    """
    height, width, channels = shape = height_width_channels(image_shape)
    kernel = np.asarray(kernel)
    if np.iscomplexobj(kernel):
        raise ValueError(f"kernel has dtype {kernel.dtype}; expected real values.")
    kernel = kernel.astype(np.float64)
    fits = kernel.ndim == 2 and kernel.shape[0] <= height and kernel.shape[1] <= width
    if not fits or not np.isfinite(kernel).all() or not kernel.any():
        raise ValueError(
            f"kernel has shape {kernel.shape} and the sum {kernel.sum():.3g}; expected "
            f"finite values that are not all 0, of shape (kernel_height, kernel_width) "
            f"up to {(height, width)}."
        )
    padded = np.zeros((height, width))
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    padded = np.roll(padded, [-(side // 2) for side in kernel.shape], axis=(0, 1))
    gain = fft2(padded)[..., None]
    blur = _ImageTransform(
        shape, partial(_filter, gain=gain), partial(_filter, gain=gain.conj())
    )
    # M^T M has the eigenvalue |gain|^2 for the Hartley functions of a frequency.
    values = np.repeat(np.abs(gain), channels, axis=-1).ravel()
    (places,) = np.nonzero(values > SMALLEST_SINGULAR_VALUE * values.max())
    hartley = _ImageTransform(shape, _hartley, _hartley)
    return MeasurementOperator(
        blur,
        image_shape,
        right_vectors=restriction(places, values.size) @ hartley,
        singular_values=values[places],
    )


def _filter(images, gain):
    """Multiply the Fourier coefficients of images (k, height, width, channels)."""
    return ifft2(gain * fft2(images, axes=(1, 2)), axes=(1, 2)).real
