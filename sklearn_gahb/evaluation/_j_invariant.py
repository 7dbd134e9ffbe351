"""Error of a denoiser at pixels that it does not see, and a scorer that uses it."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch.nn.functional import pad

from .._sklearn_compat import COUNT, at_least, validate_params
from ..denoisers import as_denoiser
from ..images import check_images


@validate_params(stride=[at_least(2)], n_masks=[COUNT, None])
def make_j_invariant_scorer(*, stride=3, n_masks=1):
    r"""Make a scorer that needs neither clean images nor the noise level.

    The scorer takes noisy images y. It hides some pixels J from the denoiser: their
    values become the mean of their four neighbors. Then it compares the denoised image
    with the noisy values at these pixels [1]_,

    .. math:: \frac{1}{|J|} \|\hat x(y_{\setminus J})_J - y_J\|^2
              \approx \frac{1}{|J|} \|\hat x(y_{\setminus J})_J - x_J\|^2 + \sigma^2.

    The denoiser cannot see the noise that it is compared with. Therefore, the score
    ranks denoisers by their errors at hidden pixels. The noise needs mean 0, and must
    be independent from pixel to pixel. It need not be Gaussian, nor have the same level
    everywhere, and the denoiser need not be continuous.

    The ranking differs from that of the errors on the noisy images themselves, because
    a mean of neighbors replaces each hidden pixel. At low noise, this replacement is
    worse than the noise, and the score favors weak denoising. Do not use this scorer if
    the noise is hard to see: for a photograph with noise 0.03, the chosen threshold of
    wavelets lost 2 dB.

    The score is :math:`-10 \log_{10}` of the mean of the left side over the images. It
    is lower than the PSNR in dB, because the right side contains the noise. If the
    noise is white, Gaussian and of known level, and the denoiser is continuous, use
    :func:`~sklearn_gahb.jacobian.make_sure_scorer` instead. It evaluates the denoiser
    on the noisy images themselves.

    Parameters
    ----------
    stride : int, default=3
        Distance between hidden pixels along each axis. Powers of 2 suit wavelets badly,
        because all hidden pixels then have the same place in the wavelets.
    n_masks : int, default=1
        Number of times that each image is denoised, with other pixels hidden each time;
        at most ``stride**2``. If None, each pixel is hidden once.

    Returns
    -------
    scorer : callable
        Scorer with the signature ``scorer(estimator, X, y=None)``, where `X` holds
        noisy images and `y` is ignored. Pass it as the `scoring` argument of
        :class:`~sklearn.model_selection.GridSearchCV` or
        :func:`~sklearn.model_selection.cross_validate`.

    Raises
    ------
    ValueError
        If `n_masks` is larger than ``stride**2``. The scorer raises a ValueError if an
        image has fewer than `stride` pixels along an axis.

    See Also
    --------
    sklearn_gahb.jacobian.make_sure_scorer : Score with the noise level.
    sklearn_gahb.metrics.make_psnr_scorer : Score with clean images.

    References
    ----------
    .. [1] J. Batson, L. Royer, "Noise2Self: blind denoising by self-supervision", ICML
       2019. :arxiv:`1901.11365`

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.evaluation import make_j_invariant_scorer
    >>> X = make_disk_images(20, 64, random_state=0)
    >>> noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    >>> search = GridSearchCV(
    ...     WaveletThresholdDenoiser("haar", shrinkage="hard", noise_std=0.1),
    ...     {"threshold": [0.5, 3.0, 20.0]},
    ...     scoring=make_j_invariant_scorer(),
    ... )
    >>> search.fit(noisy).best_params_
    {'threshold': 3.0}
    """
    if n_masks is not None and n_masks > stride**2:
        raise ValueError(
            f"n_masks={n_masks} must be at most stride**2 = {stride**2}, the number of "
            "masks that hide different pixels."
        )
    return _JInvariantScorer(stride, stride**2 if n_masks is None else n_masks)


@dataclass(repr=False)
class _JInvariantScorer:
    """Scorer of `make_j_invariant_scorer`. It is a class so that it can be pickled."""

    stride: int
    n_masks: int

    def __repr__(self):
        return f"make_j_invariant_scorer(stride={self.stride}, n_masks={self.n_masks})"

    def __call__(self, estimator, X, y=None):
        denoiser = as_denoiser(estimator)
        images = check_images(X, denoiser.image_shape, data_range=denoiser.data_range)
        errors = [
            hidden_pixel_errors(denoiser, one, self.stride, self.n_masks)
            for one in images.tensors()
        ]
        return -10 * np.log10(np.concatenate(errors).mean())


def hidden_pixel_errors(denoise, y, stride, n_masks):
    """Compute the mean squared error of each image at hidden pixels.

    Parameters
    ----------
    denoise : callable
        Denoising function ``denoise(y)``.
    y : Tensor of shape (n, channels, height, width)
        Noisy images.
    stride : int
        Distance between hidden pixels along each axis.
    n_masks : int
        Number of masks.

    Returns
    -------
    errors : ndarray of shape (n,)
        Mean squared difference between denoised images and `y` at the hidden pixels.
    """
    if min(y.shape[2:]) < stride:
        raise ValueError(
            f"stride={stride} must be at most {min(y.shape[2:])}, the shortest side of "
            "the images."
        )
    guess = mean_of_neighbors(y)
    offsets = list(product(range(stride), repeat=2))
    # Start with a pixel inside, because pixels at the border have fewer neighbors.
    first = offsets.index((stride // 2, stride // 2))
    offsets = offsets[first:] + offsets[:first]
    squares = y.new_zeros(len(y), dtype=torch.float64)
    n_hidden = 0
    for row, column in offsets[:n_masks]:
        places = (..., slice(row, None, stride), slice(column, None, stride))
        hidden = y.clone()
        hidden[places] = guess[places]
        with torch.no_grad():
            difference = denoise(hidden)[places] - y[places]
        squares += difference.double().square().flatten(1).sum(1)
        n_hidden += difference[0].numel()
    return (squares / n_hidden).cpu().numpy()


def mean_of_neighbors(y):
    """Average the four neighbors of each pixel; the image is mirrored at its border."""
    wide = pad(y, (1, 1, 1, 1), mode="reflect")
    rows = wide[..., :-2, 1:-1] + wide[..., 2:, 1:-1]
    columns = wide[..., 1:-1, :-2] + wide[..., 1:-1, 2:]
    return (rows + columns) / 4
