import pickle

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser
from sklearn_gahb.metrics import make_psnr_scorer, make_ssim_scorer, mse, psnr, ssim

X = np.random.RandomState(0).rand(5, 12, 10)
Y = X + 0.1 * np.random.RandomState(1).randn(5, 12, 10)


def test_psnr_equals_skimage_and_averages_in_db():
    expected = [
        peak_signal_noise_ratio(x, y, data_range=1) for x, y in zip(X, Y, strict=True)
    ]
    np.testing.assert_allclose(psnr(X, Y, average=False), expected, rtol=1e-12)
    assert psnr(X, Y) == pytest.approx(np.mean(expected), rel=1e-12)


def test_psnr_of_a_constant_error_is_closed_form():
    assert psnr(X, X + 0.1) == pytest.approx(20)
    assert psnr(255 * X, 255 * X + 25.5, data_range=255) == pytest.approx(20)
    assert psnr(X, X) == np.inf
    assert mse(X, X + 0.1) == pytest.approx(0.01)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_unsigned_integers_mean_fractions(dtype):
    largest = np.iinfo(dtype).max
    black, white = np.zeros((2, 5, 5), dtype), np.full((2, 5, 5), largest, dtype)
    assert mse(black, white) == pytest.approx(1)
    assert mse(black, torch.from_numpy(white)) == pytest.approx(1)


def test_layouts_agree():
    rows = X.reshape(5, -1), Y.reshape(5, -1)
    expected = psnr(X, Y)
    assert psnr(*rows, image_shape=(12, 10)) == pytest.approx(expected)
    assert psnr(list(X), list(Y)) == pytest.approx(expected)
    assert psnr(X[..., None], Y[..., None]) == pytest.approx(expected)
    assert psnr(torch.tensor(X), Y) == pytest.approx(expected)


def skimage_ssim(x, y, **parameters):
    """Structural similarity with the window of Wang et al. (2004)."""
    return structural_similarity(
        x,
        y,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        **parameters,
    )


@pytest.mark.parametrize("shape", [(3, 24, 31), (3, 11, 11), (3, 16, 20, 3)])
@pytest.mark.parametrize("data_range", [1, 4])
def test_ssim_equals_skimage(shape, data_range):
    clean = np.random.RandomState(0).rand(*shape)
    noisy = clean + 0.2 * np.random.RandomState(1).randn(*shape)
    axis = -1 if len(shape) == 4 else None
    expected = [
        skimage_ssim(x, y, data_range=data_range, channel_axis=axis)
        for x, y in zip(clean, noisy, strict=True)
    ]
    values = ssim(clean, noisy, data_range=data_range, average=False)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6)
    assert ssim(clean, noisy, data_range=data_range) == pytest.approx(values.mean())
    # In float32, differences of close numbers would change the fifth digit.
    bright = [(one / 10 + 1).astype(np.float32) for one in (clean, noisy)]
    expected = ssim(*(one.astype(np.float64) for one in bright))
    assert ssim(*bright) == pytest.approx(expected, abs=1e-9)


def test_ssim_of_photographs_of_all_layouts():
    rng = np.random.RandomState(0)
    photos = [
        rng.randint(0, 256, size).astype(np.uint8) for size in ((20, 30), (40, 12))
    ]
    noisy = [photo[::-1] for photo in photos]
    expected = [
        skimage_ssim(x / 255, y / 255, data_range=1)
        for x, y in zip(photos, noisy, strict=True)
    ]
    np.testing.assert_allclose(ssim(photos, noisy, average=False), expected, atol=1e-6)
    rows = [np.stack([photos[0], noisy[0]]).reshape(2, -1) for _ in range(2)]
    assert ssim(*rows, image_shape=(20, 30)) == 1


def test_ssim_of_constant_images_is_closed_form():
    """Constant images have no variance, so only the means are compared."""
    x, y = np.full((1, 12, 12), 0.5), np.full((1, 12, 12), 0.7)
    expected = (2 * 0.5 * 0.7 + 1e-4) / (0.5**2 + 0.7**2 + 1e-4)
    assert ssim(x, y) == pytest.approx(expected)
    assert ssim(255 * x, 255 * y, data_range=255) == pytest.approx(expected)


def test_ssim_of_small_images_is_an_error():
    with pytest.raises(ValueError, match=r"images of 12x10 pixels.* least 11 pixels"):
        ssim(X, Y)
    with pytest.raises(ValueError, match="'data_range' parameter of ssim"):
        ssim(X, Y, data_range=0)
    with pytest.raises(ValueError, match=r"clean has shape \(5, 12, 10\)"):
        ssim(X, Y[:1])


def test_bad_input():
    with pytest.raises(ValueError, match=r"clean has shape \(5, 12, 10\)"):
        psnr(X, Y[:, :5])
    with pytest.raises(ValueError, match=r"clean\[None\]"):
        psnr(X[0], Y[0])
    with pytest.raises(ValueError, match="denoised contains NaN"):
        psnr(X, np.full_like(X, np.nan))
    with pytest.raises(ValueError, match="'data_range' parameter of psnr"):
        psnr(X, Y, data_range=0)


class Recorder:
    """Estimator that keeps the images that it receives."""

    def score(self, noisy, clean):
        self.noisy, self.clean = noisy, clean
        return 0.0

    def transform(self, noisy):
        self.noisy = noisy
        return noisy


each_scorer = pytest.mark.parametrize("make", [make_psnr_scorer, make_ssim_scorer])
SQUARES = np.random.RandomState(0).rand(5, 12, 12)


def noisy_images_of(scorer, *images):
    recorder = Recorder()
    scorer(recorder, *images)
    return recorder.noisy


@each_scorer
def test_scorer_adds_the_same_noise_wherever_the_image_stands(make):
    scorer = make(0.2, random_state=3)
    noisy = noisy_images_of(scorer, SQUARES)
    reversed_noisy = noisy_images_of(scorer, SQUARES[::-1])
    np.testing.assert_array_equal(reversed_noisy[::-1], noisy)
    assert (noisy - SQUARES).std() == pytest.approx(0.2, rel=0.05)
    other = noisy_images_of(make_psnr_scorer(0.2, random_state=3), SQUARES)
    np.testing.assert_array_equal(other, noisy)


@each_scorer
def test_scorer_takes_clean_images_from_y_and_ignores_labels(make):
    scorer = make(0.2)
    expected = noisy_images_of(scorer, SQUARES)
    for images in ((SQUARES[::-1], SQUARES), (SQUARES, np.arange(5))):
        np.testing.assert_array_equal(noisy_images_of(scorer, *images), expected)


@each_scorer
def test_scorer_compares_candidates_on_equal_terms_and_pickles(make):
    scorer = make(0.2)
    copy = pickle.loads(pickle.dumps(scorer))
    assert (
        repr(copy)
        == repr(scorer)
        == f"{make.__name__}(0.2, random_state={scorer.seed})"
    )
    np.testing.assert_array_equal(
        noisy_images_of(copy, SQUARES), noisy_images_of(scorer, SQUARES)
    )


@each_scorer
def test_scorer_refuses_a_pipeline_that_adds_noise(make):
    pipeline = make_pipeline(GaussianNoise(0.1), WaveletThresholdDenoiser()).fit(X, X)
    with pytest.raises(ValueError, match=f"adds noise itself.* and {make.__name__}"):
        make(0.1)(pipeline, X)


@each_scorer
@pytest.mark.parametrize("noise_std", [-0.1, 0, "high", None])
def test_scorer_refuses_noise_levels(make, noise_std):
    with pytest.raises(ValueError, match="noise_std"):
        make(noise_std)


def test_scorers_return_the_psnr_and_the_ssim():
    denoiser = WaveletThresholdDenoiser().fit(SQUARES)
    noisy = noisy_images_of(make_psnr_scorer(0.2, random_state=0), SQUARES)
    denoised = denoiser.transform(noisy)
    score = make_psnr_scorer(0.2, random_state=0)
    assert score(denoiser, SQUARES) == psnr(SQUARES, denoised)
    score = make_ssim_scorer(0.2, random_state=0)
    assert score(denoiser, SQUARES) == ssim(SQUARES, denoised)
    in_other_units = WaveletThresholdDenoiser(data_range=2).fit(2 * SQUARES)
    expected = score(denoiser, SQUARES)
    assert score(in_other_units, 2 * SQUARES) == pytest.approx(expected, abs=1e-6)


def test_ssim_scorer_in_a_search_over_rows():
    search = GridSearchCV(
        WaveletThresholdDenoiser(noise_std=0.1, image_shape=(12, 12)),
        {"shrinkage": ["soft"]},
        scoring=make_ssim_scorer(0.1, image_shape=(12, 12), random_state=0),
        cv=2,
    ).fit(SQUARES.reshape(5, -1))
    assert 0 < search.best_score_ < 1
    with pytest.raises(ValueError, match="image_shape"):
        make_ssim_scorer(0.1)(search, SQUARES.reshape(5, -1))


def test_sklearn_make_scorer_takes_psnr():
    denoiser = WaveletThresholdDenoiser(noise_std=0.1).fit(X)
    scorer = make_scorer(psnr, response_method=("transform",))
    assert scorer(denoiser, Y, X) == denoiser.score(Y, X)
