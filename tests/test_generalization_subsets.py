"""Subsets that share no image, drawn or given, and near-duplicates."""

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    GaussianNoise,
    GeneralizationAnalyzer,
    WaveletThresholdDenoiser,
    WienerDenoiser,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.generalization import DuplicateWarning
from sklearn_gahb.generalization._similarity import closest_row
from sklearn_gahb.generalization._subsets import disjoint_subsets, draw_pools

DISKS = make_disk_images(500, 16, random_state=0)


def analyse(estimator, train_sizes=(1, 10, 100), **parameters):
    defaults = {"random_state": 0, "duplicates": "remove"}
    return GeneralizationAnalyzer(estimator, train_sizes, **(defaults | parameters))


def draw(images, n_subsets, size, groups=None, remove=False):
    pools = draw_pools(len(images), groups, n_subsets, np.random.RandomState(0))
    return disjoint_subsets(images, pools, size, threshold=0.95, remove=remove)


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
    groups = np.repeat(np.arange(100), 5)
    analyzer = analyse(WienerDenoiser(), (20,), duplicates="warn", n_train_images=1)
    with pytest.warns(DuplicateWarning):
        analyzer.fit(DISKS, groups=groups)
    trained = set(groups[analyzer.subsets_.ravel()])
    outside = DISKS[[group not in trained for group in groups]]
    # One test image for each image outside: their number shows in the test PSNR alone.
    expected = analyse(WienerDenoiser(), (20,), duplicates="warn", n_train_images=1)
    with pytest.warns(DuplicateWarning):
        expected.fit(DISKS, groups=groups, X_test=outside)
    np.testing.assert_allclose(analyzer.test_psnr_, expected.test_psnr_, rtol=1e-6)


@pytest.mark.parametrize("remove", [False, True])
def test_near_duplicates(remove):
    rng = np.random.RandomState(0)
    base = rng.rand(100, 8, 8)
    # Each image twice, with another mean and contrast.
    images = np.concatenate([base, 0.5 * base + 0.2 + 1e-3 * rng.rand(100, 8, 8)])
    subsets, n_duplicates = draw(images, 2, 40, remove=remove)
    pairs = set(subsets[0] % 100) & set(subsets[1] % 100)
    assert n_duplicates[0] == 0
    if remove:
        assert not pairs
        assert n_duplicates[1] > 0
    else:
        assert n_duplicates[1] == len(pairs) > 0
    with pytest.warns(DuplicateWarning, match=r"of 80 training images are nearly"):
        analyse(WaveletThresholdDenoiser(), (40,), duplicates="warn").fit(images)


def test_similarity_ignores_flat_images():
    rows = np.zeros((2, 5), np.float32)
    np.testing.assert_array_equal(closest_row(rows, rows)[0], 0)


def test_subsets_may_be_given():
    chosen = [np.arange(100), np.arange(200, 300)]
    analyzer = analyse(WienerDenoiser(), duplicates="warn", duplicate_threshold=1.0)
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
        ([[0], [1], [2]], None, r"subsets has 3 entries, and n_subsets=2"),
        ([[0, 500], [1, 2]], None, r"subsets\[0\] has the index 500, and X 500 images"),
        ([[0, 1], [-1, 2]], None, r"subsets\[1\] has the index -1"),
        ([[0.0, 1.0], [2, 3]], None, r"subsets\[0\] must be .* indices"),
        ([[0, 1], [2, 3]], np.arange(500) // 3, "images of group 0 are in several"),
        ([[0], [2]], None, "subset 0 lacks 1"),
    ],
)
def test_given_subsets_must_make_sense(subsets, groups, message):
    with pytest.raises(ValueError, match=message):
        analyse(WienerDenoiser(), (1, 2)).fit(DISKS, subsets=subsets, groups=groups)


def test_tensors_and_integers_are_taken():
    as_integers = (255 * DISKS).astype(np.uint8)
    numbers = analyse(WienerDenoiser(), (1, 10)).fit(as_integers)
    tensors = analyse(WienerDenoiser(), (1, 10)).fit(torch.from_numpy(as_integers))
    np.testing.assert_array_equal(numbers.test_psnr_, tensors.test_psnr_)
    rows = analyse(WienerDenoiser(image_shape=(16, 16)), (1, 10))
    rows.fit(as_integers.reshape(500, -1))
    np.testing.assert_allclose(numbers.test_psnr_, rows.test_psnr_, rtol=1e-6)


def test_bad_input():
    with pytest.raises(
        ValueError, match=r"600 together. X has 500, and subset 0 lacks 50"
    ):
        analyse(WienerDenoiser(), (300,)).fit(DISKS)
    with pytest.raises(ValueError, match="is left to test on"):
        analyse(
            WienerDenoiser(), (250,), duplicates="warn", duplicate_threshold=1.0
        ).fit(DISKS)
    with pytest.raises(TypeError, match="must have fit and transform"):
        analyse(FitOnly()).fit(DISKS)
    with pytest.raises(TypeError, match="FitTransform has no method sample"):
        analyse(FitTransform(), n_samples=2).fit(DISKS)
    with pytest.raises(ValueError, match="adds noise itself"):
        analyse(make_pipeline(GaussianNoise(0.1), WienerDenoiser())).fit(DISKS)
    with pytest.raises(ValueError, match="must be increasing"):
        analyse(WienerDenoiser(), (10, 10)).fit(DISKS)
    with pytest.raises(ValueError, match="must be positive"):
        analyse(WienerDenoiser(), noise_std=[0.1, 0.0]).fit(DISKS)
    with pytest.raises(ValueError, match="'n_subsets' parameter"):
        analyse(WienerDenoiser(), n_subsets=1).fit(DISKS)
    with pytest.raises(ValueError, match=r"groups has shape \(3,\)"):
        analyse(WienerDenoiser()).fit(DISKS, groups=[1, 2, 3])
    with pytest.raises(ValueError, match="groups has 1 different values"):
        analyse(WienerDenoiser()).fit(DISKS, groups=np.zeros(500))
    with pytest.raises(ValueError, match="X is a list of 500 images"):
        analyse(WienerDenoiser()).fit(list(DISKS))


class FitOnly:
    def fit(self, X):
        return self

    def get_params(self, deep=True):
        return {}


class FitTransform(FitOnly):
    def transform(self, X):
        return X
