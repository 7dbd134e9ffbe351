"""The networks that ship with the package."""

import json
import os
from functools import cache

import numpy as np
import pytest

from sklearn_gahb import (
    DiskPosteriorDenoiser,
    GaussianNoise,
    JacobianBasis,
    WaveletThresholdDenoiser,
    make_psnr_scorer,
    psnr,
    psnr_curve,
)
from sklearn_gahb.checkpoints import load_pretrained, pretrained_card
from sklearn_gahb.checkpoints._pretrained import FOLDER, NAMES
from sklearn_gahb.datasets import (
    fetch_bsd68,
    fetch_bsds500,
    get_data_home,
    load_photo_patches,
    make_c_alpha_images,
    make_disk_images,
)

GRAY_PHOTOS = ("photos-grey", "photos-grey-small")


def need_photographs(name):
    """Skip a test if the photographs are missing."""
    if not (get_data_home() / name).is_dir():
        pytest.skip(f"needs the photographs {name} in SKLEARN_GAHB_DATA")


@cache
def images_of(name):
    """Return the test images of the card."""
    if name in GRAY_PHOTOS:
        return fetch_bsd68().images
    if name == "disks":
        return make_disk_images(200, 32, random_state=100)
    alpha = int(name[-1])
    return make_c_alpha_images(200, 40, alpha=alpha, random_state=100 + alpha)


def test_files_are_complete_and_small():
    files = {name for name in os.listdir(FOLDER) if name[0] != "."}
    assert files == {
        f"{name}.{kind}" for name in NAMES for kind in ("json", "safetensors")
    }
    assert sum((FOLDER / name).stat().st_size for name in files) < 20e6


@pytest.mark.parametrize("name", NAMES)
def test_card_is_that_of_the_network(name):
    card, denoiser = pretrained_card(name), load_pretrained(name)
    assert card["name"] == name
    assert card["parameters"] == denoiser.n_parameters_
    assert card["training"]["steps"] == denoiser.n_steps_ == len(denoiser.loss_curve_)
    parameters = denoiser.get_params()
    recipe = json.dumps({key: parameters[key] for key in card["recipe"]})
    assert json.loads(recipe) == card["recipe"]
    assert {"title", "data", "license", "command"} < set(card)


@pytest.mark.parametrize("name", ["disks", "c-alpha-2", "c-alpha-4", *GRAY_PHOTOS])
def test_psnr_is_that_of_the_card(name):
    some, claimed = slice(None), pretrained_card(name)["psnr"]
    if name in GRAY_PHOTOS:
        need_photographs("set68")
        # A level takes 15 seconds on 68 photographs, so test only 25 of 255.
        at = claimed["noise_std"].index(round(25 / 255, 4))
        some = slice(at, at + 1)
    levels, expected = claimed["noise_std"][some], claimed["output_psnr"][some]
    curve = psnr_curve(load_pretrained(name), images_of(name), levels, random_state=0)
    np.testing.assert_allclose(curve.output_psnr, expected, atol=0.02)


@pytest.mark.parametrize("name", ["disks", "c-alpha-2", "c-alpha-4"])
def test_better_than_wavelets_and_not_than_the_optimum(name):
    X = images_of(name)[:25]
    denoiser = load_pretrained(name)
    for level in (0.05, 0.1, 0.3):
        score = make_psnr_scorer(level, random_state=0)
        wavelets = WaveletThresholdDenoiser(noise_std=level).fit(X)
        assert score(denoiser, X) > score(wavelets, X) + 1
        if name == "disks":
            posterior = DiskPosteriorDenoiser(noise_std=level, random_state=0).fit(X)
            assert score(denoiser, X) < score(posterior, X)


@pytest.mark.parametrize(
    ("name", "smallest"), [("photos-grey", 28.7), ("photos-grey-small", 28.4)]
)
def test_photographs_as_good_as_promised(name, smallest):
    claimed = pretrained_card(name)["psnr"]
    at = claimed["noise_std"].index(round(25 / 255, 4))
    assert claimed["output_psnr"][at] > smallest


def test_color_helps():
    """Channels have contours in common, which a network for color can use."""
    need_photographs("bsds500")
    clean = [photo / np.float32(255) for photo in fetch_bsds500("val").images[:2]]
    noisy = GaussianNoise(25 / 255, random_state=0).fit_transform(clean)
    channels = [np.moveaxis(photo, -1, 0) for photo in noisy]
    gray = [
        np.moveaxis(load_pretrained("photos-grey").transform(photo), 0, -1)
        for photo in channels
    ]
    color = load_pretrained("photos-color").transform(noisy)
    assert psnr(clean, color) > psnr(clean, gray) + 1


def test_the_basis_is_the_conservative_network():
    clean = load_photo_patches(24, 1, subset="test", random_state=0).images / 255
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(clean)
    basis = JacobianBasis(load_pretrained("photos-grey-conservative"))
    basis.fit(noisy, clean)
    assert basis.asymmetry_ < 1e-5
    assert basis.symmetrization_loss_ == pytest.approx(0, abs=1e-3)
    assert psnr(clean, basis.denoised_[None]) > psnr(clean, noisy) + 4


def test_unknown_name():
    with pytest.raises(ValueError, match="'name' parameter of load_pretrained"):
        load_pretrained("faces")
