"""Denoisers made from transformers of other packages."""

import numpy as np

from .._tensors import is_tensor
from .base import BaseDenoiser
from .checks import to_numpy


class TransformerDenoiser(BaseDenoiser):
    """Denoiser made from any fitted transformer of noisy images.

    This denoiser has no Jacobian and does not know the noise level.

    Parameters
    ----------
    transformer : estimator
        Fitted transformer. Its method `transform` takes noisy images and returns images
        of the same shape: (n_images, height, width), (n_images, height, width,
        channels), or (n_images, n_pixels) if the user passes images as rows.

    See Also
    --------
    BaseDenoiser : Base class for your own denoisers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklearn_gahb.denoisers import TransformerDenoiser
    >>> clip = TransformerDenoiser(FunctionTransformer(lambda X: X.clip(0, 1)))
    >>> clip.transform(np.array([[[0.5, 1.5]]]))
    array([[[0.5, 1. ]]])
    """

    # Rows count as images of height 1, and are passed on as rows.
    image_shape = (1, -1)

    def __init__(self, transformer):
        self.transformer = transformer

    def denoise(self, y, noise_std=None):
        """Transform the images; see :meth:`BaseDenoiser.denoise`."""
        n, channels, height, width = y.shape
        X = np.moveaxis(to_numpy(y, self), 1, -1)
        if channels == 1:
            X = X.reshape((n, width) if height == 1 else (n, height, width))
        X_hat = np.reshape(self._transform(X), (n, height, width, channels))
        return y.new_tensor(np.moveaxis(X_hat, -1, 1))

    def _restore(self, noisy, noise_std, clean):
        if is_tensor(noisy.stacks[0]):
            return super()._restore(noisy, noise_std, clean)
        # The user's images, in the layout and dtype that the transformer was fitted on.
        return self._transform(noisy.data)

    def _transform(self, X):
        X_hat = self.transformer.transform(X)
        if not isinstance(X, list) and np.shape(X_hat) != np.shape(X):
            raise ValueError(
                f"{self.transformer!r} turns images of shape {np.shape(X)} into an "
                f"array of shape {np.shape(X_hat)}. A denoiser must keep the shape."
            )
        return X_hat

    def __sklearn_is_fitted__(self):
        return True
