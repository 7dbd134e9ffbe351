"""Prior knowledge that sampling starts from."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Prior:
    """Properties of the images that a denoiser is made for, used in sampling.

    Parameters
    ----------
    size : tuple of (int, int) or None
        Height and width. None if there is no usual size.
    mean : float or Tensor that broadcasts to (n, channels, height, width)
        Mean of the images.
    sigma_max : float
        Noise level that hides the images completely, or the highest level that the
        denoiser supports.

    Examples
    --------
    >>> from sklearn_gahb.denoisers import Prior
    >>> Prior(size=(32, 32), mean=0.5, sigma_max=1.0)
    Prior(size=(32, 32), mean=0.5, sigma_max=1.0)
    """

    size: tuple | None
    mean: float | torch.Tensor
    sigma_max: float
