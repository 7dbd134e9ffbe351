"""Published image sets: contents, checksums, and errors without a network."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pooch
import pytest
import requests
from PIL import Image

from sklearn_gahb.datasets import (
    fetch_bsd68,
    fetch_bsd400,
    fetch_bsds500,
    fetch_files,
    fetch_set12,
    get_data_home,
)
from sklearn_gahb.datasets._registry import make_registry

FETCHERS = [fetch_bsd400, fetch_bsd68, fetch_bsds500, fetch_set12]

needs_data = pytest.mark.skipif(
    not Path(os.environ.get("SKLEARN_GAHB_DATA", "/nowhere"), "set12").is_dir(),
    reason="SKLEARN_GAHB_DATA names no folder with set12, set68 and bsd400",
)


@pytest.fixture
def requested(monkeypatch):
    """URLs of the requests. No connection is made, and every request fails."""
    urls = []

    def refuse(url, **options):
        urls.append(url)
        raise requests.exceptions.ConnectionError("no network")

    monkeypatch.setattr(requests, "get", refuse)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return urls


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Contents by URL for a registry of two images, served without a network."""
    contents, checksums = {}, {}
    for i in (1, 2):
        path = tmp_path / f"{i}.png"
        Image.fromarray(np.full((4, 5), i, dtype=np.uint8)).save(path)
        contents[f"https://example.org/set12/{i}.png"] = path.read_bytes()
        checksums[f"set12/{i}.png"] = hashlib.sha256(path.read_bytes()).hexdigest()

    def make_small_registry(data_home):
        return pooch.create(data_home, "https://example.org/", registry=checksums)

    def download(self, url, output_file, registry):
        Path(output_file).write_bytes(contents[url])

    monkeypatch.setattr(
        "sklearn_gahb.datasets._registry.make_registry", make_small_registry
    )
    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    return contents


@needs_data
@pytest.mark.parametrize(
    ("fetch", "n_images", "sizes"),
    [
        (fetch_bsd400, 400, {(180, 180)}),
        (fetch_bsd68, 68, {(321, 481), (481, 321)}),
        (fetch_set12, 12, {(256, 256), (512, 512)}),
    ],
)
def test_published_sets(fetch, n_images, sizes, requested):
    data = fetch()
    assert isinstance(data.images, list)
    assert len(data.images) == len(data.filenames) == n_images
    assert {image.shape for image in data.images} == sizes
    assert all(image.dtype == np.uint8 for image in data.images)
    assert data.filenames == sorted(data.filenames)
    assert "doi" in data.DESCR
    assert not requested


@needs_data
@pytest.mark.parametrize(("subset", "n_images"), [("train", 200), ("val", 100)])
def test_bsds500(subset, n_images, requested):
    data = fetch_bsds500(subset)
    assert len(data.images) == len(data.filenames) == n_images
    assert {image.shape for image in data.images} == {(321, 481, 3), (481, 321, 3)}
    assert all(image.dtype == np.uint8 for image in data.images)
    assert [Path(name).parent.name for name in data.filenames] == [subset] * n_images
    assert not requested
    if subset == "train":
        assert "contours" not in data
        return
    assert len(data.contours) == n_images
    for image, contours in zip(data.images, data.contours, strict=True):
        assert contours.dtype == bool
        assert contours.shape[1:] == image.shape[:2]
        assert len(contours) >= 4
    # Contours follow edges: colors change more there than elsewhere.
    ratios = []
    for image, contours in zip(data.images[:20], data.contours[:20], strict=True):
        steps = np.hypot(*np.gradient(image.mean(axis=2)))
        near = contours.mean(axis=0) >= 0.5
        ratios.append(steps[near].mean() / steps[~near].mean())
    assert np.median(ratios) > 1.5


@needs_data
def test_bsd68_is_part_of_bsds500():
    """Both sets hold the same photographs; BSD68 is gray."""
    gray = [image.mean(axis=2) for image in fetch_bsds500("val").images]
    for photo in fetch_bsd68().images[:3]:
        errors = [
            np.abs(one - photo).mean() for one in gray if one.shape == photo.shape
        ]
        assert min(errors) < 8 < np.sort(errors)[1]


@needs_data
def test_set12_is_in_the_usual_order(requested):
    sizes = [len(image) for image in fetch_set12().images]
    # Lena, Barbara, boat, man and couple have 512x512 pixels.
    assert sizes == [256] * 7 + [512] * 5


def test_registry_holds_all_files():
    registry = make_registry("anywhere")
    folders = [name.partition("/")[0] for name in registry.registry_files]
    counts = {folder: folders.count(folder) for folder in folders}
    assert counts == {
        "bsd400": 400,
        "bsds500": 600,
        "set12": 12,
        "set68": 68,
        "weights": 5,
    }
    for name in registry.registry_files:
        assert len(registry.registry[name]) == 64
        # URLs contain a commit, so their contents never change.
        assert registry.get_url(name).split("/")[2] == "raw.githubusercontent.com"
        assert len(registry.get_url(name).split("/")[5]) == 40


def test_missing_files_are_downloaded_once(served, tmp_path):
    data = fetch_set12(data_home=tmp_path / "home")
    assert [image.max() for image in data.images] == [1, 2]
    assert data.filenames[1] == str(tmp_path / "home" / "set12" / "2.png")
    served.clear()
    assert len(fetch_set12(data_home=tmp_path / "home").images) == 2
    (tmp_path / "home" / "set12" / "1.png").unlink()
    with pytest.raises(OSError, match=r"1.png is missing"):
        fetch_set12(data_home=tmp_path / "home", download_if_missing=False)


def test_missing_files_are_counted(served, tmp_path):
    """The registry has two files."""
    with pytest.raises(OSError, match=r"1.png is missing.*2.png is missing too. \S+ l"):
        fetch_set12(data_home=tmp_path / "home", download_if_missing=False)
    served["https://example.org/set12/2.png"] = b"damaged"
    with pytest.raises(OSError, match=r"2.png is missing") as caught:
        fetch_set12(data_home=tmp_path / "home")
    assert "missing too" not in str(caught.value)
    assert "more files" not in str(caught.value)


def test_damaged_download_is_not_kept(served, tmp_path):
    served["https://example.org/set12/2.png"] = b"damaged"
    with pytest.raises(OSError, match=r"2.png is missing.*does not match the known"):
        fetch_set12(data_home=tmp_path / "home")
    assert os.listdir(tmp_path / "home" / "set12") == ["1.png"]


@pytest.mark.parametrize("fetch", FETCHERS)
def test_without_network(fetch, tmp_path, requested):
    with pytest.raises(OSError, match="no network") as caught:
        fetch(data_home=tmp_path)
    message = str(caught.value)
    # A single file is tried three times. The message explains how to add files.
    assert len(requested) == 3
    assert len(set(requested)) == 1
    assert f"Download {requested[0]} and save it as {tmp_path}" in message
    assert "SKLEARN_GAHB_DATA" in message
    assert "more files" in message
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("fetch", FETCHERS)
def test_download_if_missing_is_false(fetch, tmp_path, requested):
    home = tmp_path / "home"
    with pytest.raises(
        OSError, match=r"is missing. Download https://.* and save it as"
    ):
        fetch(data_home=home, download_if_missing=False)
    assert not requested
    assert not home.exists()


@pytest.mark.parametrize("download_if_missing", [False, True])
def test_wrong_checksum(tmp_path, requested, download_if_missing):
    path = tmp_path / "set12" / "03.png"
    path.parent.mkdir()
    path.write_bytes(b"damaged")
    with pytest.raises(OSError, match="SHA256") as caught:
        fetch_set12(data_home=tmp_path, download_if_missing=download_if_missing)
    message = str(caught.value)
    assert str(path) in message
    assert hashlib.sha256(b"damaged").hexdigest() in message
    assert make_registry(tmp_path).registry["set12/03.png"] in message
    assert "Delete it to download it again" in message
    assert path.read_bytes() == b"damaged"
    assert not requested


def test_single_file(tmp_path, requested):
    with pytest.raises(OSError, match=r"bf_cnn_mnist_0-100.pt is missing") as caught:
        fetch_files(["weights/bf_cnn_mnist_0-100.pt"], data_home=tmp_path)
    assert "more files" not in str(caught.value)
    assert requested[0].endswith("BF_CNN/mnist_gray/noise_range_0to100/model.pt")


def test_data_home(monkeypatch, tmp_path):
    monkeypatch.setenv("SKLEARN_GAHB_DATA", str(tmp_path))
    assert get_data_home() == tmp_path
    assert get_data_home("~/images") == Path.home() / "images"
    for unset in (
        lambda: monkeypatch.setenv("SKLEARN_GAHB_DATA", ""),
        lambda: monkeypatch.delenv("SKLEARN_GAHB_DATA"),
    ):
        unset()
        assert get_data_home() == pooch.os_cache("sklearn_gahb")


@pytest.mark.parametrize("fetch", FETCHERS)
def test_bad_arguments(fetch):
    with pytest.raises(ValueError, match=r"'data_home'.*Got 3 instead"):
        fetch(data_home=3)
    with pytest.raises(ValueError, match=r"'download_if_missing'.*Got 'no' instead"):
        fetch(download_if_missing="no")
    with pytest.raises(ValueError, match=r"'data_home'.*Got 3 instead"):
        get_data_home(3)
