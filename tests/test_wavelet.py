from itertools import product
from threading import Event, Thread

import numpy as np
import pytest
import pywt
import torch
from skimage.data import camera
from skimage.restoration import denoise_wavelet
from skimage.util import img_as_float
from sklearn.base import clone

from sklearn_gahb import (
    GaussianNoise,
    WaveletThresholdDenoiser,
    as_denoiser,
    psnr,
    ssim,
)
from sklearn_gahb._threads import one_thread
from sklearn_gahb.denoisers.linearization import linearize_by_autograd
from sklearn_gahb.transforms.shrinkage import bayes_threshold, shrink, sure_threshold
from sklearn_gahb.transforms.wavelets import WaveletBasis

RNG = np.random.RandomState(0)
NOISY = RNG.rand(5, 64, 32) + 0.2 * RNG.randn(5, 64, 32)
C = torch.from_numpy(RNG.randn(3, 2, 8, 8) * 2)


@pytest.mark.parametrize("wavelet", ["haar", "db2", "sym4", "coif1"])
@pytest.mark.parametrize("shrinkage", ["hard", "soft", "garrote"])
def test_equals_pywavelets_image_by_image(wavelet, shrinkage):
    expected = []
    for y in NOISY:
        bands = pywt.wavedec2(y, wavelet, "periodization", level=2)
        for i in (1, 2):
            bands[i] = tuple(pywt.threshold(c, 0.6, shrinkage) for c in bands[i])
        expected.append(pywt.waverec2(bands, wavelet, "periodization"))
    denoiser = WaveletThresholdDenoiser(
        wavelet,
        n_scales=2,
        threshold=3.0,
        shrinkage=shrinkage,
        n_shifts=1,
        noise_std=0.2,
    )
    denoised = denoiser.fit(NOISY).transform(NOISY)
    np.testing.assert_allclose(denoised, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("wavelet", ["haar", "sym4", "db8", "coif3", "db20"])
@pytest.mark.parametrize("shape", [(16, 16), (4, 8), (1, 16)])
def test_transform_is_orthonormal_and_that_of_pywavelets(wavelet, shape):
    axes = [axis for axis in (2, 3) if shape[axis - 2] > 1]
    units = torch.eye(shape[0] * shape[1], dtype=torch.float64).reshape(-1, 1, *shape)
    basis = WaveletBasis(pywt.Wavelet(wavelet), 2, axes)
    coarse, bands = basis.analyze(units)
    matrix = torch.cat([band.flatten(1) for band in (coarse, *bands)], dim=1)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(len(units)), atol=1e-10)
    np.testing.assert_allclose(basis.synthesize(coarse, bands), units, atol=1e-10)
    images = units.numpy()
    keys = ["".join(key) for key in product("ad", repeat=len(axes))]
    for scale in range(2):
        found = pywt.dwtn(images, wavelet, "periodization", axes)
        images, *details = (found[key] for key in keys)
        own = bands[scale * len(details) :]
        for band, expected in zip(own, details, strict=False):
            np.testing.assert_allclose(band, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(coarse, images, rtol=0, atol=1e-12)


@pytest.mark.parametrize("wavelet", ["haar", "sym4"])
def test_transform_is_differentiable(wavelet):
    basis = WaveletBasis(pywt.Wavelet(wavelet), 1, [2, 3])
    images = torch.from_numpy(NOISY[:2, None, :4, :6]).requires_grad_()
    bands = basis.analyze(images)

    def analyze(images):
        coarse, bands = basis.analyze(images)
        return coarse, *bands

    assert torch.autograd.gradcheck(analyze, images)
    parts = [bands[0], *bands[1]]
    assert torch.autograd.gradcheck(
        lambda coarse, *bands: basis.synthesize(coarse, bands),
        [part.detach().requires_grad_() for part in parts],
    )


@pytest.mark.parametrize("shrinkage", ["hard", "soft", "garrote"])
@pytest.mark.parametrize("shape", [(3, 40, 24), (3, 13, 7), (3, 1, 19), (3, 1, 1)])
@pytest.mark.parametrize("n_shifts", [1, 9])
def test_threshold_zero_reconstructs(shrinkage, shape, n_shifts):
    X = RNG.rand(*shape)
    denoiser = WaveletThresholdDenoiser(
        threshold=0.0, shrinkage=shrinkage, n_shifts=n_shifts, noise_std=0.1
    )
    np.testing.assert_allclose(denoiser.fit(X).transform(X), X, atol=1e-10)


def test_classical_rule_keeps_what_exceeds_the_threshold():
    c = torch.tensor([-2.0, -1.0, 0.5, 1.0, 1.5])
    T = torch.tensor(1.0)
    np.testing.assert_array_equal(shrink(c, T, "hard"), [-2, 0, 0, 0, 1.5])
    np.testing.assert_array_equal(shrink(c, T, "soft"), [-1, 0, 0, 0, 0.5])
    np.testing.assert_allclose(shrink(c, T, "garrote"), [-1.5, 0, 0, 0, 1.5 - 1 / 1.5])
    np.testing.assert_array_equal(shrink(torch.zeros(2), 0 * T, "garrote"), 0)


def test_hard_thresholding_is_homogeneous_with_the_level():
    hard = WaveletThresholdDenoiser(threshold=3.0, shrinkage="hard")
    denoise = as_denoiser(hard.fit(NOISY))
    y = torch.from_numpy(NOISY[:, None])
    torch.testing.assert_close(denoise(10 * y, 1.0), 10 * denoise(y, 0.1))


def test_sure_threshold_minimises_the_risk_estimate_over_a_grid():
    sigma = 0.7
    T = sure_threshold(C, torch.full((3, 1, 1, 1), sigma, dtype=C.dtype))
    grid = np.linspace(0, C.abs().max().item(), 2000)

    def risk(c, t):
        kept = np.abs(c) > t
        return (
            np.minimum(c**2, t**2).sum() + 2 * sigma**2 * kept.sum() - c.size * sigma**2
        )

    for image, channel in np.ndindex(3, 2):
        c, t = C[image, channel].numpy(), T[image, channel].item()
        assert risk(c, t) <= min(risk(c, g) for g in grid) + 1e-9


def test_sure_estimates_the_true_risk():
    rng = np.random.RandomState(1)
    clean = torch.from_numpy(np.where(rng.rand(1, 1, 256, 256) < 0.1, 5.0, 0.0))
    noisy = clean + torch.from_numpy(rng.randn(*clean.shape))
    T = sure_threshold(noisy, torch.ones(1, 1, 1, 1, dtype=noisy.dtype))
    grid = torch.linspace(0, 5, 200)
    errors = [(shrink(noisy, t, "soft") - clean).square().mean() for t in grid]
    error = (shrink(noisy, T, "soft") - clean).square().mean()
    assert error <= 1.02 * min(errors)


def test_bayes_threshold_is_closed_form():
    c = torch.tensor([3.0, -3.0]).expand(1, 1, 4, 2)
    sigma = torch.ones(1, 1, 1, 1)
    assert bayes_threshold(c, sigma).item() == pytest.approx(1 / np.sqrt(8))
    assert bayes_threshold(c, 4 * sigma).item() == np.inf
    assert bayes_threshold(c, 0 * sigma).item() == 0


def test_cycle_spinning_is_the_mean_over_translations():
    single = WaveletThresholdDenoiser(
        n_scales=2, threshold=3.0, shrinkage="hard", n_shifts=1, noise_std=0.2
    ).fit(NOISY)
    spun = clone(single).set_params(n_shifts=4).fit(NOISY)
    shifted = [
        np.roll(single.transform(np.roll(NOISY, (i, j), (1, 2))), (-i, -j), (1, 2))
        for i in (0, 1)
        for j in (0, 1)
    ]
    np.testing.assert_allclose(spun.transform(NOISY), np.mean(shifted, 0), atol=1e-12)


def test_level_is_estimated_for_each_image():
    levels = np.array([0.05, 0.5])[:, None, None]
    noisy = np.ones((2, 64, 64)) + levels * RNG.randn(2, 64, 64)
    denoiser = WaveletThresholdDenoiser(threshold=4.0, shrinkage="hard").fit(noisy)
    errors = np.abs(denoiser.transform(noisy) - 1).mean(axis=(1, 2))
    np.testing.assert_allclose(errors / levels.ravel(), errors[0] / 0.05, rtol=0.5)
    assert (errors < 0.15 * levels.ravel()).all()


def test_default_is_what_users_expect():
    """It is better than its alternatives and than the default of scikit-image."""
    photo = img_as_float(camera())[100:356, 100:356]
    noisy = GaussianNoise(25 / 255, random_state=0).fit_transform(photo[None])
    default = WaveletThresholdDenoiser().fit(noisy).transform(noisy)
    for other in (
        denoise_wavelet(noisy[0]),
        WaveletThresholdDenoiser(n_shifts=1).fit(noisy).transform(noisy)[0],
        WaveletThresholdDenoiser(threshold=3.0, shrinkage="hard", n_shifts=1)
        .fit(noisy)
        .transform(noisy)[0],
    ):
        assert psnr(photo[None], default) > psnr(photo[None], other[None]) + 0.5
        assert ssim(photo[None], default) > ssim(photo[None], other[None]) + 0.02


def test_color_channels_are_denoised_alone():
    X = RNG.rand(3, 16, 16, 3)
    denoiser = WaveletThresholdDenoiser(noise_std=0.1)
    together = clone(denoiser).fit(X).transform(X)
    alone = clone(denoiser).fit(X[..., 0]).transform(X[..., 0])
    np.testing.assert_allclose(together[..., 0], alone, atol=1e-12)


def test_published_gain_of_bayes_and_translations(data_home):
    """In the literature, BayesShrink has about 26.3 dB on Set12 at 25/255."""
    from sklearn_gahb.datasets import fetch_set12

    images = fetch_set12().images
    scores = {}
    for n_shifts in (1, 16):
        denoiser = WaveletThresholdDenoiser(
            "sym4",
            threshold="bayes",
            shrinkage="soft",
            n_shifts=n_shifts,
            noise_std=25 / 255,
            random_state=0,
        )
        scores[n_shifts] = denoiser.fit(images).score(images)
    assert 26.0 < scores[1] < 27.0
    assert scores[16] > scores[1] + 0.5


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"wavelet": "db99"}, "wavelet='db99' is not a discrete wavelet"),
        ({"wavelet": "bior2.2"}, "wavelet='bior2.2' is not orthogonal"),
        ({"wavelet": "morl"}, "wavelet='morl' is not a discrete wavelet"),
        ({"threshold": -1.0}, "'threshold' parameter"),
        ({"threshold": "minimax"}, "'threshold' parameter"),
        ({"shrinkage": "hard"}, "needs shrinkage='soft'.* such as threshold=3.0"),
        ({"shrinkage": "firm"}, "'shrinkage' parameter"),
        ({"n_shifts": 2}, "n_shifts=2 must be a square"),
        ({"n_scales": 0}, "'n_scales' parameter"),
        (
            {"n_scales": 6},
            "n_scales=6 is too large for images of 64x32 pixels.* at most 5",
        ),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        WaveletThresholdDenoiser(**parameters).fit(NOISY).transform(NOISY)


def test_parameters_set_after_fit_are_checked():
    denoiser = WaveletThresholdDenoiser().fit(NOISY)
    for parameters in ({"n_shifts": 2}, {"noise_std": -1.0}, {"shrinkage": "hard"}):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            clone(denoiser).fit(NOISY).set_params(**parameters).transform(NOISY)


@pytest.mark.parametrize("noise_std", [0.2, 0.0])
@pytest.mark.parametrize(
    "rule",
    [
        ("universal", "soft"),
        (2.0, "garrote"),
        (2.0, "hard"),
        ("bayes", "soft"),
        ("sure", "soft"),
    ],
)
def test_torch_differentiates(rule, noise_std):
    """The Jacobian by autograd is that in closed form: thresholds are constants."""
    threshold, shrinkage = rule
    denoiser = WaveletThresholdDenoiser(
        threshold=threshold, shrinkage=shrinkage, n_shifts=4, noise_std=noise_std
    ).fit(NOISY)
    y, v = torch.from_numpy(NOISY[:1, None]), torch.from_numpy(NOISY[1:2, None])
    found = linearize_by_autograd(as_denoiser(denoiser), y).multiply(v)
    expected = denoiser.linearize(y).multiply(v)
    torch.testing.assert_close(found, expected)
    # Coefficients of a flat part are 0.
    y[..., :40, :] = 0.5
    found = linearize_by_autograd(as_denoiser(denoiser), y).multiply(v)
    torch.testing.assert_close(found, denoiser.linearize(y).multiply(v))


def test_empty_batch():
    denoiser = as_denoiser(WaveletThresholdDenoiser(noise_std=0.1).fit(NOISY))
    assert denoiser(torch.zeros(0, 1, 16, 16)).shape == (0, 1, 16, 16)


def test_threads_keep_their_numbers_of_threads():
    """The second of two overlapping threads ends first. A third thread starts later."""
    found, begun, ended = [], Event(), Event()

    def first():
        torch.get_num_threads()
        with one_thread():
            begun.set()
            ended.wait(10)
        found.append(torch.get_num_threads())

    def second():
        begun.wait(10)
        with one_thread():
            found.append(torch.get_num_threads())
        found.append(torch.get_num_threads())
        ended.set()

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        threads = [Thread(target=one) for one in (first, second)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        third = Thread(target=lambda: found.append(torch.get_num_threads()))
        third.start()
        third.join()
        assert found == [1, 2, 2, 2]
    finally:
        torch.set_num_threads(before)


def test_level_zero_keeps_the_image():
    for threshold, shrinkage in [(3.0, "hard"), ("bayes", "soft"), ("sure", "soft")]:
        denoiser = WaveletThresholdDenoiser(
            threshold=threshold, shrinkage=shrinkage, noise_std=0.0
        ).fit(NOISY)
        np.testing.assert_allclose(denoiser.transform(NOISY), NOISY, atol=1e-10)


def test_noise_is_drawn_from_random_state():
    denoiser = WaveletThresholdDenoiser(noise_std=0.1, random_state=0).fit(NOISY)
    noisy = GaussianNoise(0.1, random_state=0).transform(NOISY)
    assert denoiser.score(NOISY) == denoiser.score(noisy, NOISY)


def test_one_thread_computes(monkeypatch):
    """On busy machines, several threads would wait for each other at each operation."""
    n_threads, roll = [], torch.roll

    def recorded(*args):
        n_threads.append(torch.get_num_threads())
        return roll(*args)

    before = torch.get_num_threads()
    monkeypatch.setattr(torch, "roll", recorded)
    torch.set_num_threads(2)
    try:
        WaveletThresholdDenoiser(noise_std=0.1, n_shifts=4).fit(NOISY).transform(NOISY)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(n_threads) == {1}
