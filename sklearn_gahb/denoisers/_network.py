"""Denoising by a network that is already trained."""

import copy
from contextlib import suppress
from functools import partial

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if

from ..networks import ConservativeNetwork
from ..networks.adapters import takes_noise_std
from ..networks.frozen import FrozenNetwork, is_linear_once_frozen
from ..training import resolve_device
from ._tiles import denoise_in_tiles, subtract_noise
from .base import BaseDenoiser
from .linearization import linearize_frozen, linearize_gradient


def has_energy(denoiser):
    """Return True if the predicted noise is the gradient of an energy, else raise."""
    if hasattr(denoiser, "network_"):
        is_conservative = isinstance(denoiser.network_, ConservativeNetwork)
    else:
        is_conservative = denoiser.conservative
    if not is_conservative:
        raise AttributeError(
            "energy needs a conservative network. Set conservative=True and call fit, "
            "or load a denoiser that was trained so, such as "
            "load_pretrained('photos-grey-conservative')."
        )
    return True


class _NetworkDenoiser(BaseDenoiser):
    """Denoiser that holds a trained network.

    A subclass trains the network, and has the parameters `device` and `noise_std`.
    """

    def adopt(self, network, n_channels, loss_curve=()):
        """Store a trained network, so that the denoiser counts as fitted.

        Parameters
        ----------
        network : torch.nn.Module
            Network that maps noisy images to the noise in them. The network is not
            copied, and stays on its device.
        n_channels : int
            Number of channels of the images.
        loss_curve : array-like of shape (n_steps,), default=()
            Mean squared error at each step of the training.

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

    def denoise(self, y, noise_std=None):
        """Subtract the predicted noise; see :meth:`BaseDenoiser.denoise`."""
        network, levels = self.network_, ()
        if takes_noise_std(network):
            sigma = self.noise_levels(y, noise_std)
            levels = (sigma.flatten().to(self.device_, torch.float32),)
        denoise_tile = partial(subtract_noise, network, levels, self.device_)
        # Tiles are written into one tensor, which torch cannot differentiate.
        if y.requires_grad:
            return denoise_tile(y)
        return denoise_in_tiles(denoise_tile, y, margin=getattr(network, "margin", 64))

    def linearize(self, y, noise_std=None):
        """Linearize at one image; see :meth:`BaseDenoiser.linearize`.

        A network of convolutions, normalization layers and ReLUs is linear once its
        ReLUs are frozen at the image. Torch differentiates all other networks. If a
        network is conservative, both products are the same.
        """
        network = self.network_
        if isinstance(network, ConservativeNetwork):
            return linearize_gradient(lambda y: self.denoise(y, noise_std), y)
        if takes_noise_std(network) or not is_linear_once_frozen(network, y.float()):
            return super().linearize(y, noise_std)
        with torch.no_grad():
            x_hat = self.denoise(y, noise_std)
        return linearize_frozen(FrozenNetwork(network, y.float()), y, x_hat)

    @available_if(has_energy)
    def energy(self, X):
        r"""Compute the energy of noisy images, whose gradient is the predicted noise.

        If the network was trained at a single noise level :math:`\sigma`
        (``train_noise_std=sigma``) and is optimal, the log density of noisy images y of
        this level is :math:`-E(y) / \sigma^2` up to a constant. The energy of a network
        that was trained on a range of levels is no log density. The energy ignores the
        mean brightness of squares of 65x65 pixels.

        Parameters
        ----------
        X : array-like or list of array-like
            Noisy images, in a layout that `fit` accepts.

        Returns
        -------
        energy : ndarray of shape (n_images,)
            Energies. The pixel values in E are fractions of the data range.
        """
        images = self._check_images(X, reset=False)
        with torch.no_grad():
            energies = [
                self.network_.energy(y.to(self.device_, torch.float32)).cpu().numpy()
                for y in images.tensors()
            ]
        return np.concatenate(energies)

    @property
    def device_(self):
        """Device of the network."""
        parameter = next(self.network_.parameters(), None)
        return resolve_device(self.device) if parameter is None else parameter.device

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "network_" in state:
            # A network on a GPU must unpickle on machines without a GPU.
            state["network_"] = copy.deepcopy(state["network_"]).cpu()
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "network_"):
            # If this machine lacks the device, the network stays on the CPU.
            with suppress(ValueError):
                self.network_.to(resolve_device(self.device))
