"""Points on a circle: images of two values whose posterior mean is known."""

import numpy as np
from sklearn.utils import check_random_state

from .._sklearn_compat import FRACTION, validate_params


@validate_params(radius=[FRACTION])
def make_circle_points(n_samples=100, radius=0.5, *, random_state=None):
    r"""Draw points that are uniform on a circle, as images of 1x2 pixels.

    The center c of the circle is (0.5, 0.5). Let r be its radius. The points satisfy
    the constraint :math:`|x - c|^2 - r^2 = 0`. Their posterior mean does not:

    .. math:: E[x \mid y] = c + r \, \frac{I_1(k)}{I_0(k)} \, \frac{y - c}{|y - c|},
              \qquad k = \frac{r |y - c|}{\sigma^2}

    Here, y = x + n has white Gaussian noise of level :math:`\sigma`, and :math:`I_0`
    and :math:`I_1` are modified Bessel functions. The points are a small test of
    training with a constraint; see the parameter `residual` of
    :class:`~sklearn_gahb.DNNDenoiser`.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    radius : float, default=0.5
        Radius of the circle. With a radius of at most 0.5, the values are in [0, 1].
    random_state : int, RandomState instance or None, default=None
        Seed of the random numbers. For a given int, a larger `n_samples` appends points
        to those of a smaller one.

    Returns
    -------
    X : ndarray of shape (n_samples, 1, 2), dtype=float64
        Points.

    Raises
    ------
    ValueError
        If a parameter is not in its range.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.datasets import make_circle_points
    >>> X = make_circle_points(3, random_state=0)
    >>> X.shape
    (3, 1, 2)
    >>> bool(np.allclose(((X - 0.5) ** 2).sum(axis=(1, 2)), 0.25))
    True
    """
    angles = 2 * np.pi * check_random_state(random_state).uniform(size=n_samples)
    points = 0.5 + radius * np.column_stack([np.cos(angles), np.sin(angles)])
    return points[:, None]
