"""Thresholding of wavelet coefficients."""

from numbers import Integral, Real

import pywt
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from ._base import BaseDenoiser, refuse_gradients
from ._linearize import Linearization
from ._thresholding import (
    check_n_shifts,
    check_wavelet,
    crop,
    fold_mirror,
    multiply_bands,
    noise_levels,
    pad_by_mirror,
    pad_by_zeros,
    threshold_wavelets,
    transformed_axes,
    wavelet_eigenbasis,
    wavelet_slopes,
)


class WaveletThresholdDenoiser(BaseDenoiser):
    r"""Thresholding in an orthonormal wavelet basis.

    .. math:: \hat x = \sum_k \rho_T(\langle y, \psi_k \rangle)\, \psi_k

    with periodised wavelets; the coarse band is kept. The shrinkage of a coefficient c
    at threshold T is

    - ``"hard"``: c if :math:`|c| > T`, and 0 otherwise;
    - ``"soft"``: :math:`\mathrm{sign}(c) \max(|c| - T, 0)`;
    - ``"garrote"``: :math:`\max(c - T^2 / c, 0)` for c > 0, odd in c.

    Sides that are no multiples of ``2**levels`` are extended by mirror images and
    cropped; a side of one pixel is not transformed. Each channel is denoised by itself.

    Parameters
    ----------
    wavelet : str or pywt.Wavelet, default="sym4"
        An orthogonal wavelet of PyWavelets, see :func:`pywt.wavelist`.
    levels : int, default=None
        Number of scales, at most the logarithm to base 2 of the shorter side, rounded
        up. None takes as many as leave at least 8 coefficients a side, and at least 1.
    threshold : float or {"universal", "bayes", "sure"}, default=3.0
        A number alpha means :math:`T = \alpha \sigma`. "universal" is
        :math:`\sigma \sqrt{2 \log d}` with d pixels [1]_. "bayes" is
        :math:`\sigma^2 / \sqrt{\max(E\,c^2 - \sigma^2, 0)}` in each band [2]_. "sure"
        minimises Stein's unbiased risk estimate of soft thresholding in each band [3]_,
        and needs ``shrinkage="soft"``.
    shrinkage : {"hard", "soft", "garrote"}, default="hard"
        What is done with coefficients at the threshold, see above.
    n_shifts : int, default=1
        Number of translations to average over (cycle spinning [4]_), the square of a
        whole number s: shifts by 0 to s - 1 pixels along both sides. 16 is nearly
        translation invariant, and 16 times the work.
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
    n_channels_in_ : int
        Number of channels seen during :term:`fit`.
    n_features_in_ : int
        Number of values of an image seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    WienerDenoiser : Shrinks in the Fourier basis.
    DNNDenoiser : Shrinks in a basis that a network adapts to the image.

    References
    ----------
    .. [1] D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet
       shrinkage", Biometrika 81(3), 1994. :doi:`10.1093/biomet/81.3.425`
    .. [2] S. G. Chang, B. Yu, M. Vetterli, "Adaptive wavelet thresholding for image
       denoising and compression", IEEE Transactions on Image Processing 9(9), 2000.
       :doi:`10.1109/83.862633`
    .. [3] D. L. Donoho, I. M. Johnstone, "Adapting to unknown smoothness via wavelet
       shrinkage", Journal of the American Statistical Association 90(432), 1995.
       :doi:`10.1080/01621459.1995.10476626`
    .. [4] R. R. Coifman, D. L. Donoho, "Translation-invariant de-noising", in Wavelets
       and Statistics, Springer, 1995. :doi:`10.1007/978-1-4612-2544-7_9`

    Examples
    --------
    >>> from sklearn_gahb import WaveletThresholdDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X = make_disk_images(20, random_state=0)
    >>> denoiser = WaveletThresholdDenoiser("haar", noise_std=0.1, random_state=0)
    >>> denoiser.fit(X).score(X) > 25
    True
    """

    _parameter_constraints: dict = {
        "wavelet": [str, pywt.Wavelet],
        "levels": [Interval(Integral, 1, None, closed="left"), None],
        "threshold": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"universal", "bayes", "sure"}),
        ],
        "shrinkage": [StrOptions({"hard", "soft", "garrote"})],
        "n_shifts": [Interval(Integral, 1, None, closed="left")],
        "noise_std": [Interval(Real, 0, None, closed="left"), None],
        "image_shape": [tuple, list, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        wavelet="sym4",
        *,
        levels=None,
        threshold=3.0,
        shrinkage="hard",
        n_shifts=1,
        noise_std=None,
        image_shape=None,
        random_state=None,
    ):
        self.wavelet = wavelet
        self.levels = levels
        self.threshold = threshold
        self.shrinkage = shrinkage
        self.n_shifts = n_shifts
        self.noise_std = noise_std
        self.image_shape = image_shape
        self.random_state = random_state

    def _fit(self, clean, noisy):
        _check_thresholding(self.threshold, self.shrinkage, self.n_shifts)
        self.wavelet_ = check_wavelet(self.wavelet)

    def _denoise(self, y, noise_std):
        _check_thresholding(self.threshold, self.shrinkage, self.n_shifts)
        refuse_gradients(y, self)
        images = y.cpu().numpy()
        denoised = threshold_wavelets(
            images,
            noise_levels(images, noise_std),
            wavelet=self.wavelet_,
            levels=self.levels,
            threshold=self.threshold,
            shrinkage=self.shrinkage,
            n_shifts=self.n_shifts,
        )
        return torch.from_numpy(denoised).to(y.device)

    def _linearize(self, y, noise_std):
        image = y.detach().cpu().numpy()
        size = image.shape[2:]
        axes, levels = transformed_axes(size, self.levels)
        slopes = wavelet_slopes(
            image,
            noise_levels(image, noise_std),
            wavelet=self.wavelet_,
            levels=self.levels,
            threshold=self.threshold,
            shrinkage=self.shrinkage,
            n_shifts=self.n_shifts,
        )

        def multiply(v):
            padded = pad_by_mirror(v.cpu().numpy(), 2**levels, axes)
            product = multiply_bands(padded, slopes, self.wavelet_, levels, axes)
            return torch.from_numpy(crop(product, size)).to(v.device)

        def multiply_transposed(u):
            padded = pad_by_zeros(u.cpu().numpy(), 2**levels, axes)
            product = multiply_bands(padded, slopes, self.wavelet_, levels, axes)
            return torch.from_numpy(fold_mirror(product, size)).to(u.device)

        def eigenbasis(n):
            (only,) = slopes.values()
            values, atoms = wavelet_eigenbasis(image, only, self.wavelet_, axes, n)
            return torch.from_numpy(values), torch.from_numpy(atoms)

        orthonormal = len(slopes) == 1 and all(
            size[axis - 2] % 2**levels == 0 for axis in axes
        )
        x_hat = self._denoise(y.detach(), noise_std)
        return Linearization(
            x_hat, multiply, multiply_transposed, eigenbasis if orthonormal else None
        )


def _check_thresholding(threshold, shrinkage, n_shifts):
    if threshold == "sure" and shrinkage != "soft":
        raise ValueError(
            "threshold='sure' estimates the risk of soft thresholding and needs "
            f"shrinkage='soft'; got shrinkage={shrinkage!r}."
        )
    check_n_shifts(n_shifts)
