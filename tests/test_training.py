from itertools import islice

import numpy as np
import pytest
import torch

from sklearn_gahb import training
from sklearn_gahb._images import as_images
from sklearn_gahb.networks import BFCNN

RNG = np.random.RandomState
CPU = torch.device("cpu")


def draw(X, n=1, indices=None, **options):
    images = [as_images(one) for one in (X if isinstance(X, tuple) else (X,))]
    options = {"batch_size": 8, "rng": RNG(0), "device": CPU, **options}
    if indices is None:
        indices = np.arange(len(images[0]))
    return list(islice(training.image_batches(images, indices, **options), n))


def test_each_image_is_drawn_once_before_any_is_drawn_again():
    batches = training.shuffled(np.arange(10, 17), 3, RNG(0))
    drawn = np.concatenate(list(islice(batches, 7)))
    for start in (0, 7, 14):
        assert sorted(drawn[start : start + 7]) == list(range(10, 17))
    (one,) = islice(training.shuffled(np.array([4]), 5, RNG(0)), 1)
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
    sigma = training.draw_noise_std(100_000, (0.1, 0.5), distribution, generator)
    assert sigma.shape == (100_000, 1, 1, 1)
    assert 0.1 <= sigma.min() < sigma.max() <= 0.5
    assert sigma.mean().item() == pytest.approx(mean, rel=0.01)
    if square is not None:
        assert (sigma**2).mean().item() == pytest.approx(square, rel=0.01)


def test_noise_is_the_difference_at_the_level():
    generator = torch.Generator().manual_seed(0)
    batches = iter([[torch.ones(4, 1, 100, 100)]])
    pairs = training.with_fresh_noise(batches, (0.2, 0.2), "uniform", generator)
    noisy, noise = next(pairs)
    torch.testing.assert_close(noisy - noise, torch.ones_like(noisy))
    assert noise.std().item() == pytest.approx(0.2, rel=0.02)


class Slope(torch.nn.Module):
    """Predicts slope * y: the least squares over pairs have a closed form."""

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


OPTIONS = {
    "learning_rate": 0.05,
    "schedule": "one_cycle",
    "precision": torch.float32,
    "compile": False,
}


@pytest.mark.parametrize("schedule", ["one_cycle", "halving", "constant"])
def test_training_reaches_the_least_squares(schedule):
    network, log = Slope(), training.TrainingLog()
    options = {**OPTIONS, "schedule": schedule, "learning_rate": 0.01}
    looks = list(training.train(network, pairs(), log, n_steps=500, **options))
    assert looks[0] == (0, 5)
    assert looks[-1] == (495, 500)
    assert len(log.losses) == 500
    assert network.slope.item() == pytest.approx(1 / 5, abs=0.03)


def learning_rates(schedule, n_steps):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter], lr=0.1)
    scheduler = training.make_scheduler(optimizer, schedule, 0.1, n_steps)
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
    network, log = Slope(), training.TrainingLog()
    noisy, noise = next(pairs(1))
    looks = training.train(
        network,
        pairs(),
        log,
        n_steps=400,
        validation_pairs=[(noisy, noise)],
        patience=3,
        **OPTIONS,
    )
    assert len(list(looks)) == len(log.validation_losses) < 100
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

    looks = training.train(
        Slope(), broken(), training.TrainingLog(), n_steps=20, n_looks=5, **OPTIONS
    )
    with pytest.raises(
        ValueError, match=r"not finite at step 7.*learning_rate than 0.05"
    ):
        list(looks)


def test_bfloat16_and_float32_agree():
    losses = {}
    for precision in (torch.float32, torch.bfloat16):
        torch_generator = torch.Generator().manual_seed(0)
        network = BFCNN(width=8, depth=3)
        for parameter in network.parameters():
            parameter.data.normal_(0, 0.1, generator=torch_generator)
        log = training.TrainingLog()
        options = {**OPTIONS, "precision": precision, "learning_rate": 0.003}
        list(training.train(network, pairs(), log, n_steps=50, **options))
        losses[precision] = torch.stack(log.losses)
    torch.testing.assert_close(*losses.values(), rtol=0.02, atol=0)


def test_compilation_pays_for_long_training_only():
    network, y = BFCNN(width=16, depth=5), torch.zeros(1, 1, 32, 32)
    assert not training.pays_to_compile(network, y, 100)
