"""Log density of images by the probability flow of a denoiser."""

from functools import partial

import numpy as np
import torch
from scipy.integrate import solve_ivp
from sklearn.utils import Bunch, check_random_state

from .._sklearn_compat import COUNT, POSITIVE, validate_params
from ..jacobian import JacobianOperator
from ._log_density import NOISE_RANGE, check_density_arguments, warn_of_range
from ._psnr_curve import standard_error


@validate_params(
    noise_range=NOISE_RANGE, n_draws=[COUNT], rtol=[POSITIVE], n_probes=[COUNT, None]
)
def log_density_by_flow(
    denoiser,
    X,
    *,
    noise_range=None,
    n_draws=1,
    n_probes=1,
    rtol=1e-4,
    random_state=None,
):
    r"""Compute the log density of images by the probability flow of a denoiser.

    The flow carries a noisy image at the lowest noise level :math:`\sigma_1` to pure
    noise at the highest level :math:`\sigma_0`. The Jacobian J of the denoiser says how
    the flow changes volumes [1]_. For an image with d values,

    .. math:: \frac{dy}{d \log \sigma} = y - \hat x(y), \qquad
              \log p_{\sigma_1}(y_1) = \log p_{\sigma_0}(y_0)
              + \int_{\log \sigma_1}^{\log \sigma_0} (d - \operatorname{tr} J) \,
              d \log \sigma

    Here, :math:`p_\sigma` is the density of noisy images. The flow starts at noisy
    copies :math:`y_1 = x + \sigma_1 z`. The denoiser gives the first two derivatives of
    the log density there, :math:`(\hat x - y_1) / \sigma_1^2` and
    :math:`(J - I) / \sigma_1^2`. Therefore, to second order in :math:`\sigma_1`,

    .. math:: \log p_{\sigma_1}(x) = \log p_{\sigma_1}(y_1)
              + \frac{1}{\sigma_1} z^T (y_1 - \hat x(y_1)) - \frac 1 2 z^T (I - J) z

    The density at the highest level is that of a normal prior, with the mean and the
    mean variance that the denoiser implies there. SciPy solves the differential
    equation for one image at a time.

    The result is a second opinion: it uses the Jacobian of the denoiser and not its
    errors. For networks, it takes more time.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts and that has a Jacobian.
        The denoiser receives the noise level.
    X : array-like or list of array-like
        Clean images, in a layout and units that `denoiser` accepts.
    noise_range : tuple of (float, float), default=None
        Lowest and highest noise level; see :func:`log_density`.
    n_draws : int, default=1
        Number of noisy copies of each image.
    n_probes : int, default=1
        Number of vectors of random signs that estimate the trace of J. If None, the
        trace is exact and takes one product with J per value of the image, or none if
        the eigenvalues of J are known in closed form.
    rtol : float, default=1e-4
        Relative tolerance of the solver.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise and of the random signs.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Object with the attributes:

        log_density : ndarray of shape (n_images,)
            Log density of each image in nats; see :func:`log_density`.
        std_err : ndarray of shape (n_images,)
            Standard error of `log_density` over the draws. It is nan for one draw.
        bits_per_value : ndarray of shape (n_images,)
            ``-log_density`` in bits, divided by the number of values of the image.

    Raises
    ------
    ValueError
        If `noise_range` is not two increasing positive numbers, if the denoiser is an
        oracle, or if the solver fails.

    Warns
    -----
    UserWarning
        If the highest noise level does not hide the images.

    See Also
    --------
    log_density : Compute the same from the errors of the denoiser.

    References
    ----------
    .. [1] Y. Song, J. Sohl-Dickstein, D. P. Kingma, A. Kumar, S. Ermon, B. Poole,
       "Score-based generative modeling through stochastic differential equations",
       ICLR 2021. :arxiv:`2011.13456`

    Examples
    --------
    >>> from sklearn_gahb import GaussianDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.evaluation import log_density, log_density_by_flow
    >>> X = make_gaussian_textures(100, 8, random_state=0)
    >>> denoiser = GaussianDenoiser("shrunk").fit(X)
    >>> options = {"noise_range": (0.01, 10.0), "n_draws": 8, "random_state": 0}
    >>> flow = log_density_by_flow(denoiser, X[:1], n_probes=None, **options)
    >>> errors = log_density(denoiser, X[:1], **options)
    >>> bool(abs(flow.log_density - errors.log_density)[0] < 4 * errors.std_err[0])
    True
    """
    denoiser, images, (low, high) = check_density_arguments(denoiser, X, noise_range)
    rng = check_random_state(random_state)
    generator = torch.Generator().manual_seed(rng.randint(2**31 - 1))
    values, missing, n_values = [], [], []
    for batch in images.tensors():
        for x in batch.double().split(1):
            found = []
            for _ in range(n_draws):
                z = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x)
                y = x + low * z
                # The random signs stay the same along a flow.
                seed = rng.randint(2**31 - 1)
                trace_of = partial(
                    JacobianOperator.trace, n_probes=n_probes, random_state=seed
                )
                value, trace = log_density_of_noisy(
                    denoiser, y, low, high, trace_of, rtol
                )
                found.append(value + log_ratio_of_clean(denoiser, y, z, low))
            values.append(found)
            missing.append(trace / 2)
            n_values.append(x.numel())
    values, n_values = np.array(values), np.array(n_values)
    warn_of_range(np.array(missing), n_values, high)
    means = values.mean(axis=1)
    return Bunch(
        log_density=means,
        std_err=standard_error(values),
        bits_per_value=-means / (n_values * np.log(2)),
    )


def log_density_of_noisy(denoiser, y, low, high, trace_of, rtol):
    """Compute the log density of one noisy image by the probability flow.

    Parameters
    ----------
    denoiser : BaseDenoiser
    y : Tensor of shape (1, channels, height, width)
        Noisy image at noise level `low`, in float64.
    low, high : float
        Lowest and highest noise level.
    trace_of : callable
        Function that computes the trace of a JacobianOperator.
    rtol : float
        Relative tolerance of the solver.

    Returns
    -------
    log_density : float
    trace : float
        Trace of the Jacobian at the end of the flow.
    """
    d = y.numel()

    def linearize(state, noise_std):
        image = torch.from_numpy(state[:d]).reshape(y.shape)
        image = image.to(denoiser.device_ or y.device)
        linearization = denoiser.linearize(image, noise_std)
        residual = state[:d] - linearization.x_hat.double().cpu().numpy().ravel()
        return residual, trace_of(JacobianOperator(linearization))

    def velocity(log_sigma, state):
        residual, trace = linearize(state, float(np.exp(log_sigma)))
        return np.append(residual, d - trace)

    start = np.append(y.cpu().numpy().ravel(), 0.0)
    # Errors may be a fraction of the noise in the image, and of a nat per value.
    atol = rtol * np.append(np.full(d, low), d)
    solution = solve_ivp(velocity, np.log([low, high]), start, rtol=rtol, atol=atol)
    if not solution.success:
        raise ValueError(
            f"The probability flow could not be solved with rtol={rtol}: "
            f"{solution.message} Raise rtol, or narrow noise_range."
        )
    end = solution.y[:, -1]
    residual, trace = linearize(end, high)
    return log_normal(residual @ residual, trace, d, high) + end[-1], trace


def log_ratio_of_clean(denoiser, y, z, noise_std):
    """Compute the log density of a clean image minus that of its noisy copy.

    Parameters
    ----------
    denoiser : BaseDenoiser
    y, z : Tensor of shape (1, channels, height, width)
        Noisy copy, and its noise divided by the noise level.
    noise_std : float

    Returns
    -------
    log_ratio : float
        Change of the log density at this noise level, to second order in it.
    """
    linearization = denoiser.linearize(y.to(denoiser.device_ or y.device), noise_std)
    residual = y - linearization.x_hat.to(y)
    product = linearization.multiply(z.to(linearization.x_hat)).to(z)
    slope = float((residual * z).sum()) / noise_std
    return slope - float((z * (z - product)).sum()) / 2


def log_normal(squared_residual, trace, n_values, noise_std):
    """Compute the log density of a noisy image under an isotropic normal prior.

    Parameters
    ----------
    squared_residual : float
        Squared norm of the difference between the noisy and the denoised image.
    trace : float
        Trace of the Jacobian.
    n_values : int
        Number of values of the image.
    noise_std : float
        Standard deviation of the noise.

    Returns
    -------
    log_density : float
        Log density of the noisy image in nats.

    Raises
    ------
    ValueError
        If the trace is not less than `n_values`.
    """
    if not trace < n_values:
        raise ValueError(
            f"The trace of the Jacobian is {trace:.3g} at noise level {noise_std:.3g}. "
            f"For a posterior mean, it is less than {n_values}, the number of values. "
            "Raise the second number of noise_range, or n_probes."
        )
    # For a prior of variance v, the factor is s^2 / (v + s^2), and the residual is this
    # factor times the distance to the mean.
    factor = 1 - trace / n_values
    log_volume = n_values / 2 * np.log(2 * np.pi * noise_std**2 / factor)
    return -log_volume - squared_residual / (2 * noise_std**2 * factor)
