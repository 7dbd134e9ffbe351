"""Autoencoder whose decoder renders images at any resolution."""

import math
from functools import partial
from numbers import Integral

import numpy as np
import torch
from sklearn.base import TransformerMixin
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted

from .._fitting import new_fit
from .._sklearn_compat import (
    COUNT,
    DATA_RANGE,
    POSITIVE,
    SHAPE,
    BaseEstimator,
    Interval,
    Options,
    at_least,
    fit_context,
)
from .._tensors import from_fractions
from .._warnings import warn
from ..images import MAX_CHANNELS, check_images
from ..training import Recipe, resolve_device
from ..units import check_data_range, warn_of_pedestal, warn_of_range
from ._networks import make_networks, render
from ._training import draw_batches, standardize, train, warn_if_flat

# Latent values have this mean and this standard deviation on training images, so that
# nearly all of them are in [0, 1], like the intensities of images.
LATENT_MEAN, LATENT_STD = 0.5, 1 / 6
# Number of pixels of a batch, or of a strip of one image.
PIXELS_AT_ONCE = 2**18


class FieldAutoencoder(TransformerMixin, BaseEstimator):
    r"""Encode images as small latent images, and render them at any resolution.

    The encoder maps an image of h x w pixels to a latent image of h/r x w/r pixels. The
    decoder maps the latent image to features. The renderer evaluates the features on
    any grid of pixels: each pixel receives the nearest feature, its position relative
    to this feature, and its size. A few convolutions on the grid turn these numbers
    into intensities [1]_.

    The images that are passed to `fit` may have different sizes. Each training step
    averages regions at random scales over the cells of a coarse grid, encodes the
    averages, renders a part of each region on a finer grid, and compares the result
    with the averages over its cells. No cell is smaller than a pixel. An image of 96x96
    pixels thus teaches the network to magnify images of 32x32 pixels. The loss is the
    mean absolute error. The perceptual loss, the adversarial loss and the vector
    quantization of [1]_ are left out, so that details that the latent image does not
    determine are smooth.

    Parameters
    ----------
    n_components : int, default=4
        Number of latent channels, at most 4.
    reduction : {1, 2, 4, 8, 16}, default=4
        Side r of the square of pixels that a latent pixel stands for. The sides of the
        images that are passed to `transform` must be multiples of r.
    width : int, default=32
        Number of features. The encoder and the decoder have more channels at coarser
        scales.
    kernel_size : int, default=3
        Side of the convolutions of the renderer, an odd number. With 1, each pixel is
        rendered alone [2]_.
    patch_size : int, default=32
        Largest side of the grids in training, in cells. The side of each batch is
        random, at least about half of the largest one. Grids must fit into the smallest
        training image.
    max_steps : int, default=5000
        Number of gradient steps.
    batch_size : int, default=16
        Number of regions per step, at least 2.
    learning_rate : float, default=5e-3
        Maximum learning rate. It rises and falls in one cycle. The optimizer is Muon.
    device : str or torch.device, default="auto"
        Device to compute on. "auto" uses a GPU if torch finds one.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights and of the regions.

    Attributes
    ----------
    network_ : torch.nn.ModuleDict
        The networks "encoder", "decoder" and "renderer".
    loss_curve_ : ndarray of shape (max_steps,)
        Mean absolute error at each step, as a fraction of the data range.
    n_channels_in_ : int
        Number of image channels.
    n_parameters_ : int
        Number of parameters of the networks.
    n_features_in_ : int
        Number of values per image. Defined only if `X` is an array.

    See Also
    --------
    DNNDenoiser : Samples latent images if it is trained on them.

    References
    ----------
    .. [1] Y. Chen, O. Wang, R. Zhang, E. Shechtman, X. Wang, M. Gharbi, "Image neural
       field diffusion models", CVPR 2024. :arxiv:`2406.07480`
    .. [2] Y. Chen, S. Liu, X. Wang, "Learning continuous image representation with
       local implicit image function", CVPR 2021. :arxiv:`2012.09161`

    Examples
    --------
    >>> from sklearn_gahb import FieldAutoencoder
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> images = [
    ...     image
    ...     for size in (16, 24, 32)
    ...     for image in make_disk_images(20, size, random_state=size)
    ... ]
    >>> autoencoder = FieldAutoencoder(width=4, max_steps=100, random_state=0)
    >>> Z = autoencoder.fit(images).transform(make_disk_images(5, 32, random_state=0))
    >>> Z.shape
    (5, 8, 8, 4)
    >>> autoencoder.inverse_transform(Z, size=(100, 80)).shape
    (5, 100, 80)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, MAX_CHANNELS, closed="both")],
        "reduction": [Options(Integral, {1, 2, 4, 8, 16})],
        "width": [COUNT],
        "kernel_size": [COUNT],
        "patch_size": [COUNT],
        "max_steps": [COUNT],
        "batch_size": [at_least(2)],
        "learning_rate": [POSITIVE],
        "device": [str, torch.device],
        "data_range": DATA_RANGE,
        "image_shape": SHAPE,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=4,
        *,
        reduction=4,
        width=32,
        kernel_size=3,
        patch_size=32,
        max_steps=5000,
        batch_size=16,
        learning_rate=5e-3,
        device="auto",
        data_range=None,
        image_shape=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.reduction = reduction
        self.width = width
        self.kernel_size = kernel_size
        self.patch_size = patch_size
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.data_range = data_range
        self.image_shape = image_shape
        self.random_state = random_state

    @fit_context()
    def fit(self, X, y=None):
        """Train the networks.

        Parameters
        ----------
        X : array-like or list of array-like
            Images of shape (n_images, height, width) or (n_images, height, width,
            channels), or (n_images, n_pixels) if `image_shape` is set, or a list of
            photographs of different sizes.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : FieldAutoencoder
            The fitted autoencoder.

        Raises
        ------
        ValueError
            If `kernel_size` is even, or if an image is smaller than `reduction`.
        """
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={self.kernel_size} must be an odd number.")
        with new_fit(self):
            images = self._check_images(X, reset=True)
            warn_of_pedestal(images, is_clean=True)
            shortest = min(min(size) for size in images.sizes)
            n_cells = min(self.patch_size, shortest) // self.reduction * self.reduction
            if n_cells == 0:
                raise ValueError(
                    f"patch_size={self.patch_size} and all sides of the images must be "
                    f"at least reduction={self.reduction}; the shortest side has "
                    f"{shortest} pixels."
                )
            if n_cells < self.patch_size // 2:
                warn(
                    f"The shortest side of the images has {shortest} pixels, so all "
                    f"training grids have at most {n_cells} cells instead of "
                    f"patch_size={self.patch_size}. Leave out small images, or set a "
                    "smaller patch_size."
                )
            rng = check_random_state(self.random_state)
            self.n_channels_in_ = images.n_channels
            self.network_ = make_networks(
                images.n_channels,
                self.n_components,
                reduction=self.reduction,
                width=self.width,
                kernel_size=self.kernel_size,
                seed=rng.randint(2**31 - 1),
            ).to(resolve_device(self.device), memory_format=torch.channels_last)
            self.n_parameters_ = sum(p.numel() for p in self.network_.parameters())
            tensors = [one for x in images.tensors() for one in x.float().cpu()]
            batches = draw_batches(
                tensors, n_cells, self.reduction, self.batch_size, rng
            )
            recipe = Recipe(max_steps=self.max_steps, learning_rate=self.learning_rate)
            self.loss_curve_ = train(self.network_, batches, recipe)
            standardize(self.network_["encoder"], batches)
            self.network_.eval()
            warn_if_flat(self.network_, batches)
        return self

    def transform(self, X):
        """Encode images.

        Parameters
        ----------
        X : array-like or list of array-like
            Images, in a layout that `fit` accepts. Their sides must be multiples of
            `reduction`. They should not be much smaller than the training images.

        Returns
        -------
        Z : ndarray of shape (n_images, height / r, width / r, n_components), \
                or list of those
            Latent images in float32. Most values are in [0, 1]. If `X` is a list,
            `Z` is a list of latent images.
        """
        check_is_fitted(self)
        images = self._check_images(X, reset=False)
        for height, width in sorted(images.sizes):
            if height % self.reduction or width % self.reduction:
                raise ValueError(
                    f"X holds an image of {height}x{width} pixels, but its sides must "
                    f"be multiples of reduction={self.reduction}. Crop the images."
                )
        stacks = [
            self._in_batches(self._encode, images, stack, math.prod(stack.shape[1:3]))
            for stack in images.stacks
        ]
        return [one[0] for one in stacks] if images.is_list else stacks[0]

    def inverse_transform(self, Z, size=None):
        """Render images at any size.

        Parameters
        ----------
        Z : array-like of shape (n_images, h, w, n_components), or list of array-like
            Latent images.
        size : int or tuple of (int, int), default=None
            Height and width of the rendered images in pixels. For an int, both are
            equal. If None, rendered images are r times as large as latent images.

        Returns
        -------
        X : ndarray of shape (n_images, height, width[, n_channels]), or list of those
            Rendered images in float32, not clipped, in the units of `data_range`. If it
            is None, black is 0 and white is 1. Gray images have no axis for the
            channels. If `Z` is a list, `X` is a list of images.
        """
        check_is_fitted(self)
        latents = check_images(Z, name="Z")
        if latents.n_channels != self.n_components:
            raise ValueError(
                f"Z has {latents.n_channels} channels, but latent images have "
                f"n_components={self.n_components}. Pass what transform returns, or "
                "samples of the same shape."
            )
        stacks = []
        for stack in latents.stacks:
            whole = tuple(self.reduction * side for side in stack.shape[1:3])
            pixels = whole if size is None else check_size(size)
            # The decoder computes features for the whole image at every size.
            n_pixels = max(math.prod(whole), math.prod(pixels))
            rendered = self._in_batches(
                partial(self._render, size=pixels), latents, stack, n_pixels
            )
            stacks.append(rendered if self.n_channels_in_ > 1 else rendered[..., 0])
        return [one[0] for one in stacks] if latents.is_list else stacks[0]

    def _in_batches(self, function, images, stack, n_pixels):
        """Apply a function of tensors to a stack; return (n, height, width, channels).

        `n_pixels` is the number of pixels per image that counts for the memory.
        """
        device = next(self.network_.parameters()).device
        n_images = max(1, PIXELS_AT_ONCE // n_pixels)
        with torch.no_grad():
            results = [
                function(images.to_tensor(stack[batch], device).float()).cpu()
                for batch in gen_batches(len(stack), n_images)
            ]
        return torch.cat(results).permute(0, 2, 3, 1).numpy()

    def _encode(self, x):
        return LATENT_MEAN + LATENT_STD * self.network_["encoder"](x)

    def _render(self, z, size):
        z = (z - LATENT_MEAN) / LATENT_STD
        x = render(self.network_, z, size, max(1, PIXELS_AT_ONCE // size[1]))
        return from_fractions(x, check_data_range(self.data_range))

    def _check_images(self, X, *, reset):
        images = check_images(
            X,
            self.image_shape,
            data_range=self.data_range,
            estimator=self,
            reset=reset,
        )
        warn_of_range(images)
        if not reset and images.n_channels != self.n_channels_in_:
            raise ValueError(
                f"X has {images.n_channels} channels, but the autoencoder was fitted "
                f"on images with n_channels_in_={self.n_channels_in_}."
            )
        return images


def check_size(size):
    """Return the height and the width of rendered images, or raise a ValueError."""
    sides = (size, size) if isinstance(size, Integral) else tuple(np.atleast_1d(size))
    if len(sides) != 2 or not all(isinstance(n, Integral) and n > 0 for n in sides):
        raise ValueError(
            f"size={size!r} must be a positive integer, or (height, width) in positive "
            "integers."
        )
    return int(sides[0]), int(sides[1])
