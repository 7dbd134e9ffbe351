"""Add white Gaussian noise, and estimate its level."""

import hashlib
import warnings
from collections import OrderedDict

import numpy as np
import pywt
from scipy.special import ndtri
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state

from .._fitting import unchanged_on_failure
from .._mistakes import refuse_frames_of_stacks
from .._sklearn_compat import (
    DATA_RANGE,
    LARGEST,
    NOT_NEGATIVE,
    BaseEstimator,
    fit_context,
    validate_params,
)
from .._tensors import is_tensor
from .._warnings import warn
from ..images import ONE_LINE, check_images
from ..units import warn_of_signed_images, warn_of_units

# Digests of the first image of the latest noisy images. A Pipeline does not tell its
# last step where images come from, so `warn_if_not_clean` looks here.
# The values are the data ranges for which the noise was drawn.
_LATEST_OUTPUTS = OrderedDict()
N_REMEMBERED = 1000


class GaussianNoise(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Add white Gaussian noise to images.

    The transformer computes ``y = x + noise_std * z``, where z is standard normal. Use
    it as the first step of a pipeline that is fitted and scored on clean images, as in
    ``pipeline.fit(X, X)`` and ``pipeline.score(X, X)``.

    The noise of an image depends only on `random_state` and on the pixel values of the
    image. The order and the number of the images do not change the noise. Two copies of
    an image get the same noise. If `random_state` is an int, an image also gets the
    same noise in every call. Each row of a 2-D array is read as an image. Pass a single
    photograph as ``X[None]``.

    Parameters
    ----------
    noise_std : float, default=0.1
        Standard deviation of the noise, as a fraction of the data range: 25 gray levels
        out of 255 are ``25 / 255``. Must be at least 0.
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
    sklearn_gahb.noise.estimate_noise_std : Estimate the level of white Gaussian noise.

    Notes
    -----
    Pass the clean images twice, as in ``pipeline.fit(X, X)``. If the second argument is
    missing or contains labels, the last step treats the noisy images as clean images.
    It then adds its own noise to them. A last step that needs clean images warns about
    this, unless a step in between has modified the noisy images.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.noise import GaussianNoise
    >>> X = np.zeros((1, 64, 64))
    >>> noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    >>> print(f"{noisy.std():.2f}")
    0.10
    """

    _parameter_constraints: dict = {
        "noise_std": [NOT_NEGATIVE],
        "data_range": DATA_RANGE,
        "random_state": ["random_state"],
    }

    def __init__(self, noise_std=0.1, *, data_range=None, random_state=None):
        self.noise_std = noise_std
        self.data_range = data_range
        self.random_state = random_state

    @fit_context()
    def fit(self, X, y=None):
        """Validate the images. Nothing is learned.

        Parameters
        ----------
        X : array-like or list of array-like
            Images, in any layout that denoisers accept. For rows of pixels, no
            `image_shape` is needed.
        y : Ignored
            Not used, present here for API consistency by convention.

        Returns
        -------
        self : object
            The transformer itself.
        """
        with unchanged_on_failure(self):
            check_images(X, ONE_LINE, estimator=self, reset=True)
        return self

    def transform(self, X):
        """Add noise to images.

        Parameters
        ----------
        X : array-like or list of array-like
            Clean images, in any layout that denoisers accept.

        Returns
        -------
        X_noisy : ndarray, Tensor or list of those
            Noisy images in the layout of `X`, float32 or float64, not clipped. If
            `data_range` is None, unsigned integers become fractions of the largest
            value of their dtype. Otherwise, the units do not change.
        """
        refuse_frames_of_stacks(self, X)
        self._validate_params()
        images = check_images(
            X, ONE_LINE, data_range=self.data_range, estimator=self, reset=False
        )
        return self._degrade(images)

    def _degrade(self, images):
        noisy = add_noise(images, self.noise_std, self.random_state)
        return remember(noisy, images.data_range) if self.noise_std > 0 else noisy

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def check_noise_levels(noise_std):
    """Return distinct positive noise levels as an array, or raise a ValueError."""
    try:
        levels = np.atleast_1d(np.asarray(noise_std, dtype=np.float64))
    except OverflowError:
        levels = np.array([np.inf])
    is_valid = levels.ndim == 1 and levels.size and len(set(levels)) == len(levels)
    if not is_valid or not ((levels > 0) & (levels <= LARGEST)).all():
        raise ValueError(f"noise_std={noise_std!r} must be distinct positive numbers.")
    return levels


def check_adds_no_noise(estimator, name):
    """Raise a ValueError if an estimator adds noise itself; `name` is the caller."""
    inner = getattr(estimator, "get_params", dict)().values()
    if any(isinstance(one, GaussianNoise) for one in (estimator, *inner)):
        raise ValueError(
            "The pipeline adds noise itself, in its GaussianNoise step, and "
            f"{name} adds noise too. Pass only the last step, pipeline[-1]."
        )


def remember(noisy, data_range):
    """Return noisy images, and remember that they are noisy, and their data range."""
    _LATEST_OUTPUTS[digest_of(noisy[0])] = data_range or (0.0, 1.0)
    if len(_LATEST_OUTPUTS) > N_REMEMBERED:
        _LATEST_OUTPUTS.popitem(last=False)
    return noisy


def warn_of_other_range(noisy):
    """Warn if this package added noise to Images for another data range."""
    found = noisy.black_and_white
    drawn = _LATEST_OUTPUTS.get(digest_of(noisy.data[0]), found)
    if drawn != found:
        warn(
            f"In {noisy.name}, to which this package added noise, black and white are "
            f"{drawn}, but the denoiser reads them as {found}. Set the same data_range "
            "for the noise and the denoiser."
        )


def warn_if_not_clean(images, consequence):
    """Warn if Images that count as clean are noisy or seem to have other units.

    Only noisy images from this package are noticed. The values of the first image
    identify them. Unlike the identity of the array, these values survive conversions to
    lists, data frames and other dtypes.
    """
    if digest_of(images.data[0]) in _LATEST_OUTPUTS:
        warn(
            f"{images.name} holds images to which this package added noise, and no "
            f"clean images were passed with them, so {consequence}. If a pipeline "
            "begins by adding noise, pass the clean images twice: "
            "pipeline.fit(X, X) and pipeline.score(X, X). Otherwise, pass both: "
            "fit(noisy, clean) and score(noisy, clean)."
        )
    warn_of_signed_images(images)


def noisy_copy(X, noise_std, random_state, data_range=None):
    """Return a noisy copy in the layout and type of `X`, which can be a data frame."""
    images = check_images(X, ONE_LINE, data_range=data_range)
    noisy = add_noise(images, noise_std, random_state)
    if hasattr(X, "columns"):
        return type(X)(noisy, index=X.index, columns=X.columns)
    return noisy


def add_noise(images, noise_std, random_state):
    """Add noise to Images, and return arrays in the same layout."""
    warn_of_units(noise_std, images)
    seed = check_random_state(random_state).randint(2**31 - 1)
    return images.map(lambda x: x + noise_std * _noise_like(x, seed))


def _noise_like(x, seed):
    """Draw standard normal noise for a tensor (n, c, h, w), with a seed per image."""
    images = x.permute(0, 2, 3, 1).cpu().numpy()
    noise = np.stack([_image_noise(image, seed) for image in images])
    return x.new_tensor(noise).permute(0, 3, 1, 2)


def _image_noise(image, seed):
    return image_rng(image, seed).standard_normal(image.shape)


def image_rng(image, seed):
    """Return a generator that depends only on a seed and on the values of an image."""
    digest = np.frombuffer(digest_of(image), dtype=np.uint32)
    return np.random.default_rng([seed, *digest])


def digest_of(image):
    """Hash float32 values, so that float32 and float64 images have the same digest."""
    image = image.cpu().numpy() if is_tensor(image) else image
    values = np.ascontiguousarray(image, dtype=np.float32)
    return hashlib.blake2b(values.tobytes(), digest_size=16).digest()


@validate_params()
def estimate_noise_std(X, *, data_range=None, image_shape=None):
    r"""Estimate the standard deviation of white Gaussian noise in each image.

    .. math:: \hat\sigma = \mathrm{median}(|d|) \,/\, \Phi^{-1}(3/4)

    where d are the non-zero coefficients of the finest diagonal wavelet band
    (Daubechies 2) [1]_. Images have little energy in this band, whereas white noise has
    the same energy in all bands. Therefore most of these coefficients are mainly noise.
    The estimates of the channels are averaged.

    If there is little noise, the estimate is too high, because edges and texture are
    mistaken for noise. If the noisy values were clipped, for example when they were
    saved as a photograph, the estimate is too low.

    Parameters
    ----------
    X : array-like or list of array-like
        Noisy images of shape (n_images, height, width),
        (n_images, height, width, channels), or (n_images, n_pixels) if `image_shape` is
        given. A list of photographs is accepted too.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).

    Returns
    -------
    noise_std : ndarray of shape (n_images,)
        Estimated standard deviations, as fractions of the data range. The estimate of
        an image is 0 if all its coefficients d are zero.

    Raises
    ------
    ValueError
        If values are not finite, or if the layout of `X` is not one of the above.

    References
    ----------
    .. [1] D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet
       shrinkage", Biometrika 81(3), 1994. :doi:`10.1093/biomet/81.3.425`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_gahb.noise import GaussianNoise, estimate_noise_std
    >>> X = np.zeros((1, 256, 256))
    >>> noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    >>> estimate_noise_std(noisy).round(2)
    array([0.1])
    """
    images = check_images(X, image_shape, data_range=data_range)
    warn_of_units(None, images)
    return np.concatenate([median_noise_std(y.cpu().numpy()) for y in images.tensors()])


def median_noise_std(y):
    """Estimate the noise level of each image (n, c, h, w), of shape (n,)."""
    axes = [axis for axis in (2, 3) if y.shape[axis] > 1]
    if not axes:
        return np.zeros(len(y))
    details = pywt.dwtn(y, "db2", axes=axes)["d" * len(axes)]
    sizes = np.abs(details).reshape(*y.shape[:2], -1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        medians = np.nanmedian(np.where(sizes > 0, sizes, np.nan), axis=2)
    return np.nan_to_num(medians).mean(axis=1) / ndtri(0.75)
