"""Files that store networks."""

import errno
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from torch import nn

from sklearn_gahb import DNNDenoiser, GaussianNoise, WienerDenoiser, psnr
from sklearn_gahb.checkpoints import fetch_published, load, load_published, save
from sklearn_gahb.checkpoints._published import PUBLISHED
from sklearn_gahb.datasets import fetch_set12, make_disk_images
from sklearn_gahb.networks import BFCNN, DilatedUNet, NoiseFromImage, UNet

X = np.random.RandomState(0).rand(12, 12, 12).astype(np.float32)


class OwnNetwork(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layer = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, y):
        return self.layer(y)


def small(architecture="unet", **parameters):
    return DNNDenoiser(
        architecture, width=4, max_steps=4, batch_size=4, random_state=0, **parameters
    )


@pytest.mark.parametrize(
    "denoiser",
    [
        small(depth=1),
        small(depth=2, bias=True, train_noise_std=0.1),
        small("bf_cnn", depth=3, early_stopping=True, validation_fraction=0.3),
        small("dilated_unet", image_shape=(12, 12), train_noise_std=(0.1, 0.2)),
    ],
    ids=["unet", "bias", "bf_cnn", "dilated_unet"],
)
def test_round_trip(denoiser, tmp_path):
    path = tmp_path / "network.safetensors"
    denoiser.fit(X)
    save(FrozenEstimator(denoiser), path)
    again = load(path)
    assert again.get_params() == denoiser.get_params()
    np.testing.assert_array_equal(again.transform(X), denoiser.transform(X))
    fitted = {name for name in vars(denoiser) if name.endswith("_")}
    assert {name for name in vars(again) if name.endswith("_")} == fitted
    for name in fitted - {"network_"}:
        value, expected = getattr(again, name), getattr(denoiser, name)
        assert type(value) is type(expected)
        np.testing.assert_array_equal(value, expected)
    assert os.listdir(tmp_path) == ["network.safetensors"]
    assert clone(again).fit(X).loss_curve_ == pytest.approx(denoiser.loss_curve_)


def test_float16_halves_the_file_and_rounds_the_weights(tmp_path):
    denoiser = DNNDenoiser(width=8, depth=2, max_steps=4, random_state=0).fit(X)
    save(denoiser, tmp_path / "32")
    save(denoiser, tmp_path / "16", dtype="float16")
    again = load(tmp_path / "16")
    n_weights = denoiser.n_parameters_
    saved = (tmp_path / "32").stat().st_size - (tmp_path / "16").stat().st_size
    assert saved == pytest.approx(2 * n_weights, rel=0.05)
    weights = zip(
        denoiser.network_.state_dict().items(),
        again.network_.state_dict().values(),
        strict=True,
    )
    for (name, weight), rounded in weights:
        assert rounded.dtype == weight.dtype, name
        torch.testing.assert_close(rounded, weight, rtol=2**-11, atol=2**-25)
    assert psnr(denoiser.transform(X), again.transform(X), data_range=1) > 50


def test_weights_that_float16_does_not_hold(tmp_path):
    denoiser = small(depth=1).fit(X)
    next(denoiser.network_.parameters()).data[0] = 1e5
    with pytest.raises(ValueError, match=r"reach 1e\+05, which dtype='float16'"):
        save(denoiser, tmp_path / "a", dtype="float16")
    with pytest.raises(ValueError, match=r"'dtype' .*Got 'int8'"):
        save(denoiser, tmp_path / "a", dtype="int8")
    assert not os.listdir(tmp_path)


def test_round_trip_of_feature_names(tmp_path):
    frame = pd.DataFrame(X.reshape(12, -1)).add_prefix("pixel")
    denoiser = small(depth=1, image_shape=(12, 12)).fit(frame)
    save(denoiser, tmp_path / "a")
    names = load(tmp_path / "a").feature_names_in_
    np.testing.assert_array_equal(names, denoiser.feature_names_in_)


@pytest.mark.parametrize("architecture", [OwnNetwork, OwnNetwork(1)])
def test_own_architecture_has_to_be_passed(architecture, tmp_path):
    denoiser = small(architecture).fit(X)
    save(denoiser, tmp_path / "a")
    with pytest.raises(
        ValueError, match=r"a holds the weights .*OwnNetwork; pass a module"
    ):
        load(tmp_path / "a")
    again = load(tmp_path / "a", architecture)
    np.testing.assert_array_equal(again.transform(X), denoiser.transform(X))
    with pytest.raises(ValueError, match=r"a do not match DNNDenoiser"):
        load(tmp_path / "a", BFCNN(width=4, depth=3))


def test_an_own_architecture_ignores_the_depth(tmp_path):
    """A network by name of this depth would have more tensors than the file."""
    network = OwnNetwork(1)
    denoiser = DNNDenoiser(network, depth=20, max_steps=1).fit(X)
    save(denoiser, tmp_path / "network")
    again = load(tmp_path / "network", OwnNetwork(1))
    np.testing.assert_array_equal(again.transform(X), denoiser.transform(X))


def test_random_state_object_is_not_saved(tmp_path):
    denoiser = small(depth=1).set_params(random_state=np.random.RandomState(0))
    save(denoiser.fit(X), tmp_path / "a")
    assert load(tmp_path / "a").random_state is None


def test_only_networks_are_saved(tmp_path):
    with pytest.raises(TypeError, match="has no network"):
        save(WienerDenoiser().fit(X), tmp_path / "a")
    assert not os.listdir(tmp_path)


# PSNR in dB on the first photograph of Set12 at noise 25 of 255. For comparison,
# DnCNN-B, which has biases and is trained for the same levels, reaches 29.94 dB
# (Zhang et al. 2017, table III).
FLOORS = {
    "bf_dncnn_bsd400_0-55": 29.8,
    "bf_unet_bsd400_0-55": 29.6,
    "bf_cnn_bsd400_0-100": 29.7,
    "bf_cnn_mnist_0-100": 22.0,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(name, data_home):
    denoiser = fetch_published(name, data_home=data_home, download_if_missing=False)
    clean = fetch_set12().images[0][None] / np.float32(255)
    if "color" in name:
        clean = np.repeat(clean[..., None], 3, axis=-1)
    noisy = GaussianNoise(25 / 255, random_state=0).fit_transform(clean)
    denoised = denoiser.transform(noisy)
    assert psnr(clean, denoised) > FLOORS.get(name, 29.0)
    crop = noisy[:, 20:51, 40:83]
    expected = denoiser.transform(crop)
    for factor in (0.1, 5):
        scaled = denoiser.transform(np.float32(factor) * crop) / factor
        assert np.abs(scaled - expected).max() < 1e-5 * np.abs(expected).max()
    again = pickle.loads(pickle.dumps(denoiser))
    np.testing.assert_array_equal(again.transform(crop), expected)


def test_unknown_name():
    with pytest.raises(ValueError, match=r"'name' parameter .*bf_cnn_bsd400_0-100"):
        fetch_published("dncnn")


@pytest.mark.parametrize("prefix", ["", "module."])
def test_unet_of_the_paper(prefix, tmp_path):
    network = UNet(3, width=6, n_scales=2).eval()
    for name, buffer in network.named_buffers():
        if name.endswith("running_sd"):
            buffer.uniform_(0.5, 2)
    state = {prefix + name: value for name, value in network.state_dict().items()}
    for name in ("encoder.0.2.weight", "encoder.0.3.gammas", "upsample.0.weight"):
        assert prefix + name in state
    torch.save(state, tmp_path / "model.pt")
    denoiser = load_published(tmp_path / "model.pt")
    assert (denoiser.width, denoiser.depth, denoiser.n_channels_in_) == (6, 2, 3)
    y = torch.rand(2, 8, 8, 3)
    with torch.no_grad():
        expected = y - network(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(denoiser.transform(y), expected)


class Malicious:
    """A class whose pickle creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def bad_files(folder):
    good = BFCNN(width=4, depth=4).state_dict()
    published = {f"conv_layers.{i}.weight": torch.ones(4, 4, 3, 3) for i in range(4)}
    files = {
        "empty": b"",
        "random": np.random.RandomState(0).bytes(5000),
        "text": b"<html>404: Not Found</html>",
        "pickle": pickle.dumps(Malicious(folder / "created")),
    }
    torch.save(good, folder / "whole.pt")
    whole = (folder / "whole.pt").read_bytes()
    files["truncated"] = whole[:1500]
    files["archive without a part"] = whole[:1500] + whole[1600:]
    (folder / "whole.pt").unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    contents = {
        "zipped pickle": {"model": Malicious(folder / "created")},
        "another": {"features.0.weight": torch.zeros(2)},
        "list": [1, 2],
        "missing": published,
        "not finite": {"conv1.weight": torch.full((4, 1, 5, 5), np.nan)},
        "shapes": {
            **{f"conv_layers.{i}.weight": torch.ones(4, 4, 3, 3) for i in range(3)},
            "gammas.0": torch.ones(1, 4, 1, 1),
            "running_sd.0": torch.ones(1, 5, 1, 1),
        },
    }
    for name, content in contents.items():
        torch.save(content, folder / name)
    return [*files, *contents]


def test_bad_published_files(tmp_path):
    for name in bad_files(tmp_path):
        path = tmp_path / name
        with pytest.raises(ValueError, match=f"file .*{name}"):
            load_published(path)
    assert not (tmp_path / "created").exists()
    with pytest.raises(ValueError, match=r"unknown architecture.*features\.0\.weight"):
        load_published(tmp_path / "another")
    with pytest.raises(FileNotFoundError):
        load_published(tmp_path / "absent")


def test_bad_own_files(tmp_path):
    names = bad_files(tmp_path)
    save_file({"weight": torch.zeros(3)}, tmp_path / "foreign")
    save(small("bf_cnn", depth=3).fit(X), tmp_path / "good")
    content = (tmp_path / "good").read_bytes()
    (tmp_path / "cut").write_bytes(content[:-100])
    newer = content.replace(rb"\"format\": 1", rb"\"format\": 9")
    assert newer != content
    (tmp_path / "newer").write_bytes(newer)
    nan = load(tmp_path / "good")
    nan.network_.layers[0].weight.data[:] = np.nan
    save(nan, tmp_path / "nan")
    for name in [*names, "foreign", "cut", "newer", "nan"]:
        with pytest.raises(ValueError, match=f"file .*{name}"):
            load(tmp_path / name)
    assert not (tmp_path / "created").exists()
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent")


def test_folders(tmp_path):
    for read in (load, load_published):
        with pytest.raises(IsADirectoryError, match="Is a directory"):
            read(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        save(DNNDenoiser.from_module(BFCNN(width=4, depth=3)), tmp_path / "a" / "b")


@pytest.mark.parametrize("depth", [28, 999_999_999])
def test_impossible_depth_allocates_nothing(tmp_path, depth):
    state = UNet(width=4, n_scales=1).state_dict()
    state[f"encoder.{depth}.0.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "deep.pt")
    with pytest.raises(ValueError, match=r"file .*deep.pt"):
        load_published(tmp_path / "deep.pt")


def with_header(path, new_path, change):
    """Write a file again with another header, and without its digest."""
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["sklearn_gahb"])
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    del header["digest"]
    change(header)
    save_file(tensors, new_path, metadata={"sklearn_gahb": json.dumps(header)})


def test_files_older_than_some_parameters(tmp_path):
    """The networks keep the parameters of their training."""
    new = {"loss": "min_snr", "optimizer": "muon", "batch_statistics": False}
    denoiser = DNNDenoiser(width=4, max_steps=1, **new)
    save(denoiser.fit(make_disk_images(2, 16, random_state=0)), tmp_path / "new")

    def change(header):
        for name in new:
            del header["parameters"][name]

    with_header(tmp_path / "new", tmp_path / "old", change)
    old = load(tmp_path / "old")
    assert (old.loss, old.optimizer) == ("squared_error", "adam")
    assert old.batch_statistics is True


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        *(("parameters", "architecture", value) for value in (None, 5, [], {})),
        ("parameters", "depth", 10**9),
        ("parameters", "width", 8),
        ("parameters", "depht", 3),
        ("attributes", "image_size_in_", None),
        ("attributes", "image_size_in_", 5),
        ("attributes", "n_channels_in_", None),
        ("attributes", "n_channels_in_", 10**30),
    ],
)
def test_wrong_header(tmp_path, part, name, value):
    save(small("bf_cnn", depth=3).fit(X), tmp_path / "good")
    with_header(tmp_path / "good", tmp_path / "same", lambda header: None)
    np.testing.assert_array_equal(
        load(tmp_path / "same").transform(X), load(tmp_path / "good").transform(X)
    )

    def change(header):
        header[part][name] = value

    with_header(tmp_path / "good", tmp_path / "wrong", change)
    with pytest.raises(ValueError, match=r"file .*wrong"):
        load(tmp_path / "wrong")


def test_a_changed_bit_is_noticed(tmp_path):
    path = tmp_path / "network"
    save(small("bf_cnn", depth=3).fit(X), path)
    content = path.read_bytes()
    expected, rng, messages = load(path), np.random.RandomState(0), []
    for position in rng.choice(len(content), 300, replace=False):
        changed = bytearray(content)
        changed[position] ^= 1 << rng.randint(8)
        path.write_bytes(changed)
        try:
            again = load(path)
        except ValueError as error:
            messages.append(str(error))
            continue
        # The bit is in the name of the digest or in white space.
        assert again.get_params() == expected.get_params()
        np.testing.assert_array_equal(again.transform(X), expected.transform(X))
    assert len(messages) > 250
    assert all(str(path) in message for message in messages)


def test_only_regular_files_are_replaced(tmp_path):
    denoiser = DNNDenoiser.from_module(BFCNN(width=4, depth=3))
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError, match="is a folder or a device"):
            save(denoiser, path)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    save(denoiser, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    np.testing.assert_array_equal(
        load(tmp_path / "file", BFCNN(width=4, depth=3)).transform(X),
        denoiser.transform(X),
    )


def test_threads_save_to_one_path(tmp_path):
    denoiser = small("bf_cnn", depth=3).fit(X)
    save_often = [delayed(save)(denoiser, tmp_path / "network") for _ in range(100)]
    Parallel(n_jobs=4, backend="threading")(save_often)
    np.testing.assert_array_equal(
        load(tmp_path / "network").transform(X), denoiser.transform(X)
    )
    assert os.listdir(tmp_path) == ["network"]


def test_a_file_is_opened_once(tmp_path, monkeypatch):
    """Another process may replace it while it is read."""
    first, second = tmp_path / "first", tmp_path / "second"
    for path, seed in ((first, 0), (second, 1)):
        save(small("bf_cnn", depth=3).set_params(random_state=seed).fit(X), path)
    expected, content = load(first).transform(X), first.read_bytes()

    def read(path):
        os.replace(second, path)
        return content

    monkeypatch.setattr(Path, "read_bytes", read)
    np.testing.assert_array_equal(load(first).transform(X), expected)


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    def write_some(path, content):
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    save(small("bf_cnn", depth=3).fit(X), tmp_path / "network")
    content = (tmp_path / "network").read_bytes()
    monkeypatch.setattr(Path, "write_bytes", write_some)
    with pytest.raises(OSError, match="No space left"):
        save(small("bf_cnn", depth=4).fit(X), tmp_path / "network")
    assert (tmp_path / "network").read_bytes() == content
    assert os.listdir(tmp_path) == ["network"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_published_files_of_other_precisions(tmp_path, dtype):
    network = UNet(width=4, n_scales=1).eval()
    state = {name: x.to(dtype) for name, x in network.state_dict().items()}
    torch.save(state, tmp_path / "model.pt")
    network.load_state_dict(state)
    expected = DNNDenoiser.from_module(network).transform(X)
    found = load_published(tmp_path / "model.pt").transform(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(1).expand(10**6, 10**6),
        torch.ones(4, 1, 3, 3, device="meta"),
    ],
    ids=["expanded", "meta"],
)
def test_published_tensors_without_values(tmp_path, tensor):
    state = UNet(width=4, n_scales=1).state_dict() | {"encoder.0.0.weight": tensor}
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"file .*model.pt"):
        load_published(tmp_path / "model.pt")


def test_compressed_published_files(tmp_path):
    """A small file could otherwise hold a huge network."""
    zeros = {name: 0 * x for name, x in UNet(width=8, n_scales=1).state_dict().items()}
    torch.save(zeros, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "small.pt", "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for name in plain.namelist():
            small.writestr(name, plain.read(name))
    assert load_published(tmp_path / "plain.pt").width == 8
    with pytest.raises(ValueError, match=r"file .*small.pt has \d+ bytes, but"):
        load_published(tmp_path / "small.pt")


def test_image_predictor_round_trip(tmp_path):
    blur = torch.nn.AvgPool2d(3, stride=1, padding=1)
    denoiser = DNNDenoiser.from_module(blur, predicts="image")
    save(denoiser, tmp_path / "blur")
    with pytest.raises(ValueError, match=r"NoiseFromImage\(torch.nn.*AvgPool2d\)"):
        load(tmp_path / "blur")
    again = load(tmp_path / "blur", NoiseFromImage(blur))
    np.testing.assert_array_equal(again.transform(X), denoiser.transform(X))


def test_from_module():
    torch.manual_seed(0)
    network = DilatedUNet(width=4).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    # The untrained network treats nearly the whole image as noise.
    message = "DilatedUNet nearly returns its input"
    with pytest.warns(UserWarning, match=message) as records:
        of_noise = DNNDenoiser.from_module(network)
    assert {record.filename for record in records} == {__file__}
    expected = of_noise.transform(X)

    class Image(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self, y):
            return y - self.inner(y)

    of_image = DNNDenoiser.from_module(Image(), predicts="image", image_shape=(12, 12))
    np.testing.assert_allclose(of_image.transform(X), expected, atol=1e-6)
    rows = of_image.transform(X.reshape(12, -1))
    np.testing.assert_allclose(rows, expected.reshape(12, -1), atol=1e-6)
    assert 0 < of_noise.score(X) < 40
    assert of_noise.n_steps_ == len(of_noise.loss_curve_) == 0

    # A clone trains a copy of the network. The user's network does not change.
    tuned = clone(of_noise).set_params(max_steps=1, learning_rate=1e-7).fit(X)
    np.testing.assert_allclose(tuned.transform(X), expected, atol=1e-4)
    assert not np.array_equal(tuned.transform(X), expected)
    assert network.training
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    frozen = clone(FrozenEstimator(of_noise))
    np.testing.assert_array_equal(frozen.transform(X), expected)
    again = pickle.loads(pickle.dumps(of_noise))
    np.testing.assert_array_equal(again.transform(X), expected)


def test_bad_modules():
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module"):
        DNNDenoiser.from_module(lambda y: y)
    with pytest.raises(ValueError, match=r"'predicts' .*Got 'score'"):
        DNNDenoiser.from_module(nn.Identity(), predicts="score")
    with pytest.raises(
        ValueError, match=r"n_channels=1, .* takes images with n_channels=3"
    ):
        DNNDenoiser.from_module(nn.Conv2d(3, 3, 3, padding=1), n_channels=1)
    assert DNNDenoiser.from_module(nn.Conv2d(3, 3, 3, padding=1)).n_channels_in_ == 3
    # This network takes 128x128 only, as many values as four channels of 64x64.
    linear = nn.Sequential(nn.Flatten(), nn.Linear(2**14, 1), nn.Linear(1, 2**14))
    one_size = nn.Sequential(linear, nn.Unflatten(1, (1, 128, 128)))
    assert DNNDenoiser.from_module(one_size).n_channels_in_ == 1
    denoiser = DNNDenoiser.from_module(nn.AvgPool2d(2))
    with pytest.raises(
        ValueError, match=r"The network must .*\(12, 1, 12, 12\); got .*\(12, 1, 6, 6\)"
    ):
        denoiser.transform(X)
