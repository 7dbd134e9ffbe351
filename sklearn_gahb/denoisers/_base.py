"""What all denoisers share: checks, score, and samples."""

from abc import ABCMeta, abstractmethod
from contextlib import contextmanager

import numpy as np
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils.validation import check_is_fitted

from .. import sampling
from .._doc_link import DOC_LINK_MODULE, DOC_LINK_TEMPLATE
from .._images import (
    as_images,
    check_features,
    check_n_channels,
    check_numbers,
    check_same_shapes,
    equal_images,
    is_images,
)
from .._units import check_same_units, warn_of_level
from ..metrics import psnr
from ..noise import add_noise
from ._linearize import linearize_by_autograd


class FitInterrupted(KeyboardInterrupt):
    """Ctrl-C, after which the estimator is fitted with what it learned so far."""


class BaseDenoiser(
    OneToOneFeatureMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base class of denoisers.

    A subclass has the parameters `image_shape`, `noise_std` and `random_state`, and
    defines ``_fit(clean, noisy)`` and ``_denoise(y, noise_std)``.
    """

    _doc_link_module = DOC_LINK_MODULE
    _doc_link_template = DOC_LINK_TEMPLATE

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fit the denoiser.

        Parameters
        ----------
        X : array-like or list of array-like
            Clean images; noisy ones if `y` holds the clean ones. Of shape
            (n_images, height, width), (n_images, height, width, channels),
            (n_images, n_pixels) with `image_shape`, or a list of photographs.
        y : array-like or list of array-like, default=None
            Clean images of the shape of `X`. Labels (1-D) are ignored.

        Returns
        -------
        self : object
            The fitted denoiser.

        Raises
        ------
        ValueError
            If the images are not of an accepted layout, hold NaN or infinity, if `X`
            equals `y`, which would teach the identity, or if one of them is of unsigned
            integers and the other far outside of [0, 1].
        """
        with unchanged_on_failure(self):
            images = self._check_images(X, reset=True)
            if is_images(y):
                self._fit(check_target(self, y, images), images)
            else:
                self._fit(images, None)
        return self

    def transform(self, X):
        """Denoise images.

        Parameters
        ----------
        X : array-like or list of array-like
            Noisy images, in a layout that `fit` accepts.

        Returns
        -------
        X_denoised : ndarray, Tensor or list of those
            Denoised images in the layout of `X`. float64 and signed integers of 32 or
            64 bits give float64, everything else gives float32. Not clipped.
        """
        check_is_fitted(self)
        self._validate_params()
        return self._check_images(X, reset=False).map(self._transform_batch)

    def score(self, X, y=None):
        """Mean PSNR in dB.

        Parameters
        ----------
        X : array-like or list of array-like
            Clean images in [0, 1], to which noise of standard deviation `noise_std` is
            added; noisy ones if `y` holds the clean ones. Unsigned integers are divided
            by the largest value of their dtype.
        y : array-like or list of array-like, default=None
            Clean images of the shape of `X`. Labels (1-D) are ignored.

        Returns
        -------
        score : float
            PSNR of each image for a data range of 1, averaged over images. For images
            of another range divide them by it first.

        Raises
        ------
        ValueError
            If there is one array and `noise_std` is None or 0, or if an image in `X`
            equals that in `y`.
        """
        return float(self.score_samples(X, y).mean())

    def score_samples(self, X, y=None):
        """PSNR of each image in dB.

        Parameters
        ----------
        X, y : array-like or list of array-like
            As in `score`, which is their mean.

        Returns
        -------
        psnr : ndarray of shape (n_images,)
            For a data range of 1.
        """
        check_is_fitted(self)
        self._validate_params()
        images = self._check_images(X, reset=False)
        target = check_target(self, y, images) if is_images(y) else None
        noisy, clean = noisy_and_clean(self, images, target, self.noise_std)
        denoised = noisy.map(
            lambda y, x: self._bind_clean(x.to(y.device))._transform_batch(y), clean
        )
        return psnr(clean.data, denoised, average=False, image_shape=self.image_shape)

    def sample(
        self,
        n_samples=1,
        *,
        size=None,
        method="gradient_estimation",
        n_steps=50,
        sigma_start=None,
        sigma_end=0.01,
        random_state=None,
    ):
        """Draw images from the density that the denoiser has learned.

        Of a pipeline the last step has this method, and of a search its
        `best_estimator_`.

        Parameters
        ----------
        n_samples : int, default=1
            Number of images.
        size : tuple of (int, int), default=None
            Height and width of the images. None takes those of the crops that a network
            was trained on, else those of the images of `fit`, if they had one size.
        method : {"ddpm", "ddim", "gradient_estimation", "coarse_to_fine"}, \
                default="gradient_estimation"
            See :func:`~sklearn_gahb.sampling.sample`, which has further options.
        n_steps : int, default=50
            Number of evaluations; not used by "coarse_to_fine".
        sigma_start : float, default=None
            Noise level to begin with. None takes the highest level that a network was
            trained for, ten times the spread of the images for denoisers that know it,
            and else 1. Begun at 1, photographs in [0, 1] all come out close to middle
            grey; bias-free networks, which work at higher levels too, can begin at 3.
        sigma_end : float, default=0.01
            Noise level to end with, and that is left.
        random_state : int, RandomState instance or None, default=None
            Determines the noise.

        Returns
        -------
        X : ndarray of shape (n_samples, height, width), (n_samples, height, width, \
                channels) or (n_samples, n_pixels)
            Rows if there is an `image_shape`, else images; float32, not clipped.

        Raises
        ------
        ValueError
            If `size` is None and `fit` has seen images of several sizes, or none.
        """
        check_is_fitted(self)
        self._validate_params()
        if size is None:
            size = self._usual_size
        if size is None:
            raise ValueError(
                f"{type(self).__name__} was not fitted on images of one size; pass "
                "size=(height, width)."
            )
        if len(np.atleast_1d(size)) != 2:
            raise ValueError(f"size={size!r} must be (height, width).")
        mean, highest = self._prior(size)
        if sigma_start is None and highest <= sigma_end:
            raise ValueError(
                f"{type(self).__name__} begins at noise {highest}, the highest it "
                f"knows, which is not above sigma_end={sigma_end}; pass a lower one."
            )
        images = sampling.sample(
            self._denoise,
            (n_samples, self.n_channels_in_, *size),
            method=method,
            n_steps=n_steps,
            sigma_start=highest if sigma_start is None else sigma_start,
            sigma_end=sigma_end,
            mean=mean,
            device=self._device or "cpu",
            random_state=random_state,
        )
        X = images.permute(0, 2, 3, 1).cpu().numpy()
        if self.image_shape is not None:
            return X.reshape(n_samples, -1)
        return X[..., 0] if self.n_channels_in_ == 1 else X

    @property
    def _usual_size(self):
        """Height and width to sample at; None if there is no one size."""
        return getattr(self, "image_size_in_", None)

    def _prior(self, size):
        """Mean of the images, and a noise level in which they drown."""
        return 0.5, 1.0

    def _transform_batch(self, y):
        return self._denoise(y, self.noise_std)

    @abstractmethod
    def _fit(self, clean, noisy):
        """Learn from Images; `noisy` is None if the noise is ours to draw."""

    @abstractmethod
    def _denoise(self, y, noise_std):
        """Denoise a float tensor (n, c, h, w); differentiable where it can be."""

    def _linearize(self, y, noise_std):
        """Linearization at a float tensor (1, c, h, w): noise level, thresholds and
        geometry are fixed.

        A denoiser with a closed form, or a faster way than autograd, has its own.
        """
        return linearize_by_autograd(lambda y: self._denoise(y, noise_std), y)

    def _bind_clean(self, clean):
        """The denoiser of these clean images (n, c, h, w); itself if no oracle."""
        return self

    @property
    def _device(self):
        """Where `_denoise` wants its images; None if it follows them."""
        return None

    def _check_images(self, X, *, reset):
        numbers = check_numbers(X, estimator=self)
        # Rows of another length: scikit-learn's message comes before ours on shapes.
        if not reset and self.image_shape is not None:
            check_features(self, X, numbers, reset=False)
        images = as_images(numbers, self.image_shape)
        warn_of_level(self.noise_std, images)
        if reset:
            check_features(self, X, numbers, reset=True)
            self.n_channels_in_ = images.n_channels
            vars(self).pop("image_size_in_", None)
            if len(images.sizes) == 1:
                (self.image_size_in_,) = images.sizes
        else:
            check_n_channels(self, images.n_channels)
        return images

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def check_target(estimator, y, images):
    """Images of y, which must be clean where those of X, Images, are noisy."""
    numbers = check_numbers(y, "y", estimator)
    if getattr(numbers, "shape", ())[1:] == (1,):
        raise ValueError(
            f"y has shape {tuple(numbers.shape)}: labels, which are ignored, have "
            "one axis; pass y.ravel(). Otherwise y must hold the clean images."
        )
    clean = as_images(numbers, estimator.image_shape, "y")
    check_same_shapes(images, clean)
    check_same_units(images, clean)
    if equal_images(images, clean).all():
        raise ValueError(
            "X equals y: X must hold noisy images and y the clean ones. With clean "
            "images only, pass X alone and the denoiser draws the noise; to add it "
            "in a Pipeline, make sklearn_gahb.noise.GaussianNoise the first step."
        )
    return clean


def noisy_and_clean(estimator, images, clean, noise_std):
    """Images to score: those given, or clean ones with noise that is drawn here.

    Parameters
    ----------
    estimator : estimator
        Has `image_shape` and `random_state`.
    images : Images
        Noisy, or clean if `clean` is None.
    clean : Images or None
    noise_std : float or None

    Returns
    -------
    noisy, clean : Images
    """
    if clean is not None:
        n_equal = equal_images(clean, images).sum()
        if n_equal:
            raise ValueError(
                f"{n_equal} of the {len(clean)} images in X equal those in y: what "
                "is not degraded cannot be scored, its PSNR would be infinite."
            )
        return images, clean
    if not noise_std:
        raise ValueError(
            f"{type(estimator).__name__}.score(X) adds noise of standard deviation "
            f"noise_std to the clean images X, and noise_std={noise_std}. Set "
            "noise_std, pass score(noisy, clean), or score with "
            "sklearn_gahb.metrics.make_psnr_scorer(noise_std)."
        )
    noisy = add_noise(images, noise_std, estimator.random_state)
    return as_images(noisy, estimator.image_shape), images


def refuse_gradients(y, estimator):
    """Raise a ValueError if torch would have to differentiate what is not torch."""
    if y.requires_grad:
        raise ValueError(
            f"y requires gradients, and {type(estimator).__name__} does not propagate "
            "them; pass y.detach(), or take derivatives by "
            "sklearn_gahb.jacobian.jacobian_operator."
        )


def check_one_size(estimator, images):
    """The one (height, width) of Images, or a ValueError."""
    if len(images.sizes) > 1:
        raise ValueError(
            f"{type(estimator).__name__} is bound to one size of image, and X has "
            f"images of {len(images.sizes)} sizes, among them "
            f"{sorted(images.sizes)[:3]}."
        )
    return next(iter(images.sizes))


def check_size(estimator, y, size):
    """Raise a ValueError unless a tensor (n, c, h, w) has the (height, width)."""
    if tuple(y.shape[2:]) != tuple(size):
        raise ValueError(
            f"X has images of {y.shape[2]}x{y.shape[3]} pixels, but "
            f"{type(estimator).__name__} was fitted on images of {size[0]}x{size[1]}."
        )


@contextmanager
def unchanged_on_failure(estimator):
    """A fit that fails leaves the estimator as it was."""
    before = _fitted_attributes(estimator)
    try:
        yield
    except FitInterrupted:
        raise
    except BaseException:
        for name in _fitted_attributes(estimator):
            delattr(estimator, name)
        vars(estimator).update(before)
        raise


def _fitted_attributes(estimator):
    return {
        name: value
        for name, value in vars(estimator).items()
        if name.endswith("_") and not name.startswith("_")
    }
