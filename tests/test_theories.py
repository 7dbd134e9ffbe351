"""Theories beside the estimator in the analyzer, and copies of training images."""

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from sklearn_gahb import (
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianDenoiser,
    GeneralizationAnalyzer,
    LocalPosteriorDenoiser,
    WienerDenoiser,
)
from sklearn_gahb.datasets import make_disk_images, make_gaussian_textures
from sklearn_gahb.displays import GeneralizationDisplay
from sklearn_gahb.evaluation import memorized_fraction
from sklearn_gahb.generalization._theories import explained_change, squared_correlation

DISKS = make_disk_images(120, 8, random_state=0)
TEST = make_disk_images(10, 8, random_state=1)
# At periodic borders, all patches have the same shape, which saves time.
THEORIES = {
    "empirical": EmpiricalDenoiser(),
    "local": LocalPosteriorDenoiser(5, boundary="periodic"),
}


def analyze(estimator, **parameters):
    defaults = {
        "train_sizes": (2, 20),
        "noise_std": [0.1, 0.3],
        "n_generated": 3,
        "theories": THEORIES,
        "duplicates": "ignore",
        "random_state": 0,
    }
    return GeneralizationAnalyzer(estimator, **(defaults | parameters))


@pytest.fixture(scope="module")
def analyzer():
    return analyze(EmpiricalDenoiser()).fit(DISKS, X_test=TEST)


def test_a_theory_explains_itself_completely(analyzer):
    for measure in (analyzer.explained_, analyzer.explained_change_):
        assert measure["empirical"].shape == (2, 2, 2)
        np.testing.assert_allclose(measure["empirical"], 1, atol=1e-12)
        assert (measure["local"] < 0.99).all()
    np.testing.assert_allclose(analyzer.generated_explained_["empirical"], 1, atol=1e-9)


def test_theories_are_fitted_and_tested_like_estimators(analyzer):
    other = analyze(THEORIES["local"], theories={"old": EmpiricalDenoiser()})
    other.fit(DISKS, X_test=TEST)
    np.testing.assert_allclose(analyzer.theory_psnr_["local"], other.test_psnr_)
    # The squared correlation is symmetric.
    pair = analyzer.explained_["local"], other.explained_["old"]
    np.testing.assert_allclose(*pair)
    # The noise is the same too, and the priors of the two denoisers are nearly so.
    pair = analyzer.generated_explained_["local"], other.generated_explained_["old"]
    np.testing.assert_allclose(*pair, atol=0.02)
    assert (analyzer.explained_change_["local"] <= 1).all()


def test_squared_correlation_and_explained_change():
    rng = np.random.default_rng(0)
    first, second, third = rng.normal(size=(3, 4, 5, 5)).astype(np.float32)
    expected = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] ** 2
        for a, b in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(squared_correlation(first, second), expected)
    np.testing.assert_allclose(squared_correlation(first, 3 - 2 * first), 1)
    np.testing.assert_array_equal(squared_correlation(first, np.ones_like(first)), 0)
    # Rounding errors of the means are no contrast.
    flat = np.full((1, 7, 7), 0.1), np.full((1, 7, 7), 0.3)
    assert squared_correlation(*flat) == 0
    np.testing.assert_allclose(explained_change(first, first, third), 1)
    np.testing.assert_allclose(explained_change(first, third, third), 0)
    halfway = (first + third) / 2
    np.testing.assert_allclose(explained_change(first, halfway, third), 0.75, rtol=1e-5)


def test_the_optimal_linear_denoiser_is_explained_by_gaussian_theory():
    X = make_gaussian_textures(700, 8, exponent=1.5, random_state=0)
    found = analyze(
        WienerDenoiser(),
        train_sizes=(10, 300),
        theories={"gaussian": GaussianDenoiser()},
        n_generated=0,
    ).fit(X)
    small, large = found.explained_["gaussian"].mean(axis=1)
    assert (large > 0.97).all()
    assert (small < large).all()
    assert not hasattr(found, "generated_explained_")


def test_table_has_a_column_for_each_theory(analyzer):
    found = analyzer.results_
    for measure in ("explained", "explained_change", "theory_psnr"):
        column = found[f"{measure}_local"]
        expected = getattr(analyzer, f"{measure}_")["local"].ravel()
        np.testing.assert_array_equal(column, expected)
    assert len(found["generated_explained_local"]) == len(found["subset"])
    expected = np.repeat(analyzer.memorized_fraction_.ravel(), 2)
    np.testing.assert_array_equal(found["memorized_fraction"], expected)


def test_kept_theories_are_not_fitted_again(tmp_path):
    options = {"checkpoint_dir": tmp_path, "n_generated": 0}
    before = analyze(EmpiricalDenoiser(), **options).fit(DISKS, X_test=TEST)
    names = {path: path.stat().st_mtime_ns for path in tmp_path.glob("theory-*")}
    assert len(names) == 8
    after = analyze(EmpiricalDenoiser(), **options).fit(DISKS, X_test=TEST)
    assert names == {p: p.stat().st_mtime_ns for p in tmp_path.glob("theory-*")}
    np.testing.assert_array_equal(before.explained_["local"], after.explained_["local"])
    wider = {"local": LocalPosteriorDenoiser(7, boundary="periodic")}
    changed = analyze(EmpiricalDenoiser(), **(options | {"theories": wider}))
    changed.fit(DISKS, X_test=TEST)
    assert not np.allclose(before.explained_["local"], changed.explained_["local"])


@pytest.mark.parametrize(
    ("theories", "error", "message"),
    [
        ({"line": LinearRegression()}, TypeError, r"theories\['line'\]=LinearRegr"),
        ({"local": LocalPosteriorDenoiser}, TypeError, "is a class; pass an instance"),
        ({1: EmpiricalDenoiser()}, ValueError, r"theories has the keys \[1\]"),
        ([EmpiricalDenoiser()], ValueError, "'theories' parameter"),
        ({"a": EmpiricalDenoiser(data_range=9)}, ValueError, "several data ranges"),
        (
            {"a": EmpiricalDenoiser(), "change_a": EmpiricalDenoiser()},
            ValueError,
            "two columns of results_ the name 'explained_change_a'",
        ),
        (
            {"net": DNNDenoiser(supervision="noisy")},
            ValueError,
            r"theories\['net'\] has supervision",
        ),
    ],
)
def test_bad_theories(theories, error, message):
    with pytest.raises(error, match=message):
        analyze(EmpiricalDenoiser(), theories=theories).fit(DISKS, X_test=TEST)


class NeverFitted(EmpiricalDenoiser):
    """Estimator whose training would be lost if a theory failed after it."""

    def learn(self, clean, noisy=None):
        raise AssertionError("The estimator was trained before the theories failed.")


@pytest.mark.parametrize(
    ("theory", "message"),
    [
        (LocalPosteriorDenoiser({0.2: 3}), "the noise level is 0.1. Add an entry"),
        (LocalPosteriorDenoiser({0.1: 3, 0.2: 3}), "the noise level is 0.3"),
        (LocalPosteriorDenoiser({0.1: 3, 1: 5}), "but the noise level is 0.01"),
        (LocalPosteriorDenoiser(4), "patch_size=4 must be an odd number"),
        (LocalPosteriorDenoiser(9), "patch_size=9 must be an odd number"),
        (LocalPosteriorDenoiser(n_patches=10**6), "n_patches=1000000 must be at most"),
        (
            EmpiricalDenoiser(image_shape=(4, 4)),
            "64 values per row, which cannot form",
        ),
        (PCA(2), "Found array with dim 3"),
    ],
)
def test_theories_fail_before_the_estimator_is_trained(theory, message):
    is_rows = getattr(theory, "image_shape", None) is not None
    X, X_test = (x.reshape(len(x), -1) if is_rows else x for x in (DISKS, TEST))
    with pytest.raises(ValueError, match=message) as caught:
        analyze(NeverFitted(), theories={"mine": theory}).fit(X, X_test=X_test)
    assert caught.value.__notes__ == ["The error comes from theories['mine']."]


def test_samples_of_a_memorizer_are_copies(analyzer):
    np.testing.assert_array_equal(analyzer.memorized_fraction_, 1)
    low, high = np.moveaxis(analyzer.memorized_fraction_interval_, -1, 0)
    # If all of n images are memorized, the exact interval begins at 0.025^(1 / n).
    np.testing.assert_allclose(low, 0.025 ** (1 / 3))
    np.testing.assert_array_equal(high, 1)


def test_one_training_image_has_no_memorized_fraction():
    found = analyze(EmpiricalDenoiser(), train_sizes=(1, 2), theories=None)
    found.fit(DISKS, X_test=TEST)
    assert np.isnan(found.memorized_fraction_[0]).all()
    assert np.isnan(found.memorized_fraction_interval_[0]).all()
    assert (found.memorized_fraction_[1] == 1).all()


def test_memorized_fraction_compares_two_distances():
    # Distances 1 and 4, 2 and 3, 0 and 0, from rows of one pixel.
    train = np.array([0.0, 5.0, 9.0, 9.0])[:, None]
    generated = np.array([1.0, 3.0, 9.0])[:, None]
    found = memorized_fraction(
        generated, train, image_shape=(1, 1), data_range=(0, 9), ratio=0.3
    )
    np.testing.assert_allclose(found.ratios, [1 / 4, 2 / 3, 1], rtol=1e-6)
    assert found.closest[:2].tolist() == [0, 1]
    assert found.fraction == pytest.approx(1 / 3)
    expected = beta.ppf([0.025, 0.975], [1, 2], [3, 2])
    np.testing.assert_allclose(found.interval, expected)


@pytest.mark.parametrize(
    ("X_train", "message"),
    [
        (DISKS[:1], "expected at least 2"),
        (DISKS[:5, :6, :6], "X_train has images of sizes"),
        ((255 * DISKS[:5]).astype(np.float32), "X_train"),
        (np.stack([DISKS[:5]] * 3, axis=-1), "X has images with 1 channels"),
    ],
)
def test_memorized_fraction_refuses(X_train, message):
    X = (255 * TEST).astype(np.uint8) if X_train.max() > 1 else TEST
    with pytest.raises(ValueError, match=message):
        memorized_fraction(X, X_train)


@pytest.mark.parametrize(
    ("X", "X_train", "data_range"),
    [
        (DISKS, 255 * DISKS, None),
        (255 * DISKS, DISKS, None),
        (DISKS, (255 * DISKS).astype(np.uint8), 255),
    ],
)
def test_memorized_fraction_warns_of_other_units(X, X_train, data_range):
    with pytest.warns(UserWarning, match="in the same units"):
        memorized_fraction(X, X_train, data_range=data_range)


def test_display_draws_a_line_for_each_theory(analyzer):
    display = GeneralizationDisplay.from_estimator(analyzer, kind="explained")
    assert len(display.axes_) == 2
    labels = [text.get_text() for text in display.figure_.legends[0].get_texts()]
    assert labels == ["empirical", "local"]
    line = display.axes_[1].containers[1].lines[0]
    expected = analyzer.explained_["local"].mean(axis=1)[:, 1]
    np.testing.assert_allclose(line.get_ydata(), expected)


def test_display_needs_theories():
    found = analyze(EmpiricalDenoiser(), theories=None, n_generated=0)
    found.fit(DISKS, X_test=TEST)
    with pytest.raises(ValueError, match="set theories of the analyzer"):
        GeneralizationDisplay.from_estimator(found, kind="explained")
