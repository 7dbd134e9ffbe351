"""Allowed imports between the modules of the package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn

import sklearn_gahb

PACKAGE = Path(sklearn_gahb.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Files that every room can import.
SHARED = {
    "_fitting",
    "_images",
    "_mistakes",
    "_optional",
    "_sklearn_compat",
    "_tensors",
    "_threads",
    "_warnings",
    "images",
    "units",
}
# The rooms, and the other rooms that each of them can import.
ALLOWED = {
    "__init__": set(),
    **{name: set() for name in SHARED},
    "datasets": set(),
    "networks": set(),
    "samplers": set(),
    "transforms": set(),
    "training": {"networks", "transforms"},
    "fields": {"networks", "training"},
    "posteriors": {"datasets"},
    "noise": set(),
    "metrics": {"noise"},
    "denoisers": {
        "datasets",
        "metrics",
        "networks",
        "noise",
        "posteriors",
        "samplers",
        "training",
        "transforms",
    },
    "jacobian": {"denoisers", "posteriors"},
    "sampling": {"denoisers", "samplers"},
    "evaluation": {"denoisers", "jacobian", "noise"},
    "generalization": {
        "__version__",
        "denoisers",
        "evaluation",
        "metrics",
        "noise",
        "samplers",
    },
    "checkpoints": {"__version__", "datasets", "denoisers", "networks", "training"},
    "displays": {"denoisers", "metrics", "noise"},
}


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    """Yield the names within the package that a file imports, as tuples."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ImportFrom):
            module = node.module.split(".") if node.module else []
            if node.level:
                module = [*parts[: -node.level], *module]
            elif module[0] == "sklearn_gahb":
                module = module[1:]
            else:
                continue
            yield from ((*module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "sklearn_gahb":
                    yield tuple(alias.name.split(".")[1:])


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def private_definitions(tree):
    """Yield the names that a file defines: functions, classes and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.fixture(scope="module")
def rooms_of_private_names():
    """Map each private name to the rooms that define it."""
    rooms = {}
    for path in FILES:
        for name in filter(is_private, private_definitions(parse(path))):
            rooms.setdefault(name, set()).add(room_of(path))
    # Leave out private names that scikit-learn gives to every estimator.
    return {
        name: where
        for name, where in rooms.items()
        if not hasattr(sklearn.base.BaseEstimator, name)
        and name not in ("_parameter_constraints", "_n_features_out")
    }


each_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: str(path.relative_to(PACKAGE))
)


@each_file
def test_imports_point_one_way(path):
    allowed = ALLOWED[room_of(path)] | {room_of(path), *SHARED}
    assert {name[0] for name in imports(path)} <= allowed


@each_file
def test_no_private_doors_between_rooms(path, rooms_of_private_names):
    """No room imports or accesses the private names of another room."""
    room = room_of(path)
    opened = [
        name
        for name in imports(path)
        if name[0] != room and any(map(is_private, name[name[0] in SHARED :]))
    ]
    touched = {
        node.attr
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and is_private(node.attr)
    }
    elsewhere = [
        name for name in touched if room not in rooms_of_private_names.get(name, {room})
    ]
    assert (opened, elsewhere) == ([], [])


def test_private_modules_of_scikit_learn_are_imported_in_one_file():
    for path in FILES:
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [*node.module.split("."), *(one.name for one in node.names)]
                if names[0] == "sklearn" and any(map(is_private, names)):
                    assert path.name == "_sklearn_compat.py"


def test_files_are_short():
    assert max(len(path.read_text().splitlines()) for path in FILES) <= 450


@pytest.mark.parametrize("module", ["torch", "matplotlib", "pywt", "pooch", "PIL"])
def test_package_import_is_light(module):
    code = f"import sys, sklearn_gahb; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_names_exist():
    for name in sklearn_gahb.__all__:
        assert getattr(sklearn_gahb, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'Denoiser'"):
        _ = sklearn_gahb.Denoiser
