"""The contract on images that every denoiser must satisfy."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklearn_gahb import (
    BM3DDenoiser,
    DNNDenoiser,
    GaussianNoise,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    make_psnr_scorer,
)
from sklearn_gahb.datasets import load_image_folder

RNG = np.random.RandomState(0)
GRAY = RNG.rand(6, 9, 12)
COLOR = RNG.rand(6, 9, 12, 3)

tiny_network = DNNDenoiser(width=4, depth=1, max_steps=3, device="cpu", random_state=0)
DENOISERS = [
    WaveletThresholdDenoiser(noise_std=0.1),
    WienerDenoiser(noise_std=0.1),
    tiny_network,
]
each_denoiser = pytest.mark.parametrize(
    "denoiser", DENOISERS, ids=lambda d: type(d).__name__
)


@pytest.fixture
def denoiser(request):
    return clone(request.param)


@each_denoiser
def test_layouts_agree(denoiser):
    stack = clone(denoiser).fit(GRAY).transform(GRAY)
    assert stack.shape == GRAY.shape
    one_channel = clone(denoiser).fit(GRAY[..., None]).transform(GRAY[..., None])
    np.testing.assert_array_equal(one_channel[..., 0], stack)
    rows = GRAY.reshape(6, -1)
    by_rows = clone(denoiser).set_params(image_shape=(9, 12)).fit(rows)
    np.testing.assert_array_equal(by_rows.transform(rows), stack.reshape(6, -1))
    np.testing.assert_array_equal(by_rows.transform(GRAY), stack)
    photos = by_rows.transform(list(GRAY))
    assert isinstance(photos, list)
    np.testing.assert_allclose(photos, stack, atol=1e-5)
    tensor = by_rows.transform(torch.tensor(GRAY))
    assert isinstance(tensor, torch.Tensor)
    assert not tensor.requires_grad
    np.testing.assert_array_equal(tensor, stack)


@each_denoiser
def test_color_rows_follow_numpy_reshape(denoiser):
    stack = clone(denoiser).fit(COLOR).transform(COLOR)
    rows = COLOR.reshape(6, -1)
    by_rows = clone(denoiser).set_params(image_shape=(9, 12, 3)).fit(rows)
    np.testing.assert_array_equal(by_rows.transform(rows), stack.reshape(6, -1))


@each_denoiser
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("uint8", "float32"),
        ("uint16", "float32"),
        ("int8", "float32"),
        ("int64", "float64"),
        ("float16", "float32"),
        ("bool", "float32"),
        ("object", "float64"),
        (">f4", "float32"),
    ],
)
def test_dtypes(denoiser, dtype, expected):
    scale = {"uint8": 255, "uint16": 65535, "int64": 255}.get(dtype, 1)
    X = (scale * GRAY).round(3).astype(dtype)
    before = X.copy()
    denoiser = clone(denoiser).set_params(data_range=scale)
    assert denoiser.fit(X).transform(X).dtype == expected
    np.testing.assert_array_equal(X, before)


@each_denoiser
def test_unsigned_integers_mean_fractions(denoiser):
    X = (255 * GRAY).astype(np.uint8)
    denoiser = clone(denoiser).fit(X)
    fractions = X.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(denoiser.transform(X), denoiser.transform(fractions))


@each_denoiser
def test_read_only_memmap_and_strided_views(denoiser, tmp_path):
    np.save(tmp_path / "images.npy", GRAY)
    X = np.load(tmp_path / "images.npy", mmap_mode="r")
    denoiser = clone(denoiser).fit(X)
    expected = denoiser.transform(GRAY)
    np.testing.assert_array_equal(denoiser.transform(X), expected)
    flipped = denoiser.transform(np.ascontiguousarray(GRAY[:, ::-1]))
    np.testing.assert_array_equal(denoiser.transform(X[:, ::-1]), flipped)


@each_denoiser
@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.full((2, 8, 8), np.nan), ValueError, "X contains NaN"),
        (np.full((2, 8, 8), np.inf), ValueError, "X contains infinity"),
        (torch.full((2, 8, 8), torch.nan), ValueError, "X contains NaN"),
        (np.empty((0, 8, 8)), ValueError, r"0 sample\(s\)"),
        (np.empty((2, 0, 8)), ValueError, "holds no pixels"),
        (np.ones((8, 8)), ValueError, r"single image, pass X\[None\]"),
        (np.ones(8), ValueError, "Reshape your data"),
        (np.ones((2, 3, 8, 8)), ValueError, r"np.moveaxis\(X, 1, -1\)"),
        (np.ones((2, 2, 8, 8, 1)), ValueError, r"expected \(n_images, height, width\)"),
        (np.full((2, 8, 8), "gray"), ValueError, "strings"),
        (csr_array(np.eye(8)), TypeError, "dense data is required"),
        (np.ones((2, 8, 8), complex), ValueError, "Complex data not supported"),
        (torch.ones((2, 8, 8), dtype=torch.complex64), ValueError, "complex tensor"),
        (
            [np.ones((8, 8)), np.ones((8, 8, 3))],
            ValueError,
            r"mixes images of \[1, 3\]",
        ),
        (
            [np.ones((8, 8)), np.full((8, 8), np.nan)],
            ValueError,
            r"X\[1\] contains NaN",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_bad_images(denoiser, X, error, message):
    denoiser = clone(denoiser)
    with pytest.raises(error, match=message):
        denoiser.fit(X)
    assert not [name for name in vars(denoiser) if name.endswith("_")]
    denoiser.fit(GRAY)
    state = {name: id(value) for name, value in vars(denoiser).items()}
    with pytest.raises(error, match=message):
        denoiser.transform(X)
    with pytest.raises(error, match=message):
        denoiser.fit(X)
    assert {name: id(value) for name, value in vars(denoiser).items()} == state


@each_denoiser
def test_bad_rows_and_channels(denoiser):
    by_rows = clone(denoiser).set_params(image_shape=(9, 12)).fit(GRAY)
    with pytest.raises(ValueError, match=r"X has 107 features, but .* 108 features"):
        by_rows.transform(GRAY.reshape(6, -1)[:, 1:])
    with pytest.raises(
        ValueError,
        match=r"X has 3 channels, but .* expecting 1 as input. .* as a stack",
    ):
        by_rows.transform(COLOR)
    with pytest.raises(ValueError, match="cannot form images of image_shape"):
        clone(denoiser).set_params(image_shape=(7, 7)).fit(GRAY.reshape(6, -1))
    with pytest.raises(ValueError, match="must be"):
        clone(denoiser).set_params(image_shape=(108,)).fit(GRAY.reshape(6, -1))
    with pytest.raises(ValueError, match="cannot form images of image_shape"):
        clone(denoiser).set_params(image_shape=(9.0, 12)).fit(GRAY.reshape(6, -1))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (Bunch(images=GRAY, DESCR="six images"), r"a Bunch .* such as X\.images"),
        ({"train": GRAY}, r"a dict with the keys \['train'\].* such as X\[key\]"),
        ("photo.png", "X='photo.png' is a path.*load_image_folder"),
        (Path("photo.png"), "X='photo.png' is a path.*load_image_folder"),
        (["a.png", "b.png"], r"X\[0\]='a.png' is a path.*load_image_folder"),
        ([Path("a.png")], r"X\[0\]='a.png' is a path.*load_image_folder"),
        ([Bunch(images=GRAY)], r"such as X\[0\]\.images"),
    ],
)
@pytest.mark.parametrize("estimator", [DENOISERS[0], GaussianNoise(0.1)])
def test_what_is_not_images(estimator, X, message):
    with pytest.raises(TypeError, match=message):
        clone(estimator).fit(X)
    with pytest.raises(TypeError, match=message):
        clone(estimator).fit(GRAY).transform(X)


def test_clean_images_in_a_bunch_are_not_labels():
    """Labels are ignored, so a Bunch in their place would be lost silently."""
    denoiser = clone(DENOISERS[0]).fit(GRAY)
    with pytest.raises(TypeError, match=r"y is a Bunch .* such as y\.images"):
        denoiser.score(GRAY, Bunch(images=GRAY))
    assert denoiser.score(GRAY, ["a"] * 6) == pytest.approx(20, abs=10)


@pytest.mark.filterwarnings("ignore:noise_std=.* is very low")
def test_alpha_channels_warn():
    color = RNG.rand(2, 9, 12, 4)
    cut_out = np.where(RNG.rand(2, 9, 12, 1) < 0.5, 0.0, 1.0)
    opaque = np.ones((2, 9, 12, 1))
    denoiser = DENOISERS[0]
    for alpha in (opaque, cut_out):
        rgba = np.concatenate([color[..., :3], alpha], axis=3)
        for X in (
            rgba,
            255 * rgba,
            np.uint8(255 * rgba),
            torch.from_numpy(rgba),
            list(rgba),
        ):
            with pytest.warns(UserWarning, match=r"alpha .* pass X\[..., :3\]"):
                clone(denoiser).fit(X)
    for X in (color, 0 * rgba, rgba[..., :3], rgba[..., 3:]):
        clone(denoiser).fit(X)


@pytest.mark.parametrize("n", [3, 4])
def test_narrow_stacks_warn(n):
    X = np.ones((8, 8, n))
    with pytest.warns(UserWarning, match=rf"8 gray images of 8x{n} pixels"):
        WaveletThresholdDenoiser(noise_std=0.1).fit(X)
    WaveletThresholdDenoiser(noise_std=0.1).fit(X[..., None])


def test_one_color_photograph_is_an_error_before_it_takes_time():
    """Hundreds of images of 512x3 pixels take minutes with some denoisers."""
    photo = np.ones((512, 500, 3))
    denoiser = WaveletThresholdDenoiser(noise_std=0.1).fit(COLOR)
    for method in (denoiser.fit, denoiser.transform, denoiser.score):
        with pytest.raises(ValueError, match=r"512 gray .* X\[None\].* X\[..., None\]"):
            method(photo)


@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform", "score"])
def test_warnings_point_at_the_caller(method):
    """This holds through scikit-learn's decorators and from inside a pipeline."""
    denoiser = WaveletThresholdDenoiser(noise_std=0.1).fit(GRAY)
    for estimator in (denoiser, make_pipeline(denoiser)):
        with pytest.warns(UserWarning, match="8 gray images of 8x3 pixels") as records:
            getattr(estimator, method)(np.eye(8)[..., None] * np.ones(3))
        assert {record.filename for record in records} == {__file__}


def test_warnings_of_workers_point_at_what_warns():
    """A worker has no user code in its call stack, only the code of the thread."""
    denoiser = WaveletThresholdDenoiser(noise_std=0.1).fit(GRAY)
    narrow = np.ones((8, 8, 3))
    with (
        pytest.warns(UserWarning, match="8 gray images") as records,
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(denoiser.transform, narrow).result()
    assert {Path(record.filename).name for record in records} == {"images.py"}


@each_denoiser
def test_one_array_is_clean_and_two_are_degraded_and_clean(denoiser):
    noisy = GaussianNoise(0.1, random_state=0).transform(GRAY)
    denoiser = clone(denoiser).set_params(random_state=0).fit(noisy, GRAY)
    assert denoiser.score(GRAY) == denoiser.score(noisy, GRAY)
    assert denoiser.score(GRAY, np.arange(6)) == denoiser.score(GRAY)
    assert denoiser.score(list(GRAY)) == pytest.approx(denoiser.score(GRAY), abs=1e-4)


@each_denoiser
def test_degraded_equal_to_clean_is_an_error(denoiser):
    denoiser = clone(denoiser)
    with pytest.raises(ValueError, match="X equals y"):
        denoiser.fit(GRAY, GRAY.astype(np.float32).astype(np.float64) * 0 + GRAY)
    denoiser.fit(GRAY)
    with pytest.raises(ValueError, match="X equals y"):
        denoiser.score(GRAY, GRAY)
    noisy = GRAY + 0.1
    noisy[2] = GRAY[2]
    with pytest.raises(ValueError, match="1 of the 6 images in X equal those in y"):
        denoiser.score(noisy, GRAY)
    with pytest.raises(ValueError, match=r"y has shape \(6, 9, 11\)"):
        denoiser.fit(GRAY, GRAY[:, :, 1:])
    with pytest.raises(ValueError, match=r"pass y.ravel\(\)"):
        denoiser.fit(GRAY, np.zeros((6, 1)))


@each_denoiser
def test_score_of_one_array_needs_a_level(denoiser):
    denoiser = clone(denoiser).set_params(noise_std=None).fit(GRAY)
    with pytest.raises(ValueError, match=r"noise_std.*make_psnr_scorer"):
        denoiser.score(GRAY)


@each_denoiser
@pytest.mark.parametrize("noise_std", [-0.1, "loud", (0.1, 0.2)])
def test_bad_noise_std(denoiser, noise_std):
    with pytest.raises(ValueError, match="'noise_std' parameter"):
        clone(denoiser).set_params(noise_std=noise_std).fit(GRAY)


@each_denoiser
def test_feature_names_and_set_output(denoiser):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(GRAY.reshape(6, -1)).rename(columns="p{}".format)
    denoiser = clone(denoiser).set_params(image_shape=(9, 12)).fit(frame)
    denoised = denoiser.set_output(transform="pandas").transform(frame)
    assert list(denoised.columns) == list(frame.columns)
    assert denoiser.n_features_in_ == 108
    assert np.isfinite(denoiser.score(frame))
    assert np.isfinite(make_psnr_scorer(0.1)(denoiser, frame))


@pytest.mark.parametrize("estimator", [DENOISERS[0], GaussianNoise(0.1)])
@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_frames_of_stacks_are_an_error_that_names_image_shape(estimator, container):
    estimator = clone(estimator).fit(GRAY).set_output(transform=container)
    for X in (GRAY, GRAY[..., None], torch.from_numpy(GRAY), list(GRAY)):
        with pytest.raises(ValueError, match=f"{container}.*image_shape"):
            estimator.transform(X)
    estimator.set_output(transform="default")
    assert estimator.transform(GRAY).shape == GRAY.shape


@each_denoiser
def test_score_does_not_depend_on_the_configured_output(denoiser):
    denoiser = clone(denoiser).set_params(random_state=0).fit(GRAY)
    expected = denoiser.score(GRAY)
    with config_context(transform_output="pandas"):
        assert denoiser.score(GRAY) == expected
        assert denoiser.score(list(GRAY)) == pytest.approx(expected, abs=1e-4)
        assert np.isfinite(make_psnr_scorer(0.1)(denoiser, GRAY))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BM3DDenoiser(noise_std=0.1).fit(GRAY), r"bm3d.* pip install bm3d\. "),
        (lambda: load_image_folder("."), r"PIL.* pip install pillow\. "),
    ],
)
def test_missing_packages_are_installed_from_the_index(monkeypatch, call, message):
    for module in ("bm3d", "PIL"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=message):
        call()


@each_denoiser
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (2, 5), (13, 17), (33, 64)])
def test_any_size(denoiser, size):
    X = RNG.rand(3, *size)
    denoised = clone(denoiser).fit(X).transform(X)
    assert denoised.shape == X.shape
    assert np.isfinite(denoised).all()
