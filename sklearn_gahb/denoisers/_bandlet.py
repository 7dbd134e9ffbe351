"""Thresholding in the best bandlet basis of the noisy image."""

from functools import partial
from itertools import pairwise
from numbers import Integral

import pywt

from .._sklearn_compat import COUNT, NOT_NEGATIVE
from ..transforms.alpert import alpert_dictionary
from ..transforms.bandlets import BandletBasis
from ..transforms.cycle_spinning import CycleSpinning, check_n_shifts
from ..transforms.shrinkage import shrink, shrinkage_slope
from ..transforms.wavelets import WaveletBasis, check_wavelet
from .base import BaseDenoiser
from .linearization import linearize_on_average


class BandletDenoiser(BaseDenoiser):
    r"""Thresholding in an orthonormal bandlet basis that follows image contours.

    .. math:: \hat x = \sum_{|\langle y, g_k \rangle| > T} \langle y, g_k \rangle\, g_k

    The vectors :math:`g_k` form the best bandlet basis of the noisy image y. In a
    bandlet basis, a quadtree splits the subbands of a wavelet transform into squares.
    In each square, the wavelet coefficients are either kept or transformed by Alpert
    multiwavelets along one of many directions. A smooth contour then produces few large
    coefficients [1]_ [2]_. The best basis minimizes the Lagrangian

    .. math:: \sum_k \min(\langle y, g_k \rangle^2, T^2) + T^2\, \gamma\, B

    where :math:`\gamma` is `geometry_cost` and B is the number of bits that encode the
    directions and the splits. The coarse coefficients of the wavelet transform are not
    thresholded. If a subband cannot be divided into whole squares, the remaining
    coefficients stay wavelet coefficients. If a side of an image is not a multiple of
    ``2**n_scales``, the image is extended by reflection, and the result is cropped.
    Each channel is denoised independently.

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default="haar"
        Orthogonal wavelet of PyWavelets; see :func:`pywt.wavelist` for the names.
    n_scales : int, default=None
        Number of scales of the wavelet transform. It must not exceed the base-2
        logarithm of the shorter side, rounded up. If None, the largest number that
        leaves at least 8 coarse coefficients per side is used, but at least 1.
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
        Threshold T, as a multiple of the noise level :math:`\sigma`.
    geometry_cost : float, default=0.5
        Cost :math:`\gamma` of each bit in the Lagrangian. A positive cost keeps the
        basis from following the noise.
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
    BandletOracle : Bandlet shrinkage that knows the clean image.
    WaveletThresholdDenoiser : Thresholding in a fixed basis.

    References
    ----------
    .. [1] S. Mallat, G. Peyre, "Orthogonal bandlet bases for geometric images
       approximation", Comm. Pure Appl. Math. 61(9), 2008. :doi:`10.1002/cpa.20242`
    .. [2] G. Peyre, E. Le Pennec, C. Dossal, S. Mallat, "Geometrical image estimation
       with orthogonal bandlet bases", Proc. SPIE 6701, 2007. :doi:`10.1117/12.731227`

    Examples
    --------
    >>> from sklearn_gahb import BandletDenoiser
    >>> from sklearn_gahb.datasets import make_c_alpha_images
    >>> X = make_c_alpha_images(10, 64, alpha=3, random_state=0)
    >>> denoiser = BandletDenoiser(n_shifts=4, noise_std=0.05, random_state=0)
    >>> denoiser.fit(X).score(X) > 32
    True
    """

    needs_clean_images = False
    _parameter_constraints: dict = {
        **BaseDenoiser._parameter_constraints,
        "wavelet": [str, pywt.Wavelet],
        "n_scales": [COUNT, None],
        "block_sizes": [tuple, list],
        "moments": [tuple, list],
        "angles_per_size": [COUNT],
        "threshold": [NOT_NEGATIVE],
        "geometry_cost": [NOT_NEGATIVE],
        "n_shifts": [COUNT],
    }

    def __init__(
        self,
        wavelet="haar",
        *,
        n_scales=None,
        block_sizes=(4, 8),
        moments=(1, 2),
        angles_per_size=4,
        threshold=3.0,
        geometry_cost=0.5,
        n_shifts=1,
        noise_std=None,
        data_range=None,
        image_shape=None,
        random_state=None,
    ):
        self.wavelet = wavelet
        self.n_scales = n_scales
        self.block_sizes = block_sizes
        self.moments = moments
        self.angles_per_size = angles_per_size
        self.threshold = threshold
        self.geometry_cost = geometry_cost
        self.n_shifts = n_shifts
        self.noise_std = noise_std
        self.data_range = data_range
        self.image_shape = image_shape
        self.random_state = random_state

    def learn(self, clean, noisy=None):
        """Build the dictionary of directions; see :meth:`BaseDenoiser.learn`."""
        check_n_shifts(self.n_shifts)
        check_block_sizes(self.block_sizes)
        check_moments(self.moments)
        self.wavelet_ = check_wavelet(self.wavelet)
        self.dictionary_ = {
            size: alpert_dictionary(size, self.angles_per_size, tuple(self.moments))
            for size in self.block_sizes
        }

    def denoise(self, y, noise_std=None):
        """Threshold in the best basis; see :meth:`BaseDenoiser.denoise`."""
        spin, shrinkage_of = self._prepare(y, noise_std)

        def shrink_images(*images):
            basis, coarse, shrunk, _ = shrinkage_of(*images)
            return basis.synthesize(coarse, shrunk)

        return spin.average(shrink_images, *self._images(y))

    def linearize(self, y, noise_std=None):
        """Linearize in closed form; see :meth:`BaseDenoiser.linearize`."""
        y = y.detach()
        spin, shrinkage_of = self._prepare(y, noise_std)
        images = self._images(y)
        rules = [shrinkage_of(*translated) for translated in spin.translate(*images)]
        rules = [(basis, slopes) for basis, _, _, slopes in rules]
        basis, slopes = rules[0]
        return linearize_on_average(
            spin,
            [partial(basis.multiply, factors=slopes) for basis, slopes in rules],
            self.denoise(y, noise_std),
            partial(basis.eigenbasis, images[0], slopes),
        )

    # Hard thresholding and the choice of the basis jump.
    is_continuous = False

    def _images(self, y):
        """Return the images that the shrinkage depends on: the noisy images."""
        return [y]

    def _prepare(self, y, noise_std):
        """Return the translations, and a function that shrinks images."""
        check_n_shifts(self.n_shifts)
        spin = CycleSpinning.of(y.shape[2:], self.n_scales, self.n_shifts)
        wavelets = WaveletBasis(self.wavelet_, spin.n_scales, spin.axes)
        dictionary = {size: y.new_tensor(one) for size, one in self.dictionary_.items()}
        sigma = self.noise_levels(y, noise_std)
        return spin, partial(self._shrinkage, wavelets, dictionary, sigma)

    def _shrinkage(self, wavelets, dictionary, sigma, noisy):
        """Return the basis, the coarse band, shrunk coefficients and derivatives."""
        coarse, bands = wavelets.analyze(noisy)
        T = self.threshold * sigma
        basis = BandletBasis.best(wavelets, bands, T, dictionary, self.geometry_cost)
        coefficients = basis.to_bandlets(bands)
        shrunk = [shrink(c, T, "hard") for c in coefficients]
        slopes = [shrinkage_slope(c, T, "hard") for c in coefficients]
        return basis, coarse, shrunk, slopes


def check_block_sizes(block_sizes):
    """Raise a ValueError unless each side is twice the previous one."""
    whole = all(isinstance(size, Integral) and size >= 2 for size in block_sizes)
    doubling = whole and all(b == 2 * a for a, b in pairwise(block_sizes))
    if not block_sizes or not doubling:
        raise ValueError(
            f"block_sizes={block_sizes!r} must be integers of at least 2, each twice "
            "the previous one, such as (4, 8)."
        )


def check_moments(moments):
    """Raise a ValueError unless `moments` holds two positive integers."""
    whole = all(isinstance(moment, Integral) and moment >= 1 for moment in moments)
    if len(moments) != 2 or not whole:
        raise ValueError(
            f"moments={moments!r} must be two positive integers: the numbers of "
            "vanishing moments across and along the direction."
        )
