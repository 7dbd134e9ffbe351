"""The basis in which a denoiser shrinks an image."""

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
from .._tensors import images_to_rows, is_tensor, to_tensor
from ..denoisers import as_denoiser
from ..denoisers.checks import check_size
from ..images import check_clean, check_images, is_images, warn_of_noise_std
from ._affine import AffineDenoiser
from ._decompose import decompose
from ._operator import norm_ratio, operator_at


class JacobianBasis(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Basis in which a denoiser shrinks one noisy image.

    Around an image y a denoiser is the affine map with the Jacobian J: it takes
    coefficients in the eigenvectors e_k of J, multiplies them by the eigenvalues and
    adds up again [1]_,

    .. math:: \hat x(y) = J y + b = \sum_k \lambda_k \langle y, e_k \rangle e_k + b

    where b vanishes for denoisers that are homogeneous, such as bias-free networks. The
    optimal denoiser has a symmetric Jacobian, the covariance of the posterior divided
    by :math:`\sigma^2`. Trained networks are only nearly symmetric: `method` says what
    is made of theirs.

    `fit` takes ONE noisy image; `jacobian_bases` takes many.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` takes, used as it is. Cloning,
        as in searches and pipelines with `memory`, unfits estimators: wrap it in a
        :class:`~sklearn.frozen.FrozenEstimator` there.
    n_components : int, default=None
        Number of vectors: those of the largest eigenvalues. None takes all, for which
        the matrix with the square of the number of values of the image is built.
    method : {"eigh", "svd"}, default="eigh"
        "eigh" diagonalizes the symmetric part :math:`(J + J^T) / 2`. "svd" decomposes
        :math:`J = U S V^T`: what comes in along a row of V goes out along one of U.
    solver : {"auto", "dense", "lanczos"}, default="auto"
        "dense" builds the matrix and decomposes it; "lanczos" is a block Lanczos
        method on products with J and its transpose. "auto" takes the closed form of
        denoisers that have one (`WienerDenoiser`; `WaveletThresholdDenoiser` without
        shifts, on images that need no padding), and else whichever of the two needs
        fewer products.
    noise_std : float, default=None
        Standard deviation of the noise that the denoiser is told, in the units of the
        images. None means its own `noise_std`.
    tol : float, default=1e-3
        "lanczos" stops when the residuals :math:`\|A v - \lambda v\|` of all components
        are below `tol` times the largest eigenvalue; A is the symmetric part of J, or
        :math:`J^T J` for "svd".
    max_products : int, default=None
        Number of vectors that "lanczos" may multiply by A; it takes at least
        `n_components` + 8. None means 20 a component, and at least 500.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the rows of 2-D arrays.
    random_state : int, RandomState instance or None, default=None
        Seeds the first vectors of "lanczos" and the probes of estimates.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Orthonormal vectors, by descending eigenvalues; the right singular vectors for
        "svd". Signs are such that the largest entry is positive.
    eigenvalues_ : ndarray of shape (n_components,)
        Shrinkage factors: eigenvalues of the symmetric part of J, or singular values
        for "svd". Those of networks can be negative or above 1.
    left_components_ : ndarray of shape (n_components, n_features)
        Left singular vectors. Only with ``method="svd"``.
    residuals_ : ndarray of shape (n_components,)
        Residuals that `tol` speaks of. Only if ``solver_`` is "lanczos".
    asymmetry_ : float
        :math:`\|J - J^T\| / \|J\|` in the Frobenius norm; 0 for closed forms, and
        estimated by 8 random probes for "lanczos".
    homogeneity_error_ : float
        :math:`\|J y - \hat x(y)\| / \|\hat x(y)\|`.
    degrees_of_freedom_ : float
        Trace of J, which is how many coefficients are kept, in sum. Estimated by the
        same probes for "lanczos" [2]_.
    offset_ : ndarray of shape (n_features,)
        The constant b.
    noisy_ : ndarray
        The image of `fit`, of shape (height, width), (height, width, channels) or
        (n_features,).
    image_shape_ : tuple of (int, int, int)
        (height, width, channels) of the image.
    denoised_ : ndarray
        What the denoiser makes of it.
    solver_ : {"closed", "dense", "lanczos"}
        Solver in use.
    n_products_ : int
        Number of vectors that "lanczos" multiplied by A. Only if it is in use.
    n_features_in_ : int
        Number of values of the image seen during :term:`fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    jacobian_bases : Bases of many images.
    sklearn_gahb.displays.JacobianBasisDisplay : Draws a basis.

    Notes
    -----
    Products with the transpose and with J cost as much as denoising an image each, for
    networks of convolutions, norms and ReLUs. "lanczos" looks for eigenvalues that it
    may have missed, because they are repeated or closer than `tol`; only "dense" is
    certain.

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
    >>> denoiser = WaveletThresholdDenoiser("haar", noise_std=0.1).fit(noisy)
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

        A fit that fails leaves the basis as it was.

        Parameters
        ----------
        X : array-like
            ONE noisy image: of shape (1, height, width), (1, height, width, channels),
            or (1, n_pixels) with `image_shape`.
        y : array-like, default=None
            The clean image, in the layout of `X`, for oracles. Other denoisers ignore
            it, and labels (1-D) are ignored.

        Returns
        -------
        self : object
            The fitted basis.

        Raises
        ------
        ValueError
            If `X` holds more than one image, or `n_components` exceeds the number of
            values of an image.
        sklearn.exceptions.NotFittedError
            If the denoiser is not fitted.
        """
        with unchanged_on_failure(self):
            forget_fit(self)
            denoiser, shape = self._denoiser(), self.image_shape
            shape = denoiser.image_shape if shape is None else shape
            images = check_images(X, shape, estimator=self, reset=True)
            if len(images) != 1:
                raise ValueError(
                    f"X holds {len(images)} images, and every image has a basis of its "
                    "own: pass one, such as X[:1], or call "
                    "sklearn_gahb.jacobian.jacobian_bases for all of them."
                )
            warn_of_noise_std(self.noise_std, images)
            clean = check_clean(y if is_images(y) else None, images, shape)
            if clean is not None:
                clean = to_tensor(clean.stacks[0])
            image = to_tensor(images.stacks[0])
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
        return self

    def transform(self, X):
        r"""Compute the coefficients of images in the basis.

        Parameters
        ----------
        X : array-like
            Images of the size of that of `fit`.

        Returns
        -------
        coefficients : ndarray or Tensor of shape (n_images, n_components)
            :math:`\langle x, e_k \rangle`.
        """
        check_is_fitted(self)
        images = check_images(X, self.image_shape_, estimator=self, reset=False)
        for x in images.tensors():
            check_size(self, x, self.image_shape_)
        rows = torch.cat([images_to_rows(x) for x in images.tensors()])
        coefficients = rows @ torch.as_tensor(self.components_).to(rows).T
        return coefficients if is_tensor(X) else coefficients.numpy()

    def inverse_transform(self, X):
        r"""Add up the components with given coefficients.

        Parameters
        ----------
        X : array-like of shape (n_images, n_components)
            Coefficients.

        Returns
        -------
        images : ndarray or Tensor
            :math:`\sum_k c_k e_k`, in the layout of the image of `fit`.
        """
        check_is_fitted(self)
        coefficients = X if is_tensor(X) else check_array(X)
        if coefficients.ndim != 2 or coefficients.shape[1] != len(self.components_):
            raise ValueError(
                f"X has shape {tuple(coefficients.shape)}; coefficients of shape "
                f"(n_images, {len(self.components_)}) are accepted."
            )
        components = self.components_
        if is_tensor(coefficients):
            components = coefficients.new_tensor(components)
        return (coefficients @ components).reshape(-1, *self.noisy_.shape)

    def affine_denoiser(self):
        r"""Make the denoiser that shrinks in this basis, whatever the image.

        Its method `transform` returns
        :math:`\sum_k \lambda_k \langle y, e_k \rangle e_k + b`, with left singular
        vectors outside for "svd", and `score` is the PSNR of that. With the components
        of one image fixed this is an affine map; the denoiser adapts them.

        Returns
        -------
        denoiser : AffineDenoiser
            Fitted.
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
                f"JacobianBasis uses its denoiser as it is, and this {name} is not "
                "fitted. Fit it first; where the basis is cloned, which unfits "
                f"estimators, pass sklearn.frozen.FrozenEstimator(fitted {name})."
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
    """Number of components, None being all; or a ValueError."""
    n_components = n_features if n_components is None else n_components
    if n_components > n_features:
        raise ValueError(
            f"n_components={n_components} must be at most the number of values of an "
            f"image, {n_features}."
        )
    return n_components


def signs_of_largest(vectors):
    """Signs (k, 1) that make the largest entry of each row positive."""
    largest = vectors.abs().argmax(dim=1, keepdim=True)
    return torch.where(vectors.gather(1, largest) < 0, -1.0, 1.0).to(vectors)
