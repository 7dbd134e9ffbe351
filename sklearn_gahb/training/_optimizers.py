"""Optimizers and learning-rate schedules of training runs."""

import math

import torch
from torch import nn

# Polynomial a x + b x^3 + c x^5 that takes singular values toward 1, from K. Jordan's
# definition of Muon (2024). Five steps take all values above 0.003 to 0.7 ... 1.2.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
N_NEWTON_SCHULZ_STEPS = (3, 2)
# Root mean square of an update relative to the learning rate, similar to that of Adam
# (arXiv 2502.16982).
UPDATE_RMS = 0.2


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonal updates, for the weights of layers.

    The kernel of a convolution counts as a matrix with one row per element of its first
    axis. A grouped convolution has one matrix per group. Unlike
    :class:`torch.optim.Muon`, this class accepts kernels and computes in float32.

    Parameters
    ----------
    params : iterable of Parameter or of dict
        Weights with at least two axes, or groups of weights. A group may set
        `n_matrices`, the number of matrices along the first axis of its weights, which
        is 1 by default.
    lr : float
        Learning rate. The root mean square of an update is 0.2 times this rate.
    momentum : float, default=0.95
        Weight of the earlier gradients in their running mean.
    """

    def __init__(self, params, lr, momentum=0.95):
        super().__init__(params, {"lr": lr, "momentum": momentum, "n_matrices": 1})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, group)

    def _update(self, p, group):
        state, weight = self.state[p], group["momentum"]
        if "mean" not in state:
            state["mean"] = torch.zeros_like(p)
        state["mean"].lerp_(p.grad, 1 - weight)
        # Momentum in the manner of Nesterov.
        update = p.grad.lerp(state["mean"], weight)
        # (n_matrices, n_rows, n_columns)
        matrices = update.unflatten(0, (group["n_matrices"], -1)).flatten(2)
        scale = UPDATE_RMS * math.sqrt(max(matrices.shape[1:]))
        update = orthogonalize(matrices).reshape(p.shape)
        p.sub_(update.to(p.dtype), alpha=scale * group["lr"])


def orthogonalize(matrices):
    """Replace the singular values of matrices by values near 1.

    A Newton-Schulz step is X <- P X with P = a + b A + c A^2 and A = X X^T. The next A
    is P A P, so most steps need products of small square matrices only, if X has many
    more columns than rows. To limit rounding errors, A is computed anew from X before
    the last steps.

    Parameters
    ----------
    matrices : Tensor of shape (n, n_rows, n_columns)

    Returns
    -------
    orthogonal : Tensor of shape (n, n_rows, n_columns)
        Matrices with the same singular vectors, in at least float32.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonalize(matrices.mT).mT
    a, b, c = NEWTON_SCHULZ
    matrices = matrices.to(torch.promote_types(matrices.dtype, torch.float32))
    with torch.autocast(matrices.device.type, enabled=False):
        tiny = torch.finfo(matrices.dtype).tiny
        # Squares of small gradients, such as those of unused features, are 0.
        matrices = matrices / matrices.abs().amax((1, 2), keepdim=True).clamp(min=tiny)
        norms = torch.linalg.matrix_norm(matrices, keepdim=True)
        matrices = matrices / norms.clamp(min=tiny)
        for n_steps in N_NEWTON_SCHULZ_STEPS:
            gram = matrices @ matrices.mT
            identity = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
            product = identity
            for _ in range(n_steps):
                polynomial = a * identity + b * gram + c * gram @ gram
                product = polynomial @ product
                gram = polynomial @ gram @ polynomial
            matrices = product @ matrices
    return matrices


def make_optimizers(network, recipe):
    """Make the optimizers of a recipe.

    With "muon", Adam still optimizes the first and the last layer, and everything that
    is not the weight of a convolution or of a linear layer.

    Parameters
    ----------
    network : torch.nn.Module
        Network to optimize. A stack of networks is optimized like its networks.
    recipe : Recipe
        Recipe that names the optimizer and the learning rate.

    Returns
    -------
    optimizers : list of torch.optim.Optimizer
        Optimizers that together optimize all parameters.

    Examples
    --------
    >>> from sklearn_gahb.networks import UNet
    >>> from sklearn_gahb.training import Recipe, make_optimizers
    >>> [type(one).__name__ for one in make_optimizers(UNet(width=4), Recipe())]
    ['Muon', 'Adam']
    """
    rate = recipe.learning_rate
    groups = hidden_weights(network) if recipe.optimizer == "muon" else []
    hidden = {weight for group in groups for weight in group["params"]}
    others = [p for p in network.parameters() if p not in hidden]
    optimizers = [Muon(groups, lr=rate)] if groups else []
    if others:
        optimizers.append(torch.optim.Adam(others, lr=rate, fused=True))
    return optimizers


def hidden_weights(network):
    """Return the weights of all layers but the first and the last.

    Returns
    -------
    groups : list of dict
        One group of weights for each number of matrices that a weight consists of. A
        stack of networks has grouped convolutions, with a matrix for each network.
    """
    kinds = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
    layers = [module for module in network.modules() if isinstance(module, kinds)]
    outer, groups = {layer.weight for layer in (*layers[:1], *layers[-1:])}, {}
    for layer in layers:
        # A weight that is computed from other parameters is not a Parameter.
        is_free = isinstance(layer.weight, nn.Parameter) and layer.weight.requires_grad
        if is_free and layer.weight not in outer:
            weights = groups.setdefault(getattr(layer, "groups", 1), {})
            weights[layer.weight] = None
    return [{"params": list(one), "n_matrices": n} for n, one in groups.items()]


def make_scheduler(optimizer, recipe):
    """Make the learning-rate schedule of a recipe.

    "halving" halves the rate after every tenth of the steps, as arXiv 2310.02557 does
    after every 100 of its 1000 epochs. "one_cycle" raises the rate over the first 30
    percent of the steps and lowers it to nearly 0. It also lowers the momentum from
    0.95 to 0.85 while the rate is high.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Optimizer whose rate changes.
    recipe : Recipe
        Recipe that names the schedule, the maximum rate and the number of steps.

    Returns
    -------
    scheduler : torch.optim.lr_scheduler.LRScheduler
        Schedule. Call its method ``step()`` after each step of the optimizer.

    Examples
    --------
    >>> from sklearn_gahb.networks import UNet
    >>> from sklearn_gahb.training import Recipe, make_optimizers, make_scheduler
    >>> recipe = Recipe(schedule="constant", learning_rate=0.01)
    >>> muon, _ = make_optimizers(UNet(width=4), recipe)
    >>> make_scheduler(muon, recipe).get_last_lr()
    [0.01]
    """
    # A Python int, because torch accepts no other integer type.
    schedulers, n_steps = torch.optim.lr_scheduler, int(recipe.max_steps)
    if recipe.schedule == "one_cycle":
        # One extra step, because the scheduler is also called after the last step.
        return schedulers.OneCycleLR(optimizer, recipe.learning_rate, n_steps + 1)
    is_constant = recipe.schedule == "constant"
    n_halvings = 0 if is_constant else 10
    return schedulers.LambdaLR(optimizer, lambda i: 0.5 ** (n_halvings * i // n_steps))
