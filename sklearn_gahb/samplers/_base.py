"""What all samplers share: the interface, the loop around it, and the record."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import chain, count
from typing import ClassVar

import numpy as np
import torch
from sklearn.utils import check_random_state, gen_batches

from .._sklearn_compat import POSITIVE, validate_parameters, validate_params

# Values that are denoised at a time, if nothing else is asked for.
VALUES_AT_ONCE = 2**18


@dataclass(frozen=True, kw_only=True)
class Sampler(ABC):
    """Base class of samplers: a way from noise to images.

    A sampler of your own is a frozen dataclass with one method, `steps`. Its parameters
    are fields, passed by name if the decorator says ``kw_only=True``; the class
    attribute `constraints` may hold scikit-learn's constraints on their values. If it
    follows noise levels that are known beforehand, derive it from
    :class:`ScheduledSampler`.

    Parameters
    ----------
    sigma_max : float, default=None
        Noise level to begin with, in the units of the images. The first image is the
        mean plus noise of this level. It lacks the variance of the images themselves,
        so the level should be several times the distance between images (not pixels),
        if the denoiser works at such levels; else samples crowd on what is closest to
        the mean. None takes the highest level that a network was trained for, ten times
        the spread of the images for denoisers that know it, and else 1.
    sigma_min : float, default=0.01
        Noise level to end with, positive.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import torch
    >>> from sklearn_gahb.samplers import Sampler, run_sampler
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Halving(Sampler):
    ...     def steps(self, denoise, y, sigma_max, draw_noise):
    ...         sigma = sigma_max
    ...         while sigma > self.sigma_min:
    ...             y = y + (denoise(y, sigma) - y) / 2
    ...             sigma = sigma / 2
    ...             yield y, sigma
    >>> y, trajectory = run_sampler(
    ...     lambda y, noise_std: 0 * y, Halving(), 0.0, (1, 1, 4, 4), sigma_max=1.0
    ... )
    >>> trajectory.n_evaluations
    array([7])
    """

    sigma_max: float | None = None
    sigma_min: float = 0.01
    constraints: ClassVar = {"sigma_max": [POSITIVE, None], "sigma_min": [POSITIVE]}

    def __post_init__(self):
        validate_parameters(self.constraints, vars(self), type(self).__name__)
        if self.sigma_max is not None:
            check_ends(self.sigma_max, self.sigma_min)

    @abstractmethod
    def steps(self, denoise, y, sigma_max, draw_noise):
        """Yield the images after each step.

        Parameters
        ----------
        denoise : callable
            ``denoise(y, noise_std) -> x_hat`` for all images (n, channels, height,
            width); `noise_std` is a number or a tensor of shape (n,).
            ``denoise(y, noise_std, active)`` denoises, and returns, those images alone
            whose indices are in the tensor `active`.
        y : Tensor of shape (n, channels, height, width)
            The first images: their mean plus noise.
        sigma_max : float
            Noise level of these.
        draw_noise : callable
            ``draw_noise(y)`` returns standard normal noise like `y`, another one in
            each call.

        Yields
        ------
        y : Tensor of shape (n, channels, height, width)
            The images. A sampler must not change them afterwards.
        noise_std : float or Tensor of shape (n,)
            Their noise level.
        """


@dataclass(frozen=True)
class Trajectory:
    """What happened to samples on the way.

    Parameters
    ----------
    images : ndarray of shape (n_kept, n, height, width[, channels])
        The states that were kept, the first and the last among them.
    noise_std : ndarray of shape (n_kept, n)
        Noise levels of these.
    n_evaluations : ndarray of int of shape (n,)
        How often each image was denoised.

    Examples
    --------
    >>> from sklearn_gahb.sampling import sample
    >>> from sklearn_gahb.samplers import DDIM
    >>> _, trajectory = sample(
    ...     lambda y, noise_std: y / 2,
    ...     3,
    ...     image_shape=(8, 8),
    ...     sampler=DDIM(n_steps=4),
    ...     return_trajectory=True,
    ... )
    >>> trajectory.images.shape, trajectory.n_evaluations
    ((5, 3, 8, 8), array([4, 4, 4]))
    """

    images: np.ndarray
    noise_std: np.ndarray
    n_evaluations: np.ndarray


@validate_params()
def run_sampler(
    denoise,
    sampler,
    mean,
    shape,
    *,
    sigma_max=1.0,
    device=None,
    constrain=None,
    batch_size=None,
    keep_every=None,
    callback=None,
    random_state=None,
):
    """Run a sampler with any callable.

    :func:`sklearn_gahb.sampling.sample` and :func:`sklearn_gahb.sampling.solve_inverse`
    call it.

    Parameters
    ----------
    denoise : callable
        ``denoise(y, noise_std) -> x_hat`` on float tensors. `noise_std` is a number, or
        a tensor of shape (n, 1, 1, 1).
    sampler : Sampler
        The method.
    mean : float or Tensor that broadcasts to `shape`
        Mean of the first images.
    shape : tuple of (int, int, int, int)
        (n, channels, height, width) of the samples.
    sigma_max : float, default=1.0
        Noise level to begin with if the sampler has none.
    device : torch.device, default=None
        Where `denoise` wants its images. None means the CPU.
    constrain : callable, default=None
        ``constrain(x_hat, indices)`` replaces what is known of the denoised images that
        have these indices.
    batch_size : int, default=None
        Number of images that are denoised at a time. None means as many as have 2**18
        values.
    keep_every : int, default=None
        Which steps the trajectory keeps. None keeps the last one.
    callback : callable, default=None
        ``callback(step, y, noise_std)``, before the first step (0) and after each.
    random_state : int, RandomState instance or None, default=None
        Determines the noise, whatever the batches and the number of images.

    Returns
    -------
    y : Tensor of shape (n, channels, height, width)
        Samples, float32.
    trajectory : Trajectory
        What was kept.

    Examples
    --------
    >>> from sklearn_gahb.samplers import DDIM, run_sampler
    >>> y, _ = run_sampler(lambda y, noise_std: y / 2, DDIM(), 0.5, (2, 1, 8, 8))
    >>> y.shape
    torch.Size([2, 1, 8, 8])
    """
    if not isinstance(sampler, Sampler):
        raise TypeError(
            f"sampler={sampler!r} must be an object of sklearn_gahb.samplers, such as "
            "DDIM(n_steps=50), or of a class that derives from Sampler."
        )
    if len(shape) != 4 or not all(n > 0 for n in shape):
        raise ValueError(
            f"shape={tuple(shape)} must be (n, channels, height, width), with at least "
            "one image and one pixel."
        )
    sigma_max = sampler.sigma_max or sigma_max
    if sigma_max <= sampler.sigma_min:
        raise ValueError(
            f"The denoiser begins at noise {sigma_max}, the highest that it knows, "
            f"which is not above sigma_min={sampler.sigma_min} of the sampler; pass "
            "another sigma_min, or sigma_max."
        )
    evaluate = _Evaluation(denoise, constrain, shape[0], batch_size)
    draw_noise = _noise_source(check_random_state(random_state).randint(2**31 - 1))
    kept = []
    with torch.no_grad():
        mean = _expand(mean, shape, device)
        first = mean + sigma_max * draw_noise(mean)
        steps = sampler.steps(evaluate, first, sigma_max, draw_noise)
        for step, state in enumerate(chain([(first, sigma_max)], steps)):
            y, sigma = _check_state(state, sampler, first.shape)
            is_kept = keep_every is not None and step % keep_every == 0
            if is_kept:
                kept.append(_as_arrays(y, sigma))
            if callback is not None:
                callback(step, y.clone(), sigma)
    if step == 0:
        raise ValueError(f"{type(sampler).__name__}.steps has yielded nothing.")
    if not is_kept:
        kept.append(_as_arrays(y, sigma))
    images, levels = (np.stack(one) for one in zip(*kept, strict=True))
    return y, Trajectory(images, levels, evaluate.counts)


class _Evaluation:
    """Calls of a denoiser in batches: counted, and checked.

    Attributes
    ----------
    counts : ndarray of int of shape (n,)
        How often each image was denoised.
    """

    def __init__(self, denoise, constrain, n, batch_size):
        self.denoise, self.constrain, self.batch_size = denoise, constrain, batch_size
        self.counts = np.zeros(n, dtype=int)

    def __call__(self, y, noise_std, active=None):
        if active is None:
            active = torch.arange(len(y), device=y.device)
        indices = active.cpu().numpy()
        self.counts[indices] += 1
        x_hat = torch.empty_like(y[active])
        n_at_once = self.batch_size or max(1, VALUES_AT_ONCE // y[0].numel())
        for batch in gen_batches(len(active), n_at_once):
            chosen = active[batch]
            level = noise_std
            if torch.is_tensor(noise_std) and noise_std.ndim:
                level = noise_std[chosen].reshape(-1, 1, 1, 1)
            # Indexing copies: what denoises in place must not change the state.
            output = self.denoise(y[chosen], level)
            self._check(output, x_hat[batch].shape)
            x_hat[batch] = output
        return x_hat if self.constrain is None else self.constrain(x_hat, indices)

    def _check(self, output, shape):
        if not torch.is_tensor(output) or output.shape != shape:
            raise ValueError(
                f"denoise must return a tensor of the shape of its input, "
                f"{tuple(shape)}; at step {self.counts.max()} it returned "
                f"{tuple(getattr(output, 'shape', ()))}, a {type(output).__name__}."
            )
        if not output.isfinite().all():
            raise ValueError(
                f"denoise returned NaN or infinity at step {self.counts.max()}."
            )


def _check_state(state, sampler, shape):
    """Images and noise level that a sampler has yielded; or a ValueError."""
    y = state[0] if isinstance(state, tuple) and len(state) == 2 else None
    if not torch.is_tensor(y) or y.shape != shape or not y.isfinite().all():
        found = f" with y of shape {tuple(y.shape)}" if torch.is_tensor(y) else ""
        raise ValueError(
            f"{type(sampler).__name__}.steps must yield pairs (y, noise_std) with "
            f"finite images y of shape {tuple(shape)}; it yielded {type(state)}{found}."
        )
    return state


def _noise_source(seed):
    """Function that draws noise like y: of each image, whatever others there are."""
    numbers = count()

    def draw_noise(y):
        rng = np.random.default_rng([seed, next(numbers)])
        dtype = np.float64 if y.dtype == torch.float64 else np.float32
        return torch.from_numpy(rng.standard_normal(y.shape, dtype)).to(y)

    return draw_noise


def _expand(mean, shape, device):
    mean = torch.as_tensor(mean, dtype=torch.float32, device=device)
    try:
        return mean.expand(tuple(shape))
    except RuntimeError as error:
        raise ValueError(
            f"mean has shape {tuple(mean.shape)}, which does not broadcast to "
            f"{tuple(shape)}."
        ) from error


def _as_arrays(y, noise_std):
    images = y.permute(0, 2, 3, 1).cpu().numpy().copy()
    levels = torch.as_tensor(noise_std).cpu().expand(len(y)).numpy().copy()
    return images[..., 0] if images.shape[-1] == 1 else images, levels


def check_ends(sigma_max, sigma_min):
    """Raise a ValueError unless the noise gets less."""
    if sigma_min >= sigma_max:
        raise ValueError(f"sigma_min={sigma_min} must be below sigma_max={sigma_max}.")
