"""Patches of photographs: their positions, and subsets without common photographs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_sample_image
from sklearn.model_selection import GroupKFold

from sklearn_gahb.datasets import load_photo_patches

NAMES = ["aero", "ascent", "camera", "china", "flower"]


def test_training_and_test_share_no_photograph():
    train = load_photo_patches(16, 500, subset="train", random_state=0)
    test = load_photo_patches(16, 500, subset="test", random_state=0)
    assert set(train.groups) == set(train.photos) == {"aero", "ascent", "china"}
    assert set(test.groups) == set(test.photos) == {"camera", "flower"}


def test_patches_are_parts_of_their_photograph():
    data = load_photo_patches(24, 60, subset="all", random_state=0)
    assert data.images.dtype == np.uint8
    for patch, name in zip(data.images, data.groups, strict=True):
        photo = data.photos[name]
        # One of the windows with the same first row must match the whole patch.
        windows = np.lib.stride_tricks.sliding_window_view(photo, (1, 24))[:, :, 0]
        rows, columns = np.nonzero((windows == patch[0]).all(axis=-1))
        assert any(
            np.array_equal(photo[i : i + 24, j : j + 24], patch)
            for i, j in zip(rows, columns, strict=True)
        )


def test_patches_are_drawn_uniformly():
    data = load_photo_patches(128, 4000, subset="all", random_state=0)
    counts = np.array([np.sum(data.groups == name) for name in NAMES])
    positions = np.array([385 * 385] * 3 + [300 * 513] * 2)
    expected = 4000 * positions / positions.sum()
    assert_allclose(counts, expected, atol=5 * np.sqrt(800))


def test_tiling_covers_every_photograph_once():
    data = load_photo_patches(61, None, subset="all")
    for name in NAMES:
        tiles = data.images[data.groups == name]
        rows, columns = (length // 61 for length in data.photos[name].shape)
        mosaic = tiles.reshape(rows, columns, 61, 61).swapaxes(1, 2)
        assert_array_equal(
            mosaic.reshape(61 * rows, 61 * columns),
            data.photos[name][: 61 * rows, : 61 * columns],
        )


def test_gray_is_the_luma_of_bt601():
    photos = load_photo_patches(8, 1, subset="all").photos
    for name in ("china", "flower"):
        luma = load_sample_image(f"{name}.jpg") @ [0.299, 0.587, 0.114]
        assert_allclose(photos[name], luma, atol=0.51)
        assert photos[name].shape == (427, 640)


def test_color():
    train = load_photo_patches(16, 20, color=True, random_state=0)
    test = load_photo_patches(16, 20, subset="test", color=True, random_state=0)
    assert set(train.groups) == {"china"}
    assert set(test.groups) == {"flower"}
    assert train.images.shape == (20, 16, 16, 3)
    assert_array_equal(train.photos["china"], load_sample_image("china.jpg"))
    tiles = load_photo_patches(61, None, color=True).images
    assert_array_equal(tiles[1], train.photos["china"][:61, 61:122])


def test_groups_work_in_cross_validation():
    data = load_photo_patches(8, 300, subset="all", random_state=0)
    for train, test in GroupKFold(n_splits=5).split(data.images, groups=data.groups):
        assert not set(data.groups[train]) & set(data.groups[test])


def test_test_photos_are_chosen():
    train = load_photo_patches(8, 200, test_photos=["aero"], random_state=0)
    test = load_photo_patches(8, 5, subset="test", test_photos=["aero"])
    assert set(train.groups) == {"ascent", "camera", "china", "flower"}
    assert list(test.photos) == ["aero"]


def test_random_state():
    data = load_photo_patches(16, 300, random_state=3)
    fewer = load_photo_patches(16, 100, random_state=3)
    assert_array_equal(fewer.images, data.images[:100])
    assert_array_equal(fewer.groups, data.groups[:100])
    other = load_photo_patches(16, 100, random_state=4)
    assert not np.array_equal(other.images, fewer.images)


def test_photographs_are_copies():
    data = load_photo_patches(8, 1, subset="all")
    data.photos["aero"][:] = 0
    assert load_photo_patches(8, 1, subset="all").photos["aero"].max() == 255


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patch_size": 0}, r"'patch_size'.*Got 0 instead"),
        ({"patch_size": 500}, r"patch_size must be at most 427.*'china'. Got 500"),
        ({"n_patches": 0}, r"'n_patches'.*Got 0 instead"),
        ({"subset": "validation"}, r"'subset'.*Got 'validation' instead"),
        ({"test_photos": "camera"}, r"'test_photos'.*Got 'camera' instead"),
        ({"test_photos": ["lena"]}, r"test_photos.*aero.*Got 'lena' instead"),
        ({"test_photos": NAMES}, r"leaves no photograph for subset='train'"),
        ({"test_photos": [], "subset": "test"}, r"no photograph for subset='test'"),
        (
            {"test_photos": ["aero"], "subset": "test", "color": True},
            r"no photograph for subset='test'. The photographs are china, flower",
        ),
        ({"color": "rgb"}, r"'color'.*Got 'rgb' instead"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_photo_patches(**arguments)
