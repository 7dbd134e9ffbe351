"""Wiener filter in the Fourier domain."""

from functools import partial

import numpy as np
import torch

from .._sklearn_compat import StrOptions
from ..transforms import fourier
from .base import BaseDenoiser
from .checks import check_one_size, check_size
from .linearization import Linearization
from .prior import Prior


class WienerDenoiser(BaseDenoiser):
    r"""Fourier shrinkage, the optimal denoiser of stationary Gaussian images.

    .. math:: \hat x = m + F^{-1} \frac{S}{S + \sigma^2} F (y - m)

    where F is the periodic discrete Fourier transform, m is the mean intensity and S is
    the power spectrum of clean images,

    .. math:: S(\omega) = E |F(x - m)(\omega)|^2 / d

    where d is the number of pixels. With this normalization, the power spectrum of
    white noise is :math:`\sigma^2`. Each channel is filtered independently. The filter
    accepts only images with the height and width of the images passed to `fit`.

    Parameters
    ----------
    power_spectrum : array-like of shape (height, width[, channels]), default=None
        Power spectrum S in the layout of :func:`numpy.fft.fft2`. Its values must not be
        negative. If None, `fit` estimates the power spectrum.
    shrinkage : {"wiener", "low_pass"}, default="wiener"
        Shrinkage rule. "wiener" is the optimal shrinkage above. "low_pass" is an ideal
        low-pass filter: it keeps all frequencies up to a radial cutoff and removes all
        higher frequencies. The cutoff minimizes the expected error. As :math:`\sigma`
        decreases, the errors of both rules decay at the same rate [2]_.
    zero_mean : bool, default=False
        If True, the images are assumed to have mean 0. No mean is subtracted then, and
        the denoiser is linear.
    noise_std : float, default=None
        Standard deviation of the noise, as a fraction of the data range: 25 gray levels
        out of 255 are ``25 / 255``. If None, `estimate_noise_std` estimates the noise
        level of each image.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).
    random_state : int, RandomState instance or None, default=None
        Seeds the noise that ``score(X)`` adds.

    Attributes
    ----------
    power_spectrum_ : ndarray of shape (height, width, channels)
        Power spectrum in use.
    mean_ : ndarray of shape (channels,)
        Mean intensity in use.
    n_channels_in_ : int
        Number of channels seen during :term:`fit`.
    n_features_in_ : int
        Number of pixels times channels seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    GaussianDenoiser : Optimal denoiser of Gaussian images that are not stationary.
    WaveletThresholdDenoiser : Thresholding in a wavelet basis.
    sklearn_gahb.datasets.make_gaussian_textures : Stationary Gaussian images.

    References
    ----------
    .. [1] S. Mallat, "A Wavelet Tour of Signal Processing", 3rd edition, section
       11.1.2, Academic Press, 2009. :doi:`10.1016/B978-0-12-374370-1.X0001-8`
    .. [2] J.-E. Campagne, 2024. :arxiv:`2404.16617`

    Examples
    --------
    >>> from sklearn_gahb import WienerDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> X = make_gaussian_textures(100, 32, random_state=0)
    >>> denoiser = WienerDenoiser(noise_std=0.1, random_state=0).fit(X[:80])
    >>> denoiser.score(X[80:]) > 25
    True
    """

    _parameter_constraints: dict = {
        **BaseDenoiser._parameter_constraints,
        "power_spectrum": ["array-like", None],
        "shrinkage": [StrOptions({"wiener", "low_pass"})],
        "zero_mean": ["boolean"],
    }

    def __init__(
        self,
        power_spectrum=None,
        *,
        shrinkage="wiener",
        zero_mean=False,
        noise_std=None,
        data_range=None,
        image_shape=None,
        random_state=None,
    ):
        self.power_spectrum = power_spectrum
        self.shrinkage = shrinkage
        self.zero_mean = zero_mean
        self.noise_std = noise_std
        self.data_range = data_range
        self.image_shape = image_shape
        self.random_state = random_state

    def learn(self, clean, noisy=None):
        """Estimate the mean and the power spectrum; see :meth:`BaseDenoiser.learn`."""
        size = check_one_size(self, clean)
        channels = clean.n_channels
        self.mean_ = np.zeros(channels)
        if not self.zero_mean:
            self.mean_ = fourier.mean_intensity(clean)
        if self.power_spectrum is not None:
            shape = (*size, channels)
            self.power_spectrum_ = check_power_spectrum(self.power_spectrum, shape)
            return
        self.power_spectrum_ = fourier.estimate_power_spectrum(clean, self.mean_)
        if not self.zero_mean:
            fourier.correct_zero_frequency(self.power_spectrum_, len(clean))

    def denoise(self, y, noise_std=None):
        """Filter the images; see :meth:`BaseDenoiser.denoise`."""
        mean = y.new_tensor(self.mean_).view(1, -1, 1, 1)
        return mean + fourier.filter_frequencies(y - mean, self._gain(y, noise_std))

    def linearize(self, y, noise_std=None):
        """Linearize in closed form; see :meth:`BaseDenoiser.linearize`."""
        y = y.detach()
        gain = self._gain(y, noise_std)
        # Real gains of the periodic Fourier coefficients make the filter symmetric.
        multiply = partial(fourier.filter_frequencies, gain=gain)
        eigenbasis = partial(fourier.fourier_eigenbasis, gain[0])
        return Linearization(self.denoise(y, noise_std), multiply, multiply, eigenbasis)

    def prior(self, size=None):
        """Return the mean and ten times the spread; see :meth:`BaseDenoiser.prior`."""
        mean = torch.tensor(self.mean_, dtype=torch.float32).view(1, -1, 1, 1)
        sigma_max = 10 * float(np.sqrt(self.power_spectrum_.sum())) or 1.0
        return Prior(super().prior(size).size, mean, sigma_max)

    def _gain(self, y, noise_std):
        """Return the gains of the frequencies, shape (n, channels, height, width)."""
        check_size(self, y, self.power_spectrum_.shape[:2])
        spectrum = y.new_tensor(self.power_spectrum_).permute(2, 0, 1)
        is_wiener = self.shrinkage == "wiener"
        gain_of = fourier.wiener_gain if is_wiener else fourier.low_pass_gain
        return gain_of(spectrum, self.noise_levels(y, noise_std) ** 2)


def check_power_spectrum(power_spectrum, shape):
    """Check a power spectrum and return it as an array (height, width, channels)."""
    spectrum = np.asarray(power_spectrum, dtype=np.float64)
    if spectrum.ndim == 2:
        spectrum = np.repeat(spectrum[..., None], shape[-1], axis=-1)
    if spectrum.shape != shape:
        raise ValueError(
            f"power_spectrum has shape {np.shape(power_spectrum)}; the images in X "
            f"require shape {shape[:2]} or {shape}."
        )
    if not (np.isfinite(spectrum).all() and (spectrum >= 0).all()):
        raise ValueError("power_spectrum must be finite and not negative.")
    return spectrum
