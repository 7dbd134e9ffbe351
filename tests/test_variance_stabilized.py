"""Any denoiser of Gaussian noise, applied to Poisson-Gaussian noise."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    BandletOracle,
    DNNDenoiser,
    EmpiricalDenoiser,
    GaussianNoise,
    JacobianBasis,
    PoissonNoise,
    VarianceStabilizedDenoiser,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    as_denoiser,
    make_psnr_scorer,
    make_ssim_scorer,
    psnr,
    psnr_curve,
)
from sklearn_gahb.checkpoints import load_pretrained
from sklearn_gahb.datasets import load_photo_patches, make_disk_images
from sklearn_gahb.denoisers import FunctionDenoiser
from sklearn_gahb.evaluation import make_j_invariant_scorer
from sklearn_gahb.jacobian import jacobian_operator, make_sure_scorer

X = make_disk_images(20, 32, random_state=0)
NOISY = PoissonNoise(30, random_state=0).transform(X)
PHOTOS = list(load_photo_patches(16, 1, subset="all").photos.values())
KNOWN = {"peak": 30, "noise_std": 0.0}


def identity(y, noise_std):
    return y


@pytest.fixture(scope="module")
def photos():
    return np.stack([photo[100:356, 100:356] for photo in PHOTOS]) / 255


@pytest.mark.parametrize("n_shifts", [1, 16])
def test_stabilization_wins_with_known_and_with_estimated_noise(photos, n_shifts):
    noisy = PoissonNoise(30, random_state=0).transform(photos)
    wavelets = WaveletThresholdDenoiser(n_shifts=n_shifts)
    plain = wavelets.fit(photos).score(noisy, photos)
    inner = WaveletThresholdDenoiser(n_shifts=n_shifts)
    known = VarianceStabilizedDenoiser(inner, **KNOWN).fit(photos)
    estimated = VarianceStabilizedDenoiser(inner).fit(photos)
    scores = [one.score(noisy, photos) for one in (known, estimated)]
    assert scores[0] > plain + 0.8
    assert scores[1] == pytest.approx(scores[0], abs=0.15)


def test_bm3d_gains_2_decibels(photos):
    pytest.importorskip("bm3d")
    from sklearn_gahb import BM3DDenoiser

    clean = photos[2:3, :64, :64]
    noisy = PoissonNoise(30, random_state=0).transform(clean)
    plain = BM3DDenoiser().fit(clean).score(noisy, clean)
    stabilized = VarianceStabilizedDenoiser(BM3DDenoiser()).fit(clean)
    assert stabilized.score(noisy, clean) > plain + 2


def test_inner_denoiser_gets_white_noise_of_the_level_that_it_is_told():
    told = []

    def listen(y, noise_std):
        told.append((y, noise_std))
        return y

    clean = np.linspace(0.1, 1, 300).reshape(1, 1, 300).repeat(300, axis=1)
    noisy = PoissonNoise(100, 0.05, random_state=0).transform(clean)
    VarianceStabilizedDenoiser(listen, 100, 0.05).fit(clean).transform(noisy)
    y, level = told[0]
    assert tuple(level.shape) == (1, 1, 1, 1)
    stds = y[0, 0].std(axis=0)
    for part in (stds[:30], stds[-30:]):
        assert float(part.mean() / level) == pytest.approx(1, abs=0.03)
    assert -0.2 < y.min() < y.mean() < y.max() < 1.3


def test_mean_is_unbiased_where_the_algebraic_inverse_is_not():
    """A denoiser that returns the mean finds the intensity, even at low counts."""

    def average(y, noise_std):
        return y.mean(dim=(2, 3), keepdim=True).expand_as(y)

    for x in (0.2, 0.5, 1.0):
        clean = np.full((1, 300, 300), x)
        noisy = PoissonNoise(3, 0.1, random_state=0).transform(clean)
        denoiser = VarianceStabilizedDenoiser(average, 3, 0.1).fit(clean)
        assert denoiser.transform(noisy).mean() == pytest.approx(x, rel=0.02)


def test_the_gaussian_limit_is_the_inner_denoiser():
    wavelets = WaveletThresholdDenoiser(noise_std=0.1)
    noisy = GaussianNoise(0.1, random_state=0).transform(X)
    expected = wavelets.fit(X).transform(noisy)
    stabilized = VarianceStabilizedDenoiser(clone(wavelets), np.inf, 0.1).fit(X)
    np.testing.assert_allclose(stabilized.transform(noisy), expected, atol=1e-5)


def test_fit_clones_and_frozen_estimators_are_kept():
    network = load_pretrained("photos-grey")
    frozen = VarianceStabilizedDenoiser(FrozenEstimator(network), **KNOWN).fit(X)
    assert frozen.denoiser_ is network
    wiener = WienerDenoiser()
    fitted = VarianceStabilizedDenoiser(wiener, **KNOWN).fit(X)
    assert not hasattr(wiener, "n_channels_in_")
    assert fitted.denoiser_ is not wiener
    with pytest.warns(UserWarning, match=r"already fitted.*FrozenEstimator"):
        VarianceStabilizedDenoiser(WienerDenoiser().fit(X), **KNOWN).fit(X)
    with pytest.raises(TypeError, match="is not a denoiser"):
        VarianceStabilizedDenoiser("blur").fit(X)
    with pytest.raises(ValueError, match="adds noise itself"):
        VarianceStabilizedDenoiser(make_pipeline(GaussianNoise(), wiener)).fit(X)


def test_inner_denoiser_learns_the_stabilized_images():
    """The perfect memorizer returns its training images, so the inverse must fit."""
    memorizer = VarianceStabilizedDenoiser(EmpiricalDenoiser(), **KNOWN).fit(X)
    assert psnr(X, memorizer.transform(NOISY)) > 60
    pairs = VarianceStabilizedDenoiser(EmpiricalDenoiser(), **KNOWN).fit(NOISY, X)
    assert psnr(X, pairs.transform(NOISY)) > 60
    photos = list(X)
    listed = VarianceStabilizedDenoiser(EmpiricalDenoiser(), **KNOWN).fit(photos)
    assert psnr(X, np.stack(listed.transform(list(NOISY)))) > 60


@pytest.mark.parametrize(
    "make",
    [
        lambda: WaveletThresholdDenoiser("haar"),
        lambda: make_pipeline(WienerDenoiser()),
        lambda: GridSearchCV(
            WienerDenoiser(), {"shrinkage": ["wiener"]}, scoring=make_psnr_scorer(0.1)
        ),
        lambda: identity,
        lambda: torch.nn.Conv2d(1, 1, 3, padding=1, bias=False),
        lambda: FrozenEstimator(WienerDenoiser().fit(X)),
        lambda: FunctionDenoiser(identity),
        lambda: DNNDenoiser(width=4, depth=1, max_steps=2, random_state=0),
    ],
)
def test_holders_of_denoisers(make):
    denoiser = VarianceStabilizedDenoiser(make(), random_state=0, **KNOWN).fit(X)
    assert denoiser.transform(NOISY).shape == X.shape
    assert as_denoiser(denoiser) is denoiser
    assert np.isfinite(denoiser.score(X))


def test_score_adds_the_noise_of_the_parameters():
    denoiser = VarianceStabilizedDenoiser(identity, 30, 0.1, random_state=0).fit(X)
    noisy = PoissonNoise(30, 0.1, random_state=0).transform(X)
    assert denoiser.score(X) == pytest.approx(denoiser.score(noisy, X))
    per_image = denoiser.psnr_per_image(X, noise_std=0.0)
    expected = denoiser.psnr_per_image(NOISY, X, noise_std=0.0)
    np.testing.assert_allclose(per_image, expected)
    blind = VarianceStabilizedDenoiser(identity).fit(X)
    with pytest.raises(ValueError, match=r"peak=None.*score\(noisy, clean\)"):
        blind.score(X)
    with pytest.warns(UserWarning, match="adds white Gaussian noise"):
        assert make_psnr_scorer(0.1, random_state=0)(denoiser, X) > 15


def test_colors_rows_lists_and_integers():
    rows = NOISY.reshape(20, -1)
    wavelets = WaveletThresholdDenoiser("haar")
    parameters = {"image_shape": (32, 32), **KNOWN}
    expected = VarianceStabilizedDenoiser(wavelets, **KNOWN).fit(X).transform(NOISY)
    of_rows = VarianceStabilizedDenoiser(wavelets, **parameters).fit(X.reshape(20, -1))
    np.testing.assert_array_equal(of_rows.transform(rows).reshape(X.shape), expected)
    color = NOISY[:18].reshape(6, 3, 32, 32).transpose(0, 2, 3, 1)
    of_colors = VarianceStabilizedDenoiser(wavelets, **KNOWN).fit(color)
    denoised = of_colors.transform(color).transpose(0, 3, 1, 2).reshape(18, 32, 32)
    np.testing.assert_allclose(denoised, expected[:18], atol=1e-6)
    sixteen = np.uint16(65535 * NOISY.clip(0, 1))
    of_integers = VarianceStabilizedDenoiser(wavelets, **KNOWN).fit(sixteen)
    found = of_integers.transform(sixteen)
    floats = of_integers.transform(np.float32(sixteen / 65535))
    np.testing.assert_allclose(found, floats, atol=1e-5)


def test_one_parameter_known(photos):
    noisy = torch.from_numpy(PoissonNoise(30, 0.1, random_state=0).transform(photos))
    for parameters in ({"peak": 30}, {"noise_std": 0.1}):
        denoiser = VarianceStabilizedDenoiser(identity, **parameters).fit(photos)
        levels = denoiser.noise_levels(noisy[:, None]).flatten()
        np.testing.assert_allclose(levels, 0.1, atol=0.015)


@pytest.mark.parametrize("hold", [lambda d: d, make_pipeline, FrozenEstimator])
@pytest.mark.parametrize("peak", [30, None, np.inf])
def test_scores_for_gaussian_noise_warn(peak, hold):
    """A known peak means Poisson noise; an unknown one may be found to be infinite."""
    X = make_disk_images(3, 64, random_state=0)
    inner = WaveletThresholdDenoiser("haar", threshold=1.5)
    stabilized = VarianceStabilizedDenoiser(inner, peak=peak, noise_std=0.1)
    denoiser = hold(stabilized.fit(X))
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(X)
    scorers = {
        "make_psnr_scorer adds": make_psnr_scorer(0.1),
        "make_ssim_scorer adds": make_ssim_scorer(0.1),
        "Stein's estimate assumes": make_sure_scorer(0.1),
        "psnr_curve adds": lambda one, X: psnr_curve(one, X, [0.1]),
    }
    for name, score in scorers.items():
        if peak == 30:
            message = f"{name} white Gaussian noise, but Variance.* peak=30 removes Poi"
            with pytest.warns(UserWarning, match=message) as records:
                score(denoiser, X)
            assert {record.filename for record in records} == {__file__}
        else:
            score(denoiser, X if "adds" in name else noisy)


def test_hidden_pixels_rank_peaks():
    """The cure that the warnings name: the true peak, 30, has the best score."""
    clean = load_photo_patches(64, 20, subset="test", random_state=0).images / 255
    noisy = PoissonNoise(peak=30, random_state=0).fit_transform(clean)
    search = GridSearchCV(
        VarianceStabilizedDenoiser(WaveletThresholdDenoiser("haar"), 30, 0),
        {"peak": [3, 30, 300]},
        scoring=make_j_invariant_scorer(),
        cv=2,
    )
    assert search.fit(noisy).best_params_ == {"peak": 30}


def test_counts_need_a_data_range():
    counts = 1000 * X
    denoiser = VarianceStabilizedDenoiser(identity, peak=1000, noise_std=0.0)
    expected = denoiser.fit(X).transform(X)
    with pytest.warns(UserWarning, match=r"expects white at 1. Set data_range"):
        denoiser.transform(counts)
    denoiser.set_params(data_range=1000).fit(counts)
    np.testing.assert_allclose(denoiser.transform(counts), 1000 * expected, rtol=1e-4)
    wavelets = WaveletThresholdDenoiser("haar", data_range=1000)
    with pytest.raises(ValueError, match="Set the data_range of VarianceStabilized"):
        VarianceStabilizedDenoiser(wavelets).fit(counts)


def test_the_inner_denoiser_learns_from_fractions():
    noisy = PoissonNoise(peak=30, random_state=0).fit_transform(X)
    inner = WienerDenoiser()
    results = []
    for scale, pair in [(1, False), (1000, False), (1, True), (1000, True)]:
        denoiser = VarianceStabilizedDenoiser(
            inner, peak=30, noise_std=0.0, data_range=scale
        )
        clean, degraded = scale * X, scale * noisy
        denoiser.fit(degraded, clean) if pair else denoiser.fit(clean)
        results.append(denoiser.transform(degraded) / scale)
    np.testing.assert_allclose(results[0], results[1], atol=1e-4)
    np.testing.assert_allclose(results[2], results[3], atol=1e-4)


def test_images_that_cannot_be_estimated():
    denoiser = VarianceStabilizedDenoiser(identity).fit(X)
    with pytest.raises(ValueError, match=r"image 0 cannot be estimated.*Pass peak"):
        denoiser.transform(X[:, :16, :16])


def test_properties_are_those_of_the_inner_denoiser():
    hard, soft = (
        WaveletThresholdDenoiser("haar", threshold=3.0, shrinkage=rule, n_shifts=1)
        for rule in ("hard", "soft")
    )
    noisy = PoissonNoise(peak=30, random_state=0).fit_transform(X)
    for inner, is_continuous in ((hard, False), (soft, True)):
        # Wavelets learn nothing, so noisy images do no harm.
        denoiser = VarianceStabilizedDenoiser(inner, peak=30, noise_std=0.0).fit(noisy)
        assert denoiser.is_continuous == is_continuous
        assert not denoiser.needs_clean_images
    with pytest.warns(UserWarning, match="fit treats them as clean images"):
        VarianceStabilizedDenoiser(WienerDenoiser(), peak=30, noise_std=0.0).fit(noisy)


def test_no_noise_is_left_alone():
    denoiser = VarianceStabilizedDenoiser(
        WaveletThresholdDenoiser("haar"), np.inf, 0.0
    ).fit(X)
    np.testing.assert_allclose(denoiser.transform(X), X, atol=1e-3)


@pytest.mark.parametrize(
    "inner",
    [
        FrozenEstimator(load_pretrained("photos-grey")),
        WaveletThresholdDenoiser("haar", threshold=3.0, shrinkage="hard", n_shifts=1),
    ],
)
def test_linearization_is_the_derivative(inner):
    denoiser = VarianceStabilizedDenoiser(inner, 100, 0.05).fit(X)
    y = torch.from_numpy(PoissonNoise(100, 0.05, random_state=0).transform(X[:1]))
    y = y[:, None].float()
    linear = denoiser.linearize(y)
    torch.testing.assert_close(linear.x_hat, denoiser(y))
    v = torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    step = 1e-3
    difference = (denoiser(y + step * v) - denoiser(y - step * v)) / (2 * step)
    product = linear.multiply(v)
    assert (product - difference).norm() < 0.1 * product.norm()
    u = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    left, right = (u * product).sum(), (linear.multiply_transposed(u) * v).sum()
    assert float(left) == pytest.approx(float(right), rel=1e-3, abs=1e-3)
    assert jacobian_operator(denoiser, y[0, 0].numpy()).shape == (1024, 1024)
    JacobianBasis(denoiser, n_components=3).fit(y[:, 0].numpy())


def test_oracles_are_told_the_stabilized_images():
    oracle = VarianceStabilizedDenoiser(BandletOracle(), **KNOWN).fit(X)
    assert oracle.score(NOISY, X) > psnr(X, NOISY) + 5


def test_clone_and_pickle():
    denoiser = VarianceStabilizedDenoiser(WienerDenoiser(), **KNOWN)
    assert clone(denoiser).get_params()["denoiser__shrinkage"] == "wiener"
    fitted = denoiser.fit(X)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.transform(NOISY), fitted.transform(NOISY))
