"""The data range of images: the same results in all units, and warnings elsewhere."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_gahb import (
    BandletDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    JacobianBasis,
    LocalPosteriorDenoiser,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    as_denoiser,
    make_psnr_scorer,
    mse,
    psnr,
    psnr_curve,
)
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import (
    load_photo_patches,
    make_c_alpha_images,
    make_disk_images,
    make_gaussian_textures,
    make_sine_images,
)
from sklearn_gahb.images import check_images
from sklearn_gahb.jacobian import jacobian_operator, posterior_std, sure
from sklearn_gahb.noise import estimate_noise_std
from sklearn_gahb.samplers import DDIM
from sklearn_gahb.sampling import random_pixels, solve_inverse
from sklearn_gahb.units import check_data_range, data_range_of

X = load_photo_patches(16, 40, random_state=0).images  # uint8
FRACTIONS = X / 255
RANGES = {
    "255": (FRACTIONS * 255, 255),
    "12 bits in 16": (np.round(FRACTIONS * 4095).astype(np.uint16), 4095),
    "black and white": (0.5 + 0.02 * FRACTIONS, (0.5, 0.52)),
    "tensor": (torch.tensor(FRACTIONS * 255), 255.0),
}
DENOISERS = [
    WaveletThresholdDenoiser(random_state=0),
    WienerDenoiser(random_state=0),
    BandletDenoiser(random_state=0),
    EmpiricalDenoiser(random_state=0),
    GaussianDenoiser(random_state=0),
    LocalPosteriorDenoiser(3, boundary="periodic", random_state=0),
    DNNDenoiser(width=4, depth=1, max_steps=20, random_state=0),
]
each_range = pytest.mark.parametrize(
    ("images", "data_range"), RANGES.values(), ids=RANGES
)


def to_units(fractions, data_range):
    black, white = check_data_range(data_range)
    return black + (white - black) * fractions


@each_range
@pytest.mark.parametrize("denoiser", DENOISERS, ids=lambda one: type(one).__name__)
def test_denoisers_do_not_depend_on_units(denoiser, images, data_range):
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(FRACTIONS)
    expected = clone(denoiser).fit(FRACTIONS).denoise_images(noisy, 0.1)
    denoiser = clone(denoiser).set_params(data_range=data_range).fit(images)
    noisy = to_units(noisy, data_range)
    noisy = torch.tensor(noisy) if torch.is_tensor(images) else noisy
    found = denoiser.denoise_images(noisy, 0.1)
    fractions = (np.asarray(found) - to_units(0, data_range)) / (
        to_units(1, data_range) - to_units(0, data_range)
    )
    # 12 bits round the images.
    np.testing.assert_allclose(fractions, expected, atol=2e-3)
    score = denoiser.psnr_per_image(noisy, images, noise_std=0.1).mean()
    assert score == pytest.approx(psnr(FRACTIONS, expected), abs=0.02)


@each_range
def test_noise_and_metrics_do_not_depend_on_units(images, data_range):
    noise = GaussianNoise(0.1, data_range=data_range, random_state=0)
    noisy = noise.fit_transform(images)
    assert psnr(images, noisy, data_range=data_range) == pytest.approx(20, abs=0.2)
    assert mse(images, noisy, data_range=data_range) == pytest.approx(0.01, rel=0.05)
    estimates = estimate_noise_std(noisy, data_range=data_range)
    assert np.median(estimates) == pytest.approx(0.1, rel=0.15)
    wavelets = WaveletThresholdDenoiser(data_range=data_range)
    pipeline = make_pipeline(noise, wavelets).fit(images, images)
    assert pipeline.score(images, images) == pytest.approx(
        make_psnr_scorer(0.1, random_state=0)(wavelets.fit(images), images), abs=0.2
    )


@each_range
def test_functions_of_denoisers_use_their_data_range(images, data_range):
    plain = WienerDenoiser(noise_std=0.1).fit(FRACTIONS)
    denoiser = WienerDenoiser(noise_std=0.1, data_range=data_range).fit(images)
    curves = (
        psnr_curve(one, X, [0.05, 0.2], random_state=0).output_psnr
        for one, X in ((plain, FRACTIONS), (denoiser, images))
    )
    # Rounded images get other noise.
    np.testing.assert_allclose(*curves, atol=0.4)
    bases = [
        JacobianBasis(one, 5).fit(X[:1])
        for one, X in ((plain, FRACTIONS), (denoiser, images))
    ]
    for name in ("eigenvalues_", "noisy_", "denoised_"):
        found = [np.asarray(getattr(basis, name)) for basis in bases]
        np.testing.assert_allclose(*found, atol=2e-3, err_msg=name)
    operators = [
        jacobian_operator(one, X[0])
        for one, X in ((plain, FRACTIONS), (denoiser, images))
    ]
    v = np.linspace(-1, 1, 256)
    np.testing.assert_allclose(*(J @ v for J in operators), atol=1e-4)
    black, white = check_data_range(data_range)
    std = np.asarray(posterior_std(denoiser, images[0], 0.1)) / (white - black)
    np.testing.assert_allclose(std, posterior_std(plain, FRACTIONS[0], 0.1), rtol=1e-3)
    risks = [
        sure(one, X, 0.1, random_state=0)
        for one, X in ((plain, FRACTIONS), (denoiser, images))
    ]
    assert risks[0] == pytest.approx(risks[1], rel=1e-3)


@pytest.mark.parametrize("data_range", [255, (0.5, 0.52), (-1, 1)])
def test_modules_see_fractions_of_the_data_range(data_range):
    """The same images in all units give the same results and the same scores."""
    network = load_pretrained("photos-grey").network_
    plain = DNNDenoiser.from_module(network)
    denoiser = DNNDenoiser.from_module(network, data_range=data_range)
    assert data_range_of(denoiser) == data_range
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(FRACTIONS)
    expected = to_units(plain.transform(noisy), data_range)
    found = denoiser.transform(to_units(noisy, data_range))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    clean = to_units(FRACTIONS, data_range)
    score = denoiser.score(to_units(noisy, data_range), clean)
    assert score == pytest.approx(plain.score(noisy, FRACTIONS), abs=1e-3)


@pytest.mark.parametrize("data_range", [255, (0.5, 0.52)])
def test_samples_are_in_the_units_of_the_images(data_range):
    images = to_units(FRACTIONS, data_range)
    plain = EmpiricalDenoiser().fit(FRACTIONS)
    denoiser = EmpiricalDenoiser(data_range=data_range).fit(images)
    np.testing.assert_allclose(
        denoiser.sample(3, random_state=0),
        to_units(plain.sample(3, random_state=0), data_range),
        rtol=1e-4,
    )
    operator = random_pixels((16, 16), 0.3, random_state=0)
    solutions = [
        solve_inverse(one, operator @ X[0].ravel(), operator, random_state=0).mean
        for one, X in ((plain, FRACTIONS), (denoiser, images))
    ]
    np.testing.assert_allclose(
        solutions[1], to_units(solutions[0], data_range), rtol=1e-4
    )


def test_residuals_are_those_of_the_measurements():
    """With noise of a schedule left in the draws, the residual is not 0."""
    images = to_units(FRACTIONS, (100, 400))
    denoiser = WienerDenoiser(data_range=(100, 400)).fit(images)
    operator = random_pixels((16, 16), 0.3, random_state=0)
    m = operator @ images[0].ravel()
    solution = solve_inverse(
        denoiser, m, operator, n_draws=2, sampler=DDIM(10), random_state=0
    )
    for draw, residual in zip(solution.draws, solution.relative_residual, strict=True):
        expected = np.linalg.norm(operator @ draw.ravel() - m) / np.linalg.norm(m)
        assert residual == pytest.approx(expected, rel=1e-4)


def test_analyzers_use_the_data_range_of_the_estimator():
    network = DNNDenoiser(width=2, depth=1, max_steps=5, random_state=0)
    found = []
    for estimator, images in [
        (network, FRACTIONS),
        (clone(network).set_params(data_range=255), FRACTIONS * 255),
    ]:
        analyzer = GeneralizationAnalyzer(
            estimator,
            (1, 4),
            noise_std=[0.1, 0.3],
            n_generated=2,
            optimal=WienerDenoiser(data_range=estimator.data_range),
            random_state=0,
        )
        found.append(analyzer.fit(images))
    for name in ("test_psnr_", "train_psnr_", "variance_", "optimal_mse_"):
        values = [getattr(analyzer, name) for analyzer in found]
        np.testing.assert_allclose(*values, rtol=2e-2, err_msg=name)
    for name in ("generated_images_", "closest_train_images_"):
        values = [getattr(analyzer, name)[1] for analyzer in found]
        np.testing.assert_allclose(*values, atol=2e-2, err_msg=name)


def test_a_pipeline_has_one_data_range():
    wavelets = WaveletThresholdDenoiser(data_range=255).fit(255 * FRACTIONS)
    search = GridSearchCV(wavelets, {"n_shifts": [1]})
    scaler = FunctionTransformer()
    for holder in (
        FrozenEstimator(wavelets),
        search,
        make_pipeline(scaler, search),
        make_pipeline(FrozenEstimator(wavelets)),
        JacobianBasis(wavelets, 3).fit(255 * FRACTIONS[:1]).affine_denoiser(),
        as_denoiser(make_pipeline(FunctionTransformer().fit(X), wavelets)),
    ):
        assert data_range_of(holder) == 255
    assert data_range_of(make_pipeline(scaler)) is data_range_of(len) is None
    for noise in (GaussianNoise(data_range=1), GaussianNoise()):
        with pytest.raises(ValueError, match="several data ranges"):
            data_range_of(make_pipeline(noise, wavelets))


def test_scorers_see_the_data_range_inside_holders():
    wavelets = WaveletThresholdDenoiser(data_range=(0.5, 0.52))
    images = to_units(FRACTIONS, (0.5, 0.52))
    score = make_psnr_scorer(0.1, random_state=0)
    expected = score(wavelets.fit(images), images)
    for holder in (FrozenEstimator(wavelets), make_pipeline(FrozenEstimator(wavelets))):
        assert score(holder, images) == expected


def test_noise_and_denoiser_of_other_ranges_are_noticed():
    images = to_units(FRACTIONS, (0.5, 0.52))
    noise = GaussianNoise(0.1, data_range=(0.5, 0.52), random_state=0)
    pipeline = make_pipeline(noise, WienerDenoiser())
    with pytest.warns(UserWarning, match=r"black and white are \(0.5, 0.52\), but"):
        pipeline.fit(images, images)
    pipeline = make_pipeline(noise, WienerDenoiser(data_range=(0.5, 0.52)))
    pipeline.fit(images, images).score(images, images)


def test_empirical_denoiser_keeps_the_units_of_its_training_images():
    denoiser = EmpiricalDenoiser(0.05).fit(FRACTIONS)
    noisy = FRACTIONS[:3] + 0.05
    expected = denoiser.transform(noisy)
    found = denoiser.set_params(data_range=255).transform(255 * noisy)
    np.testing.assert_allclose(found, 255 * expected, rtol=1e-6)


def test_basis_makes_a_round_trip():
    images = to_units(FRACTIONS, (100, 400))
    basis = JacobianBasis(WienerDenoiser(data_range=(100, 400)).fit(images))
    basis.fit(images[:1])
    found = basis.inverse_transform(basis.transform(images[:1]))
    np.testing.assert_allclose(found, images[:1], atol=0.1)


@pytest.mark.filterwarnings("ignore:noise_std=.* is very low")
def test_analyzers_refuse_an_optimum_of_another_range():
    analyzer = GeneralizationAnalyzer(
        WienerDenoiser(data_range=255), (2, 4), optimal=WienerDenoiser()
    )
    with pytest.raises(ValueError, match="optimal has data_range=None"):
        analyzer.fit(255 * FRACTIONS)


def test_values_are_looked_at_everywhere():
    """The first rows, images or channels of large images do not stand for all."""
    images = np.full((1, 1200, 1200), 0.01)
    images[:, 600:] = 1.0
    layer = torch.nn.Conv2d(1, 1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, 0.5)
    DNNDenoiser.from_module(layer).transform(images)
    photos = [np.full((600, 600), 10.0)] * 3 + [np.full((600, 600), 250.0)] * 3
    WaveletThresholdDenoiser(n_shifts=1, data_range=255).fit(photos)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_does_not_change_the_noise(dtype):
    images = (100 + 300 * FRACTIONS).astype(np.float32)
    noise = GaussianNoise(0.1, data_range=(100.3, 400.7), random_state=0)
    found = noise.fit_transform(images.astype(dtype))
    np.testing.assert_allclose(found, noise.fit_transform(images), atol=1e-2)


@pytest.mark.parametrize("data_range", [0, -1, (1, 0), (0, 1, 2), (0, np.inf), "uint8"])
def test_wrong_data_ranges_are_refused(data_range):
    with pytest.raises(ValueError, match="data_range"):
        WaveletThresholdDenoiser(data_range=data_range).fit(X)


@pytest.mark.parametrize("train_dtype", [np.float32, np.float64])
def test_training_on_floats_of_255_warns_and_data_range_cures(train_dtype):
    network = DNNDenoiser(width=4, depth=1, max_steps=100, random_state=0)
    floats = X.astype(train_dtype)
    with pytest.warns(UserWarning, match="Set data_range .* data_range=255"):
        clone(network).fit(floats)
    cured = clone(network).set_params(data_range=255).fit(floats)
    noisy = 255 * GaussianNoise(25 / 255, random_state=0).fit_transform(X)
    assert cured.score(noisy, floats) > psnr(floats, noisy, data_range=255) + 1


def test_classical_denoisers_warn_of_levels_that_do_not_fit():
    floats = X.astype(np.float32)
    with pytest.warns(UserWarning, match="noise_std=0.1 is very low for X"):
        WaveletThresholdDenoiser(noise_std=0.1).fit(floats)
    # These levels are in the units of the images.
    WaveletThresholdDenoiser(noise_std=25).fit(floats).transform(floats)


def test_12_bits_in_16_warn_and_data_range_cures():
    deep = np.round(FRACTIONS * 4095).astype(np.uint16)
    wavelets = WaveletThresholdDenoiser(noise_std=25 / 255, random_state=0)
    with pytest.warns(UserWarning, match="uint16, .* data_range=4095"):
        wavelets.fit(deep)
    cured = clone(wavelets).set_params(data_range=4095).fit(deep)
    assert cured.score(deep) == pytest.approx(wavelets.fit(X).score(X), abs=0.3)


def test_images_on_a_pedestal_warn_and_data_range_cures():
    photos = load_photo_patches(64, 4, subset="test", random_state=0).images / 255
    pedestal = 0.5 + 0.02 * photos
    noisy = pedestal + 0.02 * 0.1 * np.random.RandomState(0).randn(*photos.shape)
    network = load_pretrained("photos-grey")
    with pytest.warns(UserWarning, match=r"data_range=\(0\.4.*, 0\.5.*\)"):
        denoised = network.transform(noisy)
    network.set_params(data_range=(0.5, 0.52))
    gain = network.score(noisy, pedestal) - psnr(
        pedestal, denoised, data_range=(0.5, 0.52)
    )
    assert gain > 5


def signed(X):
    return 2 * np.asarray(X, dtype=np.float32) - 1


SIGNED = {
    "photographs": signed(FRACTIONS),
    "ten photographs": signed(FRACTIONS[:10]),
    "disks": signed(make_disk_images(50, 16, random_state=0)),
    "digits": signed(load_digits().images / 16),
    "list": [signed(image) for image in FRACTIONS],
}
NOT_SIGNED = {
    "sine": make_sine_images(100, 16, random_state=0),
    "large sine": make_sine_images(20, 300, random_state=0),
    "textures": make_gaussian_textures(50, 16, mean=0, std=0.2, random_state=0),
    "strong textures": make_gaussian_textures(50, 16, mean=0, std=0.5, random_state=0),
    "centered": FRACTIONS - FRACTIONS.mean((1, 2), keepdims=True),
    "noisy black": 0.3 * np.random.default_rng(0).standard_normal((50, 16, 16)),
    "noisy": FRACTIONS + 0.5 * np.random.default_rng(0).standard_normal((40, 16, 16)),
    "C^alpha": make_c_alpha_images(50, 16, 2, random_state=0),
}


@pytest.mark.parametrize("images", SIGNED.values(), ids=SIGNED)
def test_images_with_black_at_minus_1_warn_and_data_range_cures(images):
    empirical = EmpiricalDenoiser(noise_std=0.1, random_state=0)
    message = r"between .* are negative, .* set data_range=\(-1, 1\)"
    with pytest.warns(UserWarning, match=message) as records:
        empirical.fit(images)
    assert {record.filename for record in records} == {__file__}
    with pytest.warns(UserWarning, match=message):
        empirical.score(images)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(images)
    with pytest.warns(UserWarning, match=message):
        WaveletThresholdDenoiser(noise_std=0.1).fit(noisy, images)
    WaveletThresholdDenoiser(noise_std=0.1).fit(noisy).transform(noisy)
    for data_range in [(-1, 1), 1]:
        empirical.set_params(data_range=data_range).fit(images).score(images)


@pytest.mark.parametrize("images", NOT_SIGNED.values(), ids=NOT_SIGNED)
def test_negative_values_of_other_images_do_not_warn(images):
    EmpiricalDenoiser().fit(images)


def test_metrics_refuse_or_warn_of_other_units():
    with pytest.raises(ValueError, match=r"clean is uint8 .* denoised"):
        psnr(X, X.astype(float))
    with pytest.warns(UserWarning, match="white is 1"):
        psnr(X.astype(float), X.astype(float) + 1)
    assert psnr(X, X.astype(float) + 1, data_range=255) == pytest.approx(
        48.13, abs=0.01
    )
    with pytest.warns(UserWarning, match="Check data_range="):
        psnr(FRACTIONS, FRACTIONS + 0.1, data_range=255)


@pytest.mark.parametrize("noise_std", [0.02, 0.1, 0.5])
def test_swapped_pairs_are_noticed(noise_std):
    noisy = GaussianNoise(noise_std, random_state=0).fit_transform(FRACTIONS)
    wavelets = WaveletThresholdDenoiser()
    with pytest.warns(UserWarning, match="y looks like X plus white noise"):
        wavelets.fit(FRACTIONS, noisy)
    with pytest.warns(UserWarning, match="Exchange X and y"):
        wavelets.score(FRACTIONS, noisy)
    wavelets.fit(noisy, FRACTIONS).score(noisy, FRACTIONS)


def test_other_pairs_are_not_taken_for_swapped():
    other = GaussianNoise(0.1, random_state=1).fit_transform(FRACTIONS)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(FRACTIONS)
    blurred = (FRACTIONS + np.roll(FRACTIONS, 1, 1) + np.roll(FRACTIONS, 1, 2)) / 3
    for degraded, target in [(noisy, other), (blurred, FRACTIONS)]:
        WaveletThresholdDenoiser().fit(degraded, target)


@pytest.mark.parametrize("code", ["u2", "u4", "u8"])
def test_byte_order_of_unsigned_images(code):
    """Files in TIFF and FITS can have the byte order of another machine."""
    images = np.full((2, 5, 5), 2 ** (8 * int(code[1])) - 1, dtype=f"<{code}")
    for one in (images, images.astype(f">{code}")):
        checked = check_images(one)
        assert checked.black_and_white == (0, float(images[0, 0, 0]))
        np.testing.assert_array_equal(checked.map(lambda x: x), 1)
