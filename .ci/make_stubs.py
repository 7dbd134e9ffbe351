"""Write the type stubs of the public modules from their docstrings.

    python .ci/make_stubs.py [--check]

Each public module gets one stub, with the names in its `__all__`. Signatures come from
the code, and types from the sections Parameters, Attributes and Returns of the numpydoc
docstrings. So annotations cannot contradict docstrings. With --check, the script writes
nothing, and fails if a stub is not up to date.
"""

import argparse
import importlib
import inspect
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

from doctypes import annotation
from numpydoc.docscrape import NumpyDocString

import sklearn_gahb

ROOT = Path(sklearn_gahb.__file__).parent
HEADER = "# Written by `make stubs` from the docstrings.\n"
# Base classes of other packages that a stub names.
BASES = {
    "BaseEstimator": "BaseEstimator",
    "TransformerMixin": "TransformerMixin",
    "LinearOperator": "LinearOperator",
    "Module": "torch.nn.Module",
    "UserWarning": "UserWarning",
}
IMPORTS = {
    "os": "import os",
    "dataclass": "from dataclasses import dataclass",
    "field": "from dataclasses import field",
    "Callable": "from collections.abc import Callable",
    "Iterable": "from collections.abc import Iterable",
    "Iterator": "from collections.abc import Iterator",
    "Mapping": "from collections.abc import Mapping",
    "Sequence": "from collections.abc import Sequence",
    "Path": "from pathlib import Path",
    "Any": "from typing import Any",
    "Literal": "from typing import Literal",
    "Self": "from typing import Self",
    "np": "import numpy as np",
    "pywt": "import pywt",
    "torch": "import torch",
    "Axes": "from matplotlib.axes import Axes",
    "Figure": "from matplotlib.figure import Figure",
    "SubFigure": "from matplotlib.figure import SubFigure",
    "Line2D": "from matplotlib.lines import Line2D",
    "RandomState": "from numpy.random import RandomState",
    "ArrayLike": "from numpy.typing import ArrayLike",
    "NDArray": "from numpy.typing import NDArray",
    "LinearOperator": "from scipy.sparse.linalg import LinearOperator",
    "BaseEstimator": "from sklearn.base import BaseEstimator",
    "TransformerMixin": "from sklearn.base import TransformerMixin",
    "Bunch": "from sklearn.utils import Bunch",
}


def find_public_modules():
    """Return the modules with public names, which `__all__` lists."""
    things = [getattr(sklearn_gahb, name) for name in sorted(sklearn_gahb.__all__)]
    modules = [one for one in things if inspect.ismodule(one)]
    return [one.__name__.split(".")[1] for one in modules if hasattr(one, "__all__")]


def find_homes():
    """Return the module of each public name."""
    homes = {}
    for module_name in MODULES:
        module = importlib.import_module(f"sklearn_gahb.{module_name}")
        homes |= dict.fromkeys(module.__all__, module_name)
    return homes


MODULES = find_public_modules()
HOMES = find_homes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stubs = {stub_path(name): formatted(module_stub(name)) for name in MODULES}
    stubs[ROOT / "__init__.pyi"] = formatted(package_stub())
    stale = [
        path.relative_to(ROOT.parent)
        for path, text in stubs.items()
        if not path.exists() or path.read_text() != text
    ]
    if check:
        sys.exit(f"run `make stubs`: these are not up to date: {stale}" if stale else 0)
    for path, text in stubs.items():
        path.write_text(text)


def stub_path(module_name):
    folder = ROOT / module_name
    return folder / "__init__.pyi" if folder.is_dir() else folder.with_suffix(".pyi")


def formatted(text):
    """Sort the imports and break the lines."""
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check", "--fix", "--select", "I"], ["format"]):
        command = [ruff, *command, "--quiet", "--stdin-filename", "stub.pyi", "-"]
        text = subprocess.check_output(command, input=text, text=True)
    return text


def package_stub():
    names = sorted(set(sklearn_gahb.__all__) & set(HOMES))
    others = sorted(set(sklearn_gahb.__all__) - {*names, *MODULES})
    lines = [HEADER, "from types import ModuleType"]
    lines += [f"from . import {name} as {name}" for name in MODULES]
    lines += [f"from .{HOMES[name]} import {name} as {name}" for name in names]
    lines += ["", *(f"{name}: ModuleType" for name in others), "__version__: str"]
    return "\n".join(lines)


def module_stub(module_name):
    module = importlib.import_module(f"sklearn_gahb.{module_name}")
    things = [getattr(module, name) for name in module.__all__]
    classes = sorted((one for one in things if isinstance(one, type)), key=n_bases)
    functions = [one for one in things if not isinstance(one, type)]
    body = [class_stub(one) for one in classes]
    body += [function_stub(one) for one in functions]
    text = "\n\n".join(body)
    words = set(re.findall(r"\w+", re.sub(r'"\w+"', "", text)))
    imports = [line for word, line in IMPORTS.items() if word in words]
    dots = ".." if stub_path(module_name).stem == "__init__" else "."
    imports += [
        f"from {dots}{home} import {name}"
        for name, home in HOMES.items()
        if name in words and name[0].isupper() and home != module_name
    ]
    exported = ", ".join(f'"{name}"' for name in module.__all__)
    return "\n".join([HEADER, *imports, "", f"__all__ = [{exported}]", "", text])


def n_bases(cls):
    return len(cls.__mro__)


def function_stub(function):
    signature = inspect.signature(function)
    doc = numpydoc(function)
    types = types_in(doc, "Parameters")
    return declaration(function.__name__, signature, types, returned(doc))


def class_stub(cls):
    ours = [base for base in cls.__mro__[1:] if base.__name__ in HOMES]
    bases = ours[:1] or [base for base in cls.__mro__[1:] if base.__name__ in BASES]
    names = dict.fromkeys(BASES.get(base.__name__, base.__name__) for base in bases)
    heading = f"class {cls.__name__}({', '.join(names)}):".replace("():", ":")
    lines = []
    if is_dataclass(cls):
        heading = f"@dataclass(frozen={cls.__dataclass_params__.frozen})\n{heading}"
        lines += fields_of(cls)
    elif not issubclass(cls, Warning):
        inherited = attributes(ours[0]) if ours else {}
        lines += [attribute(*one, inherited) for one in attributes(cls).items()]
        lines.append(constructor(cls))
    for name in sorted(dir(cls)):
        is_public = name[0] != "_" or name in ("__call__", "__iter__", "__len__")
        if is_public and defined_here(cls, name, ours):
            lines += member(cls, name)
    return "\n    ".join([heading, *(lines or ["..."])])


def fields_of(cls):
    """Declare the fields and attributes of a dataclass, which base classes lack."""
    found, own = attributes(cls), vars(cls).get("__annotations__", ())
    lines = [field_line(cls, one) for one in fields(cls) if one.name in own]
    others = [name for name in found if name not in cls.__dataclass_fields__]
    # Without a property, an attribute would be a field.
    return lines + [
        line
        for name in others
        for line in ("@property", f"def {name}(self) -> {found[name]}: ...")
    ]


def field_line(cls, one):
    """Declare a field of a dataclass."""
    parameter = inspect.signature(cls).parameters[one.name]
    text = parameter_type(parameter, types_in_class(cls))
    value = default(parameter)
    if one.kw_only:
        options = f"default{value.replace(' ', '')}, " if value else ""
        value = f" = field({options}kw_only=True)"
    return f"{one.name}: {text}{value}"


def attributes(cls):
    """Map the attributes that the docstring or the body of a class names to types."""
    declared = {} if is_dataclass(cls) else vars(cls).get("__annotations__", {})
    constants = {k: type(v) for k, v in vars(cls).items() if type(v) in (bool, int)}
    declared = {name: widened(written(one)) for name, one in declared.items()}
    constants = {name: one.__name__ for name, one in constants.items()}
    found = {k: v for k, v in {**constants, **declared}.items() if k[0] != "_"}
    types, parameters = types_in_class(cls), inspect.signature(cls).parameters
    for name, text in types.items():
        if name in parameters:
            found[name] = parameter_type(parameters[name], types)
        elif not isinstance(inspect.getattr_static(cls, name, None), property):
            found[name] = any_if_union(annotation(text, HOMES))
    return found


def attribute(name, text, inherited):
    """Declare an attribute; its type may be wider than that of the base class."""
    is_wider = {*text.split(" | ")} - {*inherited.get(name, text).split(" | ")}
    return f"{name}: {text}{'  # type: ignore[assignment]' if is_wider else ''}"


def types_in_class(cls):
    return types_in(numpydoc(cls), "Parameters", "Attributes")


def written(annotation):
    """Return the text of an annotation in the code."""
    text = inspect.formatannotation(annotation)
    return re.sub(r"collections\.abc\.|numpy\.random\.mtrand\.", "", text)


def constructor(cls):
    signature = inspect.signature(cls)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = signature.replace(parameters=[itself, *signature.parameters.values()])
    types = types_in_class(cls)
    return declaration("__init__", signature, types, "None", cls.__name__)


def defined_here(cls, name, bases):
    """Whether a member comes from our code, and no public base class has the same."""
    home = next(one for one in cls.__mro__ if name in vars(one))
    return is_ours(home) and not any(home in base.__mro__ for base in bases)


def is_ours(cls):
    return cls.__module__.startswith("sklearn_gahb")


def member(cls, name):
    """Return the lines of a method or a property, and none for other attributes."""
    value = inspect.getattr_static(cls, name)
    if isinstance(value, property):
        text = property_type(cls, name)
        # A property cannot override an attribute.
        if any(name in attributes(base) for base in cls.__mro__[1:] if is_ours(base)):
            return [f"{name}: {text}"]
        return ["@property", f"def {name}(self) -> {text}: ..."]
    decorators = []
    if isinstance(value, staticmethod | classmethod):
        decorators, value = [f"@{type(value).__name__}"], value.__func__
    if not inspect.isfunction(value):
        return []
    return [*decorators, method(cls, name, inspect.unwrap(value))]


def property_type(cls, name):
    """Return the annotation of a property, which a base class may have."""
    for one in cls.__mro__:
        value = vars(one).get(name)
        found = isinstance(value, property) and value.fget.__annotations__.get("return")
        if found:
            return written(found)
        declared = vars(one).get("__annotations__", {})
        if name in declared:
            return widened(written(declared[name]))
    raise ValueError(f"{cls.__name__}.{name}: no annotation")


def method(cls, name, function):
    if name == "__len__":
        return "def __len__(self) -> int: ..."
    doc = documentation(cls, name)
    signature = inspect.signature(function)
    types = types_in(doc, "Parameters")
    if name == "forward" and not types:
        types = dict.fromkeys(signature.parameters, "Tensor")
        return declaration(name, signature, types, "torch.Tensor", cls.__name__)
    return declaration(name, signature, types, returned(doc), cls.__name__)


def documentation(cls, name):
    """Return the docstring of a method, or the one that it refers to."""
    docs = [numpydoc(vars(one)[name]) for one in cls.__mro__ if name in vars(one)]
    for doc in docs:
        if doc["Parameters"] or doc["Returns"]:
            return doc
    reference = re.search(
        r":(meth|func):`(?:\w+\.)?(\w+)`", " ".join(docs[0]["Summary"])
    )
    if not reference:
        return docs[0]
    kind, other = reference.groups()
    if kind == "meth":
        return documentation(cls, other)
    module = importlib.import_module(f"sklearn_gahb.{HOMES[other]}")
    return numpydoc(getattr(module, other))


def numpydoc(thing):
    return NumpyDocString(inspect.cleandoc(thing.__doc__ or ""))


def types_in(doc, *sections):
    """Return the types of the names in sections of a docstring."""
    return {
        name.strip().lstrip("*"): text
        for section in sections
        for names, text, _ in doc[section]
        for name in names.split(",")
    }


def returned(doc):
    """Return the annotation of what a function returns or yields.

    Callers would have to check which element of a union they got, so that a union
    becomes Any, as in typeshed.
    """
    section = doc["Yields"] or doc["Returns"]
    if not section:
        return "None"
    if section[0].name == "self":
        return "Self"
    if any(re.search("(?i)only (returned )?if", " ".join(one.desc)) for one in section):
        return "Any"
    found = [
        annotation(text or name, HOMES)
        for names, text, _ in section
        for name in (names.split(",") if text else [names])
    ]
    found = [any_if_union(one) for one in found]
    result = found[0] if len(found) == 1 else f"tuple[{', '.join(found)}]"
    return f"Iterator[{result}]" if doc["Yields"] else result


def any_if_union(text):
    return text if len({*text.split(" | ")} - {"None"}) < 2 else "Any"


def declaration(name, signature, types, result, owner=""):
    parts, has_star = [], False
    for one in signature.parameters.values():
        if one.kind == one.KEYWORD_ONLY and not has_star:
            parts.append("*")
        has_star = has_star or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        if one.name in ("self", "cls"):
            parts.append(one.name)
        elif one.name in types:
            stars = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
            parts.append(
                f"{stars}{one.name}: {parameter_type(one, types)}{default(one)}"
            )
        else:
            raise ValueError(f"{owner}.{name}: no type for {one.name!r}")
    return f"def {name}({', '.join(parts)}) -> {result}: ..."


def parameter_type(one, types):
    """Return the annotation of a parameter."""
    text = widened(annotation(types[one.name], HOMES))
    accepts_none = {"None", "Any"} & {*text.split(" | ")}
    return f"{text} | None" if one.default is None and not accepts_none else text


def widened(text):
    """Accept any sequence instead of a list or a tuple, and any mapping."""
    text = text.replace("list[", "Sequence[").replace("dict[", "Mapping[")
    return re.sub(r"tuple\[(\w+)(, (\1|\.\.\.))*\]", r"Sequence[\1]", text)


def default(one):
    if one.default is one.empty:
        return ""
    is_literal = isinstance(one.default, bool | int | float | str | tuple | None)
    return f" = {one.default!r}" if is_literal else " = ..."


if __name__ == "__main__":
    main()
