"""Values, dtypes and arguments that no image has: errors that name them."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_gahb import (
    BandletDenoiser,
    DiskPosteriorDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    LocalPosteriorDenoiser,
    PoissonNoise,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    psnr_curve,
)
from sklearn_gahb.datasets import (
    make_c_alpha_images,
    make_disk_images,
    make_gaussian_textures,
)
from sklearn_gahb.jacobian import sure

X = make_disk_images(12, 16, random_state=0)
ESTIMATORS = [
    BandletDenoiser(),
    DNNDenoiser(width=4, depth=1, max_steps=3, random_state=0),
    EmpiricalDenoiser(),
    GaussianNoise(),
    WaveletThresholdDenoiser(),
    WienerDenoiser(),
]


def beginning_of(value):
    return str(value)[:5]


def name_of(estimator):
    return type(estimator).__name__


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
@pytest.mark.parametrize("value", [1e16, -1e160, 1e300])
@pytest.mark.filterwarnings("ignore:noise_std=0.1 is very low")
def test_huge_values(estimator, value):
    """Sums of the squares of such values could overflow in float32."""
    images = np.full((3, 16, 16), value)
    with pytest.raises(ValueError, match="value too large"):
        estimator.fit(images)
    with pytest.raises(ValueError, match="value too large"):
        estimator.fit(X).transform(images)
    with pytest.raises(ValueError, match="value too large"):
        estimator.fit(np.full((3, 16, 16), 4 * 10**18))
    large = np.asarray(estimator.fit(X).transform(X * 1e15))
    assert np.isfinite(large).all()


@pytest.mark.parametrize("images", [X, torch.from_numpy(255 * X).to(torch.uint64)])
def test_huge_fractions_of_the_data_range(images):
    """A tiny data range makes huge fractions of usual values."""
    with pytest.raises(
        ValueError, match=r"data_range=.* makes values of X .* as large"
    ):
        WienerDenoiser(noise_std=0.1, data_range=1e-20).fit(images)


@pytest.mark.filterwarnings("ignore:noise_std=.* is very", "ignore:The effective")
@pytest.mark.parametrize("noise_std", [0, 0.1, 1e15])
def test_images_far_from_disks(noise_std):
    """Intensities are at the border of [0, 1], in a layer thinner than rounding."""
    denoiser = DiskPosteriorDenoiser(n_draws=100, noise_std=noise_std, random_state=0)
    denoiser.fit(X[:2])
    for images in (X[:2] * 1e15, X[:2] * 0, X[:2] - 1e12):
        denoised = denoiser.transform(images)
        assert denoised.min() >= -1e-6
        assert denoised.max() <= 1 + 1e-6


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
@pytest.mark.parametrize("dtype", ["timedelta64[s]", "datetime64[s]"])
def test_times_are_no_images(estimator, dtype):
    images = (100 * X).astype(np.int64).astype(dtype)
    with pytest.raises((TypeError, ValueError), match="dtype"):
        estimator.fit(images)


@pytest.mark.parametrize(
    ("kind", "images"),
    [
        ("meta", torch.zeros(2, 16, 16, device="meta")),
        ("float8", torch.zeros(2, 16, 16).to(torch.float8_e4m3fn)),
        ("complex", torch.zeros(2, 16, 16, dtype=torch.complex64)),
        ("sparse_coo", torch.zeros(2, 16, 16).to_sparse()),
    ],
)
def test_tensors_without_real_values(kind, images):
    with pytest.raises(ValueError, match=f"X is a {kind} tensor"):
        WienerDenoiser().fit(images)


@pytest.mark.parametrize(
    "level", [1e300, 10**400, np.int64(2**62), np.inf, np.nan], ids=beginning_of
)
def test_huge_noise_levels(level):
    for estimator in ESTIMATORS:
        with pytest.raises(ValueError, match="'noise_std' parameter"):
            type(estimator)(noise_std=level).fit(X)
    with pytest.raises(ValueError, match="noise_std"):
        psnr_curve(WienerDenoiser().fit(X), X, [0.1, level])


def test_a_failed_fit_changes_nothing():
    noise = GaussianNoise().fit(X)
    before = vars(noise).copy()
    with pytest.raises(ValueError, match="NaN"):
        noise.fit(np.full((2, 8, 8), np.nan))
    with pytest.raises(ValueError, match="too large"):
        noise.fit(np.full((2, 8, 8), 1e300))
    assert vars(noise) == before


@pytest.mark.parametrize("n_shifts", [4097, 10**20])
def test_too_many_shifts(n_shifts):
    with pytest.raises(ValueError, match=f"n_shifts={n_shifts} must be .*4096"):
        WaveletThresholdDenoiser(n_shifts=n_shifts).fit(X).transform(X)


@pytest.mark.parametrize("folder", ["", 5])
def test_no_folder_for_checkpoints(folder):
    """An empty path would write pickles into the working directory."""
    analyzer = GeneralizationAnalyzer(
        WienerDenoiser(),
        [2],
        checkpoint_dir=folder,
        duplicates="ignore",
        random_state=0,
    )
    with pytest.raises(ValueError, match=f"checkpoint_dir={folder!r} must be"):
        analyzer.fit(X, X_test=X)


@pytest.mark.parametrize(
    "make", [make_c_alpha_images, make_disk_images, make_gaussian_textures]
)
def test_numpy_integers_do_not_overflow(make):
    """100 images of 16x16 pixels have more values than either integer type."""
    found = make(np.int8(100), np.uint8(16), random_state=0)
    np.testing.assert_array_equal(found, make(100, 16, random_state=0))


def test_network_for_other_channels():
    network = torch.nn.Conv2d(3, 3, 3, padding=1)
    with pytest.raises(ValueError, match=r"cannot process images of shape \(1, 1, 16"):
        DNNDenoiser(network, max_steps=1).fit(X)


def test_sure_of_a_denoiser_that_returns_nan():
    with pytest.raises(ValueError, match="NaN or infinity for the image with index 0"):
        sure(lambda y, noise_std: y * np.nan, X, 0.1)


@pytest.mark.parametrize(
    ("estimator", "name", "value"),
    [
        (WaveletThresholdDenoiser(), "n_scales", np.uint8(1)),
        (BandletDenoiser(), "n_scales", np.uint8(1)),
        (LocalPosteriorDenoiser(), "patch_size", np.int8(3)),
        (LocalPosteriorDenoiser(), "patch_size", {0.2: np.int8(3)}),
        (DNNDenoiser(width=4, max_steps=2, random_state=0), "depth", np.int8(2)),
    ],
    ids=str,
)
def test_numpy_integers_as_parameters(estimator, name, value):
    python_value = {0.2: 3} if isinstance(value, dict) else int(value)
    estimator = clone(estimator).set_params(noise_std=0.2, **{name: value})
    found = estimator.fit_transform(X)
    expected = estimator.set_params(**{name: python_value}).fit_transform(X)
    np.testing.assert_array_equal(found, expected)


def test_more_photons_than_can_be_counted():
    with pytest.raises(
        ValueError, match=r"peak=1e\+30 gives up to 1e\+30 photons in X"
    ):
        PoissonNoise(1e30).fit_transform(np.ones((1, 8, 8)))


@pytest.mark.parametrize("mean", ["auto", {}, [[1, 2], [3]]])
def test_means_that_are_no_numbers(mean):
    with pytest.raises(ValueError, match=r"mean.*; expected a number or a tensor"):
        WienerDenoiser(noise_std=0.1).fit(X).sample(mean=mean)
