"""How much the vectors of a basis oscillate along the contours of an image."""

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import FRACTION, POSITIVE, validate_params
from .._tensors import to_array
from ..images import check_one_image

# Pixels at most this far from a contour belong to it.
CONTOUR_REACH = 2
# Directions are averaged over this distance, in pixels.
DIRECTION_SCALE = 2.0


@validate_params(scale=[POSITIVE], contour_fraction=[FRACTION])
def harmonicity(basis, clean, *, contours=None, scale=1.0, contour_fraction=0.1):
    r"""Measure how much a basis follows the contours of an image.

    Vectors of a geometry-adaptive harmonic basis [1]_ lie along contours and oscillate
    along them. For each vector e, this function measures

    - the share of the energy of e within two pixels of a contour. A basis that does not
      know the image has about the share of the area, `area_share`;
    - the frequency of e along contours, in cycles per pixel, averaged over these pixels
      with the energy of e as weight,

      .. math:: f_\parallel = \frac{1}{2 \pi}
                \left( \frac{\sum_p (t_p \cdot \nabla e_p)^2}{\sum_p e_p^2}
                \right)^{1/2}

      where the unit vector :math:`t_p` is tangent to the contour. The frequency across
      contours, :math:`f_\perp`, takes the normal instead. Vectors that are elongated
      along contours have :math:`f_\parallel < f_\perp`.

    Parameters
    ----------
    basis : JacobianBasis
        A fitted basis.
    clean : array-like of shape (height, width) or (height, width, channels)
        The clean image. Its gradient gives the directions of contours. Channels are
        averaged.
    contours : array-like of bool of shape (height, width), default=None
        Pixels on contours, such as those that people have drawn. If None, the pixels
        where the gradient of the clean image is largest.
    scale : float, default=1.0
        Standard deviation in pixels of the Gaussian filter that smooths the clean image
        before its gradient is taken.
    contour_fraction : float, default=0.1
        Fraction of pixels that count as contours if `contours` is None.

    Returns
    -------
    measures : Bunch
        Dictionary-like object with the following attributes:

        contour_share : ndarray of shape (n_components,)
            Share of the energy of each vector near contours.
        area_share : float
            Share of the pixels near contours.
        along, across : ndarray of shape (n_components,)
            Frequencies along and across contours, in cycles per pixel; 0 for vectors
            that have no energy near contours.
        weights : ndarray of shape (n_components,)
            Contribution of each vector to the denoised image,
            :math:`|\lambda_k \langle y, e_k \rangle|`, divided by the sum of all.

    Raises
    ------
    ValueError
        If `clean` or `contours` has another size than the image of the basis, or if
        `contours` marks no pixel.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> from sklearn_gahb import BandletOracle, JacobianBasis, WienerDenoiser
    >>> from sklearn_gahb.datasets import make_c_alpha_images
    >>> from sklearn_gahb.jacobian import harmonicity
    >>> X = make_c_alpha_images(50, 32, random_state=0)
    >>> waves = JacobianBasis(WienerDenoiser(noise_std=0.1).fit(X)).fit(X[:1])
    >>> found = harmonicity(waves, X[0])
    >>> bool(abs(found.contour_share.mean() - found.area_share) < 0.01)
    True
    """
    check_is_fitted(basis)
    height, width, channels = basis.image_shape_
    image = check_one_image(clean, basis.image_shape_, name="clean")
    gray = to_array(image.stacks[0])[0].mean(axis=-1)
    if gray.shape != (height, width):
        raise ValueError(
            f"clean has {gray.shape[0]}x{gray.shape[1]} pixels, but the basis is that "
            f"of an image of {height}x{width} pixels."
        )
    tangents, sizes = contour_directions(gray, scale)
    if contours is None:
        contours = sizes >= np.quantile(sizes, 1 - contour_fraction)
    near = check_contours(contours, gray.shape)
    near = binary_dilation(near, iterations=CONTOUR_REACH)
    vectors = basis.components_.reshape(-1, height, width, channels)
    energies = np.square(vectors).sum(axis=(1, 2, 3))
    squares = np.square(vectors).sum(axis=3) * near
    shares = squares.sum(axis=(1, 2)) / energies
    coefficients = basis.components_ @ basis.noisy_.ravel()
    contributions = np.abs(basis.eigenvalues_ * coefficients)
    along, across = oscillations(vectors, tangents, near, shares * energies)
    return Bunch(
        contour_share=shares,
        area_share=float(near.mean()),
        along=along,
        across=across,
        weights=contributions / contributions.sum(),
    )


def contour_directions(gray, scale):
    """Unit tangents (2, height, width) of contours, and the size of the gradient.

    The tangent is the eigenvector of the structure tensor that has the smaller
    eigenvalue.
    """
    rows, columns = np.gradient(gaussian_filter(gray.astype(float), scale))
    products = rows * rows, rows * columns, columns * columns
    a, b, c = (gaussian_filter(one, DIRECTION_SCALE) for one in products)
    # The angle of the normal against the rows.
    angle = np.arctan2(2 * b, a - c) / 2
    return np.stack([-np.sin(angle), np.cos(angle)]), np.hypot(rows, columns)


def oscillations(vectors, tangents, near, energies):
    """Frequencies of vectors (n, h, w, c) along and across contours, of shape (n,)."""
    rows, columns = np.gradient(vectors, axis=(1, 2))
    by_row, by_column = tangents[..., None]
    along = by_row * rows + by_column * columns
    across = by_row * columns - by_column * rows
    found = (
        np.square(one * near[..., None]).sum(axis=(1, 2, 3)) for one in (along, across)
    )
    # A vector without energy near contours does not oscillate there.
    has_energy = energies > 1e-6
    safe = np.where(has_energy, energies, 1)
    return [np.sqrt(np.where(has_energy, one / safe, 0)) / (2 * np.pi) for one in found]


def check_contours(contours, shape):
    """Contours as an array of bool; or a ValueError."""
    contours = np.asarray(contours).astype(bool)
    if contours.shape != shape or not contours.any():
        raise ValueError(
            f"contours has shape {contours.shape} with {contours.sum()} pixels on "
            f"contours; an array of shape {shape} with at least one is needed."
        )
    return contours
