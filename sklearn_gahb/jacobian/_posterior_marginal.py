"""Posterior distribution of the clean image along one direction."""

import math

import numpy as np
import torch
from numpy.polynomial import chebyshev
from scipy.stats import norm, rv_histogram
from sklearn.utils import Bunch

from .._sklearn_compat import validate_params
from .._warnings import warn
from ..denoisers import as_denoiser
from ..images import check_one_image, check_pair
from ..posteriors.maximum_entropy import maximum_entropy_density
from ..units import check_data_range, warn_of_units

# Nodes and degree of the polynomial that is fitted to the denoiser along the direction.
N_NODES, DEGREE = 25, 9
# Half of the interval of the fit, relative to the scale on which the posterior changes.
STEPS = 0.5 ** np.arange(1, 9)


@validate_params()
def posterior_marginal(denoiser, y, noise_std, direction, *, clean=None):
    r"""Compute the posterior distribution of the clean image along a direction.

    Let v be a unit vector, and :math:`f(t) = \langle v, \hat x(y + t v) \rangle`. For
    the optimal denoiser, the derivatives of f at 0 are the cumulants of
    :math:`\langle v, x \rangle` given y, divided by powers of :math:`\sigma^2` [1]_:

    .. math:: \mu_1 = f, \quad \mu_2 = \sigma^2 f', \quad \mu_3 = \sigma^4 f'', \quad
              \mu_4 = \sigma^6 f''' + 3 \mu_2^2

    Here, :math:`\mu_1` is the mean and the others are central moments. The density is
    that of largest entropy with these moments. It can have two peaks. For any other
    denoiser, the result describes the prior that this denoiser implies.

    The derivatives are those of a polynomial of degree 9 that is fitted to f by least
    squares around 0. The width of the interval is chosen so that the third derivative
    has the smallest error. For networks with ReLUs, whose second derivative is 0
    almost everywhere, the fit averages over many changes of the ReLUs.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts. It should be computed
        in double precision, or be smooth, for accurate third and fourth moments.
    y : array-like of shape (height, width) or (height, width, channels)
        Noisy image, or a stack that holds only this image.
    noise_std : float
        Standard deviation of the noise, as a fraction of the data range. Must be
        positive.
    direction : array-like of the shape of `y`, or of shape (n_values,)
        Direction in the space of images, of any length except 0. The directions of
        :func:`posterior_directions` are those of largest uncertainty. Rows of
        ``components_`` of :class:`JacobianBasis` are directions too.
    clean : array-like, default=None
        Clean image. Used only by oracles, which are denoisers that need the clean
        image.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Object with the attributes:

        distribution : scipy.stats distribution
            Distribution of :math:`\langle v, x \rangle` with the methods ``pdf``,
            ``cdf``, ``ppf`` and ``interval``. It covers 8 standard deviations on either
            side of the mean. Values are in the units of the images, or fractions for
            unsigned integers without a `data_range` of the denoiser.
        mean, std, skewness, kurtosis : float
            Moments of the posterior. The kurtosis of a normal distribution is 3.
        moments : ndarray of shape (4,)
            Mean, and the second to fourth central moment.
        moments_err : ndarray of shape (4,)
            Errors of `moments`, estimated from the residuals of the fit. They do not
            include details of f that the polynomial cannot follow.

    Raises
    ------
    ValueError
        If `direction` is 0 or does not have the shape of `y`, or if the variance along
        `direction` is not positive, which cannot happen for a posterior mean.

    Warns
    -----
    UserWarning
        If no density has the moments. The distribution is then normal.

    See Also
    --------
    posterior_directions : Directions in which the clean image is uncertain.
    posterior_std : Standard deviation of each pixel.

    References
    ----------
    .. [1] H. Manor, T. Michaeli, "On the posterior distribution in denoising:
       application to uncertainty quantification", ICLR 2024. :arxiv:`2309.13598`

    Examples
    --------
    >>> from sklearn_gahb import EmpiricalDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.jacobian import posterior_marginal
    >>> X = make_disk_images(2, 16, random_state=0).astype("float64")
    >>> denoiser, middle = EmpiricalDenoiser().fit(X), X.mean(axis=0)
    >>> marginal = posterior_marginal(denoiser, middle, 0.1, X[1] - X[0])
    >>> round(marginal.kurtosis, 3)  # two values of equal probability
    1.0
    """
    denoiser = as_denoiser(denoiser)
    shape, data_range = denoiser.image_shape, denoiser.data_range
    image = check_one_image(y, shape, data_range=data_range)
    warn_of_units(noise_std, image)
    (y,) = image.tensors()
    y = y.double()
    v = _unit_vector(direction, image, shape).to(y)
    if clean is not None:
        clean = check_one_image(clean, shape, data_range=data_range, name="clean")
        check_pair(image, clean)
        (x,) = clean.tensors()
        x = x.to(denoiser.device_ or y.device, y.dtype)
        denoiser = denoiser.with_clean(x.expand(N_NODES, -1, -1, -1))

    def along(t):
        copies = y + torch.from_numpy(t).to(y).reshape(-1, 1, 1, 1) * v
        with torch.no_grad():
            x_hat = denoiser(copies, noise_std)
        return (x_hat * v).flatten(1).sum(1).cpu().numpy()

    moments, errors = moments_along(along, noise_std)
    black, white = check_data_range(data_range) or (0.0, 1.0)
    # <v, x> in the units of the images.
    units = (white - black) ** np.arange(1, 5)
    moments, errors = moments * units, errors * units
    moments[0] += black * float(v.sum())
    std = float(np.sqrt(moments[1]))
    skewness, kurtosis = moments[2] / std**3, moments[3] / std**4
    return Bunch(
        distribution=_distribution(moments[0], std, skewness, kurtosis),
        mean=float(moments[0]),
        std=std,
        skewness=float(skewness),
        kurtosis=float(kurtosis),
        moments=moments,
        moments_err=errors,
    )


def moments_along(function, noise_std):
    """Compute the mean and the central moments up to the fourth, with their errors.

    Parameters
    ----------
    function : callable
        Map from positions t (n,) along a direction to the posterior means there (n,).
    noise_std : float

    Returns
    -------
    moments, errors : ndarray of shape (4,)

    Raises
    ------
    ValueError
        If the variance is not positive.
    """
    # A posterior of standard deviation s changes over distances of about sigma^2 / s.
    slope, _ = derivatives(function, STEPS[-1] * noise_std)
    scale = noise_std / np.sqrt(max(slope[1], 1e-6))
    fits = [derivatives(function, step * scale) for step in STEPS]
    found, errors = min(fits, key=lambda fit: fit[1][3])
    powers = noise_std ** (2 * np.arange(4))
    cumulants, errors = found * powers, errors * powers
    if not cumulants[1] > 0:
        raise ValueError(
            f"The variance along direction is {cumulants[1]:.3g}, but variances are "
            "positive. The denoiser is not a posterior mean near y. Pass a direction "
            "of posterior_directions, or check noise_std."
        )
    moments = cumulants.copy()
    moments[3] += 3 * cumulants[1] ** 2
    errors[3] += 6 * cumulants[1] * errors[1]
    return moments, errors


def derivatives(function, half_width):
    """Compute a function and three derivatives at 0, with their errors.

    A polynomial is fitted at Chebyshev nodes between plus and minus `half_width`.

    Returns
    -------
    values, errors : ndarray of shape (4,)
    """
    nodes = chebyshev.chebpts1(N_NODES)
    values = function(nodes * half_width)
    features = chebyshev.chebvander(nodes, DEGREE)
    inverse = np.linalg.pinv(features)
    coefficients = inverse @ values
    residual = values - features @ coefficients
    # Derivatives of each Chebyshev polynomial at 0: (4, degree + 1).
    at_zero = np.stack(
        [
            chebyshev.chebval(0, chebyshev.chebder(np.eye(DEGREE + 1), k))
            for k in range(4)
        ]
    )
    noise = np.sqrt(residual @ residual / (N_NODES - DEGREE - 1))
    errors = noise * np.linalg.norm(at_zero @ inverse, axis=1)
    units = half_width ** -np.arange(4.0)
    return at_zero @ coefficients * units, errors * units


def _distribution(mean, std, skewness, kurtosis):
    smallest = 1 + skewness**2
    # Two values have this kurtosis, and two narrow peaks have a slightly larger one.
    density, edges = maximum_entropy_density(skewness, max(kurtosis, 1.02 * smallest))
    if density is None or kurtosis < 0.95 * smallest:
        warn(
            "No density with the computed skewness and kurtosis is found, so the "
            "distribution is normal. The kurtosis is at least 1 + skewness^2, with "
            "equality for two values. If moments_err is large, the denoiser is not "
            "smooth enough."
        )
        return norm(mean, std)
    return rv_histogram((density, mean + std * edges), density=True)


def _unit_vector(direction, image, image_shape):
    """Return the direction as a tensor (1, channels, height, width) of norm 1."""
    if np.ndim(direction) == 1:
        direction = direction if torch.is_tensor(direction) else np.asarray(direction)
        shape = tuple(image.data.shape[1:])
        if len(direction) != math.prod(shape):
            raise ValueError(
                f"direction has {len(direction)} values; expected {math.prod(shape)} "
                f"values, because y has shape {shape}."
            )
        direction = direction.reshape(shape)
    found = check_one_image(direction, image_shape, data_range=1.0, name="direction")
    if found.data.shape != image.data.shape:
        raise ValueError(
            f"direction has shape {found.data.shape[1:]}; expected that of y, "
            f"{image.data.shape[1:]}."
        )
    (v,) = found.tensors()
    v = v.double()
    if not v.any():
        raise ValueError("direction is 0 everywhere; pass any other direction.")
    return v / v.norm()
