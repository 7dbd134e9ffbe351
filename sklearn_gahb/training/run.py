"""Training runs, from images to a trained network, alone or side by side."""

import copy
import math
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from numbers import Integral

import torch
from sklearn.utils import check_random_state

from ..networks.making import check_network, make_network
from ..networks.norms import calibrate_norms, synchronized_norms
from ..networks.stacking import stack_networks, unstack_networks
from ..transforms.stationary import estimate_moments
from ..units import warn_of_noise_std, warn_of_pedestal
from ._batches import (
    check_sizes,
    image_batches,
    split_indices,
    with_fresh_noise,
    with_given_noise,
    with_recorrupted_noise,
)
from ._losses import NEED_CLEAN_TARGETS
from ._optimization import TrainingLog, count_operations, resolve_device, train
from ._residuals import check_residual, of_fractions
from .processes import broadcast_object, broadcast_state, check_agreement, is_shared

# On a CPU, eight networks in one pass were 1.3 to 2.3 times as fast as one after
# another at up to 1.6e9 operations per step, and slower at 7e9.
MOST_OPERATIONS = 3e9


class TrainingRun:
    """Training run of one network.

    When you create the run, it chooses the training images and draws the initial
    weights. When you iterate over the run, it trains the network. The iterator pauses
    for an evaluation about 100 times, and yields the range (start, stop) of the steps
    since the previous one. `finish` returns the trained network. You can also call it
    after you interrupt the iteration.

    Parameters
    ----------
    recipe : Recipe
        The hyperparameters.
    clean : Images
        Clean images. Exception: for ``supervision="noisy"`` without `noisy`, pass the
        noisy images here.
    noisy : Images, default=None
        Noisy images of the same shapes. If None, fresh noise is drawn at every step.
    previous : torch.nn.Module, default=None
        Network that provides the initial weights. If None, the initial weights are
        random.
    random_state : int, RandomState instance or None, default=None
        Seeds the choice of images and crops, the noise and the initial weights.

    Attributes
    ----------
    recipe : Recipe
        The hyperparameters. The residual takes images whose black is 0 and white is 1.
    network : torch.nn.Module
        Network that maps noisy images to the noise in them.
    pairs : iterator of (noisy, noise)
        Batches of tensors (n, channels, height, width). The iterator has no end.
    validation_pairs : list of (noisy, noise)
        Validation batches for early stopping. The list is empty without early stopping.
    train_indices : ndarray of int
        Indices of the images to train on.
    log : TrainingLog
        Losses up to the last step.
    moments : tuple of (Tensor, Tensor) or None
        Mean and covariance of the clean images as if they were stationary, or None if
        they are too small; see
        :func:`~sklearn_gahb.transforms.stationary.estimate_moments`.
    states : dict of int to dict
        State dicts of the network, by the number of steps, for the numbers in
        ``recipe.checkpoints``.

    Examples
    --------
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.images import check_images
    >>> from sklearn_gahb.training import Recipe, TrainingRun
    >>> images = check_images(make_disk_images(20, 16, random_state=0))
    >>> run = TrainingRun(
    ...     Recipe(width=4, depth=1, max_steps=3), images, random_state=0
    ... )
    >>> for start, stop in run:
    ...     print(f"step {stop}")
    step 1
    step 2
    step 3
    >>> network = run.finish()
    >>> len(run.losses())
    3
    """

    def __init__(self, recipe, clean, noisy=None, *, previous=None, random_state=None):
        is_seeded = isinstance(random_state, Integral)
        if previous is not None and recipe.early_stopping and not is_seeded:
            raise ValueError(
                "early_stopping with warm_start needs an int as random_state, so that "
                "every fit sets the same images aside; got "
                f"random_state={random_state!r}."
            )
        is_alone = recipe.supervision == "noisy" and noisy is None
        if is_alone and recipe.loss in NEED_CLEAN_TARGETS:
            raise ValueError(
                f"loss={recipe.loss!r} cannot be combined with supervision='noisy', "
                "because only squared errors from noisy and from clean images have the "
                "same minimizer. Set loss='squared_error'."
            )
        warn_of_pedestal(clean, is_clean=True)
        if noisy is None and not is_alone:
            warn_of_noise_std(recipe.noise_range[1], clean, "train_noise_std")
        check_sizes(clean, recipe.patch_size)
        if is_shared():
            check_agreement(recipe, clean, noisy)
        device = resolve_device(recipe.device)
        self.moments = estimate_moments(clean, recipe.noise_std if is_alone else 0.0)
        rng = broadcast_object(check_random_state(random_state))
        self.recipe, self.log, self.states = recipe, TrainingLog(), {}
        self.train_indices, validation = split_indices(len(clean), recipe, rng)
        network = begin_network(recipe, clean.n_channels, previous, rng)
        self.network = network.to(device, memory_format=torch.channels_last)
        generator = torch.Generator(device).manual_seed(rng.randint(2**31 - 1))
        images = [one.to(device) for one in (clean, noisy) if one is not None]

        def make_pairs(indices):
            batches = image_batches(images, indices, recipe, rng=rng, device=device)
            if noisy is not None:
                return with_given_noise(batches)
            if is_alone:
                return with_recorrupted_noise(batches, recipe, generator)
            return with_fresh_noise(batches, recipe, generator)

        n_validation = math.ceil(len(validation) / recipe.batch_size)
        self.validation_pairs = list(islice(make_pairs(validation), n_validation))
        self.pairs = make_pairs(self.train_indices)
        first, noise = next(self.pairs)
        check_network(self.network, first[:1])
        if recipe.residual is not None:
            residual = of_fractions(recipe.residual, clean.data_range)
            check_residual(residual, first, None if is_alone else first - noise)
            self.recipe = replace(recipe, residual=residual)
        if previous is None and recipe.architecture in ("unet", "bf_cnn"):
            calibrate_norms(self.network, first)

    def __iter__(self):
        """Train, and yield a range of steps after each evaluation, as :func:`train`."""
        with synchronized_norms(self.network) if is_shared() else nullcontext():
            run = self.network, self.pairs, self.log, self.recipe
            for start, stop in train(*run, validation_pairs=self.validation_pairs):
                self.keep_state(stop)
                yield start, stop

    def keep_state(self, n_steps):
        """Keep the weights if the recipe has a checkpoint after `n_steps` steps.

        Parameters
        ----------
        n_steps : int
            Number of gradient steps so far.
        """
        if n_steps in self.recipe.checkpoints:
            broadcast_state(self.network)
            self.states[n_steps] = copy.deepcopy(self.network.state_dict())

    def finish(self):
        """End the run.

        Returns
        -------
        network : torch.nn.Module
            Network in evaluation mode. With early stopping, it has its best weights.
        """
        if self.log.best_state is not None:
            self.network.load_state_dict(self.log.best_state)
        broadcast_state(self.network)
        self.network.zero_grad()
        if not all(one.isfinite().all() for one in self.network.parameters()):
            raise ValueError(
                "The weights of the network are not finite after the last step. Try a "
                f"smaller learning_rate than {self.recipe.learning_rate}."
            )
        return self.network.eval()

    def snapshots(self):
        """Return copies of the network after the numbers of steps in the checkpoints.

        Returns
        -------
        snapshots : dict of int to torch.nn.Module
            Networks in evaluation mode, by the number of steps.
        """
        networks = {n: copy.deepcopy(self.network).eval() for n in self.states}
        for n, network in networks.items():
            network.load_state_dict(self.states[n])
        return networks

    def losses(self):
        """Return the mean squared error at each step.

        Returns
        -------
        losses : ndarray of shape (n_steps,)
            Losses in float64.
        """
        return torch.cat(self.log.losses).double().cpu().numpy()

    def can_be_finished(self):
        """Return whether an interrupted run can still return a trained network.

        Returns
        -------
        answer : bool
            False before the first step, or if a loss is not finite. Also False if
            several processes train together, because the other processes would wait
            forever for this process.
        """
        return self.log.is_finite() and not is_shared()


def begin_network(recipe, n_channels, previous, rng):
    """Return the network to train: a new network, or a copy of the previous one."""
    network = make_network(recipe, n_channels, seed=rng.randint(2**31 - 1))
    if previous is not None:
        try:
            network.load_state_dict(previous.state_dict())
        except RuntimeError as error:
            raise ValueError(
                "warm_start continues from the network of the previous fit, but the "
                "parameters or the channels of X now need a different network. Restore "
                "architecture, width, depth, bias, conservative and channels, or set "
                "warm_start=False to train a new network."
            ) from error
    return network


def pays_side_by_side(recipe, n_channels, size):
    """Return whether networks are trained faster in one pass than one after another.

    A pass launches each operation once for all its networks. In exchange, grouped
    convolutions are slower than others on a CPU.

    Parameters
    ----------
    recipe : Recipe
        Recipe of each network. Its architecture must be a name.
    n_channels : int
        Number of image channels.
    size : tuple of (int, int)
        Height and width of the images in each training batch.

    Returns
    -------
    answer : bool
        False if a training step has more than `MOST_OPERATIONS` operations.
    """
    # Operations are proportional to the number of pixels.
    small = torch.zeros(1, n_channels, 32, 32)
    network = make_network(recipe, n_channels, seed=0)
    n_at_a_pixel = count_operations(network, small) / 32**2
    return recipe.batch_size * math.prod(size) * n_at_a_pixel < MOST_OPERATIONS


def train_side_by_side(runs):
    """Train the networks of several runs in one pass.

    In a pass, each operation runs on all networks. Each network is the same as if it
    were trained alone, except for rounding errors.

    Parameters
    ----------
    runs : list of TrainingRun
        Runs with the same recipe, on images of the same shape. In the recipe,
        `architecture` must be a name and `early_stopping` must be False.

    Raises
    ------
    ValueError
        If `architecture` is not a name, if `early_stopping` is True, or if the recipes
        differ.

    Examples
    --------
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.images import check_images
    >>> from sklearn_gahb.training import Recipe, TrainingRun, train_side_by_side
    >>> X = make_disk_images(20, 16, random_state=0)
    >>> recipe = Recipe(width=4, depth=1, max_steps=3)
    >>> runs = [
    ...     TrainingRun(recipe, check_images(images), random_state=0)
    ...     for images in (X[:10], X[10:])
    ... ]
    >>> train_side_by_side(runs)
    >>> [len(run.losses()) for run in runs]
    [3, 3]
    """
    recipe, networks = runs[0].recipe, [run.network for run in runs]
    check_side_by_side(recipe)
    if any(run.recipe != recipe for run in runs):
        raise ValueError(
            "Networks can be trained in one pass only if their recipes are equal."
        )
    stacked, log = stack_networks(networks), TrainingLog()
    # Pairs (noisy, noise) with the channels of all runs one after the other.
    pairs = (
        tuple(torch.cat(parts, dim=1) for parts in zip(*each, strict=True))
        for each in zip(*(run.pairs for run in runs), strict=True)
    )
    for _, stop in train(stacked, pairs, log, recipe, n_networks=len(runs)):
        if stop in recipe.checkpoints or stop == recipe.max_steps:
            unstack_networks(stacked, networks)
            for run in runs:
                run.keep_state(stop)
    for number, run in enumerate(runs):
        run.log.losses = [losses[number : number + 1] for losses in log.losses]


def check_side_by_side(recipe):
    """Raise a ValueError if networks of a recipe cannot be trained in one pass."""
    if not isinstance(recipe.architecture, str):
        reason = f"its architecture is {recipe.architecture!r}"
    elif recipe.early_stopping:
        reason = "it has early_stopping=True, so each may stop at a different step"
    elif recipe.conservative:
        reason = "it has conservative=True"
    elif recipe.residual is not None:
        reason = "it has a residual"
    elif is_shared():
        reason = "several processes train each network here"
    else:
        return
    raise ValueError(
        "Networks can be trained in one pass only if their recipe names an "
        "architecture, is not conservative, has no residual and does not stop early, "
        f"but {reason}."
    )
