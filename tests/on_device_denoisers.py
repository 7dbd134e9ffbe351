"""Denoisers on a simulated device.

`test_devices.py` runs these tests. Each lists the functions that may bring values to
the CPU.
"""

from dataclasses import dataclass, field

import pytest
import torch
from simulated_device import ARRAY, NAME, NUMBER, SimulatedDevice, check, move, put
from sklearn.base import clone
from torch.testing import assert_close

from sklearn_gahb import (
    BandletDenoiser,
    BandletOracle,
    DiskPosteriorDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianDenoiser,
    GaussianNoise,
    JacobianBasis,
    LocalPosteriorDenoiser,
    VarianceStabilizedDenoiser,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    denoisers,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.denoisers import (
    DenoiserChain,
    FunctionDenoiser,
    TransformerDenoiser,
)
from sklearn_gahb.denoisers._tiles import denoise_in_tiles

X = make_disk_images(8, 8, random_state=0)
Y = GaussianNoise(0.2, random_state=0).fit_transform(X)
y = torch.from_numpy(Y[:2, None])

# Images on a device are checked like all images. Their values tell the units.
CHECKS = {
    "images.py:_check_numbers": NUMBER,
    "noise/gaussian.py:digest_of": ARRAY,
    "units.py:check_largest": NUMBER,
    "units.py:peek": ARRAY,
}
# Pairs of images must differ, and must not be swapped. NumPy averages their errors.
SCORE = {
    "images.py:equal_images": ARRAY,
    "metrics/_errors.py:image_pairs": ARRAY,
    "units.py:warn_if_swapped": ARRAY,
}
# Results are where the images were.
BACK = {"denoisers/base.py:BaseDenoiser.__call__": ARRAY}
# Losses are checked at evaluations, and weights at the end. The losses are arrays.
FIT = {
    "training/_optimization.py:_check_finite": NUMBER,
    "training/run.py:TrainingRun.finish": NUMBER,
    "training/run.py:TrainingRun.losses": ARRAY,
}
MOMENTS = {"transforms/stationary.py:estimate_moments": ARRAY}
STATISTICS = {"networks/norms.py:has_statistics": NUMBER}
# A network is tested before it is frozen.
FREEZE = {
    "networks/frozen.py:_equal": NUMBER,
    "networks/frozen.py:is_linear_once_frozen": NUMBER,
}
# NumPy computes these denoisers.
IN_NUMPY = {"denoisers/checks.py:to_numpy": ARRAY}
DISKS = IN_NUMPY | {"denoisers/_disk.py:DiskPosteriorDenoiser._posteriors": ARRAY}
# The level determines the dtype and the size of the patches.
LOCAL = {
    "denoisers/_local_posterior.py:LocalPosteriorDenoiser._for_each_scale": ARRAY,
    "denoisers/_local_posterior.py:LocalPosteriorDenoiser.denoise": NUMBER,
}
LOCAL_SLOPE = {"denoisers/_local_posterior.py:LocalPosteriorDenoiser.linearize": NUMBER}
# Images of the training set, which NumPy may read from a file, are chosen.
CHOSEN = {"denoisers/_empirical.py:EmpiricalDenoiser._blocks": ARRAY}
# NumPy makes a table for each noise level.
STABILIZED = {
    "denoisers/_variance_stabilized.py:VarianceStabilizedDenoiser._noise": ARRAY,
    "transforms/anscombe.py:_each_image": ARRAY,
}
LEVELS = {"denoisers/checks.py:check_levels": NUMBER}
STABILIZED_SLOPE = {
    "denoisers/_variance_stabilized.py:VarianceStabilizedDenoiser.linearize": NUMBER
}


def network(**parameters):
    defaults = {"width": 4, "depth": 1, "max_steps": 2, "batch_size": 2}
    defaults |= {"noise_std": 0.1, "random_state": 0, "device": "cpu"}
    # "auto" might choose another precision on the CPU than on the device.
    defaults["precision"] = "float32"
    return DNNDenoiser(**defaults | parameters)


def local(**parameters):
    return LocalPosteriorDenoiser(3, noise_std=0.2, random_state=0, **parameters)


def wiener():
    return WienerDenoiser(noise_std=0.2)


@dataclass
class Case:
    """A denoiser, and what `denoise` and `linearize` bring to the CPU.

    If `linearize` is None, torch cannot differentiate the denoiser.
    """

    denoiser: object
    denoise: dict = field(default_factory=dict)
    linearize: dict | None = field(default_factory=dict)


CASES = {
    "unet": Case(network(), {}, FREEZE),
    "bf_cnn": Case(network(architecture="bf_cnn", depth=3), {}, FREEZE),
    "dilated_unet": Case(network(architecture="dilated_unet"), {}, FREEZE),
    "conservative": Case(network(conservative=True)),
    "empirical": Case(EmpiricalDenoiser(0.2), {}, CHOSEN),
    "smoothed": Case(
        EmpiricalDenoiser(0.2, smoothing_std=0.1, n_perturbations=2, random_state=0),
        {},
        CHOSEN,
    ),
    "gaussian": Case(GaussianDenoiser(noise_std=0.2)),
    "shrunk": Case(GaussianDenoiser("shrunk", noise_std=0.2)),
    "wiener": Case(wiener()),
    "low_pass": Case(WienerDenoiser(shrinkage="low_pass", noise_std=0.2)),
    "chain": Case(DenoiserChain([wiener().fit(X), wiener().fit(X)]), LEVELS),
    "function": Case(FunctionDenoiser(lambda y, level: y / (1 + y**2))),
    "stabilized": Case(
        VarianceStabilizedDenoiser(WienerDenoiser(), peak=30, noise_std=0.1),
        STABILIZED | LEVELS,
        STABILIZED | STABILIZED_SLOPE,
    ),
    "cut": Case(local(), LOCAL, LOCAL | LOCAL_SLOPE),
    "reflect": Case(local(boundary="reflect"), LOCAL, LOCAL | LOCAL_SLOPE),
    "overlap": Case(
        local(boundary="periodic", aggregate="overlap"), LOCAL, LOCAL | LOCAL_SLOPE
    ),
    "fixed": Case(
        local(boundary="reflect", equivariant=False), LOCAL, LOCAL | LOCAL_SLOPE
    ),
    "support": Case(local(neighborhood="wiener"), LOCAL, LOCAL | LOCAL_SLOPE),
    "support_overlap": Case(
        local(neighborhood="wiener", aggregate="overlap"), LOCAL, LOCAL | LOCAL_SLOPE
    ),
    "subset": Case(local(n_patches=50), LOCAL, LOCAL | LOCAL_SLOPE),
    "transformer": Case(
        TransformerDenoiser(WienerDenoiser(noise_std=0.2).fit(X)), IN_NUMPY, None
    ),
    "affine": Case(JacobianBasis(wiener().fit(X)).fit(Y[:1]).affine_denoiser()),
    "wavelets": Case(WaveletThresholdDenoiser(noise_std=0.2)),
    "bayes": Case(WaveletThresholdDenoiser(threshold="bayes", noise_std=0.2)),
    "one_basis": Case(WaveletThresholdDenoiser(n_shifts=1)),
    "bandlets": Case(BandletDenoiser(noise_std=0.2)),
    "oracle": Case(BandletOracle(noise_std=0.2)),
    "disks": Case(
        DiskPosteriorDenoiser(n_draws=500, noise_std=0.2, random_state=0), DISKS, DISKS
    ),
}
LINEARIZED = {k: case for k, case in CASES.items() if case.linearize is not None}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def test_each_denoiser_has_a_case():
    classes = [getattr(denoisers, name) for name in denoisers.__all__]
    classes = [one for one in classes if isinstance(one, type)]
    classes = {one for one in classes if issubclass(one, denoisers.BaseDenoiser)}
    assert classes - {type(case.denoiser) for case in CASES.values()} == {
        denoisers.BaseDenoiser,
        # Needs an optional package, and computes in NumPy.
        denoisers.BM3DDenoiser,
    }


@each_case
@pytest.mark.parametrize(
    "level", [0.2, torch.tensor([0.2, 0.3]).view(2, 1, 1, 1)], ids=["one", "each"]
)
def test_denoise(case, level):
    denoiser = case.denoiser.fit(X)
    expected = denoiser.with_clean(torch.from_numpy(X[:2, None])).denoise(y, level)
    with SimulatedDevice(case.denoise):
        denoiser = move(denoiser).with_clean(put(X[:2, None]))
        found = denoiser.denoise(put(y), put(level))
    check(found, expected)


@pytest.mark.parametrize("case", LINEARIZED.values(), ids=LINEARIZED.keys())
def test_linearize(case):
    denoiser = case.denoiser.fit(X)
    v = torch.from_numpy(Y[2:5, None])
    expected = denoiser.with_clean(torch.from_numpy(X[:1, None])).linearize(y[:1], 0.2)
    with SimulatedDevice(case.linearize):
        denoiser = move(denoiser).with_clean(put(X[:1, None]))
        found = denoiser.linearize(put(y[:1]), 0.2)
        products = found.multiply(put(v)), found.multiply_transposed(put(v))
        basis = found.eigenbasis and found.eigenbasis(2)
    check(found.x_hat, expected.x_hat)
    check(products[0], expected.multiply(v))
    check(products[1], expected.multiply_transposed(v))
    if basis:
        for one, other in zip(basis, expected.eigenbasis(2), strict=True):
            check(one, other)


def test_tiles():
    denoiser, images = network().fit(X), torch.from_numpy(X).reshape(1, 1, 64, 8)
    with SimulatedDevice():
        found = denoise_in_tiles(move(denoiser).denoise, put(images), margin=2, side=8)
    check(found, denoise_in_tiles(denoiser.denoise, images, margin=2, side=8))


def test_network_that_takes_noise_levels():
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def forward(self, y, noise_std):
            return self.weight * noise_std.view(-1, 1, 1, 1) * y

    expected = DNNDenoiser.from_module(Scaled(), device="cpu").transform(Y)
    estimate = {"denoisers/base.py:BaseDenoiser.noise_levels": ARRAY}
    with SimulatedDevice(BACK | estimate):
        found = DNNDenoiser.from_module(Scaled(), device=NAME).transform(Y)
    assert_close(found, expected)


def test_energy():
    denoiser = network(conservative=True).fit(X)
    with SimulatedDevice({"denoisers/_network.py:_NetworkDenoiser.energy": ARRAY}):
        found = move(denoiser).energy(X)
    assert_close(found, denoiser.energy(X))


# What `fit` brings to the CPU if its images are on the device, and what `transform` and
# `score` bring.
MEAN = {"transforms/fourier.py:mean_intensity": ARRAY}
SPECTRUM = MEAN | {"transforms/fourier.py:estimate_power_spectrum": ARRAY}
COMPONENTS = {
    "denoisers/_gaussian.py:GaussianDenoiser.learn": ARRAY,
    "posteriors/gaussian.py:ledoit_wolf_shrinkage": NUMBER,
}
ON_DEVICE = {
    "network": (network(device=NAME), FIT | STATISTICS | MOMENTS),
    "empirical": (EmpiricalDenoiser(0.2), {}),
    "shrunk": (GaussianDenoiser("shrunk", noise_std=0.2), COMPONENTS),
    "wiener": (wiener(), SPECTRUM),
    "cut": (local(), MEAN | LOCAL),
    "support": (local(neighborhood="wiener"), SPECTRUM | LOCAL),
    "wavelets": (WaveletThresholdDenoiser(noise_std=0.2), {}),
    "bandlets": (BandletDenoiser(noise_std=0.2), {}),
}


@pytest.mark.parametrize(
    ("denoiser", "allowed"), ON_DEVICE.values(), ids=ON_DEVICE.keys()
)
def test_images_on_the_device(denoiser, allowed):
    with SimulatedDevice(CHECKS | SCORE | allowed):
        denoiser = clone(denoiser).fit(put(X))
        found = denoiser.transform(put(Y))
        score = denoiser.score(put(Y), put(X))
    if hasattr(denoiser, "device"):
        denoiser.set_params(device="cpu")
    expected = denoiser.fit(X)
    check(found, torch.from_numpy(expected.transform(Y)), rtol=1e-3, atol=1e-3)
    assert score == pytest.approx(expected.score(Y, X), abs=1e-2)


def test_standard_error_of_local_posterior():
    denoiser = local(n_patches=50).fit(X)
    allowed = {name: kind for name, kind in CHECKS.items() if "digest" not in name}
    level = {name: kind for name, kind in LOCAL.items() if "each_scale" in name}
    with SimulatedDevice(allowed | level):
        found = denoiser.subsampling_std_err(put(Y))
    check(found, torch.from_numpy(denoiser.subsampling_std_err(Y)))
