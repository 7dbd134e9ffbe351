"""Log density of images under the prior of a denoiser."""

import numpy as np
import torch
from sklearn.utils import Bunch, check_random_state

from .._mistakes import warn_if_made_for_poisson_noise
from .._sklearn_compat import at_least, validate_params
from .._warnings import warn
from ..denoisers import as_denoiser
from ..denoisers.checks import check_n_channels
from ..images import check_images
from ..units import warn_of_units

NOISE_RANGE = [tuple, list, np.ndarray, None]
# Nats per value that the noise above the highest level may account for.
MISSING_NATS = 0.01


@validate_params(noise_range=NOISE_RANGE, n_levels=[at_least(5)], n_draws=[at_least(2)])
def log_density(
    denoiser, X, *, noise_range=None, n_levels=33, n_draws=2, random_state=None
):
    r"""Compute the log density of images from the errors of a denoiser.

    A denoiser implies a density p of clean images x, and densities :math:`p_\sigma` of
    noisy images :math:`x + \sigma z`. The Kullback-Leibler divergence between the
    noisy copies of x and all noisy images grows with the signal-to-noise ratio
    :math:`\gamma = 1 / \sigma^2`, at half the rate of the mean squared error
    :math:`e(\gamma)` of the denoiser at x [1]_ [2]_. For an image with d values, and
    noise levels from :math:`\sigma_1` to :math:`\sigma_0`,

    .. math:: -E_z \log p_{\sigma_1}(x + \sigma_1 z) = \frac d 2
              \log(2 \pi e \sigma_1^2) + \frac 1 2 \int_{\gamma_0}^{\gamma_1}
              e(\gamma) \, d\gamma + \frac 1 2 \gamma_0 e(\gamma_0), \qquad
              e(\gamma) = E_z \| x - \hat x(x + \sigma z) \|^2

    The last term replaces the part of the integral below :math:`\gamma_0`, and is
    correct to first order in :math:`\gamma_0`. The result is the log density of the
    clean image, which is higher by half of :math:`d - E_z \operatorname{tr} J`, to
    second order in :math:`\sigma_1`. Here, J is the Jacobian of the denoiser at
    :math:`\sigma_1`. The mean of :math:`z^T (\hat x - x) / \sigma_1` estimates its
    trace (Stein's lemma). The result is thus :math:`\log p_{\sigma_1}(x)`, as in a
    kernel density estimate with a Gaussian kernel. It approaches :math:`\log p(x)` if
    :math:`\sigma_1` is smaller than the finest details of p. Clenshaw-Curtis quadrature
    computes the integral over :math:`\log \sigma`.

    The mean over test images is minus the cross-entropy between these images and the
    prior. A denoiser that is not the optimum for p makes larger errors, so this mean is
    too low by the divergence that :func:`density_gap` bounds. The difference between
    training images and test images shows memorization in nats.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts. The denoiser receives
        the noise level. It should approximate the posterior mean.
    X : array-like or list of array-like
        Clean images, in a layout and units that `denoiser` accepts.
    noise_range : tuple of (float, float), default=None
        Lowest and highest noise level, as fractions of the data range. The highest
        level must hide the images. If None, the range is from 0.01 to the noise level
        that sampling starts from.
    n_levels : int, default=33
        Number of noise levels. Must be odd.
    n_draws : int, default=2
        Number of noisy copies of each image at each level. At least 2.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Object with the attributes:

        log_density : ndarray of shape (n_images,)
            Log density of each image in nats. The unit of volume is that of images as
            fractions of the data range.
        std_err : ndarray of shape (n_images,)
            Standard error of `log_density`, from the draws of the noise.
        quadrature_err : float
            Change in the mean of `log_density` if every other noise level is omitted.
            This is a cautious estimate of the error of the quadrature.
        bits_per_value : ndarray of shape (n_images,)
            ``-log_density`` in bits, divided by the number of values (pixels times
            channels) of the image. For 8-bit images, add ``log2(255)`` to get bits per
            value in the units of gray levels.
        high_noise_end, low_noise_end : ndarray of shape (n_images,)
            Nats that the two approximations add to `log_density`: the part of the
            integral above the highest noise level, and the step from noisy copies to
            the clean image. ``log_density - low_noise_end`` is the mean log density of
            noisy copies at the lowest noise level, which needs no approximation there.
        noise_std : ndarray of shape (n_levels,)
            Noise levels.
        mse : ndarray of shape (n_levels, n_images)
            Mean squared error of each image at each level.

    Raises
    ------
    ValueError
        If `noise_range` is not two increasing positive numbers, if `n_levels` is even,
        or if the denoiser is an oracle.

    Warns
    -----
    UserWarning
        If the highest noise level does not hide the images: if the mean of
        `-high_noise_end` exceeds 0.01 nats per value.

    See Also
    --------
    log_density_by_flow : Compute the same by the probability flow.
    density_gap : Bound the divergence between the true and the learned density.

    References
    ----------
    .. [1] D. Guo, S. Shamai, S. Verdu, "Mutual information and minimum mean-square
       error in Gaussian channels", IEEE Transactions on Information Theory 51(4), 2005.
       :doi:`10.1109/TIT.2005.844072`
    .. [2] X. Kong, R. Brekelmans, G. Ver Steeg, "Information-theoretic diffusion",
       ICLR 2023. :arxiv:`2302.03792`

    Examples
    --------
    >>> from sklearn_gahb import WienerDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.evaluation import log_density
    >>> X = make_gaussian_textures(100, 16, random_state=0)
    >>> wiener = WienerDenoiser().fit(X)
    >>> rough = make_gaussian_textures(100, 16, exponent=1.5, random_state=0)
    >>> levels = (0.01, 10.0)
    >>> found = log_density(wiener, X, noise_range=levels, random_state=0)
    >>> others = log_density(wiener, rough, noise_range=levels, random_state=0)
    >>> bool(found.log_density.min() > others.log_density.max())
    True
    """
    if n_levels % 2 == 0:
        raise ValueError(
            f"n_levels={n_levels} is even; expected an odd number of at least 5, "
            "because the error of the quadrature is found by omitting every other "
            "level."
        )
    denoiser, images, (low, high) = check_density_arguments(denoiser, X, noise_range)
    nodes, weights = clenshaw_curtis(n_levels)
    half_width = np.log(high / low) / 2
    sigma = low * np.exp((nodes + 1) * half_width)
    coarse_weights = np.zeros(n_levels)
    coarse_weights[::2] = clenshaw_curtis(n_levels // 2 + 1)[1]

    seed = check_random_state(random_state).randint(2**31 - 1)
    generator = torch.Generator().manual_seed(seed)
    found, n_values = [], []
    for x in images.tensors():
        found.append([draw_errors(denoiser, x, s, n_draws, generator) for s in sigma])
        n_values += [x[0].numel()] * len(x)
    # Errors relative to the variance of the noise, and estimated traces, both of shape
    # (n_levels, n_draws, n_images).
    errors, traces = np.concatenate(found, axis=-1).swapaxes(0, 1)
    n_values = np.array(n_values)

    # What each draw subtracts from the log density.
    nats = errors * (half_width * weights)[:, None, None]
    nats[0] += traces[0] / 2
    nats[-1] += errors[-1] / 2
    # The entropy of the noise is d / 2 higher, and the clean image gains this d / 2.
    entropy = n_values / 2 * np.log(2 * np.pi * low**2)
    result = -entropy - nats.mean(axis=1).sum(axis=0)
    changes = (weights - coarse_weights) @ errors.mean(axis=(1, 2))
    high_noise_end = -errors[-1].mean(axis=0) / 2
    warn_of_range(-high_noise_end, n_values, high)
    return Bunch(
        log_density=result,
        std_err=np.sqrt(nats.var(axis=1, ddof=1).sum(axis=0) / n_draws),
        quadrature_err=float(abs(half_width * changes)),
        bits_per_value=-result / (n_values * np.log(2)),
        high_noise_end=high_noise_end,
        low_noise_end=(n_values - traces[0].mean(axis=0)) / 2,
        noise_std=sigma,
        mse=errors.mean(axis=1) * sigma[:, None] ** 2 / n_values,
    )


def clenshaw_curtis(n_nodes):
    """Compute the nodes and weights of Clenshaw-Curtis quadrature on [-1, 1].

    Parameters
    ----------
    n_nodes : int
        Number of nodes. If it is odd, every other node belongs to the rule with half as
        many intervals.

    Returns
    -------
    nodes, weights : ndarray of shape (n_nodes,)
        Nodes in increasing order, and their weights.
    """
    n = n_nodes - 1
    angles = np.pi * np.arange(n_nodes) / n
    # Integrals of the Chebyshev polynomials of even degree.
    degrees = np.arange(0, n + 1, 2)
    integrals = 2 / (1 - degrees**2.0)
    integrals[0] /= 2
    if n % 2 == 0:
        integrals[-1] /= 2
    weights = 2 / n * np.cos(np.outer(angles, degrees)) @ integrals
    weights[[0, -1]] /= 2
    return -np.cos(angles), weights


@torch.no_grad()
def draw_errors(denoiser, x, noise_std, n_draws, generator):
    """Draw noisy copies of images, and denoise them.

    Returns
    -------
    errors, traces : ndarray of shape (n_draws, n_images)
        Squared errors relative to the variance of the noise, and estimates of the trace
        of the Jacobian.
    """
    found = np.empty((2, n_draws, len(x)))
    for draw in range(n_draws):
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
        difference = denoiser(x + noise_std * noise, float(noise_std)) - x
        difference = (difference.double() / noise_std).flatten(1)
        found[0, draw] = difference.square().sum(1).cpu()
        found[1, draw] = (noise.double().flatten(1) * difference).sum(1).cpu()
    return found


def check_density_arguments(denoiser, X, noise_range):
    """Return the denoiser, the images and the two ends of the noise range.

    Raises
    ------
    ValueError
        If the denoiser is an oracle, or if `noise_range` is not valid.
    """
    denoiser = as_denoiser(denoiser)
    if denoiser.with_clean(torch.zeros(1, 1, 8, 8)) is not denoiser:
        raise ValueError(
            f"{denoiser!r} is an oracle, which knows the clean image, so it implies no "
            "density. Pass a denoiser that does not need the clean image."
        )
    if noise_range is None:
        noise_range = (0.01, denoiser.prior().sigma_max)
    ends = np.asarray(noise_range, dtype=float)
    if ends.shape != (2,) or not 0 < ends[0] < ends[1] < np.inf:
        raise ValueError(
            f"noise_range={noise_range!r} must be two increasing positive numbers, "
            "such as (0.01, 1.0)."
        )
    warn_if_made_for_poisson_noise(
        denoiser, "The log density assumes", "Pass a denoiser of Gaussian noise."
    )
    images = check_images(
        X, denoiser.image_shape, data_range=denoiser.data_range, name="X"
    )
    check_n_channels(denoiser, images.n_channels, "X")
    warn_of_units(float(ends[0]), images)
    return denoiser, images, tuple(map(float, ends))


def warn_of_range(missing, n_values, high):
    """Warn if noise above the level `high` accounts for many nats per value.

    `missing` and `n_values` hold the nats and the number of values of each image.
    """
    share = float((missing / n_values).mean())
    if share > MISSING_NATS:
        warn(
            f"The highest noise level, {high:.3g}, does not hide the images: noise "
            f"above this level accounts for about {float(missing.mean()):.3g} nats per "
            "image, which are known only roughly. Raise the second number of "
            "noise_range if the denoiser works at higher levels."
        )
