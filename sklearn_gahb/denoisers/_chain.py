"""Denoisers one after the other."""

from .base import BaseDenoiser
from .linearization import Linearization


class DenoiserChain(BaseDenoiser):
    """Fitted denoisers that denoise one after the other, as the steps of a pipeline.

    The noise level that is passed is that of the last one; the others use their own.

    Parameters
    ----------
    denoisers : list of BaseDenoiser
        The denoisers, fitted.

    See Also
    --------
    sklearn_gahb.as_denoiser : Makes one of a pipeline.

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
        """Shape of the rows that the first one takes."""
        return self.denoisers[0].image_shape

    @property
    def noise_std(self):
        """The noise level of the last one."""
        return self.denoisers[-1].noise_std

    @property
    def n_channels_in_(self):
        """Number of channels that the first one has seen."""
        return self.denoisers[0].n_channels_in_

    def denoise(self, y, noise_std=None):
        """Denoise by each in turn; see :meth:`BaseDenoiser.denoise`."""
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
        """Tell each the clean images; see :meth:`BaseDenoiser.with_clean`."""
        return DenoiserChain([one.with_clean(clean) for one in self.denoisers])

    def prior(self, size=None):
        """The prior of the last one; see :meth:`BaseDenoiser.prior`."""
        return self.denoisers[-1].prior(size)

    @property
    def device_(self):
        """Where the first one that has a device wants its images."""
        devices = (one.device_ for one in self.denoisers)
        return next((one for one in devices if one is not None), None)

    def fit(self, X, y=None):
        """Return the chain as it is: its parts are fitted.

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
        # As the pipeline does: each step takes the layout that it was fitted on.
        X, clean = noisy.data, None if clean is None else clean.data
        for denoiser, level in self._steps(noise_std):
            X = denoiser.denoise_images(X, level, clean=clean)
        return X

    def _steps(self, noise_std):
        levels = [None] * (len(self.denoisers) - 1) + [noise_std]
        return zip(self.denoisers, levels, strict=True)

    def __sklearn_is_fitted__(self):
        return True
