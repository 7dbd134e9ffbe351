"""Hyperparameters of training."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch

from .._sklearn_compat import (
    COUNT,
    NOT_NEGATIVE,
    POSITIVE,
    Interval,
    StrOptions,
    python_integer,
    validate_parameters,
)
from ._losses import LOSSES


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Hyperparameters of a training run.

    The hyperparameters are also parameters of :class:`~sklearn_gahb.DNNDenoiser`, which
    describes them in more detail.

    Parameters
    ----------
    architecture : str or callable, default="unet"
        Architecture of the network.
    width, depth : int or None
        Number of feature channels (64 by default), and number of layers (None by
        default).
    bias : bool, default=False
        If True, the network has additive constants.
    conservative : bool, default=False
        If True, the noise estimate of the network is the gradient of an energy.
    batch_statistics : bool or "auto", default="auto"
        Whether normalization layers use the statistics of each batch in training.
        "auto" means True for a network whose normalization layers have no statistics
        yet, and False for others.
    train_noise_std : float or tuple of (float, float), default=(0.0, 1.0)
        Noise level, or range of noise levels, to train on.
    noise_distribution : {"squared", "uniform"}, default="squared"
        Distribution of the noise levels in the range.
    supervision : {"clean", "noisy"}, default="clean"
        Whether the training images are clean or noisy, if they are not given in pairs.
    noise_std : float or None, default=0.1
        Noise level of the training images, if `supervision` is "noisy".
    patch_size : int, default=None
        Side length of the random crops, in pixels. If None, training uses whole images.
    augment : bool, default=False
        If True, flip and rotate the images at random.
    n_train_samples : int, default=None
        Number of images to train on. If None, all images are used.
    max_steps : int, default=2000
        Number of gradient steps.
    batch_size : int, default=64
        Number of images or crops per step.
    loss : {"inverse_root_std", "squared_error", "root_squared_error", \
            "log_squared_error", "inverse_variance", "min_snr"}, \
            default="inverse_root_std"
        Loss of an image.
    residual : callable or None, default=None
        Function of denoised images (n, channels, height, width) that returns (n, ...).
        Training makes it small.
    residual_weight : float, default=1.0
        Weight of the squared residual at the end of training.
    residual_estimate : {"mean", "sample"}, default="mean"
        Images at which the residual is evaluated: denoised once, or sampled by two
        evaluations.
    optimizer : {"muon", "adam"}, default="muon"
        Optimizer. Muon leaves the first and the last layer to Adam.
    learning_rate : float, default=5e-3
        Maximum learning rate.
    schedule : {"one_cycle", "halving", "constant"}, default="one_cycle"
        Learning-rate schedule.
    early_stopping : bool, default=False
        If True, set images aside for validation. Training stops when the validation
        loss no longer falls.
    validation_fraction : float, default=0.1
        Fraction of the images that early stopping sets aside.
    n_iter_no_change : int, default=10
        Number of evaluations without a new lowest validation loss before training
        stops.
    device : str or torch.device, default="auto"
        Device to compute on.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the multiplications during training.
    compile : bool or "auto", default="auto"
        If True, compile the network with :func:`torch.compile`.
    checkpoints : tuple of int, default=()
        Numbers of gradient steps after which a copy of the network is kept.

    Examples
    --------
    >>> from sklearn_gahb.training import Recipe
    >>> Recipe(width=16, train_noise_std=0.2).noise_range
    (0.2, 0.2)
    """

    architecture: str | Callable = "unet"
    width: int = 64
    depth: int | None = None
    bias: bool = False
    conservative: bool = False
    batch_statistics: bool | str = "auto"
    train_noise_std: float | tuple = (0.0, 1.0)
    noise_distribution: str = "squared"
    supervision: str = "clean"
    noise_std: float | None = 0.1
    patch_size: int | None = None
    augment: bool = False
    n_train_samples: int | None = None
    max_steps: int = 2000
    batch_size: int = 64
    loss: str = "inverse_root_std"
    residual: Callable | None = None
    residual_weight: float = 1.0
    residual_estimate: str = "mean"
    optimizer: str = "muon"
    learning_rate: float = 5e-3
    schedule: str = "one_cycle"
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    device: str | torch.device = "auto"
    precision: str = "auto"
    compile: bool | str = "auto"
    checkpoints: tuple = ()
    constraints: ClassVar = {
        "architecture": [StrOptions({"unet", "bf_cnn", "dilated_unet"}), callable],
        "width": [COUNT],
        "depth": [COUNT, None],
        "bias": ["boolean"],
        "conservative": ["boolean"],
        "batch_statistics": ["boolean", StrOptions({"auto"})],
        "train_noise_std": [POSITIVE, tuple, list],
        "noise_distribution": [StrOptions({"squared", "uniform"})],
        "supervision": [StrOptions({"clean", "noisy"})],
        "noise_std": [NOT_NEGATIVE, None],
        "patch_size": [COUNT, None],
        "augment": ["boolean"],
        "n_train_samples": [COUNT, None],
        "max_steps": [COUNT],
        "batch_size": [COUNT],
        "loss": [StrOptions(set(LOSSES))],
        "residual": [callable, None],
        "residual_weight": [NOT_NEGATIVE],
        "residual_estimate": [StrOptions({"mean", "sample"})],
        "optimizer": [StrOptions({"muon", "adam"})],
        "learning_rate": [POSITIVE],
        "schedule": [StrOptions({"one_cycle", "halving", "constant"})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [COUNT],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "compile": ["boolean", StrOptions({"auto"})],
        "checkpoints": [tuple, list],
    }

    @classmethod
    def of(cls, denoiser):
        """Make the recipe of a :class:`~sklearn_gahb.DNNDenoiser`.

        Parameters
        ----------
        denoiser : DNNDenoiser
            Denoiser, fitted or not.

        Returns
        -------
        recipe : Recipe
            Training parameters of the denoiser.
        """
        values = {one.name: getattr(denoiser, one.name) for one in fields(cls)}
        # Arithmetic of NumPy integers can overflow.
        return cls(**{name: python_integer(value) for name, value in values.items()})

    def __post_init__(self):
        validate_parameters(self.constraints, vars(self), "Recipe")
        if self.conservative and self.batch_statistics is True:
            raise ValueError(
                "batch_statistics=True cannot be combined with conservative=True, "
                "because each energy would depend on the other images of the batch. "
                "Set batch_statistics=False."
            )
        steps = self.checkpoints
        if not all(isinstance(n, Integral) and 1 <= n <= self.max_steps for n in steps):
            raise ValueError(
                f"checkpoints={steps!r} must be integers from 1 to max_steps="
                f"{self.max_steps}: the numbers of training steps."
            )
        if len(steps) and self.early_stopping:
            raise ValueError(
                "checkpoints cannot be combined with early_stopping=True, because "
                "training may stop before a checkpoint. Set early_stopping=False, or "
                "compare the checkpoints on images of your own."
            )

    def evaluation_steps(self, n_evaluations=100):
        """Return the numbers of steps after which training pauses.

        Parameters
        ----------
        n_evaluations : int, default=100
            Number of evaluations, at most one per step. They are evenly spaced, and
            the last one comes after the last step.

        Returns
        -------
        steps : ndarray of int
            Steps of the evaluations and the checkpoints, in increasing order.
        """
        even = np.linspace(0, self.max_steps, n_evaluations + 1).astype(int)[1:]
        steps = np.unique([*even, *self.checkpoints])
        return steps[steps > 0].astype(int)

    @property
    def noise_range(self) -> tuple[float, float]:
        """Lowest and highest noise level of the training."""
        levels = self.train_noise_std
        ends = (levels, levels) if isinstance(levels, Real) else tuple(levels)
        is_pair = len(ends) == 2 and all(isinstance(level, Real) for level in ends)
        if is_pair and 0 <= ends[0] <= ends[1] < math.inf and ends[1] > 0:
            return ends
        raise ValueError(
            f"train_noise_std={levels!r} must be a positive number or a range (low, "
            "high) with 0 <= low <= high and high > 0."
        )
