"""Denoisers applied in sequence."""

from ..units import data_range_of
from .base import BaseDenoiser
from .linearization import Linearization


class DenoiserChain(BaseDenoiser):
    """Sequence of fitted denoisers, applied like the steps of a pipeline.

    A noise level passed to the chain applies to the last denoiser. The other denoisers
    use their own noise levels.

    Parameters
    ----------
    denoisers : list of BaseDenoiser
        Fitted denoisers, in the order in which they are applied.

    See Also
    --------
    sklearn_gahb.as_denoiser : Make a chain from a pipeline.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.denoisers import DenoiserChain, FunctionDenoiser
    >>> halve = FunctionDenoiser(lambda y, noise_std: y / 2)
    >>> DenoiserChain([halve, halve]).transform(np.ones((1, 1, 2)))
    array([[[0.25, 0.25]]])
    """

    def __init__(self, denoisers):
        self.denoisers = denoisers

    @property
    def image_shape(self):
        """Shape of the images in the rows that the first denoiser takes."""
        return self.denoisers[0].image_shape

    @property
    def data_range(self):
        """Common data range of all denoisers."""
        return data_range_of(*self.denoisers)

    @property
    def noise_std(self):
        """Noise level of the last denoiser."""
        return self.denoisers[-1].noise_std

    @property
    def n_channels_in_(self) -> int:
        """Number of channels that the first denoiser saw during `fit`."""
        return self.denoisers[0].n_channels_in_

    def denoise(self, y, noise_std=None):
        """Apply each denoiser in turn; see :meth:`BaseDenoiser.denoise`."""
        for denoiser, level in self._steps(noise_std):
            y = denoiser(y, level)
        return y

    def linearize(self, y, noise_std=None):
        """Linearize by the chain rule; see :meth:`BaseDenoiser.linearize`."""
        linearizations = []
        for denoiser, level in self._steps(noise_std):
            linearizations.append(denoiser.linearize(y, level))
            y = linearizations[-1].x_hat

        def multiply(v):
            for one in linearizations:
                v = one.multiply(v)
            return v

        def multiply_transposed(u):
            for one in reversed(linearizations):
                u = one.multiply_transposed(u)
            return u

        return Linearization(y, multiply, multiply_transposed)

    def with_clean(self, clean):
        """Pass the images to each denoiser; see :meth:`BaseDenoiser.with_clean`."""
        told = [one.with_clean(clean) for one in self.denoisers]
        is_same = all(a is b for a, b in zip(told, self.denoisers, strict=True))
        return self if is_same else DenoiserChain(told)

    def prior(self, size=None):
        """Return the prior of the last denoiser; see :meth:`BaseDenoiser.prior`."""
        return self.denoisers[-1].prior(size)

    @property
    def device_(self):
        """Device of the first denoiser that needs a specific device."""
        devices = (one.device_ for one in self.denoisers)
        return next((one for one in devices if one is not None), None)

    @property
    def is_continuous(self):
        """Whether all denoisers are continuous."""
        return all(one.is_continuous for one in self.denoisers)

    def fit(self, X, y=None):
        """Return the chain unchanged, because its denoisers are already fitted.

        Parameters
        ----------
        X, y : object
            Ignored.

        Returns
        -------
        self : object
            The chain.
        """
        return self

    def _restore(self, noisy, noise_std, clean):
        # As in a pipeline, each step takes the layout that it was fitted on.
        X, clean = noisy.data, None if clean is None else clean.data
        for denoiser, level in self._steps(noise_std):
            X = denoiser.denoise_images(X, level, clean=clean)
        return X

    def _steps(self, noise_std):
        levels = [None] * (len(self.denoisers) - 1) + [noise_std]
        return zip(self.denoisers, levels, strict=True)

    def __sklearn_is_fitted__(self):
        return True
