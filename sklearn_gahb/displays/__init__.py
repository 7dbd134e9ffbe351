"""The figures: one Display class a kind of figure, arrays in, axes out."""

from ._jacobian_basis import JacobianBasisDisplay

__all__ = ["JacobianBasisDisplay"]
