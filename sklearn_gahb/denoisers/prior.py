"""Prior knowledge that sampling starts from."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Prior:
    """Size, mean and noise level of the images that sampling starts from.

    Parameters
    ----------
    size : tuple of (int, int) or None
        Height and width of the images. None if the denoiser has no fixed image size.
    mean : float or Tensor that broadcasts to (n, channels, height, width)
        Mean of the images.
    sigma_max : float
        Noise level that sampling starts from: a level that hides the images completely,
        or the highest level that the denoiser supports.

    Examples
    --------
    >>> from sklearn_gahb.denoisers import Prior
    >>> Prior(size=(32, 32), mean=0.5, sigma_max=1.0)
    Prior(size=(32, 32), mean=0.5, sigma_max=1.0)
    """

    size: tuple | None
    mean: float | torch.Tensor
    sigma_max: float
