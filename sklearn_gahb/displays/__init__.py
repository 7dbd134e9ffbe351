"""Figures: one display class per kind of figure, which draws arrays on axes."""

from ._generalization import GeneralizationDisplay
from ._jacobian_basis import JacobianBasisDisplay
from ._psnr_curve import PSNRCurveDisplay
from ._sampling import InverseProblemDisplay, TrajectoryDisplay

__all__ = [
    "GeneralizationDisplay",
    "InverseProblemDisplay",
    "JacobianBasisDisplay",
    "PSNRCurveDisplay",
    "TrajectoryDisplay",
]
