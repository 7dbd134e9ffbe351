"""Residual of a constraint that clean images satisfy."""

import numpy as np
import torch

from .._sklearn_compat import validate_params
from .._tensors import from_fractions
from ..images import check_images


@validate_params(residual=[callable])
def mean_absolute_residual(
    X, residual, *, data_range=None, average=True, image_shape=None
):
    """Compute the mean absolute residual of a constraint.

    It measures how well denoised or generated images satisfy a constraint that clean
    images satisfy exactly.

    Parameters
    ----------
    X : array-like or list of array-like
        Images, in any layout that denoisers accept.
    residual : callable
        Function of images (n, channels, height, width) that returns a tensor (n, ...),
        as for the parameter `residual` of :class:`~sklearn_gahb.DNNDenoiser`. If
        `data_range` is None, it receives unsigned integers as fractions of the largest
        value of their dtype. All other images keep their units.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    average : bool, default=True
        If True, return the mean over the images. Otherwise, return one number per
        image.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).

    Returns
    -------
    value : float or ndarray of shape (n_images,)
        Mean of the absolute values of the residual, in the units of the residual.

    Raises
    ------
    ValueError
        If `residual` returns a result of another length.

    Examples
    --------
    >>> from sklearn_gahb.datasets import make_circle_points
    >>> from sklearn_gahb.metrics import mean_absolute_residual
    >>> X = make_circle_points(5, random_state=0)
    >>> def residual(x):
    ...     return ((x - 0.5) ** 2).sum(dim=(2, 3)) - 0.25
    >>> mean_absolute_residual(X, residual) < 1e-12
    True
    """
    images = check_images(X, image_shape, data_range=data_range)
    found = []
    with torch.no_grad():
        for x in images.tensors():
            values = residual(from_fractions(x, images.data_range))
            shape = tuple(getattr(values, "shape", ()))
            if not torch.is_tensor(values) or shape[:1] != (len(x),):
                raise ValueError(
                    f"residual must return a tensor ({len(x)}, ...) for {len(x)} "
                    f"images; it returned a {type(values).__name__} of shape {shape}."
                )
            found.append(values.abs().reshape(len(x), -1).mean(dim=1).cpu().numpy())
    found = np.concatenate(found)
    return float(found.mean()) if average else found
