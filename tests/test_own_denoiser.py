"""Third-party denoisers, written in a few lines with public names only."""

import copy

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_gahb import (
    GaussianNoise,
    GeneralizationAnalyzer,
    JacobianBasis,
    as_denoiser,
    make_psnr_scorer,
    psnr,
    psnr_curve,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.denoisers import BaseDenoiser, Linearization, Prior
from sklearn_gahb.jacobian import (
    jacobian_bases,
    jacobian_operator,
    posterior_directions,
    posterior_std,
    sure,
    sure_psnr,
)
from sklearn_gahb.samplers import DDIM
from sklearn_gahb.sampling import observed_pixels, sample, solve_inverse

# Some checks pass values around 100 or 255.
pytestmark = pytest.mark.filterwarnings("ignore:noise_std=.* is very low")

X = make_disk_images(40, 16, random_state=0).astype(np.float64)
NOISY = GaussianNoise(0.1, random_state=0).fit_transform(X)


class Blur(BaseDenoiser):
    """A denoiser with the required methods and parameters only."""

    def __init__(self, side=3, *, noise_std=0.1, image_shape=None, random_state=None):
        self.side = side
        self.noise_std = noise_std
        self.image_shape = image_shape
        self.random_state = random_state

    def denoise(self, y, noise_std=None):
        pads = [self.side // 2] * 2
        return torch.nn.functional.avg_pool2d(y, self.side, stride=1, padding=pads)


class Halve(BaseDenoiser):
    """A denoiser without any parameters."""

    def __init__(self):
        pass

    def denoise(self, y, noise_std=None):
        return y / 2


class Oracle(BaseDenoiser):
    """A denoiser that overrides all methods: x_hat = y + weight * (clean - y)."""

    def __init__(self, weight=0.5, noise_std=0.1, random_state=None):
        self.weight = weight
        self.noise_std = noise_std
        self.random_state = random_state

    clean = None

    def learn(self, clean, noisy=None):
        self.mean_ = float(np.mean([x.mean().item() for x in clean.tensors()]))

    def with_clean(self, clean):
        oracle = copy.copy(self)
        oracle.clean = clean
        return oracle

    def denoise(self, y, noise_std=None):
        if self.clean is None:
            raise ValueError("The oracle was not told the clean images.")
        return y + self.weight * (self.clean - y)

    def linearize(self, y, noise_std=None):
        def multiply(v):
            return (1 - self.weight) * v

        return Linearization(self.denoise(y, noise_std), multiply, multiply)

    def prior(self, size=None):
        size = super().prior(size).size
        return Prior(size, mean=self.mean_, sigma_max=2.0)


def dense_blur(side=3):
    units = np.eye(16 * 16).reshape(-1, 16, 16)
    blurred = [uniform_filter(unit, side, mode="constant") for unit in units]
    return np.reshape(blurred, (256, 256))


def blurred(images, side=3):
    return [uniform_filter(image, side, mode="constant") for image in images]


BLUR = Blur().fit(X)


def test_it_is_an_estimator():
    np.testing.assert_allclose(BLUR.transform(NOISY), blurred(NOISY))
    assert BLUR.score(NOISY, X) == pytest.approx(psnr(X, np.array(blurred(NOISY))))
    seeded = Blur(random_state=0).fit(X)
    assert seeded.score(X) == pytest.approx(BLUR.score(NOISY, X), abs=0.2)
    assert BLUR.n_channels_in_ == 1
    photos = [X[0], X[1][:, :12]]
    for image, x_hat in zip(photos, BLUR.transform(photos), strict=True):
        np.testing.assert_allclose(x_hat, uniform_filter(image, 3, mode="constant"))
    with pytest.raises(ValueError, match="X has 3 channels, but Blur is expecting 1"):
        BLUR.transform(np.zeros((1, 16, 16, 3)))
    with pytest.raises(ValueError, match="X equals y"):
        Blur().fit(X, X)


def test_a_level_may_be_unknown():
    """The level is the argument, else the parameter, else an estimate."""
    y = torch.from_numpy(NOISY[:5, None])
    assert BLUR.noise_levels(y, 0.3).flatten().tolist() == [0.3] * 5
    assert BLUR.noise_levels(y).flatten().tolist() == [0.1] * 5
    estimated = Blur(noise_std=None).noise_levels(y).flatten().numpy()
    np.testing.assert_allclose(estimated, 0.1, rtol=0.35)


def test_pipelines_and_searches_take_it():
    pipeline = make_pipeline(GaussianNoise(0.1, random_state=0), Blur()).fit(X, X)
    assert pipeline.score(X, X) == pytest.approx(BLUR.score(NOISY, X))
    scoring = make_psnr_scorer(0.3, random_state=0)
    search = GridSearchCV(Blur(), {"side": [1, 3, 15]}, scoring=scoring, cv=2).fit(X)
    assert search.best_params_ == {"side": 3}
    assert cross_val_score(Blur(random_state=0), X, cv=2).mean() > 15


@parametrize_with_checks([Blur(image_shape=(1, -1))])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_sklearn_checks(estimator, check):
    check(estimator)


def test_samples_and_inverse_problems():
    images = sample(BLUR, 3, sampler=DDIM(20), random_state=0)
    assert images.shape == (3, 16, 16)
    np.testing.assert_array_equal(
        images, BLUR.sample(3, sampler=DDIM(20), random_state=0)
    )
    observed = np.ones((16, 16), dtype=bool)
    observed[6:10, 6:10] = False
    operator = observed_pixels(observed)
    measurements = X[0][observed]
    solution = solve_inverse(BLUR, measurements, operator, random_state=0)
    assert solution.relative_residual.max() < 1e-5
    np.testing.assert_allclose(solution.mean[observed], measurements, atol=1e-5)


def test_its_jacobian_is_found():
    J = jacobian_operator(BLUR, NOISY[0])
    np.testing.assert_allclose(J.dense(), dense_blur(), atol=1e-12)
    np.testing.assert_allclose(J @ NOISY[0].ravel(), BLUR.transform(NOISY[:1]).ravel())
    eigenvalues = np.linalg.eigvalsh(dense_blur())[::-1]
    basis = JacobianBasis(BLUR).fit(NOISY[:1])
    np.testing.assert_allclose(basis.eigenvalues_, eigenvalues, atol=1e-12)
    np.testing.assert_allclose(
        basis.affine_denoiser().transform(NOISY), BLUR.transform(NOISY), atol=1e-10
    )
    for one in jacobian_bases(BLUR, NOISY[:2], n_components=3):
        np.testing.assert_allclose(one.eigenvalues_, eigenvalues[:3], atol=1e-3)
    std = posterior_std(BLUR, NOISY[0], 0.1)
    np.testing.assert_allclose(std, 0.1 / 3)
    _, largest = posterior_directions(BLUR, NOISY[0], 0.1, n_components=2)
    np.testing.assert_allclose(largest, 0.1 * eigenvalues[:2] ** 0.5, rtol=1e-3)


def test_its_risk_is_estimated():
    risks = sure(BLUR, NOISY, 0.1, n_probes=None, average=False)
    residuals = ((np.array(blurred(NOISY)) - NOISY) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(risks, residuals - 0.1**2 + 2 * 0.1**2 / 9)
    estimate = sure_psnr(BLUR, NOISY, 0.1, n_probes=None)
    assert estimate == pytest.approx(BLUR.score(NOISY, X), abs=0.1)


def test_experiments_take_it():
    curve = psnr_curve(BLUR, X, [0.3, 0.1], random_state=0)
    assert curve.output_psnr[1] == pytest.approx(BLUR.score(NOISY, X), abs=0.3)
    analyzer = GeneralizationAnalyzer(
        Blur(),
        (1, 10),
        noise_std=[0.1, 0.3],
        n_generated=2,
        duplicates="ignore",
        random_state=0,
    ).fit(X)
    # The denoiser does not learn from its images, so the variance is 0.
    assert (analyzer.variance_ == 0).all()
    assert (analyzer.generated_similarity_ > 1 - 1e-6).all()
    assert [image.shape for image in analyzer.generated_images_] == [(2, 2, 16, 16)] * 2


class Rescale(BaseDenoiser):
    """Multiply by a factor, which only pairs of images tell."""

    def __init__(self, *, warm_start=False):
        self.warm_start = warm_start

    def learn(self, clean, noisy=None):
        if len(clean) > len(X):
            raise ValueError("too many")
        if noisy is not None:
            self.factor_ = float(
                (clean.data * noisy.data).sum() / (noisy.data**2).sum()
            )

    def denoise(self, y, noise_std=None):
        return getattr(self, "factor_", 1.0) * y


def test_fit_forgets_the_previous_fit():
    denoiser = Rescale().fit(NOISY, X)
    factor = denoiser.factor_
    assert 0 < factor < 1
    with pytest.raises(ValueError, match="too many"):
        denoiser.fit(np.concatenate([X, X]))
    assert denoiser.factor_ == factor
    np.testing.assert_array_equal(denoiser.fit(X).transform(NOISY), NOISY)
    assert vars(denoiser).keys() == vars(Rescale().fit(X)).keys()
    assert Rescale(warm_start=True).fit(NOISY, X).fit(X).factor_ == factor


def test_one_without_parameters_is_complete():
    denoiser = Halve().fit(X)
    np.testing.assert_allclose(denoiser.transform(X), X / 2)
    np.testing.assert_allclose(jacobian_operator(denoiser, X[0]) @ np.ones(256), 0.5)
    assert denoiser.sample(2, random_state=0).shape == (2, 16, 16)
    assert psnr_curve(denoiser, X, [0.1], random_state=0).psnr.shape == (1, 40)
    with pytest.raises(ValueError, match="noise_std=None"):
        denoiser.score(X)
    with pytest.raises(TypeError, match="abstract method"):
        type("Nothing", (BaseDenoiser,), {})()


def test_an_oracle_is_told_the_clean_image_everywhere():
    oracle = Oracle().fit(X)
    between = (NOISY + X) / 2
    np.testing.assert_allclose(oracle.denoise_images(NOISY, clean=X), between)
    assert oracle.score(NOISY, X) == pytest.approx(psnr(X, between))
    assert oracle.prior().mean == pytest.approx(X.mean())
    y, clean = NOISY[0], X[0]
    one = as_denoiser(oracle).with_clean(torch.from_numpy(clean[None, None]))
    np.testing.assert_allclose(one(torch.from_numpy(y[None, None]))[0, 0], between[0])
    J = jacobian_operator(oracle, y, clean=clean)
    np.testing.assert_allclose(J.dense(), np.eye(256) / 2)
    basis = JacobianBasis(oracle).fit(y[None], clean[None])
    np.testing.assert_allclose(basis.eigenvalues_, 0.5)
    for basis in jacobian_bases(oracle, NOISY[:2], clean=X[:2], n_components=2):
        np.testing.assert_allclose(basis.eigenvalues_, 0.5)
    std = posterior_std(oracle, y, 0.1, clean=clean)
    np.testing.assert_allclose(std, 0.1 * 0.5**0.5)
    _, std = posterior_directions(oracle, y, 0.1, clean=clean, n_components=2)
    np.testing.assert_allclose(std, 0.1 * 0.5**0.5)
    risk = sure(oracle, NOISY, 0.1, clean=X, n_probes=None)
    assert risk == pytest.approx(((NOISY - X) ** 2).mean() / 4)
    curve = psnr_curve(oracle, X, [0.1], random_state=0)
    assert curve.output_psnr[0] == pytest.approx(20 + 20 * np.log10(2), abs=0.1)
    analyzer = GeneralizationAnalyzer(
        oracle, (2, 5), duplicates="ignore", random_state=0
    ).fit(X)
    assert analyzer.test_psnr_.mean() == pytest.approx(26, abs=0.2)
    for function in (jacobian_operator, posterior_std, posterior_directions, sure):
        with pytest.raises(ValueError, match="was not told the clean images"):
            function(oracle, y, 0.1)


def test_it_is_called_with_what_denoise_promises():
    """`denoise` receives one level per image, and images on the right device."""

    class Elsewhere(Halve):
        device_ = torch.device("meta")

        def denoise(self, y, noise_std=None):
            assert y.device == self.device_
            return torch.zeros(y.shape)

    assert not Elsewhere().fit(X).transform(X).any()

    class Shrink(Halve):
        def denoise(self, y, noise_std=None):
            return y / (1 + noise_std**2)

    denoiser = Shrink().fit(X)
    y, levels = torch.ones(3, 1, 16, 3), [0.0, 1.0, 2.0]
    expected = (y / torch.tensor([1.0, 2.0, 5.0]).view(3, 1, 1, 1)).numpy()
    for passed in (levels, np.array(levels), torch.tensor(levels)):
        np.testing.assert_allclose(denoiser(y, passed), expected)
    for wrong in (np.nan, -0.1, levels[:2], np.array([0.1, np.nan, 0.1])):
        with pytest.raises(ValueError, match="level that is not negative, or one such"):
            denoiser(y, wrong)
    # Arrays go through in batches, so they have one level.
    for function in (denoiser.denoise_images, denoiser.psnr_per_image):
        with pytest.raises(ValueError, match="'noise_std' parameter of"):
            function(X, noise_std=np.full(len(X), 0.1))


def test_units_of_clean_and_noisy_images_agree():
    oracle, photos = Oracle().fit(X), (255 * X).astype(np.uint8)
    for function in (
        lambda: oracle.denoise_images(255 * NOISY, clean=photos),
        lambda: jacobian_operator(oracle, 255 * NOISY[0], clean=photos[0]),
        lambda: JacobianBasis(oracle).fit(255 * NOISY[:1], photos[:1]),
        lambda: sure(oracle, 255 * NOISY, 25.0, clean=photos),
    ):
        with pytest.raises(ValueError, match=r"Divide \w+ by 255"):
            function()
    for function in (
        lambda: sure(BLUR, photos, 25.0),
        lambda: JacobianBasis(BLUR, 2, noise_std=25.0).fit(photos[:1]),
        lambda: posterior_directions(BLUR, photos[0], 25.0),
    ):
        with pytest.warns(UserWarning, match="If you mean 25 of 255"):
            function()


def test_bases_of_rows():
    rows, images = NOISY.reshape(40, -1), NOISY
    denoiser = Blur(image_shape=(16, 16)).fit(rows)
    of_rows = jacobian_bases(denoiser, rows[:2], n_components=2)
    of_images = jacobian_bases(BLUR, images[:2], n_components=2)
    for one, other in zip(of_rows, of_images, strict=True):
        np.testing.assert_allclose(one.eigenvalues_, other.eigenvalues_, rtol=1e-3)
        assert one.affine_denoiser().transform(rows).shape == rows.shape
