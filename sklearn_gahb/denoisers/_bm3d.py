"""Block matching and 3-D filtering, with the package of its authors."""

from numbers import Integral

import numpy as np
from joblib import Parallel, delayed

from .._optional import import_optional
from .._sklearn_compat import StrOptions
from .base import BaseDenoiser
from .checks import to_numpy

# Shorter sides are extended, because the package crashes on sides below 9 pixels.
SMALLEST_SIDE = 16


class BM3DDenoiser(BaseDenoiser):
    """Block matching and 3-D filtering (BM3D), with the package ``bm3d``.

    BM3D stacks similar blocks of an image and shrinks them together in a 3-D transform
    [1]_ [2]_. For a long time, it was the best classical denoiser of photographs.
    Images with three channels are transformed to luminance and chrominance, and blocks
    are matched in the luminance. In all other images, and in three-channel images whose
    luminance or chrominance is constant, each channel is denoised independently. Sides
    shorter than 16 pixels are extended by reflection.

    The package ``bm3d`` is not installed by default: install it with ``pip install
    bm3d``. Its license, by Tampere University, allows non-commercial
    use only.

    Parameters
    ----------
    profile : {"np", "vn", "high"}, default="np"
        Profile (set of parameters) of the package. "np" is the normal profile, "vn" is
        for very noisy images, and "high" gives better results but is slower.
    noise_std : float, default=None
        Standard deviation of the noise, as a fraction of the data range: 25 gray levels
        out of 255 are ``25 / 255``. If None, `estimate_noise_std` estimates the noise
        level of each image.
    n_jobs : int, default=None
        Number of images to denoise in parallel, by :class:`joblib.Parallel`. -1 means
        one image per processor.
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
    n_channels_in_ : int
        Number of channels seen during :term:`fit`.
    n_features_in_ : int
        Number of pixels times channels seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    BandletOracle : Shrinkage that adapts to the geometry of an image.

    Notes
    -----
    BM3D has no Jacobian, so `jacobian_operator` and `JacobianBasis` do not accept it.
    Even for small images, the package takes 0.4 s per image.

    References
    ----------
    .. [1] K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, "Image denoising by sparse
       3-D transform-domain collaborative filtering", IEEE Transactions on Image
       Processing 16(8), 2007. :doi:`10.1109/TIP.2007.901238`
    .. [2] Y. Makinen, L. Azzari, A. Foi, "Collaborative filtering of correlated noise",
       IEEE Transactions on Image Processing 29, 2020. :doi:`10.1109/TIP.2020.3014721`

    Examples
    --------
    >>> from sklearn_gahb import BM3DDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X = make_disk_images(2, 64, random_state=0)
    >>> denoiser = BM3DDenoiser(noise_std=0.1, random_state=0)
    >>> denoiser.fit(X).score(X) > 35  # doctest: +SKIP
    True
    """

    needs_clean_images = False
    _parameter_constraints: dict = {
        **BaseDenoiser._parameter_constraints,
        "profile": [StrOptions({"np", "vn", "high"})],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        profile="np",
        *,
        noise_std=None,
        n_jobs=None,
        data_range=None,
        image_shape=None,
        random_state=None,
    ):
        self.profile = profile
        self.noise_std = noise_std
        self.n_jobs = n_jobs
        self.data_range = data_range
        self.image_shape = image_shape
        self.random_state = random_state

    def learn(self, clean, noisy=None):
        """Check that the package is installed; see :meth:`BaseDenoiser.learn`."""
        import_optional("bm3d", "bm3d")

    # Block matching and hard thresholding jump.
    is_continuous = False

    def denoise(self, y, noise_std=None):
        """Call the package on each image; see :meth:`BaseDenoiser.denoise`."""
        sigmas = self.noise_levels(y, noise_std).flatten().tolist()
        denoised = Parallel(n_jobs=self.n_jobs)(
            delayed(denoise_image)(image, sigma, self.profile)
            for image, sigma in zip(to_numpy(y, self), sigmas, strict=True)
        )
        return y.new_tensor(np.stack(denoised))


def denoise_image(image, sigma, profile):
    """Denoise an image of shape (channels, height, width)."""
    if sigma == 0:
        return image
    bm3d = import_optional("bm3d", "bm3d")
    channels, height, width = image.shape
    padding = [(0, max(0, SMALLEST_SIDE - side)) for side in (height, width)]
    padded = np.pad(image.astype(np.float64), [(0, 0), *padding], mode="symmetric")
    colors = np.moveaxis(padded, 0, -1)
    if channels == 3 and not has_constant_opponent_color(colors, sigma):
        denoised = np.moveaxis(bm3d.bm3d_rgb(colors, sigma, profile), -1, 0)
    else:
        denoised = np.stack([bm3d.bm3d(one, sigma, profile) for one in padded])
    return denoised[:, :height, :width]


def has_constant_opponent_color(image, sigma):
    """Return whether the luminance or a chrominance of a color image is constant.

    The image has shape (height, width, 3). The chrominance of a gray image is constant,
    and `bm3d_rgb` divides by the range of each component.
    """
    bm3d = import_optional("bm3d", "bm3d")
    with np.errstate(divide="ignore", invalid="ignore"):
        _, highest, lowest, _, _ = bm3d.rgb_to(image, "opp")
    return bool((highest - lowest < 1e-3 * sigma).any())
