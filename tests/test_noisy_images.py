"""Training without clean images."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_gahb import (
    DNNDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    WaveletThresholdDenoiser,
    make_psnr_scorer,
    psnr,
)
from sklearn_gahb.datasets import load_photo_patches, make_disk_images
from sklearn_gahb.jacobian import make_sure_scorer
from sklearn_gahb.training import Recipe, with_recorrupted_noise

NOISE_STD = 0.1
CLEAN = make_disk_images(220, 16, random_state=0)
CLEAN, TEST = CLEAN[:200], CLEAN[200:]
NOISY, OTHER = (
    GaussianNoise(NOISE_STD, random_state=seed).fit_transform(CLEAN) for seed in (1, 2)
)
network = DNNDenoiser(
    width=8,
    depth=1,
    noise_std=NOISE_STD,
    train_noise_std=NOISE_STD,
    max_steps=150,
    batch_size=16,
    learning_rate=5e-3,
    random_state=0,
)


def test_recorrupted_images_have_independent_noise():
    generator = torch.Generator().manual_seed(0)
    clean = torch.full((1, 1, 256, 256), 0.5)
    noisy = clean + 0.2 * torch.randn(clean.shape, generator=generator)
    pairs = with_recorrupted_noise([[noisy]], Recipe(noise_std=0.2), generator)
    first, difference = next(pairs)
    noises = torch.stack([first - clean, first - difference - clean]).flatten(1)
    covariance = torch.cov(noises) / 0.2**2
    # 1 + alpha^2 and 1 + 1 / alpha^2 for alpha = 1/2.
    expected = torch.tensor([[1.25, 0], [0, 5.0]])
    torch.testing.assert_close(covariance, expected, atol=0.05, rtol=0)


def test_noisy_images_teach_nearly_as_much_as_clean_images():
    score = make_psnr_scorer(NOISE_STD, random_state=0)
    by_clean = score(clone(network).fit(CLEAN), TEST)
    alone = clone(network).set_params(supervision="noisy").fit(NOISY)
    with pytest.raises(ValueError, match="make_sure_scorer"):
        alone.score(TEST)
    alone = score(alone, TEST)
    by_pairs = score(clone(network).fit(NOISY, OTHER), TEST)
    noisy = psnr(TEST, GaussianNoise(NOISE_STD, random_state=0).fit_transform(TEST))
    with pytest.warns(UserWarning, match="fit treats them as clean images"):
        as_if_clean = score(clone(network).fit(NOISY), TEST)
    assert by_clean > noisy + 5
    assert alone > by_clean - 1.5
    assert by_pairs > by_clean - 1.5
    assert as_if_clean < alone - 1


def test_pairs_do_not_depend_on_the_supervision():
    outputs = [
        clone(network)
        .set_params(supervision=supervision, max_steps=5)
        .fit(NOISY, OTHER)
        .transform(NOISY)
        for supervision in ("clean", "noisy")
    ]
    np.testing.assert_array_equal(*outputs)


def test_early_stopping_works_without_clean_images():
    denoiser = clone(network).set_params(
        supervision="noisy", early_stopping=True, max_steps=20
    )
    assert np.isfinite(denoiser.fit(NOISY).validation_loss_curve_).all()


def test_noise_levels_are_checked():
    denoiser = clone(network).set_params(supervision="noisy", max_steps=2)
    with pytest.raises(ValueError, match="noise_std=None must be the level"):
        clone(denoiser).set_params(noise_std=None).fit(NOISY)
    with pytest.warns(UserWarning, match=r"noise_std=0.3, .* level of about 0.09"):
        clone(denoiser).set_params(noise_std=0.3).fit(NOISY)
    denoiser.fit(NOISY)


def test_analyzers_need_clean_images():
    analyzer = GeneralizationAnalyzer(clone(network).set_params(supervision="noisy"))
    with pytest.raises(ValueError, match="Set supervision='clean'"):
        analyzer.fit(CLEAN)


@pytest.mark.parametrize(
    ("name", "subset"),
    [
        ("ascent", "train"),
        ("china", "train"),
        ("camera", "test"),
    ],
)
def test_sure_scorer_picks_a_nearly_optimal_threshold(name, subset):
    """The clean photograph would pick a threshold that is at most 0.1 dB better."""
    photo = load_photo_patches(16, 1, subset=subset, random_state=0).photos[name]
    clean = photo[None, :256, :256] / 255
    noisy = GaussianNoise(NOISE_STD, random_state=0).fit_transform(clean)
    wavelets = WaveletThresholdDenoiser(n_shifts=1, noise_std=NOISE_STD)
    thresholds = np.linspace(0, 3, 13)
    candidates = [
        clone(wavelets).set_params(threshold=threshold).fit(noisy)
        for threshold in thresholds
    ]
    scorer = make_sure_scorer(NOISE_STD, random_state=0)
    estimates = [scorer(one, noisy) for one in candidates]
    scores = [one.score(noisy, clean) for one in candidates[1:]]
    chosen = np.argmax(estimates[1:])
    assert 0 < thresholds[1:][chosen] < 3
    assert scores[chosen] > max(scores) - 0.1
