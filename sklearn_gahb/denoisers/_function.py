"""Denoisers made from functions."""

import torch

from ..training import resolve_device
from .base import BaseDenoiser


class FunctionDenoiser(BaseDenoiser):
    """Denoiser made from a function of noisy images and their noise level.

    Parameters
    ----------
    function : callable
        Function ``function(y, noise_std) -> x_hat`` of float tensors of shape (n,
        channels, height, width). The function must treat each image independently.
        `noise_std` is a number, a tensor of shape (n, 1, 1, 1), or None if the noise
        level is unknown. A blind denoiser ignores `noise_std`. The denoiser has a
        Jacobian only if the function consists of differentiable torch operations.
    device : str or torch.device, default=None
        Device on which the function needs its images. If None, the images stay on their
        own device.
    noise_std : float, default=None
        Standard deviation of the noise that ``score(X)`` adds. The function receives
        this noise level if the caller passes none.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).
    random_state : int, RandomState instance or None, default=None
        Seeds the noise that ``score(X)`` adds.

    See Also
    --------
    sklearn_gahb.as_denoiser : Convert functions and other objects to denoisers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.denoisers import FunctionDenoiser
    >>> shrink = FunctionDenoiser(lambda y, noise_std: y / (1 + noise_std**2))
    >>> shrink.denoise_images(np.ones((1, 2, 2)), noise_std=1.0)
    array([[[0.5, 0.5],
            [0.5, 0.5]]])
    """

    _parameter_constraints: dict = {
        **BaseDenoiser._parameter_constraints,
        "function": [callable],
        "device": [str, torch.device, None],
    }

    def __init__(
        self,
        function,
        *,
        device=None,
        noise_std=None,
        data_range=None,
        image_shape=None,
        random_state=None,
    ):
        self.function = function
        self.device = device
        self.noise_std = noise_std
        self.data_range = data_range
        self.image_shape = image_shape
        self.random_state = random_state

    def denoise(self, y, noise_std=None):
        """Call the function; see :meth:`BaseDenoiser.denoise`."""
        return self.function(y, self._level(noise_std))

    @property
    def device_(self):
        """Device on which the function needs its images; None for any device."""
        return None if self.device is None else resolve_device(self.device)

    def __sklearn_is_fitted__(self):
        return True
