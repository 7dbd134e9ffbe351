"""Memorization and generalization of denoisers fitted on disjoint subsets."""

from ._analyzer import GeneralizationAnalyzer
from ._subsets import DuplicateWarning

__all__ = ["DuplicateWarning", "GeneralizationAnalyzer"]
