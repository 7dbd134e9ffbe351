"""Docstrings of public functions and classes follow numpydoc."""

import importlib
from pathlib import Path

import pytest
from numpydoc.validate import validate

import sklearn_gahb

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


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in sklearn_gahb.__all__
        if isinstance(getattr(sklearn_gahb, name), type)
    ],
)
def test_html_representations_link_to_the_page_of_the_class(name):
    """Of the API reference, where the class is listed by that name."""
    estimator_class = getattr(sklearn_gahb, name)
    link = estimator_class._get_doc_link(estimator_class.__new__(estimator_class))
    assert link.endswith(f"/generated/sklearn_gahb.{name}.html")
    listed = Path(__file__).parents[1] / "docs" / "api.rst"
    assert f"\n   {name}\n" in listed.read_text()


def test_every_public_name_has_a_page():
    listed = (Path(__file__).parents[1] / "docs" / "api.rst").read_text().split()
    for module_name in MODULES:
        module = importlib.import_module(f"sklearn_gahb.{module_name}")
        for name in module.__all__:
            assert f"{module_name}.{name}" in listed or name in listed
