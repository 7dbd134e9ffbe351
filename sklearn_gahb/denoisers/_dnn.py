"""Denoising by a deep network."""

import copy
from contextlib import suppress
from numbers import Integral

import numpy as np
import torch
from sklearn.callback import CallbackSupportMixin

from .._fitting import FitInterrupted
from .._sklearn_compat import NOT_NEGATIVE, Interval, StrOptions, validate_params
from ..images import MAX_CHANNELS
from ..networks.adapters import adapt_network, takes_noise_std
from ..networks.frozen import FrozenNetwork, is_linear_once_frozen
from ..training import Recipe, TrainingRun, resolve_device
from ..training.processes import broadcast_object
from ._tiles import denoise_in_tiles
from .base import BaseDenoiser
from .checks import check_tensors
from .linearization import linearize_frozen
from .prior import Prior


class DNNDenoiser(CallbackSupportMixin, BaseDenoiser):
    r"""Blind denoising by a deep network that predicts the noise.

    .. math:: \hat x(y) = y - f_\theta(y), \qquad
              \theta = \arg\min E \| f_\theta(x + \sigma z) - \sigma z \|^2

    over training images x, white Gaussian noise z and noise levels :math:`\sigma`. The
    network does not know the level. Without additive constants it is homogeneous,
    ``transform(a * y) == a * transform(y)`` for ``a > 0``, and generalizes to levels it
    was not trained at [1]_. Architecture and noise levels are by default those of [2]_.

    Parameters
    ----------
    architecture : {"unet", "bf_cnn", "dilated_unet"} or callable, default="unet"
        :class:`~sklearn_gahb.networks.UNet`, :class:`~sklearn_gahb.networks.BFCNN`,
        :class:`~sklearn_gahb.networks.DilatedUNet`; or a :class:`torch.nn.Module`, of
        which a copy is trained further; or a callable that takes the number of channels
        and returns a module. Modules map noisy images (n, channels, height, width) to
        the noise in them, such as ``functools.partial(UNet, n_scales=4)``. To be
        pickled it must be importable: no lambda.
    width : int, default=64
        Channels of the features, at the finest scale for "unet".
    depth : int, default=None
        Number of poolings of "unet" (None means 3), or of convolutions of "bf_cnn"
        (None means 20).
    bias : bool, default=False
        Whether a network that has a name has additive constants.
    noise_std : float or None, default=0.1
        Standard deviation of the noise that ``score(X)`` adds, in the units of the
        images, which for unsigned integers are fractions of the largest value: 25 of
        255 is ``25 / 255``. Besides, only networks of :meth:`from_module` that take the
        noise level use it.
    train_noise_std : float or tuple of (float, float), default=(0.0, 1.0)
        Noise level, or range of noise levels, of training. The default suits images
        in [0, 1].
    noise_distribution : {"squared", "uniform"}, default="squared"
        How levels are drawn from the range (low, high), with u uniform on (0, 1):
        low + (high - low) u^2, which favors low ones as [2]_ does, or
        low + (high - low) u.
    patch_size : int, default=None
        Side of the random crops to train on. None trains on whole images, which must
        then have one size.
    augment : bool, default=False
        Whether to flip and turn training images at random.
    n_train_samples : int, default=None
        Number of images to train on: the first ones of a permutation that
        `random_state` fixes, so that smaller sets are part of larger ones. None takes
        all. More than there are gives a warning and takes all.
    max_steps : int, default=2000
        Number of gradient steps, whatever the number of images.
    batch_size : int, default=64
        Images or crops in a step.
    learning_rate : float, default=1e-3
        Largest learning rate of Adam.
    schedule : {"one_cycle", "halving", "constant"}, default="one_cycle"
        Learning rate over the steps: up to `learning_rate` in the first 30 percent and
        down to nearly 0; halved ten times, as in [2]_; or constant.
    early_stopping : bool, default=False
        Whether to set images aside, to stop when the loss on them no longer falls, and
        to keep the weights with the lowest.
    validation_fraction : float, default=0.1
        Share of the images given to `fit` that early stopping sets aside: the last ones
        of the permutation.
    n_iter_no_change : int, default=10
        Number of evaluations of the loss, one every ``max_steps / 100`` steps, after
        which early stopping stops if the loss has not fallen.
    device : str or torch.device, default="auto"
        Where to compute. "auto" takes a GPU if torch finds one.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the products in training. "auto" takes bfloat16 where the hardware
        has it. `transform` always computes in float32.
    compile : bool or "auto", default="auto"
        Whether to train through :func:`torch.compile`, which takes up to minutes to
        begin. "auto" does for long trainings if a C++ compiler is found.
    warm_start : bool, default=False
        Whether to go on from the network of the previous `fit`, which must have the
        same architecture, for `max_steps` more. Clones are not fitted, so a search has
        nothing to go on from: pass a network as `architecture` instead.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of the rows of 2-D arrays.
    random_state : int, RandomState instance or None, default=None
        Seeds the choice of images and crops, the noise and the initial weights. Pass an
        int for the same result on the same device, number of threads and versions.

    Attributes
    ----------
    network_ : torch.nn.Module
        Trained network, in evaluation mode. Predicts the noise.
    n_parameters_ : int
        Number of its parameters.
    n_steps_ : int
        Number of gradient steps it was trained for.
    loss_curve_ : ndarray of shape (n_steps,)
        Mean squared error of each step.
    validation_loss_curve_ : ndarray
        Loss on the images set aside, at each evaluation of the last `fit`. Only with
        ``early_stopping=True``.
    image_size_in_ : tuple of (int, int)
        Height and width of the images of the last `fit`. Only if they had one size.
    train_indices_ : ndarray of int
        The images of `X` that the last `fit` trained on.
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
    sklearn_gahb.metrics.make_psnr_scorer : Compares estimators at one noise level.

    Notes
    -----
    `fit` takes a list of photographs if there is a `patch_size`. Ctrl-C stops it: the
    estimator is then fitted with what it learned up to the last step, or with its best
    weights if it stops early, and KeyboardInterrupt is raised. Progress bars come from
    ``set_callbacks(sklearn.callback.ProgressBar())``, called on the outermost
    estimator: the search or the pipeline, if the denoiser is inside one. In a process
    group of :mod:`torch.distributed` several processes train one network; the user
    guide tells how.

    `transform` takes photographs of more than about half a million pixels in tiles. The
    attribute `margin` of the network says by how much they must overlap, which is 64
    pixels if a network of your own has none.

    References
    ----------
    .. [1] S. Mohan, Z. Kadkhodaie, E. P. Simoncelli, C. Fernandez-Granda, "Robust and
       interpretable blind image denoising via bias-free convolutional neural networks",
       ICLR 2020. :arxiv:`1906.05478`
    .. [2] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

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
        noise_std=0.1,
        train_noise_std=(0.0, 1.0),
        noise_distribution="squared",
        patch_size=None,
        augment=False,
        n_train_samples=None,
        max_steps=2000,
        batch_size=64,
        learning_rate=1e-3,
        schedule="one_cycle",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        device="auto",
        precision="auto",
        compile="auto",
        warm_start=False,
        image_shape=None,
        random_state=None,
    ):
        self.architecture = architecture
        self.width = width
        self.depth = depth
        self.bias = bias
        self.noise_std = noise_std
        self.train_noise_std = train_noise_std
        self.noise_distribution = noise_distribution
        self.patch_size = patch_size
        self.augment = augment
        self.n_train_samples = n_train_samples
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.precision = precision
        self.compile = compile
        self.warm_start = warm_start
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
        image_shape=None,
    ):
        """Make a fitted denoiser of a trained network.

        Parameters
        ----------
        network : torch.nn.Module
            Maps noisy images (n, channels, height, width) to the noise in them or to
            the clean images; ``network(y, noise_std)`` if it takes their noise levels,
            a tensor of shape (n,), too. It is copied, in float32. Images are padded if
            it wants sides that are multiples of a number, such as 8.
        predicts : {"noise", "image"}, default="noise"
            What it returns.
        n_channels : int, default=None
            Channels of the images: 1 for gray, 3 for color. None is found by trying.
        noise_std : float, default=None
            Standard deviation of the noise that ``score(X)`` adds, and that is passed
            to a network that takes it. None means 0.1 for other networks; for such a
            network the level of each image is estimated.
        device : str or torch.device, default="auto"
            Where to compute.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels) of the rows of 2-D arrays.

        Returns
        -------
        denoiser : DNNDenoiser
            Fitted. Its `architecture` is the network: a clone of the denoiser, which is
            not fitted, trains a copy of it further.

        Raises
        ------
        TypeError
            If `network` is no module.
        ValueError
            If the network takes images of other channels than `n_channels`, or if it
            normalizes by the statistics of a batch, so that images depend on each
            other.

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
        denoiser = cls(
            network, noise_std=noise_std, device=device, image_shape=image_shape
        )
        denoiser._validate_params()
        network = copy.deepcopy(network).to(resolve_device(device))
        return denoiser.adopt(network, n_channels)

    def adopt(self, network, n_channels, loss_curve=()):
        """Become fitted with a network that is trained.

        Parameters
        ----------
        network : torch.nn.Module
            Maps noisy images to the noise in them. It is not copied, and stays on its
            device.
        n_channels : int
            Channels of the images.
        loss_curve : array-like of shape (n_steps,), default=()
            Mean squared error of each step of its training.

        Returns
        -------
        self : object
            The fitted denoiser.
        """
        self.n_channels_in_ = n_channels
        self.network_ = network.eval().to(memory_format=torch.channels_last)
        self.n_parameters_ = sum(p.numel() for p in network.parameters())
        self.loss_curve_ = np.array(loss_curve, dtype=float)
        self.n_steps_ = len(self.loss_curve_)
        return self

    def learn(self, clean, noisy=None):
        """Train the network; see :meth:`BaseDenoiser.learn`."""
        run = self._prepare(clean, noisy)
        # A denoiser scores clean images beside labels, which it ignores.
        X, y = (clean, None) if noisy is None else (noisy, clean)
        train = run.train_indices
        data = {
            "X": lambda: X.take(train),
            "y": lambda: np.zeros(len(train)) if y is None else y.take(train),
            "reconstruction_attributes": lambda: {
                "network_": copy.deepcopy(run.network).eval()
            },
        }
        try:
            self._follow(run, data)
        except KeyboardInterrupt as interrupt:
            if not run.can_be_finished():
                raise
            self._keep(run)
            raise FitInterrupted from interrupt
        self._keep(run)

    def _prepare(self, clean, noisy=None):
        """Training run with the parameters of this denoiser."""
        previous = getattr(self, "network_", None) if self.warm_start else None
        seed = self.random_state
        is_seeded = isinstance(seed, Integral)
        if previous is not None and self.early_stopping and not is_seeded:
            raise ValueError(
                "early_stopping with warm_start needs an int as random_state, for the "
                "same images to be set aside in every fit; got "
                f"random_state={seed!r}."
            )
        return TrainingRun(
            Recipe.of(self), clean, noisy, previous=previous, random_state=seed
        )

    def _follow(self, run, data):
        """Train, and tell the callbacks."""
        context = self._init_callback_context(max_subtasks=min(100, self.max_steps))
        context.call_on_fit_task_begin(estimator=self)
        for start, stop in run:
            task = context.subcontext(f"steps {start + 1} to {stop}")
            task.call_on_fit_task_begin(estimator=self)
            if broadcast_object(task.call_on_fit_task_end(estimator=self, **data)):
                break
        context.call_on_fit_task_end(estimator=self, **data)

    def _keep(self, run):
        """Become fitted with the network of a run."""
        goes_on = self.warm_start and hasattr(self, "network_")
        previous = self.loss_curve_ if goes_on else []
        losses = np.concatenate([previous, run.losses()])
        self.adopt(run.finish(), self.n_channels_in_, losses)
        self.train_indices_ = run.train_indices
        vars(self).pop("validation_loss_curve_", None)
        if self.early_stopping:
            self.validation_loss_curve_ = np.array(run.log.validation_losses)

    def denoise(self, y, noise_std=None):
        """Subtract the noise that the network finds; see :meth:`BaseDenoiser.denoise`.

        Large images are denoised in tiles, unless they require gradients.
        """
        network, levels = self.network_, ()
        if takes_noise_std(network):
            levels = (self.noise_levels(y, noise_std).float().flatten(),)

        def denoise_tile(tile):
            # A copy: the first layer may work in place.
            inputs = tile.to(self.device_, torch.float32, copy=True)
            noise = network(inputs, *(level.to(inputs.device) for level in levels))
            return tile - check_tensors(noise, "The network", tile.shape).to(tile)

        if y.requires_grad:
            return denoise_tile(y)
        return denoise_in_tiles(denoise_tile, y, margin=getattr(network, "margin", 64))

    def linearize(self, y, noise_std=None):
        """Linearize at one image; see :meth:`BaseDenoiser.linearize`.

        A network of convolutions, norms and ReLUs is linear once its ReLUs are frozen
        as they are at the image. Others are differentiated by torch.
        """
        network = self.network_
        if takes_noise_std(network) or not is_linear_once_frozen(network, y.float()):
            return super().linearize(y, noise_std)
        with torch.no_grad():
            x_hat = self.denoise(y, noise_std)
        return linearize_frozen(FrozenNetwork(network, y.float()), y, x_hat)

    def prior(self, size=None):
        """Size of the crops, and highest noise; see :meth:`BaseDenoiser.prior`."""
        if size is None and self.patch_size is not None and self.image_shape is None:
            size = self.patch_size, self.patch_size
        sigma_max = Recipe.of(self).noise_range[1]
        return Prior(super().prior(size).size, mean=0.5, sigma_max=sigma_max)

    @property
    def device_(self):
        """Where the network is."""
        parameter = next(self.network_.parameters(), None)
        return resolve_device(self.device) if parameter is None else parameter.device

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "network_" in state:
            # A network on a GPU must unpickle on machines without one.
            state["network_"] = copy.deepcopy(state["network_"]).cpu()
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "network_"):
            # A device that this machine lacks leaves the network on the CPU.
            with suppress(ValueError):
                self.network_.to(resolve_device(self.device))
