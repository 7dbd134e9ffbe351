"""Shrinkage of Fourier coefficients, and power spectra."""

import torch


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
    waves[torch.arange(n), channel, row, column] = norm
    if n:
        # Of two opposite frequencies the first stands for the cosine, the other for the
        # sine of the first.
        waves = torch.fft.ifft2(waves, norm="ortho")
        is_sine = (position > opposite_position)[:, None, None, None]
        waves = torch.where(is_sine, -waves.imag, waves.real)
    return gain.flatten()[order], waves


def wiener_gain(power_spectrum, noise_variance):
    """S / (S + sigma^2), and 1 where both vanish."""
    total = power_spectrum + noise_variance
    return torch.where(total > 0, power_spectrum / total, 1.0)


def low_pass_gain(power_spectrum, noise_variance):
    """1 up to the radial frequency that minimizes the mean squared error, 0 beyond.

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
    totals = sum(x.double().mean((2, 3)).sum(0) for x in images.tensors())
    return totals.cpu().numpy() / len(images)


def estimate_power_spectrum(images, mean):
    """Mean of |fft2(x - mean)|^2 / (height * width), of shape (h, w, channels)."""
    totals = 0.0
    for x in images.tensors():
        x = x.double() - torch.as_tensor(mean, device=x.device).view(1, -1, 1, 1)
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
