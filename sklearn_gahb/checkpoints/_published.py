"""Published network files, read by PyTorch's restricted unpickler."""

import argparse
import warnings
import zipfile
from pathlib import Path

import torch

from .._sklearn_compat import StrOptions, validate_params
from ..datasets import fetch_files
from ._restore import restore

# Largest training noise level in units of 1/255. The keys are names of files in the
# subfolder weights/ of the data folder.
PUBLISHED = {
    "bf_dncnn_bsd400_0-55": 55,
    "bf_unet_bsd400_0-55": 55,
    "bf_cnn_bsd400_0-100": 100,
    "bf_cnn_mnist_0-100": 100,
    "bf_cnn_bsd300_color_0-100": 100,
}


def load_published(path):
    r"""Read a network from a file that its authors published.

    The file must hold the state dict of one of these networks:

    - the UNet of [1]_, with the key ``encoder.0.0.weight``;
    - the BF-CNN of [2]_, with the key ``conv_layers.0.weight``;
    - the bias-free DnCNN of [3]_, with the key ``first_layer.weight``;
    - the bias-free UNet of [3]_, with the key ``conv1.weight``.

    The state dict may be the entry "model" of a checkpoint. The keys of the state dict
    may have the prefix ``module.``. The shapes of the weights determine the width, the
    depth and the number of channels.

    Parameters
    ----------
    path : str or path-like
        Path of the file. The file is read by ``torch.load(weights_only=True)``, which
        creates only tensors and containers, and runs no code from the file.

    Returns
    -------
    denoiser : DNNDenoiser
        Fitted denoiser. Its `train_noise_std` is the default, because the file does not
        contain the training noise levels.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, contains anything except tensors, or holds the weights
        of another network.

    See Also
    --------
    fetch_published : Downloads a published network by name.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`
    .. [2] Z. Kadkhodaie, E. P. Simoncelli, "Solving linear inverse problems using the
       prior implicit in a denoiser", NeurIPS 2021. :arxiv:`2007.13640`
    .. [3] S. Mohan, Z. Kadkhodaie, E. P. Simoncelli, C. Fernandez-Granda, "Robust and
       interpretable blind image denoising via bias-free convolutional neural networks",
       ICLR 2020. :arxiv:`1906.05478`

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import torch
    >>> from sklearn_gahb.checkpoints import load_published
    >>> from sklearn_gahb.networks import UNet
    >>> with TemporaryDirectory() as folder:
    ...     torch.save(UNet(width=8, n_scales=2).state_dict(), f"{folder}/model.pt")
    ...     load_published(f"{folder}/model.pt")
    DNNDenoiser(depth=2, width=8)
    """
    state = _read_state_dict(path)
    for marker, convert in CONVERSIONS.items():
        if marker in state:
            try:
                parameters, channels, converted = convert(state)
            except (KeyError, IndexError, ValueError, RuntimeError) as error:
                raise ValueError(
                    f"The file {path} has the key {marker!r}, but its weights do not "
                    f"match that architecture: {error!r}."
                ) from error
            return restore(path, converted, channels, parameters)
    raise ValueError(
        f"The file {path} holds the weights of an unknown architecture. Its first keys "
        f"are {sorted(state)[:4]}; expected one of the keys {list(CONVERSIONS)}. "
        "Create the network yourself and pass it to DNNDenoiser.from_module."
    )


def _read_state_dict(path):
    # open raises an OSError if the file is missing or unreadable.
    open(path, "rb").close()
    size = Path(path).stat().st_size
    try:
        content_size = _size_in_archive(path)
    # zipfile also raises many kinds of errors.
    except Exception as error:
        raise ValueError(
            f"The file {path} is damaged: its archive cannot be read ({error})."
        ) from error
    _check_size(path, size, content_size)
    try:
        # Namespace is the only class in the published files.
        with (
            torch.serialization.safe_globals([argparse.Namespace]),
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            content = torch.load(path, map_location="cpu", weights_only=True)
    # torch and pickle raise many kinds of errors on files that they cannot read.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"The file {path} is damaged, or contains objects other than tensors, "
            f"which are not read because they could run code: {reason}"
        ) from error
    state = content.get("model", content) if isinstance(content, dict) else content
    if isinstance(state, list) and len(state) == 1:
        state = state[0]
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        raise ValueError(
            f"The file {path} holds no state dict; expected a dict of tensors by name, "
            f"alone or as the entry 'model' of a checkpoint, but got a {type(state)}."
        )
    for name, tensor in state.items():
        is_dense = tensor.layout == torch.strided and not (
            tensor.is_meta or tensor.is_quantized or tensor.is_nested
        )
        if not is_dense or tensor.is_complex():
            raise ValueError(
                f"The tensor {name!r} in the file {path} is sparse, quantized, nested, "
                "complex or without values; expected a dense real tensor."
            )
    _check_size(path, size, sum(tensor.nbytes for tensor in state.values()))
    return {
        str(name).removeprefix("module."): x.float() if x.is_floating_point() else x
        for name, x in state.items()
    }


def _size_in_archive(path):
    """Return the size of the files in an archive, or 0 if the file is no archive."""
    if not zipfile.is_zipfile(path):
        return 0
    with zipfile.ZipFile(path) as file:
        return sum(one.file_size for one in file.infolist())


def _check_size(path, size, content_size):
    """Refuse compressed files, and tensors whose values repeat or share memory."""
    if content_size > size:
        raise ValueError(
            f"The file {path} has {size} bytes, but describes tensors of "
            f"{content_size} bytes. Save the state dict by torch.save, without "
            "compression."
        )


def convert_unet(state):
    """Return parameters, channels and the unchanged state dict of the paper's UNet."""
    width, channels = state["encoder.0.0.weight"].shape[:2]
    depth = 1 + max(int(name.split(".")[1]) for name in state if "encoder" in name)
    return {"width": width, "depth": depth}, channels, state


def convert_bf_cnn(state):
    """Return parameters, channels and the converted state dict of BF-CNN.

    A normalization layer follows each inner convolution.
    """
    depth = sum(name.startswith("conv_layers.") for name in state)
    weights = [state[f"conv_layers.{i}.weight"] for i in range(depth)]
    norms = [(state[f"gammas.{i}"], state[f"running_sd.{i}"]) for i in range(depth - 2)]
    if len(state) != depth + 2 * (depth - 2):
        raise ValueError(f"found {len(state)} tensors for {depth} convolutions")
    return _bf_cnn(weights, norms)


def convert_dncnn(state):
    """Return parameters, channels and the converted state dict of DnCNN.

    The normalization layers of DnCNN store a running variance and divide by
    ``sqrt(variance) + 1e-5``.
    """
    biases = [name for name in state if name.endswith("bias") and "bn_" not in name]
    if biases:
        raise ValueError(f"{biases[:2]} are biases, but the bias-free DnCNN has none")
    n_inner = sum(name.startswith("hidden_layer_list.") for name in state)
    inner = [state[f"hidden_layer_list.{i}.weight"] for i in range(n_inner)]
    weights = [state["first_layer.weight"], *inner, state["last_layer.weight"]]
    norms = []
    for i in range(n_inner):
        gammas = state[f"bn_layer_list.{i}.weight"]
        sd = state[f"bn_layer_list.{i}.running_var"].sqrt() + 1e-5
        norms.append((gammas.view(1, -1, 1, 1), sd.view(1, -1, 1, 1)))
    return _bf_cnn(weights, norms)


def convert_dilated_unet(state):
    """Return parameters, channels and the unchanged state dict of Mohan's UNet."""
    width, channels = state["conv1.weight"].shape[:2]
    return {"architecture": "dilated_unet", "width": width}, channels, state


def _bf_cnn(weights, norms):
    depth = len(weights)
    width, channels = weights[0].shape[:2]
    names = ["layers.0", *(f"layers.{2 + 3 * i}" for i in range(depth - 1))]
    state = {f"{name}.weight": w for name, w in zip(names, weights, strict=True)}
    for i, (gammas, sd) in enumerate(norms):
        state[f"layers.{3 + 3 * i}.gammas"] = gammas
        state[f"layers.{3 + 3 * i}.running_sd"] = sd
    parameters = {"architecture": "bf_cnn", "width": width, "depth": depth}
    return parameters, channels, state


CONVERSIONS = {
    "encoder.0.0.weight": convert_unet,
    "conv_layers.0.weight": convert_bf_cnn,
    "first_layer.weight": convert_dncnn,
    "conv1.weight": convert_dilated_unet,
}


@validate_params(name=[StrOptions(set(PUBLISHED))])
def fetch_published(name, *, data_home=None, download_if_missing=True):
    """Fetch a published network by name, and download it if it is missing.

    - "bf_dncnn_bsd400_0-55" and "bf_unet_bsd400_0-55" are the bias-free DnCNN and UNet
      of [1]_, trained on 400 gray photographs at noise levels up to 55/255.
    - "bf_cnn_bsd400_0-100" and "bf_cnn_mnist_0-100" are the BF-CNN of [2]_, trained on
      the same photographs and on digits, at noise levels up to 100/255.
    - "bf_cnn_bsd300_color_0-100" is the BF-CNN of [2]_, trained on color photographs at
      noise levels up to 100/255.

    Parameters
    ----------
    name : str
        One of the names above. A name consists of the network, its training images and
        its range of noise levels in units of 1/255.
    data_home : str or path-like, default=None
        Folder for downloaded files, see :func:`~sklearn_gahb.datasets.get_data_home`.
    download_if_missing : bool, default=True
        If True, download the file (2.7 MB) if it is missing.

    Returns
    -------
    denoiser : DNNDenoiser
        Fitted denoiser for images in [0, 1].

    Raises
    ------
    OSError
        If the file is damaged, if the download fails, or if the file is missing and
        `download_if_missing` is False.

    References
    ----------
    .. [1] S. Mohan, Z. Kadkhodaie, E. P. Simoncelli, C. Fernandez-Granda, "Robust and
       interpretable blind image denoising via bias-free convolutional neural networks",
       ICLR 2020. :arxiv:`1906.05478`
    .. [2] Z. Kadkhodaie, E. P. Simoncelli, "Solving linear inverse problems using the
       prior implicit in a denoiser", NeurIPS 2021. :arxiv:`2007.13640`

    Examples
    --------
    >>> from sklearn_gahb.checkpoints import fetch_published
    >>> denoiser = fetch_published("bf_cnn_bsd400_0-100")  # doctest: +SKIP
    >>> denoiser.n_parameters_  # doctest: +SKIP
    665856
    """
    (path,) = fetch_files(
        [f"weights/{name}.pt"],
        data_home=data_home,
        download_if_missing=download_if_missing,
    )
    denoiser = load_published(path)
    return denoiser.set_params(train_noise_std=(0.0, PUBLISHED[name] / 255))
