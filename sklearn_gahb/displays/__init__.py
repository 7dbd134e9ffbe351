"""Figures: one display class per kind of figure."""

from ._comparison import ComparisonDisplay
from ._coverage import CoverageDisplay
from ._generalization import GeneralizationDisplay
from ._jacobian_basis import JacobianBasisDisplay
from ._psnr_curve import PSNRCurveDisplay
from ._sampling import InverseProblemDisplay, TrajectoryDisplay

__all__ = [
    "ComparisonDisplay",
    "CoverageDisplay",
    "GeneralizationDisplay",
    "InverseProblemDisplay",
    "JacobianBasisDisplay",
    "PSNRCurveDisplay",
    "TrajectoryDisplay",
]
