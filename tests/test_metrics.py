import pickle

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from sklearn.metrics import make_scorer
from sklearn.pipeline import make_pipeline

from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser
from sklearn_gahb.metrics import make_psnr_scorer, mse, psnr

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
    with pytest.raises(ValueError, match=r"clean has shape \(5, 12, 10\)"):
        psnr(X, Y[:, :5])
    with pytest.raises(ValueError, match=r"clean\[None\]"):
        psnr(X[0], Y[0])
    with pytest.raises(ValueError, match="denoised contains NaN"):
        psnr(X, np.full_like(X, np.nan))
    with pytest.raises(ValueError, match="'data_range' parameter of psnr"):
        psnr(X, Y, data_range=0)


class Recorder:
    """Estimator whose score returns its arguments."""

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
