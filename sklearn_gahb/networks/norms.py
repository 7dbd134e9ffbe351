"""Batch normalization without additive constants."""

from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import distributed, nn


class BiasFreeBatchNorm2d(nn.Module):
    """Batch normalization without additive constants.

    The layer computes ``y = gammas * x / sd`` with one ``sd`` per channel. In training,
    ``sd**2`` is the sum of `eps` and the variance over batch, height and width. In
    evaluation, ``sd`` is the running mean of the values of ``sd`` in training. The
    layer is then linear. A network of such layers, ReLUs and convolutions without
    additive constants is homogeneous [1]_.

    Parameters
    ----------
    n_channels : int
        Number of input channels.
    eps : float, default=1e-5
        Constant added to the variance.
    momentum : float, default=0.1
        Weight of the newest batch in the running mean.

    References
    ----------
    .. [1] S. Mohan, Z. Kadkhodaie, E. P. Simoncelli, C. Fernandez-Granda, "Robust and
       interpretable blind image denoising via bias-free convolutional neural networks",
       ICLR 2020. :arxiv:`1906.05478`

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.networks import BiasFreeBatchNorm2d
    >>> norm = BiasFreeBatchNorm2d(2).eval()
    >>> x = torch.ones(1, 2, 4, 4)
    >>> bool(torch.equal(norm(3 * x), 3 * norm(x)))
    True
    """

    # Whether `sd` in training is computed over all processes of torch.distributed.
    synchronized = False

    def __init__(self, n_channels, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        # Names and shapes match the networks published with arXiv 2310.02557.
        self.gammas = nn.Parameter(torch.ones(1, n_channels, 1, 1))
        self.register_buffer("running_sd", torch.ones(1, n_channels, 1, 1))

    def forward(self, x):
        if not self.training:
            return x * (self.gammas / self.running_sd).to(x.dtype)
        y, sd = _DivideByStd.apply(x, self.gammas, self.eps, self.synchronized)
        self.running_sd.lerp_(sd, self.momentum)
        return y


class _DivideByStd(torch.autograd.Function):
    """Compute gammas * x / sqrt(var(x) + eps) with few passes over `x`.

    The gradient is written out because autograd through ``torch.var`` takes a third of
    a training step on CPUs. With M values per channel and t = sum(dy * x):
    dx = gammas / sd * (dy - (x - mean) * t / (M sd^2)),  dgammas = t / sd.
    If `synchronized`, then mean, sd, M and the t in dx are computed from the values of
    all processes that train together.
    """

    @staticmethod
    def forward(ctx, x, gammas, eps, synchronized):
        mean, variance = _channel_moments(x)
        if synchronized:
            mean, variance = _moments_over_processes(mean, variance)
        ctx.synchronized = synchronized
        sd = torch.sqrt(variance + eps)
        ctx.save_for_backward(x, gammas, mean, sd)
        ctx.mark_non_differentiable(sd)
        return x * (gammas / sd).to(x.dtype), sd

    @staticmethod
    def backward(ctx, dy, _):
        x, gammas, mean, sd = ctx.saved_tensors
        t = (dy * x).sum(dim=(0, 2, 3), keepdim=True, dtype=sd.dtype)
        dgammas = t / sd
        n_values = x.numel() // x.shape[1]
        if ctx.synchronized:
            distributed.all_reduce(t)
            n_values *= distributed.get_world_size()
        slope = -gammas * t / (n_values * sd**3)
        dx = torch.addcmul((-slope * mean).to(x.dtype), dy, (gammas / sd).to(x.dtype))
        return dx.addcmul_(x, slope.to(x.dtype)), dgammas, None, None


def _channel_moments(x):
    """Return mean and variance of each channel, of shape (1, channels, 1, 1)."""
    n_channels = x.shape[1]
    zeros = x.new_zeros(n_channels, dtype=torch.promote_types(x.dtype, torch.float32))
    # This is 20 times as fast as torch.var on CPUs, and accurate for bfloat16.
    moments = torch.batch_norm_update_stats(x, zeros, zeros.clone(), momentum=0.0)
    return [moment.view(1, n_channels, 1, 1) for moment in moments]


def _moments_over_processes(mean, variance):
    """Combine the means and variances of processes with equally many values."""
    moments = torch.stack([mean, variance])
    gathered = [torch.empty_like(moments) for _ in range(distributed.get_world_size())]
    distributed.all_gather(gathered, moments)
    means, variances = torch.stack(gathered, dim=1)
    return means.mean(0), variances.mean(0) + means.var(0, correction=0)


@contextmanager
def synchronized_norms(network):
    """Synchronize bias-free normalization layers over all processes of the group.

    The layers then divide by the standard deviation over all processes, so training
    does not depend on the number of processes. PyTorch's own layers are not
    synchronized.
    """
    norms = [m for m in network.modules() if isinstance(m, BiasFreeBatchNorm2d)]
    for norm in norms:
        norm.synchronized = True
    # Averaging over processes expects gradients with the strides of the parameters.
    hooks = [
        one.register_hook(partial(_restride, one.stride()))
        for one in network.parameters()
        if one.requires_grad
    ]
    try:
        yield
    finally:
        for norm in norms:
            norm.synchronized = False
        for hook in hooks:
            hook.remove()


def _restride(strides, gradient):
    if gradient.stride() == strides:
        return gradient
    return gradient.new_empty_strided(gradient.shape, strides).copy_(gradient)


def start_training(network, *, batch_statistics=True):
    """Put a network in training mode.

    Without `batch_statistics`, normalization layers stay in evaluation mode, with their
    current statistics. The network in training is then the network that is tested, and
    the images of a batch do not influence each other.
    """
    network.train()
    if not batch_statistics:
        for module in network.modules():
            if isinstance(module, BiasFreeBatchNorm2d | nn.BatchNorm2d):
                module.eval()


def has_norms(network):
    """Return whether a network has normalization layers with statistics."""
    kinds = BiasFreeBatchNorm2d, nn.BatchNorm2d
    return any(isinstance(module, kinds) for module in network.modules())


def has_statistics(network):
    """Return whether any normalization layer holds other statistics than a new one."""
    for module in network.modules():
        if isinstance(module, BiasFreeBatchNorm2d):
            is_new = (module.running_sd == 1).all()
        elif isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            is_new = (module.running_mean == 0).all() & (module.running_var == 1).all()
        else:
            continue
        if not is_new:
            return True
    return False


@torch.no_grad()
def calibrate_norms(network, noisy):
    """Set the normalization layers of a network to start as identities on a batch.

    The network is changed in place. The gain of each normalization layer becomes the
    standard deviation of its input, and the additive constant becomes the mean of the
    input. With He initialization and a small last layer, the network then starts like a
    well-scaled network without normalization layers. After 600 steps on photographs, a
    UNet of width 16 that starts in this way is 1.8 dB ahead of a UNet with the default
    initialization of torch. The gains contribute 0.4 dB of this lead.

    Parameters
    ----------
    network : torch.nn.Module
    noisy : Tensor of shape (n, channels, height, width)
    """

    # A conservative network enables gradients again.
    @torch.no_grad()
    def calibrate(norm, inputs, _):
        mean, variance = _channel_moments(inputs[0])
        sd = torch.sqrt(variance + norm.eps)
        if isinstance(norm, BiasFreeBatchNorm2d):
            norm.gammas.copy_(sd)
            norm.running_sd.copy_(sd)
        else:
            norm.weight.copy_(sd.ravel())
            norm.bias.copy_(mean.ravel())
            norm.running_mean.copy_(mean.ravel())
            norm.running_var.copy_(variance.ravel())
        return inputs[0]

    with ExitStack() as stack:
        for module in network.modules():
            if isinstance(module, BiasFreeBatchNorm2d | nn.BatchNorm2d):
                stack.enter_context(module.register_forward_hook(calibrate))
        network.eval()(noisy)
