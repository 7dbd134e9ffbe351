import copy
import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    DNNDenoiser,
    GaussianNoise,
    as_denoiser,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.denoisers._tiles import denoise_in_tiles
from sklearn_gahb.metrics import make_psnr_scorer, psnr
from sklearn_gahb.networks import BFCNN, BiasFreeBatchNorm2d, UNet
from sklearn_gahb.networks.norms import has_statistics
from sklearn_gahb.samplers import DDIM

DISKS = make_disk_images(120, 16, random_state=0)
TRAIN, TEST = DISKS[:80], DISKS[80:]

tiny = partial(
    DNNDenoiser, width=4, depth=1, max_steps=10, device="cpu", random_state=0
)


@pytest.fixture(scope="module")
def fitted():
    return tiny(max_steps=150, learning_rate=0.01).fit(TRAIN)


def test_learns_to_denoise(fitted):
    noisy = GaussianNoise(0.1, random_state=0).transform(TEST)
    assert fitted.score(noisy, TEST) > psnr(TEST, noisy) + 3
    assert fitted.loss_curve_[-20:].mean() < 0.2 * fitted.loss_curve_[0]


def test_fitted_attributes(fitted):
    assert fitted.n_steps_ == len(fitted.loss_curve_) == 150
    assert fitted.n_parameters_ == sum(
        p.numel() for p in UNet(width=4, n_scales=1).parameters()
    )
    assert isinstance(fitted.network_, UNet)
    assert not fitted.network_.training
    assert sorted(fitted.train_indices_) == list(range(80))
    assert tiny(width=64, depth=None, max_steps=1).fit(TRAIN).n_parameters_ == 7_659_264


@pytest.mark.parametrize("scale", [0.1, 5])
@pytest.mark.parametrize("architecture", ["unet", "bf_cnn"])
def test_is_homogeneous_without_bias_only(architecture, scale):
    options = {
        "architecture": architecture,
        "depth": 2 if architecture == "unet" else 5,
    }
    noisy = GaussianNoise(0.1, random_state=0).transform(TEST)
    errors = {}
    for bias in (False, True):
        denoiser = tiny(bias=bias, max_steps=50, **options).fit(TRAIN)
        expected = scale * denoiser.transform(noisy)
        error = np.linalg.norm(denoiser.transform(scale * noisy) - expected)
        errors[bias] = error / np.linalg.norm(expected)
    assert errors[False] < 1e-5
    assert errors[True] > 1e-3


def test_callable_predicts_the_noise(fitted):
    y = torch.from_numpy(TEST[:3, None])
    with torch.no_grad():
        expected = y - fitted.network_(y)
        torch.testing.assert_close(fitted(y), expected)
        torch.testing.assert_close(fitted.denoise(y, 0.3), expected)
    y.requires_grad_()
    assert torch.autograd.grad(fitted(y).sum(), y)[0].abs().sum() > 0


def test_as_denoiser_unwraps(fitted):
    y = torch.from_numpy(TEST[:3, None])
    assert as_denoiser(fitted) is fitted
    expected = fitted(y)
    pipeline = make_pipeline(GaussianNoise(0.1), fitted)
    for estimator in (FrozenEstimator(fitted), pipeline):
        torch.testing.assert_close(as_denoiser(estimator)(y), expected)
    search = GridSearchCV(tiny(), {"max_steps": [1, 2]}, cv=2).fit(TRAIN)
    torch.testing.assert_close(
        as_denoiser(search)(y), as_denoiser(search.best_estimator_)(y)
    )
    with pytest.raises(NotFittedError):
        as_denoiser(tiny())
    for wrong in (TEST[:3, None], y[0]):
        with pytest.raises(ValueError, match=r"tensor of shape \(n, channels, height"):
            fitted(wrong)
    for wrong in (GaussianNoise(0.1), DNNDenoiser, 3, torch.nn.Conv2d, lambda y: y):
        with pytest.raises(TypeError, match=r"is not a denoiser\. Pass a fitted"):
            as_denoiser(wrong)


def test_same_seed_same_bits():
    a, b = tiny().fit(TRAIN), tiny().fit(TRAIN)
    np.testing.assert_array_equal(a.loss_curve_, b.loss_curve_)
    np.testing.assert_array_equal(a.transform(TEST), b.transform(TEST))
    other = tiny(random_state=1).fit(TRAIN)
    assert not np.array_equal(a.loss_curve_, other.loss_curve_)


def test_global_generators_are_left_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    tiny().fit(TRAIN).score(TEST)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)


def test_rows_in_any_batch_give_the_same(fitted):
    together = fitted.transform(TEST)
    alone = np.concatenate([fitted.transform(x[None]) for x in TEST])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_training_sets_are_nested():
    indices = {
        n: tiny(n_train_samples=n, max_steps=1).fit(TRAIN).train_indices_
        for n in (1, 10, 80, None)
    }
    assert len(indices[1]) == 1
    np.testing.assert_array_equal(indices[10][:1], indices[1])
    np.testing.assert_array_equal(indices[80][:10], indices[10])
    np.testing.assert_array_equal(indices[None], indices[80])


def test_too_many_training_samples_warn_and_take_all():
    message = "n_train_samples=81 is larger than the 80"
    with pytest.warns(UserWarning, match=message) as records:
        denoiser = tiny(n_train_samples=81).fit(TRAIN)
    assert records[0].filename == __file__
    assert len(denoiser.train_indices_) == 80


def test_uses_no_other_images():
    denoiser = tiny(n_train_samples=5).fit(TRAIN)
    others = np.setdiff1d(np.arange(80), denoiser.train_indices_)
    changed = TRAIN.copy()
    changed[others] = 0
    again = tiny(n_train_samples=5).fit(changed)
    np.testing.assert_array_equal(again.loss_curve_, denoiser.loss_curve_)


def test_memorizes_one_image():
    """A network trained on one image denoises it far better than new images."""
    denoiser = tiny(width=8, n_train_samples=1, max_steps=150, learning_rate=0.01)
    denoiser.fit(TRAIN)
    own = denoiser.score(TRAIN[denoiser.train_indices_])
    assert own > denoiser.score(TEST) + 8


def test_photographs_of_several_sizes(fitted):
    photos = [DISKS[0], np.pad(DISKS[1], ((0, 5), (0, 0))), DISKS[2, :12]]
    denoiser = tiny(patch_size=12, augment=True).fit(photos)
    assert [x.shape for x in denoiser.transform(photos)] == [
        (16, 16),
        (21, 16),
        (12, 16),
    ]
    assert np.isfinite(denoiser.score(photos))
    noisy = GaussianNoise(0.1, random_state=0).transform(photos)
    assert denoiser.score(photos) == denoiser.score(noisy, photos)
    np.testing.assert_allclose(
        fitted.transform(photos)[2], fitted.transform(photos[2][None])[0], atol=1e-6
    )
    with pytest.raises(ValueError, match="several sizes, and patch_size is None"):
        tiny().fit(photos)
    with pytest.raises(ValueError, match=r"patch_size=13 is larger than .* 12"):
        tiny(patch_size=13).fit(photos)


def test_uint8_trains_like_its_fractions():
    X = (255 * TRAIN).astype(np.uint8)
    fractions = X.astype(np.float32) / np.float32(255)
    np.testing.assert_allclose(
        tiny().fit(X).loss_curve_, tiny().fit(fractions).loss_curve_, rtol=1e-6
    )


def test_pairs_have_fixed_noise():
    noisy = GaussianNoise(0.2, random_state=0).transform(TRAIN)
    denoiser = tiny(width=8, max_steps=150, learning_rate=0.01, n_train_samples=2)
    denoiser.fit(noisy, TRAIN)
    own = denoiser.train_indices_
    fresh = GaussianNoise(0.2, random_state=1).transform(TRAIN[own])
    assert (
        denoiser.score(noisy[own], TRAIN[own]) > denoiser.score(fresh, TRAIN[own]) + 1
    )


def test_color():
    X = np.stack([TRAIN, 1 - TRAIN, TRAIN], axis=-1)
    denoiser = tiny(max_steps=100, learning_rate=0.01, noise_std=0.3).fit(X)
    noisy = GaussianNoise(0.3, random_state=0).transform(X)
    assert denoiser.score(X) > psnr(X, noisy) + 3


class Shrink(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, y):
        return self.weight * y


def test_architecture_may_be_a_callable():
    X = np.random.RandomState(0).randn(50, 8, 8)
    denoiser = DNNDenoiser(
        Shrink, train_noise_std=0.5, max_steps=300, learning_rate=0.03, random_state=0
    ).fit(X)
    # The optimal weight is the fraction of the noise in the total variance, 0.2.
    assert denoiser.network_.weight.item() == pytest.approx(0.2, abs=0.02)
    deep = DNNDenoiser(partial(BFCNN, width=4, depth=3), max_steps=2).fit(TRAIN)
    assert isinstance(deep.network_, BFCNN)
    assert clone(deep).fit(TRAIN).n_steps_ == 2


def test_early_stopping_sets_images_aside():
    options = {"early_stopping": True, "validation_fraction": 0.25, "max_steps": 40}
    denoiser = tiny(n_iter_no_change=40, **options).fit(TRAIN)
    assert len(denoiser.train_indices_) == 60
    assert len(denoiser.validation_loss_curve_) == 40
    smaller = tiny(n_iter_no_change=40, n_train_samples=7, **options).fit(TRAIN)
    np.testing.assert_array_equal(smaller.train_indices_, denoiser.train_indices_[:7])
    stopped = tiny(n_iter_no_change=1, learning_rate=0.1, **options).fit(TRAIN)
    assert stopped.n_steps_ < 40
    assert not hasattr(
        stopped.set_params(early_stopping=False, max_steps=1).fit(TRAIN),
        "validation_loss_curve_",
    )
    with pytest.raises(ValueError, match="leaves none to train on"):
        tiny(**options).fit(TRAIN[:1])
    with pytest.raises(ValueError, match="needs an int as random_state"):
        tiny(warm_start=True, random_state=None, **options).fit(TRAIN).fit(TRAIN)


def test_warm_start_goes_on():
    denoiser = tiny(warm_start=True, max_steps=60, learning_rate=0.01).fit(TRAIN)
    network, first = denoiser.network_, denoiser.loss_curve_
    before = copy.deepcopy(network.state_dict())
    denoiser.fit(TRAIN)
    assert denoiser.n_steps_ == 120
    np.testing.assert_array_equal(denoiser.loss_curve_[:60], first)
    assert denoiser.loss_curve_[60:70].mean() < first[:10].mean() / 2
    assert denoiser.network_ is not network
    with pytest.raises(
        ValueError, match=r"need a different network\. Restore architecture, width"
    ):
        denoiser.set_params(width=5).fit(TRAIN)
    with pytest.raises(ValueError, match="need a different network"):
        denoiser.set_params(width=4).fit(np.stack([TRAIN] * 2, axis=-1))
    assert denoiser.n_steps_ == 120
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_interrupted_training_leaves_a_usable_estimator(monkeypatch):
    calls = []
    zero_grad = torch.nn.Module.zero_grad

    def interrupt(*args):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        zero_grad(*args)

    monkeypatch.setattr(torch.nn.Module, "zero_grad", interrupt)
    denoiser = tiny(max_steps=300)
    with pytest.raises(KeyboardInterrupt):
        denoiser.fit(TRAIN)
    monkeypatch.undo()
    assert denoiser.n_steps_ == len(denoiser.loss_curve_) == 4
    assert np.isfinite(denoiser.score(TEST))


@pytest.mark.parametrize("place", ["check_network", "calibrate_norms"])
def test_interrupt_before_the_first_step_changes_nothing(monkeypatch, place):
    def interrupt(*args):
        raise KeyboardInterrupt

    fresh, fitted = tiny(), tiny().fit(TRAIN)
    before = fitted.transform(TEST)
    monkeypatch.setattr(f"sklearn_gahb.training.run.{place}", interrupt)
    for denoiser in (fresh, fitted):
        with pytest.raises(KeyboardInterrupt):
            denoiser.fit(np.stack([TRAIN] * 3, axis=-1))
    with pytest.raises(NotFittedError):
        fresh.transform(TEST)
    np.testing.assert_array_equal(fitted.transform(TEST), before)


def test_seeds_hold_under_threads():
    def first_loss(seed):
        return tiny(max_steps=1, random_state=seed).fit(TRAIN).loss_curve_[0]

    serial = [first_loss(seed) for seed in range(8)]
    with parallel_config(backend="threading"):
        threads = Parallel(n_jobs=4)(delayed(first_loss)(seed) for seed in range(8))
    np.testing.assert_allclose(threads, serial, rtol=1e-5)


def test_loss_that_is_not_finite_changes_nothing():
    denoiser = tiny(warm_start=True).fit(TRAIN)
    state = pickle.dumps(denoiser)
    with pytest.raises(ValueError, match="training loss is not finite"):
        denoiser.set_params(learning_rate=1e15, schedule="constant").fit(TRAIN)
    denoiser.set_params(learning_rate=1e-3, schedule="one_cycle")
    np.testing.assert_array_equal(
        denoiser.transform(TEST), pickle.loads(state).transform(TEST)
    )


def test_pickle_holds_the_network_on_the_cpu(fitted):
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.transform(TEST), fitted.transform(TEST))
    on_a_gpu = copy.copy(fitted)
    on_a_gpu.network_ = MovedTo("cuda", fitted.network_)
    assert on_a_gpu.__getstate__()["network_"].device == "cpu"
    assert on_a_gpu.network_.device == "cuda"


class MovedTo(torch.nn.Module):
    """A network that claims to be on a device that this machine may not have."""

    def __init__(self, device, network):
        super().__init__()
        self.device = device
        self.network = network

    def cpu(self):
        self.device = "cpu"
        return self


def test_unpickles_in_another_process(fitted, tmp_path):
    (tmp_path / "denoiser.pickle").write_bytes(pickle.dumps(fitted))
    np.save(tmp_path / "test.npy", TEST)
    code = (
        "import pickle, numpy as np;"
        "d = pickle.load(open('denoiser.pickle', 'rb'));"
        "np.save('denoised.npy', d.transform(np.load('test.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    denoised = np.load(tmp_path / "denoised.npy")
    np.testing.assert_allclose(denoised, fitted.transform(TEST), atol=1e-6)


@pytest.mark.parametrize(
    "network",
    [UNet(width=2), UNet(width=2, n_scales=4), BFCNN(width=2, depth=20)],
    ids=["unet", "unet-4-scales", "bf_cnn"],
)
def test_tiles_give_what_the_whole_image_gives(network):
    network.eval()
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(1, 1, 400, 370, generator=generator)
    shapes = []

    def denoise(tile):
        shapes.append(max(tile.shape[2:]))
        return tile - network(tile)

    with torch.no_grad():
        whole = y - network(y)
        tiled = denoise_in_tiles(denoise, y, margin=network.margin, side=128)
    assert max(shapes) <= 128 + 2 * network.margin < 400
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=0)


def test_callbacks_see_every_evaluation_and_can_score():
    scorer = make_psnr_scorer(0.1, random_state=0)
    monitor = ScoringMonitor(scoring={"psnr": scorer})
    denoiser = tiny(max_steps=60, learning_rate=0.01).set_callbacks(monitor).fit(TRAIN)
    rows = monitor.get_logs().data
    scores = [row["psnr"] for row in rows if "psnr" in row]
    assert len(scores) >= 60
    assert scores[-1] == pytest.approx(scorer(denoiser, TRAIN), abs=1e-4)
    assert max(scores) > min(scores) + 3


class Stopper:
    """Callback that stops the fit at the third evaluation."""

    def setup(self, estimator, context):
        self.n_tasks = 0

    def teardown(self, estimator, context):
        self.torn_down = True

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.n_tasks += 1
        return self.n_tasks == 3


def test_callbacks_can_stop_and_are_torn_down_after_errors():
    stopper = Stopper()
    denoiser = tiny(max_steps=200).set_callbacks(stopper)
    assert denoiser.fit(TRAIN).n_steps_ == 6
    assert stopper.torn_down
    stopper.torn_down = False
    with pytest.raises(ValueError, match="not finite"):
        denoiser.set_params(learning_rate=1e15, schedule="constant").fit(TRAIN)
    assert stopper.torn_down


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"architecture": "resnet"}, "'architecture' parameter"),
        ({"architecture": lambda channels: "network"}, "must return a torch.nn.Module"),
        ({"architecture": torch.nn.ReLU()}, "no parameters to train"),
        (
            {"architecture": lambda channels: torch.nn.Conv2d(channels, 2, 1)},
            r"\(1, 1, 16, 16\) to \(1, 2, 16, 16\)",
        ),
        ({"width": 0}, "'width' parameter"),
        ({"architecture": "bf_cnn", "depth": 1}, "depth=1 must be at least 2"),
        ({"architecture": lambda channels: torch.nn.ReLU()}, "no parameters to train"),
        ({"train_noise_std": -0.1}, "'train_noise_std' parameter"),
        ({"train_noise_std": (0.5, 0.1)}, r"train_noise_std=\(0.5, 0.1\)"),
        ({"train_noise_std": (-0.5, 0.1)}, r"train_noise_std=\(-0.5, 0.1\)"),
        ({"train_noise_std": ("a", "b")}, r"train_noise_std=\('a', 'b'\)"),
        ({"train_noise_std": (0.1,)}, r"train_noise_std=\(0.1,\)"),
        ({"train_noise_std": (0.0, 0.0)}, r"train_noise_std=\(0.0, 0.0\)"),
        ({"train_noise_std": (0.0, np.inf)}, r"train_noise_std=\(0.0, inf\)"),
        ({"noise_distribution": "log"}, "'noise_distribution' parameter"),
        ({"patch_size": 17}, "patch_size=17 is larger than the smallest side in X, 16"),
        ({"n_train_samples": 0}, "'n_train_samples' parameter"),
        ({"max_steps": 0}, "'max_steps' parameter"),
        ({"learning_rate": 0}, "'learning_rate' parameter"),
        ({"schedule": "cosine"}, "'schedule' parameter"),
        ({"device": "quantum"}, "device='quantum' cannot be used"),
        ({"precision": "float16"}, "'precision' parameter"),
        ({"compile": "yes"}, "'compile' parameter"),
    ],
)
def test_bad_parameters(parameters, message):
    denoiser = tiny(**parameters)
    with pytest.raises(ValueError, match=message):
        denoiser.fit(TRAIN)
    assert not [name for name in vars(denoiser) if name.endswith("_")]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none():
    with pytest.raises(
        ValueError, match="device='cuda' cannot be used on this machine"
    ):
        tiny(device="cuda").fit(TRAIN)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda():
    denoiser = tiny(device="cuda", max_steps=150, learning_rate=0.01).fit(TRAIN)
    assert next(denoiser.network_.parameters()).is_cuda
    assert denoiser.score(TEST) > 24
    loaded = pickle.loads(pickle.dumps(denoiser))
    np.testing.assert_allclose(
        loaded.transform(TEST), denoiser.transform(TEST), atol=1e-4
    )


def test_samples_have_the_size_of_crops():
    X = make_disk_images(12, 16, random_state=0)
    denoiser = DNNDenoiser(width=4, depth=1, max_steps=3, patch_size=8, random_state=0)
    options = {"sampler": DDIM(n_steps=2), "random_state": 0}
    assert denoiser.fit(X).sample(2, **options).shape == (2, 8, 8)
    assert denoiser.sample(2, image_shape=(12, 10), **options).shape == (2, 12, 10)
    assert denoiser.fit([X[0], X[1, :12]]).sample(2, **options).shape == (2, 8, 8)
    rows = denoiser.set_params(image_shape=(16, 16)).fit(X.reshape(12, -1))
    assert rows.sample(2, **options).shape == (2, 256)


@pytest.mark.parametrize("bias", [False, True])
def test_training_of_a_trained_network_starts_from_its_output(bias):
    """Also if a module is passed: its normalization layers keep their statistics."""
    trained = tiny(bias=bias, max_steps=20, learning_rate=0.01).fit(TRAIN)
    rate = {"max_steps": 1, "learning_rate": 1e-9, "random_state": 0}
    for again in (
        DNNDenoiser(trained.network_, **rate),
        copy.copy(trained).set_params(warm_start=True, **rate),
    ):
        again.fit(TRAIN)
        np.testing.assert_allclose(
            again.transform(TEST), trained.transform(TEST), atol=1e-5
        )


@pytest.mark.parametrize("norm", [BiasFreeBatchNorm2d, torch.nn.BatchNorm2d])
def test_modules_without_statistics_collect_them(norm):
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), norm(4), torch.nn.Conv2d(4, 1, 1)
    )
    denoiser = DNNDenoiser(network, max_steps=2, random_state=0).fit(TRAIN)
    assert not has_statistics(network)
    assert has_statistics(denoiser.network_)
    kept = DNNDenoiser(network, batch_statistics=False, max_steps=2).fit(TRAIN)
    assert not has_statistics(kept.network_)
