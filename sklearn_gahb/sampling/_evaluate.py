"""What all samplers share: checked evaluations in batches, noise, and the record."""

import inspect
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.utils import gen_batches

# Values that are denoised at a time, if nothing else is asked for.
VALUES_AT_ONCE = 2**18


def evaluate(denoise, y, noise_std, step, batch_size):
    """Denoise images (n, c, h, w) in batches, and check what comes out.

    Parameters
    ----------
    denoise : callable
    y : Tensor of shape (n, channels, height, width)
    noise_std : float or Tensor of shape (n,)
    step : int
        What error messages call this evaluation.
    batch_size : int or None
    """
    if batch_size is None:
        batch_size = max(1, VALUES_AT_ONCE // y[0].numel())
    x_hat = torch.empty_like(y)
    for batch in gen_batches(len(y), batch_size):
        level = noise_std[batch] if torch.is_tensor(noise_std) else noise_std
        # A copy: what denoises in place must not change the state.
        output = denoise(y[batch].clone(), level)
        if not torch.is_tensor(output) or output.shape != y[batch].shape:
            raise ValueError(
                f"denoise must return a tensor of the shape of its input, "
                f"{tuple(y[batch].shape)}; at step {step} it returned "
                f"{tuple(getattr(output, 'shape', ()))}, a {type(output).__name__}."
            )
        if not output.isfinite().all():
            raise ValueError(f"denoise returned NaN or infinity at step {step}.")
        x_hat[batch] = output
    return x_hat


def check_denoise(denoise):
    """Raise a TypeError unless denoisers come as callables."""
    if hasattr(denoise, "transform"):
        raise TypeError(
            f"denoise={denoise!r} is an estimator; pass "
            "sklearn_gahb.as_denoise(estimator)."
        )
    if not callable(denoise):
        raise TypeError(f"denoise={denoise!r} must be callable.")
    # What modules are called with is what their forward takes.
    is_module = type(denoise).__call__ is torch.nn.Module.__call__
    if not takes_two(denoise.forward if is_module else denoise):
        raise TypeError(
            f"denoise, a {type(denoise).__name__}, must take two arguments, noisy "
            "images and their noise_std. Of a network that takes the images alone make "
            "sklearn_gahb.as_denoise(DNNDenoiser.from_module(network))."
        )


def takes_two(function):
    """Whether a callable takes two positional arguments; True if it does not tell."""
    try:
        with suppress(ValueError):
            inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    return True


def draw_noise(y, seed, step):
    """Standard normal noise like y; of each image, whatever others there are."""
    rng = np.random.default_rng([seed, step])
    dtype = np.float64 if y.dtype == torch.float64 else np.float32
    return torch.from_numpy(rng.standard_normal(y.shape, dtype)).to(y)


@dataclass
class Trajectory:
    """What happened on the way of samples.

    Parameters
    ----------
    images : list of Tensor of shape (n, channels, height, width)
        Every `keep_every`-th state, the first and the last among them, on the CPU.
    noise_std : list of ndarray of shape (n,)
        Noise levels of these.
    n_evaluations : ndarray of shape (n,)
        How often each image was denoised.

    Examples
    --------
    >>> from sklearn_gahb.sampling import sample
    >>> _, trajectory = sample(
    ...     lambda y, noise_std: y / 2, (3, 1, 8, 8), n_steps=4, return_trajectory=True
    ... )
    >>> len(trajectory.images), trajectory.n_evaluations
    (5, array([4, 4, 4]))
    """

    images: list = field(default_factory=list)
    noise_std: list = field(default_factory=list)
    n_evaluations: np.ndarray = None

    def keep(self, y, noise_std):
        self.images.append(y.cpu().clone())
        levels = torch.as_tensor(noise_std).cpu().expand(len(y))
        self.noise_std.append(levels.numpy().copy())


class Recorder:
    """Called after each step: keeps the trajectory, and tells the user's callback.

    Parameters
    ----------
    keep_every : int or None
        None keeps nothing.
    callback : callable or None
    """

    def __init__(self, keep_every, callback):
        self.keep_every, self.callback = keep_every, callback
        self.trajectory = Trajectory()
        self.is_kept = True

    def __call__(self, step, y, noise_std):
        self.state = y, noise_std
        self.is_kept = self.keep_every is None or step % self.keep_every == 0
        if self.keep_every is not None and self.is_kept:
            self.trajectory.keep(y, noise_std)
        if self.callback is not None:
            self.callback(step, y.clone(), noise_std)

    def finish(self, n_evaluations):
        """The trajectory, with the last state."""
        if not self.is_kept:
            self.trajectory.keep(*self.state)
        self.trajectory.n_evaluations = n_evaluations
        return self.trajectory
