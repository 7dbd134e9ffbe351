"""Photographs of the user: reading on access, file types, damaged files."""

import pickle
import re
import struct
import sys
import zlib

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.model_selection import train_test_split

from sklearn_gahb.datasets import load_image_folder


def random_image(*shape, seed=0):
    return np.random.RandomState(seed).randint(256, size=shape).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Folder of five gray images of 20x30, 21x31, ... pixels, and other files."""
    for i in range(5):
        Image.fromarray(random_image(20 + i, 30 + i, seed=i)).save(
            tmp_path / f"photo_{i}.png"
        )
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._photo_0.png").write_bytes(b"what some systems leave behind")
    return tmp_path


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_images_in_the_order_of_their_names(folder):
    data = load_image_folder(folder)
    assert data.filenames == [str(folder / f"photo_{i}.png") for i in range(5)]
    assert len(data.images) == 5
    for i, image in enumerate(data.images):
        assert image.dtype == np.uint8
        assert_array_equal(image, random_image(20 + i, 30 + i, seed=i))
    assert_array_equal(data.images[-1], data.images[4])
    assert_array_equal(data.images[np.int64(2)], data.images[2])
    assert str(folder) in data.DESCR
    assert "5 images, gray" in data.DESCR
    with pytest.raises(IndexError):
        data.images[5]
    with pytest.raises(TypeError):
        data.images["photo_0.png"]


def test_files_are_read_on_access(folder):
    data = load_image_folder(folder)
    part = data.images[1:4]
    Image.fromarray(random_image(4, 4, seed=9)).save(folder / "photo_2.png")
    (folder / "photo_3.png").unlink()
    assert len(part) == 3
    assert_array_equal(part[1], random_image(4, 4, seed=9))
    with pytest.raises(OSError, match=r"photo_3.png cannot be read: .*No such file"):
        part[2]


def test_images_can_be_split_and_pickled(folder):
    images = load_image_folder(folder).images
    train, test = train_test_split(images, test_size=2, random_state=0)
    assert sorted(image.shape for image in train + test) == [
        image.shape for image in images
    ]
    copy = pickle.loads(pickle.dumps(images))
    assert_array_equal(copy[3], images[3])
    assert repr(copy) == "<5 image files>"


def test_equal_sizes_make_an_array(folder):
    images = load_image_folder(folder, crop=(16, 18)).images
    assert np.asarray(images).shape == (5, 16, 18)


def test_crop_is_centered(folder):
    images = load_image_folder(folder, crop=10).images
    assert_array_equal(images[0], random_image(20, 30)[5:15, 10:20])


def test_resize(folder):
    gradient = np.add.outer(2 * np.arange(40), np.arange(80)).astype(np.uint8)
    Image.fromarray(gradient).save(folder / "gradient.png")
    shorter = load_image_folder(folder, resize=20).images[0]
    # Pixels are averages of 2x2, except at the border, where the filter is wider.
    expected = gradient.reshape(20, 2, 40, 2).mean(axis=(1, 3))
    assert_allclose(shorter[3:-3, 3:-3], expected[3:-3, 3:-3], atol=1)
    assert load_image_folder(folder, resize=(9, 7)).images[1].shape == (9, 7)
    both = load_image_folder(folder, resize=20, crop=20).images
    assert_array_equal(both[0], shorter[:, 10:30])
    assert np.asarray(both).shape == (6, 20, 20)


def test_resizing_is_antialiased(tmp_path):
    checkerboard = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checkerboard).save(tmp_path / "checkerboard.png")
    small = load_image_folder(tmp_path, resize=16).images[0]
    assert_allclose(small.astype(float), 127.5, atol=6)


def test_color_and_gray(tmp_path):
    rgb = random_image(6, 7, 3)
    Image.fromarray(rgb).save(tmp_path / "a_color.png")
    Image.fromarray(rgb[:, :, 0]).save(tmp_path / "b_gray.png")
    color = load_image_folder(tmp_path, color=True)
    assert_array_equal(color.images[0], rgb)
    assert_array_equal(color.images[1], rgb[:, :, :1].repeat(3, axis=2))
    assert "color" in color.DESCR
    gray = load_image_folder(tmp_path).images
    assert_allclose(gray[0], rgb @ [0.299, 0.587, 0.114], atol=0.51)


def test_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    image = random_image(4, 6)
    Image.fromarray(image).save(tmp_path / "turned.png", exif=exif)
    assert_array_equal(load_image_folder(tmp_path).images[0], np.rot90(image, -1))


def test_16_bits_stay_16_bits(tmp_path):
    """A 12-bit PNG file used to come back as uint8, with 17 levels."""
    levels = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(levels).save(tmp_path / "a.png")
    Image.fromarray(levels).save(tmp_path / "b.tif")
    tifffile.imwrite(tmp_path / "c.tif", levels, byteorder=">")
    tifffile.imwrite(tmp_path / "d.tif", 65535 - levels, photometric="miniswhite")
    for image in load_image_folder(tmp_path).images:
        assert image.dtype == np.uint16
        assert_array_equal(image, levels)
    for image in load_image_folder(tmp_path, color=True).images:
        assert_array_equal(image, levels[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_deep_color_tiff(tmp_path, dtype, planar):
    rgb = 257 * random_image(6, 7, 3).astype(np.uint16)
    rgb = rgb if dtype == np.uint16 else (rgb / 65535).astype(dtype)
    stored = np.moveaxis(rgb, -1, 0) if planar else rgb
    tifffile.imwrite(
        tmp_path / "deep.tif",
        stored,
        photometric="rgb",
        planarconfig="separate" if planar else "contig",
    )
    color = load_image_folder(tmp_path, color=True).images[0]
    assert color.dtype == dtype
    assert_array_equal(color, rgb)
    gray = load_image_folder(tmp_path).images[0]
    assert gray.dtype == dtype
    tolerance = 0.51 if dtype == np.uint16 else 1e-6
    assert_allclose(gray, rgb @ [0.299, 0.587, 0.114], atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_tiff(tmp_path, dtype):
    image = np.random.RandomState(0).normal(size=(9, 8)).astype(dtype)
    tifffile.imwrite(tmp_path / "float.tif", image)
    read = load_image_folder(tmp_path).images[0]
    assert read.dtype == np.promote_types(dtype, np.float32)
    assert_array_equal(read, image)
    small = load_image_folder(tmp_path, resize=(4, 4)).images[0]
    assert small.shape == (4, 4)
    assert small.dtype == read.dtype


def test_resized_16_bits(tmp_path):
    image = np.add.outer(500 * np.arange(40), 300 * np.arange(80)).astype(np.uint16)
    Image.fromarray(image).save(tmp_path / "gradient.png")
    small = load_image_folder(tmp_path, resize=20).images[0]
    assert small.dtype == np.uint16
    expected = image.reshape(20, 2, 40, 2).mean(axis=(1, 3))
    assert_allclose(small[3:-3, 3:-3], expected[3:-3, 3:-3], atol=1)


def test_missing_tifffile_is_named(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "float.tif", np.ones((4, 4)))
    monkeypatch.setitem(sys.modules, "tifffile", None)
    images = load_image_folder(tmp_path).images
    with pytest.raises(ImportError, match="pip install tifffile"):
        images[0]


def test_frames_that_are_not_read_are_counted(tmp_path):
    frames = random_image(5, 8, 9)
    tifffile.imwrite(tmp_path / "stack.tif", frames, photometric="minisblack")
    tifffile.imwrite(
        tmp_path / "stack_float.tif", frames / 255, photometric="minisblack"
    )
    images = load_image_folder(tmp_path).images
    with pytest.warns(UserWarning, match=r"stack.tif has 5 frames, .* the first"):
        assert_array_equal(images[0], frames[0])
    with pytest.warns(UserWarning, match=r"stack_float.tif has 5 frames"):
        assert_array_equal(images[1], frames[0] / 255)


def test_lost_bits_are_named(tmp_path):
    """Pillow reads 8 of the 16 bits of color PNG files."""
    rgb = 257 * random_image(4, 5, 3).astype(np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rgb)
    size = struct.pack(">IIBBBBB", 5, 4, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", size), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        content += struct.pack(">I", len(data)) + name + data + checksum
    (tmp_path / "deep.png").write_bytes(content)
    images = load_image_folder(tmp_path, color=True).images
    with pytest.warns(UserWarning, match=r"deep.png has 16 bits per color.*TIFF"):
        assert_array_equal(images[0], rgb // 257)


def test_one_array_has_one_dtype(tmp_path):
    Image.fromarray(random_image(4, 5)).save(tmp_path / "a.png")
    Image.fromarray(random_image(4, 5).astype(np.uint16)).save(tmp_path / "b.png")
    images = load_image_folder(tmp_path).images
    with pytest.raises(ValueError, match=r"uint16, uint8.*list\(images\)"):
        np.asarray(images)
    assert np.asarray(images[1:]).dtype == np.uint16


@pytest.mark.parametrize("color", [False, True])
def test_palettes_bilevel_and_transparency(tmp_path, color):
    rgb = 85 * np.random.RandomState(0).randint(4, size=(8, 8, 1)).astype(np.uint8)
    rgb = rgb.repeat(3, axis=2)
    alpha = random_image(8, 8, 1)
    palette = Image.fromarray(rgb).quantize(colors=4)
    palette.save(tmp_path / "a_palette.png", transparency=bytes([0, 90, 180, 255]))
    Image.fromarray(np.concatenate([rgb, alpha], axis=2)).save(tmp_path / "b_rgba.png")
    Image.fromarray(np.concatenate([rgb[:, :, :1], alpha], axis=2)).save(
        tmp_path / "c_la.png"
    )
    Image.fromarray(rgb[:, :, 0] > 100).save(tmp_path / "d_bilevel.png")
    opaque = np.full_like(alpha, 255)
    Image.fromarray(np.concatenate([rgb, opaque], axis=2)).save(tmp_path / "e_rgba.png")
    images = load_image_folder(tmp_path, color=color).images
    expected = rgb if color else rgb[:, :, 0]
    for i in range(3):
        with pytest.warns(UserWarning, match=r"transparent pixels.* dropped"):
            assert_array_equal(images[i], expected)
    assert_array_equal(images[3], 255 * (expected > 100))
    assert_array_equal(images[4], expected)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint32])
def test_integers_of_unknown_range_are_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "deep.tif", np.ones((4, 4), dtype=dtype))
    images = load_image_folder(tmp_path).images
    message = rf"deep.tif cannot be read.* {np.dtype(dtype)}, .*8 or 16 bits"
    with pytest.raises(OSError, match=message):
        images[0]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp", ".gif"])
def test_truncated_file_is_named(tmp_path, suffix):
    Image.fromarray(random_image(40, 40)).save(tmp_path / f"whole{suffix}")
    Image.fromarray(random_image(40, 40)).save(tmp_path / f"broken{suffix}")
    truncate(tmp_path / f"broken{suffix}")
    images = load_image_folder(tmp_path).images
    assert images[1].shape == (40, 40)
    with pytest.raises(OSError, match=rf"broken{re.escape(suffix)} cannot be read"):
        images[0]


def test_eps_files_are_not_run(tmp_path):
    """Pillow would give them to Ghostscript, whatever their extension."""
    (tmp_path / "photo.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n"
    )
    with pytest.raises(OSError, match=r"photo\.png cannot be read: cannot identify"):
        load_image_folder(tmp_path).images[0]


def test_others_load_when_errors_are_skipped(folder):
    truncate(folder / "photo_1.png")
    (folder / "photo_3.png").write_bytes(b"")
    (folder / "photo_5.jpg").write_text("no image either")
    with pytest.warns(UserWarning, match="left out") as caught:
        data = load_image_folder(folder, on_error="skip")
    assert len(caught) == 3
    for warning, name in zip(caught, ("photo_1", "photo_3", "photo_5"), strict=True):
        assert re.search(rf"{name}\.\w+ cannot be read.*left out", str(warning.message))
        assert warning.filename == __file__
    assert [image.shape for image in data.images] == [(20, 30), (22, 32), (24, 34)]
    assert data.filenames == [str(folder / f"photo_{i}.png") for i in (0, 2, 4)]


def test_images_smaller_than_the_crop(folder):
    images = load_image_folder(folder, crop=22).images
    assert images[2].shape == (22, 22)
    with pytest.raises(ValueError, match=r"photo_0.png has 20x30.*crop=\(22, 22\)"):
        images[0]
    with pytest.warns(UserWarning, match=r"photo_[01].png has 2.x3.*left out"):
        data = load_image_folder(folder, crop=22, on_error="skip")
    assert len(data.images) == 3
    with pytest.raises(ValueError, match=r"None of the 5 image files.*photo_0.png"):
        load_image_folder(folder, crop=99, on_error="skip")


def test_extensions_and_subfolders(folder):
    (folder / "more").mkdir()
    Image.fromarray(random_image(4, 5)).save(folder / "more" / "UPPER.BMP")
    assert len(load_image_folder(folder).images) == 5
    assert len(load_image_folder(folder, recursive=True).images) == 6
    data = load_image_folder(str(folder), recursive=True, extensions=[".bmp"])
    assert data.filenames == [str(folder / "more" / "UPPER.BMP")]


def test_folder_without_images(tmp_path):
    with pytest.raises(ValueError, match=r"no files with the extensions .*recursive"):
        load_image_folder(tmp_path)
    with pytest.raises(ValueError, match=r"no files with the extensions \.png\.$"):
        load_image_folder(tmp_path, extensions=[".png"], recursive=True)


def test_path_that_is_no_folder(folder):
    with pytest.raises(NotADirectoryError, match="nowhere does not exist"):
        load_image_folder(folder / "nowhere")
    with pytest.raises(NotADirectoryError, match=r"notes.txt is a file"):
        load_image_folder(folder / "notes.txt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": 3}, r"'path'.*Got 3 instead"),
        ({"color": 2}, r"'color'.*Got 2 instead"),
        ({"crop": 0}, r"crop must be a positive int or a pair.*Got 0 instead"),
        ({"crop": (8, -1)}, r"crop must be.*Got \(8, -1\) instead"),
        ({"crop": (8, 8, 8)}, r"crop must be.*Got \(8, 8, 8\) instead"),
        ({"resize": 0.5}, r"'resize'.*Got 0.5 instead"),
        ({"resize": (8.0, 8.0)}, r"resize must be.*Got \(8.0, 8.0\) instead"),
        ({"extensions": ["png"]}, r"extensions.*start with a dot.*Got 'png' instead"),
        ({"extensions": ".png"}, r"'extensions'.*Got '.png' instead"),
        ({"recursive": "yes"}, r"'recursive'.*Got 'yes' instead"),
        ({"on_error": "ignore"}, r"'on_error'.*Got 'ignore' instead"),
    ],
)
def test_bad_arguments(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        load_image_folder(**{"path": folder} | arguments)
