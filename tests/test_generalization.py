"""Denoisers on disjoint subsets: measures of memorization and generalization."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    BandletDenoiser,
    BandletOracle,
    DiskPosteriorDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    mse,
)
from sklearn_gahb.datasets import make_disk_images, make_gaussian_textures
from sklearn_gahb.displays import GeneralizationDisplay
from sklearn_gahb.generalization._statistics import lasting_from, regimes
from sklearn_gahb.metrics import psnr

DISKS = make_disk_images(500, 16, random_state=0)
TEST = make_disk_images(60, 16, random_state=1)
FEW = TEST[:24]
TEXTURES = make_gaussian_textures(330, 16, exponent=1.0, random_state=0)


def quick_network(**parameters):
    return DNNDenoiser(width=4, depth=1, max_steps=30, batch_size=8, **parameters)


def analyze(estimator, train_sizes=(1, 10, 100), **parameters):
    defaults = {"random_state": 0, "duplicates": "ignore"}
    return GeneralizationAnalyzer(estimator, train_sizes, **(defaults | parameters))


@pytest.fixture(scope="module")
def empirical():
    return analyze(
        EmpiricalDenoiser(),
        noise_std=[0.05, 0.1, 0.3],
        n_generated=5,
        optimal=DiskPosteriorDenoiser(random_state=0),
    ).fit(DISKS, X_test=FEW)


def test_memorization_in_nats(empirical):
    """With one training image, the denoiser returns it for every noisy image."""
    levels = [0.12, 0.1, 0.15, 0.11, 0.135]
    one = analyze(EmpiricalDenoiser(), [1], noise_std=levels).fit(DISKS, X_test=TEST)
    images = DISKS[one.subsets_[:, 0]].astype(float)
    squares = ((images[:, None] - TEST) ** 2).sum(axis=(2, 3)).mean(axis=1)
    nats = squares / 2 * (0.1**-2 - 0.15**-2)
    np.testing.assert_allclose(one.log_density_gap_, nats[None], rtol=5e-3)
    assert (np.diff(empirical.log_density_gap_.mean(axis=1)) < 0).all()
    table = one.results_["log_density_gap"].reshape(2, -1)
    np.testing.assert_array_equal(table, np.repeat(one.log_density_gap_.T, 5, axis=1))
    single = analyze(EmpiricalDenoiser(), [1]).fit(DISKS[:20], X_test=TEST[:5])
    assert not hasattr(single, "log_density_gap_")


def test_memorizer_memorizes_at_every_size(empirical):
    assert (empirical.regime_ == "memorizing").all()
    assert empirical.common_regime_.tolist() == ["memorizing"] * 3
    np.testing.assert_array_equal(empirical.transition_size_, np.full(3, np.nan))
    assert np.isnan(empirical.generated_transition_size_)
    assert np.median(empirical.train_similarity_) > 0.99
    assert (empirical.density_gap_ > 0).all()
    assert (np.diff(empirical.density_gap_.mean(axis=1)) < 0).all()


def test_wiener_generalizes_from_small_sizes_on():
    analyzer = analyze(WienerDenoiser(), noise_std=[0.1, 0.3]).fit(
        TEXTURES[:300], X_test=TEXTURES[300:]
    )
    assert (analyzer.regime_[1:] == "generalizing").all()
    assert (np.diff(analyzer.agreement_, axis=0) > 0).all()


@pytest.mark.parametrize(
    "estimator",
    [
        WaveletThresholdDenoiser("haar"),
        BandletOracle(),
        BandletOracle(geometry="noisy", shrinkage="projection"),
        BandletDenoiser(),
        make_pipeline("passthrough", WaveletThresholdDenoiser("haar")),
    ],
)
def test_classical_denoisers_do_not_depend_on_the_subset(estimator):
    analyzer = analyze(estimator, (1, 50)).fit(DISKS, X_test=TEST)
    np.testing.assert_allclose(analyzer.variance_, 0, atol=1e-12)
    np.testing.assert_allclose(analyzer.test_psnr_[0], analyzer.test_psnr_[1])
    assert analyzer.regime_.tolist() == [["generalizing"]] * 2
    assert analyzer.transition_size_.tolist() == [1]


def test_measures_are_what_they_say(empirical):
    level = 1
    size, noise_std = 2, empirical.noise_std_[level]
    assert empirical.train_psnr_.shape == (3, 2, 3)
    a, b = (
        estimator.set_params(noise_std=noise_std)
        for estimator in empirical.estimators_[size]
    )
    # The analyzer uses the same noise for both denoisers and for both measures.
    for seed in range(3):
        noisy = GaussianNoise(noise_std, random_state=seed).fit_transform(FEW)
        outputs = a.transform(noisy), b.transform(noisy)
        variance = np.mean((outputs[0] - outputs[1]) ** 2) / 2
        assert empirical.variance_[size, level] == pytest.approx(variance, rel=0.2)
        assert empirical.test_psnr_[size, 0, level] == pytest.approx(
            psnr(FEW, outputs[0]), abs=0.3
        )
        assert empirical.agreement_[size, level] == pytest.approx(
            psnr(outputs[0], outputs[1]), abs=0.7
        )
    gap = (empirical.train_psnr_ - empirical.test_psnr_).mean(axis=1)
    np.testing.assert_allclose(empirical.psnr_gap_, gap)


def test_bias_and_variance_add_up_to_the_excess_error():
    """They add up to the distance from the optimum and, on average, the excess mse."""
    few = TEST[:8]
    network = quick_network(learning_rate=1e-2).set_params(max_steps=150)
    analyzer = analyze(
        network, (100,), noise_std=0.1, optimal=DiskPosteriorDenoiser(random_state=0)
    ).fit(DISKS, X_test=few)
    total = analyzer.squared_bias_[0, 0] + analyzer.variance_[0, 0]
    excess = []
    for seed in range(5):
        noisy = GaussianNoise(0.1, random_state=seed).fit_transform(few)
        optimum = DiskPosteriorDenoiser(noise_std=0.1, random_state=0).fit(few)
        best = mse(few, optimum.transform(noisy))
        excess.append(
            np.mean([mse(few, e.transform(noisy)) for e in analyzer.estimators_[0]])
            - best
        )
    assert total == pytest.approx(np.mean(excess), abs=4 * np.std(excess))


def test_results_are_tidy(empirical):
    table = pd.DataFrame(empirical.results_)
    assert len(table) == 3 * 2 * 3
    row = table.query("train_size == 10 and subset == 1 and noise_std == 0.3")
    assert row["test_psnr"].item() == empirical.test_psnr_[1, 1, 2]
    assert row["agreement"].item() == empirical.agreement_[1, 2]
    assert row["squared_bias"].item() == empirical.squared_bias_[1, 2]
    assert row["optimal_mse"].item() == empirical.optimal_mse_[2]
    assert row["density_gap"].item() == empirical.density_gap_[1, 1]
    assert row["psnr_gap"].item() == empirical.psnr_gap_[1, 2]
    assert row["regime"].item() == row["common_regime"].item() == "memorizing"
    assert (
        row["generated_similarity"].item() == empirical.generated_similarity_[1].mean()
    )
    assert row["test_similarity"].item() == empirical.test_similarity_[1, 1].mean()


def test_similarities(empirical):
    samples = empirical.generated_images_[1]
    assert samples.shape == (2, 5, 16, 16)
    free = samples - samples.mean(axis=(2, 3), keepdims=True)
    free /= np.linalg.norm(free, axis=(2, 3), keepdims=True)
    expected = (free[0] * free[1]).sum(axis=(1, 2))
    np.testing.assert_allclose(empirical.generated_similarity_[1], expected, atol=1e-5)
    train = DISKS[empirical.subsets_[1, :10]]
    train = train - train.mean(axis=(1, 2), keepdims=True)
    train /= np.linalg.norm(train, axis=(1, 2), keepdims=True)
    expected = np.einsum("nhw,mhw->nm", free[1], train).max(axis=1)
    np.testing.assert_allclose(empirical.train_similarity_[1, 1], expected, atol=1e-5)
    indices = np.einsum("nhw,mhw->nm", free[1], train).argmax(axis=1)
    closest = DISKS[empirical.subsets_[1, :10]][indices]
    np.testing.assert_array_equal(empirical.closest_train_images_[1][1], closest)


@pytest.mark.parametrize("kind", ["psnr", "agreement", "similarity", "samples"])
def test_display(empirical, kind):
    plt.switch_backend("Agg")
    display = GeneralizationDisplay.from_estimator(empirical, kind=kind, sample=2)
    display.figure_.canvas.draw()
    if kind == "psnr":
        # One pair of lines per size, and two empty lines for the legend.
        assert len(display.axes_[0].lines) == 8
        x, y = display.axes_[0].lines[3].get_data()
        np.testing.assert_allclose(y[::-1], empirical.test_psnr_[1].mean(axis=0))
        np.testing.assert_allclose(x[::-1], -20 * np.log10(empirical.noise_std_))
    if kind == "agreement":
        assert len(display.axes_) == 3
        x, y = display.axes_[1].lines[2].get_data()
        np.testing.assert_array_equal(x, [1, 10, 100])
        np.testing.assert_array_equal(y, empirical.agreement_[:, 1])
        bars = display.axes_[1].containers[1].lines[2][0].get_segments()
        low, high = np.transpose([bar[:, 1] for bar in bars])
        spread = empirical.test_psnr_[:, :, 1].std(axis=1, ddof=1)
        np.testing.assert_allclose(high - low, 2 * spread)
    if kind == "similarity":
        bars = [p for p in display.axes_[1].patches if isinstance(p, Rectangle)]
        assert sum(bar.get_height() for bar in bars) == pytest.approx(2)
    if kind == "samples":
        assert display.axes_.shape == (4, 3)
        shown = display.axes_[1, 1].images[0].get_array()
        np.testing.assert_array_equal(shown, empirical.generated_images_[1][0, 2])
    plt.close("all")


def test_display_without_samples():
    analyzer = analyze(WienerDenoiser(), (1, 10)).fit(DISKS, X_test=TEST)
    with pytest.raises(ValueError, match="set n_generated"):
        GeneralizationDisplay.from_estimator(analyzer, kind="samples")
    with pytest.raises(TypeError, match="expected a fitted GeneralizationAnalyzer"):
        GeneralizationDisplay.from_estimator(WienerDenoiser().fit(DISKS))
    with pytest.raises(ValueError, match="kind='bars' must be one of"):
        GeneralizationDisplay.from_estimator(analyzer, kind="bars")
    analyzer.set_params(n_generated=2).fit(DISKS, X_test=TEST)
    with pytest.raises(ValueError, match="sample=2 must be an integer from 0 to 1"):
        GeneralizationDisplay.from_estimator(analyzer, kind="samples", sample=2)


def test_one_noise_level_is_drawn_against_the_size():
    plt.switch_backend("Agg")
    analyzer = analyze(EmpiricalDenoiser(), (1, 10), noise_std=0.1)
    display = GeneralizationDisplay.from_estimator(analyzer.fit(DISKS, X_test=TEST))
    x, y = display.axes_[0].lines[1].get_data()
    np.testing.assert_array_equal(x, [1, 10])
    np.testing.assert_allclose(y, analyzer.test_psnr_.mean(axis=(1, 2)))
    plt.close("all")


def test_infinite_agreement_is_written_in_the_panel():
    plt.switch_backend("Agg")
    wavelets = WaveletThresholdDenoiser("haar")
    analyzer = analyze(wavelets, (1, 10), noise_std=0.1).fit(DISKS, X_test=TEST)
    assert np.isinf(analyzer.agreement_).all()
    display = GeneralizationDisplay.from_estimator(analyzer)
    (text,) = display.axes_[0].texts
    assert "agreement is infinite" in text.get_text()
    plt.close("all")


def test_transition_size():
    holds = np.array([[0, 1, 0], [1, 0, 0], [1, 1, 0]], dtype=bool)
    found = lasting_from(np.array([1, 10, 100]), holds)
    np.testing.assert_array_equal(found, [10, 100, np.nan])
    assert lasting_from(np.array([1, 10, 100]), holds[:, 0]) == 10


def test_a_level_does_not_change_the_regimes_of_other_levels():
    """The mean over levels used to turn "generalizing" into "in transition"."""
    analyzer = analyze(WienerDenoiser(), (100,), noise_std=[0.1, 0.3])
    before = analyzer.fit(TEXTURES[:300], X_test=TEXTURES[300:])
    assert before.regime_.tolist() == [["generalizing"] * 2]
    assert before.common_regime_.tolist() == ["generalizing"]
    gap, sizes = before.psnr_gap_, before.transition_size_
    levels = [0.1, 1e-4, 0.3]
    after = analyzer.set_params(noise_std=levels).fit(
        TEXTURES[:300], X_test=TEXTURES[300:]
    )
    assert after.regime_.tolist() == [["generalizing", "in transition", "generalizing"]]
    assert after.common_regime_.tolist() == ["mixed"]
    np.testing.assert_array_equal(after.psnr_gap_[:, [0, 2]], gap)
    np.testing.assert_array_equal(after.transition_size_, [sizes[0], np.nan, sizes[1]])


def test_spread_over_subsets_and_pairs():
    analyzer = analyze(WienerDenoiser(), (5, 50), n_subsets=3)
    analyzer.fit(TEXTURES[:300], X_test=TEXTURES[300:])
    table = pd.DataFrame(analyzer.results_).groupby(["train_size", "noise_std"])
    gaps = analyzer.train_psnr_ - analyzer.test_psnr_
    spread = gaps.std(axis=1, ddof=1)
    np.testing.assert_allclose(analyzer.psnr_gap_std_, spread)
    np.testing.assert_allclose(table["psnr_gap_std"].first(), spread[:, 0])
    np.testing.assert_allclose(
        table["test_psnr"].std(), analyzer.test_psnr_.std(axis=1, ddof=1)[:, 0]
    )
    # The variances of the three pairs of outputs at one size, for other noise.
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(TEXTURES[300:])
    outputs = [one.denoise_images(noisy, 0.1) for one in analyzer.estimators_[1]]
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = [np.mean((outputs[a] - outputs[b]) ** 2) / 2 for a, b in pairs]
    assert analyzer.variance_[1, 0] == pytest.approx(np.mean(expected), rel=0.2)
    assert analyzer.variance_std_[1, 0] == pytest.approx(
        np.std(expected, ddof=1), rel=0.5
    )
    two = analyzer.set_params(n_subsets=2).fit(DISKS)
    assert np.isnan(two.agreement_std_).all()
    assert np.isfinite(two.psnr_gap_std_).all()


def test_refit_forgets_samples():
    analyzer = analyze(EmpiricalDenoiser(), (1, 5), n_generated=2).fit(
        DISKS, X_test=TEST
    )
    assert hasattr(analyzer, "generated_images_")
    analyzer.set_params(n_generated=0).fit(DISKS, X_test=TEST)
    assert not hasattr(analyzer, "generated_images_")
    assert "generated_similarity" not in analyzer.results_


def test_optimal_may_be_fitted():
    optimal = FrozenEstimator(DiskPosteriorDenoiser(random_state=0).fit(TEST))
    fitted, fresh = (
        analyze(EmpiricalDenoiser(), (1, 10), noise_std=[0.1, 0.3], optimal=one)
        for one in (optimal, optimal.estimator)
    )
    np.testing.assert_array_equal(
        fitted.fit(DISKS, X_test=TEST[:10]).squared_bias_,
        fresh.fit(DISKS, X_test=TEST[:10]).squared_bias_,
    )


def test_frozen_optimal_must_be_fitted():
    analyzer = analyze(EmpiricalDenoiser(), optimal=FrozenEstimator(WienerDenoiser()))
    with pytest.raises(NotFittedError, match=r"optimal=Frozen.* without Frozen"):
        analyzer.fit(DISKS, X_test=TEST)


class RecordingWiener(WienerDenoiser):
    fitted_on = None

    def learn(self, clean, noisy=None):
        super().learn(clean, noisy)
        type(self).fitted_on = np.asarray(clean.data)


@pytest.mark.parametrize("test_is_given", [False, True])
def test_optimal_is_not_fitted_on_test_images(test_is_given):
    """A spectrum learned from the test images would beat the true optimum."""
    analyzer = analyze(WienerDenoiser(), (100,), optimal=RecordingWiener())
    if test_is_given:
        analyzer.fit(TEXTURES[:300], X_test=TEXTURES[300:])
        np.testing.assert_array_equal(RecordingWiener.fitted_on, TEXTURES[:300])
    else:
        analyzer.fit(TEXTURES)
        # 130 of the 330 images are in no subset.
        trained = TEXTURES[np.sort(analyzer.subsets_.ravel())]
        np.testing.assert_array_equal(RecordingWiener.fitted_on, trained)


def test_few_training_images_are_seen_with_many_draws_of_noise():
    """The training PSNR of one image is a mean, so it hardly depends on the seed."""
    found = [
        analyze(WienerDenoiser(), (1,), noise_std=[0.1, 0.5], random_state=seed)
        .fit(TEXTURES[:2], subsets=[[0], [1]], X_test=TEXTURES[300:])
        .train_psnr_[0, 0]
        for seed in range(5)
    ]
    assert (np.std(found, axis=0) < 0.15).all()


@pytest.mark.parametrize("as_rows", [False, True])
def test_integers_and_rows_are_drawn_as_images(as_rows):
    plt.switch_backend("Agg")
    X, X_test = ((255 * one).round().astype(np.uint8) for one in (DISKS, TEST))
    estimator = EmpiricalDenoiser(image_shape=(16, -1) if as_rows else None)
    if as_rows:
        X, X_test = X.reshape(500, -1), X_test.reshape(60, -1)
    analyzer = analyze(estimator, (1, 5), n_generated=2).fit(X, X_test=X_test)
    assert (
        analyzer.generated_images_[0].shape
        == analyzer.closest_train_images_[0].shape
        == (2, 2, 16, 16)
    )
    expected = DISKS[analyzer.subsets_[0, :1]]
    np.testing.assert_allclose(
        analyzer.closest_train_images_[0][0, :1], expected, atol=0.003
    )
    display = GeneralizationDisplay.from_estimator(analyzer, kind="samples")
    display.figure_.canvas.draw()
    plt.close("all")


def test_who_has_learned_nothing_does_not_generalize():
    untrained = quick_network().set_params(max_steps=1)
    with pytest.warns(
        UserWarning, match="N = 1 at noise_std 0.02; N = 10 at noise_std 0.02. Possible"
    ) as records:
        analyzer = analyze(untrained, (1, 10), noise_std=0.02).fit(DISKS, X_test=TEST)
    assert {record.filename for record in records} == {__file__}
    assert analyzer.regime_.tolist() == [["in transition"]] * 2


class Blur(WienerDenoiser):
    """Halve the image and the noise, whatever the noise level is."""

    def denoise(self, y, noise_std=None):
        return y / 2


def test_harm_at_one_level_is_reported():
    """Halving helps at noise above the intensities, and does harm below."""
    with pytest.warns(UserWarning, match=r"images: N = 5 at noise_std 0\.05, 0\.1\. "):
        analyze(Blur(), (5,), noise_std=[0.05, 1.0, 0.1]).fit(DISKS, X_test=TEST)


@pytest.mark.parametrize("gain", [0.5, 1.5])
@pytest.mark.parametrize(("gap", "regime"), [(0, "generalizing"), (5, "memorizing")])
def test_who_gains_next_to_nothing_has_learned_nothing(gap, regime, gain):
    """A small gain counts as no learning, for any agreement and any PSNR gap."""
    train = np.full((1, 1), 20.0 + gain)
    agreement, variance = np.full((1, 1), 40.0), np.full((1, 1), 1e-4)
    found = regimes(train, train - gap, agreement, variance, np.array([20.0]))
    assert found.tolist() == [[regime if gain > 1 else "in transition"]]
