import copy
from itertools import islice

import numpy as np
import pytest
import torch

from sklearn_gahb import DNNDenoiser
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.images import check_images
from sklearn_gahb.networks import BFCNN
from sklearn_gahb.networks.norms import start_training
from sklearn_gahb.training import (
    Recipe,
    TrainingLog,
    TrainingRun,
    image_batches,
    train,
    train_side_by_side,
    with_fresh_noise,
)
from sklearn_gahb.training._batches import draw_noise_std, shuffled
from sklearn_gahb.training._optimization import (
    convolution_times,
    make_scheduler,
    pays_to_compile,
)

RNG = np.random.RandomState
CPU = torch.device("cpu")


def draw(X, n=1, indices=None, **options):
    images = [check_images(one) for one in (X if isinstance(X, tuple) else (X,))]
    if indices is None:
        indices = np.arange(len(images[0]))
    own = Recipe(batch_size=8, **options)
    return list(islice(image_batches(images, indices, own, rng=RNG(0), device=CPU), n))


def test_each_image_is_drawn_once_before_any_is_drawn_again():
    batches = shuffled(np.arange(10, 17), 3, RNG(0))
    drawn = np.concatenate(list(islice(batches, 7)))
    for start in (0, 7, 14):
        assert sorted(drawn[start : start + 7]) == list(range(10, 17))
    (one,) = islice(shuffled(np.array([4]), 5, RNG(0)), 1)
    assert one.tolist() == [4] * 5


def test_batches_keep_uint8_until_they_are_made():
    X = np.full((4, 6, 6), 51, np.uint8)
    ((x,),) = draw(X)
    assert x.dtype == torch.float32
    assert x.shape == (8, 1, 6, 6)
    torch.testing.assert_close(x, torch.full_like(x, 0.2))


def test_crops_come_from_everywhere_and_alike_in_pairs():
    photos = [np.arange(7 * 9.0).reshape(7, 9), 100 + np.arange(64.0).reshape(8, 8)]
    batches = draw((photos, [-photo for photo in photos]), n=200, patch_size=6)
    for clean, noisy in batches:
        assert clean.shape == (8, 1, 6, 6)
        assert torch.equal(noisy, -clean)
    corners = torch.cat([clean[:, 0, 0, 0] for clean, _ in batches]).unique().tolist()
    expected = [photos[0][i, j] for i in range(2) for j in range(4)]
    expected += [photos[1][i, j] for i in range(3) for j in range(3)]
    assert corners == expected


@pytest.mark.parametrize(("size", "n_symmetries"), [((5, 5), 8), ((5, 6), 4)])
def test_augmentation_draws_all_symmetries(size, n_symmetries):
    X = np.arange(float(np.prod(size))).reshape(1, *size)
    batches = draw((X, 2 * X), n=50, augment=True)
    for clean, noisy in batches:
        assert torch.equal(noisy, 2 * clean)
    seen = torch.cat([clean for clean, _ in batches]).flatten(1).unique(dim=0)
    assert len(seen) == n_symmetries
    assert torch.equal(
        seen.sort(dim=1).values, seen[:1].sort(dim=1).values.expand_as(seen)
    )


@pytest.mark.parametrize(
    ("distribution", "mean", "square"),
    [("uniform", 0.3, 0.3**2 + 0.2**2 / 3), ("squared", 0.1 + 0.4 / 3, None)],
)
def test_noise_levels_have_the_moments(distribution, mean, square):
    generator = torch.Generator().manual_seed(0)
    own = Recipe(train_noise_std=(0.1, 0.5), noise_distribution=distribution)
    sigma = draw_noise_std(100_000, own, generator)
    assert sigma.shape == (100_000, 1, 1, 1)
    assert 0.1 <= sigma.min() < sigma.max() <= 0.5
    assert sigma.mean().item() == pytest.approx(mean, rel=0.01)
    if square is not None:
        assert (sigma**2).mean().item() == pytest.approx(square, rel=0.01)


def test_noise_is_the_difference_at_the_level():
    generator = torch.Generator().manual_seed(0)
    batches = iter([[torch.ones(4, 1, 100, 100)]])
    pairs = with_fresh_noise(batches, Recipe(train_noise_std=0.2), generator)
    noisy, noise = next(pairs)
    torch.testing.assert_close(noisy - noise, torch.ones_like(noisy))
    assert noise.std().item() == pytest.approx(0.2, rel=0.02)


class Slope(torch.nn.Module):
    """Predict slope * y, so that least squares over pairs has a closed form."""

    def __init__(self):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(()))

    def forward(self, y):
        return self.slope * y


def pairs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    while True:
        noise = torch.randn(64, 1, 4, 4, generator=generator)
        yield noise + 2 * torch.randn(noise.shape, generator=generator), noise


def recipe(**parameters):
    defaults = {"learning_rate": 0.05, "precision": "float32", "compile": False}
    return Recipe(**(defaults | parameters))


@pytest.mark.parametrize("schedule", ["one_cycle", "halving", "constant"])
def test_training_reaches_the_least_squares(schedule):
    network, log = Slope(), TrainingLog()
    own = recipe(schedule=schedule, learning_rate=0.01, max_steps=500)
    evaluations = list(train(network, pairs(), log, own))
    assert evaluations[0] == (0, 5)
    assert evaluations[-1] == (495, 500)
    assert len(log.losses) == 500
    assert network.slope.item() == pytest.approx(1 / 5, abs=0.03)


def learning_rates(schedule, n_steps):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter], lr=0.1)
    own = Recipe(schedule=schedule, learning_rate=0.1, max_steps=n_steps)
    scheduler = make_scheduler(optimizer, own)
    rates = []
    for _ in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


def test_steps_of_a_grid_are_integers_of_numpy():
    rates = learning_rates("one_cycle", np.int64(20))
    np.testing.assert_array_equal(rates, learning_rates("one_cycle", 20))


def test_schedules():
    np.testing.assert_array_equal(learning_rates("constant", 50), 0.1)
    halving = learning_rates("halving", 50)
    np.testing.assert_allclose(halving, 0.1 * 0.5 ** (np.arange(50) // 5))
    assert learning_rates("halving", 19)[-1] == pytest.approx(0.1 * 0.5**9)
    cycle = learning_rates("one_cycle", 100)
    assert cycle.argmax() == pytest.approx(30, abs=1)
    assert cycle.max() == pytest.approx(0.1, rel=1e-2)
    assert cycle[-1] < 1e-4
    assert learning_rates("one_cycle", 1).shape == (1,)


def test_validation_keeps_the_best_and_stops():
    network, log = Slope(), TrainingLog()
    noisy, noise = next(pairs(1))
    own = recipe(max_steps=400, n_iter_no_change=3, loss="squared_error")
    evaluations = train(network, pairs(), log, own, validation_pairs=[(noisy, noise)])
    assert len(list(evaluations)) == len(log.validation_losses) < 100
    best = int(np.argmin(log.validation_losses))
    assert len(log.validation_losses) == best + 4
    slope = log.best_state["slope"]
    loss = ((slope * noisy - noise) ** 2).mean().item()
    assert loss == pytest.approx(log.validation_losses[best])


def test_loss_that_is_not_finite():
    def broken():
        good = islice(pairs(), 6)
        yield from good
        while True:
            yield torch.full((1, 1, 2, 2), torch.nan), torch.zeros(1, 1, 2, 2)

    evaluations = train(
        Slope(), broken(), TrainingLog(), recipe(max_steps=20), n_evaluations=5
    )
    with pytest.raises(
        ValueError, match=r"not finite at step 7.*learning_rate than 0.05"
    ):
        list(evaluations)


def test_bfloat16_and_float32_agree():
    losses = {}
    for precision in ("float32", "bfloat16"):
        torch_generator = torch.Generator().manual_seed(0)
        network = BFCNN(width=8, depth=3)
        for parameter in network.parameters():
            parameter.data.normal_(0, 0.1, generator=torch_generator)
        log = TrainingLog()
        own = recipe(precision=precision, learning_rate=0.003, max_steps=50)
        list(train(network, pairs(), log, own))
        losses[precision] = torch.stack(log.losses)
    torch.testing.assert_close(*losses.values(), rtol=0.02, atol=0)


def test_precision_is_chosen_on_one_thread(monkeypatch):
    """On several threads of a busy machine, both precisions take the same time."""
    n_threads, convolve = [], torch.conv2d

    def recorded(*args, **options):
        n_threads.append(torch.get_num_threads())
        return convolve(*args, **options)

    before = torch.get_num_threads()
    monkeypatch.setattr(torch, "conv2d", recorded)
    torch.set_num_threads(2)
    try:
        convolution_times([torch.float32], n_repeats=3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert n_threads == [1, 1, 1]


def test_compilation_pays_for_long_training_only():
    network, y = BFCNN(width=16, depth=5), torch.zeros(1, 1, 32, 32)
    assert not pays_to_compile(network, y, 100)


def test_recipes_and_denoisers_have_the_same_defaults():
    defaults = DNNDenoiser().get_params()
    assert {name: defaults[name] for name in vars(Recipe())} == vars(Recipe())


@pytest.mark.parametrize("parameter", ["width", "max_steps", "schedule", "precision"])
def test_recipes_check_themselves(parameter):
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of Recipe"):
        Recipe(**{parameter: -1})


def test_a_run_is_what_the_denoiser_trains():
    X = make_disk_images(20, 16, random_state=0)
    parameters = {"width": 4, "depth": 1, "max_steps": 7, "early_stopping": True}
    run = TrainingRun(Recipe(**parameters), check_images(X), random_state=3)
    assert not run.can_be_finished()
    assert [stop for _, stop in run] == list(range(1, 8))
    network = run.finish()
    fitted = DNNDenoiser(**parameters, random_state=3).fit(X)
    np.testing.assert_array_equal(run.losses(), fitted.loss_curve_)
    np.testing.assert_array_equal(run.train_indices, fitted.train_indices_)
    for name, value in network.state_dict().items():
        assert torch.equal(value, fitted.network_.state_dict()[name])


def test_networks_side_by_side_have_names_and_do_not_stop_early():
    images = check_images(make_disk_images(5, 16, random_state=0))
    for parameters, message in [
        ({"early_stopping": True}, "early_stopping=True"),
        ({"architecture": BFCNN(width=4, depth=3)}, "its architecture is BFCNN"),
    ]:
        own = Recipe(width=4, depth=1, max_steps=1, **parameters)
        with pytest.raises(ValueError, match=message):
            train_side_by_side([TrainingRun(own, images) for _ in range(2)])
    recipes = [Recipe(width=4, depth=1, max_steps=n) for n in (1, 2)]
    with pytest.raises(ValueError, match="their recipes are equal"):
        train_side_by_side([TrainingRun(one, images) for one in recipes])


@pytest.mark.parametrize("bias", [False, True])
def test_without_batch_statistics_images_do_not_influence_each_other(bias):
    """The network in training is the network that is tested."""
    recipe = Recipe(width=4, depth=1, bias=bias, max_steps=3, batch_statistics=False)
    run = TrainingRun(
        recipe, check_images(make_disk_images(20, 16, random_state=0)), random_state=0
    )
    before = copy.deepcopy(run.network).eval()
    for _ in run:
        pass
    buffers = zip(before.buffers(), run.network.buffers(), strict=True)
    assert all(torch.equal(old, new) for old, new in buffers)
    weights = zip(before.parameters(), run.network.parameters(), strict=True)
    assert not all(torch.equal(old, new) for old, new in weights)
    noisy, _ = next(run.pairs)
    expected = before(noisy)
    start_training(before, batch_statistics=False)
    assert before.training
    torch.testing.assert_close(before(noisy), expected)
    start_training(before)
    assert (before(noisy) - expected).abs().max() > 1e-3
