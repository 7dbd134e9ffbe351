"""Docstrings of public functions and classes follow numpydoc."""

import importlib
import inspect
from pathlib import Path

import pytest
import torch
from numpydoc.validate import validate

import sklearn_gahb
from sklearn_gahb import denoisers, samplers

MODULES = [
    name
    for name in sklearn_gahb.__all__
    if inspect.ismodule(module := getattr(sklearn_gahb, name))
    and hasattr(module, "__all__")
]
IGNORED = {
    "ES01",  # no extended summary, if the summary is sufficient
    "GL01",  # the summary starts on the line of the quotes
    "SA01",  # no See Also section, if nothing is related
    "SA04",  # no descriptions in See Also
    "RT02",  # return values have names
}
# Methods that denoisers override. The base class documents them.
PROTOCOL = ["denoise", "learn", "linearize", "noise_levels", "prior", "with_clean"]
METHODS = [
    "adopt",
    "affine_denoiser",
    "asymmetry",
    "denoise_images",
    "dense",
    "diagonal",
    "draw",
    "effective_sample_size",
    "fit",
    "from_module",
    "inverse_transform",
    "levels",
    "log_density",
    "psnr_per_image",
    "sample",
    "score",
    "subsampling_std_err",
    "trace",
    "transform",
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
    for method in PROTOCOL:
        yield f"sklearn_gahb.denoisers.BaseDenoiser.{method}"
    yield "sklearn_gahb.samplers.Sampler.steps"


@pytest.mark.parametrize("name", sorted(public_names()))
def test_numpydoc_validation(name):
    is_method = name.rpartition(".")[2] in [*METHODS, *PROTOCOL, "steps"]
    ignored = IGNORED | ({"EX01"} if is_method else set())
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
    """The API reference lists the class under its public name."""
    estimator_class = getattr(sklearn_gahb, name)
    link = estimator_class._get_doc_link(estimator_class.__new__(estimator_class))
    assert link.endswith(f"/generated/sklearn_gahb.{name}.html")
    listed = Path(__file__).parents[1] / "docs" / "api.rst"
    assert f"\n   {name}\n" in listed.read_text()


@pytest.mark.parametrize("name", denoisers.__all__)
def test_what_denoisers_override_refers_to_the_protocol(name):
    own = vars(getattr(denoisers, name))
    for method in PROTOCOL if name != "BaseDenoiser" else ():
        if method in own:
            assert f":meth:`BaseDenoiser.{method}`." in own[method].__doc__


@pytest.mark.parametrize("room", MODULES)
def test_public_classes_and_generators_are_exported(room):
    """A new denoiser, sampler, network, display or dataset must be in `__all__`."""
    module = importlib.import_module(f"sklearn_gahb.{room}")
    bases = (denoisers.BaseDenoiser, samplers.Sampler, torch.nn.Module)
    is_folder = Path(module.__file__).name == "__init__.py"
    for path in Path(module.__file__).parent.glob("_*.py") if is_folder else ():
        own = importlib.import_module(f"sklearn_gahb.{room}.{path.stem}")
        for name, value in vars(own).items():
            if getattr(value, "__module__", "") != own.__name__ or name[0] == "_":
                continue
            is_kind = isinstance(value, type) and (
                issubclass(value, bases) or name.endswith("Display")
            )
            makes = room == "datasets" and name.startswith(("make_", "fetch_", "load_"))
            if is_kind or (makes and name != "make_registry"):
                assert name in module.__all__


def test_every_public_name_has_a_page():
    listed = (Path(__file__).parents[1] / "docs" / "api.rst").read_text().split()
    for module_name in MODULES:
        module = importlib.import_module(f"sklearn_gahb.{module_name}")
        for name in module.__all__:
            short = name in sklearn_gahb.__all__ and name in listed
            is_listed = f"{module_name}.{name}" in listed or short
            assert is_listed, f"docs/api.rst does not list {module_name}.{name}"


def public_callables():
    """Yield functions, classes and methods with the names of their parameters."""
    for name in public_names():
        _, module_name, *path = name.split(".")
        found = importlib.import_module(f"sklearn_gahb.{module_name}")
        for part in path:
            found = getattr(found, part)
        if callable(found):
            yield name, list(inspect.signature(found).parameters.values())


def test_random_state_is_passed_by_name():
    for name, parameters in public_callables():
        for parameter in parameters:
            if parameter.name == "random_state":
                assert parameter.kind is parameter.KEYWORD_ONLY, name


def test_the_denoiser_comes_first_then_the_image_then_the_level():
    n_functions = 0
    for name, parameters in public_callables():
        names = [parameter.name for parameter in parameters]
        if "denoiser" in names:
            assert names[0] == "denoiser", name
            images = [one for one in names if one in ("X", "y")]
            if images:
                n_functions += 1
                levels = [one for one in names if one == "noise_std"]
                assert names[1 : 2 + len(levels)] == [images[0], *levels], name
    assert n_functions >= 7
