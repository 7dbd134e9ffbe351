"""Add Poisson noise and Poisson-Gaussian noise."""

from numbers import Real

import numpy as np
from sklearn.utils import check_random_state

from .._fitting import unchanged_on_failure
from .._sklearn_compat import Interval
from ..images import ONE_LINE, check_images
from ..units import warn_of_noise_std, warn_of_range
from .gaussian import GaussianNoise, image_rng, remember

# Infinity means no Poisson noise. With fewer photons, images would overflow.
PEAK = Interval(Real, 1e-9, None, closed="both")
# NumPy draws counts as 64-bit integers.
LARGEST_MEAN_COUNT = 1e18


class PoissonNoise(GaussianNoise):
    r"""Add Poisson noise to images, and optionally Gaussian noise.

    The transformer computes

    .. math:: y = \frac{1}{\mathrm{peak}} P(\mathrm{peak} \cdot x)
       + \mathrm{noise\_std} \cdot z

    where :math:`P(\lambda)` is a Poisson variable of mean :math:`\lambda`, and z is
    standard normal [1]_. A camera counts photons, so its noise has a Poisson part. The
    electronics of the camera add a Gaussian part. The variance of the noise is ``x /
    peak + noise_std**2``. For large `peak`, little noise is left except the Gaussian
    part.

    Clean values below black are refused, because mean counts are not negative. As with
    :class:`GaussianNoise`, the noise of an image depends only on `random_state`
    and on the pixel values of the image. Use the transformer as the first step of a
    pipeline that is fitted and scored on clean images, as in ``pipeline.fit(X, X)``.

    Parameters
    ----------
    peak : float, default=30.0
        Mean number of photons counted at a white pixel. Infinity means no Poisson
        noise.
    noise_std : float, default=0.0
        Standard deviation of the Gaussian part, as a fraction of the data range. Must
        be at least 0.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise. Pass an int to get the same noise in every call. If None,
        every call draws new noise.

    Attributes
    ----------
    n_features_in_ : int
        Number of values (pixels times channels) per image seen during :term:`fit`. Not
        defined for lists of photographs.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    GaussianNoise : The same level of noise everywhere.
    sklearn_gahb.VarianceStabilizedDenoiser : Remove Poisson-Gaussian noise.
    sklearn_gahb.noise.estimate_poisson_gaussian : Estimate `peak` and `noise_std`.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical
       Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE
       Transactions on Image Processing 17(10), 2008. :doi:`10.1109/TIP.2008.2001399`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb import PoissonNoise
    >>> X = np.full((1, 256, 256), 0.5)
    >>> noisy = PoissonNoise(peak=50, random_state=0).fit_transform(X)
    >>> print(f"{noisy.mean():.2f} {noisy.std():.2f}")
    0.50 0.10
    """

    _parameter_constraints: dict = {
        **GaussianNoise._parameter_constraints,
        "peak": [PEAK],
    }

    def __init__(self, peak=30.0, noise_std=0.0, *, data_range=None, random_state=None):
        self.peak = peak
        self.noise_std = noise_std
        self.data_range = data_range
        self.random_state = random_state

    def fit(self, X, y=None):
        """Validate the images. Nothing is learned.

        Parameters
        ----------
        X : array-like or list of array-like
            Clean images without negative values, in any layout that denoisers accept.
        y : Ignored
            Not used, present here for API consistency by convention.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If values of `X` are negative.
        """
        with unchanged_on_failure(self):
            super().fit(X)
            check_not_negative(check_images(X, ONE_LINE, data_range=self.data_range))
        return self

    def _degrade(self, images):
        noise = self.peak, self.noise_std, self.random_state
        noisy = add_poisson_noise(images, *noise)
        is_noisy = self.noise_std > 0 or self.peak < np.inf
        return remember(noisy, images.data_range) if is_noisy else noisy

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


def check_not_negative(images):
    """Raise a ValueError if Images have negative values."""
    lowest = min(float(x.min()) for x in images.tensors())
    if lowest < 0:
        black, white = images.black_and_white
        lowest = black + lowest * (white - black)
        raise ValueError(
            f"Negative values in data: {images.name} goes down to {lowest:.3g}, but "
            f"black is {black:g}. Poisson noise needs values of at least black, "
            "because they are mean counts. Set data_range, or clip the images: "
            f"{images.name}.clip({black:g})."
        )


def check_counts(images, peak):
    """Raise a ValueError if Images have more photons than 64-bit integers can count."""
    if peak == np.inf:
        return
    largest = max(float(x.max()) for x in images.tensors())
    if peak * largest > LARGEST_MEAN_COUNT:
        raise ValueError(
            f"peak={peak:g} gives up to {peak * largest:.3g} photons in "
            f"{images.name}, but at most {LARGEST_MEAN_COUNT:g} can be counted. For "
            "images without Poisson noise, set peak to infinity."
        )


def add_poisson_noise(images, peak, noise_std, random_state):
    """Add Poisson and Gaussian noise to Images; return arrays in the same layout."""
    warn_of_noise_std(noise_std, images)
    warn_of_range(images)
    check_not_negative(images)
    check_counts(images, peak)
    seed = check_random_state(random_state).randint(2**31 - 1)

    def degrade(x):
        arrays = x.permute(0, 2, 3, 1).cpu().numpy()
        noisy = [_noisy_image(one, peak, noise_std, seed) for one in arrays]
        return x.new_tensor(np.stack(noisy)).permute(0, 3, 1, 2)

    return images.map(degrade)


def _noisy_image(image, peak, noise_std, seed):
    rng = image_rng(image, seed)
    if peak < np.inf:
        # float32, so that an image gets the same counts in float32 and float64.
        mean_counts = peak * image.astype(np.float32).astype(np.float64)
        image = rng.poisson(mean_counts) / peak
    return image + noise_std * rng.standard_normal(image.shape)
