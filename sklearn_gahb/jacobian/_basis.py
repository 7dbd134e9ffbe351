"""The basis in which a denoiser shrinks an image."""

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from .._fitting import forget_fit, unchanged_on_failure
from .._sklearn_compat import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    SHAPE,
    BaseEstimator,
    StrOptions,
    fit_context,
)
from .._tensors import from_fractions, images_to_rows, is_tensor
from ..denoisers import as_denoiser
from ..denoisers.checks import check_size
from ..images import check_clean, check_images, is_images
from ..units import check_data_range, warn_of_units
from ._affine import AffineDenoiser
from ._decompose import decompose
from ._operator import norm_ratio, operator_at


class JacobianBasis(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Basis in which a denoiser shrinks one noisy image.

    Close to an image y, a denoiser acts like an affine map whose matrix is the Jacobian
    J. The map computes the coefficients of y in the eigenvectors e_k of J, multiplies
    them by the eigenvalues, and adds up the scaled eigenvectors [1]_,

    .. math:: \hat x(y) = J y + b = \sum_k \lambda_k \langle y, e_k \rangle e_k + b

    The second equality holds if J is symmetric. The Jacobian of the optimal denoiser is
    symmetric, because it is the posterior covariance divided by :math:`\sigma^2`. The
    Jacobian of a trained network is not symmetric. If only its symmetric part is used,
    the PSNR drops by 4 to 9 dB for networks trained on photographs.
    `symmetrization_loss_` reports this drop. `method` selects how to decompose a
    Jacobian that is not symmetric. With "svd", the equality still holds if left
    singular vectors replace the :math:`e_k` outside the inner product. The constant b
    is zero for homogeneous denoisers, such as networks without additive constants.

    `fit` accepts ONE noisy image. For many images, use
    :func:`~sklearn_gahb.jacobian.jacobian_bases`.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts. The basis uses the
        fitted denoiser and does not refit it. If the basis is part of a search or of a
        pipeline with `memory`, scikit-learn clones the denoiser, and the clone is not
        fitted. In this case, wrap the denoiser in a
        :class:`~sklearn.frozen.FrozenEstimator`.
    n_components : int, default=None
        Number of vectors to compute, starting with the largest eigenvalue. If None, all
        d vectors are computed, where d is the number of pixels times channels.
        Computing all vectors needs a d x d matrix.
    method : {"eigh", "svd"}, default="eigh"
        Kind of decomposition. "eigh" diagonalizes the symmetric part
        :math:`(J + J^T) / 2`. "svd" computes the singular value decomposition
        :math:`J = U S V^T`. J maps each right singular vector to a multiple of the
        matching left singular vector.
    solver : {"auto", "dense", "lanczos"}, default="auto"
        Algorithm that computes the decomposition. "dense" builds the matrix J and
        decomposes it. "lanczos" is a block Lanczos method that only multiplies vectors
        by J and its transpose. "auto" uses a closed form for `WienerDenoiser` and
        `GaussianDenoiser`, and for wavelet and bandlet denoisers with ``n_shifts=1`` on
        images that need no padding. For other denoisers, "auto" uses "dense" or
        "lanczos", whichever needs fewer products.
    noise_std : float, default=None
        Standard deviation of the noise, as a fraction of the data range, passed to the
        denoiser. If None, the denoiser uses its own `noise_std`.
    tol : float, default=1e-3
        Tolerance of "lanczos". The iteration stops when the residuals
        :math:`\|A v - \lambda v\|` of all components are below `tol` times the largest
        eigenvalue. A is the symmetric part of J for "eigh", and :math:`J^T J` for
        "svd".
    max_products : int, default=None
        Maximum number of vectors that "lanczos" multiplies by A. Values below
        `n_components` + 8 are raised to this sum. If None, the maximum is 20 times
        `n_components`, or 500 if that is larger.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the image in each row of a 2-D
        array.
    random_state : int, RandomState instance or None, default=None
        Seed of the starting vectors of "lanczos" and of the vectors of random signs.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Orthonormal vectors in the order of descending eigenvalues. For "svd", these
        are the right singular vectors. In each vector, the entry with the largest
        absolute value is positive.
    eigenvalues_ : ndarray of shape (n_components,)
        Shrinkage factors: eigenvalues of the symmetric part of J, or singular values
        for "svd". Eigenvalues of networks can be negative or above 1.
    contributions_ : ndarray of shape (n_components,)
        Size of the contribution of each vector to the denoised image,
        :math:`|\lambda_k \langle y, e_k \rangle|`.
    left_components_ : ndarray of shape (n_components, n_features)
        Left singular vectors. Only present if ``method="svd"``.
    residuals_ : ndarray of shape (n_components,)
        Residuals that are compared with `tol`. Only present if ``solver_`` is
        "lanczos".
    asymmetry_ : float
        :math:`\|J - J^T\| / \|J\|` in the Frobenius norm. The value is 0 for closed
        forms. For "lanczos", it is estimated with 8 vectors of random signs.
    homogeneity_error_ : float
        :math:`\|J y - \hat x(y)\| / \|\hat x(y)\|`.
    symmetrization_loss_ : float
        PSNR, in dB, that is lost if :math:`(J + J^T) y / 2 + b` replaces the denoised
        image :math:`J y + b`. Only present if the clean image was passed to `fit`.
    degrees_of_freedom_ : float
        Trace of J: the effective number of coefficients that the denoiser keeps. For
        "lanczos", the trace is estimated with 8 vectors of random signs [2]_.
    offset_ : ndarray of shape (n_features,)
        The constant b.
    noisy_ : ndarray
        Image passed to `fit`, as fractions of the data range of the denoiser, of shape
        (height, width), (height, width, channels) or (n_features,).
    image_shape_ : tuple of (int, int, int)
        (height, width, channels) of the image.
    denoised_ : ndarray
        Denoised image, in the shape of ``noisy_``.
    data_range_ : float, tuple of (float, float) or None
        Data range of the denoiser.
    solver_ : {"closed", "dense", "lanczos"}
        Solver that was used.
    n_products_ : int
        Number of vectors that "lanczos" multiplied by A. Only present if ``solver_``
        is "lanczos".
    n_features_in_ : int
        Number of values in the image seen during :term:`fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    jacobian_bases : Find the bases of many images.
    sklearn_gahb.displays.JacobianBasisDisplay : Draw a basis.

    Notes
    -----
    For networks of convolutions, normalization layers and ReLUs, one product with J or
    with its transpose takes as long as denoising one image. "lanczos" searches for
    eigenvalues that are repeated or closer together than `tol`, but it can miss some of
    them. "dense" finds all eigenvalues.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`
    .. [2] M. F. Hutchinson, "A stochastic estimator of the trace of the influence
       matrix for Laplacian smoothing splines", Communications in Statistics 18(3),
       1989. :doi:`10.1080/03610918908812806`

    Examples
    --------
    >>> from sklearn_gahb import JacobianBasis, WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.noise import GaussianNoise
    >>> noisy = GaussianNoise(0.1, random_state=0).fit_transform(
    ...     make_disk_images(1, 32, random_state=0)
    ... )
    >>> denoiser = WaveletThresholdDenoiser(
    ...     "haar", threshold=3.0, shrinkage="hard", n_shifts=1, noise_std=0.1
    ... ).fit(noisy)
    >>> basis = JacobianBasis(denoiser).fit(noisy)
    >>> basis.components_.shape
    (1024, 1024)
    >>> float(basis.eigenvalues_[0])
    1.0
    >>> f"{basis.degrees_of_freedom_:.0f} coefficients are kept"
    '66 coefficients are kept'
    """

    _parameter_constraints: dict = {
        "n_components": [COUNT, None],
        "method": [StrOptions({"eigh", "svd"})],
        "solver": [StrOptions({"auto", "dense", "lanczos"})],
        "noise_std": [NOT_NEGATIVE, None],
        "tol": [POSITIVE],
        "max_products": [COUNT, None],
        "image_shape": SHAPE,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        denoiser,
        n_components=None,
        *,
        method="eigh",
        solver="auto",
        noise_std=None,
        tol=1e-3,
        max_products=None,
        image_shape=None,
        random_state=None,
    ):
        self.denoiser = denoiser
        self.n_components = n_components
        self.method = method
        self.solver = solver
        self.noise_std = noise_std
        self.tol = tol
        self.max_products = max_products
        self.image_shape = image_shape
        self.random_state = random_state

    @fit_context()
    def fit(self, X, y=None):
        """Find the basis of a noisy image.

        If the fit fails, the estimator stays as it was.

        Parameters
        ----------
        X : array-like
            ONE noisy image: of shape (1, height, width), (1, height, width, channels),
            or (1, n_pixels) with `image_shape`.
        y : array-like, default=None
            Clean image in the layout of `X`. Needed only by oracles (denoisers that use
            the clean image) and for `symmetrization_loss_`. 1-D labels are ignored.

        Returns
        -------
        self : object
            The fitted basis.

        Raises
        ------
        ValueError
            If `X` holds more than one image, or if `n_components` exceeds the number
            of values (pixels times channels) in the image.
        sklearn.exceptions.NotFittedError
            If the denoiser is not fitted.
        """
        with unchanged_on_failure(self):
            forget_fit(self)
            denoiser, shape = self._denoiser(), self.image_shape
            shape = denoiser.image_shape if shape is None else shape
            data_range = denoiser.data_range
            images = check_images(
                X, shape, data_range=data_range, estimator=self, reset=True
            )
            if len(images) != 1:
                raise ValueError(
                    f"X holds {len(images)} images; JacobianBasis accepts one, because "
                    "every image has its own basis. Pass one image, such as X[:1], or "
                    "call sklearn_gahb.jacobian.jacobian_bases for all images."
                )
            level = denoiser.noise_std if self.noise_std is None else self.noise_std
            warn_of_units(level, images)
            clean = check_clean(y if is_images(y) else None, images, shape)
            if clean is not None:
                (clean,) = clean.tensors()
            (image,) = images.tensors()
            n_components = check_n_components(self.n_components, image.numel())
            operator = operator_at(denoiser, image, self.noise_std, clean)
            decomposition = decompose(
                operator,
                n_components,
                method=self.method,
                solver=self.solver,
                tol=self.tol,
                max_products=self.max_products,
                rng=check_random_state(self.random_state),
            )
            self._store(decomposition, operator, image, images.data[0].shape)
            self.data_range_ = data_range
            if clean is not None:
                self.symmetrization_loss_ = symmetrization_loss(operator, image, clean)
        return self

    def transform(self, X):
        r"""Compute the coefficients of images in the basis.

        Parameters
        ----------
        X : array-like
            Images of the same size as the image passed to `fit`.

        Returns
        -------
        coefficients : ndarray or Tensor of shape (n_images, n_components)
            :math:`\langle x, e_k \rangle`.
        """
        check_is_fitted(self)
        images = check_images(
            X,
            self.image_shape_,
            data_range=self.data_range_,
            estimator=self,
            reset=False,
        )
        for x in images.tensors():
            check_size(self, x, self.image_shape_)
        rows = torch.cat([images_to_rows(x) for x in images.tensors()])
        coefficients = rows @ torch.as_tensor(self.components_).to(rows).T
        return coefficients if is_tensor(X) else coefficients.numpy()

    def inverse_transform(self, X):
        r"""Compute images from their coefficients in the basis.

        Parameters
        ----------
        X : array-like of shape (n_images, n_components)
            Coefficients.

        Returns
        -------
        images : ndarray or Tensor
            :math:`\sum_k c_k e_k`, in the layout of the image passed to `fit`.
        """
        check_is_fitted(self)
        coefficients = X if is_tensor(X) else check_array(X)
        if coefficients.ndim != 2 or coefficients.shape[1] != len(self.components_):
            raise ValueError(
                f"X has shape {tuple(coefficients.shape)}; expected "
                f"(n_images, {len(self.components_)}), one coefficient per component."
            )
        components = self.components_
        if is_tensor(coefficients):
            components = coefficients.new_tensor(components)
        images = (coefficients @ components).reshape(-1, *self.noisy_.shape)
        return from_fractions(images, check_data_range(self.data_range_))

    def affine_denoiser(self):
        r"""Make a denoiser that shrinks every image in this basis.

        The `transform` method of the returned denoiser computes
        :math:`\sum_k \lambda_k \langle y, e_k \rangle e_k + b`. For "svd", left
        singular vectors replace the :math:`e_k` outside the inner product. The `score`
        method returns the PSNR of the denoised images. The basis of the returned
        denoiser is fixed, whereas the original denoiser adapts its basis to each image.

        Returns
        -------
        denoiser : AffineDenoiser
            Fitted denoiser.
        """
        check_is_fitted(self)
        noise_std = self.noise_std
        return AffineDenoiser(
            FrozenEstimator(self),
            noise_std=self._denoiser().noise_std if noise_std is None else noise_std,
            image_shape=self.image_shape_ if self.noisy_.ndim == 1 else None,
            random_state=self.random_state,
        )

    def _denoiser(self):
        try:
            return as_denoiser(self.denoiser)
        except NotFittedError as error:
            name = type(self.denoiser).__name__
            raise NotFittedError(
                f"JacobianBasis needs a fitted denoiser; this {name} is not fitted. "
                f"Fit the {name} first. If the basis is cloned, pass "
                f"sklearn.frozen.FrozenEstimator(fitted {name}), because a clone is "
                "not fitted."
            ) from error

    def _store(self, decomposition, operator, image, shape):
        x_hat = operator.linearization.x_hat
        y, x_hat = images_to_rows(image.to(x_hat)), images_to_rows(x_hat)
        Jy = operator.multiply_rows(y)
        signs = signs_of_largest(decomposition.vectors)
        self.components_ = (signs * decomposition.vectors).cpu().numpy()
        self.eigenvalues_ = decomposition.values.cpu().numpy()
        if decomposition.left_vectors is not None:
            self.left_components_ = (signs * decomposition.left_vectors).cpu().numpy()
        if decomposition.residuals is not None:
            self.residuals_ = decomposition.residuals.cpu().numpy()
            self.n_products_ = decomposition.n_products
        self.offset_ = (x_hat - Jy)[0].cpu().numpy()
        self.degrees_of_freedom_ = decomposition.trace
        self.asymmetry_ = decomposition.asymmetry
        self.homogeneity_error_ = norm_ratio(Jy - x_hat, x_hat)
        self.noisy_ = y.cpu().numpy().reshape(shape)
        coefficients = self.components_ @ self.noisy_.ravel()
        self.contributions_ = np.abs(self.eigenvalues_ * coefficients)
        self.denoised_ = x_hat.cpu().numpy().reshape(shape)
        self.solver_ = decomposition.solver
        self.image_shape_ = operator.image_shape
        self._n_features_out = len(self.components_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def check_n_components(n_components, n_features):
    """Return the number of components, where None means all; or raise a ValueError."""
    n_components = n_features if n_components is None else n_components
    if n_components > n_features:
        raise ValueError(
            f"n_components={n_components} must be at most {n_features}, the number of "
            "values in the image."
        )
    return n_components


def symmetrization_loss(operator, y, clean):
    """Compute the PSNR that is lost, in dB, if the symmetric part of J replaces J."""
    x_hat = images_to_rows(operator.linearization.x_hat)
    y, clean = (images_to_rows(one.to(x_hat)) for one in (y, clean))
    Jy, JTy = operator.multiply_rows(y), operator.multiply_rows(y, transposed=True)
    # (J + J^T) y / 2 + b with b = x_hat - J y.
    errors = [(one - clean).norm() for one in (x_hat + (JTy - Jy) / 2, x_hat)]
    return float(20 * torch.log10(errors[0] / errors[1]))


def signs_of_largest(vectors):
    """Return signs (k, 1) that make the largest entry of each row positive."""
    largest = vectors.abs().argmax(dim=1, keepdim=True)
    return torch.where(vectors.gather(1, largest) < 0, -1.0, 1.0).to(vectors)
