"""Scores without clean images and without the noise level."""

import pickle

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.restoration import denoise_invariant
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_gahb import GaussianNoise, WaveletThresholdDenoiser, as_denoiser
from sklearn_gahb.datasets import load_photo_patches, make_disk_images
from sklearn_gahb.evaluation import make_j_invariant_scorer
from sklearn_gahb.noise import PoissonNoise

RNG = np.random.RandomState(0)


def blur(images):
    return gaussian_filter(images, (0, 1, 1) + (0,) * (images.ndim - 3))


@pytest.mark.parametrize("shape", [(2, 13, 17), (1, 16, 12, 3)])
@pytest.mark.parametrize("stride", [3, 4])
def test_equals_scikit_image(shape, stride):
    noisy = RNG.rand(*shape)
    score = make_j_invariant_scorer(stride=stride, n_masks=None)
    found = score(as_denoiser(FunctionTransformer(blur)), noisy)
    channel_axis = -1 if len(shape) == 4 else None

    def filtered(image, channel_axis=None):
        return blur(image[None])[0]

    errors = [
        np.square(
            denoise_invariant(
                image,
                filtered,
                stride=stride,
                denoiser_kwargs={"channel_axis": channel_axis},
            )
            - image
        ).mean()
        for image in noisy
    ]
    assert found == pytest.approx(-10 * np.log10(np.mean(errors)), rel=1e-6)


def test_hidden_pixels_are_not_seen():
    """The identity returns the mean of four independent neighbors."""
    noisy = RNG.randn(4, 64, 64)
    found = make_j_invariant_scorer(n_masks=None)(as_denoiser(lambda y, _: y), noisy)
    assert 10 ** (-found / 10) == pytest.approx(1 + 1 / 4, rel=0.05)


@pytest.mark.parametrize(
    ("name", "subset"), [("camera", "test"), ("flower", "test"), ("ascent", "train")]
)
@pytest.mark.parametrize("shrinkage", ["hard", "soft"])
def test_picks_a_nearly_optimal_threshold(name, subset, shrinkage):
    photo = load_photo_patches(16, 1, subset=subset, random_state=0).photos[name]
    clean = photo[None, :256, :256] / 255
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(clean)
    wavelets = WaveletThresholdDenoiser(n_shifts=1, noise_std=0.1, shrinkage=shrinkage)
    candidates = [
        clone(wavelets).set_params(threshold=threshold).fit(noisy)
        for threshold in np.linspace(0.25, 4.5, 18)
    ]
    score = make_j_invariant_scorer()
    scores = [one.score(noisy, clean) for one in candidates]
    chosen = np.argmax([score(one, noisy) for one in candidates])
    assert 0 < chosen < len(candidates) - 1
    assert scores[chosen] > max(scores) - 0.5


def test_noise_need_not_be_gaussian():
    clean = make_disk_images(10, 64, random_state=0)
    noisy = PoissonNoise(20, random_state=0).fit_transform(clean)
    widths = [0.3, 1.0, 5.0]
    denoisers = [
        as_denoiser(FunctionTransformer(gaussian_filter, kw_args={"sigma": (0, s, s)}))
        for s in widths
    ]
    score = make_j_invariant_scorer(stride=3)
    found = [score(one, noisy) for one in denoisers]
    exact = [-np.square(one.transform(noisy) - clean).mean() for one in denoisers]
    assert np.argmax(found) == np.argmax(exact) == 1


def test_estimators_of_all_kinds():
    X = make_disk_images(8, 16, random_state=0)
    score = make_j_invariant_scorer()
    wavelets = WaveletThresholdDenoiser("haar", noise_std=0.1).fit(X)
    expected = score(wavelets, X)
    in_255 = clone(wavelets).set_params(data_range=255).fit(255 * X)
    assert score(in_255, 255 * X) == pytest.approx(expected, abs=1e-4)
    rows = clone(wavelets).set_params(image_shape=(16, 16)).fit(X.reshape(8, -1))
    assert score(rows, X.reshape(8, -1)) == pytest.approx(expected)
    assert score(make_pipeline(wavelets), list(X)) == pytest.approx(expected)
    assert pickle.loads(pickle.dumps(score))(wavelets, X) == expected
    scores = cross_val_score(wavelets, X, scoring=score, cv=2)
    assert scores.mean() == pytest.approx(expected, abs=0.5)
    search = GridSearchCV(wavelets, {"threshold": [1.0]}, scoring=score, cv=2)
    assert score(search.fit(X), X) == pytest.approx(
        score(search.best_estimator_, X), abs=1e-6
    )


def test_bad_input():
    with pytest.raises(ValueError, match=r"n_masks=5 must be at most stride\*\*2 = 4"):
        make_j_invariant_scorer(stride=2, n_masks=5)
    with pytest.raises(ValueError, match="'stride' parameter"):
        make_j_invariant_scorer(stride=1)
    with pytest.raises(ValueError, match="stride=3 must be at most 2, the shortest"):
        make_j_invariant_scorer()(as_denoiser(lambda y, _: y), np.zeros((2, 2, 8)))
    assert repr(make_j_invariant_scorer(n_masks=None)) == (
        "make_j_invariant_scorer(stride=3, n_masks=9)"
    )
