import pickle

import numpy as np
import pytest
import torch
from scipy.stats import linregress
from skimage.metrics import peak_signal_noise_ratio
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser
from sklearn_gahb.metrics import make_psnr_scorer, mse, psnr, psnr_curve

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


def test_bad_input():
    with pytest.raises(ValueError, match=r"clean \(5, 12, 10\)"):
        psnr(X, Y[:, :5])
    with pytest.raises(ValueError, match=r"clean\[None\]"):
        psnr(X[0], Y[0])
    with pytest.raises(ValueError, match="denoised contains NaN"):
        psnr(X, np.full_like(X, np.nan))
    with pytest.raises(ValueError, match="'data_range' parameter of psnr"):
        psnr(X, Y, data_range=0)


class Recorder:
    """Estimator that returns what it was scored on."""

    def score(self, noisy, clean):
        return noisy, clean


def test_scorer_adds_the_same_noise_wherever_the_image_stands():
    scorer = make_psnr_scorer(0.2, random_state=3)
    noisy, clean = scorer(Recorder(), X)
    assert clean is X
    reversed_noisy, _ = scorer(Recorder(), X[::-1])
    np.testing.assert_array_equal(reversed_noisy[::-1], noisy)
    assert (noisy - X).std() == pytest.approx(0.2, rel=0.05)


def test_scorer_takes_clean_images_from_y_and_ignores_labels():
    scorer = make_psnr_scorer(0.2)
    assert scorer(Recorder(), Y, X)[1] is X
    assert scorer(Recorder(), X, np.arange(5))[1] is X


def test_scorer_compares_candidates_on_equal_terms_and_pickles():
    scorer = make_psnr_scorer(0.2)
    copy = pickle.loads(pickle.dumps(scorer))
    np.testing.assert_array_equal(scorer(Recorder(), X)[0], copy(Recorder(), X)[0])


def test_scorer_refuses_a_pipeline_that_adds_noise():
    pipeline = make_pipeline(GaussianNoise(0.1), WaveletThresholdDenoiser()).fit(X, X)
    with pytest.raises(ValueError, match="adds noise itself"):
        make_psnr_scorer(0.1)(pipeline, X)


@pytest.mark.parametrize("noise_std", [-0.1, 0, "high", None])
def test_scorer_refuses_noise_levels(noise_std):
    with pytest.raises(ValueError, match="noise_std"):
        make_psnr_scorer(noise_std)


def test_sklearn_make_scorer_takes_psnr():
    denoiser = WaveletThresholdDenoiser(noise_std=0.1).fit(X)
    scorer = make_scorer(psnr, response_method=("transform",))
    assert scorer(denoiser, Y, X) == denoiser.score(Y, X)


def test_curve_falls_with_noise_and_equals_the_scorer():
    denoiser = WaveletThresholdDenoiser().fit(X)
    curve = psnr_curve(denoiser, X, [0.01, 0.1, 1.0], random_state=0)
    assert (np.diff(curve.output_psnr) < 0).all()
    alone = psnr_curve(denoiser, X, 0.1, random_state=0)
    np.testing.assert_array_equal(curve.psnr[1], alone.psnr[0])
    told = WaveletThresholdDenoiser(noise_std=0.1).fit(X)
    assert curve.output_psnr[1] == make_psnr_scorer(0.1, 0)(told, X)
    estimated = psnr_curve(denoiser, X, 0.1, tell_noise_std=False, random_state=0)
    assert estimated.output_psnr[0] == make_psnr_scorer(0.1, 0)(denoiser, X)
    assert denoiser.noise_std is None
    assert np.isnan(alone.slope)


class Halve:
    """Leaves a quarter of the squared error of flat images of intensity 0."""

    def transform(self, X):
        return X / 2


def test_curve_of_a_linear_map():
    zeros = np.zeros((30, 16, 16))
    levels = 10 ** (-np.array([5.0, 10, 20, 30, 40]) / 20)
    curve = psnr_curve(Halve(), zeros, levels, random_state=0)
    np.testing.assert_allclose(curve.input_psnr, [5, 10, 20, 30, 40])
    gain = curve.output_psnr - curve.input_psnr
    np.testing.assert_allclose(gain, 20 * np.log10(2), atol=0.1)
    assert curve.slope == pytest.approx(1, abs=1e-6)
    expected = curve.psnr[0].std(ddof=1) / np.sqrt(30)
    assert curve.output_psnr_std_err[0] == pytest.approx(expected)
    assert curve.slope_range == (10.0, 30.0)


def test_slope_is_that_of_least_squares_over_the_range():
    denoiser = WaveletThresholdDenoiser().fit(X)
    levels = [1.0, 0.3, 0.1, 0.05, 0.01]
    curve = psnr_curve(denoiser, X, levels, slope_range=(10, 27), random_state=0)
    inside = (curve.input_psnr > 10) & (curve.input_psnr < 27)
    fits = [linregress(curve.input_psnr[inside], one[inside]) for one in curve.psnr.T]
    slopes = [fit.slope for fit in fits]
    assert curve.slope == pytest.approx(np.mean(slopes))
    assert curve.slope_std_err == pytest.approx(
        np.std(slopes, ddof=1) / np.sqrt(len(X))
    )


def test_curve_takes_wrappers():
    denoiser = WaveletThresholdDenoiser().fit(X)
    expected = psnr_curve(denoiser, X, 0.1, random_state=0).psnr
    search = GridSearchCV(
        WaveletThresholdDenoiser(),
        {"threshold": [3.0]},
        cv=2,
        scoring=make_psnr_scorer(0.1),
    )
    for wrapped in (
        FrozenEstimator(denoiser),
        make_pipeline(WaveletThresholdDenoiser()).fit(X),
        search.fit(X),
    ):
        np.testing.assert_array_equal(
            psnr_curve(wrapped, X, 0.1, random_state=0).psnr, expected
        )
    twice = make_pipeline(WaveletThresholdDenoiser(noise_std=1.0), denoiser).fit(X)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    once = twice[0].transform(GaussianNoise(0.1, random_state=seed).fit_transform(X))
    told = WaveletThresholdDenoiser(noise_std=0.1).fit(X)
    np.testing.assert_array_equal(
        psnr_curve(twice, X, 0.1, random_state=0).psnr[0],
        psnr(X, told.transform(once), average=False),
    )
    pipeline = make_pipeline(GaussianNoise(0.1), WaveletThresholdDenoiser()).fit(X, X)
    with pytest.raises(ValueError, match="slope_range"):
        psnr_curve(denoiser, X, 0.1, slope_range=(30, 10))
    with pytest.raises(ValueError, match="distinct"):
        psnr_curve(denoiser, X, [0.1, 0.1])
    with pytest.raises(ValueError, match="adds noise itself"):
        psnr_curve(pipeline, X, 0.1)
    with pytest.raises(ValueError, match="distinct positive"):
        psnr_curve(denoiser, X, [0.1, -0.1])
