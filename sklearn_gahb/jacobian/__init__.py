"""Jacobian of a denoiser at an image, and the basis in which the denoiser shrinks."""

from ._affine import AffineDenoiser
from ._bases import jacobian_bases
from ._basis import JacobianBasis
from ._harmonicity import harmonicity
from ._operator import JacobianOperator, jacobian_operator
from ._posterior import posterior_directions, posterior_std
from ._posterior_marginal import posterior_marginal
from ._sure import make_sure_scorer, sure, sure_psnr

__all__ = [
    "AffineDenoiser",
    "JacobianBasis",
    "JacobianOperator",
    "harmonicity",
    "jacobian_bases",
    "jacobian_operator",
    "make_sure_scorer",
    "posterior_directions",
    "posterior_marginal",
    "posterior_std",
    "sure",
    "sure_psnr",
]
