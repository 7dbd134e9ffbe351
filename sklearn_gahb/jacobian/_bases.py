"""The bases in which a denoiser shrinks each of many images."""

from sklearn.utils import check_random_state

from ..denoisers import as_denoiser
from ..images import check_clean, check_images
from ._basis import JacobianBasis


def jacobian_bases(
    denoiser,
    X,
    noise_std=None,
    *,
    clean=None,
    n_components=None,
    method="eigh",
    solver="auto",
    tol=1e-3,
    max_products=None,
    image_shape=None,
    random_state=None,
):
    """For each noisy image, compute the basis in which a denoiser shrinks it.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts.
    X : array-like or list of array-like
        Noisy images: (n_images, height, width), (n_images, height, width, channels),
        (n_images, n_pixels) with `image_shape`, or a list of photographs.
    noise_std : float, default=None
        Standard deviation of the noise, passed to the denoiser. If None, the denoiser
        uses its own `noise_std`.
    clean : array-like or list of array-like, default=None
        Clean images in the layout of `X`. Needed only by oracles (denoisers that use
        the clean image) and for the attribute `symmetrization_loss_` of
        :class:`JacobianBasis`.
    n_components : int, default=None
        Number of vectors in each basis. If None, all vectors are computed.
    method : {"eigh", "svd"}, default="eigh"
        Kind of decomposition; see :class:`JacobianBasis`.
    solver : {"auto", "dense", "lanczos"}, default="auto"
        Algorithm that computes the decomposition; see :class:`JacobianBasis`.
    tol : float, default=1e-3
        Tolerance of "lanczos", relative to the largest eigenvalue; see
        :class:`JacobianBasis`.
    max_products : int, default=None
        Maximum number of matrix-vector products in "lanczos"; see
        :class:`JacobianBasis`.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the image in each row of a 2-D
        array.
    random_state : int, RandomState instance or None, default=None
        Seed of the random vectors. Each basis uses a different seed drawn from this
        one.

    Returns
    -------
    bases : list of JacobianBasis
        Fitted bases, one per image.

    Examples
    --------
    >>> from sklearn_gahb import WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.jacobian import jacobian_bases
    >>> X = make_disk_images(3, 32, random_state=0)
    >>> denoiser = WaveletThresholdDenoiser().fit(X)
    >>> bases = jacobian_bases(denoiser, X, 0.1, n_components=5)
    >>> [len(basis.eigenvalues_) for basis in bases]
    [5, 5, 5]
    """
    denoiser = as_denoiser(denoiser)
    image_shape = denoiser.image_shape if image_shape is None else image_shape
    images = check_images(X, image_shape, data_range=denoiser.data_range)
    clean = check_clean(clean, images, image_shape)
    rng = check_random_state(random_state)
    return [
        JacobianBasis(
            denoiser,
            n_components,
            method=method,
            solver=solver,
            noise_std=noise_std,
            tol=tol,
            max_products=max_products,
            image_shape=image_shape,
            random_state=rng.randint(2**31 - 1),
        ).fit(images.data[i][None], None if clean is None else clean.data[i][None])
        for i in range(len(images))
    ]
