"""The public protocol of denoisers, and the code that they share."""

from abc import ABCMeta, abstractmethod

import numpy as np
import torch
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._fitting import new_fit
from .._mistakes import refuse_frames_of_stacks
from .._sklearn_compat import (
    DATA_RANGE,
    NOT_NEGATIVE,
    SHAPE,
    BaseEstimator,
    check_sample_weight,
    fit_context,
    validate_params,
)
from ..images import check_clean, check_images, is_images
from ..metrics import psnr
from ..noise.gaussian import median_noise_std, warn_if_not_clean
from ..units import warn_of_units
from .checks import (
    check_levels,
    check_n_channels,
    check_target,
    check_tensors,
    noisy_and_clean,
    set_shape,
)
from .linearization import linearize_by_autograd
from .prior import Prior, draw_images


class BaseDenoiser(
    OneToOneFeatureMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base class of all denoisers.

    A subclass defines `denoise` and, like every estimator, ``__init__``. It may define

    - `learn`, which learns nothing by default;
    - `linearize`, which uses automatic differentiation by default;
    - `with_clean`, if it is an oracle, that is, a denoiser that needs the clean image;
    - `prior`, which describes the noisy images that sampling starts from;
    - `device_`, the device on which `denoise` needs its images;
    - `is_continuous`, whether the denoised image is continuous in the noisy image;
    - `needs_clean_images`, whether ``fit(X)`` needs clean images.

    Every function that takes a denoiser accepts instances of the subclass. The
    parameters `noise_std`, `data_range`, `image_shape` and `random_state` are optional.
    A parameter that the ``__init__`` of the subclass does not list is None.

    To denoise tensors, call the fitted denoiser: ``denoiser(y, noise_std)`` checks the
    arguments and calls `denoise`.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_gahb.denoisers import BaseDenoiser
    >>> class BoxBlur(BaseDenoiser):
    ...     def __init__(self, side=3):
    ...         self.side = side
    ...
    ...     def denoise(self, y, noise_std=None):
    ...         return torch.nn.functional.avg_pool2d(
    ...             y, self.side, stride=1, padding=self.side // 2
    ...         )
    >>> noisy = np.random.default_rng(0).normal(size=(1, 9, 9))
    >>> bool(BoxBlur().fit_transform(noisy).std() < noisy.std())
    True
    """

    noise_std: float | None = None
    data_range: float | tuple[float, float] | None = None
    image_shape: tuple[int, ...] | None = None
    random_state: int | np.random.RandomState | None = None
    _parameter_constraints: dict = {
        "noise_std": [NOT_NEGATIVE, None],
        "data_range": DATA_RANGE,
        "image_shape": SHAPE,
        "random_state": ["random_state"],
    }

    @abstractmethod
    def denoise(self, y, noise_std=None):
        """Denoise a float tensor.

        Parameters
        ----------
        y : Tensor of shape (n, channels, height, width)
            Noisy images, as fractions of the data range, on `device_`. Do not modify
            them in place.
        noise_std : float or Tensor of shape (n, 1, 1, 1), default=None
            Noise level of all images, or of each image, or None. If you need the level,
            call :meth:`noise_levels`, which also handles None.

        Returns
        -------
        x_hat : Tensor of the shape of `y`
            Denoised images. They are not detached, so torch can differentiate them.
        """

    def learn(self, clean, noisy=None):
        """Learn from the images that `fit` has checked; learn nothing by default.

        Parameters
        ----------
        clean : Images
            Clean images.
        noisy : Images, default=None
            Noisy images of the same shapes. If None, the denoiser draws the noise.
        """

    def linearize(self, y, noise_std=None):
        """Linearize the denoiser at one image.

        The noise level, the thresholds and the choice of a best basis are held fixed.
        By default, torch differentiates `denoise`.

        Parameters
        ----------
        y : Tensor of shape (1, channels, height, width)
            Noisy image, on `device_`.
        noise_std : float or Tensor of one level, default=None
            Noise level, or None, as in `denoise`.

        Returns
        -------
        linearization : Linearization
            Denoised image, and functions that multiply images by the Jacobian.
        """
        return linearize_by_autograd(lambda y: self.denoise(y, noise_std), y)

    def with_clean(self, clean):
        """Return a denoiser that knows the clean images.

        Parameters
        ----------
        clean : Tensor of shape (n, channels, height, width)
            Clean versions of the noisy images to denoise.

        Returns
        -------
        denoiser : BaseDenoiser
            For an oracle, a copy that knows the clean images. For others, `self`.
        """
        return self

    def prior(self, size=None):
        """Describe the images that the denoiser is made for.

        Parameters
        ----------
        size : tuple of (int, int), default=None
            Height and width of the images to sample. If None, the height and width of
            the images passed to `fit` are used.

        Returns
        -------
        prior : Prior
            Size and distribution of the images, and the first noise level of samplers.
        """
        if size is None:
            size = getattr(self, "image_size_in_", None)
        return Prior(size, mean=0.5, sigma_max=1.0)

    @property
    def device_(self) -> torch.device | None:
        """Device on which `denoise` needs its images; None for any device."""
        return None

    @property
    def needs_clean_images(self) -> bool:
        """Whether ``fit(X)`` needs clean images; True if `learn` is overridden."""
        return type(self).learn is not BaseDenoiser.learn

    @property
    def is_continuous(self) -> bool:
        """Whether the denoised image is a continuous function of the noisy image."""
        return True

    def noise_levels(self, y, noise_std=None):
        """Return the noise level of each image.

        Parameters
        ----------
        y : Tensor of shape (n, channels, height, width)
            Noisy images.
        noise_std : float or Tensor of n levels, default=None
            Noise level of all images, or of each image. If None, the parameter
            `noise_std` is used. If it is None too, each noise level is estimated.

        Returns
        -------
        sigma : Tensor of shape (n, 1, 1, 1)
            Noise level of each image, in the dtype and on the device of `y`.
        """
        noise_std = self._level(noise_std)
        if noise_std is None:
            noise_std = median_noise_std(y.detach().cpu().numpy())
        sigma = torch.as_tensor(noise_std, dtype=y.dtype, device=y.device)
        return sigma.reshape(-1, 1, 1, 1).expand(len(y), 1, 1, 1)

    def __call__(self, y, noise_std=None):
        """Call :meth:`denoise` with checks; `noise_std` may also have shape (n,)."""
        check_is_fitted(self)
        name = f"{type(self).__name__}.denoise"
        check_tensors(y, name)
        check_n_channels(self, y.shape[1], "y")
        y_moved = y.to(self.device_ or y.device)
        x_hat = self.denoise(y_moved, check_levels(noise_std, y_moved))
        return check_tensors(x_hat, name, y.shape).to(y.device)

    @fit_context()
    def fit(self, X, y=None):
        """Fit the denoiser.

        Parameters
        ----------
        X : array-like or list of array-like
            Clean images, or noisy images if `y` holds the clean images: an array of
            shape (n_images, height, width) or (n_images, height, width, channels), or
            (n_images, n_pixels) if `image_shape` is set, or a list of photographs.
        y : array-like or list of array-like, default=None
            Clean images of the same shape as `X`. Labels (1-D) are ignored.

        Returns
        -------
        self : object
            The fitted denoiser.

        Raises
        ------
        ValueError
            If images have no accepted layout, or contain NaN or infinity. If `X` equals
            `y`, or if `X` and `y` seem to use different data ranges.
        """
        with new_fit(self):
            images = self._check_images(X, reset=True)
            if is_images(y):
                self.learn(check_target(self, y, images), images)
            else:
                if self.needs_clean_images:
                    warn_if_not_clean(images, "fit treats them as clean images")
                self.learn(images)
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
            Denoised images in the layout of `X`, not clipped. They are float64 if `X`
            is float64 or holds signed integers of 32 or 64 bits, and float32 otherwise.
        """
        refuse_frames_of_stacks(self, X)
        return self.denoise_images(X)

    @validate_params(noise_std=[NOT_NEGATIVE, None])
    def denoise_images(self, X, noise_std=None, *, clean=None):
        """Denoise images as `transform` does, at a given noise level.

        Parameters
        ----------
        X : array-like or list of array-like
            Noisy images, in a layout that `fit` accepts.
        noise_std : float, default=None
            Noise level. If None, the parameter `noise_std` is used.
        clean : array-like or list of array-like, default=None
            Clean images of the same shape as `X`. Used only by oracles.

        Returns
        -------
        X_denoised : ndarray, Tensor or list of those
            Denoised images in the layout of `X`.
        """
        noisy = self._check_images(X, noise_std, reset=False)
        clean = check_clean(clean, noisy, self.image_shape)
        return self._restore(noisy, noise_std, clean)

    def score(self, X, y=None, sample_weight=None):
        """Compute the mean PSNR in dB.

        Parameters
        ----------
        X : array-like or list of array-like
            Noisy images if `y` holds the clean images. Otherwise, clean images, to
            which `score` adds noise of standard deviation `noise_std`.
        y : array-like or list of array-like, default=None
            Clean images of the same shape as `X`. Labels (1-D) are ignored.
        sample_weight : array-like of shape (n_images,), default=None
            Weights of the images in the mean. If None, all images have the same weight.

        Returns
        -------
        score : float
            Mean PSNR of the images, relative to the data range.

        Raises
        ------
        ValueError
            If `y` holds no images and `noise_std` is None or 0, or if an image in `X`
            equals the corresponding image in `y`.
        """
        ratios = self.psnr_per_image(X, y)
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                sample_weight, ratios, ensure_non_negative=True
            )
        return float(np.average(ratios, weights=sample_weight))

    @validate_params(noise_std=[NOT_NEGATIVE, None])
    def psnr_per_image(self, X, y=None, *, noise_std=None):
        """Compute the PSNR of each image in dB.

        Parameters
        ----------
        X, y : array-like or list of array-like
            Images, as in `score`.
        noise_std : float, default=None
            Noise level that the denoiser receives. If `y` holds no images, noise of
            this level is also added to `X`. If None, the parameter `noise_std` is used.

        Returns
        -------
        psnr : ndarray of shape (n_images,)
            PSNR of each image, relative to the data range.
        """
        images = self._check_images(X, noise_std, reset=False)
        noisy, clean = noisy_and_clean(self, images, y, self._level(noise_std))
        denoised = self._restore(noisy, noise_std, clean)
        return psnr(
            clean.data,
            denoised,
            data_range=self.data_range,
            average=False,
            image_shape=self.image_shape,
        )

    @validate_params()
    def sample(
        self,
        n_samples=1,
        *,
        image_shape=None,
        sampler=None,
        mean=None,
        batch_size=None,
        keep_every=1,
        return_trajectory=False,
        callback=None,
        random_state=None,
    ):
        """Draw images from the density that the denoiser has learned.

        :func:`sklearn_gahb.sampling.sample` does the same for pipelines, searches and
        functions, and describes the parameters in more detail.

        Parameters
        ----------
        n_samples : int, default=1
            Number of images to draw.
        image_shape : tuple of int, default=None
            Shape of the images: (height, width) or (height, width, channels). If None,
            the size of the training crops, or else of the images passed to `fit`.
        sampler : Sampler, default=None
            Sampling method from :mod:`sklearn_gahb.samplers`. If None,
            ``GradientEstimation()`` is used, which evaluates the denoiser 50 times.
        mean : float or Tensor that broadcasts to (n, channels, height, width), \
                default=None
            Mean of the first noisy images, as a fraction. If None, `prior` sets it.
        batch_size : int, default=None
            Number of images to denoise at a time.
        keep_every : int or None, default=1
            Interval between the steps in the trajectory. If None, only the last step.
        return_trajectory : bool, default=False
            If True, return the samples and the trajectory.
        callback : callable, default=None
            Function ``callback(step, y, noise_std)``, called after each step.
        random_state : int, RandomState instance or None, default=None
            Seed of the noise.

        Returns
        -------
        X : ndarray of shape (n_samples, height, width), (n_samples, height, width, \
                channels) or (n_samples, n_pixels)
            Samples in float32, not clipped. They are rows if the denoiser has an
            `image_shape`. They are in the units of `data_range`.
        trajectory : Trajectory
            Steps that sampling kept. Returned only if `return_trajectory` is True.
        """
        check_is_fitted(self)
        X, trajectory = draw_images(
            self,
            n_samples,
            image_shape=image_shape,
            sampler=sampler,
            mean=mean,
            batch_size=batch_size,
            keep_every=keep_every if return_trajectory else None,
            callback=callback,
            random_state=random_state,
        )
        return (X, trajectory) if return_trajectory else X

    def _restore(self, noisy, noise_std, clean):
        """Return denoised arrays in the layout of `noisy`; `clean` may be None."""
        if clean is None:
            return noisy.map(lambda y: self(y, noise_std))

        def denoise(y, x):
            oracle = self.with_clean(x.to(self.device_ or y.device, y.dtype))
            return oracle(y, noise_std)

        return noisy.map(denoise, clean)

    def _level(self, noise_std):
        """Return the given level or, if it is None, the parameter `noise_std`."""
        return self.noise_std if noise_std is None else noise_std

    def _check_images(self, X, noise_std=None, *, reset):
        if not reset:
            check_is_fitted(self)
            self._validate_params()
        shape, data_range = self.image_shape, self.data_range
        images = check_images(
            X, shape, data_range=data_range, estimator=self, reset=reset
        )
        warn_of_units(self._level(noise_std), images)
        if reset:
            set_shape(self, images)
        else:
            check_n_channels(self, images.n_channels)
        return images

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
