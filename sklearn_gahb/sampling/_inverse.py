"""Linear inverse problems with the density that is implicit in a denoiser."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ._coarse_to_fine import coarse_to_fine
from ._evaluate import Recorder, check_denoise, draw_noise
from ._measurements import (
    check_operator,
    height_width_channels,
    multiply,
    multiply_transposed,
)
from ._schedules import check_ends

POSITIVE = Interval(Real, 0, None, closed="neither")
COUNT = Interval(Integral, 1, None, closed="left")


@validate_params(
    {
        "denoise": "no_validation",
        "measurements": ["array-like"],
        "operator": "no_validation",
        "image_shape": [tuple, list, None],
        "n_draws": [COUNT],
        "sigma_start": [POSITIVE],
        "sigma_end": [POSITIVE],
        "step_size": [Interval(Real, 0, 1, closed="right")],
        "step_schedule": [StrOptions({"constant", "published"})],
        "beta": [Interval(Real, 0, 1, closed="both")],
        "max_evaluations": [COUNT],
        "mean": [Real],
        "batch_size": [COUNT, None],
        "keep_every": [COUNT],
        "return_trajectory": ["boolean"],
        "callback": [callable, None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def solve_inverse(
    denoise,
    measurements,
    operator,
    *,
    image_shape=None,
    n_draws=4,
    sigma_start=1.0,
    sigma_end=0.01,
    step_size=1.0,
    step_schedule="constant",
    beta=0.1,
    max_evaluations=1000,
    mean=0.5,
    batch_size=None,
    keep_every=1,
    return_trajectory=False,
    callback=None,
    device="cpu",
    random_state=None,
):
    r"""Reconstruct images from linear measurements.

    Coarse-to-fine stochastic ascent [1]_ in which the measurements m = M x replace what
    the denoiser has to say about them,

    .. math:: r = (I - M^T M)(\hat x(y) - y) + M^T (m - M y),

    draws from the posterior of the image. One draw is as sharp as images are; the mean
    of several has the smaller error. Unlike in [1]_ the level of the noise, measured by
    r, is bounded by what the step before was to leave, and at first by `sigma_start`:
    in holes, where nothing holds the image, it would grow with the residuals.

    Parameters
    ----------
    denoise : callable
        ``denoise(y, noise_std) -> x_hat`` on float tensors of shape (n, channels,
        height, width); :func:`~sklearn_gahb.denoisers.as_denoise` makes one of an
        estimator. `noise_std` is a tensor of shape (n,).
    measurements : array-like of shape (n_measurements,) or (n_images, n_measurements)
        M times the flattened images, in the units of the denoiser: of images in [0, 1]
        if it was fitted on unsigned integers.
    operator : LinearOperator of shape (n_measurements, n_values)
        M, with orthonormal rows: a :class:`MeasurementOperator`, any
        :class:`scipy.sparse.linalg.LinearOperator`, such as those of PyLops, or a
        matrix. It multiplies images in the order of :meth:`numpy.ndarray.ravel`.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels). None takes that of a
        :class:`MeasurementOperator`.
    n_draws : int, default=4
        Number of draws for each image.
    sigma_start : float, default=1.0
        Level of the noise that is added to the first image, in the units of the images.
    sigma_end : float, default=0.01
        Level, bounded so, at which a draw is done, but for a last whole step.
    step_size : float, default=1.0
        The h, or h_0 of the published schedule. With 1 the image is denoised and fresh
        noise is added, which carries what was measured farthest in few steps: where 10
        percent of the pixels of photographs are known it gives 1 to 4 dB more than the
        published 0.05 with beta = 0.2, and in holes about as much. For draws that have
        nearly the variance of the posterior take 0.05 and beta = 0.5.
    step_schedule : {"constant", "published"}, default="constant"
        "constant", or :math:`h_t = h_0 t / (1 + h_0 (t - 1))` [1]_.
    beta : float, default=0.1
        Share of the step by which noise is let down. Smaller values are slower and
        carry farther, such as 0.02 between few scattered pixels; in holes images drift
        in many steps, and 0.2 is safer.
    max_evaluations : int, default=1000
        Bound on the number of steps.
    mean : float, default=0.5
        Intensity of the first images where nothing was measured.
    batch_size : int, default=None
        Images that are denoised at a time. None means as many as have 2**18 values.
    keep_every : int, default=1
        Which steps the trajectory keeps.
    return_trajectory : bool, default=False
        Whether the result holds the trajectory.
    callback : callable, default=None
        ``callback(step, images, noise_std)``, before the first step (0) and after each,
        with all draws.
    device : str or torch.device, default="cpu"
        Where the denoiser wants its images.
    random_state : int, RandomState instance or None, default=None
        Determines the noise.

    Returns
    -------
    solution : :class:`~sklearn.utils.Bunch`
        With the attributes

        mean : ndarray of shape (n_images, height, width[, channels])
            Mean of the draws. Without the first axis if `measurements` is 1-D.
        draws : ndarray of shape (n_draws, n_images, height, width[, channels])
            The draws; without the second axis likewise.
        n_evaluations : ndarray of shape (n_draws, n_images)
            How often each was denoised.
        deviation : ndarray of shape (n_draws, n_images)
            :math:`|M x - m| / |m|` of each.
        trajectory : Trajectory
            Of all draws, draw by draw. Only if `return_trajectory` is True.

    Raises
    ------
    ValueError
        If the rows of the operator are not orthonormal, shapes do not fit,
        `measurements` are integers, or the denoiser returns another shape or NaN.

    See Also
    --------
    sample : Without measurements.

    References
    ----------
    .. [1] Z. Kadkhodaie, E. P. Simoncelli, "Solving linear inverse problems using the
       prior implicit in a denoiser", NeurIPS 2021. :arxiv:`2007.13640`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb import DiskPosteriorDenoiser, as_denoise
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.sampling import random_pixels, solve_inverse
    >>> X = make_disk_images(2, 16, random_state=0)
    >>> denoise = as_denoise(DiskPosteriorDenoiser(random_state=0).fit(X))
    >>> operator = random_pixels((16, 16), 0.2, random_state=0)
    >>> solution = solve_inverse(
    ...     denoise, operator @ X[0].ravel(), operator, n_draws=2, random_state=0
    ... )
    >>> solution.mean.shape
    (16, 16)
    >>> bool(np.abs(solution.mean - X[0]).mean() < 0.05)
    True
    """
    check_denoise(denoise)
    check_ends(sigma_start, sigma_end)
    image_shape = _image_shape(operator, image_shape)
    operator = check_operator(operator, int(np.prod(image_shape)))
    measurements = np.asarray(measurements)
    if measurements.dtype.kind in "iu":
        raise ValueError(
            f"measurements has the dtype {measurements.dtype}; floats are accepted. Of "
            "an image of 0 to 255 measure image / 255, as the denoiser expects."
        )
    measurements = measurements.astype(np.float64)
    if (
        measurements.ndim not in (1, 2)
        or measurements.shape[-1] != operator.shape[0]
        or 0 in measurements.shape
    ):
        raise ValueError(
            f"measurements has shape {measurements.shape}; ({operator.shape[0]},) or "
            f"(n_images, {operator.shape[0]}) goes with the operator."
        )
    if not np.isfinite(measurements).all():
        raise ValueError("measurements contains NaN or infinity.")
    m = np.tile(np.atleast_2d(measurements), (n_draws, 1))

    known = multiply_transposed(operator, m)
    flat = np.full_like(known, mean)
    start = flat + known - multiply_transposed(operator, multiply(operator, flat))
    y = to_images(start, image_shape).to(device)
    seed = check_random_state(random_state).randint(2**31 - 1)
    y = y + sigma_start * draw_noise(y, seed, 0)

    def correct(r, y, active):
        rows = from_images(r, image_shape)
        measured = multiply(operator, rows + from_images(y, image_shape))
        difference = m[active.cpu().numpy()] - measured
        change = multiply_transposed(operator, difference)
        return r + to_images(change, image_shape).to(r)

    record = Recorder(keep_every if return_trajectory else None, callback)
    with torch.no_grad():
        record(0, y, sigma_start)
        y, n_evaluations = coarse_to_fine(
            denoise,
            y,
            sigma_start,
            sigma_end=sigma_end,
            step_size=step_size,
            step_schedule=step_schedule,
            beta=beta,
            max_evaluations=max_evaluations,
            seed=seed,
            batch_size=batch_size,
            follow=record,
            correct=correct,
        )
    rows = from_images(y, image_shape)
    deviation = np.linalg.norm(multiply(operator, rows) - m, axis=1)
    deviation = deviation / np.maximum(np.linalg.norm(m, axis=1), 1e-300)
    axes = measurements.shape[:-1]
    draws = rows.reshape(n_draws, *axes, *image_shape)
    solution = Bunch(
        mean=draws.mean(axis=0),
        draws=draws,
        n_evaluations=n_evaluations.reshape(n_draws, *axes),
        deviation=deviation.reshape(n_draws, *axes),
    )
    if return_trajectory:
        solution.trajectory = record.finish(n_evaluations)
    return solution


def _image_shape(operator, image_shape):
    if image_shape is None:
        image_shape = getattr(operator, "image_shape", None)
    if image_shape is None:
        raise ValueError(
            "image_shape=None, and the operator does not tell it: pass (height, width) "
            "or (height, width, channels)."
        )
    height_width_channels(image_shape)
    own = getattr(operator, "image_shape", None)
    if own is not None and tuple(own) != tuple(image_shape):
        raise ValueError(
            f"image_shape={tuple(image_shape)}, but the operator measures images of "
            f"shape {tuple(own)}."
        )
    return tuple(image_shape)


def to_images(rows, image_shape):
    """Rows (k, d) as a float32 tensor (k, channels, height, width)."""
    height, width, channels = (*image_shape, 1)[:3]
    images = torch.from_numpy(np.asarray(rows, dtype=np.float32))
    return images.reshape(-1, height, width, channels).permute(0, 3, 1, 2)


def from_images(images, image_shape):
    """Inverse of `to_images`."""
    return images.permute(0, 2, 3, 1).reshape(len(images), -1).cpu().numpy()
