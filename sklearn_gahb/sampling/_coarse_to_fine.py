"""Coarse-to-fine stochastic ascent, with and without measurements."""

import math

import numpy as np
import torch

from .._warnings import warn
from ._evaluate import draw_noise, evaluate


def coarse_to_fine(
    denoise,
    y,
    sigma_start,
    *,
    sigma_end,
    step_size,
    step_schedule,
    beta,
    max_evaluations,
    seed,
    batch_size,
    follow,
    correct=None,
):
    r"""Climb the density, with steps that follow the noise that is left [1]_.

    With the residual :math:`r = \hat x(y) - y` of an image of d values,

    .. math:: \sigma^2 = \|r\|^2 / d, \qquad y \leftarrow y + h r + \gamma z, \qquad
              \gamma^2 = \left((1 - \beta h)^2 - (1 - h)^2\right) \sigma^2

    until :math:`\sigma \le` `sigma_end`, for each image by itself; then
    :math:`y \leftarrow y + r`. With measurements :math:`\sigma_t` is besides at most
    :math:`(1 - \beta h) \sigma_{t-1}`, what the step before was to leave, and at first
    `sigma_start`: residuals in a hole, where nothing holds the image, are more than
    noise, and would call for more of it in every step.

    Parameters
    ----------
    denoise : callable
        Is told the level that is expected from the step before.
    y : Tensor of shape (n, channels, height, width)
    sigma_start : float
    sigma_end, step_size, step_schedule, beta, max_evaluations
        As in `sample`.
    seed : int
    batch_size : int or None
    follow : callable
        ``follow(step, y, noise_std)`` after each step.
    correct : callable, default=None
        ``correct(r, y, active)`` replaces the residual where measurements are known,
        for the images with the indices `active`.

    Returns
    -------
    y : Tensor of shape (n, channels, height, width)
    n_evaluations : ndarray of shape (n,)

    References
    ----------
    .. [1] Z. Kadkhodaie, E. P. Simoncelli, "Solving linear inverse problems using the
       prior implicit in a denoiser", NeurIPS 2021. :arxiv:`2007.13640`
    """
    y = y.clone()
    sigma = y.new_full((len(y),), sigma_start)
    active = torch.arange(len(y), device=y.device)
    n_evaluations = np.zeros(len(y), dtype=int)
    for step in range(1, max_evaluations + 1):
        part = y[active]
        x_hat = evaluate(denoise, part, sigma[active], step, batch_size)
        n_evaluations[active.cpu().numpy()] += 1
        r = x_hat - part
        if correct is None:
            level = root_mean_square(r)
        else:
            r = correct(r, part, active)
            level = torch.minimum(root_mean_square(r), sigma[active])
        h = step_of(step, step_size, step_schedule)
        # Noise is drawn for all, so that it does not matter who has stopped.
        amplitude = math.sqrt((1 - beta * h) ** 2 - (1 - h) ** 2) * level
        noise = draw_noise(y, seed, step)[active]
        moving = level > sigma_end
        change = h * r + amplitude.view(-1, 1, 1, 1) * noise
        # The last step is a whole one: what noise is left goes, measurements are met.
        y[active] += torch.where(moving.view(-1, 1, 1, 1), change, r)
        sigma[active] = torch.where(moving, (1 - beta * h) * level, level)
        active = active[moving]
        follow(step, y, sigma)
        if not len(active):
            return y, n_evaluations
    warn(
        f"{len(active)} of {len(y)} images have noise of more than sigma_end="
        f"{sigma_end} left after {max_evaluations} evaluations, up to "
        f"{float(sigma[active].max()):.3g}. Increase max_evaluations or step_size, or "
        "check that levels and measurements are in the units of the denoiser."
    )
    return y, n_evaluations


def root_mean_square(r):
    """Of images (n, channels, height, width), each by itself: (n,)."""
    return r.flatten(1).norm(dim=1) / math.sqrt(r[0].numel())


def step_of(t, step_size, step_schedule):
    """h_t: constant, or h0 t / (1 + h0 (t - 1)), which tends to 1."""
    if step_schedule == "constant":
        return step_size
    return step_size * t / (1 + step_size * (t - 1))
