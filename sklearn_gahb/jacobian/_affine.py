"""A denoiser that shrinks every image in the basis of one image."""

import torch

from .._tensors import images_to_rows, rows_to_images
from ..denoisers import BaseDenoiser
from ..denoisers.checks import check_size


class AffineDenoiser(BaseDenoiser):
    r"""Affine map that shrinks coefficients in a fixed basis.

    .. math:: \hat x(y) = \sum_k \lambda_k \langle y, e_k \rangle\, u_k + b

    Close to one image, a denoiser acts like such a map.
    :meth:`JacobianBasis.affine_denoiser` returns the map of a fitted basis.

    Parameters
    ----------
    basis : JacobianBasis
        Fitted basis with the components :math:`e_k`. If the basis has left singular
        vectors, they are the :math:`u_k`. Otherwise, :math:`u_k = e_k`. Wrap the basis
        in a :class:`~sklearn.frozen.FrozenEstimator` if the denoiser will be cloned.
    noise_std : float, default=None
        Standard deviation of the noise that ``score(X)`` adds to the images.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the image in each row of a 2-D
        array.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise that ``score(X)`` adds to the images.

    See Also
    --------
    JacobianBasis : Find the basis.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb import JacobianBasis
    >>> from sklearn_gahb.jacobian import AffineDenoiser
    >>> X = np.ones((1, 2, 2))
    >>> basis = JacobianBasis(lambda y, noise_std: y / 2).fit(X)
    >>> AffineDenoiser(basis).transform(X)
    array([[[0.5, 0.5],
            [0.5, 0.5]]])
    """

    def __init__(self, basis, *, noise_std=None, image_shape=None, random_state=None):
        self.basis = basis
        self.noise_std = noise_std
        self.image_shape = image_shape
        self.random_state = random_state

    @property
    def data_range(self):
        """Data range of the denoiser that the basis was fitted with."""
        return self.basis.data_range_

    def denoise(self, y, noise_std=None):
        """Shrink the coefficients; see :meth:`BaseDenoiser.denoise`."""
        basis, rows = self.basis, images_to_rows(y)
        check_size(self, y, basis.image_shape_)
        outer = getattr(basis, "left_components_", basis.components_)
        inner, factors, outer, offset = (
            torch.as_tensor(one).to(rows)
            for one in (basis.components_, basis.eigenvalues_, outer, basis.offset_)
        )
        x_hat = (factors * (rows @ inner.T)) @ outer + offset
        return rows_to_images(x_hat, basis.image_shape_)

    def __sklearn_is_fitted__(self):
        return True
