"""Measures of how much the vectors of a basis follow the contours of an image."""

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import FRACTION, POSITIVE, validate_params
from ..images import check_one_image

# Pixels within this distance of a contour count as near the contour.
CONTOUR_REACH = 2
# Directions are averaged over this distance, in pixels.
DIRECTION_SCALE = 2.0


@validate_params(scale=[POSITIVE], contour_fraction=[FRACTION])
def harmonicity(basis, clean, *, contours=None, scale=1.0, contour_fraction=0.1):
    r"""Measure how much a basis follows the contours of an image.

    Vectors of a geometry-adaptive harmonic basis [1]_ are concentrated near contours
    and oscillate along them. For each vector e, this function measures

    - the share of the energy of e that lies within two pixels of a contour. If the
      basis does not depend on the image, this share is about `area_share`, the share of
      pixels near contours;
    - the frequency of e along contours, in cycles per pixel. This frequency is averaged
      over the pixels p near contours, weighted by the energy of e,

      .. math:: f_\parallel = \frac{1}{2 \pi}
                \left( \frac{\sum_p (t_p \cdot \nabla e_p)^2}{\sum_p e_p^2}
                \right)^{1/2}

      where the unit vector :math:`t_p` is tangent to the contour. For the frequency
      across contours, :math:`f_\perp`, the normal replaces the tangent. If a vector is
      elongated along contours, :math:`f_\parallel < f_\perp`.

    Parameters
    ----------
    basis : JacobianBasis
        Fitted basis.
    clean : array-like of shape (height, width) or (height, width, channels)
        Clean image. The gradient of its average over the channels gives the directions
        of the contours.
    contours : array-like of bool of shape (height, width), default=None
        True at the pixels on contours, for example contours drawn by people. If None,
        the pixels where the gradient of the clean image is largest are used.
    scale : float, default=1.0
        Standard deviation, in pixels, of a Gaussian filter. The filter smooths the
        clean image before the gradient is computed.
    contour_fraction : float, default=0.1
        Fraction of the pixels that count as contours if `contours` is None.

    Returns
    -------
    measures : Bunch
        Object with the attributes:

        contour_share : ndarray of shape (n_components,)
            Share of the energy of each vector near contours.
        area_share : float
            Share of the pixels near contours.
        along, across : ndarray of shape (n_components,)
            Frequencies along and across contours, in cycles per pixel. They are 0 for
            vectors without energy near contours.
        weights : ndarray of shape (n_components,)
            Contribution of each vector to the denoised image,
            :math:`|\lambda_k \langle y, e_k \rangle|`, divided by the sum of the
            contributions of all vectors.

    Raises
    ------
    ValueError
        If `clean` or `contours` does not have the height and width of the image of the
        basis, or if no entry of `contours` is True.

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
    image = check_one_image(
        clean, basis.image_shape_, data_range=basis.data_range_, name="clean"
    )
    gray = next(image.tensors())[0].mean(dim=0).cpu().numpy()
    if gray.shape != (height, width):
        raise ValueError(
            f"clean has {gray.shape[0]}x{gray.shape[1]} pixels, but the image "
            f"of the basis has {height}x{width} pixels. Pass the clean version of that "
            "image."
        )
    tangents, sizes = contour_directions(gray, scale)
    if contours is None:
        contours = sizes >= np.quantile(sizes, 1 - contour_fraction)
    near = check_contours(contours, gray.shape)
    near = binary_dilation(near, iterations=CONTOUR_REACH)
    vectors = basis.components_.reshape(-1, height, width, channels)
    # The vectors have norm 1, so their energies near contours are shares.
    shares = np.square(vectors * near[..., None]).sum(axis=(1, 2, 3))
    along, across = oscillations(vectors, tangents, near, shares)
    return Bunch(
        contour_share=shares,
        area_share=float(near.mean()),
        along=along,
        across=across,
        weights=basis.contributions_ / basis.contributions_.sum(),
    )


def contour_directions(gray, scale):
    """Compute unit tangents (2, height, width) of contours and gradient magnitudes.

    The tangent is the eigenvector of the structure tensor with the smaller eigenvalue.
    """
    rows, columns = np.gradient(gaussian_filter(gray.astype(float), scale))
    products = rows * rows, rows * columns, columns * columns
    a, b, c = (gaussian_filter(one, DIRECTION_SCALE) for one in products)
    # Angle between the normal and the row axis.
    angle = np.arctan2(2 * b, a - c) / 2
    return np.stack([-np.sin(angle), np.cos(angle)]), np.hypot(rows, columns)


def oscillations(vectors, tangents, near, shares):
    """Compute frequencies (n,) along and across contours of vectors (n, h, w, c)."""
    rows, columns = np.gradient(vectors, axis=(1, 2))
    by_row, by_column = tangents[..., None]
    along = by_row * rows + by_column * columns
    across = by_row * columns - by_column * rows
    found = (
        np.square(one * near[..., None]).sum(axis=(1, 2, 3)) for one in (along, across)
    )
    # A vector without energy near contours has the frequency 0 there.
    has_energy = shares > 1e-6
    safe = np.where(has_energy, shares, 1)
    return [np.sqrt(np.where(has_energy, one / safe, 0)) / (2 * np.pi) for one in found]


def check_contours(contours, shape):
    """Return contours as a bool array, or raise a ValueError."""
    contours = np.asarray(contours).astype(bool)
    if contours.shape != shape or not contours.any():
        raise ValueError(
            f"contours has shape {contours.shape} with {contours.sum()} nonzero "
            f"entries; expected shape {shape} and at least one nonzero entry."
        )
    return contours
