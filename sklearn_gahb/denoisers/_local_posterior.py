"""The optimal denoiser that sees patches only, and may move them."""

from collections.abc import Mapping

import torch
from sklearn.utils import check_random_state, gen_batches

from .._sklearn_compat import (
    COUNT,
    FROM_0_TO_1,
    NOT_NEGATIVE,
    StrOptions,
    validate_params,
)
from .._tensors import to_tensor
from ..posteriors import finite, local
from ..transforms import fourier
from ._patch_size import check_patch_size, patch_size_at, smallest_patch_size
from ._supports import layout_at, learn_linear
from ._training_patches import TrainingPatches, n_images_at_once
from .base import BaseDenoiser
from .checks import check_one_size, check_size
from .linearization import Linearization
from .prior import Prior

# Noise levels below this one need float64.
SMALLEST_SINGLE_LEVEL = 0.01


class LocalPosteriorDenoiser(BaseDenoiser):
    r"""Optimal denoiser among those that see patches of the training images.

    Let :math:`y_{\Omega(p)}` be the neighborhood of the pixel p in the noisy image, and
    :math:`x_{i, \Omega(q)}` that of the pixel q in the training image i. The denoised
    pixel is

    .. math:: \hat x[p] = \frac{\sum_{i, q} w_{i, q}\, x_i[q]}{\sum_{i, q} w_{i, q}},
              \qquad w_{i, q} = \exp\left(
              -\frac{\|y_{\Omega(p)} - x_{i, \Omega(q)}\|^2}{2 \sigma^2} \right).

    Convolutional networks see neighborhoods and treat all positions alike. This
    denoiser has the same two limits and is otherwise optimal for the training set. It
    predicts most of the output of networks that generalize [1]_. In contrast to
    :class:`EmpiricalDenoiser`, it combines patches of different training images.

    Parameters
    ----------
    patch_size : int or dict, default=7
        Side length of the square neighborhood in pixels: an odd number that is not
        larger than the images. A dict maps noise levels to side lengths. A noise level
        between two of them uses the length of the closer one, on a logarithmic scale.
        Other noise levels raise an error; samplers use levels from 0.01 to 1 or more.
        Networks see larger neighborhoods at higher noise levels.
    equivariant : bool, default=True
        If True, q takes all positions. If False, q = p: a patch is compared only with
        patches at the same position.
    boundary : {"cut", "reflect", "periodic"}, default="cut"
        Neighborhoods near the border. "cut" ends them at the border, and compares them
        only with patches at the same distance from the same border: corners with
        corners, and patches at an edge with patches along this edge. "reflect" and
        "periodic" continue images beyond their borders.
    aggregate : {"center", "overlap"}, default="center"
        "center" estimates each pixel from the patch around it. "overlap" estimates
        whole patches, and averages all estimates of a pixel [2]_.
    neighborhood : {"square", "wiener"}, default="square"
        Shape of the neighborhoods. "square" stands for patches of side `patch_size`.
        "wiener" stands for neighborhoods that follow the data [3]_:

        .. math:: \Omega(p) = \left\{ q : |W_{pq}| \ge t \max_r |W_{pr}| \right\}
                  \cup \{p\}, \qquad W = C (C + \sigma^2 I)^{-1},

        where t is `support_threshold`, and W is a linear denoiser fitted to the
        training images. It is a :class:`WienerDenoiser`, which continues images
        periodically, if `equivariant` is True, and ``GaussianDenoiser("shrunk")``
        otherwise, as in the paper. All channels of a pixel share the largest
        coefficients. `patch_size` and `boundary` are then ignored, and all images must
        have the size of the training images.
    support_threshold : float, default=0.1
        Threshold t, from 0 (the neighborhood is the whole image) to 1. Used only if
        `neighborhood` is "wiener". Lower thresholds need more training images.
    n_patches : int, default=None
        Largest number of training patches that a patch is compared with. They are drawn
        at random in `fit`. Where there are fewer patches, as in corners, all of them
        are used. `subsampling_std_err` estimates the error that the random choice
        causes. If None, all patches are used.
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
        Seeds the choice of patches and the noise that ``score(X)`` adds.

    Attributes
    ----------
    train_images_ : ndarray or Tensor of shape (n_images, height, width, channels)
        Training images. If `fit` received an array or a tensor, this attribute is a
        view of it with the same dtype.
    mean_ : ndarray of shape (channels,)
        Mean intensity of the training images.
    seed_ : int
        Seed of the choice of patches.
    linear_denoiser_ : GaussianDenoiser or WienerDenoiser
        Linear denoiser that determines the neighborhoods. Defined only if
        `neighborhood` is "wiener".
    n_channels_in_ : int
        Number of channels seen during :term:`fit`.
    n_features_in_ : int
        Number of pixels times channels seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    EmpiricalDenoiser : The limit of a neighborhood that is the whole image.

    Notes
    -----
    Computations run in float32 if the noisy images are float32 and the noise level is
    at least 0.01, and in float64 otherwise. They process the training patches in blocks
    of 2**21 values, so the memory does not grow with the number of training images
    beyond a block. It grew by 30 MiB to compare 100 images of 16x16 pixels with 1,000
    training images in float32. The time is proportional to the number of noisy pixels
    times the number of training patches.

    References
    ----------
    .. [1] M. Kamb, S. Ganguli, "An analytic theory of creativity in convolutional
       diffusion models", ICML 2025. :arxiv:`2412.20292`
    .. [2] M. Niedoba, B. Zwartsenberg, K. Murphy, F. Wood, "Towards a mechanistic
       explanation of diffusion model generalization", ICML 2025. :arxiv:`2411.19339`
    .. [3] A. Lukoianov, C. Yuan, J. Solomon, V. Sitzmann, "Locality in image diffusion
       models emerges from data statistics", NeurIPS 2025. :arxiv:`2509.09672`

    Examples
    --------
    >>> from sklearn_gahb import EmpiricalDenoiser, LocalPosteriorDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X = make_disk_images(60, 16, random_state=0)
    >>> local = LocalPosteriorDenoiser(5, noise_std=0.2, random_state=0).fit(X[:50])
    >>> empirical = EmpiricalDenoiser(noise_std=0.2, random_state=0).fit(X[:50])
    >>> local.score(X[50:]) > empirical.score(X[50:]) + 3
    True
    """

    _parameter_constraints: dict = {
        **BaseDenoiser._parameter_constraints,
        "patch_size": [COUNT, Mapping],
        "equivariant": ["boolean"],
        "boundary": [StrOptions({"cut", "reflect", "periodic"})],
        "aggregate": [StrOptions({"center", "overlap"})],
        "neighborhood": [StrOptions({"square", "wiener"})],
        "support_threshold": [FROM_0_TO_1],
        "n_patches": [COUNT, None],
    }

    def __init__(
        self,
        patch_size=7,
        *,
        equivariant=True,
        boundary="cut",
        aggregate="center",
        neighborhood="square",
        support_threshold=0.1,
        n_patches=None,
        noise_std=None,
        data_range=None,
        image_shape=None,
        random_state=None,
    ):
        self.patch_size = patch_size
        self.equivariant = equivariant
        self.boundary = boundary
        self.aggregate = aggregate
        self.neighborhood = neighborhood
        self.support_threshold = support_threshold
        self.n_patches = n_patches
        self.noise_std = noise_std
        self.data_range = data_range
        self.image_shape = image_shape
        self.random_state = random_state

    def learn(self, clean, noisy=None):
        """Store the training images; see :meth:`BaseDenoiser.learn`."""
        size = check_one_size(self, clean)
        if self.neighborhood == "wiener":
            self.linear_denoiser_ = learn_linear(clean, self.equivariant)
        else:
            check_patch_size(self.patch_size, size)
        self._check_n_patches(len(clean), size)
        self.seed_ = check_random_state(self.random_state).randint(2**31 - 1)
        self.train_images_ = clean.as_one_stack()
        self.data_range_ = clean.data_range
        self.mean_ = fourier.mean_intensity(clean)

    def denoise(self, y, noise_std=None):
        """Average training pixels or patches; see :meth:`BaseDenoiser.denoise`."""
        sigma = self.noise_levels(y, noise_std)
        is_single = float(sigma.min()) >= SMALLEST_SINGLE_LEVEL
        images = y if is_single and y.dtype == torch.float32 else y.double()
        return self._for_each_scale(self._denoise, images, sigma).to(y.dtype)

    def linearize(self, y, noise_std=None):
        """Linearize in closed form; see :meth:`BaseDenoiser.linearize`."""
        images = y.detach().double()
        sigma = self.noise_levels(images, noise_std)
        layout, sources = self._layouts(images, self._scale(float(sigma)))
        canvas = layout.extend(images - self._mean(images))
        slopes = []
        for window, source in zip(layout.windows, sources, strict=True):
            queries = window.patches(canvas)
            places = self._places(window, canvas.device)
            variance = _repeat(sigma**2, len(queries))
            blocks = source.blocks(1 + len(places))
            slopes.append(finite.slopes(queries, blocks, places, variance))
        size = images.shape[2:]
        count = self._count(layout, canvas, size)

        def multiply(v):
            v_canvas = layout.extend(v.double())
            product = torch.zeros_like(v_canvas)
            for window, slope in zip(layout.windows, slopes, strict=True):
                patches = window.patches(v_canvas).unflatten(0, (len(v), -1))
                self._put(window, product, torch.einsum("pkd,npd->npk", slope, patches))
            return (layout.collapse(product, size) / count).to(v.dtype)

        def multiply_transposed(u):
            u_canvas = layout.extend(u.double() / count)
            product = torch.zeros_like(u_canvas)
            for window, slope in zip(layout.windows, slopes, strict=True):
                places = self._places(window, u_canvas.device)
                values = window.patches(u_canvas)[:, places]
                values = values.unflatten(0, (len(u), -1))
                patches = torch.einsum("pkd,npk->npd", slope, values)
                window.put_patches(product, patches)
            return layout.collapse(product, size).to(u.dtype)

        return Linearization(self.denoise(y, noise_std), multiply, multiply_transposed)

    @validate_params(noise_std=[NOT_NEGATIVE, None])
    def subsampling_std_err(self, X, noise_std=None):
        r"""Estimate the error of denoised images that is due to `n_patches`.

        The standard error of a denoised pixel is the jackknife estimate [1]_

        .. math:: \sqrt{ \left( 1 - \frac{n}{N} \right) \frac{n - 1}{n}
                  \sum_k \left( \hat x_{(k)} - \hat x \right)^2 }, \qquad
                  \hat x_{(k)} - \hat x = \frac{w_k}{\sum_{j \neq k} w_j}
                  \left( \hat x - x_k \right).

        Here, n = `n_patches` of N patches are drawn at random without replacement,
        :math:`w_k` and :math:`x_k` are the weight and the central pixel of the patch k,
        and :math:`\hat x_{(k)}` is the denoised pixel if the patch k is left out. With
        ``aggregate="overlap"``, the changes of all estimates of the pixel are averaged.
        Where no patch is left out, the error is 0.

        The estimate is reliable if many patches have weight. If one patch has nearly
        all the weight, as at low noise, it is only the order of magnitude: it is then
        the difference between the two closest patches.

        Parameters
        ----------
        X : array-like or list of array-like
            Noisy images, in a layout that `fit` accepts.
        noise_std : float, default=None
            Noise level. If None, the parameter `noise_std` is used.

        Returns
        -------
        std_err : ndarray, Tensor or list of those
            Standard error of each denoised pixel, in the layout and units of `X`.

        Raises
        ------
        ValueError
            If `n_patches` is 1.

        References
        ----------
        .. [1] B. Efron, C. Stein, "The jackknife estimate of variance", Annals of
           Statistics 9, 1981. :doi:`10.1214/aos/1176345462`
        """
        if self.n_patches == 1:
            raise ValueError("n_patches=1 must be at least 2 for a standard error.")
        noisy = self._check_images(X, noise_std, reset=False)
        black, white = noisy.data_range or (0.0, 1.0)

        def standard_error(y):
            images, sigma = y.double(), self.noise_levels(y.double(), noise_std)
            variance = self._for_each_scale(self._subsampling_variance, images, sigma)
            # Differences of pixel values do not depend on the value of black.
            return variance.sqrt() - black / (white - black)

        return noisy.map(standard_error)

    def prior(self, size=None):
        """Return the mean and ten times the spread; see :meth:`BaseDenoiser.prior`."""
        n, squares = len(self.train_images_), 0.0
        mean = self._mean(torch.empty(0, dtype=torch.float64))
        for batch in gen_batches(n, n_images_at_once(self.train_images_)):
            x = to_tensor(self.train_images_[batch], data_range=self.data_range_)
            squares += float((x.cpu().double() - mean).square().sum())
        sigma_max = max(10 * (squares / n) ** 0.5, 1.0)
        return Prior(super().prior(size).size, mean.float(), sigma_max)

    def _check_n_patches(self, n_images, size):
        """Raise a ValueError if `n_patches` is larger than all sets of patches."""
        n_positions = size[0] * size[1] if self.equivariant else 1
        if self.neighborhood == "square":
            side = smallest_patch_size(self.patch_size)
            layout = local.make_layout(size, side, self.boundary, self.equivariant)
            n_positions = max(window.n_positions for window in layout.windows)
        n_found = n_images * n_positions
        if self.n_patches is not None and self.n_patches > n_found:
            raise ValueError(
                f"n_patches={self.n_patches} must be at most {n_found}, the number of "
                "patches in X that a patch is compared with. Pass n_patches=None to "
                "use all patches."
            )

    def _for_each_scale(self, function, images, sigma):
        """Call `function` for the images of each scale, and join the results."""
        scales = [self._scale(one) for one in sigma.flatten().tolist()]
        result = torch.empty_like(images)
        for scale in set(scales):
            chosen = [k for k, one in enumerate(scales) if one == scale]
            result[chosen] = function(images[chosen], sigma[chosen], scale)
        return result

    def _scale(self, sigma):
        """Return what determines the neighborhoods: the patch size or noise level."""
        if self.neighborhood == "wiener":
            return sigma
        return patch_size_at(self.patch_size, sigma)

    def _denoise(self, images, sigma, scale):
        layout, sources = self._layouts(images, scale)
        mean = self._mean(images)
        canvas = layout.extend(images - mean)
        total = torch.zeros_like(canvas)
        for window, source in zip(layout.windows, sources, strict=True):
            queries = window.patches(canvas)
            variance = _repeat(sigma.to(canvas) ** 2, len(queries))
            places = self._places(window, canvas.device)
            values = ((keys, keys[:, places]) for keys in source.blocks(1))
            self._put(window, total, finite.weighted_means(queries, values, variance))
        size = images.shape[2:]
        return layout.collapse(total, size) / self._count(layout, canvas, size) + mean

    def _subsampling_variance(self, images, sigma, scale):
        """Estimate the variance over random subsets of patches, image by image."""
        layout, sources = self._layouts(images, scale)
        canvas, size = layout.extend(images - self._mean(images)), images.shape[2:]
        count = self._count(layout, canvas, size)
        total = torch.zeros_like(images)
        for window, source in zip(layout.windows, sources, strict=True):
            if not source.is_subset:
                continue
            places = self._places(window, canvas.device)
            for k, level in enumerate(sigma.to(canvas)):
                queries = window.patches(canvas[[k]])
                variance = _repeat(level**2, len(queries))
                heaviest = finite.heaviest_keys(queries, source.blocks(1), variance)
                (means, log_sums), (others, _) = (
                    finite.weighted_means_and_log_sums(
                        queries,
                        ((keys, keys[:, places]) for keys in source.blocks(1)),
                        variance,
                        left_out,
                    )
                    for left_out in (None, heaviest)
                )
                found = means, log_sums, heaviest, others
                # A training patch changes all pixels of the denoised image.
                for keys in source.parts(canvas[0].numel() + means.numel()):
                    moved = finite.leave_one_out_changes(
                        queries, keys, keys[:, places], variance, *found
                    )
                    heaviest -= len(keys)  # relative to the next keys
                    changes = canvas.new_zeros(len(keys), *canvas.shape[1:])
                    self._put(window, changes, moved.flatten(0, 1))
                    changes = layout.collapse(changes, size) / count
                    total[k] += source.jackknife_factor * changes.square().sum(0)
        return total

    def _layouts(self, images, scale):
        """Return the layout, and the training patches of each of its windows."""
        size = tuple(images.shape[2:])
        train_size = tuple(self.train_images_.shape[1:3])
        if not self.equivariant or self.neighborhood == "wiener":
            check_size(self, images, train_size)
        if self.neighborhood == "wiener":
            layout = train_layout = layout_at(
                self.linear_denoiser_,
                self.train_images_.shape[1:],
                self.support_threshold,
                scale,
            )
        else:
            check_patch_size(scale, min(size, train_size, key=min))
            options = scale, self.boundary, self.equivariant
            layout = local.make_layout(size, *options)
            train_layout = local.make_layout(train_size, *options)
        sources = [
            TrainingPatches(
                self.train_images_,
                self.data_range_,
                self._mean(images),
                train_layout,
                window,
                self.n_patches,
                [self.seed_, number],
            )
            for number, window in enumerate(train_layout.windows)
        ]
        return layout, sources

    def _places(self, window, device):
        """Return the places of the estimated values in a patch."""
        n_channels = self.n_channels_in_
        if self.aggregate == "center":
            return window.centers(n_channels, device)
        return torch.arange(window.n_pixels * n_channels, device=device)

    def _put(self, window, canvas, values):
        put = window.put_centers if self.aggregate == "center" else window.put_patches
        put(canvas, values)

    def _count(self, layout, canvas, size):
        """Count the estimates of each pixel: (1, channels, height, width)."""
        count = torch.zeros_like(canvas[:1])
        for window in layout.windows:
            shape = window.n_positions, len(self._places(window, canvas.device))
            self._put(window, count, canvas.new_ones(shape))
        return layout.collapse(count, size)

    def _mean(self, like):
        return torch.from_numpy(self.mean_).to(like).view(1, -1, 1, 1)


def _repeat(levels, n):
    """Repeat a number for each image (n_images, 1, 1, 1) to a column (n, 1)."""
    return levels.flatten().repeat_interleave(n // levels.numel())[:, None]
