"""Digests that identify the results kept in a checkpoint folder."""

import functools
import hashlib
import inspect
import types
from numbers import Number

import joblib
import numpy as np
import sklearn
import torch

from .. import __version__


def digest(*parts):
    """Return a hexadecimal digest of `parts`, converted to strings."""
    text = "|".join(map(str, parts))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def fingerprint(X):
    """Return a digest of the values, shape and dtype of an array of images."""
    return joblib.hash(np.asarray(X))


def estimator_key(estimator):
    """Return a digest of an unfitted estimator and of the package versions."""
    versions = __version__, sklearn.__version__, torch.__version__
    return digest(joblib.hash(plain(estimator)), *versions)


def plain(value):
    """Convert a value to containers and arrays with the same hash in every process.

    Functions and classes are replaced by their names and source code, so that edits of
    the code change the hash. For functions, the numbers, strings and arrays that they
    read from their module are included. The code that they call is not.
    """
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, torch.nn.Module):
        return [_plain_module(module) for module in value.modules()]
    if isinstance(value, functools.partial):
        return ["partial", *map(plain, (value.func, value.args, value.keywords))]
    if isinstance(value, types.MethodType):
        return ["method", plain(value.__func__), plain(value.__self__)]
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        defaults = value.__defaults__, value.__kwdefaults__
        return [_name_and_source(value), *map(plain, (cells, defaults, _data(value)))]
    if isinstance(value, type):
        return [_name_and_source(one) for one in value.__mro__]
    if hasattr(value, "get_params"):
        return [plain(type(value)), plain(value.get_params(deep=False))]
    if callable(value) and hasattr(value, "__dict__"):
        return [plain(type(value)), plain(vars(value))]
    return value


def _plain_module(module):
    own = {name: v for name, v in vars(module).items() if not name.startswith("_")}
    tensors = {
        name: plain(tensor)
        for named in (module.named_parameters, module.named_buffers)
        for name, tensor in named(recurse=False)
    }
    return [plain(type(module)), plain(own), tensors]


def _data(function):
    """Return the global variables that a function reads, if they hold data."""
    kinds = Number | str | bytes | tuple | list | dict | np.ndarray | torch.Tensor
    names = function.__code__.co_names
    found = {name: function.__globals__.get(name) for name in sorted(names)}
    return {name: value for name, value in found.items() if isinstance(value, kinds)}


def _name_and_source(value):
    name = f"{value.__module__}.{value.__qualname__}"
    try:
        return name, inspect.getsource(value)
    except (OSError, TypeError):
        if not hasattr(value, "__code__"):
            return name, ""
    constants = [one for one in value.__code__.co_consts if not inspect.iscode(one)]
    return name, value.__code__.co_code, constants
