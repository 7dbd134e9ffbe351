"""Checkpoints in training, and the times at which networks learn and memorize."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_gahb import DNNDenoiser, GeneralizationAnalyzer, WienerDenoiser
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.displays import GeneralizationDisplay
from sklearn_gahb.generalization._times import first_crossing, generalization_time

pytestmark = pytest.mark.filterwarnings("ignore:Denoised test images have a lower PSNR")
DISKS = make_disk_images(60, 8, random_state=0)
TEST = make_disk_images(6, 8, random_state=1)


def network(max_steps=24, checkpoints=(6, 24), **parameters):
    return DNNDenoiser(
        width=4,
        depth=1,
        max_steps=max_steps,
        batch_size=8,
        schedule="constant",
        checkpoints=checkpoints,
        **parameters,
    )


def analyze(estimator, **parameters):
    options = {"noise_std": [0.1, 0.3], "duplicates": "ignore", "random_state": 0}
    # Small subsets get many draws of noise, which take time.
    return GeneralizationAnalyzer(estimator, (8, 16), **(options | parameters))


@pytest.fixture(scope="module")
def analyzer():
    return analyze(network(), n_generated=2).fit(DISKS, X_test=TEST)


def test_snapshots_are_networks_that_were_trained_for_fewer_steps():
    denoiser = network(random_state=0).fit(DISKS)
    assert list(denoiser.snapshots_) == [6, 24]
    for n_steps, snapshot in denoiser.snapshots_.items():
        alone = network(n_steps, (), random_state=0).fit(DISKS)
        assert snapshot.n_steps_ == n_steps
        np.testing.assert_array_equal(snapshot.loss_curve_, alone.loss_curve_)
        np.testing.assert_array_equal(snapshot.transform(TEST), alone.transform(TEST))
        assert not hasattr(snapshot, "snapshots_")
    again = denoiser.set_params(checkpoints=()).fit(DISKS)
    assert not hasattr(again, "snapshots_")


def test_checkpoints_count_the_steps_of_the_last_fit():
    denoiser = network(random_state=0, warm_start=True).fit(DISKS).fit(DISKS)
    assert [one.n_steps_ for one in denoiser.snapshots_.values()] == [30, 48]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"checkpoints": (0,)},
            r"checkpoints=\(0,\) must be .* from 1 to max_steps=24",
        ),
        ({"checkpoints": (25,)}, r"checkpoints=\(25,\)"),
        ({"checkpoints": (1.5,)}, r"checkpoints=\(1.5,\) must be integers"),
        ({"early_stopping": True}, "cannot be combined with early_stopping"),
    ],
)
def test_bad_checkpoints(parameters, message):
    with pytest.raises(ValueError, match=message):
        network(**parameters).fit(DISKS)


def test_analyzer_measures_each_checkpoint(analyzer):
    assert list(analyzer.snapshots_) == [6, 24]
    for n_steps, snapshot in analyzer.snapshots_.items():
        alone = analyze(network(n_steps, ()), n_generated=2).fit(DISKS, X_test=TEST)
        for name in ("train_psnr_", "agreement_", "train_similarity_"):
            pair = getattr(snapshot, name), getattr(alone, name)
            np.testing.assert_allclose(*pair, rtol=1e-5)
    np.testing.assert_array_equal(analyzer.test_psnr_, snapshot.test_psnr_)


def test_table_has_rows_for_each_checkpoint(analyzer):
    found = analyzer.results_
    assert found["n_steps"].tolist() == [6] * 8 + [24] * 8
    for n_steps, snapshot in analyzer.snapshots_.items():
        rows = found["n_steps"] == n_steps
        np.testing.assert_array_equal(
            found["test_psnr"][rows], snapshot.results_["test_psnr"]
        )
    assert found["memorization_time"].shape == found["n_steps"].shape


def test_networks_in_one_pass_have_checkpoints_too(analyzer):
    found = analyze(network(), n_networks_per_pass=4, n_generated=0)
    found.fit(DISKS, X_test=TEST)
    for n_steps, snapshot in found.snapshots_.items():
        expected = analyzer.snapshots_[n_steps].test_psnr_
        np.testing.assert_allclose(snapshot.test_psnr_, expected, atol=0.05)


def test_kept_checkpoints_are_measured_at_other_levels(analyzer, tmp_path):
    options = {"checkpoint_dir": tmp_path, "n_generated": 0}
    analyze(network(), noise_std=0.1, **options).fit(DISKS, X_test=TEST)
    found = analyze(network(), **options).fit(DISKS, X_test=TEST)
    assert len(list(tmp_path.glob("fit-*"))) == 4
    for n_steps, snapshot in found.snapshots_.items():
        expected = analyzer.snapshots_[n_steps].test_psnr_
        np.testing.assert_array_equal(snapshot.test_psnr_, expected)


def test_checkpoints_inside_a_pipeline_are_refused():
    pipeline = make_pipeline(WienerDenoiser(), network())
    with pytest.raises(ValueError, match="is a pipeline with a network that has"):
        analyze(pipeline).fit(DISKS, X_test=TEST)


def test_first_crossing_is_exact_for_logarithmic_growth():
    steps = np.array([10, 40, 100, 1000])
    values = np.stack([np.log(steps), -np.log(steps), np.log(1e6 * steps)], axis=1)
    found = first_crossing(steps, values[:, None], np.log(200))
    np.testing.assert_allclose(found, [[200, np.nan, 10]])
    # The curve may fall again.
    found = first_crossing(steps, np.array([0.0, 2.0, 0.0, 4.0]), 1.0)
    np.testing.assert_allclose(found, 20)


def test_generalization_time_is_before_the_peak():
    steps = np.array([1, 10, 100, 1000])
    test_psnr = np.array([20.0, 24.0, 25.0, 21.0])
    np.testing.assert_allclose(generalization_time(steps, test_psnr), 10**1.5)


def test_display_draws_training(analyzer):
    display = GeneralizationDisplay.from_estimator(analyzer, kind="training")
    line = display.axes_[1].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [6, 24])
    expected = [one.test_psnr_[0, :, 1].mean() for one in analyzer.snapshots_.values()]
    np.testing.assert_allclose(line.get_ydata(), expected)
    without = analyze(network(checkpoints=()), n_generated=0)
    without.fit(DISKS, X_test=TEST)
    with pytest.raises(ValueError, match="set checkpoints of the estimator"):
        GeneralizationDisplay.from_estimator(without, kind="training")
