"""Transformers of others as denoisers."""

import numpy as np

from .base import BaseDenoiser
from .checks import to_numpy


class TransformerDenoiser(BaseDenoiser):
    """Any transformer of noisy images, fitted, as a denoiser.

    It has no Jacobian, and does not know the noise level.

    Parameters
    ----------
    transformer : estimator
        Has a method `transform`, which takes and returns noisy images of shape
        (n_images, height, width), (n_images, height, width, channels), or, where these
        came as rows, (n_images, n_pixels).

    See Also
    --------
    BaseDenoiser : For denoisers of your own.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklearn_gahb.denoisers import TransformerDenoiser
    >>> clip = TransformerDenoiser(FunctionTransformer(lambda X: X.clip(0, 1)))
    >>> clip.transform(np.array([[[0.5, 1.5]]]))
    array([[[0.5, 1. ]]])
    """

    # Rows are images of one line, and passed on as rows.
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
        # The images of the user, in the layout and dtype that `fit` has seen.
        return self._transform(noisy.data)

    def _transform(self, X):
        X_hat = self.transformer.transform(X)
        if not isinstance(X, list) and np.shape(X_hat) != np.shape(X):
            raise ValueError(
                f"{self.transformer!r} turns images of shape {np.shape(X)} into "
                f"{np.shape(X_hat)}: a denoiser keeps the shape."
            )
        return X_hat

    def __sklearn_is_fitted__(self):
        return True
