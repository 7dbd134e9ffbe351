"""Functions as denoisers."""

import torch

from ..training import resolve_device
from .base import BaseDenoiser


class FunctionDenoiser(BaseDenoiser):
    """A function of noisy images and their noise level, as a denoiser.

    Parameters
    ----------
    function : callable
        ``function(y, noise_std) -> x_hat`` on float tensors of shape (n, channels,
        height, width), each image by itself. `noise_std` is a number, a tensor of shape
        (n, 1, 1, 1), or None if nobody knows the level. Blind denoisers ignore it. For
        a Jacobian it must consist of differentiable torch operations.
    device : str or torch.device, default=None
        Where the function wants its images. None means where they are.
    noise_std : float, default=None
        Noise level that is passed on if no other one is given, and that ``score(X)``
        adds.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the rows of 2-D arrays.
    random_state : int, RandomState instance or None, default=None
        Seeds the noise that ``score(X)`` adds.

    See Also
    --------
    sklearn_gahb.as_denoiser : Takes functions as they are.

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
        image_shape=None,
        random_state=None,
    ):
        self.function = function
        self.device = device
        self.noise_std = noise_std
        self.image_shape = image_shape
        self.random_state = random_state

    def denoise(self, y, noise_std=None):
        """Call the function; see :meth:`BaseDenoiser.denoise`."""
        return self.function(y, self._level(noise_std))

    @property
    def device_(self):
        """Where the function wants its images; None if it follows them."""
        return None if self.device is None else resolve_device(self.device)

    def __sklearn_is_fitted__(self):
        return True
