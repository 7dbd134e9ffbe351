"""Posterior uncertainty of the clean image, computed from the Jacobian."""

import numpy as np

from .._sklearn_compat import COUNT, POSITIVE, validate_params
from .._warnings import warn
from ..denoisers import as_denoiser
from ..images import check_one_image
from ..units import width_of_range
from ._basis import JacobianBasis
from ._operator import jacobian_operator


@validate_params()
def posterior_std(
    denoiser, y, noise_std, *, n_probes=None, clean=None, random_state=None
):
    r"""Compute the posterior standard deviation of each pixel of the clean image.

    .. math:: \mathrm{std}(x_i | y) = \sigma \sqrt{J_{ii}}

    For the optimal denoiser, the posterior covariance of the clean image is
    :math:`\sigma^2 J`, where J is the Jacobian [1]_ [2]_. For any other denoiser, the
    result is the uncertainty under the prior that this denoiser implies. Negative
    entries of the diagonal are replaced by 0.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts.
    y : array-like of shape (height, width) or (height, width, channels)
        Noisy image, or a stack that holds only this image.
    noise_std : float
        Standard deviation of the noise, as a fraction of the data range. Must be
        positive.
    n_probes : int, default=None
        Number of vectors z of random signs. The mean of :math:`z_i (J z)_i` estimates
        the diagonal. The error of an entry is about the norm of the off-diagonal part
        of its row, divided by ``sqrt(n_probes)``. If None, the diagonal is exact and
        takes one product with the Jacobian per value (pixel and channel) of the image.
    clean : array-like, default=None
        Clean image. Used only by oracles, which are denoisers that need the clean
        image.
    random_state : int, RandomState instance or None, default=None
        Seed of the random signs.

    Returns
    -------
    std : ndarray of shape (height, width[, channels]) or (n_pixels,)
        Standard deviation of each pixel, in the units of the images and in the layout
        of `y`.

    Warns
    -----
    UserWarning
        If an entry of the diagonal is negative.

    See Also
    --------
    posterior_directions : Directions in which the clean image is uncertain.

    References
    ----------
    .. [1] K. Miyasawa, "An empirical Bayes estimator of the mean of a normal
       population", Bulletin of the International Statistical Institute 38, 1961.
    .. [2] H. Manor, T. Michaeli, "On the posterior distribution in denoising:
       application to uncertainty quantification", ICLR 2024. :arxiv:`2309.13598`

    Examples
    --------
    >>> from sklearn_gahb import WienerDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.jacobian import posterior_std
    >>> X = make_gaussian_textures(100, 16, random_state=0)
    >>> std = posterior_std(WienerDenoiser().fit(X), X[0], noise_std=0.1)
    >>> std.shape
    (16, 16)
    >>> bool((std < 0.1).all())
    True
    """
    denoiser = as_denoiser(denoiser)
    operator = jacobian_operator(denoiser, y, noise_std, clean=clean)
    diagonal = operator.diagonal(n_probes, random_state=random_state)
    n_negative = int((diagonal < 0).sum())
    if n_negative:
        warn(
            f"The diagonal of the Jacobian is negative at {n_negative} of "
            f"{len(diagonal)} entries, by up to {-float(diagonal.min()):.1e}. "
            "Variances cannot be negative, so posterior_std sets these entries to 0."
        )
    std = noise_std * diagonal.clamp(min=0).sqrt().cpu().numpy()
    std = std * width_of_range(denoiser.data_range)
    return std.reshape(check_one_image(y, denoiser.image_shape).data.shape[1:])


@validate_params(n_components=[COUNT], tol=[POSITIVE], max_products=[COUNT, None])
def posterior_directions(
    denoiser,
    y,
    noise_std,
    *,
    n_components=5,
    clean=None,
    tol=1e-3,
    max_products=None,
    random_state=None,
):
    r"""Compute the directions in which the clean image is most uncertain.

    The directions are the eigenvectors of the posterior covariance :math:`\sigma^2 J`.
    The standard deviation along direction k is :math:`\sigma \sqrt{\lambda_k}` [1]_.
    To get another plausible image, move the denoised image by one standard deviation
    along a direction.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts.
    y : array-like of shape (height, width) or (height, width, channels)
        Noisy image, or a stack that holds only this image.
    noise_std : float
        Standard deviation of the noise, as a fraction of the data range. Must be
        positive.
    n_components : int, default=5
        Number of directions.
    clean : array-like, default=None
        Clean image. Used only by oracles, which are denoisers that need the clean
        image.
    tol : float, default=1e-3
        Tolerance of the iteration, relative to the largest eigenvalue; see
        :class:`JacobianBasis`.
    max_products : int, default=None
        Maximum number of matrix-vector products; see :class:`JacobianBasis`.
    random_state : int, RandomState instance or None, default=None
        Seed of the starting vectors of the iteration.

    Returns
    -------
    directions : ndarray of shape (n_components, height, width[, channels])
        Orthonormal directions in the order of descending standard deviation.
    std : ndarray of shape (n_components,)
        Standard deviations along the directions, in the units of the images. They are 0
        where an eigenvalue is negative.

    References
    ----------
    .. [1] H. Manor, T. Michaeli, "On the posterior distribution in denoising:
       application to uncertainty quantification", ICLR 2024. :arxiv:`2309.13598`

    Examples
    --------
    >>> from sklearn_gahb import WienerDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.jacobian import posterior_directions
    >>> X = make_gaussian_textures(100, 16, random_state=0)
    >>> directions, std = posterior_directions(WienerDenoiser().fit(X), X[0], 0.1)
    >>> directions.shape, std.shape
    ((5, 16, 16), (5,))
    """
    denoiser = as_denoiser(denoiser)
    image = check_one_image(y, denoiser.image_shape)
    if clean is not None:
        clean = check_one_image(clean, denoiser.image_shape, name="clean").data
    basis = JacobianBasis(
        denoiser,
        n_components,
        noise_std=noise_std,
        tol=tol,
        max_products=max_products,
        random_state=random_state,
    ).fit(image.data, clean)
    std = noise_std * np.sqrt(basis.eigenvalues_.clip(min=0))
    std = std * width_of_range(denoiser.data_range)
    return basis.components_.reshape(-1, *basis.noisy_.shape), std
