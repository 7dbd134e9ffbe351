"""What imports what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_gahb

PACKAGE = Path(sklearn_gahb.__file__).parent
# The rooms of the house and what each may import.
FOR_EVERYBODY = {"_images", "_optional", "_units", "_warnings", "_doc_link"}
ALLOWED = {
    "__init__": set(),
    "_distributed": set(),
    "_doc_link": set(),
    "_images": set(),
    "_optional": set(),
    "_units": set(),
    "_warnings": set(),
    "networks": set(),
    "training": {"_distributed"},
    "noise": set(),
    "metrics": {"noise"},
    "datasets": set(),
    "sampling": set(),
    "denoisers": {
        "_distributed",
        "networks",
        "training",
        "sampling",
        "datasets",
        "metrics",
        "noise",
    },
    "jacobian": {"denoisers", "metrics"},
    "checkpoints": {"__version__", "denoisers", "datasets", "networks"},
    "displays": set(),
    "generalization": {"__version__", "denoisers", "sampling", "metrics", "noise"},
}


def imported_rooms(path):
    """Top-level modules of the package that a file imports."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = list(parts[: -node.level])
            target = base + (node.module.split(".") if node.module else [])
            names = [target[0]] if target else [alias.name for alias in node.names]
            yield from names
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] == "sklearn_gahb":
                yield from node.module.split(".")[1:2]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "sklearn_gahb":
                    yield from alias.name.split(".")[1:2]


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_point_one_way(path):
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    allowed = ALLOWED[room] | {room, *FOR_EVERYBODY}
    assert set(imported_rooms(path)) <= allowed


@pytest.mark.parametrize("module", ["torch", "matplotlib", "pywt", "pooch", "PIL"])
def test_package_import_is_light(module):
    code = f"import sys, sklearn_gahb; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_names_exist():
    for name in sklearn_gahb.__all__:
        assert getattr(sklearn_gahb, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'Denoiser'"):
        _ = sklearn_gahb.Denoiser
