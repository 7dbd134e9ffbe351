"""The basis in which a denoiser shrinks an image."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._doc_link import DOC_LINK_MODULE, DOC_LINK_TEMPLATE
from .._images import (
    as_images,
    check_features,
    check_numbers,
    check_same_shapes,
    is_images,
    is_tensor,
    to_tensor,
)
from .._warnings import warn
from ..denoisers._as_denoise import unwrap
from ..denoisers._base import check_target, noisy_and_clean, unchanged_on_failure
from ..metrics import psnr
from ._decompose import (
    choose_solver,
    decompose_closed,
    decompose_dense,
    decompose_lanczos,
    norm_ratio,
)
from ._operator import JacobianOperator, images_to_rows, linearize, rows_to_images


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
    denoiser : estimator or callable
        A fitted denoiser, used as it is; or a callable ``denoise(y, noise_std)``, see
        :func:`~sklearn_gahb.jacobian.jacobian_operator`. Cloning, as in searches and
        pipelines with `memory`, unfits estimators: wrap it in a
        :class:`~sklearn.frozen.FrozenEstimator` there.
    n_components : int, default=None
        Number of vectors: those of the largest eigenvalues. None takes all, for which
        the matrix with the square of the number of values of the image is built.
    method : {"eigh", "svd"}, default="eigh"
        "eigh" diagonalises the symmetric part :math:`(J + J^T) / 2`. "svd" decomposes
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
        Seeds the first vectors of "lanczos", the probes of estimates, and the noise
        that ``score(X)`` adds.

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
    effective_rank_ : float
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
    >>> f"{basis.effective_rank_:.0f} coefficients are kept"
    '66 coefficients are kept'
    """

    _doc_link_module = DOC_LINK_MODULE
    _doc_link_template = DOC_LINK_TEMPLATE
    _parameter_constraints: dict = {
        "denoiser": "no_validation",
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "method": [StrOptions({"eigh", "svd"})],
        "solver": [StrOptions({"auto", "dense", "lanczos"})],
        "noise_std": [Interval(Real, 0, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_products": [Interval(Integral, 1, None, closed="left"), None],
        "image_shape": [tuple, list, None],
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

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Find the basis of a noisy image.

        A fit that fails leaves the basis as it was.

        Parameters
        ----------
        X : array-like
            ONE noisy image: of shape (1, height, width), (1, height, width, channels),
            or (1, n_pixels) with `image_shape`.
        y : array-like, default=None
            The clean image, in the layout of `X`, for oracles, which are told it.
            Other denoisers ignore it, and labels (1-D) are ignored.

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
            self._fit(X, y if is_images(y) else None)
        return self

    def _fit(self, X, clean):
        images = self._check_images(X, reset=True)
        if len(images) != 1:
            raise ValueError(
                f"X holds {len(images)} images, and every image has a basis of its "
                "own: pass one, such as X[:1], or call "
                "sklearn_gahb.jacobian.jacobian_bases for all of them."
            )
        image = to_tensor(images.stacks[0])
        n_components = self._check_n_components(image.numel())
        if clean is not None:
            clean = as_images(check_numbers(clean, "y"), self.image_shape, "y")
            check_same_shapes(images, clean)
            clean = to_tensor(clean.stacks[0])
        operator = JacobianOperator(self._linearize(image, clean))
        generator = torch.Generator().manual_seed(
            check_random_state(self.random_state).randint(2**31 - 1)
        )
        solver = choose_solver(self.solver, operator, n_components)
        if solver == "closed":
            decomposition = decompose_closed(operator, n_components, self.method)
        elif solver == "dense":
            decomposition = decompose_dense(operator, n_components, self.method)
        else:
            decomposition = decompose_lanczos(
                operator,
                n_components,
                self.method,
                tol=self.tol,
                max_products=self.max_products or max(500, 20 * n_components),
                generator=generator,
            )
        self._store(decomposition, solver, operator, image, images.data[0])

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
        images = self._check_images(X, reset=False)
        coefficients = []
        for number, batch in images.batches():
            rows = images_to_rows(to_tensor(images.stacks[number][batch]))
            components = torch.as_tensor(self.components_).to(rows)
            coefficients.append(rows @ components.T)
        coefficients = torch.cat(coefficients)
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
        coefficients = check_numbers(X if is_tensor(X) else np.asarray(X))
        if coefficients.ndim != 2 or coefficients.shape[1] != len(self.components_):
            raise ValueError(
                f"X has shape {tuple(coefficients.shape)}; coefficients of shape "
                f"(n_images, {len(self.components_)}) are accepted."
            )
        components = self.components_
        if is_tensor(coefficients):
            components = torch.as_tensor(components).to(coefficients)
        images = coefficients @ components
        return images.reshape(len(coefficients), *self.noisy_.shape)

    def shrink(self, X):
        r"""Denoise images by shrinkage in the basis.

        Parameters
        ----------
        X : array-like
            Noisy images of the size of that of `fit`.

        Returns
        -------
        X_denoised : ndarray or Tensor
            :math:`\sum_k \lambda_k \langle y, e_k \rangle e_k + b` in the layout of
            `X`, with left singular vectors outside for "svd". With the components of
            one image fixed this is an affine map; the denoiser adapts them.
        """
        check_is_fitted(self)
        images = self._check_images(X, reset=False)
        return images.map(self._shrink_batch)

    def score(self, X, y=None):
        """Mean PSNR in dB of `shrink`.

        Parameters
        ----------
        X : array-like
            Clean images in [0, 1], to which noise of standard deviation `noise_std` is
            added; noisy ones if `y` holds the clean ones.
        y : array-like, default=None
            Clean images of the shape of `X`. Labels (1-D) are ignored.

        Returns
        -------
        score : float
            PSNR of each image for a data range of 1, averaged over images.

        Raises
        ------
        ValueError
            If there is one array and no `noise_std`, or if an image in `X` equals that
            in `y`.
        """
        check_is_fitted(self)
        self._validate_params()
        images = self._check_images(X, reset=False)
        target = check_target(self, y, images) if is_images(y) else None
        noise_std = self.noise_std
        if noise_std is None:
            noise_std = getattr(unwrap(self.denoiser), "noise_std", None)
        noisy, clean = noisy_and_clean(self, images, target, noise_std)
        return psnr(
            clean.data, noisy.map(self._shrink_batch), image_shape=self.image_shape
        )

    def _linearize(self, image, clean):
        try:
            return linearize(self.denoiser, image, self.noise_std, clean)
        except NotFittedError as error:
            name = type(unwrap(self.denoiser)).__name__
            raise NotFittedError(
                f"JacobianBasis uses its denoiser as it is, and this {name} is not "
                "fitted. Fit it first; where the basis is cloned (searches, pipelines "
                "with memory), which unfits estimators, pass "
                f"sklearn.frozen.FrozenEstimator(fitted {name})."
            ) from error

    def _check_n_components(self, n_features):
        if self.n_components is None:
            return n_features
        if self.n_components > n_features:
            raise ValueError(
                f"n_components={self.n_components} must be at most the number of "
                f"values of an image, {n_features}."
            )
        return self.n_components

    def _store(self, decomposition, solver, operator, image, noisy):
        y = image.to(operator.linearization.x_hat)
        x_hat = images_to_rows(operator.linearization.x_hat)
        Jy = operator.multiply_rows(images_to_rows(y))
        signs = _signs(decomposition.vectors)
        self.components_ = (signs * decomposition.vectors).cpu().numpy()
        self.eigenvalues_ = decomposition.values.cpu().numpy()
        vars(self).pop("left_components_", None)
        if decomposition.left_vectors is not None:
            self.left_components_ = (signs * decomposition.left_vectors).cpu().numpy()
        self.offset_ = (x_hat - Jy)[0].cpu().numpy()
        self.effective_rank_ = decomposition.trace
        self.asymmetry_ = decomposition.asymmetry
        self.homogeneity_error_ = norm_ratio(Jy - x_hat, x_hat)
        self.noisy_ = images_to_rows(y).cpu().numpy().reshape(noisy.shape)
        self.denoised_ = x_hat.cpu().numpy().reshape(noisy.shape)
        self.solver_ = solver
        vars(self).pop("residuals_", None)
        vars(self).pop("n_products_", None)
        if solver == "lanczos":
            self.residuals_ = decomposition.residuals.cpu().numpy()
            self.n_products_ = decomposition.n_products
        self.image_shape_ = operator.image_shape
        self._n_features_out = len(self.components_)
        if not decomposition.converged:
            limit = decomposition.residual_limit
            warn(
                f"{(self.residuals_ > limit).sum()} of {len(self.residuals_)} "
                f"components have not converged after {self.n_products_} products: "
                f"the largest residual is {self.residuals_.max():.1e}, and tol="
                f"{self.tol} allows {limit:.1e}. Increase max_products or tol, or take "
                "fewer components.",
                ConvergenceWarning,
            )

    def _check_images(self, X, *, reset):
        numbers = check_numbers(X, estimator=self)
        if not reset:
            check_features(self, X, numbers, reset=False)
        images = as_images(numbers, self.image_shape)
        if reset:
            check_features(self, X, numbers, reset=True)
            return images
        sizes = images.sizes
        height, width, channels = self.image_shape_
        if sizes != {(height, width)} or images.n_channels != channels:
            raise ValueError(
                f"X has images of size {sorted(sizes)[0]} with {images.n_channels} "
                "channels, but the basis is that of an image of size "
                f"{(height, width)} with {channels} channels."
            )
        return images

    def _shrink_batch(self, y):
        rows = images_to_rows(y)
        inner = torch.as_tensor(self.components_).to(rows)
        outer = torch.as_tensor(getattr(self, "left_components_", inner)).to(rows)
        factors = torch.as_tensor(self.eigenvalues_).to(rows)
        shrunk = (factors * (rows @ inner.T)) @ outer
        offset = torch.as_tensor(self.offset_).to(rows)
        return rows_to_images(shrunk + offset, self.image_shape_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _signs(vectors):
    """Signs (k, 1) that make the largest entry of each row positive."""
    largest = vectors.abs().argmax(dim=1, keepdim=True)
    return torch.where(vectors.gather(1, largest) < 0, -1.0, 1.0).to(vectors)
