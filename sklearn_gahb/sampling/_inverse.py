"""Linear inverse problems, solved with the density implicit in a denoiser."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.utils import Bunch

from .._sklearn_compat import COUNT, NOT_NEGATIVE, validate_params
from .._tensors import from_fractions, images_to_rows
from .._warnings import warn
from ..denoisers import as_denoiser
from ..denoisers.checks import check_n_channels
from ..images import SHAPES, height_width_channels
from ..samplers import CoarseToFine, Sampler, run_sampler
from ..units import LARGEST_RMS, SMALLEST_TOLD_WHITE, check_data_range
from ._measurements import (
    SAME_LEVEL,
    Measurements,
    check_operator,
    decompose,
    multiply,
    multiply_transposed,
)

SAMPLER = CoarseToFine(step_size=1.0, beta=0.1, bounded=True, sigma_max=1.0)
# Measurements with less noise are taken as they are.
NEGLIGIBLE_NOISE = 0.01
# Largest part of the measurements that no image explains, and largest ratio of singular
# values, that draw no warning if noise_std=0.
LARGEST_INCONSISTENCY = 1e-3
LARGEST_CONDITION = 100


@validate_params(n_draws=[COUNT], noise_std=[NOT_NEGATIVE])
def solve_inverse(
    denoiser,
    measurements,
    operator,
    *,
    noise_std=0.0,
    image_shape=None,
    n_draws=4,
    sampler=None,
    mean=None,
    batch_size=None,
    keep_every=1,
    return_trajectory=False,
    callback=None,
    random_state=None,
):
    r"""Reconstruct images from linear measurements.

    A sampler draws images from the posterior given the measurements :math:`m = M x + s
    n`, where n is white Gaussian noise and s is `noise_std`. In each step, the
    measurements replace the corresponding part of the denoised image [1]_. If the
    matrix M has orthonormal rows, this is

    .. math:: \hat x(y) \leftarrow \hat x(y) + M^T (m - M \hat x(y)).

    For other matrices, the same is done in the coordinates of the singular vectors of
    M. If the measurements are noisy, the denoiser removes their noise together with
    the noise of the sampler: the noise of a measured coordinate counts as part of the
    noise of the sampler [2]_. The sampler replaces a coordinate while its own noise
    level is above that of the coordinate. It stops at the smallest noise level of a
    coordinate, where the last step denoises the images.

    The mean of several draws has a smaller error than a single draw. Without noise, a
    single draw is as sharp as a real image. With noise, single draws are smoother,
    because they are denoised in the last step.

    Parameters
    ----------
    denoiser : estimator, module or callable
        Anything that :func:`~sklearn_gahb.as_denoiser` accepts.
    measurements : array-like of shape (n_measurements,) or (n_images, n_measurements)
        Measurements m: products of M with the flattened images, plus noise. If the
        denoiser has a `data_range`, these images are in its units. Otherwise, they are
        in [0, 1].
    operator : LinearOperator of shape (n_measurements, n_values)
        Measurement operator M. Pass a :class:`MeasurementOperator`, any
        :class:`scipy.sparse.linalg.LinearOperator` (for example from PyLops), or a
        matrix. The operator multiplies images that are flattened in the order of
        :meth:`numpy.ndarray.ravel`. If its rows are not orthogonal, it must have at
        most 4,096 rows or columns and 2**26 values, or be a
        :class:`MeasurementOperator` that holds its singular vectors. To compute these
        takes up to 1 GB of memory beside the operator. Larger operators are refused.
        Singular values below 1e-4 of the largest one count as 0.
    noise_std : float, default=0.0
        Noise level s of each measurement, as a fraction of the data range. If 0, the
        images match the measurements exactly. The same holds for noise levels below
        0.01 and below the `sigma_min` of the sampler.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the images. If None, a
        :class:`MeasurementOperator` provides the shape. For other operators, the shape
        of the images passed to the `fit` method of the denoiser is used.
    n_draws : int, default=4
        Number of draws for each image.
    sampler : Sampler, default=None
        Sampling method from :mod:`sklearn_gahb.samplers`. If None, ``CoarseToFine(
        step_size=1.0, beta=0.1, bounded=True, sigma_max=1.0)`` is used. This sampler is
        the method of [1]_, with the limit on the noise that
        :class:`~sklearn_gahb.samplers.CoarseToFine` describes as `bounded`.

        - With a `step_size` of 1, each step denoises the image and adds new noise. The
          measured information then spreads over the image in fewer steps than with a
          smaller `step_size`. If 10 percent of the pixels of
          photographs are known, the default sampler gains 1 to 4 dB of PSNR over the
          published ``step_size=0.05, beta=0.2``. If a region of pixels is missing, both
          samplers have about the same PSNR.
        - To get draws with nearly the variance of the posterior, use
          ``step_size=0.05, beta=0.5``.
        - A smaller `beta` takes more steps and spreads information farther. If only a
          few scattered pixels are known, use 0.02, for example. If a region of pixels
          is missing, images drift over many steps, so 0.2 is safer.
        - The first noise level is 1 for all denoisers. A higher level is not needed,
          because the measurements anchor the image.
        - Other samplers give draws with larger errors. Without noise in the
          measurements, samplers with a schedule leave noise of the level `sigma_min` in
          the draws, so these match the measurements only up to this noise.
        - For noisy measurements, `sigma_min` is replaced by their noise level.
    mean : float or Tensor that broadcasts to (n, channels, height, width), default=None
        Mean of the noisy images that sampling starts from, where nothing is measured,
        as a fraction of the data range.
        If None, networks start from 0.5. Other denoisers start from the mean of the
        images passed to `fit`, or from 0.5 if they do not store this mean.
    batch_size : int, default=None
        Number of images to denoise at a time. If None, each batch holds about 2**18
        values, that is, images times pixels times channels.
    keep_every : int, default=1
        Interval, in steps, at which the trajectory records the draws. The last step is
        always recorded.
    return_trajectory : bool, default=False
        If True, include the trajectory in the solution.
    callback : callable, default=None
        Function ``callback(step, y, noise_std)`` that is called before the first step
        (as step 0) and after each step. The tensor `y` holds all draws.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

    Returns
    -------
    solution : :class:`~sklearn.utils.Bunch`
        Object with the attributes:

        mean : ndarray of shape (n_images, height, width[, channels])
            Mean of the draws for each image. If `measurements` is 1-D, the array has no
            `n_images` axis.
        draws : ndarray of shape (n_draws, n_images, height, width[, channels])
            Reconstructed images. If `measurements` is 1-D, the array has no `n_images`
            axis.
        n_evaluations : ndarray of shape (n_draws, n_images)
            Number of times that the sampler denoised each draw.
        relative_residual : ndarray of shape (n_draws, n_images)
            :math:`|M x - m| / |m|` of each draw. For n noisy measurements, expect at
            most about :math:`s (white - black) \sqrt{n} / |m|`.
        black_and_white : tuple of (float, float)
            Values of black and white in the images.
        trajectory : Trajectory
            Trajectory of all draws. The first draw of every image comes first, then the
            second draw of every image, and so on. Only present if `return_trajectory`
            is True.

    Raises
    ------
    ValueError
        If the operator is too large for its singular vectors to be computed, if shapes
        do not match, if `noise_std` is so high that nothing is known, if `measurements`
        are integers and the denoiser has no `data_range`, or if the denoiser returns
        NaN or an image of a different shape.

    Warns
    -----
    UserWarning
        If `noise_std` is 0 and either no image has these measurements, or the singular
        values of the operator differ by a factor of more than 100. If the measurements
        are much too large or too small for images of the data range.

    See Also
    --------
    sample : Draw images without measurements.

    References
    ----------
    .. [1] Z. Kadkhodaie, E. P. Simoncelli, "Solving linear inverse problems using the
       prior implicit in a denoiser", NeurIPS 2021. :arxiv:`2007.13640`
    .. [2] B. Kawar, M. Elad, S. Ermon, J. Song, "Denoising diffusion restoration
       models", NeurIPS 2022. :arxiv:`2201.11793`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb import EmpiricalDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.sampling import random_pixels, solve_inverse
    >>> X = make_disk_images(20, 16, random_state=0)
    >>> denoiser = EmpiricalDenoiser().fit(X)
    >>> operator = random_pixels((16, 16), 0.2, random_state=0)
    >>> solution = solve_inverse(
    ...     denoiser, operator @ X[0].ravel(), operator, n_draws=2, random_state=0
    ... )
    >>> solution.mean.shape
    (16, 16)
    >>> bool(np.abs(solution.mean - X[0]).mean() < 0.05)
    True
    """
    denoiser = as_denoiser(denoiser)
    image_shape = _shape_of_images(operator, image_shape, denoiser)
    height, width, channels = height_width_channels(image_shape)
    check_n_channels(denoiser, channels, "image_shape")
    operator = check_operator(operator, height * width * channels)
    is_told = denoiser.data_range is not None
    measurements = check_measurements(measurements, operator.shape[0], is_told)
    black, white = check_data_range(denoiser.data_range) or (0.0, 1.0)
    of_black = multiply(operator, np.full((1, operator.shape[1]), black))
    m = (np.atleast_2d(measurements) - of_black) / (white - black)
    sampler = SAMPLER if sampler is None else sampler
    is_sampler = isinstance(sampler, Sampler)  # If not, run_sampler raises an error.
    sigma_max = (sampler.sigma_max if is_sampler else None) or 1.0
    measured = _measured_coordinates(operator, m, noise_std, sigma_max, n_draws)
    _warn_of_units(operator, m, noise_std, denoiser.data_range)
    smallest = float(measured.noise_std.min())
    if is_sampler and smallest >= min(sampler.sigma_min, NEGLIGIBLE_NOISE):
        sampler = _DenoiseLast(
            _with_sigma_min(sampler, smallest, noise_std),
            measured,
            sigma_max=sigma_max,
            sigma_min=smallest,
        )

    if mean is None:
        mean = denoiser.prior((height, width)).mean
    shape = (len(measured.coordinates), channels, height, width)
    first = _broadcast_mean(mean, shape)
    y, trajectory = run_sampler(
        denoiser,
        sampler,
        measured.insert(first, sigma_max),
        shape,
        device=denoiser.device_,
        condition=measured.denoise,
        batch_size=batch_size,
        keep_every=keep_every if return_trajectory else None,
        callback=callback,
        random_state=random_state,
    )
    rows = images_to_rows(y).cpu().numpy()
    # Black belongs to the measurements, but cancels in the difference.
    residual = multiply(operator, rows) - np.tile(m, (n_draws, 1))
    sizes = np.linalg.norm(m + of_black / (white - black), axis=1)
    sizes = np.tile(np.maximum(sizes, 1e-300), n_draws)
    axes = measurements.shape[:-1]
    draws = from_fractions(rows.reshape(n_draws, *axes, *image_shape), (black, white))
    solution = Bunch(
        mean=draws.mean(axis=0),
        draws=draws,
        n_evaluations=trajectory.n_evaluations.reshape(n_draws, *axes),
        relative_residual=(np.linalg.norm(residual, axis=1) / sizes).reshape(
            n_draws, *axes
        ),
        black_and_white=(black, white),
    )
    if return_trajectory:
        solution.trajectory = trajectory
    return solution


@dataclass(frozen=True)
class _DenoiseLast(Sampler):
    """Run a sampler down to the noise of the measurements, and denoise the result.

    At this level, the image contains the measurements as they are, so the noise of all
    coordinates has the same level. If the sampler stops earlier, the image is denoised
    at the level where it stopped.
    """

    sampler: Sampler
    measured: Measurements

    def steps(self, denoise, y, sigma_max, draw_noise):
        """Yield images and noise levels; see :meth:`Sampler.steps`."""
        # Drawn first, so that the noise of an image does not depend on other images.
        z = draw_noise(y)
        steps = self.sampler.checked_steps(denoise, y, sigma_max, draw_noise)
        for y, sigma in steps:
            yield y, sigma
        sigma = torch.as_tensor(sigma).to(y).expand(len(y))
        is_reached = sigma <= SAME_LEVEL * self.sigma_min
        levels = torch.where(is_reached, self.sigma_min, sigma)
        amplitude = (levels**2 - sigma**2).clamp(min=0).sqrt().view(-1, 1, 1, 1)
        complete = self.measured.insert(y + amplitude * z, self.sigma_min)
        y = torch.where(is_reached.view(-1, 1, 1, 1), complete, y)
        yield denoise(y, levels), 0.0


def _with_sigma_min(sampler, sigma_min, noise_std):
    """Return a copy of a sampler that stops at the noise of the measurements."""
    try:
        return replace(sampler, sigma_min=sigma_min)
    except TypeError as error:
        name = type(sampler).__name__
        raise TypeError(
            f"noise_std={noise_std} needs a copy of the sampler {name} with "
            f"sigma_min={sigma_min:.3g}, which failed: {error}. Remove the __init__ of "
            f"{name}, and make {name} a dataclass, with "
            "@dataclass(frozen=True, kw_only=True)."
        ) from error


def _measured_coordinates(operator, m, noise_std, sigma_max, n_draws):
    """Convert measurements of n images to coordinates, once for each draw."""
    right_vectors, singular_values = decompose(operator)
    coordinates = multiply(right_vectors, multiply_transposed(operator, m))
    coordinates /= singular_values**2
    levels = noise_std / singular_values
    if levels.min() >= sigma_max:
        raise ValueError(
            f"noise_std={noise_std} hides all measurements: relative to the singular "
            f"values of the operator, their noise levels are {levels.min():.3g} or "
            f"more; expected a level below {sigma_max:g}, the first noise level of the "
            "sampler. Noise levels are fractions of the data range: if you mean "
            f"{noise_std:g} of 255, pass {noise_std:g} / 255."
        )
    if noise_std == 0:
        condition = singular_values.max() / singular_values.min()
        if condition > LARGEST_CONDITION:
            warn(
                f"noise_std=0, but the singular values of the operator differ by a "
                f"factor of {condition:.0f}. Errors of the measurements, such as "
                "rounding, grow by up to this factor. Pass their level as noise_std."
            )
        explained = multiply(operator, multiply_transposed(right_vectors, coordinates))
        part = np.linalg.norm(m - explained) / max(np.linalg.norm(m), 1e-300)
        if part > LARGEST_INCONSISTENCY:
            warn(
                f"No image has these measurements: {part:.1%} of them (relative norm) "
                "cannot come from the operator. Pass their noise level as noise_std, "
                "or check the operator."
            )
    return Measurements(right_vectors, np.tile(coordinates, (n_draws, 1)), levels)


def _warn_of_units(operator, m, noise_std, data_range):
    """Warn if measurements m, as fractions, are too large or too small for images.

    For m = M x, the inequality |m|^2 = x . M^T m <= |x| |M^T m| bounds the norm of the
    image from below.
    """
    n_rows, n_values = operator.shape
    size = np.linalg.norm(m, axis=1)
    gain = np.linalg.norm(multiply_transposed(operator, m), axis=1)
    gain /= np.maximum(size, 1e-300)
    noise = 2 * noise_std * math.sqrt(n_rows)
    bound = LARGEST_RMS * math.sqrt(n_values) * gain + noise
    of_white = np.linalg.norm(multiply(operator, np.ones((1, n_values))))
    is_large, is_told = (size > bound).any(), data_range is not None
    if is_large or (is_told and 0 < size.max() < SMALLEST_TOLD_WHITE * of_white):
        white = check_data_range(data_range)[1] if is_told else 1
        warn(
            f"measurements are much too {'large' if is_large else 'small'} for images "
            f"whose white is {white:g}. "
            + (
                f"Check data_range={data_range} of the denoiser and the measurements."
                if is_told
                else "Set the data_range of the denoiser to the values of black and "
                "white, for example denoiser.set_params(data_range=255), or divide the "
                "measurements by the value of white."
            )
        )


def _broadcast_mean(mean, shape):
    mean = torch.as_tensor(mean, dtype=torch.float64)
    try:
        return mean.expand(shape)
    except RuntimeError as error:
        raise ValueError(
            f"mean has shape {tuple(mean.shape)}; expected a number or a tensor that "
            f"broadcasts to {shape}."
        ) from error


def check_measurements(measurements, n_measurements, is_told=False):
    """Return measurements as floats (..., n_measurements), or raise a ValueError.

    Integers are accepted only if the user has told the data range.
    """
    measurements = np.asarray(measurements)
    if measurements.dtype.kind in "iu" and not is_told:
        raise ValueError(
            f"measurements has dtype {measurements.dtype}; expected floats. If the "
            "image has values from 0 to 255, measure image / 255, or set the "
            "data_range of the denoiser to 255."
        )
    if measurements.dtype.kind not in "biuf":
        raise ValueError(
            f"measurements has dtype {measurements.dtype}; expected floats. Measure "
            "the real and imaginary parts of complex values with a real operator."
        )
    measurements = measurements.astype(np.float64)
    n_images = math.prod(measurements.shape[:-1])
    fits = measurements.ndim in (1, 2) and measurements.shape[-1] == n_measurements
    if not fits or not n_images:
        raise ValueError(
            f"measurements has shape {measurements.shape}; expected "
            f"({n_measurements},) or (n_images, {n_measurements}), because the "
            f"operator has {n_measurements} rows."
        )
    if not np.isfinite(measurements).all():
        raise ValueError(
            "measurements contains NaN or infinity; expected finite values. Remove "
            "these measurements and the matching rows of the operator."
        )
    return measurements


def _shape_of_images(operator, image_shape, denoiser):
    own = getattr(operator, "image_shape", None)
    image_shape = own if image_shape is None else tuple(image_shape)
    if image_shape is None:
        size, n_channels = denoiser.prior().size, getattr(denoiser, "n_channels_in_", 1)
        image_shape = size if size is None or n_channels == 1 else (*size, n_channels)
    if image_shape is None:
        raise ValueError(
            "image_shape=None, and neither the operator nor the denoiser defines the "
            f"shape of the images. Pass image_shape as {SHAPES}."
        )
    if own is not None and tuple(own) != image_shape:
        raise ValueError(
            f"image_shape={image_shape}, but the operator measures images of shape "
            f"{tuple(own)}. Omit image_shape to use the shape of the operator."
        )
    return image_shape
