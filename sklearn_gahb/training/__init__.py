"""Training runs: recipes, batches, gradient steps, and several runs side by side."""

from ._batches import image_batches, with_fresh_noise, with_recorrupted_noise
from ._optimization import TrainingLog, resolve_device, resolve_precision, train
from ._optimizers import make_optimizers, make_scheduler
from ._recipe import Recipe
from .run import TrainingRun, train_side_by_side

__all__ = [
    "Recipe",
    "TrainingLog",
    "TrainingRun",
    "image_batches",
    "make_optimizers",
    "make_scheduler",
    "resolve_device",
    "resolve_precision",
    "train",
    "train_side_by_side",
    "with_fresh_noise",
    "with_recorrupted_noise",
]
