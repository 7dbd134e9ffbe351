"""Diffusion backwards in noise levels that are given: one loop, three methods."""

from itertools import pairwise

import numpy as np

from ._evaluate import draw_noise, evaluate


def reverse_diffusion(
    denoise, y, sigmas, *, gamma, is_stochastic, seed, batch_size, follow
):
    r"""Follow the levels `sigmas` from images at the first of them to the last.

    With :math:`\epsilon_t = (y_t - \hat x(y_t)) / \sigma_t` and
    :math:`\bar\epsilon_t = \gamma \epsilon_t + (1 - \gamma) \epsilon_{t+1}` (the first
    step has :math:`\gamma` = 1),

    .. math:: y_{t-1} = y_t + (\sigma_{\mathrm{down}} - \sigma_t) \bar\epsilon_t
              + \sigma_{\mathrm{up}} z

    where the level goes down to :math:`\sigma_{t-1}` at once, or, if `is_stochastic`,
    to :math:`\sigma_{t-1}^2 / \sigma_t`, and up again by fresh noise. The latter is the
    ancestral step of variance-preserving diffusion in the scale y = x / sqrt(abar).

    Parameters
    ----------
    denoise : callable
    y : Tensor of shape (n, channels, height, width)
    sigmas : ndarray
        Decreasing; 0 may be the last.
    gamma : float
    is_stochastic : bool
    seed : int
    batch_size : int or None
    follow : callable
        ``follow(step, y, noise_std)`` after each step.

    Returns
    -------
    y : Tensor of shape (n, channels, height, width)
    """
    previous = None
    for step, (sigma, target) in enumerate(pairwise(sigmas), 1):
        x_hat = evaluate(denoise, y, float(sigma), step, batch_size)
        eps = (y - x_hat) / sigma
        direction = eps if previous is None else gamma * eps + (1 - gamma) * previous
        previous = eps
        down = target**2 / sigma if is_stochastic else target
        y = y + (down - sigma) * direction
        up = np.sqrt(target**2 - down**2)
        if up > 0:
            y = y + up * draw_noise(y, seed, step)
        follow(step, y, target)
    return y
