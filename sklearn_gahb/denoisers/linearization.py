"""The derivative of a denoiser at one image."""

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Linearization:
    """Linearization of a denoiser at one image: the denoised image and the Jacobian J.

    :meth:`~sklearn_gahb.denoisers.BaseDenoiser.linearize` returns such an object. A
    denoiser whose Jacobian has a closed form overrides that method.

    Parameters
    ----------
    x_hat : Tensor of shape (1, channels, height, width)
        Denoised image.
    multiply, multiply_transposed : callable
        Two functions of k images (k, channels, height, width). The first multiplies
        each image by J, and the second by the transpose of J.
    eigenbasis : callable, default=None
        Function that computes the eigenbasis of J, if J is symmetric and the eigenbasis
        has a closed form. ``eigenbasis(n)`` returns all d eigenvalues in descending
        order, where d is the number of pixels times channels, and the first n
        eigenvectors, of shape (n, channels, height, width).

    Examples
    --------
    >>> import torch
    >>> from sklearn_gahb.denoisers import Linearization
    >>> y = torch.ones(1, 1, 2, 2)
    >>> halve = Linearization(y / 2, lambda v: v / 2, lambda u: u / 2)
    >>> halve.multiply(y)[0, 0, 0]
    tensor([0.5000, 0.5000])
    """

    x_hat: torch.Tensor
    multiply: Callable
    multiply_transposed: Callable
    eigenbasis: Callable | None = None

    @property
    def is_symmetric(self) -> bool:
        """Whether J is symmetric, because both products are the same function."""
        return self.multiply is self.multiply_transposed


def linearize_on_average(spin, maps, x_hat, eigenbasis):
    """Linearize an average over translations of denoisers with symmetric Jacobians.

    Parameters
    ----------
    spin : CycleSpinning
    maps : list of callable
        Derivative for each translation, as a symmetric map.
    x_hat : Tensor of shape (1, channels, height, width)
        Denoised image.
    eigenbasis : callable
        Eigenbasis of the first map. Used only if images are not translated or extended.
    """
    products = map(torch.no_grad(), spin.products(maps))
    return Linearization(x_hat, *products, eigenbasis if spin.is_orthonormal else None)


def linearize_by_autograd(denoise, y):
    """Differentiate a map of images at `y` of shape (1, channels, height, width)."""
    found = AutogradProducts(denoise, y)
    return Linearization(found.denoised(), found.multiply, found.multiply_transposed)


def linearize_gradient(denoise, y):
    """Differentiate a map of images that is the gradient of a function.

    Its Jacobian is a Hessian, so one product serves for both.
    """
    found = AutogradProducts(denoise, y)
    x_hat, multiply = found.denoised(), found.multiply_transposed
    return Linearization(x_hat, multiply, multiply)


def linearize_frozen(frozen, y, x_hat):
    """Linearize a residual network whose Jacobian at `y` maps v to v - frozen(v).

    Parameters
    ----------
    frozen : callable
        The network with its ReLU masks and normalization layers fixed at `y`. It is a
        linear map of float32 images (k, channels, height, width).
    y, x_hat : Tensor of shape (1, channels, height, width)
        Noisy and denoised image.
    """

    def multiply(v):
        return v - frozen(v.float()).to(v.dtype)

    # Both products use the same masks. Masks recorded for another batch can differ
    # because of rounding errors.
    transposed = AutogradProducts(multiply, y).multiply_transposed
    return Linearization(x_hat, torch.no_grad()(multiply), transposed)


def slope(function, images):
    """Return a function of each pixel at `images`, and its derivative there."""
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        values = function(images)
        (derivative,) = torch.autograd.grad(values.sum(), images)
    return values.detach(), derivative


class AutogradProducts:
    """Products with the Jacobian of a differentiable map at one image.

    Torch keeps the graph of k copies of the image. Each further product of k vectors
    with the transpose of J then costs one backward pass and no forward pass. This
    backward pass is linear in the vector u that is passed back. The product J v is the
    derivative of the backward pass with respect to u, along v, and costs about three
    passes.

    Parameters
    ----------
    denoise : callable
        Map of images (k, channels, height, width) that treats each image independently.
    y : Tensor of shape (1, channels, height, width)
    """

    def __init__(self, denoise, y):
        self.denoise = denoise
        self.y = y.detach()
        self._copies = self._backward = None

    def denoised(self):
        """Return the denoised image, of the shape of `y`."""
        self._record(1)
        return self._output.detach()

    def multiply_transposed(self, u):
        """Return J^T u for `u` of shape (k, channels, height, width)."""
        self._record(len(u))
        return self._gradient(self._output, self._copies, u)

    def multiply(self, v):
        """Return J v for `v` of shape (k, channels, height, width)."""
        self._record(len(v))
        if self._backward is None:
            self._passed_back = torch.zeros_like(self._output, requires_grad=True)
            self._backward = self._gradient(
                self._output, self._copies, self._passed_back, create_graph=True
            )
        if not self._backward.requires_grad:
            return torch.zeros_like(v)
        return self._gradient(self._backward, self._passed_back, v)

    def _record(self, n_copies):
        if self._copies is not None and len(self._copies) == n_copies:
            return
        # Free the old graph first, so that two graphs are never held at once.
        self._output = self._backward = self._passed_back = None
        with torch.enable_grad():
            copies = self.y.repeat(n_copies, 1, 1, 1).requires_grad_()
            output = self.denoise(copies)
        if output.shape != copies.shape or not output.requires_grad:
            raise ValueError(
                f"denoise must map images of shape {tuple(copies.shape)} to images of "
                "the same shape by differentiable torch operations; it returned a "
                f"tensor of shape {tuple(output.shape)} with "
                f"requires_grad={output.requires_grad}."
            )
        self._copies, self._output = copies, output

    @staticmethod
    def _gradient(output, inputs, vector, create_graph=False):
        graph = {"retain_graph": True, "create_graph": create_graph}
        grad = torch.autograd.grad
        return grad(output, inputs, vector, materialize_grads=True, **graph)[0]
