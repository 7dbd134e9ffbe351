"""The Jacobian of a denoiser at an image, as a linear operator."""

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator
from sklearn.utils import check_random_state, gen_batches

from .._sklearn_compat import NOT_NEGATIVE, validate_params
from .._tensors import images_to_rows, rows_to_images
from ..denoisers import as_denoiser
from ..denoisers.checks import check_n_channels
from ..images import check_one_image, check_pair
from ..units import warn_of_units

# Pixels per batch. On GPUs, memory limits the batch. On CPUs, larger batches are not
# faster.
PIXELS_AT_ONCE = {"cpu": 2**15, "cuda": 2**18}
# Unit vectors per batch when computing a diagonal.
UNITS_AT_ONCE = 256


class JacobianOperator(LinearOperator):
    """Jacobian of a denoiser at one image.

    :func:`jacobian_operator` returns this operator. Images are flattened in the order
    of :meth:`numpy.ndarray.ravel` from the shape (height, width) or (height, width,
    channels). Products such as ``J @ v`` take and return NumPy arrays, but they are
    computed on the device of the denoiser. The methods below use tensors on that
    device.

    Parameters
    ----------
    linearization : Linearization
        Linearization of the denoiser at the image.

    Attributes
    ----------
    shape : tuple of (int, int)
        (d, d) with d = height * width * channels.
    dtype : dtype
        float32 or float64: the dtype of the denoised image.
    image_shape : tuple of (int, int, int)
        (height, width, channels) of the image.

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

    def _matmat(self, V):
        return self.multiply_rows(self._to_rows(V)).cpu().numpy().T

    def _rmatmat(self, U):
        return self.multiply_rows(self._to_rows(U), transposed=True).cpu().numpy().T

    def _to_rows(self, columns):
        if np.iscomplexobj(columns):
            raise TypeError(
                f"Complex vectors of dtype {columns.dtype} are not accepted. Multiply "
                "the real and the imaginary part separately."
            )
        x_hat = self.linearization.x_hat
        rows = np.ascontiguousarray(columns.T, dtype=self.dtype)
        return torch.from_numpy(rows).to(x_hat.device)

    def multiply_rows(self, rows, transposed=False):
        """Multiply the rows of a tensor by the Jacobian.

        Parameters
        ----------
        rows : Tensor of shape (k, d)
            Vectors on the device of the denoiser.
        transposed : bool, default=False
            If True, multiply by the transpose of the Jacobian.

        Returns
        -------
        products : Tensor of shape (k, d)
            J v for each row v, or the transpose of J times v.
        """
        linearization = self.linearization
        multiply = linearization.multiply
        if transposed:
            multiply = linearization.multiply_transposed
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
            Jacobian on the device of the denoiser. ``.cpu().numpy()`` converts the
            tensor to an array.
        """
        x_hat = self.linearization.x_hat
        J = x_hat.new_zeros(self.shape)
        # Products of J^T with unit vectors give the rows of J. They are cheaper than
        # products of J with unit vectors, which give the columns.
        J.fill_diagonal_(1)
        for batch in gen_batches(len(J), self._n_at_once()):
            J[batch] = self.multiply_rows(J[batch], transposed=True)
        return J

    def diagonal(self, n_probes=None, *, random_state=None):
        """Compute the diagonal, or estimate it with vectors of random signs.

        Parameters
        ----------
        n_probes : int, default=None
            Number of vectors z of random signs. The estimate is the mean of
            :math:`z_i (J z)_i` (Hutchinson). The error of an entry is about the norm of
            the off-diagonal part of its row, divided by ``sqrt(n_probes)``. If None, d
            products with the Jacobian give the exact diagonal.
        random_state : int, RandomState instance or None, default=None
            Seed of the random signs.

        Returns
        -------
        diagonal : Tensor of shape (d,)
            Diagonal on the device of the denoiser.
        """
        if n_probes is not None:
            probes = self.random_signs(n_probes, random_state=random_state)
            return (probes * self.multiply_rows(probes)).mean(0)
        dimension = self.shape[0]
        diagonal = self.linearization.x_hat.new_empty(dimension)
        for batch in gen_batches(dimension, UNITS_AT_ONCE):
            units = diagonal.new_zeros(len(diagonal[batch]), dimension)
            units[:, batch].fill_diagonal_(1)
            products = self.multiply_rows(units, transposed=True)
            diagonal[batch] = products[:, batch].diagonal()
        return diagonal

    def trace(self, n_probes=None, *, random_state=None):
        """Compute the trace, or estimate it with vectors of random signs.

        Parameters
        ----------
        n_probes : int, default=None
            Number of vectors of random signs; see `diagonal`. The trace is the sum of
            the diagonal. If None, the trace is exact and takes d products with the
            Jacobian, or none if its eigenvalues are known in closed form.
        random_state : int, RandomState instance or None, default=None
            Seed of the random signs.

        Returns
        -------
        trace : float
            Trace of the Jacobian.
        """
        if n_probes is None and self.linearization.eigenbasis is not None:
            return float(self.linearization.eigenbasis(0)[0].double().sum())
        diagonal = self.diagonal(n_probes, random_state=random_state)
        return float(diagonal.double().sum())

    def asymmetry(self, n_probes, *, random_state=None):
        r"""Estimate the asymmetry of the Jacobian with vectors of random signs.

        Parameters
        ----------
        n_probes : int
            Number of vectors z of random signs.
        random_state : int, RandomState instance or None, default=None
            Seed of the random signs.

        Returns
        -------
        asymmetry : float
            :math:`\|J - J^T\| / \|J\|` in the Frobenius norm. The estimate relies on
            :math:`E \|J z\|^2 = \|J\|^2`. It is 0 without a measurement if one function
            serves for both products.
        """
        if self.linearization.is_symmetric:
            return 0.0
        probes = self.random_signs(n_probes, random_state=random_state)
        forward = self.multiply_rows(probes)
        backward = self.multiply_rows(probes, transposed=True)
        return norm_ratio(forward - backward, torch.cat([forward, backward]) / 2**0.5)

    def random_signs(self, n, *, random_state=None):
        """Draw vectors of random signs that are the same on all devices.

        Parameters
        ----------
        n : int
            Number of vectors.
        random_state : int, RandomState instance or None, default=None
            Seed of the signs.

        Returns
        -------
        signs : Tensor of shape (n, d)
            1 and -1 with equal probability.
        """
        seed = check_random_state(random_state).randint(2**31 - 1)
        generator = torch.Generator().manual_seed(seed)
        bits = torch.randint(0, 2, (n, self.shape[0]), generator=generator)
        return 2 * bits.to(self.linearization.x_hat) - 1

    def _n_at_once(self):
        height, width, _ = self.image_shape
        pixels = PIXELS_AT_ONCE.get(self.linearization.x_hat.device.type, 2**18)
        return max(1, pixels // (height * width))


def norm_ratio(difference, reference):
    """Divide the norm of one tensor by the norm of another; 0 if both are zero."""
    size = float(difference.norm())
    return size / float(reference.norm()) if size > 0 else 0.0


@validate_params(noise_std=[NOT_NEGATIVE, None])
def jacobian_operator(denoiser, y, noise_std=None, *, clean=None):
    r"""Return the Jacobian of a denoiser at an image as a linear operator.

    .. math:: J_{ij} = \partial \hat x_i(y) / \partial y_j

    The noise level, the thresholds and the choice of a best basis count as constants in
    the derivative. The cost of a product with J depends on the denoiser:

    - For wavelet and bandlet shrinkage, the Wiener filter, `GaussianDenoiser`,
      `EmpiricalDenoiser`, `LocalPosteriorDenoiser` and `DiskPosteriorDenoiser`, the
      products have explicit formulas.
    - A network of convolutions, normalization layers and ReLUs is linear once its ReLUs
      are frozen in their state at `y`. One product takes as long as denoising one
      image.
    - The Jacobian of a conservative network is symmetric by construction, and one
      function serves for both products.
    - For other networks and callables, torch differentiates the denoiser. The product
      J v then takes about three times as long as denoising one image.

    Only :meth:`JacobianOperator.dense` builds the matrix. The Jacobian satisfies
    :math:`J y = \hat x(y)` for networks without additive constants, hard thresholding
    and the zero-mean Wiener filter [1]_.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts: a fitted denoiser, a
        pipeline or search around one, a trained network, or a function
        ``denoise(y, noise_std)`` of differentiable torch operations.
    y : array-like of shape (height, width) or (height, width, channels)
        Noisy image, or a stack that holds only this image. If the denoiser has an
        `image_shape`, pass a row of pixels.
    noise_std : float, default=None
        Standard deviation of the noise, as a fraction of the data range, passed to the
        denoiser. Not negative. If None, the denoiser uses its own `noise_std`.
    clean : array-like, default=None
        Clean image. Used only by oracles, which are denoisers that need the clean
        image.

    Returns
    -------
    J : JacobianOperator of shape (d, d)
        A :class:`scipy.sparse.linalg.LinearOperator` on flattened images.

    Raises
    ------
    ValueError
        If `y` holds more than one image or has an unsupported layout, or if a callable
        returns an image of a different shape or cannot be differentiated.
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
    >>> denoiser = WaveletThresholdDenoiser(
    ...     threshold=3.0, shrinkage="hard", noise_std=0.1
    ... ).fit(y)
    >>> J = jacobian_operator(denoiser, y)
    >>> J.shape
    (1024, 1024)
    >>> bool(np.allclose(J @ y.ravel(), denoiser.transform(y).ravel()))
    True
    """
    denoiser = as_denoiser(denoiser)
    shape, data_range = denoiser.image_shape, denoiser.data_range
    image = check_one_image(y, shape, data_range=data_range)
    warn_of_units(denoiser.noise_std if noise_std is None else noise_std, image)
    if clean is not None:
        clean = check_one_image(clean, shape, data_range=data_range, name="clean")
        check_pair(image, clean)
        (clean,) = clean.tensors()
    (image,) = image.tensors()
    return operator_at(denoiser, image, noise_std, clean)


def operator_at(denoiser, y, noise_std=None, clean=None):
    """Linearize a BaseDenoiser at a tensor (1, channels, height, width)."""
    check_n_channels(denoiser, y.shape[1], "y")
    y = y.to(denoiser.device_ or y.device)
    if clean is not None:
        denoiser = denoiser.with_clean(clean.to(y))
    return JacobianOperator(denoiser.linearize(y, noise_std))
