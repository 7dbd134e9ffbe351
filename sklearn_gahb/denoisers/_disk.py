"""The best possible denoiser of disks."""

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import at_least
from .._warnings import warn
from ..datasets import DiskPrior
from ..posteriors.disks import sample_disk_posterior
from .base import BaseDenoiser
from .checks import check_one_size, check_size, to_numpy
from .linearization import Linearization
from .prior import Prior

# Fewer effective draws come with a warning.
ENOUGH = 100
# Noise below this is taken for it: the posterior is narrower than rounding.
SMALLEST_NOISE = 1e-4


class DiskPosteriorDenoiser(BaseDenoiser):
    r"""Posterior mean of the images of `make_disk_images`, the optimum for them.

    .. math:: \hat x(y) = E[x | y]
              = \frac{\int x(g, a)\, e^{-\|y - x(g, a)\|^2 / 2 \sigma^2}\, dg\, da}
                     {\int e^{-\|y - x(g, a)\|^2 / 2 \sigma^2}\, dg\, da}

    over the prior of the geometry g (center and radius) and of the intensities a of
    foreground and background. No denoiser has a lower mean squared error on such
    images; it tends to :math:`5 \sigma^2 / d` in d pixels for vanishing noise. The
    integral over the intensities is done by quadrature, that over the geometry by
    adaptive importance sampling, about 0.02 s an image of 32x32. `fit` takes nothing
    from its images but their size; the prior is that of `radius_range`.

    Parameters
    ----------
    radius_range : tuple of (float, float), default=None
        Smallest and largest radius in pixels, as of `make_disk_images`; at least 1, and
        at most ``image_size / 2 - 1``. None means
        ``(max(2, image_size / 8), 3 * image_size / 8)``.
    n_draws : int, default=1500
        Number of geometries that are drawn for each image.
    noise_std : float, default=None
        Standard deviation of the noise, in the units of the images, which for unsigned
        integers are fractions of the largest value: 25 of 255 is ``25 / 255``. None
        estimates it for each image by `estimate_noise_std`. Less than 0.0001 is taken
        for that.
    image_shape : tuple of int, default=None
        (height, width) of the rows of 2-D arrays.
    random_state : int, RandomState instance or None, default=None
        Seeds the draws, which are the same for every image, and the noise that
        ``score(X)`` adds.

    Attributes
    ----------
    image_size_ : int
        Height and width of the images.
    radius_range_ : tuple of (float, float)
        Radii in use.
    n_channels_in_ : int
        Number of channels seen during :term:`fit`: 1.
    n_features_in_ : int
        Number of values of an image seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    sklearn_gahb.datasets.make_disk_images : The images.
    EmpiricalDenoiser : The optimum for a finite set of images.

    Notes
    -----
    A warning tells where the draws are too few: an image whose weights are worth fewer
    than 100 equal ones, their effective sample size, because of a posterior with many
    modes, or because the image is no disk. A grid of 4356 disks is kept in memory, 18
    MB for images of 32x32 and in proportion to their pixels.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> from sklearn_gahb import DiskPosteriorDenoiser, WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X = make_disk_images(10, 32, random_state=0)
    >>> optimum = DiskPosteriorDenoiser(noise_std=0.1, random_state=0).fit(X)
    >>> wavelets = WaveletThresholdDenoiser(noise_std=0.1, random_state=0).fit(X)
    >>> optimum.score(X) - wavelets.score(X) > 10
    True
    """

    _parameter_constraints: dict = {
        **BaseDenoiser._parameter_constraints,
        "radius_range": [tuple, list, np.ndarray, None],
        "n_draws": [at_least(100)],
    }

    def __init__(
        self,
        radius_range=None,
        *,
        n_draws=1500,
        noise_std=None,
        image_shape=None,
        random_state=None,
    ):
        self.radius_range = radius_range
        self.n_draws = n_draws
        self.noise_std = noise_std
        self.image_shape = image_shape
        self.random_state = random_state

    def learn(self, clean, noisy=None):
        """Note the size of the images; see :meth:`BaseDenoiser.learn`."""
        height, width = check_one_size(self, clean)
        if height != width or height < 8 or clean.n_channels != 1:
            raise ValueError(
                "Images of disks are gray and square, of at least 8x8 pixels; X has "
                f"images of {height}x{width} pixels and {clean.n_channels} channels."
            )
        # Half of what make_disk_images accepts: then the middle is not flat.
        prior = DiskPrior.of(height, self.radius_range, smallest=1.0)
        self.radius_range_ = prior.smallest, prior.largest
        self.image_size_ = height

    def effective_sample_size(self, X):
        """Count the equal weights that the draws for each image are worth.

        Parameters
        ----------
        X : array-like or list of array-like
            Noisy images, in a layout that `fit` accepts.

        Returns
        -------
        sizes : ndarray of shape (n_images,)
            From 1 to `n_draws`. The error of the posterior mean, relative to the spread
            of the posterior, is about one over the root.
        """
        check_is_fitted(self)
        self._validate_params()
        images = self._check_images(X, reset=False)
        posteriors = (p for y in images.tensors() for p in self._posteriors(y, None))
        return np.array([posterior.effective_sample_size for posterior in posteriors])

    def denoise(self, y, noise_std=None):
        """Mean of the draws, weighted; see :meth:`BaseDenoiser.denoise`."""
        posteriors = self._posteriors(y, noise_std)
        found = [(one.mean(), one.effective_sample_size) for one in posteriors]
        means, sizes = zip(*found, strict=True)
        n_few = sum(size < ENOUGH for size in sizes)
        if n_few:
            warn(
                f"The effective sample size is under {ENOUGH} for {n_few} of "
                f"{len(sizes)} images, and {min(sizes):.0f} at the least: increase "
                f"n_draws={self.n_draws}, or check noise_std."
            )
        return y.new_tensor(np.array(means)).reshape(y.shape)

    def linearize(self, y, noise_std=None):
        """Linearize in closed form; see :meth:`BaseDenoiser.linearize`."""
        (posterior,) = self._posteriors(y, noise_std)
        factors = y.new_tensor(posterior.covariance_factors() / posterior.sigma)

        def multiply(v):
            # The posterior covariance over sigma^2, which is symmetric.
            return (v.flatten(1) @ factors.T @ factors).reshape(v.shape)

        x_hat = y.new_tensor(posterior.mean()).reshape(y.shape)
        return Linearization(x_hat, multiply, multiply)

    def prior(self, size=None):
        """Middle gray, and ten times the spread; see :meth:`BaseDenoiser.prior`."""
        # Intensities are uniform on [0, 1].
        sigma_max = 10 * self.image_size_ / 12**0.5
        return Prior(super().prior(size).size, mean=0.5, sigma_max=sigma_max)

    def _posteriors(self, y, noise_std):
        """Yield the posterior of each image of a tensor (n, 1, h, w)."""
        check_size(self, y, (self.image_size_,) * 2)
        prior = DiskPrior(self.image_size_, *self.radius_range_)
        images = to_numpy(y, self).astype(np.float64)
        sigmas = self.noise_levels(y.double(), noise_std).flatten().tolist()
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        for image, sigma in zip(images, sigmas, strict=True):
            yield sample_disk_posterior(
                image.ravel(),
                max(sigma, SMALLEST_NOISE),
                prior,
                self.n_draws,
                np.random.default_rng(seed),
            )
