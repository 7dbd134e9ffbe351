"""Files of this package: safetensors with JSON in the header."""

import hashlib
import json
import os
import secrets
from numbers import Integral
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from .. import __version__
from .._sklearn_compat import StrOptions, validate_params
from ..denoisers import DNNDenoiser, as_denoiser
from ..networks import NoiseFromImage, PaddedNetwork
from ._restore import restore

# How networks were trained before these were parameters.
OLDER_DEFAULTS = {
    "batch_statistics": True,
    "loss": "squared_error",
    "optimizer": "adam",
}
HEADER = "sklearn_gahb"
FORMAT = 1
# Fitted attributes of DNNDenoiser, except the network.
ATTRIBUTES = {
    "feature_names_in_",
    "image_covariance_",
    "image_mean_",
    "image_size_in_",
    "loss_curve_",
    "n_channels_in_",
    "n_features_in_",
    "n_parameters_",
    "n_steps_",
    "train_indices_",
    "validation_loss_curve_",
}


@validate_params(dtype=[StrOptions({"float32", "float16"})])
def save(denoiser, path, *, dtype="float32"):
    """Write a fitted network denoiser to a file.

    The file has the safetensors format, with the parameters of the estimator as JSON in
    its header. It does not contain `snapshots_`; save each snapshot as a file of its
    own. An existing file is replaced only when the new file is complete. A digest of
    the content lets `load` detect damaged files.

    Parameters
    ----------
    denoiser : DNNDenoiser
        Fitted denoiser. The denoiser may be inside a
        :class:`~sklearn.frozen.FrozenEstimator`, a fitted search, or a
        :class:`~sklearn.pipeline.Pipeline` with a `GaussianNoise` step. If
        `architecture` is a callable or a module, the file holds its weights, but not
        its code. If `random_state` is not an int, it is written as None. `residual` is
        written as None.
    path : str or path-like
        Path of the file. Any extension works; the usual extension is ".safetensors". If
        the path is a symbolic link, the file that it points to is replaced.
    dtype : {"float32", "float16"}, default="float32"
        Data type of the weights in the file. "float16" halves the file size. Rounding
        changes a weight by at most one part in 2048, or by at most 3e-8 if the weight
        is below 6e-5. `load` converts the weights back to float32.

    Raises
    ------
    TypeError
        If `denoiser` has no network.
    ValueError
        If a weight is too large for `dtype`, if `dtype` is not supported, or if `path`
        is a folder or a device.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Read the file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_gahb import DNNDenoiser
    >>> from sklearn_gahb.checkpoints import load, save
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> X = make_disk_images(20, 16, random_state=0)
    >>> denoiser = DNNDenoiser(width=4, depth=1, max_steps=5).fit(X)
    >>> with TemporaryDirectory() as folder:
    ...     save(denoiser, f"{folder}/unet.safetensors")
    ...     again = load(f"{folder}/unet.safetensors")
    >>> bool((again.transform(X) == denoiser.transform(X)).all())
    True
    """
    fitted = as_denoiser(denoiser)
    if not isinstance(fitted, DNNDenoiser):
        raise TypeError(
            f"denoiser={fitted!r} has no network; pass a fitted DNNDenoiser. Write "
            "other denoisers with joblib.dump."
        )
    tensors = {
        f"network.{name}": _rounded(name, tensor.detach().cpu(), dtype)
        for name, tensor in fitted.network_.state_dict().items()
    }
    values = {}
    for name in ATTRIBUTES & vars(fitted).keys():
        value = getattr(fitted, name)
        if isinstance(value, np.ndarray) and value.dtype != object:
            tensors[name] = torch.from_numpy(np.ascontiguousarray(value))
        else:
            values[name] = value.tolist() if hasattr(value, "tolist") else value
    parameters = fitted.get_params(deep=False)
    header = {
        "format": FORMAT,
        "version": __version__,
        "parameters": {name: _as_json(name, parameters[name]) for name in parameters},
        "attributes": values,
    }
    _write(path, tensors, header)


def _write(path, tensors, header):
    """Write tensors, and a header with the digest of everything, to a file."""
    # A link keeps pointing to the file.
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {target.parent} for path={str(path)!r}; create it "
            "first."
        )
    if target.exists() and not target.is_file():
        raise ValueError(
            f"path={str(path)!r} is a folder or a device; pass the path of a file."
        )
    header = header | {"digest": _digest(tensors, header)}
    content = safetensors.torch.save(tensors, metadata={HEADER: json.dumps(header)})
    # Threads and processes may write to the same path at once.
    partial = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")
    try:
        partial.write_bytes(content)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _digest(tensors, header):
    """Return the SHA-256 digest of tensors and of a header without a digest."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        if tensor.numel():
            digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _rounded(name, tensor, dtype):
    """Return a copy of the tensor in `dtype`; integers keep their type."""
    if not tensor.is_floating_point():
        return tensor.contiguous().clone()
    rounded = tensor.to(getattr(torch, dtype), copy=True).contiguous()
    if (tensor.isfinite() & ~rounded.isfinite()).any():
        raise ValueError(
            f"The weights {name!r} reach {tensor.abs().max():.3g}, which "
            f"dtype={dtype!r} cannot represent; set dtype='float32'."
        )
    return rounded


def _as_json(name, value):
    if name == "architecture" and isinstance(value, NoiseFromImage | PaddedNetwork):
        inner = _as_json(name, value.network)["pass"]
        multiple = f", {value.multiple}" if isinstance(value, PaddedNetwork) else ""
        wrapper = f"sklearn_gahb.networks.{type(value).__name__}"
        return {"pass": f"{wrapper}({inner}{multiple})"}
    if name == "architecture" and not isinstance(value, str):
        named = value if hasattr(value, "__qualname__") else type(value)
        return {"pass": f"{named.__module__}.{named.__qualname__}"}
    if name == "residual":
        return None
    if name == "random_state":
        return int(value) if isinstance(value, Integral) else None
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, tuple | list):
        return [_as_json(name, item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def load(path, architecture=None):
    """Read a network denoiser that `save` wrote.

    Parameters
    ----------
    path : str or path-like
        Path of the file.
    architecture : callable or torch.nn.Module, default=None
        Your own architecture. It is required if the saved denoiser does not use a
        built-in architecture, because the file does not contain the code of your
        architecture. If :meth:`DNNDenoiser.from_module` wrapped the saved module, wrap
        your module in the same way: first in a
        :class:`~sklearn_gahb.networks.PaddedNetwork` if the module accepts only certain
        side lengths, and then in a :class:`~sklearn_gahb.networks.NoiseFromImage` if
        the module predicts the image. If you omit `architecture`, the error message
        says what to pass.

    Returns
    -------
    denoiser : DNNDenoiser
        Fitted denoiser with its original parameters and attributes. Its network is on
        the device that the parameter `device` names, or on the CPU if this machine has
        no such device.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, if `save` did not write it, or if the architecture is
        missing or does not match the weights.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_gahb import DNNDenoiser
    >>> from sklearn_gahb.checkpoints import load, save
    >>> from sklearn_gahb.networks import BFCNN
    >>> denoiser = DNNDenoiser.from_module(BFCNN(width=4, depth=3))
    >>> with TemporaryDirectory() as folder:
    ...     save(denoiser, f"{folder}/own.safetensors")
    ...     load(f"{folder}/own.safetensors", BFCNN(width=4, depth=3)).n_parameters_
    220
    """
    header, tensors = _read_safetensors(path)
    parameters = OLDER_DEFAULTS | {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in header["parameters"].items()
    }
    if isinstance(parameters["architecture"], dict):
        if architecture is None:
            raise ValueError(
                f"The file {path} holds the weights of your own architecture "
                f"{parameters['architecture'].get('pass')}; pass a module of the same "
                "size as architecture."
            )
        parameters["architecture"] = architecture
    state = {
        name.removeprefix("network."): x.float() if x.is_floating_point() else x
        for name, x in tensors.items()
        if name.startswith("network.")
    }
    attributes = header["attributes"]
    denoiser = restore(path, state, attributes["n_channels_in_"], parameters)
    if "feature_names_in_" in attributes:
        names = np.array(attributes["feature_names_in_"], dtype=object)
        attributes["feature_names_in_"] = names
    if "image_size_in_" in attributes:
        attributes["image_size_in_"] = tuple(attributes["image_size_in_"])
    for name in ATTRIBUTES & attributes.keys():
        setattr(denoiser, name, attributes[name])
    for name in ATTRIBUTES & tensors.keys():
        setattr(denoiser, name, tensors[name].numpy())
    return denoiser


def _read_safetensors(path):
    # safe_open opens the file twice, and another process may replace it in between.
    content = Path(path).read_bytes()
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise ValueError(
            f"The file {path} is damaged or is not a safetensors file ({error}); "
            "sklearn_gahb.checkpoints.load reads only files that save wrote. Read "
            "published files with load_published."
        ) from error
    try:
        n_bytes = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + n_bytes])["__metadata__"]
        header = json.loads(metadata[HEADER])
        version, attributes = header["format"], header["attributes"]
        header["parameters"]["architecture"], attributes["n_channels_in_"]
        len(attributes.get("image_size_in_", ()))
    except (
        AttributeError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(
            f"The file {path} was not written by sklearn_gahb.checkpoints.save: its "
            "header does not describe a denoiser."
        ) from error
    if version != FORMAT:
        raise ValueError(
            f"The file {path} has format {version}, but this version of sklearn_gahb "
            f"reads format {FORMAT}; update the package."
        )
    # Files of earlier versions have no digest.
    digest = header.pop("digest", None)
    if digest is not None and digest != _digest(tensors, header):
        raise ValueError(
            f"The file {path} is damaged: its content has changed since it was saved. "
            "Save the denoiser again, or restore the file from a copy."
        )
    return header, tensors
