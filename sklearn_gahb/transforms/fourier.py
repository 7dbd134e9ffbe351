"""Shrinkage of Fourier coefficients, and power spectra."""

import torch


def filter_frequencies(y, gain):
    """Multiply the Fourier coefficients of images (n, c, h, w); keep the real part."""
    return torch.fft.ifft2(gain * torch.fft.fft2(y)).real


def fourier_eigenbasis(gain, n):
    """Return the gains in descending order, and the first `n` real sine waves.

    Parameters
    ----------
    gain : Tensor of shape (channels, height, width)
        Gains of the frequencies. The gain of a frequency and of its opposite are
        averaged, because only this mean affects the real part of a filtered image.
    n : int
        Number of sine waves.

    Returns
    -------
    gains : Tensor of shape (channels * height * width,)
        Sorted gains. If gains are equal, low frequencies come first.
    waves : Tensor of shape (n, channels, height, width)
        Orthonormal cosines. If a frequency differs from its opposite, there is also a
        sine.
    """
    _, height, width = gain.shape
    opposite = gain.roll((-1, -1), (1, 2)).flip(1, 2)
    gain = (gain + opposite) / 2
    radius = radial_frequency(height, width, gain.device).expand_as(gain)
    by_radius = radius.flatten().argsort(stable=True)
    order = by_radius[gain.flatten()[by_radius].argsort(descending=True, stable=True)]

    channel, row, column = torch.unravel_index(order[:n], gain.shape)
    position = row * width + column
    opposite_position = (-row % height) * width + (-column % width)
    waves = gain.new_zeros(n, *gain.shape)
    norm = 2 ** (0.5 * (position != opposite_position).to(gain))
    waves[torch.arange(n, device=gain.device), channel, row, column] = norm
    if n:
        # The first of two opposite frequencies gives the cosine, and the second gives
        # the sine of the first.
        waves = torch.fft.ifft2(waves, norm="ortho")
        is_sine = (position > opposite_position)[:, None, None, None]
        waves = torch.where(is_sine, -waves.imag, waves.real)
    return gain.flatten()[order], waves


def wiener_gain(power_spectrum, noise_variance):
    """Compute the Wiener gain S / (S + sigma^2), or 1 where S = sigma = 0."""
    total = power_spectrum + noise_variance
    return torch.where(total > 0, power_spectrum / total, 1.0)


def low_pass_gain(power_spectrum, noise_variance):
    """Compute the gain, 0 or 1, of the low-pass filter of least mean squared error.

    Parameters
    ----------
    power_spectrum : Tensor of shape (channels, height, width)
    noise_variance : Tensor of shape (n, 1, 1, 1)

    Returns
    -------
    gain : Tensor of shape (n, channels, height, width)
        1 up to a radial frequency, and 0 above this frequency.
    """
    channels, height, width = power_spectrum.shape
    spectrum, noise_variance = power_spectrum.double(), noise_variance.double()
    radius = radial_frequency(height, width, power_spectrum.device).flatten()
    # Rings of equal radius, in order of increasing radius.
    radii, ring = radius.unique(return_inverse=True)
    n_rings = len(radii)
    power = spectrum.new_zeros(channels, n_rings)
    power.index_add_(1, ring, spectrum.flatten(1))
    # A ring that is kept adds its noise to the error and removes its signal from it.
    cost = noise_variance[:, :, 0] * torch.bincount(ring, minlength=n_rings) - power
    cost = torch.cat([torch.zeros_like(cost[..., :1]), cost.cumsum(dim=-1)], dim=-1)
    # Take the last of equal minima, so that everything is kept if there is no noise.
    n_kept = n_rings - cost.flip(-1).argmin(dim=-1, keepdim=True)
    return (ring < n_kept).to(power_spectrum).unflatten(-1, (height, width))


def radial_frequency(height, width, device):
    """Squared radial frequencies (height, width), in cycles per pixel."""
    rows = torch.fft.fftfreq(height, dtype=torch.float64, device=device)
    columns = torch.fft.fftfreq(width, dtype=torch.float64, device=device)
    return rows[:, None] ** 2 + columns**2


def mean_intensity(images):
    """Compute the mean over images and pixels, of shape (channels,)."""
    totals = sum(x.double().mean((2, 3)).sum(0) for x in images.tensors())
    return totals.cpu().numpy() / len(images)


def estimate_power_spectrum(images, mean):
    """Average |fft2(x - mean)|^2 / (h * w) over images; shape (h, w, channels)."""
    totals = 0.0
    for x in images.tensors():
        x = x.double() - torch.as_tensor(mean, device=x.device).view(1, -1, 1, 1)
        totals = totals + torch.fft.fft2(x, norm="ortho").abs().square().sum(0)
    return totals.permute(1, 2, 0).cpu().numpy() / len(images)


def correct_zero_frequency(power_spectrum, n_images):
    """Correct S(0), in place, for the bias from subtracting the mean of the images.

    The subtraction reduces S(0) by the factor (n - 1) / n. For a single image, S(0) is
    0, so the largest power is used instead.
    """
    if n_images > 1:
        power_spectrum[0, 0] *= n_images / (n_images - 1)
    else:
        power_spectrum[0, 0] = power_spectrum.max(axis=(0, 1))
