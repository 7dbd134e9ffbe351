"""Denoising by a deep network."""

import copy
import math
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from itertools import islice
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from .. import training
from .._distributed import (
    broadcast_object,
    broadcast_state,
    check_agreement,
    digest_of_some,
    is_shared,
    rank_and_size,
)
from .._images import MAX_CHANNELS, resolve_device
from .._units import warn_of_level
from ..networks._frozen import FrozenNetwork, is_linear_once_frozen
from ..networks._layers import calibrate_norms, synchronised_norms
from ..networks._make import (
    check_channels,
    check_network,
    check_statistics,
    make_network,
)
from ..networks._noise_from_image import NoiseFromImage
from ._base import BaseDenoiser, FitInterrupted
from ._linearize import linearize_frozen
from ._tiles import denoise_in_tiles


class Prepared(NamedTuple):
    """Network and images to begin training with.

    Attributes
    ----------
    network : torch.nn.Module
    pairs : iterator of (noisy, noise)
        Batches to train on.
    first : Tensor of shape (batch_size, channels, height, width)
        Noisy images of a batch before these, that norms were calibrated with.
    validation_pairs : list of (noisy, noise)
    train : ndarray of int of shape (n_images,) or None
        Indices of the images to train on; None for a stack.
    """

    network: torch.nn.Module
    pairs: Iterator
    first: torch.Tensor
    validation_pairs: list
    train: np.ndarray | None


class DNNDenoiser(CallbackSupportMixin, BaseDenoiser):
    r"""Blind denoising by a deep network that predicts the noise.

    .. math:: \hat x(y) = y - f_\theta(y), \qquad
              \theta = \arg\min E \| f_\theta(x + \sigma z) - \sigma z \|^2

    over training images x, white Gaussian noise z and noise levels :math:`\sigma`. The
    network is not told the level. Without additive constants it is homogeneous,
    ``transform(a * y) == a * transform(y)`` for ``a > 0``, and generalises to levels it
    was not trained at [1]_. Architecture and noise levels are by default those of [2]_.

    Parameters
    ----------
    architecture : {"unet", "bf_cnn", "dilated_unet"} or callable, default="unet"
        :class:`~sklearn_gahb.networks.UNet`, :class:`~sklearn_gahb.networks.BFCNN`,
        :class:`~sklearn_gahb.networks.DilatedUNet`, a :class:`torch.nn.Module`, of
        which a copy is trained further, or a callable that takes the number of channels
        and returns a module. Modules map noisy images (n, channels, height, width) to
        the noise in them, such as ``functools.partial(UNet, n_scales=4)``. To be
        pickled it must be importable: no lambda.
    width : int, default=64
        Channels of the features, at the finest scale for "unet".
    depth : int, default=None
        Number of poolings of "unet" (None means 3), or of convolutions of "bf_cnn"
        (None means 20).
    bias : bool, default=False
        Whether the network has additive constants. Not used with a callable.
    noise_std : float or None, default=0.1
        Standard deviation of the noise that ``score(X)`` adds, in the units of the
        images, which for unsigned integers are fractions of the largest value: 25 of
        255 is ``25 / 255``. Nothing else uses it.
    train_noise_std : float or tuple of (float, float), default=(0.0, 1.0)
        Noise level, or range of noise levels, of training. The default suits images
        in [0, 1].
    noise_distribution : {"squared", "uniform"}, default="squared"
        How levels are drawn from the range (low, high), with u uniform on (0, 1):
        low + (high - low) u^2, which favours low ones as [2]_ does, or
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
        Early stopping looks every ``max_steps / 100`` steps and stops when it looked
        this many times and the loss did not fall.
    device : str or torch.device, default="auto"
        Where to compute. "auto" takes a GPU if torch finds one.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the products in training. "auto" takes bfloat16 where the hardware
        has it. `transform` always computes in float32.
    compile : bool or "auto", default="auto"
        Whether to train through :func:`torch.compile`, which takes up to minutes to
        begin. "auto" does for long trainings where a C++ compiler is found.
    warm_start : bool, default=False
        Whether to go on from the network of the previous `fit`, which must have the
        same architecture, for `max_steps` more. Clones are not fitted, so that in a
        search there is none: pass a network as `architecture` instead.
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
        Loss on the images set aside, each time that early stopping looked in the last
        `fit`. Only with ``early_stopping=True``.
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
    Ctrl-C stops training; the estimator is then fitted with what it learned so far, or
    with its best weights so far if it stops early, and KeyboardInterrupt is raised.

    Progress bars come from ``set_callbacks(sklearn.callback.ProgressBar())``, called on
    the outermost estimator: the search or the pipeline, if the denoiser is inside one.

    In a process group of :mod:`torch.distributed`, every process calls `fit` with the
    same arguments, trains on its share of each batch, and ends with the same network.
    The result is that of a single process up to rounding if the network has no norms
    but bias-free ones; other norms see the share of their process. Callbacks run in
    each process, and those of the first decide whether training stops. Ctrl-C then
    leaves the estimator as it was. Networks of your own must use all their parameters.

    `transform` takes photographs of more than about half a million pixels in tiles. The
    attribute `margin` of the network says how far they must overlap; it is taken for 64
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
        "architecture": [StrOptions({"unet", "bf_cnn", "dilated_unet"}), callable],
        "width": [Interval(Integral, 1, None, closed="left")],
        "depth": [Interval(Integral, 1, None, closed="left"), None],
        "bias": ["boolean"],
        "noise_std": [Interval(Real, 0, None, closed="left"), None],
        "train_noise_std": [Interval(Real, 0, None, closed="neither"), tuple, list],
        "noise_distribution": [StrOptions({"squared", "uniform"})],
        "patch_size": [Interval(Integral, 1, None, closed="left"), None],
        "augment": ["boolean"],
        "n_train_samples": [Interval(Integral, 1, None, closed="left"), None],
        "max_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "schedule": [StrOptions({"one_cycle", "halving", "constant"})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "compile": ["boolean", StrOptions({"auto"})],
        "warm_start": ["boolean"],
        "image_shape": [tuple, list, None],
        "random_state": ["random_state"],
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
    def from_module(
        cls,
        network,
        predicts="noise",
        *,
        n_channels=1,
        noise_std=0.1,
        device="auto",
        image_shape=None,
    ):
        """Make a fitted denoiser of a trained network.

        Parameters
        ----------
        network : torch.nn.Module
            Maps noisy images (n, channels, height, width) to the noise in them or to
            the clean images. It is copied, in float32.
        predicts : {"noise", "image"}, default="noise"
            Which of the two.
        n_channels : int, default=1
            Channels of the images: 1 for grey, 3 for colour.
        noise_std : float or None, default=0.1
            Standard deviation of the noise that ``score(X)`` adds.
        device : str or torch.device, default="auto"
            Where to compute.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, channels) of the rows of 2-D arrays.

        Returns
        -------
        denoiser : DNNDenoiser
            Fitted. Its `architecture` is the network: a clone of the denoiser, which is
            not fitted, trains a copy of it further. `n_features_in_` and
            `train_indices_` are not defined.

        Raises
        ------
        TypeError
            If `network` is no module.
        ValueError
            If `predicts` is neither "noise" nor "image", if the network takes images of
            other channels than `n_channels`, or if it normalises by the statistics of a
            batch, so that images depend on each other.

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
        if not isinstance(network, torch.nn.Module):
            raise TypeError(
                f"network is a {type(network).__name__}; it must be a torch.nn.Module "
                "(into which load_state_dict loads a state_dict)."
            )
        if predicts not in ("noise", "image"):
            raise ValueError(f"predicts={predicts!r} must be 'noise' or 'image'.")
        if not (isinstance(n_channels, Integral) and 1 <= n_channels <= MAX_CHANNELS):
            raise ValueError(
                f"n_channels={n_channels!r} must be a number from 1 to {MAX_CHANNELS}."
            )
        check_statistics(network)
        if predicts == "image":
            network = NoiseFromImage(network)
        network = copy.deepcopy(network).float().eval()
        check_channels(network, n_channels)
        denoiser = cls(
            network,
            noise_std=noise_std,
            device=device,
            image_shape=image_shape,
        )
        denoiser._validate_params()
        return denoiser._adopt(copy.deepcopy(network), n_channels)

    def _adopt(self, network, n_channels):
        """Become fitted with a network that was trained elsewhere."""
        self.network_ = network.eval().to(
            resolve_device(self.device), memory_format=torch.channels_last
        )
        self.n_channels_in_ = n_channels
        self.n_parameters_ = sum(p.numel() for p in network.parameters())
        self.loss_curve_ = np.empty(0)
        self.n_steps_ = 0
        return self

    @with_callbacks
    def fit(self, X, y=None):
        """Train the network.

        Parameters
        ----------
        X : array-like or list of array-like
            Clean images, to which fresh noise is added in every step; noisy ones if `y`
            holds the clean ones. Of shape (n_images, height, width), (n_images, height,
            width, channels), (n_images, n_pixels) with `image_shape`, or with
            `patch_size` a list of photographs.
        y : array-like or list of array-like, default=None
            Clean images of the shape of `X`: the noise of each image is then the same
            in every step. Labels (1-D) are ignored.

        Returns
        -------
        self : object
            The fitted denoiser.

        Raises
        ------
        ValueError
            If an argument is out of its range, `X` equals `y`, or the loss is no longer
            finite. The estimator is then as it was before.
        KeyboardInterrupt
            If it was interrupted; the estimator is fitted up to the last step, or as it
            was before if there was none.
        """
        return super().fit(X, y)

    def _fit(self, clean, noisy):
        if is_shared():
            check_agreement(self._described(clean, noisy), self.batch_size)
        prepared = self._prepare(clean, noisy)
        network, train = prepared.network, prepared.train
        log = training.TrainingLog()
        looks = self._train(prepared, log)
        # A denoiser scores clean images beside labels, which it ignores.
        X, y = (clean, None) if noisy is None else (noisy, clean)
        data = {
            "X": lambda: X.take(train),
            "y": lambda: np.zeros(len(train)) if y is None else y.take(train),
            "reconstruction_attributes": lambda: {
                "network_": copy.deepcopy(network).eval()
            },
        }
        try:
            with synchronised_norms(network) if is_shared() else nullcontext():
                self._follow(looks, data)
        except KeyboardInterrupt as interrupt:
            # Other processes wait for this one, and would for ever.
            if not log.is_finite() or is_shared():
                raise
            self._store(network, log, train)
            raise FitInterrupted from interrupt
        self._store(network, log, train)

    def _prepare(self, clean, noisy):
        """Draw images, noise and initial weights."""
        levels = training.check_noise_range(self.train_noise_std)
        warn_of_level(levels[1], clean, "train_noise_std")
        training.check_sizes(clean, self.patch_size)
        device = resolve_device(self.device)
        rng = broadcast_object(check_random_state(self.random_state))
        train, validation = training.split_indices(
            len(clean),
            self.n_train_samples,
            self.validation_fraction if self.early_stopping else 0,
            rng,
        )
        network = self._start(clean.n_channels, rng).to(
            device, memory_format=torch.channels_last
        )
        generator = torch.Generator(device).manual_seed(rng.randint(2**31 - 1))
        images = [one.to(device) for one in (clean, noisy) if one is not None]

        def make_pairs(indices):
            batches = training.image_batches(
                images,
                indices,
                batch_size=self.batch_size,
                patch_size=self.patch_size,
                augment=self.augment,
                rng=rng,
                device=device,
            )
            if noisy is not None:
                return training.with_given_noise(batches)
            return training.with_fresh_noise(
                batches, levels, self.noise_distribution, generator
            )

        n_validation = math.ceil(len(validation) / self.batch_size)
        validation_pairs = list(islice(make_pairs(validation), n_validation))
        pairs = make_pairs(train)
        first, _ = next(pairs)
        check_network(network, first[:1])
        if self._starts_afresh() and self.architecture in ("unet", "bf_cnn"):
            calibrate_norms(network, first)
        return Prepared(network, pairs, first, validation_pairs, train)

    def _train(self, prepared, log, n_networks=1):
        """Steps of training, as the parameters ask for them."""
        network, pairs, first, validation_pairs, _ = prepared
        return training.train(
            network,
            pairs,
            log,
            n_steps=self.max_steps,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            precision=training.resolve_precision(self.precision, first.device),
            compile=self._compiles(network, first),
            validation_pairs=validation_pairs,
            patience=self.n_iter_no_change,
            n_networks=n_networks,
        )

    def _compiles(self, network, batch):
        if self.compile != "auto":
            return self.compile
        n_images = self.batch_size * self.max_steps / rank_and_size()[1]
        return broadcast_object(training.pays_to_compile(network, batch[:1], n_images))

    def _described(self, clean, noisy):
        """What processes that train together must agree on."""
        parameters = self.get_params(deep=False)
        # The first random state is taken, and each may have a GPU of its own.
        del parameters["random_state"], parameters["device"]
        return {
            "X": digest_of_some(clean if noisy is None else noisy),
            "y": "" if noisy is None else digest_of_some(clean),
            "The denoiser": repr(sorted(parameters.items(), key=str)),
        }

    def _follow(self, looks, data):
        """Train, and tell the callbacks."""
        context = self._init_callback_context(max_subtasks=min(100, self.max_steps))
        context.call_on_fit_task_begin(estimator=self)
        for start, stop in looks:
            task = context.subcontext(f"steps {start + 1} to {stop}")
            task.call_on_fit_task_begin(estimator=self)
            if broadcast_object(task.call_on_fit_task_end(estimator=self, **data)):
                break
        context.call_on_fit_task_end(estimator=self, **data)

    def _starts_afresh(self):
        return not (self.warm_start and hasattr(self, "network_"))

    def _start(self, channels, rng):
        """The network to train: a new one, or a copy of the previous one."""
        seed = rng.randint(2**31 - 1)
        network = make_network(
            self.architecture, channels, self.width, self.depth, self.bias, seed
        )
        if not self._starts_afresh():
            if self.early_stopping and not isinstance(self.random_state, Integral):
                raise ValueError(
                    "early_stopping with warm_start needs an int as random_state, for "
                    "the same images to be set aside in every fit; got "
                    f"random_state={self.random_state!r}."
                )
            try:
                network.load_state_dict(self.network_.state_dict())
            except RuntimeError as error:
                raise ValueError(
                    "warm_start goes on from the network of the previous fit, and the "
                    "parameters or the channels of X now ask for another one: set "
                    "architecture, width, depth and bias as they were, or "
                    "warm_start=False to start afresh."
                ) from error
        return network

    def _store(self, network, log, train, number=0):
        """Become fitted; `number` is that of the network in a stack."""
        if log.best_state is not None:
            network.load_state_dict(log.best_state)
        broadcast_state(network)
        network.eval()
        network.zero_grad()
        losses = torch.stack(log.losses)[:, number].double().cpu().numpy()
        previous = [] if self._starts_afresh() else self.loss_curve_
        self.network_ = network
        self.n_parameters_ = sum(p.numel() for p in network.parameters())
        self.loss_curve_ = np.concatenate([previous, losses])
        self.n_steps_ = len(self.loss_curve_)
        self.train_indices_ = train
        if self.early_stopping:
            self.validation_loss_curve_ = np.array(log.validation_losses)
        else:
            vars(self).pop("validation_loss_curve_", None)

    def _transform_batch(self, y):
        return denoise_in_tiles(
            lambda tile: self._denoise(tile.to(self._device), None).to(y.device),
            y,
            margin=getattr(self.network_, "margin", 64),
        )

    def _denoise(self, y, noise_std):
        # A copy: the first layer may work in place.
        noise = self.network_(y.to(torch.float32, copy=True))
        if noise.shape != y.shape:
            raise ValueError(
                f"The network maps images of shape {tuple(y.shape)} to "
                f"{tuple(noise.shape)}; it must keep the shape."
            )
        return y - noise.to(y.dtype)

    def _linearize(self, y, noise_std):
        if not is_linear_once_frozen(self.network_, y.float()):
            return super()._linearize(y, noise_std)
        with torch.no_grad():
            x_hat = self._denoise(y, noise_std)
        return linearize_frozen(FrozenNetwork(self.network_, y.float()), y, x_hat)

    @property
    def _usual_size(self):
        if self.patch_size is not None and self.image_shape is None:
            return self.patch_size, self.patch_size
        return super()._usual_size

    def _prior(self, size):
        return 0.5, training.check_noise_range(self.train_noise_std)[1]

    @property
    def _device(self):
        parameter = next(self.network_.parameters(), None)
        return resolve_device(self.device) if parameter is None else parameter.device

    def __copy__(self):
        # Of the same network, which a pickle has a copy of.
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

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
