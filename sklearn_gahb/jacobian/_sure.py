"""Stein's unbiased risk estimate."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from .._images import as_images, check_numbers, is_photo_list, is_tensor, to_tensor
from .._warnings import warn
from ._operator import JacobianOperator, image_shape_of, images_to_rows, linearize
from ._posterior import diagonal_of, random_signs


@validate_params(
    {
        "denoiser": "no_validation",
        "y": "no_validation",
        "noise_std": [Interval(Real, 0, None, closed="neither")],
        "n_probes": [Interval(Integral, 1, None, closed="left"), None],
        "data_range": [Interval(Real, 0, None, closed="neither")],
        "average": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def sure(
    denoiser,
    y,
    noise_std,
    *,
    n_probes=1,
    data_range=1.0,
    average=True,
    random_state=None,
):
    r"""PSNR of a denoiser in dB, estimated without the clean images.

    Stein's unbiased risk estimate [1]_ of the mean squared error of an image of d
    values,

    .. math:: \widehat{\mathrm{mse}} = \frac{\|\hat x(y) - y\|^2}{d} - \sigma^2
              + \frac{2 \sigma^2}{d} \operatorname{tr} J(y)

    with the Jacobian J, whose trace is estimated by the mean of :math:`z^T J z` over
    random signs z [2]_ or computed exactly. It holds for white Gaussian noise and maps
    that are continuous: not for hard thresholding. Thresholds that depend on the image
    are taken for fixed.

    Parameters
    ----------
    denoiser : estimator or callable
        As in :func:`jacobian_operator`; it is told `noise_std`.
    y : array-like or list of array-like
        Noisy images: (n_images, height, width), (n_images, height, width, channels),
        (n_images, n_pixels) if the denoiser has an `image_shape`, a list of
        photographs, or one grey image (height, width).
    noise_std : float
        Standard deviation of the noise, in the units of the images. Positive.
    n_probes : int, default=1
        Number of random vectors for each image; one suffices for photographs. None
        computes traces exactly, which takes as many products as an image has values,
        unless the denoiser has its eigenvalues in closed form.
    data_range : float, default=1.0
        Difference between the largest and the smallest value that clean images can
        have.
    average : bool, default=True
        Whether to average over the images.
    random_state : int, RandomState instance or None, default=None
        Seeds the probes.

    Returns
    -------
    psnr : float or ndarray of shape (n_images,)
        Mean estimate in dB, or that of each image if not `average`. Infinite, with a
        warning, where the estimate of the error is not positive.

    Raises
    ------
    ValueError
        If the images are of another layout, or a callable is not differentiable.

    See Also
    --------
    sklearn_gahb.metrics.psnr : With the clean images.

    References
    ----------
    .. [1] C. M. Stein, "Estimation of the mean of a multivariate normal distribution",
       Annals of Statistics 9(6), 1981. :doi:`10.1214/aos/1176345632`
    .. [2] S. Ramani, T. Blu, M. Unser, "Monte-Carlo SURE: a black-box optimization of
       regularization parameters for general denoising algorithms", IEEE Transactions on
       Image Processing 17(9), 2008. :doi:`10.1109/TIP.2008.2001404`

    Examples
    --------
    >>> from sklearn_gahb import WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.jacobian import sure
    >>> from sklearn_gahb.metrics import psnr
    >>> from sklearn_gahb.noise import GaussianNoise
    >>> X = make_disk_images(20, 64, random_state=0)
    >>> noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    >>> soft = WaveletThresholdDenoiser("haar", threshold=1.0, shrinkage="soft").fit(X)
    >>> estimate = sure(soft, noisy, noise_std=0.1, random_state=0)
    >>> abs(estimate - psnr(X, soft.set_params(noise_std=0.1).transform(noisy))) < 0.2
    True
    """
    image_shape = image_shape_of(denoiser)
    if not is_tensor(y) and not is_photo_list(y):
        y = np.asarray(y)
    if getattr(y, "ndim", None) == 2 and image_shape is None:
        y = y[None]
    images = as_images(check_numbers(y, "y"), image_shape, "y")
    rng = check_random_state(random_state)
    errors = []
    for i in range(len(images)):
        stack, position = images.locate(i)
        image = to_tensor(stack[position : position + 1])
        errors.append(
            estimate_mse(denoiser, image, noise_std, n_probes, rng.randint(2**31 - 1))
        )
    errors = np.array(errors)
    n_bad = (errors <= 0).sum()
    if n_bad:
        warn(
            f"The estimated mean squared error of {n_bad} of {len(errors)} images is "
            "not positive: noise_std is too large, the denoiser is not continuous, or "
            "n_probes is too small for images of this size."
        )
    with np.errstate(divide="ignore"):
        estimates = 10 * np.log10(data_range**2 / errors.clip(min=0))
    return float(estimates.mean()) if average else estimates


def estimate_mse(denoiser, y, noise_std, n_probes, seed):
    """Stein's estimate of the mean squared error at a tensor (1, c, h, w)."""
    linearization = linearize(denoiser, y, noise_std)
    operator = JacobianOperator(linearization)
    if n_probes is not None:
        probes = random_signs(n_probes, operator, seed)
        trace = float((probes * operator.multiply_rows(probes)).sum(1).mean())
    elif linearization.eigenbasis is not None:
        trace = float(linearization.eigenbasis(0)[0].double().sum())
    else:
        trace = float(diagonal_of(operator).double().sum())
    x_hat = linearization.x_hat
    residual = (images_to_rows(x_hat) - images_to_rows(y.to(x_hat))).double()
    variance = noise_std**2
    return float(residual.square().mean()) - variance + 2 * variance * trace / y.numel()
