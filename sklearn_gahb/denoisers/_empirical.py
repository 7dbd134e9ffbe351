"""The perfect memorizer: the optimal denoiser of the training set itself."""

import math

import numpy as np
import torch
from sklearn.utils import check_random_state, gen_batches

from .._sklearn_compat import COUNT, NOT_NEGATIVE
from .._tensors import to_tensor
from ..posteriors import finite
from .base import BaseDenoiser
from .checks import check_one_size, check_size
from .linearization import Linearization
from .prior import Prior

# Number of float64 values in a block of training images, which takes 32 MiB.
BLOCK = 2**22


class EmpiricalDenoiser(BaseDenoiser):
    r"""Optimal denoiser if every clean image is one of the training images.

    .. math:: \hat x(y) = \sum_i w_i x_i, \qquad
              w_i \propto \exp\left( -\frac{\|y - x_i\|^2}{2 \sigma^2} \right)

    The prior is the training set itself, with all images equally likely. No denoiser
    has a lower training loss. Networks that memorize their training images approach
    this denoiser [1]_. If you sample with this denoiser, the samples are training
    images. The denoiser is not blind: the weights depend on the noise level. As the
    noise level approaches 0, the denoiser returns the training image closest to y.

    With `smoothing_std`, the denoiser is averaged over M = `n_perturbations` random
    perturbations of the noisy image,

    .. math:: \frac{1}{M} \sum_{m=1}^{M} \hat x(y + s \varepsilon_m),

    where s is `smoothing_std` and :math:`\varepsilon_m` is standard normal noise. This
    average smooths the score :math:`(\hat x(y) - y) / \sigma^2`. Samples are then means
    of training images that are close to each other, and no longer memorized [2]_.

    Parameters
    ----------
    noise_std : float, default=None
        Standard deviation of the noise, as a fraction of the data range: 25 gray levels
        out of 255 are ``25 / 255``. If None, `estimate_noise_std` estimates the noise
        level of each image.
    smoothing_std : float, default=0.0
        Standard deviation s of the perturbations, as a fraction of the data range. If
        0, the denoiser is not smoothed. The paper perturbs y / (1 + noise_std), so its
        smoothing parameter is ``smoothing_std / (1 + noise_std)``.
    n_perturbations : int, default=16
        Number M of perturbations. The time is proportional to this number. Used only if
        `smoothing_std` is positive.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).
    random_state : int, RandomState instance or None, default=None
        Seeds the noise that ``score(X)`` adds, and the perturbations. All noisy images
        have the same perturbations, which `fit` draws.

    Attributes
    ----------
    train_images_ : ndarray or Tensor of shape (n_images, height, width, channels)
        Training images. If `fit` received an array or a tensor, this attribute is a
        view of it with the same dtype.
    perturbations_ : ndarray of shape (n_perturbations, height, width, channels)
        Perturbations :math:`s \varepsilon_m`. If `smoothing_std` is 0, there is a
        single perturbation, which is 0.
    n_channels_in_ : int
        Number of channels seen during :term:`fit`.
    n_features_in_ : int
        Number of pixels times channels seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    GaussianDenoiser : Optimal denoiser if only the covariance of the images is known.
    DNNDenoiser : Network that memorizes small training sets and learns from large ones.

    Notes
    -----
    Computations run in float64 on the device of the noisy images. They process the
    training set in blocks, so the memory does not depend on the number of training
    images. The training set may be a :class:`numpy.memmap`. The time is proportional to
    the product of the number of noisy images and the number of training images.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`
    .. [2] C. Scarvelis, H. Saez de Ocariz Borde, J. Solomon, "Closed-form diffusion
       models", Transactions on Machine Learning Research, 2025. :arxiv:`2310.12395`

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
        **BaseDenoiser._parameter_constraints,
        "smoothing_std": [NOT_NEGATIVE],
        "n_perturbations": [COUNT],
    }

    def __init__(
        self,
        noise_std=None,
        *,
        smoothing_std=0.0,
        n_perturbations=16,
        data_range=None,
        image_shape=None,
        random_state=None,
    ):
        self.noise_std = noise_std
        self.smoothing_std = smoothing_std
        self.n_perturbations = n_perturbations
        self.data_range = data_range
        self.image_shape = image_shape
        self.random_state = random_state

    def learn(self, clean, noisy=None):
        """Store the training images; see :meth:`BaseDenoiser.learn`."""
        check_one_size(self, clean)
        self.train_images_ = clean.as_one_stack()
        self.data_range_ = clean.data_range
        shape = self.train_images_.shape[1:]
        self.perturbations_ = np.zeros((1, *shape))
        if self.smoothing_std > 0:
            rng = check_random_state(self.random_state)
            noise = rng.standard_normal((self.n_perturbations, *shape))
            self.perturbations_ = self.smoothing_std * noise

    def denoise(self, y, noise_std=None):
        """Average the weighted training images; see :meth:`BaseDenoiser.denoise`."""
        rows, center, variance = self._prepare(y, noise_std)
        mean = 0.0
        for moved in self._perturbed(rows):
            points = (x - center for _, x in self._blocks(rows))
            mean += finite.weighted_means(moved, ((x, x) for x in points), variance)
        mean = mean / len(self.perturbations_)
        return (mean + center).reshape(y.shape).to(y.dtype)

    def linearize(self, y, noise_std=None):
        """Linearize in closed form; see :meth:`BaseDenoiser.linearize`."""
        rows, center, variance = self._prepare(y.detach(), noise_std)
        posteriors = []
        for moved in self._perturbed(rows):
            blocks = (x - center for _, x in self._blocks(rows))
            weights = finite.posterior_weights(moved, blocks, variance)
            # Most training images have weight 0.
            (active,) = torch.nonzero(weights, as_tuple=True)
            mean = sum(weights[part] @ x for part, x in self._blocks(rows, active))
            posteriors.append((active, weights, mean))
        x_hat = sum(mean for _, _, mean in posteriors) / len(posteriors)

        def multiply(v):
            v_rows = v.double().flatten(1)
            product = sum(
                finite.posterior_covariance_product(
                    v_rows, self._blocks(rows, active), weights, mean, variance
                )
                for active, weights, mean in posteriors
            )
            return (product / len(posteriors)).reshape(v.shape).to(v.dtype)

        return Linearization(x_hat.reshape(y.shape).to(y.dtype), multiply, multiply)

    def prior(self, size=None):
        """Return the mean and ten times the spread; see :meth:`BaseDenoiser.prior`."""
        size = super().prior(size).size
        check_size(self, torch.empty(1, 1, *size), self.train_images_.shape[1:3])
        n, total, squares = len(self.train_images_), 0.0, 0.0
        for _, x in self._blocks(torch.empty(0, dtype=torch.float64)):
            total, squares = total + x.sum(0), squares + x.square().sum()
        mean = total / n
        spread = float((squares / n - mean.square().sum()).clamp(min=0).sqrt())
        mean = mean.reshape(1, self.n_channels_in_, *size).float()
        return Prior(size, mean, max(10 * spread, 1.0))

    def _prepare(self, y, noise_std):
        """Return the images as centered rows, the center, and the noise variances.

        The center is a training image. Subtracting it avoids cancellation later.
        """
        check_size(self, y, self.train_images_.shape[1:3])
        rows = y.double().flatten(1)
        center = to_tensor(self.train_images_[:1], data_range=self.data_range_)
        center = center.to(rows).flatten(1)
        sigma = self.noise_levels(y.double(), noise_std)
        return rows - center, center, sigma.reshape(-1, 1) ** 2

    def _perturbed(self, rows):
        """Yield the rows plus each perturbation."""
        for perturbation in self.perturbations_:
            moved = torch.from_numpy(perturbation).permute(2, 0, 1)
            yield rows + moved.to(rows).flatten()

    def _blocks(self, like, indices=None):
        """Yield pairs (indices, training images as rows (m, d)), block by block.

        The blocks cover all images, or the images at `indices`. They have the dtype and
        the device of `like`.
        """
        images = self.train_images_
        if indices is None:
            indices = torch.arange(len(images))
        for batch in gen_batches(len(indices), self._n_at_once()):
            stack = images[indices[batch].cpu().numpy()]
            x = to_tensor(stack, data_range=self.data_range_)
            yield indices[batch], x.to(like).flatten(1)

    def _n_at_once(self):
        size = math.prod(self.train_images_.shape[1:])
        return max(1, min(2**12, BLOCK // size))
