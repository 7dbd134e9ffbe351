"""Training, sampling and all that uses denoisers, on a simulated device.

`test_devices.py` runs these tests. Each lists the functions that may bring values to
the CPU.
"""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from on_device_denoisers import (
    BACK,
    CHECKS,
    FIT,
    FREEZE,
    STATISTICS,
    X,
    Y,
    network,
    wiener,
    y,
)
from simulated_device import ARRAY, NAME, NUMBER, SimulatedDevice, check, move, put
from torch.testing import assert_close

from sklearn_gahb import (
    EmpiricalDenoiser,
    FieldAutoencoder,
    GaussianNoise,
    JacobianBasis,
)
from sklearn_gahb.denoisers import FunctionDenoiser
from sklearn_gahb.images import check_images
from sklearn_gahb.jacobian import jacobian_operator, posterior_std, sure
from sklearn_gahb.metrics import mean_absolute_residual, psnr
from sklearn_gahb.noise import estimate_noise_std
from sklearn_gahb.samplers import (
    DDIM,
    Ancestral,
    CoarseToFine,
    GradientEstimation,
    run_sampler,
)
from sklearn_gahb.sampling import random_pixels, solve_inverse
from sklearn_gahb.training import Recipe, TrainingRun, train_side_by_side

# Each step is checked. The trajectory is an array.
SAMPLE = {
    "denoisers/checks.py:check_levels": NUMBER,
    "samplers/_base.py:_Evaluation.__call__": ARRAY,
    "samplers/_base.py:_Evaluation._checked": NUMBER,
    "samplers/_base.py:_as_arrays": ARRAY,
    "samplers/_base.py:_check_pair": NUMBER,
}


def residual(x):
    return x.mean(dim=(2, 3)) - 0.5


VALIDATE = {"training/_optimization.py:_validate": NUMBER}
CHECK_RESIDUAL = {"training/_residuals.py:check_residual": NUMBER}
# Each fit: its parameters, its images, and what it brings to the CPU.
FITS = {
    "fresh_noise": ({"patch_size": 4, "augment": True}, (X,), STATISTICS),
    "given_noise": ({}, (Y, X), STATISTICS),
    "no_clean_images": (
        {"supervision": "noisy", "noise_std": 0.2},
        (Y,),
        STATISTICS,
    ),
    "early_stopping": ({"early_stopping": True}, (X,), STATISTICS | VALIDATE),
    "batch_statistics": ({"batch_statistics": True}, (X,), {}),
    "adam": ({"optimizer": "adam", "schedule": "halving"}, (X,), STATISTICS),
    "conservative": ({"conservative": True}, (X,), {}),
    "residual": ({"residual": residual}, (X,), STATISTICS | CHECK_RESIDUAL),
    "residual_of_sample": (
        {
            "residual": residual,
            "residual_estimate": "sample",
            "batch_statistics": False,
            "early_stopping": True,
        },
        (X,),
        CHECK_RESIDUAL | VALIDATE,
    ),
    **{
        loss: ({"loss": loss}, (X,), STATISTICS)
        for loss in ("log_squared_error", "inverse_variance", "min_snr")
    },
}


@pytest.mark.filterwarnings("ignore:Clean training images do not satisfy")
@pytest.mark.parametrize(
    ("parameters", "images", "allowed"), FITS.values(), ids=FITS.keys()
)
def test_fit(parameters, images, allowed):
    expected = network(**parameters).fit(*images)
    with SimulatedDevice(FIT | BACK | allowed):
        denoiser = network(**parameters, device=NAME).fit(*images)
        assert isinstance(denoiser.transform(Y), np.ndarray)
        score = denoiser.score(Y, X)
    assert_close(denoiser.loss_curve_, expected.loss_curve_, rtol=1e-4, atol=0)
    assert score == pytest.approx(expected.score(Y, X), rel=1e-4)
    weights = denoiser.network_.parameters(), expected.network_.parameters()
    for one, other in zip(*weights, strict=True):
        check(one, other, rtol=1e-3, atol=1e-4)


def test_fit_side_by_side():
    def train(device):
        recipe = Recipe(
            width=4, depth=1, max_steps=2, batch_size=2, precision="float32"
        )
        recipe = replace(recipe, device=device)
        images = check_images(X[:4]), check_images(X[4:])
        runs = [TrainingRun(recipe, one, random_state=0) for one in images]
        train_side_by_side(runs)
        return runs

    expected = train("cpu")
    with SimulatedDevice(FIT | STATISTICS):
        runs = train(NAME)
        losses = [(run.finish(), run.losses())[1] for run in runs]
    for one, other in zip(losses, expected, strict=True):
        assert_close(one, other.losses(), rtol=1e-4, atol=0)


def test_fit_again_and_pickle():
    # The state of a network passes through the CPU on the way to another network.
    allowed = {
        "denoisers/_network.py:_NetworkDenoiser.__getstate__": ARRAY,
        "training/run.py:begin_network": ARRAY,
    }
    with SimulatedDevice(FIT | STATISTICS | allowed):
        denoiser = network(warm_start=True, device=NAME).fit(X).fit(X)
        restored = pickle.loads(pickle.dumps(denoiser))
        found = restored.denoise(put(y))
    with SimulatedDevice():
        expected = denoiser.denoise(put(y))
    check(found, expected.held)
    assert restored.device_.type == NAME


@pytest.mark.parametrize(
    "sampler",
    [
        DDIM(3),
        Ancestral(3),
        GradientEstimation(n_steps=3),
        CoarseToFine(step_size=0.9, beta=0.1),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_samplers(sampler):
    shape, options = (3, 1, 8, 8), {"random_state": 0, "keep_every": 1}
    denoiser = wiener().fit(X)
    expected, _ = run_sampler(denoiser, sampler, 0.5, shape, **options)
    with SimulatedDevice(SAMPLE):
        device = torch.device(NAME)
        found, _ = run_sampler(denoiser, sampler, 0.5, shape, device=device, **options)
    check(found, expected, rtol=1e-4, atol=1e-4)


def test_sample():
    denoiser, options = network().fit(X), {"sampler": DDIM(3), "random_state": 0}
    with SimulatedDevice(SAMPLE | {"denoisers/prior.py:in_layout_of_fit": ARRAY}):
        found = move(denoiser).sample(2, **options)
    assert_close(found, denoiser.sample(2, **options), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("noise_std", "sampler"), [(0.0, None), (0.1, None), (0.1, DDIM(5, sigma_max=1.0))]
)
def test_inverse_problems(noise_std, sampler):
    operator = random_pixels((8, 8), 0.3, random_state=0)
    measurements, denoise = operator @ X[0].ravel(), EmpiricalDenoiser().fit(X)

    def draws(device):
        denoiser = FunctionDenoiser(denoise, device=device)
        options = {"noise_std": noise_std, "sampler": sampler, "random_state": 0}
        return solve_inverse(denoiser, measurements, operator, **options).draws

    # SciPy operators multiply arrays.
    allowed = {
        "sampling/_inverse.py:solve_inverse": ARRAY,
        "sampling/_measurements.py:Measurements._move": ARRAY,
        "sampling/_measurements.py:Measurements.denoise": ARRAY,
    }
    with SimulatedDevice(SAMPLE | allowed):
        found = draws(NAME)
    assert_close(found, draws("cpu"), rtol=1e-4, atol=1e-4)


def test_jacobian():
    denoiser, v = network().fit(X), Y[1].ravel()
    expected = jacobian_operator(denoiser, Y[0])
    # Products are arrays, as for all SciPy operators. Traces are numbers.
    allowed = {
        "jacobian/_operator.py:JacobianOperator._matmat": ARRAY,
        "jacobian/_operator.py:JacobianOperator._rmatmat": ARRAY,
        "jacobian/_operator.py:JacobianOperator.trace": NUMBER,
        "jacobian/_operator.py:norm_ratio": NUMBER,
    }
    with SimulatedDevice(FREEZE | allowed):
        J = jacobian_operator(move(denoiser), Y[0])
        assert_close(J @ v, expected @ v, rtol=1e-4, atol=1e-5)
        assert_close(J.H @ v, expected.H @ v, rtol=1e-4, atol=1e-5)
        assert J.trace(2, random_state=0) == pytest.approx(
            expected.trace(2, random_state=0), rel=1e-4
        )
        assert 0 < J.asymmetry(2, random_state=0) < 1
        dense, diagonal = J.dense(), J.diagonal()
    check(dense, expected.dense(), rtol=1e-4, atol=1e-5)
    check(diagonal, expected.diagonal(), rtol=1e-4, atol=1e-5)


def test_basis_and_risk():
    denoiser = network().fit(X)
    # The results are arrays. Small matrices are decomposed on the CPU.
    allowed = {
        "jacobian/_basis.py:JacobianBasis._store": ARRAY,
        "jacobian/_decompose.py:decompose_dense": ARRAY,
        "jacobian/_lanczos.py:block_lanczos": ARRAY,
        "jacobian/_lanczos.py:orthonormal_rows": ARRAY,
        "jacobian/_operator.py:JacobianOperator.trace": NUMBER,
        "jacobian/_operator.py:norm_ratio": NUMBER,
        "jacobian/_posterior.py:posterior_std": ARRAY,
        "jacobian/_sure.py:_risks": ARRAY,
    }
    risk = {"noise_std": 0.1, "random_state": 0}
    with SimulatedDevice(FREEZE | allowed):
        moved = move(denoiser)
        some = JacobianBasis(moved, n_components=4).fit(Y[:1]).eigenvalues_
        every = JacobianBasis(moved).fit(Y[:1]).eigenvalues_
        std = posterior_std(moved, Y[0], noise_std=0.1)
        found = sure(moved, Y, **risk)
    expected = JacobianBasis(denoiser).fit(Y[:1]).eigenvalues_
    assert_close(every, expected, rtol=1e-3, atol=1e-4)
    assert_close(some, expected[:4], rtol=1e-2, atol=1e-3)
    assert_close(std, posterior_std(denoiser, Y[0], noise_std=0.1), rtol=1e-3, atol=0)
    assert found == pytest.approx(sure(denoiser, Y, **risk), rel=1e-3)


def test_noise_and_metrics():
    # Noise depends on the values of the image. NumPy averages errors.
    allowed = {
        "metrics/_errors.py:image_pairs": ARRAY,
        "metrics/_residual.py:mean_absolute_residual": ARRAY,
        "noise/gaussian.py:_noise_like": ARRAY,
        "noise/gaussian.py:estimate_noise_std": ARRAY,
    }
    functions = [
        lambda clean, noisy: psnr(clean, noisy),
        lambda clean, noisy: mean_absolute_residual(noisy, residual),
        lambda clean, noisy: estimate_noise_std(noisy),
    ]
    with SimulatedDevice(CHECKS | allowed):
        noisy = GaussianNoise(0.2, random_state=0).fit_transform(put(X))
        found = [function(put(X), put(Y)) for function in functions]
    check(noisy, torch.from_numpy(Y))
    for one, function in zip(found, functions, strict=True):
        assert_close(one, function(X, Y))


@pytest.mark.filterwarnings("ignore:The autoencoder renders training images no")
def test_fields():
    def images(device):
        autoencoder = FieldAutoencoder(
            reduction=2, width=4, max_steps=2, batch_size=2, device=device
        )
        autoencoder.set_params(random_state=0, patch_size=8).fit(X)
        return autoencoder.inverse_transform(autoencoder.transform(X), 10)

    # Torch reads the number of batches. Errors are numbers, and images are arrays.
    allowed = {
        "fields/_training.py:standardize": NUMBER,
        "fields/_autoencoder.py:FieldAutoencoder._in_batches": ARRAY,
        "fields/_training.py:train": ARRAY,
        "fields/_training.py:warn_if_flat": NUMBER,
    }
    expected = images("cpu")
    with SimulatedDevice(allowed):
        found = images(NAME)
    assert_close(found, expected, rtol=1e-3, atol=1e-3)
