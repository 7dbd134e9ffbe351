"""The perfect memoriser: the optimum where the density is the training set."""

import math
from numbers import Real

import torch
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval

from .._images import to_tensor
from ..noise import median_noise_std
from ._base import BaseDenoiser, check_one_size, check_size
from ._linearize import Linearization

# Values in float64 that are held at a time, of training images and of weights: 32 MiB.
BLOCK = 2**22
# Of the noise: any two distances that differ at all differ by more.
SMALLEST_VARIANCE = 1e-30


class EmpiricalDenoiser(BaseDenoiser):
    r"""Posterior mean where the clean image is one of the training images.

    .. math:: \hat x(y) = \sum_i w_i x_i, \qquad
              w_i \propto \exp\left( -\frac{\|y - x_i\|^2}{2 \sigma^2} \right)

    The density of clean images is taken to be the training set itself, all images being
    equally likely. This is the minimiser of the training loss of any denoiser, and what
    networks approach that memorise [1]_: diffusion by it returns training images. It
    uses the noise level that it is told, and at vanishing noise returns the closest
    training image.

    Parameters
    ----------
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
    train_images_ : ndarray or Tensor of shape (n_images, height, width, channels)
        The training images. A view of what was passed to `fit`, in its dtype, unless it
        was a list.
    n_channels_in_ : int
        Number of channels seen during :term:`fit`.
    n_features_in_ : int
        Number of values of an image seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    DNNDenoiser : Memorises a small training set, and generalises from a large one.

    Notes
    -----
    Computed in float64 on the device of the noisy images, over blocks of the training
    set: memory does not grow with it, and it may be a :class:`numpy.memmap`. Time grows
    as the product of the numbers of noisy and of training images.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> from sklearn_gahb import EmpiricalDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X = make_disk_images(200, 16, random_state=0)
    >>> denoiser = EmpiricalDenoiser(noise_std=0.2, random_state=0).fit(X[:100])
    >>> denoiser.score(X[:100]) > denoiser.score(X[100:]) + 10
    True
    """

    _parameter_constraints: dict = {
        "noise_std": [Interval(Real, 0, None, closed="left"), None],
        "image_shape": [tuple, list, None],
        "random_state": ["random_state"],
    }

    def __init__(self, noise_std=None, *, image_shape=None, random_state=None):
        self.noise_std = noise_std
        self.image_shape = image_shape
        self.random_state = random_state

    def _fit(self, clean, noisy):
        check_one_size(self, clean)
        self.train_images_ = clean.as_one_stack()

    def _denoise(self, y, noise_std):
        check_size(self, y, self.train_images_.shape[1:3])
        rows, centre = self._centred_rows(y)
        variance = _variance(y, noise_std).expand(len(rows), 1)
        mean = torch.empty_like(rows)
        for batch in gen_batches(len(rows), max(1, BLOCK // self._n_at_once())):
            blocks = (block.to(rows) - centre for block in self._blocks())
            mean[batch] = posterior_mean(rows[batch], blocks, variance[batch])
        return (mean + centre).reshape(y.shape).to(y.dtype)

    def _linearize(self, y, noise_std):
        check_size(self, y, self.train_images_.shape[1:3])
        rows, centre = self._centred_rows(y.detach())
        variance = _variance(y, noise_std)
        logits = torch.cat(
            [
                log_likelihood(rows, x.to(rows) - centre, variance)[0]
                for x in self._blocks()
            ]
        )
        weights = logits.softmax(dim=0)
        (active,) = torch.nonzero(weights, as_tuple=True)
        x_hat = sum(weights[part] @ x for part, x in self._blocks_of(active, rows))

        def multiply(v):
            # Cov[x | y] v / sigma^2, the derivative of the softmax.
            product = 0
            for part, x in self._blocks_of(active, rows):
                deviations = x - x_hat
                coefficients = v.double().flatten(1) @ deviations.T
                product = product + (weights[part] * coefficients) @ deviations
            return (
                (product / variance.clamp(min=SMALLEST_VARIANCE))
                .reshape(v.shape)
                .to(v.dtype)
            )

        return Linearization(x_hat.reshape(y.shape).to(y.dtype), multiply, multiply)

    def _prior(self, size):
        check_size(self, torch.empty(1, 1, *size), self.train_images_.shape[1:3])
        n, total, squares = len(self.train_images_), 0.0, 0.0
        for x in self._blocks():
            total, squares = total + x.sum(0), squares + x.square().sum()
        mean = total / n
        spread = float((squares / n - mean.square().sum()).clamp(min=0).sqrt())
        mean = mean.reshape(1, self.n_channels_in_, *size).float()
        return mean.to("cpu"), max(10 * spread, 1.0)

    def _centred_rows(self, y):
        """Images as rows minus a training image, and that: no cancellation later."""
        rows = y.double().flatten(1)
        centre = to_tensor(self.train_images_[:1]).to(rows).flatten(1)
        return rows - centre, centre

    def _blocks(self):
        """Training images as rows (n, d), of the order of `BLOCK` values at a time."""
        for batch in self._batches(len(self.train_images_)):
            yield to_tensor(self.train_images_[batch]).double().flatten(1)

    def _blocks_of(self, indices, like):
        """Pairs (indices, training images at these as rows)."""
        for batch in self._batches(len(indices)):
            part = indices[batch]
            chosen = self.train_images_[part.cpu().numpy()]
            yield part, to_tensor(chosen).to(like).flatten(1)

    def _batches(self, n):
        return gen_batches(n, self._n_at_once())

    def _n_at_once(self):
        size = math.prod(self.train_images_.shape[1:])
        return max(1, min(2**12, BLOCK // size))


def posterior_mean(y, blocks, variance):
    """Mean of points x weighted by exp(-|y - x|^2 / (2 variance)).

    Parameters
    ----------
    y : Tensor of shape (n, d)
    blocks : iterable of Tensor of shape (m, d)
        The points.
    variance : Tensor of shape (n, 1) or (1, 1)

    Returns
    -------
    mean : Tensor of shape (n, d)
    """
    largest = torch.full_like(y[:, :1], -torch.inf)
    total, mean = torch.zeros_like(largest), torch.zeros_like(y)
    for x in blocks:
        logits = log_likelihood(y, x, variance)
        previous = largest
        largest = torch.maximum(previous, logits.amax(dim=1, keepdim=True))
        weights = (logits - largest).exp_()
        rescale = (previous - largest).exp()
        total = rescale * total + weights.sum(dim=1, keepdim=True)
        mean = torch.addmm(rescale * mean, weights, x)
    return mean / total


def log_likelihood(y, x, variance):
    """-|y - x|^2 / (2 variance) of rows y (n, d) and x (m, d), of shape (n, m)."""
    x_sizes, y_sizes = x.square().sum(1), y.square().sum(1, keepdim=True)
    distances = (y_sizes + x_sizes - 2 * (y @ x.T)).clamp_(min=0)
    # Without noise the closest point takes all the weight.
    return distances / (-2 * variance.clamp(min=SMALLEST_VARIANCE))


def _variance(y, noise_std):
    if noise_std is None:
        noise_std = median_noise_std(y.detach().cpu().numpy())
    sigma = torch.as_tensor(noise_std, dtype=torch.float64, device=y.device)
    return sigma.reshape(-1, 1) ** 2
