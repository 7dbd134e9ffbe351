"""One test for each entry of docs/design.rst, with the entry title as docstring."""

import ast
import dataclasses
import inspect
import re
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator
from sklearn.callback import CallbackSupportMixin
from sklearn.pipeline import make_pipeline
from test_imports import ALLOWED, FILES, PACKAGE, imports, room_of

from sklearn_gahb import (
    BandletDenoiser,
    BandletOracle,
    DiskPosteriorDenoiser,
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianDenoiser,
    GeneralizationAnalyzer,
    JacobianBasis,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    as_denoiser,
    evaluation,
    jacobian,
    psnr_curve,
    sampling,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.denoisers import BaseDenoiser
from sklearn_gahb.images import check_images
from sklearn_gahb.jacobian import jacobian_operator, sure
from sklearn_gahb.networks import NoiseFromImage, PaddedNetwork, UNet
from sklearn_gahb.networks.frozen import is_linear_once_frozen
from sklearn_gahb.networks.norms import calibrate_norms
from sklearn_gahb.samplers import DDIM, Sampler, run_sampler
from sklearn_gahb.training import Recipe, TrainingRun

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "design.rst").read_text(encoding="utf-8")
X = make_disk_images(12, 16, random_state=0)
MATHEMATICS = {
    *("datasets", "networks", "training"),
    *("transforms", "posteriors", "samplers"),
}


def tiny(**parameters):
    defaults = {"width": 4, "depth": 1, "max_steps": 2, "random_state": 0}
    return DNNDenoiser(**(defaults | parameters), device="cpu")


def test_each_entry_has_a_test():
    entries = re.findall(r"^(\w.*)\n   \S", PAGE.partition("\nDecisions\n")[2], re.M)
    tests = [value.__doc__ for name, value in globals().items() if name[:5] == "test_"]
    assert len(entries) > 15
    assert sorted(filter(None, tests)) == sorted(entries)


def test_the_rooms_of_the_page_are_the_folders():
    rooms = re.findall(r"^   \* - `(\w+)`$", PAGE, re.M)
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(rooms) == folders
    # Rooms are listed from top to bottom. Each room only imports rooms above it.
    for number, room in enumerate(rooms):
        assert (ALLOWED[room] & set(rooms)) <= set(rooms[:number])


def test_imports():
    """Imports point one way"""
    for room in MATHEMATICS:
        assert ALLOWED[room] <= MATHEMATICS
    for path in FILES:
        arrays_only = room_of(path) == "displays" and path.stem != "_comparison"
        if room_of(path) in MATHEMATICS or arrays_only:
            assert "denoisers" not in {name[0] for name in imports(path)}
    for name in ("jacobian", "sampling", "evaluation", "generalization"):
        assert "denoisers" in ALLOWED[name]


def test_holders():
    """Everything takes what users hold"""
    n_functions = 0
    for room in (evaluation, jacobian, sampling):
        for function in map(inspect.unwrap, map(vars(room).get, room.__all__)):
            first, *others = inspect.signature(function).parameters.values()
            if first.name == "denoiser" and not isinstance(function, type):
                n_functions += 1
                needed = [0.1 for one in others if one.default is one.empty]
                with pytest.raises(TypeError, match="'blur' is not a denoiser"):
                    function("blur", *needed)
    assert n_functions == 13
    pipeline = make_pipeline(WienerDenoiser()).fit(X)
    assert as_denoiser(pipeline).transform(X).shape == X.shape


def test_two_methods():
    """A denoiser is two methods"""

    class Halve(BaseDenoiser):
        def __init__(self):
            pass

        def denoise(self, y, noise_std=None):
            return y / 2

    assert BaseDenoiser.__abstractmethods__ == {"denoise"}
    assert Halve().fit(X).sample(1).shape == (1, 16, 16)


def test_level():
    """The noise level is passed, never set"""
    heard = []

    class Listening(BaseDenoiser):
        def __init__(self, noise_std=0.5):
            self.noise_std = noise_std

        def denoise(self, y, noise_std=None):
            heard.append(noise_std)
            assert self.noise_std == 0.5
            return y / (1 + self.noise_levels(y, noise_std))

    denoiser = Listening().fit(X)
    psnr_curve(denoiser, X, [0.2, 0.1])
    sure(denoiser, X[:1], 0.3)
    assert heard == [0.2, 0.1, 0.3]
    y = torch.from_numpy(X[:2, None])
    assert denoiser.noise_levels(y).unique().tolist() == [0.5]
    estimated = Listening(noise_std=None).noise_levels(y)
    assert (estimated < 0.1).all()
    for path in FILES:
        assert "set_params(noise_std" not in path.read_text()


def test_oracles():
    """Oracles are told the clean images"""
    oracle = BandletOracle(noise_std=0.1).fit(X)
    clean = torch.from_numpy(X[:1, None])
    assert oracle.with_clean(clean) is not oracle
    blind = WienerDenoiser().fit(X)
    assert blind.with_clean(clean) is blind
    asking = [path for path in FILES if "isinstance" in path.read_text()]
    assert not [path for path in asking if ", BandletOracle" in path.read_text()]


def test_noise():
    """Networks predict the noise"""
    y = torch.from_numpy(X[:2, None])
    denoiser = tiny().fit(X)
    with torch.no_grad():
        noise = denoiser.network_(y.clone())
    torch.testing.assert_close(denoiser(y), y - noise)
    image = torch.nn.AvgPool2d(3, stride=1, padding=1)
    wrapped = DNNDenoiser.from_module(image, "image").network_
    assert isinstance(wrapped, NoiseFromImage)
    halves = torch.nn.Sequential(torch.nn.PixelUnshuffle(2), torch.nn.PixelShuffle(2))
    padded = DNNDenoiser.from_module(halves, "image").network_.network
    assert isinstance(padded, PaddedNetwork)


def test_arrays():
    """One array is clean, two are degraded and clean"""
    with pytest.raises(ValueError, match="X equals y"):
        WienerDenoiser().fit(X, X)
    noisy = X + np.random.default_rng(0).normal(0, 0.1, X.shape)
    denoiser = WienerDenoiser(noise_std=0.1, random_state=0).fit(noisy, X)
    assert denoiser.score(noisy, X) == pytest.approx(denoiser.score(X), abs=0.5)


def test_layouts():
    """Nothing is guessed about layouts"""
    with pytest.raises(ValueError, match="image_shape is None"):
        check_images(X.reshape(12, -1))
    with pytest.raises(ValueError, match=r"np\.moveaxis\(X, 1, -1\)"):
        check_images(np.zeros((2, 3, 16, 16)))


def test_entrance():
    """Images have one entrance"""
    images = np.zeros((3, 5, 4, 3), np.uint8)
    checked = check_images(images)
    assert np.shares_memory(checked.stacks[0], images)
    assert checked.stacks[0].dtype == np.uint8
    (x,) = checked.tensors()
    assert (x.dtype, x.shape) == (torch.float32, (3, 3, 5, 4))


def test_steps():
    """Steps, not epochs"""
    for n in (1, 12):
        assert tiny(max_steps=7).fit(X[:n]).n_steps_ == 7


def test_training():
    """Training owns its run"""
    recipe = Recipe.of(tiny())
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.width = 8
    run = TrainingRun(recipe, check_images(X), random_state=0)
    before = [p.detach().clone() for p in run.network.parameters()]
    assert list(run) == [(0, 1), (1, 2)]
    trained = tiny().fit(X).network_
    after = list(run.finish().parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    for a, b in zip(after, trained.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_initialization():
    """Networks begin as well-scaled ones"""
    torch.manual_seed(0)
    network = UNet(width=32, n_scales=2)
    inner, last = network.encoder[0][2], network.decoder[-1][-1]
    fan_in = inner.weight[0].numel()
    assert inner.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.1)
    fan_in = last.weight[0].numel()
    assert last.weight.std().item() == pytest.approx(0.1 * (2 / fan_in) ** 0.5, rel=0.2)
    y = torch.randn(4, 1, 16, 16)
    calibrate_norms(network, y)
    seen = []
    norm = network.encoder[0][3]
    norm.register_forward_hook(lambda _, x, output: seen.append((x[0], output.clone())))
    network.eval()(y)
    torch.testing.assert_close(*seen[0], rtol=1e-4, atol=1e-5)


def test_samplers():
    """Samplers are values"""
    assert DDIM(5) == DDIM(5) != DDIM(6)
    with pytest.raises(dataclasses.FrozenInstanceError):
        DDIM(5).n_steps = 6
    assert Sampler.__abstractmethods__ == {"steps"}

    def optimal(y, noise_std):
        return y / (1 + torch.as_tensor(noise_std) ** 2)

    sampler = DDIM(400, sigma_max=20.0)
    y, _ = run_sampler(optimal, sampler, 0.0, (500, 1, 4, 4), random_state=0)
    assert y.std().item() == pytest.approx(1, abs=0.05)


def test_closed_forms():
    """Closed forms before differentiation"""
    for denoiser in (
        WaveletThresholdDenoiser(noise_std=0.1),
        BandletDenoiser(noise_std=0.1),
        WienerDenoiser(noise_std=0.1),
        GaussianDenoiser(noise_std=0.1),
        EmpiricalDenoiser(noise_std=0.1),
        DiskPosteriorDenoiser(noise_std=0.1, random_state=0),
    ):
        assert "linearize" in vars(type(denoiser))
    y = torch.from_numpy(X[:1, None])
    network = tiny().fit(X).network_
    assert is_linear_once_frozen(network, y)
    smooth = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3, padding=1), torch.nn.GELU())
    assert not is_linear_once_frozen(smooth, y)


def test_failures():
    """A fit that fails leaves the estimator as it was"""
    for estimator in (
        WienerDenoiser().fit(X),
        JacobianBasis(WienerDenoiser(noise_std=0.1).fit(X)).fit(X[:1]),
        GeneralizationAnalyzer(WienerDenoiser(), (1, 2), duplicates="ignore").fit(X),
    ):
        before = joblib.hash(vars(estimator))
        with pytest.raises(ValueError, match="NaN"):
            estimator.fit(np.full((1, 16, 16), np.nan))
        assert joblib.hash(vars(estimator)) == before


def test_kept_fits(tmp_path):
    """A fit that is kept is told by its content"""
    parameters = {"duplicates": "ignore", "random_state": 0, "checkpoint_dir": tmp_path}
    memory = EmpiricalDenoiser()
    GeneralizationAnalyzer(memory, (1, 2), **parameters).fit(X)
    first = {path.name for path in tmp_path.iterdir()}
    assert {name.partition("-")[0] for name in first} == {"fit", "psnr"}
    # A new noise level is measured with the same fits.
    GeneralizationAnalyzer(memory, (1, 2), noise_std=0.2, **parameters).fit(X)
    new = {path.name for path in tmp_path.iterdir()} - first
    assert {name.partition("-")[0] for name in new} == {"psnr"}
    # The checksum reveals a damaged file.
    damaged = next(tmp_path.glob("fit-*"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="its checksum is wrong"):
        GeneralizationAnalyzer(memory, (1, 2), **parameters).fit(X)


def test_libraries():
    """Nothing home-made outside of the field"""
    J = jacobian_operator(WienerDenoiser(noise_std=0.1).fit(X), X[0])
    assert isinstance(J, LinearOperator)
    assert issubclass(DNNDenoiser, CallbackSupportMixin)
    assert issubclass(GeneralizationAnalyzer, CallbackSupportMixin)
    imported = {
        alias.name.split(".")[0]
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").split(".")[0]
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    assert {"joblib", "safetensors", "scipy", "sklearn"} <= imported
    optional = {
        node.args[0].value.split(".")[0]
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "import_optional"
    }
    assert "pooch" in optional
