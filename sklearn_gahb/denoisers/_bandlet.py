"""Thresholding in the best basis of bandlets."""

import copy
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
import pywt
import torch
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._images import as_images, check_numbers, check_same_shapes
from ._alpert import alpert_dictionary
from ._bandlets import BandletFrame, bandlet_factors
from ._base import BaseDenoiser, refuse_gradients
from ._linearize import Linearization
from ._thresholding import (
    check_n_shifts,
    check_wavelet,
    crop,
    fold_mirror,
    noise_levels,
    pad_by_mirror,
    pad_by_zeros,
    spin,
    transformed_axes,
    translations,
)


class BandletOracle(BaseDenoiser):
    r"""Thresholding in an orthonormal basis of bandlets that follows the geometry.

    .. math:: \hat x = \sum_k \rho_k \langle y, g_k \rangle\, g_k

    The subbands of a wavelet transform are cut into a quadtree of squares. In each
    square the wavelet coefficients are kept as they are, or transformed by Alpert
    multiwavelets along one of many directions, so that a regular contour gives few
    large coefficients [1]_ [2]_. The basis minimises the Lagrangian

    .. math:: \sum_k \min(\langle x, g_k \rangle^2, T^2) + T^2\, \gamma\, B

    with `geometry_cost` :math:`\gamma` and B bits that tell the directions and the
    splits. For images that are regular of order :math:`\alpha` away from edges that are
    as regular, thresholding with the best basis of the clean image attains the optimal
    rate :math:`\sigma^{2 \alpha / (\alpha + 1)}` of the mean squared error [1]_. This
    basis is known to an oracle only: with ``geometry="clean"`` `transform` and `score`
    are given the clean images. With ``geometry="noisy"`` and ``shrinkage="hard"`` the
    basis comes from the noisy image, and the oracle is a denoiser as any other.

    The factors :math:`\rho_k` are

    - ``"hard"``: 1 if :math:`|\langle y, g_k \rangle| > T`, and 0 otherwise;
    - ``"projection"``: 1 if :math:`|\langle x, g_k \rangle| > \sigma`, 0 otherwise;
    - ``"attenuation"``:
      :math:`\langle x, g_k \rangle^2 / (\langle x, g_k \rangle^2 + \sigma^2)`.

    The last two know the clean image x: they bound what factors of 0 or 1, and what any
    factors can reach. The coarse band is kept. Coefficients beyond the last whole
    square of a subband stay as they are. Sides that are no multiples of ``2**levels``
    are extended by mirror images and cropped. Each channel is denoised by itself.

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default="haar"
        An orthogonal wavelet of PyWavelets, see :func:`pywt.wavelist`.
    levels : int, default=None
        Number of scales, at most the logarithm to base 2 of the shorter side, rounded
        up. None takes as many as leave at least 8 coefficients a side, and at least 1.
    block_sizes : tuple of int, default=(4, 8)
        Sides of squares in coefficients, each twice the one before.
    moments : tuple of (int, int), default=(1, 2)
        Vanishing moments of the multiwavelets across and along the direction.
    angles_per_size : int, default=4
        Number of directions of a square, divided by its side.
    threshold : float, default=3.0
        T is `threshold` times :math:`\sigma` for "hard"; it is :math:`\sigma` for the
        others.
    geometry : {"clean", "noisy"}, default="clean"
        The image whose best basis is taken.
    geometry_cost : float, default=None
        Cost of a bit. None means 0.1 for clean and 0.5 for noisy geometry, where it
        keeps the basis from following the noise.
    shrinkage : {"hard", "projection", "attenuation"}, default="hard"
        What is done with coefficients, see above.
    n_shifts : int, default=1
        Number of translations to average over, the square of a whole number s: shifts
        by 0 to s - 1 pixels along both sides. Each has a best basis of its own.
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
    wavelet_ : pywt.Wavelet
        The wavelet in use.
    dictionary_ : dict of int to ndarray of shape (n_directions, size**2, size**2)
        Transforms of squares, by their side: rows are orthonormal vectors.
    n_channels_in_ : int
        Number of channels seen during :term:`fit`.
    n_features_in_ : int
        Number of values of an image seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    WaveletThresholdDenoiser : Shrinks in a basis that does not adapt.
    sklearn_gahb.datasets.make_c_alpha_images : Images with regular contours.

    Notes
    -----
    In a :class:`~sklearn.pipeline.Pipeline` the oracle can only be the last step, and
    clean images travel as metadata: within
    ``sklearn.config_context(enable_metadata_routing=True)``,
    ``pipeline.transform(X, clean=X)``. It requests them, nothing else has to be set.

    The wavelet transform is computed by PyWavelets on the CPU, and the squares by torch
    on the device of the images.

    References
    ----------
    .. [1] S. Mallat, G. Peyre, "Orthogonal bandlet bases for geometric images
       approximation", Comm. Pure Appl. Math. 61(9), 2008. :doi:`10.1002/cpa.20242`
    .. [2] G. Peyre, E. Le Pennec, C. Dossal, S. Mallat, "Geometrical image estimation
       with orthogonal bandlet bases", Proc. SPIE 6701, 2007. :doi:`10.1117/12.731227`

    Examples
    --------
    >>> from sklearn_gahb import BandletOracle, GaussianNoise
    >>> from sklearn_gahb.datasets import make_c_alpha_images
    >>> X = make_c_alpha_images(10, 64, alpha=3, random_state=0)
    >>> noisy = GaussianNoise(0.05, random_state=0).fit_transform(X)
    >>> oracle = BandletOracle(noise_std=0.05).fit(X)
    >>> oracle.transform(noisy, clean=X).shape
    (10, 64, 64)
    >>> oracle.score(noisy, X) > 32
    True
    """

    # A Pipeline hands clean images over without set_transform_request.
    __metadata_request__transform = {"clean": True}
    __metadata_request__fit_transform = {"clean": True}

    _parameter_constraints: dict = {
        "wavelet": [str, pywt.Wavelet],
        "levels": [Interval(Integral, 1, None, closed="left"), None],
        "block_sizes": [tuple, list],
        "moments": [tuple, list],
        "angles_per_size": [Interval(Integral, 1, None, closed="left")],
        "threshold": [Interval(Real, 0, None, closed="left")],
        "geometry": [StrOptions({"clean", "noisy"})],
        "geometry_cost": [Interval(Real, 0, None, closed="left"), None],
        "shrinkage": [StrOptions({"hard", "projection", "attenuation"})],
        "n_shifts": [Interval(Integral, 1, None, closed="left")],
        "noise_std": [Interval(Real, 0, None, closed="left"), None],
        "image_shape": [tuple, list, None],
        "random_state": ["random_state"],
    }

    # The clean images (n, c, h, w) of a bound copy, see `_bind_clean`.
    _clean = None

    def __init__(
        self,
        wavelet="haar",
        *,
        levels=None,
        block_sizes=(4, 8),
        moments=(1, 2),
        angles_per_size=4,
        threshold=3.0,
        geometry="clean",
        geometry_cost=None,
        shrinkage="hard",
        n_shifts=1,
        noise_std=None,
        image_shape=None,
        random_state=None,
    ):
        self.wavelet = wavelet
        self.levels = levels
        self.block_sizes = block_sizes
        self.moments = moments
        self.angles_per_size = angles_per_size
        self.threshold = threshold
        self.geometry = geometry
        self.geometry_cost = geometry_cost
        self.shrinkage = shrinkage
        self.n_shifts = n_shifts
        self.noise_std = noise_std
        self.image_shape = image_shape
        self.random_state = random_state

    def _fit(self, clean, noisy):
        check_n_shifts(self.n_shifts)
        _check_block_sizes(self.block_sizes)
        _check_moments(self.moments)
        self.wavelet_ = check_wavelet(self.wavelet)
        self.dictionary_ = {
            size: alpert_dictionary(size, self.angles_per_size, tuple(self.moments))
            for size in self.block_sizes
        }

    def transform(self, X, clean=None):
        """Denoise images.

        Parameters
        ----------
        X : array-like or list of array-like
            Noisy images, in a layout that `fit` accepts.
        clean : array-like or list of array-like, default=None
            Clean images of the shape of `X`. Not needed, and ignored, with
            ``geometry="noisy", shrinkage="hard"``.

        Returns
        -------
        X_denoised : ndarray, Tensor or list of those
            Denoised images in the layout of `X`. float64 and signed integers of 32 or
            64 bits give float64, everything else gives float32. Not clipped.

        Raises
        ------
        ValueError
            If the clean images are needed and not given.
        """
        check_is_fitted(self)
        self._validate_params()
        images = self._check_images(X, reset=False)
        if clean is None:
            return images.map(self._transform_batch)
        numbers = check_numbers(clean, "clean", self)
        targets = as_images(numbers, self.image_shape, "clean")
        check_same_shapes(images, targets)
        return images.map(lambda y, x: self._bind_clean(x)._transform_batch(y), targets)

    def fit_transform(self, X, y=None, clean=None):
        """Fit, and denoise the same images.

        Parameters
        ----------
        X : array-like or list of array-like
            Noisy images.
        y : array-like or list of array-like, default=None
            What `fit` takes: clean images, or labels, which are ignored.
        clean : array-like or list of array-like, default=None
            Clean images of the shape of `X`, see `transform`.

        Returns
        -------
        X_denoised : ndarray, Tensor or list of those
            Denoised images in the layout of `X`.
        """
        return self.fit(X, y).transform(X, clean=clean)

    def _bind_clean(self, clean):
        bound = copy.copy(self)
        bound._clean = clean
        return bound

    def _denoise(self, y, noise_std):
        size = y.shape[2:]
        frame, noisy, clean, sigma = self._prepare(y, noise_std)

        def shrink(noisy, clean=None):
            coarse, bands = frame.analyse(noisy)
            geometry, coefficients, factors = self._shrinkage(
                frame, bands, clean, sigma
            )
            shrunk = [f * c for f, c in zip(factors, coefficients, strict=True)]
            return frame.synthesise(coarse, frame.from_bandlets(shrunk, geometry))

        known = [] if clean is None else [clean]
        denoised = spin(shrink, self.n_shifts, frame.axes, noisy, *known)
        return torch.from_numpy(crop(denoised, size)).to(y.device)

    def _linearize(self, y, noise_std):
        y = y.detach()
        size = y.shape[2:]
        frame, noisy, clean, sigma = self._prepare(y, noise_std)
        axes, multiple = frame.axes, 2**frame.levels
        shifts = translations(self.n_shifts, axes)
        rules = []
        for shift in shifts:
            _, bands = frame.analyse(np.roll(noisy, shift, axes))
            known = None if clean is None else np.roll(clean, shift, axes)
            geometry, _, factors = self._shrinkage(frame, bands, known, sigma)
            rules.append((geometry, factors))

        def multiply_padded(padded):
            each = iter(rules)
            return spin(
                lambda v: frame.multiply(v, *next(each)), self.n_shifts, axes, padded
            )

        def multiply(v):
            product = multiply_padded(pad_by_mirror(v.cpu().numpy(), multiple, axes))
            return torch.from_numpy(crop(product, size)).to(v.device)

        def multiply_transposed(u):
            product = multiply_padded(pad_by_zeros(u.cpu().numpy(), multiple, axes))
            return torch.from_numpy(fold_mirror(product, size)).to(u.device)

        def eigenbasis(n):
            values, atoms = frame.eigenbasis(noisy, *rules[0], n)
            return torch.from_numpy(values), torch.from_numpy(atoms)

        orthonormal = len(rules) == 1 and noisy.shape[2:] == tuple(size)
        return Linearization(
            self._denoise(y, noise_std),
            multiply,
            multiply_transposed,
            eigenbasis if orthonormal else None,
        )

    def _prepare(self, y, noise_std):
        """Frame, padded noisy and clean images, and noise levels, for a tensor."""
        check_n_shifts(self.n_shifts)
        refuse_gradients(y, self)
        if self._clean is None and self._needs_clean():
            raise ValueError(
                f"BandletOracle with geometry={self.geometry!r} and shrinkage="
                f"{self.shrinkage!r} needs the clean images: pass "
                "transform(X, clean=...), as_denoise(estimator, clean=...), or "
                "clean=... to functions of Jacobians. geometry='noisy' with "
                "shrinkage='hard' needs none."
            )
        axes, levels = transformed_axes(y.shape[2:], self.levels)
        dictionary = {
            size: y.new_tensor(matrices) for size, matrices in self.dictionary_.items()
        }
        noisy = y.cpu().numpy()
        clean = None
        if self._needs_clean():
            if self._clean.shape != y.shape:
                raise ValueError(
                    f"clean has shape {tuple(self._clean.shape)}, and the noisy images "
                    f"{tuple(y.shape)}: they must be the same images."
                )
            clean = self._clean.detach().cpu().numpy().astype(noisy.dtype, copy=False)
            clean = pad_by_mirror(clean, 2**levels, axes)
        sigma = noise_levels(noisy, noise_std)
        sigma = np.broadcast_to(sigma, (*y.shape[:2], 1, 1)).reshape(-1, 1, 1)
        return (
            BandletFrame(self.wavelet_, levels, axes, dictionary),
            pad_by_mirror(noisy, 2**levels, axes),
            clean,
            y.new_tensor(sigma),
        )

    def _needs_clean(self):
        return self.geometry == "clean" or self.shrinkage != "hard"

    def _shrinkage(self, frame, bands, clean, sigma):
        penalty = self.geometry_cost
        if penalty is None:
            penalty = 0.1 if self.geometry == "clean" else 0.5
        clean_bands = None
        if clean is not None:
            _, clean_bands = frame.analyse(clean)
        geometry = frame.choose_geometry(
            clean_bands if self.geometry == "clean" else bands,
            self.threshold * sigma if self.shrinkage == "hard" else sigma,
            penalty,
        )
        coefficients = frame.to_bandlets(bands, geometry)
        known = None
        if self.shrinkage != "hard":
            known = frame.to_bandlets(clean_bands, geometry)
        factors = bandlet_factors(
            coefficients, known, sigma, self.threshold, self.shrinkage
        )
        return geometry, coefficients, factors


def _check_block_sizes(block_sizes):
    whole = all(isinstance(size, Integral) and size >= 2 for size in block_sizes)
    doubling = whole and all(b == 2 * a for a, b in pairwise(block_sizes))
    if not block_sizes or not doubling:
        raise ValueError(
            f"block_sizes={block_sizes!r} must be whole numbers from 2 on, each twice "
            "the one before, such as (4, 8)."
        )


def _check_moments(moments):
    if len(moments) != 2 or not all(
        isinstance(moment, Integral) and moment >= 1 for moment in moments
    ):
        raise ValueError(
            f"moments={moments!r} must be two whole numbers from 1 on: vanishing "
            "moments across and along the direction."
        )
