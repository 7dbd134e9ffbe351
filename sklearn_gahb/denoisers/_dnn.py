"""Denoising by a deep network."""

import copy
from numbers import Integral

from sklearn.callback import CallbackSupportMixin

from .._fitting import FitInterrupted
from .._sklearn_compat import NOT_NEGATIVE, Interval, StrOptions, validate_params
from ..images import MAX_CHANNELS
from ..networks import ConservativeNetwork
from ..networks.adapters import adapt_network, takes_noise_std
from ..training import Recipe, resolve_device
from ..units import warn_of_pedestal
from ._network import _NetworkDenoiser
from ._progress import follow, keep_run, training_run
from .base import BaseDenoiser
from .prior import Prior, moments_of


class DNNDenoiser(CallbackSupportMixin, _NetworkDenoiser):
    r"""Blind denoising by a deep network that predicts the noise.

    .. math:: \hat x(y) = y - f_\theta(y), \qquad
              \theta = \arg\min E \| f_\theta(x + \sigma z) - \sigma z \|^2

    E is the mean over training images x, white Gaussian noise z and noise levels
    :math:`\sigma`. The network does not know the noise level. A network without
    additive constants is homogeneous: ``transform(a * y) == a * transform(y)`` for
    positive a. Such a network also generalizes to noise levels outside its training
    range [1]_. The default architecture and noise levels come from [2]_.

    Parameters
    ----------
    architecture : {"unet", "bf_cnn", "dilated_unet"} or callable, default="unet"
        Architecture: :class:`~sklearn_gahb.networks.UNet`,
        :class:`~sklearn_gahb.networks.BFCNN` or
        :class:`~sklearn_gahb.networks.DilatedUNet`. If you pass a
        :class:`torch.nn.Module`, `fit` trains a copy of the module. Any other callable
        must take the number of channels and return a module. An example is
        ``functools.partial(UNet, n_scales=4)``. The module must map noisy images (n,
        channels, height, width) to the noise in them. A lambda cannot be pickled.
    width : int, default=64
        Number of feature channels. For "unet", this is the number at the finest scale.
    depth : int, default=None
        Number of pooling layers of "unet" (3 if None) or convolutions of "bf_cnn" (20).
    bias : bool, default=False
        If True, a network that is chosen by name has additive constants.
    conservative : bool, default=False
        If True, the predicted noise is the gradient of an energy [6]_, so the Jacobian
        is symmetric and `energy` is defined; see
        :class:`~sklearn_gahb.networks.ConservativeNetwork`. A training step takes
        three to four times as long, or about twice as long if it is compiled.
    batch_statistics : bool or "auto", default="auto"
        If True, normalization layers use the standard deviations of each batch during
        training, as in [2]_. If False, they keep the statistics that they have.
        Training is then faster, and images in a batch do not influence each other. A
        new network that is chosen by name has the statistics of its first batch. "auto"
        means False, except for a network of your own whose layers have no statistics.
    noise_std : float or None, default=0.1
        Standard deviation of the noise that ``score(X)`` adds, as a fraction of the
        data range: 25 gray levels out of 255 are ``25 / 255``. A network that takes
        noise levels also receives this value; see :meth:`from_module`.
    train_noise_std : float or tuple of (float, float), default=(0.0, 1.0)
        Noise level, or range of noise levels, to train on.
    noise_distribution : {"squared", "uniform"}, default="squared"
        Distribution of the noise levels in the range (low, high). Let u be uniform on
        (0, 1). "squared" draws low + (high - low) u^2, which favors low noise levels as
        in [2]_. "uniform" draws low + (high - low) u.
    supervision : {"clean", "noisy"}, default="clean"
        Kind of the images in `X` if `fit` gets no images in `y`. "noisy" trains on
        noisy images alone. Their noise must be white with level `noise_std`.
        Recorruption [3]_ makes two images with independent noise from each noisy image,
        and the network learns to predict the second image from the first.
        `train_noise_std` is then not used.
    patch_size : int, default=None
        Side length of the random square crops to train on, in pixels. If None, training
        uses whole images, and all images must have the same size.
    augment : bool, default=False
        If True, flip and rotate the training images at random.
    n_train_samples : int, default=None
        Number of images to train on. They are the first images in a random order that
        `random_state` fixes, so smaller training sets are subsets of larger ones. If
        None, all images are used. If fewer are available, `fit` warns and uses all.
    max_steps : int, default=2000
        Number of gradient steps, whatever the number of training images.
    batch_size : int, default=64
        Number of images or crops per step.
    loss : str, default="inverse_root_std"
        Loss of an image, as a function of the mean e of its squared errors:
        "inverse_root_std" is :math:`e / (\sigma^2 + 0.0001)^{1/4}`, "squared_error" is
        e, as in [2]_, "root_squared_error" is :math:`\sqrt e`, "log_squared_error" is
        :math:`\log e` (the PSNR), "inverse_variance" is :math:`e / (\sigma^2 + 0.001)`,
        and "min_snr" is :math:`e \min(0.25^2 / \sigma^2, 5)` (:arxiv:`2303.09556`). The
        squared error favors high noise. See the Notes before you sample with a network
        that was trained with a root or a logarithm.
    residual : callable or None, default=None
        Constraint R(x) = 0 of clean images, see the Notes: a torch function of images
        (n, channels, height, width), in the units of `transform`, that returns a tensor
        (n, ...). For an inequality R <= 0, return the positive part of R.
    residual_weight : float, default=1.0
        Weight c of the squared residual at the end of training. With c = 1, errors that
        violate a linear constraint count twice. Do not repeat values in the residual.
    residual_estimate : {"mean", "sample"}, default="mean"
        Images at which the residual is evaluated: the denoised images, or images that a
        second evaluation samples from them, which doubles the time of a step.
    optimizer : {"muon", "adam"}, default="muon"
        Optimizer. Muon makes the update of each layer orthogonal [4]_. It optimizes the
        weights of convolutions and linear layers, except the first and the last of
        these layers. Adam optimizes all other parameters. "adam" uses Adam for all
        parameters, as in [2]_.
    learning_rate : float, default=5e-3
        Maximum learning rate. Updates of Muon are scaled to the usual size of Adam's
        updates [5]_, so similar rates suit both. Narrower networks train well with
        higher rates: 1e-2 for a UNet of width 16.
    schedule : {"one_cycle", "halving", "constant"}, default="one_cycle"
        Schedule of the learning rate. "one_cycle" raises it in the first 30 percent of
        the steps, then lowers it to nearly 0. "halving" halves it ten times, see [2]_.
    early_stopping : bool, default=False
        If True, stop when the validation loss no longer falls, and keep the weights
        with the lowest validation loss.
    validation_fraction : float, default=0.1
        Fraction of the images that early stopping sets aside: the last in random order.
    n_iter_no_change : int, default=10
        Training stops after this number of evaluations, one every ``max_steps / 100``
        steps, without a new lowest validation loss.
    device : str or torch.device, default="auto"
        Device to compute on. "auto" uses a GPU if torch finds one.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the multiplications during training. "auto" uses bfloat16 if the
        device multiplies bfloat16 faster than float32. `transform` uses float32.
    compile : bool or "auto", default="auto"
        If True, compile the network with :func:`torch.compile`, which can take minutes.
        "auto" compiles the network if training is long and a C++ compiler is found.
    checkpoints : tuple of int, default=()
        Numbers of gradient steps after which `fit` keeps a copy of the network. With
        ``schedule="constant"``, the copies do not depend on `max_steps`.
    warm_start : bool, default=False
        If True, `fit` trains the network of the previous `fit` for `max_steps` more
        steps. The architecture must not change. In a search, pass the trained network
        as `architecture` instead, because clones have no trained network.
    data_range : float or tuple of (float, float), default=None
        Pixel value of white (black is then 0), or the pair (black, white). If None,
        white is the largest value of an unsigned integer dtype, or 1 for other dtypes.
    image_shape : tuple of int, default=None
        Shape of the image in each row of a 2-D array: (height, width) or
        (height, width, channels).
    random_state : int, RandomState instance or None, default=None
        Seeds the choice of images and crops, the noise and the initial weights. With an
        int, results repeat on the same device, thread count and versions.

    Attributes
    ----------
    network_ : torch.nn.Module
        Trained network in evaluation mode. It predicts the noise.
    n_parameters_ : int
        Number of parameters of the network.
    n_steps_ : int
        Number of gradient steps in the training of the network.
    loss_curve_ : ndarray of shape (n_steps,)
        Mean squared error at each step.
    validation_loss_curve_ : ndarray
        Validation loss at each evaluation of the last `fit`, with early stopping.
    snapshots_ : dict of int to DNNDenoiser
        Copies after the numbers of steps in `checkpoints`, if there are any.
    image_size_in_ : tuple of (int, int)
        Height and width of the images in the last `fit`, if all have the same size.
    train_indices_ : ndarray of int
        Indices of the images of `X` that the last `fit` trained on.
    image_mean_ : ndarray of shape (n_channels,)
        Estimated mean of the clean images, as a fraction of the data range. Defined
        only if they have at least 8x8 pixels. Sampling starts from Gaussian images with
        this mean and with `image_covariance_`.
    image_covariance_ : ndarray of shape (n_rings, n_channels, n_channels)
        Covariance of the Fourier coefficients of crops of the images. Ring r holds the
        radial frequencies of about r / (2 n_rings - 2) cycles per pixel.
    n_channels_in_ : int
        Number of channels seen during :term:`fit`.
    n_features_in_ : int
        Number of pixels times channels seen during :term:`fit`. Not defined for lists.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    WaveletThresholdDenoiser : Thresholding in a fixed basis.
    sklearn_gahb.metrics.make_psnr_scorer : Compare estimators at one noise level.

    Notes
    -----
    `fit` accepts a list of photographs if `patch_size` is set. Ctrl-C stops `fit` and
    raises KeyboardInterrupt. The estimator is then fitted with the weights of the last
    step, or with its best weights if `early_stopping` is True. For progress bars, call
    ``set_callbacks(sklearn.callback.ProgressBar())`` on the outermost estimator. The
    processes of a :mod:`torch.distributed` group can train one network together.

    To train like [2]_, set ``optimizer="adam"``, ``loss="squared_error"``,
    ``batch_statistics=True``, ``learning_rate=1e-3`` and ``schedule="halving"``.

    At each noise level, the posterior mean minimizes the squared error and its weighted
    versions "inverse_root_std", "inverse_variance" and "min_snr". Samplers and
    posterior uncertainties assume it. The root and the logarithm of the error of an
    image have other minimizers. For two distant images of equal probability, the
    posterior mean is their average. The root is as low at each of them, and the
    logarithm is lower there. The minimizers hardly differ where the posterior has one
    narrow peak. If the images in `y` are noisy too, set ``loss="squared_error"``: the
    root and the logarithm are refused with ``supervision="noisy"``, but `fit` cannot
    see whether `y` is noisy.

    With `residual`, the following term is added to the mean squared error e:

    .. math:: c \min(m / n, 1) \operatorname{mean}(R(\hat x)^2) / g^2,

    where m and n are the numbers of values of the residual and of the image. The gain g
    tells how much R magnifies small noise, on average over noisy images of similar
    level. It makes c independent of the units and the steepness of R. The weight rises
    with the square of the number of steps up to c [7]_. The posterior mean satisfies
    only linear constraints; others cost PSNR.

    `transform` splits photographs of more than about 300,000 pixels into tiles. The
    attribute `margin` of the network sets their overlap in pixels, 64 by default.

    References
    ----------
    .. [1] S. Mohan, Z. Kadkhodaie, E. P. Simoncelli, C. Fernandez-Granda, "Robust and
       interpretable blind image denoising via bias-free convolutional neural networks",
       ICLR 2020. :arxiv:`1906.05478`
    .. [2] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`
    .. [3] T. Pang, H. Zheng, Y. Quan, H. Ji, "Recorrupted-to-recorrupted: unsupervised
       deep learning for image denoising", CVPR 2021.
       :doi:`10.1109/CVPR46437.2021.00208`
    .. [4] K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks",
       2024. https://kellerjordan.github.io/posts/muon/
    .. [5] J. Liu et al., "Muon is scalable for LLM training", 2025.
       :arxiv:`2502.16982`
    .. [6] S. Hurault, A. Leclaire, N. Papadakis, "Gradient step denoiser for convergent
       plug-and-play", ICLR 2022. :arxiv:`2110.03220`
    .. [7] J.-H. Bastek, W. Sun, D. M. Kochmann, "Physics-informed diffusion models",
       ICLR 2025. :arxiv:`2403.14404`

    Examples
    --------
    >>> from sklearn_gahb import DNNDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X = make_disk_images(200, 16, random_state=0)
    >>> denoiser = DNNDenoiser(
    ...     width=4, depth=1, max_steps=100, learning_rate=1e-2, random_state=0
    ... )
    >>> denoiser.fit(X[:150]).score(X[150:]) > 22
    True
    """

    _parameter_constraints: dict = {
        **BaseDenoiser._parameter_constraints,
        **Recipe.constraints,
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        architecture="unet",
        *,
        width=64,
        depth=None,
        bias=False,
        conservative=False,
        batch_statistics="auto",
        noise_std=0.1,
        train_noise_std=(0.0, 1.0),
        noise_distribution="squared",
        supervision="clean",
        patch_size=None,
        augment=False,
        n_train_samples=None,
        max_steps=2000,
        batch_size=64,
        loss="inverse_root_std",
        residual=None,
        residual_weight=1.0,
        residual_estimate="mean",
        optimizer="muon",
        learning_rate=5e-3,
        schedule="one_cycle",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        device="auto",
        precision="auto",
        compile="auto",
        checkpoints=(),
        warm_start=False,
        data_range=None,
        image_shape=None,
        random_state=None,
    ):
        self.architecture = architecture
        self.width = width
        self.depth = depth
        self.bias = bias
        self.conservative = conservative
        self.batch_statistics = batch_statistics
        self.noise_std = noise_std
        self.train_noise_std = train_noise_std
        self.noise_distribution = noise_distribution
        self.supervision = supervision
        self.patch_size = patch_size
        self.augment = augment
        self.n_train_samples = n_train_samples
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.loss = loss
        self.residual = residual
        self.residual_weight = residual_weight
        self.residual_estimate = residual_estimate
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.precision = precision
        self.compile = compile
        self.checkpoints = checkpoints
        self.warm_start = warm_start
        self.data_range = data_range
        self.image_shape = image_shape
        self.random_state = random_state

    @classmethod
    @validate_params(
        predicts=[StrOptions({"noise", "image"})],
        n_channels=[Interval(Integral, 1, MAX_CHANNELS, closed="both"), None],
        noise_std=[NOT_NEGATIVE, None],
    )
    def from_module(
        cls,
        network,
        predicts="noise",
        *,
        n_channels=None,
        noise_std=None,
        device="auto",
        data_range=None,
        image_shape=None,
    ):
        """Make a fitted denoiser from a trained network.

        Parameters
        ----------
        network : torch.nn.Module
            Network that maps noisy images (n, channels, height, width) to the noise in
            them or to the clean images. Black is 0 and white is 1. A network that takes
            noise levels is called as ``network(y, noise_std)``, with a tensor of shape
            (n,). The network is copied in float32. If it accepts only sides that are
            multiples of some number, such as 8, the images are padded.
        predicts : {"noise", "image"}, default="noise"
            Output of the network: the noise or the clean image.
        n_channels : int, default=None
            Number of image channels. If None, several numbers are tried on the network.
        noise_std : float, default=None
            Standard deviation of the noise that ``score(X)`` adds. A network that takes
            noise levels also receives this value. If None, such a network receives an
            estimate for each image. For all other networks, None means 0.1.
        device : str or torch.device, default="auto"
            Device to compute on.
        data_range : float or tuple of (float, float), default=None
            Pixel value of white (black is then 0), or the pair (black, white). If None,
            white is the largest value of an unsigned integer dtype, or 1 for other
            dtypes.
        image_shape : tuple of int, default=None
            Shape of the image in each row of a 2-D array: (height, width) or
            (height, width, channels).

        Returns
        -------
        denoiser : DNNDenoiser
            Fitted denoiser. Its parameter `architecture` is the network. If you clone
            the denoiser and call `fit`, a copy of the network is trained further.

        Raises
        ------
        TypeError
            If `network` is not a module.
        ValueError
            If the network does not accept `n_channels` channels, or if a layer
            normalizes by statistics of the whole batch.

        Examples
        --------
        >>> import numpy as np
        >>> import torch
        >>> from sklearn_gahb import DNNDenoiser
        >>> blur = torch.nn.AvgPool2d(3, stride=1, padding=1)
        >>> denoiser = DNNDenoiser.from_module(blur, predicts="image")
        >>> denoiser.transform(np.ones((1, 5, 5)))[0, 2].round(2)
        array([0.67, 1.  , 1.  , 1.  , 0.67])
        """
        network, n_channels = adapt_network(network, predicts, n_channels)
        if noise_std is None and not takes_noise_std(network):
            noise_std = 0.1
        denoiser = cls(network, noise_std=noise_std, device=device)
        denoiser.set_params(data_range=data_range, image_shape=image_shape)
        denoiser.set_params(conservative=isinstance(network, ConservativeNetwork))
        denoiser._validate_params()
        network = copy.deepcopy(network).to(resolve_device(device))
        return denoiser.adopt(network, n_channels)

    def learn(self, clean, noisy=None):
        """Train the network; see :meth:`BaseDenoiser.learn`."""
        run = training_run(self, clean, noisy)
        try:
            follow(run, self, clean, noisy)
        except KeyboardInterrupt as interrupt:
            if not run.can_be_finished():
                raise
            keep_run(self, run)
            raise FitInterrupted from interrupt
        keep_run(self, run)

    def prior(self, size=None):
        """Return size, noise level and moments; see :meth:`BaseDenoiser.prior`."""
        if size is None and self.patch_size is not None and self.image_shape is None:
            size = self.patch_size, self.patch_size
        size, sigma_max = super().prior(size).size, Recipe.of(self).noise_range[1]
        return Prior(size, 0.5, sigma_max, moments_of(self))

    def _restore(self, noisy, noise_std, clean):
        warn_of_pedestal(noisy)
        return super()._restore(noisy, noise_std, clean)

    @property
    def needs_clean_images(self):
        """Whether `X` must be clean if `fit` gets no images in `y`."""
        return self.supervision == "clean"
