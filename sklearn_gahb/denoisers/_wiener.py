"""Wiener filter in the Fourier domain."""

import math
from numbers import Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from .._images import to_tensor
from ..noise import median_noise_std
from ._base import BaseDenoiser, check_one_size, check_size
from ._linearize import Linearization


class WienerDenoiser(BaseDenoiser):
    r"""Fourier shrinkage, the optimum for stationary Gaussian images.

    .. math:: \hat x = m + F^{-1} \frac{S}{S + \sigma^2} F (y - m)

    with the periodic discrete Fourier transform F, the mean intensity m and the power
    spectrum S of clean images,

    .. math:: S(\omega) = E |F(x - m)(\omega)|^2 / d

    with d pixels, so that white noise has the spectrum :math:`\sigma^2`. Each channel
    is filtered by itself. The filter is bound to the size of the images it was fitted
    on.

    Parameters
    ----------
    power_spectrum : array-like of shape (height, width[, channels]), default=None
        Power spectrum S in the layout of :func:`numpy.fft.fft2`, not negative. None
        learns it in `fit`.
    shrinkage : {"wiener", "low_pass"}, default="wiener"
        "wiener" is the optimum above. "low_pass" keeps the frequencies up to the radial
        one at which the expected error is smallest, and none beyond: the ideal low-pass
        filter, which has the same rate in :math:`\sigma` [2]_.
    zero_mean : bool, default=False
        Whether images have mean 0. With True nothing is subtracted, and the denoiser is
        linear.
    noise_std : float, default=None
        Standard deviation of the noise, in the units of the images, which for unsigned
        integers are fractions of the largest value: 25 of 255 is ``25 / 255``. None
        estimates it for each image by `estimate_noise_std`.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the rows of 2-D arrays.
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
        Number of values of an image seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    WaveletThresholdDenoiser : Shrinks in a wavelet basis.
    sklearn_gahb.datasets.make_gaussian_textures : Images for which this is optimal.

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
        "power_spectrum": ["array-like", None],
        "shrinkage": [StrOptions({"wiener", "low_pass"})],
        "zero_mean": ["boolean"],
        "noise_std": [Interval(Real, 0, None, closed="left"), None],
        "image_shape": [tuple, list, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        power_spectrum=None,
        *,
        shrinkage="wiener",
        zero_mean=False,
        noise_std=None,
        image_shape=None,
        random_state=None,
    ):
        self.power_spectrum = power_spectrum
        self.shrinkage = shrinkage
        self.zero_mean = zero_mean
        self.noise_std = noise_std
        self.image_shape = image_shape
        self.random_state = random_state

    def _fit(self, clean, noisy):
        size = check_one_size(self, clean)
        channels = clean.n_channels
        mean = np.zeros(channels) if self.zero_mean else mean_intensity(clean)
        if self.power_spectrum is None:
            spectrum = estimate_power_spectrum(clean, mean)
            if not self.zero_mean:
                correct_zero_frequency(spectrum, len(clean))
        else:
            spectrum = _check_power_spectrum(self.power_spectrum, (*size, channels))
        self.mean_ = mean
        self.power_spectrum_ = spectrum

    def _denoise(self, y, noise_std):
        gain = self._gain(y, noise_std)
        mean = torch.as_tensor(self.mean_, dtype=y.dtype, device=y.device)
        mean = mean.view(1, -1, 1, 1)
        return mean + filter_frequencies(y - mean, gain)

    def _linearize(self, y, noise_std):
        y = y.detach()
        gain = self._gain(y, noise_std)

        def multiply(v):
            return filter_frequencies(v, gain)

        # Real filters with the periodic transform are symmetric.
        return Linearization(
            self._denoise(y, noise_std),
            multiply,
            multiply,
            lambda n: fourier_eigenbasis(gain[0], n),
        )

    def _prior(self, size):
        mean = torch.tensor(self.mean_, dtype=torch.float32).view(1, -1, 1, 1)
        return mean, 10 * float(np.sqrt(self.power_spectrum_.sum())) or 1.0

    def _gain(self, y, noise_std):
        """Gains of the frequencies, of shape (n or 1, channels, height, width)."""
        check_size(self, y, self.power_spectrum_.shape[:2])
        if noise_std is None:
            noise_std = median_noise_std(y.detach().cpu().numpy())
        variance = torch.as_tensor(noise_std, dtype=y.dtype, device=y.device) ** 2
        spectrum = torch.as_tensor(
            self.power_spectrum_, dtype=y.dtype, device=y.device
        ).permute(2, 0, 1)
        gain = low_pass_gain if self.shrinkage == "low_pass" else wiener_gain
        return gain(spectrum, variance.reshape(-1, 1, 1, 1))


def filter_frequencies(y, gain):
    """Multiply the Fourier coefficients of images (n, c, h, w); real parts."""
    return torch.fft.ifft2(gain * torch.fft.fft2(y)).real


def fourier_eigenbasis(gain, n):
    """Gains in descending order, and the real sine waves of the first `n`.

    Parameters
    ----------
    gain : Tensor of shape (channels, height, width)
        The real part of the filtered images sees the mean of the gains of a frequency
        and its opposite.
    n : int

    Returns
    -------
    gains : Tensor of shape (channels * height * width,)
        Low frequencies first where they are equal.
    waves : Tensor of shape (n, channels, height, width)
        Orthonormal cosines, and sines where a frequency differs from its opposite.
    """
    channels, height, width = gain.shape
    rows = torch.arange(height, device=gain.device)
    columns = torch.arange(width, device=gain.device)
    opposite = gain[:, -rows % height][:, :, -columns % width]
    gain = (gain + opposite) / 2
    radius = radial_frequency(height, width, gain.device).expand_as(gain)
    by_radius = radius.flatten().argsort(stable=True)
    order = by_radius[gain.flatten()[by_radius].argsort(descending=True, stable=True)]

    channel, row, column = torch.unravel_index(order[:n], gain.shape)
    opposite_row, opposite_column = -row % height, -column % width
    position = row * width + column
    opposite_position = opposite_row * width + opposite_column
    # Of two opposite frequencies the first stands for the cosine, the other for the
    # sine of the first. Whole numbers, so that the phases of large images are exact.
    is_sine = position > opposite_position
    turns = (row[:, None, None] * rows[:, None] % height).to(gain.dtype) / height + (
        column[:, None, None] * columns % width
    ).to(gain.dtype) / width
    phase = 2 * math.pi * turns
    wave = torch.where(is_sine[:, None, None], phase.sin(), phase.cos())
    norm = 2 ** (0.5 * (position != opposite_position).to(gain.dtype))
    waves = gain.new_zeros(len(row), channels, height, width)
    scale = norm / math.sqrt(height * width)
    waves[torch.arange(len(row)), channel] = scale[:, None, None] * wave
    return gain.flatten()[order], waves


def wiener_gain(power_spectrum, noise_variance):
    """S / (S + sigma^2), and 1 where both vanish."""
    total = power_spectrum + noise_variance
    return torch.where(total > 0, power_spectrum / total, 1.0)


def low_pass_gain(power_spectrum, noise_variance):
    """1 up to the radial frequency that minimises the mean squared error, 0 beyond.

    Parameters
    ----------
    power_spectrum : Tensor of shape (channels, height, width)
    noise_variance : Tensor of shape (n, 1, 1, 1)

    Returns
    -------
    gain : Tensor of shape (n, channels, height, width)
    """
    channels, height, width = power_spectrum.shape
    spectrum, noise_variance = power_spectrum.double(), noise_variance.double()
    radius = radial_frequency(height, width, power_spectrum.device).flatten()
    # Rings of equal radius, from the inside.
    _, ring = radius.unique(return_inverse=True)
    n_rings = int(ring.max()) + 1
    power = spectrum.new_zeros(channels, n_rings)
    power.index_add_(1, ring, spectrum.flatten(1))
    # What keeping a ring adds to the error: its noise, minus its signal.
    cost = noise_variance[:, :, 0] * torch.bincount(ring, minlength=n_rings) - power
    cost = torch.cat([torch.zeros_like(cost[..., :1]), cost.cumsum(dim=-1)], dim=-1)
    # The last of equal ones: without noise everything is kept.
    n_kept = n_rings - cost.flip(-1).argmin(dim=-1, keepdim=True)
    return (ring < n_kept).to(power_spectrum).unflatten(-1, (height, width))


def radial_frequency(height, width, device):
    """Squared radial frequencies of a transform, in cycles a pixel, (height, width)."""
    rows = torch.fft.fftfreq(height, dtype=torch.float64, device=device)
    columns = torch.fft.fftfreq(width, dtype=torch.float64, device=device)
    return rows[:, None] ** 2 + columns**2


def mean_intensity(images):
    """Mean over images and pixels, of shape (channels,)."""
    totals = sum(
        to_tensor(images.stacks[number][batch]).double().mean((2, 3)).sum(0)
        for number, batch in images.batches()
    )
    return totals.cpu().numpy() / len(images)


def estimate_power_spectrum(images, mean):
    """Mean of |fft2(x - mean)|^2 / (height * width), of shape (h, w, channels)."""
    totals = 0.0
    for number, batch in images.batches():
        x = to_tensor(images.stacks[number][batch]).double()
        x = x - torch.as_tensor(mean, device=x.device).view(1, -1, 1, 1)
        totals = totals + torch.fft.fft2(x, norm="ortho").abs().square().sum(0)
    return totals.permute(1, 2, 0).cpu().numpy() / len(images)


def correct_zero_frequency(power_spectrum, n_images):
    """Undo, in place, what subtracting the mean of the same images took from S(0).

    That is the factor (n - 1) / n. Nothing is left of a single image: it takes the
    largest power.
    """
    if n_images > 1:
        power_spectrum[0, 0] *= n_images / (n_images - 1)
    else:
        power_spectrum[0, 0] = power_spectrum.max(axis=(0, 1))


def _check_power_spectrum(power_spectrum, shape):
    spectrum = np.asarray(power_spectrum, dtype=np.float64)
    if spectrum.ndim == 2:
        spectrum = np.repeat(spectrum[..., None], shape[-1], axis=-1)
    if spectrum.shape != shape:
        raise ValueError(
            f"power_spectrum has shape {np.shape(power_spectrum)}; for the images in X "
            f"it must be {shape[:2]} or {shape}."
        )
    if not (np.isfinite(spectrum).all() and (spectrum >= 0).all()):
        raise ValueError("power_spectrum must be finite and not negative.")
    return spectrum
