"""The Jacobian of a denoiser at an image, as a linear operator."""

import math

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator
from sklearn.utils import gen_batches

from .._images import (
    as_images,
    check_n_channels,
    check_numbers,
    is_tensor,
    to_tensor,
)
from .._units import warn_of_level
from ..denoisers._as_denoise import find_denoiser, unwrap
from ..denoisers._linearize import linearize_by_autograd

# What a network keeps of one batch of products: on CPUs larger ones are not faster.
PIXELS_AT_ONCE = {"cpu": 2**15, "cuda": 2**18}


class JacobianOperator(LinearOperator):
    """Jacobian of a denoiser at one image; `jacobian_operator` makes it.

    Images are vectors in the order of :meth:`numpy.ndarray.ravel` on an image of shape
    (height, width) or (height, width, channels). Products take and return NumPy arrays,
    and are computed on the device of the denoiser.

    Parameters
    ----------
    linearization : Linearization
        The denoiser at the image, on tensors.

    Attributes
    ----------
    shape : tuple of (int, int)
        (d, d) with d = height * width * channels.
    dtype : dtype
        float32 or float64, that of the image.
    image_shape : tuple of (int, int, int)
        (height, width, channels).

    Examples
    --------
    >>> from sklearn_gahb.jacobian import jacobian_operator
    >>> J = jacobian_operator(lambda y, noise_std: y / 2, [[1.0, 3.0]])
    >>> J @ [1.0, 3.0]
    array([0.5, 1.5])
    >>> J.dense()
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]], dtype=torch.float64)
    """

    def __init__(self, linearization):
        x_hat = linearization.x_hat
        _, channels, height, width = x_hat.shape
        self.linearization = linearization
        self.image_shape = (height, width, channels)
        dtype = np.float64 if x_hat.dtype == torch.float64 else np.float32
        super().__init__(dtype, (x_hat.numel(),) * 2)

    def _matvec(self, v):
        return self._matmat(v.reshape(-1, 1))[:, 0]

    def _rmatvec(self, u):
        return self._rmatmat(u.reshape(-1, 1))[:, 0]

    def _matmat(self, V):
        return self.multiply_rows(self._to_rows(V)).cpu().numpy().T

    def _rmatmat(self, U):
        return self.multiply_rows(self._to_rows(U), transposed=True).cpu().numpy().T

    def _to_rows(self, columns):
        if np.iscomplexobj(columns):
            raise TypeError("Complex vectors are no images; multiply their two parts.")
        x_hat = self.linearization.x_hat
        rows = np.ascontiguousarray(columns.T, dtype=self.dtype)
        return torch.from_numpy(rows).to(x_hat.device)

    def multiply_rows(self, rows, transposed=False):
        """Multiply the rows of a tensor by the Jacobian.

        Parameters
        ----------
        rows : Tensor of shape (k, d)
            Vectors, on the device of the denoiser.
        transposed : bool, default=False
            Whether to multiply by the transpose of the Jacobian.

        Returns
        -------
        products : Tensor of shape (k, d)
            J v of each row v, or its product with the transpose of J.
        """
        multiply = (
            self.linearization.multiply_transposed
            if transposed
            else self.linearization.multiply
        )
        products = torch.empty_like(rows)
        for batch in gen_batches(len(rows), self._n_at_once()) if len(rows) else ():
            images = rows_to_images(rows[batch], self.image_shape)
            products[batch] = images_to_rows(multiply(images))
        return products

    def dense(self):
        """Compute the whole Jacobian.

        Returns
        -------
        J : Tensor of shape (d, d)
            On the device of the denoiser; ``.cpu().numpy()`` makes an array of it.
        """
        x_hat = self.linearization.x_hat
        J = x_hat.new_zeros(self.shape)
        # The transpose times unit vectors: the rows of J, and the cheaper product.
        J.fill_diagonal_(1)
        for batch in gen_batches(len(J), self._n_at_once()):
            J[batch] = self.multiply_rows(J[batch], transposed=True)
        return J

    def _n_at_once(self):
        height, width, _ = self.image_shape
        pixels = PIXELS_AT_ONCE.get(self.linearization.x_hat.device.type, 2**18)
        return max(1, pixels // (height * width))


def rows_to_images(rows, image_shape):
    """Tensor (k, height * width * channels) as images (k, channels, height, width)."""
    return rows.reshape(len(rows), *image_shape).permute(0, 3, 1, 2)


def images_to_rows(images):
    """Inverse of `rows_to_images`."""
    return images.permute(0, 2, 3, 1).reshape(len(images), -1)


def jacobian_operator(denoiser, y, noise_std=None, clean=None):
    r"""Jacobian of a denoiser at an image, as a linear operator.

    .. math:: J_{ij} = \partial \hat x_i(y) / \partial y_j

    at a fixed noise level, fixed thresholds and fixed geometry. Wavelet thresholding
    and the Wiener filter have it in closed form. A network of convolutions, norms and
    ReLUs is linear once its ReLUs are frozen as they are at `y`, and a product costs as
    much as denoising one image; other networks and callables are differentiated by
    torch, where J v costs about three times as much. The matrix is never built, unless
    :meth:`JacobianOperator.dense` asks for it.

    For bias-free networks, hard thresholding and the zero-mean Wiener filter
    :math:`J y = \hat x(y)` [1]_.

    Parameters
    ----------
    denoiser : estimator or callable
        A fitted denoiser, anything that :func:`~sklearn_gahb.denoisers.as_denoise`
        takes, or a callable ``denoise(y, noise_std) -> x_hat`` of differentiable torch
        operations on float tensors of shape (n, channels, height, width).
    y : array-like of shape (height, width) or (height, width, channels)
        The noisy image, or a stack of this one image. A row of pixels if the denoiser
        has an `image_shape`.
    noise_std : float, default=None
        Standard deviation of the noise that the denoiser is told, in the units of the
        images; not negative. None means its own `noise_std`.
    clean : array-like, default=None
        The clean image, for oracles, which are told it; other denoisers ignore it.

    Returns
    -------
    J : JacobianOperator of shape (d, d)
        A :class:`scipy.sparse.linalg.LinearOperator` on flattened images.

    Raises
    ------
    ValueError
        If `y` holds more than one image or is of another layout, or if a callable
        returns another shape or cannot be differentiated.
    sklearn.exceptions.NotFittedError
        If the denoiser is not fitted.

    References
    ----------
    .. [1] S. Mohan, Z. Kadkhodaie, E. P. Simoncelli, C. Fernandez-Granda, "Robust and
       interpretable blind image denoising via bias-free convolutional neural networks",
       ICLR 2020. :arxiv:`1906.05478`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb import WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.jacobian import jacobian_operator
    >>> y = make_disk_images(1, 32, random_state=0)
    >>> denoiser = WaveletThresholdDenoiser("haar", noise_std=0.1).fit(y)
    >>> J = jacobian_operator(denoiser, y)
    >>> J.shape
    (1024, 1024)
    >>> bool(np.allclose(J @ y.ravel(), denoiser.transform(y).ravel()))
    True
    """
    if noise_std is not None:
        check_noise_std(noise_std, allow_zero=True)
    image_shape = image_shape_of(denoiser)
    image = one_image(y, image_shape)
    warn_of_level(noise_std, image)
    if clean is not None:
        clean = one_image(clean, image_shape, "clean")
        clean = to_tensor(clean.stacks[0])
    return JacobianOperator(
        linearize(denoiser, to_tensor(image.stacks[0]), noise_std, clean)
    )


def image_shape_of(denoiser):
    """The `image_shape` of the denoiser that an estimator is or is around, or None."""
    return getattr(unwrap(denoiser), "image_shape", None)


def one_image(y, image_shape=None, name="y"):
    """Images that hold one image, which may come without the axis of a stack."""
    if not is_tensor(y):
        y = np.asarray(y)
    if y.ndim == 2 and image_shape is None:
        y = y[None, ..., None]
    elif is_single_colour(y):
        y = y[None]
    images = as_images(check_numbers(y, name), image_shape, name)
    if len(images) != 1:
        raise ValueError(
            f"{name} holds {len(images)} images, of shape {tuple(y.shape)}; one is "
            f"accepted, such as {name}[:1]."
        )
    return images


def is_single_colour(y):
    """Whether an array with three axes is (height, width, channels)."""
    return y.ndim == 3 and y.shape[0] > 1 and y.shape[2] <= 4


def one_image_shape(y, image_shape=None):
    """Shape of the image that `one_image` takes, without the axis of a stack."""
    if not is_tensor(y):
        y = np.asarray(y)
    is_bare = (y.ndim == 2 and image_shape is None) or is_single_colour(y)
    return tuple(y.shape if is_bare else y.shape[1:])


def linearize(denoiser, y, noise_std=None, clean=None):
    """Linearization of an estimator or callable at a tensor (1, c, h, w)."""
    if isinstance(denoiser, torch.nn.Module):
        raise TypeError(
            f"denoiser is the network {type(denoiser).__name__}; make a denoiser of it "
            "by DNNDenoiser.from_module(network)."
        )
    if callable(denoiser) and not hasattr(denoiser, "fit"):
        return linearize_by_autograd(lambda y: denoiser(y, noise_std), y)
    denoiser = find_denoiser(denoiser)
    check_n_channels(denoiser, y.shape[1], "y")
    if clean is not None:
        denoiser = denoiser._bind_clean(clean)
    if noise_std is None:
        noise_std = denoiser.noise_std
    device = denoiser._device or y.device
    return denoiser._linearize(y.to(device), noise_std)


def check_noise_std(noise_std, *, allow_zero=False):
    """Raise a ValueError unless `noise_std` is a positive number."""
    is_number = np.ndim(noise_std) == 0 and 0 <= float(noise_std) < math.inf
    if not is_number or (noise_std == 0 and not allow_zero):
        raise ValueError(
            f"noise_std={noise_std!r} must be a positive number, the standard "
            "deviation of the noise in the units of the images."
        )
