"""Denoisers inside the tools of scikit-learn."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_gahb import (
    DNNDenoiser,
    GaussianNoise,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    make_psnr_scorer,
)
from sklearn_gahb.datasets import make_disk_images

X = make_disk_images(60, 16, random_state=0)
SCORER = make_psnr_scorer(0.1, random_state=0)
DENOISERS = [
    WaveletThresholdDenoiser("haar", noise_std=0.1, random_state=0),
    WienerDenoiser(noise_std=0.1, random_state=0),
    DNNDenoiser(width=4, depth=1, max_steps=20, device="cpu", random_state=0),
]
each_denoiser = pytest.mark.parametrize(
    "denoiser", DENOISERS, ids=lambda d: type(d).__name__
)


@each_denoiser
def test_pipeline_that_adds_noise_is_fitted_and_scored_on_clean_images(denoiser):
    pipeline = make_pipeline(GaussianNoise(0.1, random_state=0), clone(denoiser))
    pipeline.fit(X, X)
    noisy = pipeline[0].transform(X)
    assert pipeline.score(X, X) == pipeline[-1].score(noisy, X)
    expected = clone(denoiser).fit(noisy, X).transform(noisy)
    np.testing.assert_array_equal(pipeline.transform(X), expected)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(pipeline)).transform(X), expected
    )


def as_tensors(X):
    return torch.from_numpy(X)


def as_rows_of_a_frame(X):
    return pd.DataFrame(X.reshape(len(X), -1)).add_prefix("pixel")


@pytest.mark.parametrize("convert", [np.asarray, as_tensors, list, as_rows_of_a_frame])
@pytest.mark.parametrize("labels", [None, np.zeros(len(X))])
def test_noisy_images_are_not_silently_taken_as_clean(convert, labels):
    """pipeline.fit(X).score(X) used to train on noisy images, and add more noise."""
    images = convert(X)
    noise = GaussianNoise(0.1, random_state=0)
    shape = (16, 16)
    if convert is as_rows_of_a_frame:
        noise.set_output(transform="pandas")
    for denoiser in (
        WienerDenoiser(noise_std=0.1, image_shape=shape),
        DNNDenoiser(width=4, depth=1, max_steps=2, image_shape=shape),
    ):
        pipeline = make_pipeline(noise, denoiser)
        with pytest.warns(UserWarning, match="so fit treats them as clean") as records:
            pipeline.fit(images, labels)
        assert {record.filename for record in records} == {__file__}
        with pytest.warns(UserWarning, match="so score adds noise to them a second"):
            pipeline.score(images, labels)
        # These calls raise no warning, because pytest turns warnings into errors.
        pipeline.fit(images, images).score(images, images)
        noisy = noise.fit_transform(images)
        denoiser.fit(noisy, images).score(noisy, images)
        denoiser.fit(images).transform(noisy)
        denoiser.score(images)


def test_denoisers_that_learn_nothing_may_be_fitted_to_noisy_images():
    noisy = GaussianNoise(0.1).fit_transform(X)
    assert not WaveletThresholdDenoiser().needs_clean_images
    WaveletThresholdDenoiser("haar").fit_transform(noisy)
    pipeline = make_pipeline(
        GaussianNoise(0.1), WaveletThresholdDenoiser(noise_std=0.1)
    )
    with pytest.warns(UserWarning, match="score adds noise"):
        pipeline.fit(X).score(X)
    # Without noise, the output of GaussianNoise is clean.
    make_pipeline(GaussianNoise(0.0), WienerDenoiser(noise_std=0.1)).fit(X).score(X)


@each_denoiser
def test_bare_denoiser_takes_clean_images_alone(denoiser):
    result = cross_validate(clone(denoiser), X, cv=3, scoring=SCORER)
    default = cross_validate(clone(denoiser), X, cv=3)
    assert np.isfinite(result["test_score"]).all()
    # score(X) draws noise from the same distribution as the scorer.
    np.testing.assert_allclose(
        default["test_score"].mean(), result["test_score"].mean(), atol=0.5
    )
    with pytest.raises(ValueError, match="X equals y"):
        cross_validate(clone(denoiser), X, X, cv=3, error_score="raise")


@each_denoiser
def test_clone_keeps_parameters_only(denoiser):
    fitted = clone(denoiser).fit(X)
    copy = clone(fitted)
    assert copy.get_params() == denoiser.get_params()
    assert not [name for name in vars(copy) if name.endswith("_")]
    frozen = clone(FrozenEstimator(fitted)).fit(X, None)
    np.testing.assert_array_equal(frozen.transform(X), fitted.transform(X))


def test_search_compares_denoisers_of_all_kinds():
    pipeline = Pipeline(
        [("noise", GaussianNoise(0.1, random_state=0)), ("denoise", DENOISERS[0])]
    )
    search = GridSearchCV(pipeline, {"denoise": DENOISERS}, cv=2).fit(X, X)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    again = GridSearchCV(clone(DENOISERS[0]), {"threshold": [1.0, 3.0]}, scoring=SCORER)
    assert again.fit(X).best_params_ == {"threshold": 3.0}


def test_identity_cannot_win_a_search():
    """If degraded and clean images are equal, an error replaces the infinite PSNR."""
    search = GridSearchCV(
        WaveletThresholdDenoiser(noise_std=0.1), {"threshold": [0.0, 3.0]}
    )
    with pytest.raises(ValueError, match="X equals y"):
        search.fit(X, X)
    silent = make_pipeline(GaussianNoise(0.0), WaveletThresholdDenoiser())
    with pytest.raises(ValueError, match="X equals y"):
        silent.fit(X, X)
    quiet = WaveletThresholdDenoiser(noise_std=0.0, random_state=0).fit(X)
    with pytest.raises(ValueError, match="noise_std=0"):
        quiet.score(X)


@pytest.mark.parametrize("is_enabled", [False, True])
def test_metadata_routing_changes_no_score(is_enabled):
    """With routing, Pipeline.score always routes sample_weight to the last step."""
    pipeline = make_pipeline(GaussianNoise(0.1, random_state=0), clone(DENOISERS[0]))
    grid = {"waveletthresholddenoiser__threshold": [1.0, 3.0]}
    expected = pipeline.fit(X, X).score(X, X)
    with sklearn.config_context(enable_metadata_routing=is_enabled):
        assert pipeline.score(X, X) == expected
        search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, X)
        assert search.best_params_ == {"waveletthresholddenoiser__threshold": 3.0}
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert search.score(X, X) > 20
        alone = make_pipeline(clone(DENOISERS[0]))
        scores = cross_validate(alone, X, cv=2, scoring=SCORER, error_score="raise")[
            "test_score"
        ]
        assert np.isfinite(scores).all()


@pytest.mark.parametrize("is_enabled", [False, True])
def test_scores_weight_the_images(is_enabled):
    denoiser = clone(DENOISERS[0]).fit(X)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    weight = np.random.RandomState(0).rand(len(X))
    expected = np.average(denoiser.psnr_per_image(noisy, X), weights=weight)
    assert denoiser.score(noisy, X, sample_weight=weight) == pytest.approx(expected)
    assert denoiser.score(noisy, X) == denoiser.psnr_per_image(noisy, X).mean()
    with sklearn.config_context(enable_metadata_routing=is_enabled):
        last = clone(denoiser)
        if is_enabled:
            last.set_score_request(sample_weight=True)
        pipeline = make_pipeline(GaussianNoise(0.1, random_state=0), last).fit(X, X)
        found = pipeline.score(X, X, sample_weight=weight)
    assert found == pytest.approx(expected)
    first_half = (np.arange(len(X)) < 30).astype(int)
    assert denoiser.score(noisy, X, first_half) == pytest.approx(
        denoiser.score(noisy[:30], X[:30])
    )
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_"):
        denoiser.score(noisy, X, sample_weight=-weight)
    with pytest.raises(ValueError, match="sample_weight"):
        denoiser.score(noisy, X, sample_weight=weight[:3])


def test_images_travel_through_splits():
    groups = np.repeat(np.arange(6), 10)
    train, test, _, test_groups = train_test_split(
        X, groups, test_size=0.5, random_state=0
    )
    assert len(train) == len(test) == len(test_groups) == 30
    photos = list(X)
    scores = cross_validate(
        WaveletThresholdDenoiser("haar"), photos, cv=KFold(2), scoring=SCORER
    )["test_score"]
    stack = cross_validate(
        WaveletThresholdDenoiser("haar"), X, cv=KFold(2), scoring=SCORER
    )["test_score"]
    np.testing.assert_allclose(scores, stack, atol=1e-6)


def test_progress_bars_nest_under_a_search(capsys):
    search = GridSearchCV(DENOISERS[2], {"n_train_samples": [1, 5]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X)
    output = capsys.readouterr().out
    assert "GridSearchCV - fit" in output
    assert "DNNDenoiser - fit" in output


def test_parallel_search_gives_the_same():
    grid = {"n_train_samples": [1, 20]}
    options = {"scoring": SCORER, "cv": 2, "refit": False}
    serial = GridSearchCV(DENOISERS[2], grid, **options).fit(X)
    parallel = GridSearchCV(DENOISERS[2], grid, n_jobs=2, **options).fit(X)
    np.testing.assert_allclose(
        serial.cv_results_["mean_test_score"],
        parallel.cv_results_["mean_test_score"],
        atol=1e-4,
    )


def test_memorization_shows_in_a_grid_search_and_in_a_learning_curve(patches):
    """The denoiser memorizes few photographs, and generalizes with more of them."""
    train, test = patches
    photos = np.concatenate([train, test])
    n_train = len(train)
    splits = [(np.arange(n_train), np.arange(n_train, len(photos)))]
    denoiser = DNNDenoiser(
        width=8,
        depth=2,
        max_steps=150,
        batch_size=16,
        learning_rate=1e-2,
        device="cpu",
        random_state=0,
    )
    search = GridSearchCV(
        denoiser, {"n_train_samples": [1, 300]}, scoring=SCORER, cv=splits, refit=False
    ).fit(photos)
    few, many = search.cv_results_["mean_test_score"]
    assert few < 17
    assert many > 22
    _, train_scores, test_scores = learning_curve(
        denoiser, photos, None, train_sizes=[1, 300], cv=splits, scoring=SCORER
    )
    assert train_scores[0, 0] > 30
    assert train_scores[0, 0] > test_scores[0, 0] + 15
    assert abs(train_scores[1, 0] - many) < 3
    assert test_scores[1, 0] > test_scores[0, 0] + 5
