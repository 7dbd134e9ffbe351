"""Images of disks, which form a smooth five-dimensional manifold."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_array, check_random_state, gen_batches
from sklearn.utils.validation import check_consistent_length

from .._sklearn_compat import at_least, validate_params
from ._common import check_range, sample_batches

# Half the width of the edge of a disk, in pixels. A disk whose radius is at least twice
# this value is flat in the middle, and its coverage integrates exactly to its area.
EDGE_HALF_WIDTH = 1.0


@dataclass(frozen=True)
class DiskPrior:
    """Prior distribution of disk centers and radii in :func:`make_disk_images`.

    The prior is a map from the unit cube. It maps uniform random points of the cube to
    centers and radii of disks.

    Parameters
    ----------
    image_size : int
        Height and width of the images, in pixels.
    smallest, largest : float
        Smallest and largest radius, in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.datasets import DiskPrior
    >>> DiskPrior(32, 4.0, 12.0).circles(np.array([[0.5, 0.5, 0.5]]))
    array([[15.5, 15.5,  8. ]])
    """

    image_size: int
    smallest: float
    largest: float

    @classmethod
    def of(cls, image_size, radius_range=None, smallest=2 * EDGE_HALF_WIDTH):
        """Validate a range of radii, and make the prior.

        Parameters
        ----------
        image_size : int
            Height and width of the images, in pixels.
        radius_range : tuple of (float, float), default=None
            Smallest and largest radius, in pixels. If None, use the default range of
            :func:`make_disk_images`.
        smallest : float, default=2
            Smallest radius that is accepted, in pixels.

        Returns
        -------
        prior : DiskPrior
            The prior.
        """
        if radius_range is None:
            radius_range = max(2 * EDGE_HALF_WIDTH, image_size / 8), 3 * image_size / 8
        largest = image_size / 2 - EDGE_HALF_WIDTH
        return cls(
            image_size, *check_range("radius_range", radius_range, smallest, largest)
        )

    def circles(self, u):
        """Map points of the unit cube to circles.

        Parameters
        ----------
        u : ndarray of shape (n, 3)
            Points of the unit cube.

        Returns
        -------
        circles : ndarray of shape (n, 3)
            Row and column of the center, and radius, in pixels.
        """
        radius = self.smallest + (self.largest - self.smallest) * u[:, 2:]
        margin = radius + EDGE_HALF_WIDTH
        center = margin - 0.5 + (self.image_size - 2 * margin) * u[:, :2]
        return np.concatenate([center, radius], axis=1)

    def derivative(self, u):
        """Compute the derivative of `circles` at one point of the unit cube.

        Parameters
        ----------
        u : ndarray of shape (3,)
            Point of the unit cube.

        Returns
        -------
        derivative : ndarray of shape (3, 3)
            Entry (i, j) is the derivative of value i of the circle with respect to u_j.
        """
        by_radius = self.largest - self.smallest
        radius = self.smallest + by_radius * u[2]
        free = self.image_size - 2 * (radius + EDGE_HALF_WIDTH)
        derivative = np.diag([free, free, by_radius])
        derivative[:2, 2] = by_radius * (1 - 2 * u[:2])
        return derivative

    def coverages(self, u):
        """Map points of the unit cube to the coverages of their disks.

        Parameters
        ----------
        u : ndarray of shape (n, 3)
            Points of the unit cube.

        Returns
        -------
        coverages : ndarray of shape (n, image_size**2)
            Fraction of each pixel that the disk covers.
        """
        coverages = np.empty((len(u), self.image_size**2), u.dtype)
        # Small chunks stay in the processor cache.
        for chunk in gen_batches(len(u), max(1, 2**17 // self.image_size**2)):
            circles = self.circles(u[chunk])
            images = coverage_of_circles(*circles.T, self.image_size)
            coverages[chunk] = images.reshape(len(circles), -1)
        return coverages


def _edge_position(row, column, radius, image_size):
    """Position on the edge: 0 outside, 1/2 on the circle, 1 inside.

    t = 1/2 + (radius^2 - rho^2) / (4 h radius). To first order at the circle, t equals
    1/2 + (radius - rho) / (2 h). The formula for t avoids rho itself, which is a square
    root and therefore not smooth.
    """
    pixels = np.arange(image_size, dtype=radius.dtype)
    slope = 1 / (4 * EDGE_HALF_WIDTH * radius[:, None])
    by_row = 0.5 + slope * (radius[:, None] ** 2 - (pixels - row[:, None]) ** 2)
    by_column = slope * (pixels - column[:, None]) ** 2
    position = by_row[:, :, None] - by_column[:, None, :]
    return np.clip(position, 0, 1, out=position)


def coverage_of_circles(row, column, radius, image_size):
    """Apply the smootherstep t^3 (10 - 15 t + 6 t^2) to the edge position t."""
    t = _edge_position(row, column, radius, image_size)
    coverage = 6 * t
    coverage -= 15
    coverage *= t
    coverage += 10
    for _ in range(3):
        coverage *= t
    return coverage


def _check_disks(parameters, n_parameters, input_name):
    parameters = check_array(
        parameters, dtype=(np.float64, np.float32), input_name=input_name
    )
    if parameters.shape[1] != n_parameters:
        raise ValueError(
            f"{input_name} must have shape (n_samples, {n_parameters}). Got shape "
            f"{parameters.shape} instead."
        )
    if parameters[:, 2].min() <= 0:
        raise ValueError(
            f"The radius of a disk must be positive. Got {parameters[:, 2].min():g} "
            "instead."
        )
    return parameters


@validate_params(row=["array-like"], column=["array-like"], radius=["array-like"])
def disk_coverage(row, column, radius, image_size):
    r"""Compute the fraction of each pixel that a disk covers.

    Let :math:`\rho` be the distance from the middle of a pixel to the center of the
    disk. Let r be the radius, and let h = 1 pixel be half the width of the edge. The
    coverage is :math:`S(t) = t^3 (10 - 15 t + 6 t^2)`, where t is clipped to [0, 1]:

    .. math:: t = \frac{1}{2} + \frac{r^2 - \rho^2}{4 h r}

    The coverage is twice continuously differentiable in the center and the radius. Its
    integral over the plane is exactly :math:`\pi r^2` if r >= 2 h. The coverage is 0 if
    :math:`\rho \geq r + h`.

    Parameters
    ----------
    row, column : array-like of shape (n_samples,)
        Rows and columns of the centers. The middle of the pixel with index (i, j) has
        the coordinates (i, j), and the image covers [-0.5, image_size - 0.5] along both
        axes.
    radius : array-like of shape (n_samples,)
        Radii of the disks in pixels. Must be positive.
    image_size : int
        Height and width of the images, in pixels.

    Returns
    -------
    coverage : ndarray of shape (n_samples, image_size, image_size)
        Coverages in [0, 1]. The dtype is float32 if all three arrays are float32, and
        float64 otherwise.

    Raises
    ------
    ValueError
        If an array is not 1-D and finite, if the lengths differ, or if a radius is not
        positive.

    See Also
    --------
    render_disks : Disks with intensities of foreground and background.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.datasets import disk_coverage
    >>> coverage = disk_coverage([8.2], [7.1], [5.0], image_size=16)
    >>> print(f"{coverage.sum():.0f} {np.pi * 5.0**2:.0f}")
    79 79
    """
    check_consistent_length(row, column, radius)
    circles = np.column_stack([row, column, radius])
    circles = _check_disks(circles, 3, "row, column, radius")
    return coverage_of_circles(*circles.T, image_size)


@validate_params(parameters=["array-like"])
def render_disks(parameters, image_size):
    """Render disks with given parameters.

    An image is ``background + (foreground - background) * coverage``, where
    :func:`disk_coverage` computes the coverage.

    Parameters
    ----------
    parameters : array-like of shape (n_samples, 5)
        Parameters of each disk, in this order: center row, center column and radius in
        pixels, intensity of the foreground, intensity of the background.
    image_size : int
        Height and width of the images, in pixels.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size, image_size)
        Images. The dtype is float32 if `parameters` is float32, and float64 otherwise.

    Raises
    ------
    ValueError
        If `parameters` has a wrong shape or is not finite, or if a radius is not
        positive.

    See Also
    --------
    make_disk_images : Disks with random parameters.
    disk_tangents : Derivatives of the images with respect to the parameters.

    Examples
    --------
    >>> from sklearn_gahb.datasets import render_disks
    >>> X = render_disks([[8.0, 7.0, 5.0, 0.75, 0.25]], image_size=16)
    >>> X.shape, float(X[0, 8, 7]), float(X[0, 0, 0])
    ((1, 16, 16), 0.75, 0.25)
    """
    parameters = _check_disks(parameters, 5, "parameters")
    foreground, background = parameters.T[3:, :, None, None]
    X = coverage_of_circles(*parameters.T[:3], image_size)
    X *= foreground - background
    X += background
    return X


@validate_params(parameters=["array-like"])
def disk_tangents(parameters, image_size):
    """Differentiate images of disks with respect to their parameters.

    The derivatives span the tangent space of the manifold of disks. As the noise level
    sigma tends to 0, the optimal denoiser becomes the orthogonal projection onto this
    space. Its mean squared error then approaches 5 sigma^2 / d, where d is the number
    of pixels.

    Parameters
    ----------
    parameters : array-like of shape (n_samples, 5)
        Parameters of each disk, in this order: center row, center column and radius in
        pixels, intensity of the foreground, intensity of the background.
    image_size : int
        Height and width of the images, in pixels.

    Returns
    -------
    tangents : ndarray of shape (n_samples, 5, image_size, image_size)
        ``tangents[i, k]`` is the derivative of image i with respect to parameter k. The
        dtype is float32 if `parameters` is float32, and float64 otherwise.

    Raises
    ------
    ValueError
        If `parameters` has a wrong shape or is not finite, or if a radius is not
        positive.

    See Also
    --------
    render_disks : Images of disks.

    Examples
    --------
    >>> from sklearn_gahb.datasets import disk_tangents
    >>> disk_tangents([[8.0, 7.0, 5.0, 0.9, 0.2]], image_size=16).shape
    (1, 5, 16, 16)
    """
    parameters = _check_disks(parameters, 5, "parameters")
    row, column, radius, foreground, background = parameters.T[..., None, None]
    pixels = np.arange(image_size, dtype=parameters.dtype)
    down = pixels[:, None] - row
    right = pixels - column
    slope = 1 / (4 * EDGE_HALF_WIDTH * radius)
    t = _edge_position(*parameters.T[:3], image_size)
    # Chain rule: d image / d t, times the derivatives of t.
    steepness = 30 * (foreground - background) * t**2 * (1 - t) ** 2 * slope
    coverage = coverage_of_circles(*parameters.T[:3], image_size)
    return np.stack(
        [
            2 * down * steepness,
            2 * right * steepness,
            (radius + (down**2 + right**2) / radius) * steepness,
            coverage,
            1 - coverage,
        ],
        axis=1,
    )


@validate_params(image_size=[at_least(8)], return_parameters=["boolean"])
def make_disk_images(
    n_samples=100,
    image_size=32,
    *,
    radius_range=None,
    return_parameters=False,
    random_state=None,
):
    r"""Draw disks of random position, radius, foreground and background.

    The images form a curved five-dimensional manifold. The manifold is smooth because
    the edge of a disk is a smooth ramp that is 2 pixels wide
    (see :func:`disk_coverage`). For a small noise level :math:`\sigma`, the optimal
    mean squared error is therefore :math:`5 \sigma^2 / d`, where d is the number of
    pixels. The error of deep denoisers is larger [1]_.

    The radius is uniform on `radius_range`. Given the radius, the center is uniform on
    the square of all positions where the disk and its edge fit in the image. Both
    coordinates of the center are in [radius + 0.5, image_size - 1.5 - radius], in
    pixels. The intensities of foreground and background are uniform on [0, 1]. Except
    that the center depends on the radius, the parameters are independent.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    image_size : int, default=32
        Height and width of the images, in pixels. Must be at least 8.
    radius_range : tuple of float, default=None
        Smallest and largest radius in pixels. Both must be in the range from 2 to
        ``image_size / 2 - 1``. If None,
        ``(max(2, image_size / 8), 3 * image_size / 8)`` is used.
    return_parameters : bool, default=False
        If True, also return the parameters of the disks.
    random_state : int, RandomState instance or None, default=None
        Seed of the random numbers. For a given int, a larger `n_samples` appends images
        and leaves the earlier ones unchanged.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size, image_size), dtype=float32
        Images in [0, 1].
    parameters : ndarray of shape (n_samples, 5)
        Parameters of the disks, in the order of :func:`render_disks`: center row,
        center column, radius, foreground, background. Only returned if
        `return_parameters` is True.

    Raises
    ------
    ValueError
        If `radius_range` is not an ordered pair within the limits above.

    See Also
    --------
    disk_tangents : Basis of the tangent space at a disk.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X, parameters = make_disk_images(
    ...     n_samples=10, image_size=32, return_parameters=True, random_state=0
    ... )
    >>> X.shape, parameters.shape
    ((10, 32, 32), (10, 5))
    """
    prior = DiskPrior.of(image_size, radius_range)
    parameters = check_random_state(random_state).uniform(size=(n_samples, 5))
    parameters[:, :3] = prior.circles(parameters[:, :3])

    X = np.empty((n_samples, image_size, image_size), dtype=np.float32)
    for batch in sample_batches(n_samples, image_size):
        X[batch] = render_disks(parameters[batch].astype(np.float32), image_size)
    return (X, parameters) if return_parameters else X
