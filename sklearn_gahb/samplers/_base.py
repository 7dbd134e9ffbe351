"""The sampler interface, the loop that runs a sampler, and the recorded trajectory."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import chain, count
from typing import ClassVar

import numpy as np
import torch
from sklearn.utils import check_random_state, gen_batches

from .._sklearn_compat import POSITIVE, validate_parameters, validate_params

# Default number of values (pixels times channels) to denoise at a time.
VALUES_AT_ONCE = 2**18


@dataclass(frozen=True, kw_only=True)
class Sampler(ABC):
    """Base class for samplers, which turn noise into images.

    To write your own sampler, define a subclass that is a frozen dataclass and has the
    method `steps`. The fields of the dataclass are the parameters of the sampler. The
    parameters are keyword-only if the decorator has ``kw_only=True``. The class
    attribute `constraints` can hold scikit-learn constraints on the parameters. If the
    noise levels are known in advance, derive your class from :class:`ScheduledSampler`.

    Parameters
    ----------
    sigma_max : float, default=None
        First noise level, in the units of the images. Networks start from Gaussian
        images with the moments of their training images, and other denoisers from the
        mean of the images. Noise of this level is added. If the noise level is too low,
        samples depend too much on this start: without the variance of the clean images,
        they concentrate on the images closest to the mean. A good choice is several
        times the typical distance between two images (the norm of their difference), if
        the denoiser works at this level. If None, the denoiser sets the first noise
        level. Networks use the highest noise level that they were trained for.
        Denoisers that know the spread of the images use ten times that spread. Other
        denoisers use 1.
    sigma_min : float, default=0.01
        Last noise level. Must be positive.

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
            Denoising function. ``denoise(y, noise_std)`` denoises all images `y`, a
            tensor of shape (n, channels, height, width). `noise_std` is a number or a
            tensor of shape (n,). ``denoise(y, noise_std, active)`` denoises and returns
            only the images whose indices are in the tensor `active`.
        y : Tensor of shape (n, channels, height, width)
            Noisy images from which sampling starts: the mean plus noise.
        sigma_max : float
            Noise level of the noisy images `y`.
        draw_noise : callable
            Source of noise. ``draw_noise(y)`` returns new standard normal noise in the
            shape of `y`.

        Yields
        ------
        y : Tensor of shape (n, channels, height, width)
            Images after the step. The sampler must not modify this tensor later.
        noise_std : float or Tensor of shape (n,)
            Noise level of the images after the step.
        """

    def checked_steps(self, denoise, y, sigma_max, draw_noise):
        """Call :meth:`steps`; raise a ValueError for wrong images or levels."""
        name, pair = f"{type(self).__name__}.steps", None
        for pair in self.steps(denoise, y, sigma_max, draw_noise):
            _check_pair(pair, name, y.shape)
            yield pair
        if pair is None:
            raise ValueError(
                f"{name} yielded no images; it must yield at least one pair "
                "(y, noise_std)."
            )


@dataclass(frozen=True)
class Trajectory:
    """Images and noise levels at the steps of a sampler.

    Parameters
    ----------
    images : ndarray of shape (n_kept, n, height, width[, channels])
        Images at the recorded steps. The last step is always recorded.
    noise_std : ndarray of shape (n_kept, n)
        Noise levels at the recorded steps.
    n_evaluations : ndarray of int of shape (n,)
        Number of times that the sampler denoised each image.

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
    condition=None,
    batch_size=None,
    keep_every=None,
    callback=None,
    random_state=None,
):
    """Run a sampler with any denoising function.

    :func:`sklearn_gahb.sampling.sample` and :func:`sklearn_gahb.sampling.solve_inverse`
    call this function.

    Parameters
    ----------
    denoise : callable
        Denoising function ``denoise(y, noise_std) -> x_hat`` on float tensors.
        `noise_std` is a number or a tensor of shape (n, 1, 1, 1).
    sampler : Sampler
        Sampling method.
    mean : float or Tensor that broadcasts to `shape`
        Mean of the noisy images from which sampling starts.
    shape : tuple of (int, int, int, int)
        (n, channels, height, width) of the samples.
    sigma_max : float, default=1.0
        First noise level if ``sampler.sigma_max`` is None.
    device : torch.device, default=None
        Device of the images that `denoise` receives. If None, the CPU is used.
    condition : callable, default=None
        Function ``condition(denoise, y, noise_std, indices) -> x_hat`` that calls
        `denoise` and uses what is known about the images, for example measurements.
        `indices` holds the position of each image of `y` among the n samples.
        Torch computes gradients in this function only if you enable them, with
        :class:`torch.enable_grad`.
    batch_size : int, default=None
        Number of images to denoise at a time. If None, each batch holds about 2**18
        values, that is, images times pixels times channels.
    keep_every : int, default=None
        Interval, in steps, at which the trajectory records the images. The initial
        noisy images (step 0) and the last step are always recorded. If None, only the
        last step is recorded.
    callback : callable, default=None
        Function ``callback(step, y, noise_std)`` that is called before the first step
        (as step 0) and after each step.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise. If an int, the noise of an image does not depend on
        `batch_size` or on the number of images.

    Returns
    -------
    y : Tensor of shape (n, channels, height, width)
        Samples in float32.
    trajectory : Trajectory
        Recorded steps.

    Examples
    --------
    >>> from sklearn_gahb.samplers import DDIM, run_sampler
    >>> y, _ = run_sampler(lambda y, noise_std: y / 2, DDIM(), 0.5, (2, 1, 8, 8))
    >>> y.shape
    torch.Size([2, 1, 8, 8])
    """
    if not isinstance(sampler, Sampler):
        raise TypeError(
            f"sampler={sampler!r} must be a sampler from sklearn_gahb.samplers, such "
            "as DDIM(n_steps=50), or an instance of your own subclass of Sampler."
        )
    if len(shape) != 4 or not all(n > 0 for n in shape):
        raise ValueError(
            f"shape={tuple(shape)} must be (n, channels, height, width) with at least "
            "one image, one channel and one pixel."
        )
    sigma_max = sampler.sigma_max or sigma_max
    if sigma_max <= sampler.sigma_min:
        raise ValueError(
            f"The sampler begins at noise {sigma_max}, the highest level of the "
            f"denoiser, but sigma_min={sampler.sigma_min} is not below this level. "
            "Pass the sampler a smaller sigma_min or a larger sigma_max."
        )
    evaluate = _Evaluation(denoise, condition, shape[0], batch_size)
    draw_noise = _noise_source(check_random_state(random_state).randint(2**31 - 1))
    kept = []
    with torch.no_grad():
        mean = _expand(mean, shape, device)
        first = mean + sigma_max * draw_noise(mean)
        steps = sampler.checked_steps(evaluate, first, sigma_max, draw_noise)
        for step, (y, sigma) in enumerate(chain([(first, sigma_max)], steps)):
            is_kept = keep_every is not None and step % keep_every == 0
            if is_kept:
                kept.append(_as_arrays(y, sigma))
            if callback is not None:
                callback(step, y.clone(), sigma)
    if not is_kept:
        kept.append(_as_arrays(y, sigma))
    images, levels = (np.stack(one) for one in zip(*kept, strict=True))
    return y, Trajectory(images, levels, evaluate.counts)


class _Evaluation:
    """Denoise in batches, check each output, and count the evaluations.

    Attributes
    ----------
    counts : ndarray of int of shape (n,)
        Number of times that the sampler denoised each image.
    """

    def __init__(self, denoise, condition, n, batch_size):
        self.denoise, self.condition, self.batch_size = denoise, condition, batch_size
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
            # Indexing copies, so a denoiser that works in place cannot change y.
            if self.condition is None:
                x_hat[batch] = self._checked(y[chosen], level)
            else:
                x_hat[batch] = self.condition(
                    self._checked, y[chosen], level, indices[batch]
                )
        return x_hat

    def _checked(self, y, noise_std):
        output = self.denoise(y, noise_std)
        if not torch.is_tensor(output) or output.shape != y.shape:
            raise ValueError(
                f"denoise must return a tensor in the shape of its input, "
                f"{tuple(y.shape)}; at step {self.counts.max()} it returned a "
                f"{type(output).__name__} of shape "
                f"{tuple(getattr(output, 'shape', ()))}."
            )
        if not output.isfinite().all():
            raise ValueError(
                f"denoise returned NaN or infinity at step {self.counts.max()}; "
                "it must return finite values."
            )
        return output


def _check_pair(pair, name, shape):
    """Raise a ValueError unless `pair`, which `name` yielded, is (y, noise_std)."""
    is_pair = isinstance(pair, tuple) and len(pair) == 2
    y, noise_std = pair if is_pair else (None, None)
    if not torch.is_tensor(y) or y.shape != shape or not y.isfinite().all():
        found = f" with y of shape {tuple(y.shape)}" if torch.is_tensor(y) else ""
        raise ValueError(
            f"{name} must yield pairs (y, noise_std) with finite images y of shape "
            f"{tuple(shape)}; it yielded {type(pair)}{found}."
        )
    try:
        levels = torch.as_tensor(noise_std, dtype=torch.float64).expand(shape[0])
        is_level = bool((levels.isfinite() & (levels >= 0)).all())
    except (RuntimeError, TypeError, ValueError):
        is_level = False
    if not is_level:
        raise ValueError(
            f"{name} must yield pairs (y, noise_std) with a noise level that is not "
            f"negative, or a tensor of {shape[0]} such levels; it yielded "
            f"noise_std={noise_std!r:.100}."
        )


def _noise_source(seed):
    """Return a function that draws noise independently for each image."""
    numbers = count()

    def draw_noise(y):
        rng = np.random.default_rng([seed, next(numbers)])
        dtype = np.float64 if y.dtype == torch.float64 else np.float32
        return torch.from_numpy(rng.standard_normal(y.shape, dtype)).to(y)

    return draw_noise


def _expand(mean, shape, device):
    try:
        values = torch.as_tensor(mean, dtype=torch.float32, device=device)
        return values.expand(tuple(shape))
    except (RuntimeError, TypeError, ValueError) as error:
        found = getattr(mean, "shape", None)
        found = f"={mean!r:.100}" if found is None else f" has shape {tuple(found)}"
        raise ValueError(
            f"mean{found}; expected a number or a tensor that broadcasts to "
            f"{tuple(shape)}."
        ) from error


def _as_arrays(y, noise_std):
    images = y.permute(0, 2, 3, 1).cpu().numpy().copy()
    levels = torch.as_tensor(noise_std).cpu().expand(len(y)).numpy().copy()
    return images[..., 0] if images.shape[-1] == 1 else images, levels


def check_ends(sigma_max, sigma_min):
    """Raise a ValueError if sigma_min is not below sigma_max."""
    if sigma_min >= sigma_max:
        raise ValueError(f"sigma_min={sigma_min} must be below sigma_max={sigma_max}.")
