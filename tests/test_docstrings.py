"""Docstrings of public functions and classes follow numpydoc."""

import importlib

import pytest
from numpydoc.validate import validate

MODULES = [
    "checkpoints",
    "datasets",
    "denoisers",
    "displays",
    "generalization",
    "jacobian",
    "metrics",
    "networks",
    "noise",
    "sampling",
]
IGNORED = {
    "ES01",  # an extended summary where the summary says it all
    "GL01",  # the summary stands on the line of the quotes
    "SA01",  # See Also where nothing is related
    "SA04",  # its descriptions
    "RT02",  # names of return values
}
METHODS = [
    "fit",
    "transform",
    "score",
    "score_samples",
    "sample",
    "effective_sample_size",
    "from_module",
    "shrink",
    "inverse_transform",
]


def public_names():
    for module_name in MODULES:
        module = importlib.import_module(f"sklearn_gahb.{module_name}")
        for name in module.__all__:
            if name.endswith("Warning"):
                continue
            yield f"{module.__name__}.{name}"
            for method in METHODS:
                if hasattr(getattr(module, name), method):
                    yield f"{module.__name__}.{name}.{method}"


@pytest.mark.parametrize("name", sorted(public_names()))
def test_numpydoc_validation(name):
    ignored = IGNORED | ({"EX01"} if name.rpartition(".")[2] in METHODS else set())
    errors = [error for error in validate(name)["errors"] if error[0] not in ignored]
    assert not errors
