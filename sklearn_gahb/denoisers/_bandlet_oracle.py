"""Shrinkage in the best bandlet basis, with knowledge of the clean image."""

import copy

from .._sklearn_compat import NOT_NEGATIVE, StrOptions
from ..transforms.bandlets import BandletBasis
from ..transforms.shrinkage import ideal_attenuation, ideal_projection, shrinkage_slope
from ._bandlet import BandletDenoiser


class BandletOracle(BandletDenoiser):
    r"""Shrinkage in a bandlet basis by an oracle that knows the clean image.

    .. math:: \hat x = \sum_k \rho_k \langle y, g_k \rangle\, g_k

    The vectors :math:`g_k` form the best basis of the clean image x; see
    :class:`BandletDenoiser`. Consider images whose edges are curves of smoothness
    :math:`\alpha`, and which have smoothness :math:`\alpha` away from these edges. For
    such images, the mean squared error of thresholding in this basis decays at the
    optimal rate :math:`\sigma^{2 \alpha / (\alpha + 1)}` [1]_.

    The factors :math:`\rho_k` are

    - ``"hard"``: 1 if :math:`|\langle y, g_k \rangle| > T`, and 0 otherwise;
    - ``"projection"``: 1 if :math:`|\langle x, g_k \rangle| > \sigma`, and 0 otherwise;
    - ``"attenuation"``:
      :math:`\langle x, g_k \rangle^2 / (\langle x, g_k \rangle^2 + \sigma^2)`.

    The last two rules use only the clean coefficients, so in a given basis their
    factors do not depend on the noise. Among all rules with this property,
    ``"attenuation"`` has the smallest expected error. If the factors must also be 0 or
    1, ``"projection"`` has the smallest expected error.

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default="haar"
        Orthogonal wavelet of PyWavelets; see :func:`pywt.wavelist` for the names.
    n_scales : int, default=None
        Number of scales of the wavelet transform; see :class:`BandletDenoiser`.
    block_sizes : tuple of int, default=(4, 8)
        Side lengths, in wavelet coefficients, of the squares into which each subband is
        split. Each side length must be twice the previous one.
    moments : tuple of (int, int), default=(1, 2)
        Two numbers of vanishing moments of the multiwavelets: the first across the
        direction, the second along it.
    angles_per_size : int, default=4
        Number of directions per unit of side length. A square of side s has
        ``angles_per_size * s`` directions.
    threshold : float, default=3.0
        Threshold T of the rule "hard", as a multiple of the noise level :math:`\sigma`.
        T also enters the choice of the best basis. For the other rules, :math:`T =
        \sigma` there.
    geometry : {"clean", "noisy"}, default="clean"
        Image that determines the best basis. "noisy" requires that `shrinkage` is
        "projection" or "attenuation".
    geometry_cost : float, default=None
        Cost of each bit that describes the directions and splits (:math:`\gamma` in the
        Lagrangian of :class:`BandletDenoiser`). If None, the cost is 0.1 for
        ``geometry="clean"`` and 0.5 for ``geometry="noisy"``.
    shrinkage : {"hard", "projection", "attenuation"}, default="hard"
        Rule for the factors :math:`\rho_k`; see above.
    n_shifts : int, default=1
        Number of translations to average over. The number must be a square ``s**2``,
        because the image is shifted by 0 to s - 1 pixels along each axis. Each
        translation has its own best basis.
    noise_std : float, default=None
        Standard deviation of the noise, as a fraction of the data range: 25 gray levels
        out of 255 are ``25 / 255``. If None, `estimate_noise_std` estimates the noise
        level of each image.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).
    random_state : int, RandomState instance or None, default=None
        Seeds the noise that ``score(X)`` adds.

    Attributes
    ----------
    wavelet_ : pywt.Wavelet
        Wavelet in use.
    dictionary_ : dict of int to ndarray of shape (n_directions, size**2, size**2)
        Transforms of the squares. The key is the side length of the square. The rows of
        each transform are orthonormal vectors.
    n_channels_in_ : int
        Number of channels seen during :term:`fit`.
    n_features_in_ : int
        Number of pixels times channels seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    BandletDenoiser : Bandlet thresholding that knows only the noisy image.
    sklearn_gahb.datasets.make_c_alpha_images : Images with smooth contours.

    Notes
    -----
    In a :class:`~sklearn.pipeline.Pipeline`, the oracle can only be the last step. If
    an earlier step adds the noise, call ``pipeline.transform(X, clean=X)``; otherwise
    call ``pipeline.transform(noisy, clean=X)``. Enable metadata routing with
    ``sklearn.config_context(enable_metadata_routing=True)``. The oracle requests the
    clean images by itself, so no other setting is needed.

    References
    ----------
    .. [1] S. Mallat, G. Peyre, "Orthogonal bandlet bases for geometric images
       approximation", Comm. Pure Appl. Math. 61(9), 2008. :doi:`10.1002/cpa.20242`

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

    # So that a Pipeline passes `clean` without a call of set_transform_request.
    __metadata_request__transform = {"clean": True}
    __metadata_request__fit_transform = {"clean": True}

    _parameter_constraints: dict = {
        **BandletDenoiser._parameter_constraints,
        "geometry": [StrOptions({"clean", "noisy"})],
        "geometry_cost": [NOT_NEGATIVE, None],
        "shrinkage": [StrOptions({"hard", "projection", "attenuation"})],
    }

    # Clean images (n, c, h, w), set on the copy that `with_clean` returns.
    _clean = None

    def __init__(
        self,
        wavelet="haar",
        *,
        n_scales=None,
        block_sizes=(4, 8),
        moments=(1, 2),
        angles_per_size=4,
        threshold=3.0,
        geometry="clean",
        geometry_cost=None,
        shrinkage="hard",
        n_shifts=1,
        noise_std=None,
        data_range=None,
        image_shape=None,
        random_state=None,
    ):
        super().__init__(
            wavelet,
            n_scales=n_scales,
            block_sizes=block_sizes,
            moments=moments,
            angles_per_size=angles_per_size,
            threshold=threshold,
            geometry_cost=geometry_cost,
            n_shifts=n_shifts,
            noise_std=noise_std,
            data_range=data_range,
            image_shape=image_shape,
            random_state=random_state,
        )
        self.geometry = geometry
        self.shrinkage = shrinkage

    def learn(self, clean, noisy=None):
        """Build the dictionary of directions; see :meth:`BaseDenoiser.learn`."""
        if self.geometry == "noisy" and self.shrinkage == "hard":
            raise ValueError(
                "geometry='noisy' with shrinkage='hard' needs no clean image: use "
                "BandletDenoiser."
            )
        super().learn(clean, noisy)

    def transform(self, X, clean=None):
        """Denoise images.

        Parameters
        ----------
        X : array-like or list of array-like
            Noisy images, in a layout that `fit` accepts.
        clean : array-like or list of array-like
            Clean images of the same shape as `X`.

        Returns
        -------
        X_denoised : ndarray, Tensor or list of those
            Denoised images in the layout of `X`, not clipped. They are float64 if `X`
            is float64 or holds signed integers of 32 or 64 bits, and float32 otherwise.

        Raises
        ------
        ValueError
            If `clean` is None.
        """
        return self.denoise_images(X, clean=clean)

    def fit_transform(self, X, y=None, clean=None):
        """Fit to images, and denoise these images.

        Parameters
        ----------
        X : array-like or list of array-like
            Noisy images.
        y : array-like or list of array-like, default=None
            Clean images for `fit`. Labels (1-D) are ignored.
        clean : array-like or list of array-like
            Clean images of the same shape as `X`; see `transform`.

        Returns
        -------
        X_denoised : ndarray, Tensor or list of those
            Denoised images in the layout of `X`.
        """
        return self.fit(X, y).transform(X, clean=clean)

    def with_clean(self, clean):
        """Return a copy that knows the images; see :meth:`BaseDenoiser.with_clean`."""
        oracle = copy.copy(self)
        oracle._clean = clean
        return oracle

    @property
    def is_continuous(self):
        """Whether the denoiser is continuous.

        It is linear if both the basis and the factors depend only on the clean image.
        """
        return self.geometry == "clean" and self.shrinkage != "hard"

    def _images(self, y):
        """Return the noisy and the clean images."""
        if self._clean is None:
            raise ValueError(
                "BandletOracle needs the clean images. Call transform(X, clean=...) or "
                "as_denoiser(oracle).with_clean(clean), or pass clean=... to the "
                "Jacobian functions. BandletDenoiser works without clean images."
            )
        if self._clean.shape != y.shape:
            raise ValueError(
                f"clean has shape {tuple(self._clean.shape)}, but the noisy images "
                f"have shape {tuple(y.shape)}. Pass the clean versions of these images."
            )
        clean = self._clean.detach().to(y)
        return [*super()._images(y), clean]

    def _shrinkage(self, wavelets, dictionary, sigma, noisy, clean):
        """Return the basis, the coarse band, shrunk coefficients and derivatives."""
        coarse, bands = wavelets.analyze(noisy)
        _, clean_bands = wavelets.analyze(clean)
        known, cost = (clean_bands, 0.1) if self.geometry == "clean" else (bands, 0.5)
        cost = cost if self.geometry_cost is None else self.geometry_cost
        T = self.threshold * sigma if self.shrinkage == "hard" else sigma
        basis = BandletBasis.best(wavelets, known, T, dictionary, cost)
        coefficients = basis.to_bandlets(bands)
        if self.shrinkage == "hard":
            factors = [shrinkage_slope(c, T, "hard") for c in coefficients]
        else:
            is_mask = self.shrinkage == "projection"
            ideal = ideal_projection if is_mask else ideal_attenuation
            factors = [ideal(c, sigma) for c in basis.to_bandlets(clean_bands)]
        # The factors are the derivatives: they do not vary with the noisy coefficients.
        pairs = zip(factors, coefficients, strict=True)
        return basis, coarse, [f * c for f, c in pairs], factors
