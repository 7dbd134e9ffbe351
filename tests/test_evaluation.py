"""Experiments with fitted denoisers: PSNR curves and density gaps."""

import numpy as np
import pytest
from scipy.stats import linregress
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    GaussianNoise,
    GeneralizationAnalyzer,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    mse,
)
from sklearn_gahb.datasets import make_gaussian_textures
from sklearn_gahb.evaluation import density_gap, psnr_curve
from sklearn_gahb.metrics import make_psnr_scorer, psnr

X = np.random.RandomState(0).rand(5, 12, 10)


def test_curve_falls_with_noise_and_equals_the_scorer():
    denoiser = WaveletThresholdDenoiser().fit(X)
    curve = psnr_curve(denoiser, X, [0.01, 0.1, 1.0], random_state=0)
    assert (np.diff(curve.output_psnr) < 0).all()
    alone = psnr_curve(denoiser, X, 0.1, random_state=0)
    np.testing.assert_array_equal(curve.psnr[1], alone.psnr[0])
    told = WaveletThresholdDenoiser(noise_std=0.1).fit(X)
    assert curve.output_psnr[1] == make_psnr_scorer(0.1, random_state=0)(told, X)
    estimated = psnr_curve(denoiser, X, 0.1, blind=True, random_state=0)
    assert estimated.output_psnr[0] == make_psnr_scorer(0.1, random_state=0)(
        denoiser, X
    )
    assert denoiser.noise_std is None
    assert np.isnan(alone.slope)


class Halve:
    """Halve images. If the clean images are 0, the squared error is divided by 4."""

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
        {"threshold": ["sure"]},
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
    np.testing.assert_array_equal(
        psnr_curve(pipeline, X, 0.1, random_state=0).psnr, expected
    )
    with pytest.raises(ValueError, match="distinct positive"):
        psnr_curve(denoiser, X, [0.1, -0.1])


def test_density_gap_of_gaussians():
    """KL(N(0, s^2) || N(0, t^2)) = (s^2 / t^2 - 1 - log(s^2 / t^2)) / 2."""
    s, t = 1.0, 1.7
    sigma = np.geomspace(1e-4, 1e4, 300)
    gain = t**2 / (t**2 + sigma**2)
    mse = s**2 * (1 - gain) ** 2 + sigma**2 * gain**2
    optimal = s**2 * sigma**2 / (s**2 + sigma**2)
    expected = (s**2 / t**2 - 1 - np.log(s**2 / t**2)) / 2
    result = density_gap(mse - optimal, sigma)
    assert result.gap == pytest.approx(expected, rel=1e-3)
    assert np.isnan(result.std_err)
    coarse = density_gap((mse - optimal)[::20], sigma[::20])
    error = abs(coarse.gap - expected)
    assert coarse.quadrature_err / 3 < error < 3 * coarse.quadrature_err
    backwards = density_gap((mse - optimal)[::-1], sigma[::-1])
    assert backwards.gap == pytest.approx(result.gap)
    per_value = density_gap((mse - optimal) / 5, sigma, n_values=5)
    assert per_value.gap == pytest.approx(result.gap)


def test_density_gap_has_the_error_of_its_mean():
    rng = np.random.RandomState(0)
    sigma = np.geomspace(0.1, 10, 20)
    excess = 0.1 + 0.1 * rng.randn(20, 50)
    result = density_gap(excess, sigma)
    gaps = [density_gap(excess[:, i], sigma).gap for i in range(50)]
    assert result.gap == pytest.approx(np.mean(gaps))
    assert result.std_err == pytest.approx(np.std(gaps, ddof=1) / 50**0.5)
    for bad in ([1.0, 2.0], [1.0, 1.0, 2.0], [-1.0, 1.0, 2.0]):
        with pytest.raises(ValueError, match="noise_std"):
            density_gap(np.ones(len(bad)), bad)
    with pytest.raises(ValueError, match="excess_mse has shape"):
        density_gap(np.ones(19), sigma)
    with pytest.raises(ValueError, match="excess_mse contains NaN"):
        density_gap(np.full(20, np.nan), sigma)


def test_density_gap_of_learned_textures_is_their_divergence():
    """Two stationary Gaussians of spectra S and S' have a divergence in closed form.

    KL = 1/2 sum over frequencies of (S / S' - 1 - log(S / S')). Squared differences
    from the optimum have far smaller standard errors than differences of errors.
    """
    X, spectrum = make_gaussian_textures(
        600, 8, exponent=1.0, mean=0.0, return_power_spectrum=True, random_state=0
    )
    X = X.astype(np.float64)
    sigma = np.geomspace(1e-3, 30, 25)
    optimum = WienerDenoiser(spectrum, zero_mean=True)
    analyzer = GeneralizationAnalyzer(
        WienerDenoiser(zero_mean=True),
        (30, 180),
        noise_std=sigma,
        optimal=optimum,
        random_state=0,
    ).fit(X[:360], X_test=X[360:])
    for row, gaps, errors, quadrature_errors in zip(
        analyzer.estimators_,
        analyzer.density_gap_,
        analyzer.density_gap_std_err_,
        analyzer.density_gap_quadrature_err_,
        strict=True,
    ):
        ratios = [spectrum / one.power_spectrum_[..., 0] for one in row]
        exact = np.array([(one - 1 - np.log(one)).sum() / 2 for one in ratios])
        assert (quadrature_errors < errors).all()
        assert (np.abs(gaps - exact) < 2 * errors).all()
        excess = []
        for level in sigma:
            noisy = GaussianNoise(level, random_state=1).fit_transform(X[360:])
            theirs, best = (
                mse(X[360:], one.denoise_images(noisy, level), average=False)
                for one in (row[0], optimum.fit(X[:360]))
            )
            excess.append(theirs - best)
        of_errors = density_gap(excess, sigma, n_values=64)
        assert of_errors.std_err > 5 * errors[0]
        assert abs(of_errors.gap - exact[0]) < 4 * of_errors.std_err
