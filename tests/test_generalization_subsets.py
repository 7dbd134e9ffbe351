"""Disjoint subsets of images, drawn or given, and near-duplicates."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    EmpiricalDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    WienerDenoiser,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.generalization import DuplicateWarning
from sklearn_gahb.generalization._similarity import closest_row
from sklearn_gahb.generalization._subsets import (
    disjoint_subsets,
    draw_pools,
    left_for_test,
)

DISKS = make_disk_images(500, 16, random_state=0)


def analyze(estimator, train_sizes=(1, 10, 100), **parameters):
    defaults = {"random_state": 0, "duplicates": "remove"}
    return GeneralizationAnalyzer(estimator, train_sizes, **(defaults | parameters))


def draw(images, n_subsets, size, groups=None, duplicates="warn"):
    pools = draw_pools(len(images), groups, n_subsets, np.random.RandomState(0))
    return disjoint_subsets(images, pools, size, threshold=0.95, duplicates=duplicates)


def test_subsets_are_disjoint():
    subsets, _ = draw(DISKS, 3, 150)
    assert len(np.unique(subsets)) == 450
    again, _ = draw(DISKS, 3, 150)
    np.testing.assert_array_equal(again, subsets)


def test_groups_stay_together():
    groups = np.repeat(np.arange(50), 10)
    subsets, _ = draw(DISKS, 2, 240, groups=groups)
    assert not set(groups[subsets[0]]) & set(groups[subsets[1]])


def test_images_of_the_groups_of_a_subset_are_not_tested_on():
    groups = np.arange(500) // 5
    subsets = np.array([[0, 7], [20, 499]])
    left = left_for_test(np.arange(500), subsets, groups)
    expected = [i for i in range(500) if i // 5 not in (0, 1, 4, 99)]
    np.testing.assert_array_equal(left, expected)
    with pytest.raises(ValueError, match="All groups of images in X"):
        left_for_test(np.arange(500), np.arange(0, 500, 5), groups)


def copied_images():
    """Make 100 images, and a copy of each with another mean and contrast."""
    rng = np.random.RandomState(0)
    base = rng.rand(100, 8, 8)
    return np.concatenate([base, 0.5 * base + 0.2 + 1e-3 * rng.rand(100, 8, 8)])


@pytest.mark.parametrize("duplicates", ["warn", "remove", "ignore"])
def test_near_duplicates(duplicates):
    subsets, n_duplicates = draw(copied_images(), 2, 40, duplicates=duplicates)
    pairs = set(subsets[0] % 100) & set(subsets[1] % 100)
    assert n_duplicates[0] == 0
    if duplicates == "remove":
        assert not pairs
        assert n_duplicates[1] > 0
    else:
        assert len(pairs) > 0
        assert n_duplicates[1] == (0 if duplicates == "ignore" else len(pairs))


def test_near_duplicates_are_not_tested_on():
    images = copied_images()
    noise_std = 0.1
    memorizer = EmpiricalDenoiser()
    removed = analyze(memorizer, (1, 40), noise_std=noise_std).fit(images)
    assert removed.n_test_duplicates_ > 0
    warning = analyze(memorizer, (1, 40), noise_std=noise_std, duplicates="warn")
    with pytest.warns(DuplicateWarning, match=r"are near-duplicates .* \d+ test"):
        warning.fit(images)
    assert warning.n_test_duplicates_ > 0
    # The memorizer has seen the test images, except for their mean and contrast.
    assert warning.test_psnr_[1].mean() > removed.test_psnr_[1].mean() + 0.5
    ignoring = analyze(memorizer, (1, 40), noise_std=noise_std, duplicates="ignore")
    ignoring.fit(images)
    assert ignoring.n_test_duplicates_ == 0
    np.testing.assert_array_equal(ignoring.test_psnr_, warning.test_psnr_)
    with pytest.warns(DuplicateWarning, match="and 80 test images are near") as records:
        warning.fit(images, X_test=images[warning.subsets_.ravel()])
    assert records[0].filename == __file__
    with pytest.raises(ValueError, match="All 80 test images are near-duplicates"):
        analyze(memorizer, (1, 40)).fit(images, X_test=images[removed.subsets_.ravel()])


def test_similarity_ignores_flat_images():
    rows = np.zeros((2, 5), np.float32)
    np.testing.assert_array_equal(closest_row(rows, rows)[0], 0)


def test_subsets_may_be_given():
    chosen = [np.arange(100), np.arange(200, 300)]
    analyzer = analyze(WienerDenoiser(), duplicates="ignore")
    analyzer.fit(DISKS, subsets=chosen, X_test=DISKS[400:])
    np.testing.assert_array_equal(analyzer.subsets_, chosen)
    alone = WienerDenoiser(noise_std=0.1).fit(DISKS[200:210])
    np.testing.assert_array_equal(
        analyzer.estimators_[1][1].power_spectrum_, alone.power_spectrum_
    )


@pytest.mark.parametrize(
    ("subsets", "groups", "message"),
    [
        (
            [[0, 1, 2], [2, 3, 1]],
            None,
            r"2 images are in them more than once.* image 1",
        ),
        ([[0, 1, 1], [2, 3, 4]], None, "1 images are in them more than once"),
        ([[0], [1], [2]], None, r"subsets has 3 entries, but n_subsets=2"),
        ([[0, 500], [1, 2]], None, r"subsets\[0\] has the index 500, but X has 500"),
        ([[0, 1], [-1, 2]], None, r"subsets\[1\] has the index -1"),
        ([[0.0, 1.0], [2, 3]], None, r"subsets\[0\] has dtype float64 .* indices"),
        ([[0, 1], [2, 3]], np.arange(500) // 3, "images of group 0 are in several"),
        ([[0], [2]], None, "subset 0 lacks 1"),
        ([[], [2, 3]], None, r"subsets\[0\] has dtype float64 .* indices"),
    ],
)
def test_given_subsets_must_make_sense(subsets, groups, message):
    with pytest.raises(ValueError, match=message):
        analyze(WienerDenoiser(), (1, 2)).fit(DISKS, subsets=subsets, groups=groups)


def test_labels_and_whole_floats_are_taken():
    sizes = np.logspace(0, 2, 3)
    found = analyze(WienerDenoiser(), sizes).fit(DISKS, np.zeros(500))
    assert found.train_sizes_.tolist() == [1, 10, 100]


def test_tensors_and_integers_are_taken():
    as_integers = (255 * DISKS).astype(np.uint8)
    numbers = analyze(WienerDenoiser(), (1, 10)).fit(as_integers)
    tensors = analyze(WienerDenoiser(), (1, 10)).fit(torch.from_numpy(as_integers))
    np.testing.assert_array_equal(numbers.test_psnr_, tensors.test_psnr_)
    rows = analyze(WienerDenoiser(image_shape=(16, 16)), (1, 10))
    rows.fit(as_integers.reshape(500, -1))
    np.testing.assert_allclose(numbers.test_psnr_, rows.test_psnr_, rtol=1e-6)


def test_bad_input():
    with pytest.raises(
        ValueError, match=r"600 in total. X has 500 images, and subset 0 lacks 50"
    ):
        analyze(WienerDenoiser(), (300,)).fit(DISKS)
    with pytest.raises(ValueError, match="none is left to test on"):
        analyze(WienerDenoiser(), (250,), duplicates="ignore").fit(DISKS)
    with pytest.raises(TypeError, match="must have fit and transform"):
        analyze(FitOnly()).fit(DISKS)
    with pytest.raises(TypeError, match=r"is a class; pass an instance, WienerD.*\(\)"):
        analyze(WienerDenoiser).fit(DISKS)
    noisy = make_pipeline(GaussianNoise(0.1), WienerDenoiser())
    for estimator in (noisy, make_pipeline(noisy), GridSearchCV(noisy, {})):
        with pytest.raises(ValueError, match="adds noise itself"):
            analyze(estimator).fit(DISKS)
    with pytest.raises(TypeError, match="FrozenEstimator, which does not learn"):
        analyze(FrozenEstimator(WienerDenoiser().fit(DISKS))).fit(DISKS)
    for sizes in ((10, 10), np.array([100, 10], np.uint64), (0, 1), (1.5, 2)):
        with pytest.raises(ValueError, match="must be increasing"):
            analyze(WienerDenoiser(), sizes).fit(DISKS)
    for levels in ([0.1, 0.0], [0.1, np.inf], [0.1, 0.1]):
        with pytest.raises(ValueError, match="must be distinct positive numbers"):
            analyze(WienerDenoiser(), noise_std=levels).fit(DISKS)
    with pytest.raises(ValueError, match=r"X_test has images of shape \(20, 20\)"):
        analyze(WienerDenoiser()).fit(DISKS, X_test=np.zeros((2, 20, 20)))
    with pytest.raises(ValueError, match=r"single image as X_test\[None\]"):
        analyze(WienerDenoiser()).fit(DISKS, X_test=DISKS[0])
    with pytest.raises(ValueError, match="'n_subsets' parameter"):
        analyze(WienerDenoiser(), n_subsets=1).fit(DISKS)
    with pytest.raises(ValueError, match=r"groups has shape \(3,\)"):
        analyze(WienerDenoiser()).fit(DISKS, groups=[1, 2, 3])
    for none in (None, np.nan):
        with pytest.raises(ValueError, match="for 1 images, the first at index 2;"):
            analyze(WienerDenoiser()).fit(DISKS, groups=[1, 2, none] + [3] * 497)
    with pytest.raises(ValueError, match="groups has 1 different values"):
        analyze(WienerDenoiser()).fit(DISKS, groups=np.zeros(500))
    with pytest.raises(ValueError, match=r"y holds images; .* as X_test="):
        analyze(WienerDenoiser()).fit(DISKS, DISKS)
    with pytest.raises(ValueError, match=r"has shape \(1, 256\), but image_shape is"):
        analyze(WienerDenoiser()).fit(DISKS.reshape(500, -1))
    channels_first = torch.zeros(3, 20, 16, 16)
    with pytest.raises(ValueError, match=r"pass X.movedim\(1, -1\)"):
        analyze(WienerDenoiser()).fit(channels_first)
    with pytest.raises(ValueError, match="X is a list of 500 images"):
        analyze(WienerDenoiser()).fit(list(DISKS))


@pytest.mark.filterwarnings("ignore:Denoised test images have a lower PSNR")
def test_any_transformer_of_images_is_taken():
    analyzer = analyze(Shrink(), (1, 2), n_generated=2).fit(DISKS)
    assert analyzer.generated_images_[0].shape == (2, 2, 16, 16)
    means = [[one.mean_ for one in row] for row in analyzer.estimators_]
    variance = 0.01 * np.square(np.diff(means)[:, 0]) / 2
    np.testing.assert_allclose(analyzer.variance_[:, 0], variance, rtol=1e-4)


class FitOnly:
    def fit(self, X):
        return self

    def get_params(self, deep=True):
        return {}


class Shrink(TransformerMixin, BaseEstimator):
    """A third-party denoiser that does not use this package."""

    def fit(self, X, y=None):
        self.mean_ = X.mean()
        return self

    def transform(self, X):
        return self.mean_ + 0.9 * (X - self.mean_)
