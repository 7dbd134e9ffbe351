"""Every function accepts every kind of denoiser that a user can have."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch.nn.functional import avg_pool2d

from sklearn_gahb import (
    EmpiricalDenoiser,
    GaussianNoise,
    GeneralizationAnalyzer,
    JacobianBasis,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    as_denoiser,
    make_psnr_scorer,
    psnr_curve,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.denoisers import BaseDenoiser, DenoiserChain, TransformerDenoiser
from sklearn_gahb.evaluation import coverage_curve, log_density, log_density_by_flow
from sklearn_gahb.jacobian import (
    jacobian_bases,
    jacobian_operator,
    posterior_directions,
    posterior_marginal,
    posterior_std,
    sure,
    sure_psnr,
)
from sklearn_gahb.samplers import DDIM
from sklearn_gahb.sampling import observed_pixels, sample, solve_inverse

X = make_disk_images(20, 12, random_state=0)
NOISY = GaussianNoise(0.1, random_state=0).fit_transform(X)
OBSERVED = np.arange(144).reshape(12, 12) % 3 > 0


def blur(y, noise_std=None):
    return avg_pool2d(y, 3, stride=1, padding=1)


class Blur(BaseDenoiser):
    def __init__(self, noise_std=0.1):
        self.noise_std = noise_std

    def denoise(self, y, noise_std=None):
        return blur(y)


class NoiseOfBlur(torch.nn.Module):
    def forward(self, y):
        return y - blur(y)


class ArrayBlur(TransformerMixin, BaseEstimator):
    """A transformer that does not use this package."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return blur(torch.from_numpy(X[:, None]))[:, 0].numpy()

    def __sklearn_is_fitted__(self):
        return True


scorer = make_psnr_scorer(0.1, random_state=0)
HOLDERS = {
    "estimator": Blur().fit(X),
    "pipeline": make_pipeline(GaussianNoise(0.1), Blur()).fit(X, X),
    "plain pipeline": make_pipeline(None, Blur()).fit(X),
    "search": GridSearchCV(Blur(), {"noise_std": [0.1]}, scoring=scorer, cv=2).fit(X),
    "frozen": FrozenEstimator(Blur().fit(X)),
    "callable": blur,
    "module": NoiseOfBlur(),
}
LEVELS = (0.1, 10.0)
FUNCTIONS = {
    "sample": lambda d: sample(
        d, 2, image_shape=(12, 12), sampler=DDIM(5), random_state=0
    ),
    "solve_inverse": lambda d: (
        solve_inverse(
            d, X[0][OBSERVED], observed_pixels(OBSERVED), n_draws=2, random_state=0
        ).draws
    ),
    "jacobian_operator": lambda d: jacobian_operator(d, NOISY[0]).dense(),
    "JacobianBasis": lambda d: JacobianBasis(d).fit(NOISY[:1]).eigenvalues_,
    "jacobian_bases": lambda d: [
        one.eigenvalues_ for one in jacobian_bases(d, NOISY[:2])
    ],
    "posterior_std": lambda d: posterior_std(d, NOISY[0], 0.1),
    "posterior_directions": lambda d: posterior_directions(d, NOISY[0], 0.1)[1],
    "posterior_marginal": lambda d: posterior_marginal(d, NOISY[0], 0.1, X[0]).moments,
    "log_density": lambda d: (
        log_density(d, X[:2], noise_range=LEVELS, random_state=0).log_density
    ),
    "log_density_by_flow": lambda d: (
        log_density_by_flow(
            d, X[:1], noise_range=LEVELS, rtol=1e-3, random_state=0
        ).log_density
    ),
    "coverage_curve": lambda d: coverage_curve(d, X[:2], 0.1, random_state=0).ranks,
    "psnr_curve": lambda d: psnr_curve(d, X, [0.3, 0.1], random_state=0).psnr,
    "sure": lambda d: sure(d, NOISY, 0.1, average=False, random_state=0),
    "sure_psnr": lambda d: sure_psnr(d, NOISY, 0.1, random_state=0),
    "analyzer": lambda d: (
        GeneralizationAnalyzer(
            WienerDenoiser(), (2, 5), optimal=d, duplicates="ignore", random_state=0
        )
        .fit(X, X_test=X[:3])
        .optimal_mse_
    ),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("kind", list(HOLDERS)[1:])
@pytest.mark.filterwarnings("ignore:The diagonal of the Jacobian is negative")
@pytest.mark.filterwarnings("ignore:The highest noise level, 10, does not hide")
def test_functions_take_what_users_hold(function, kind):
    expected = function(HOLDERS["estimator"])
    np.testing.assert_allclose(function(HOLDERS[kind]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrong", [3, "blur", None, GaussianNoise(), Blur, lambda y: y])
def test_other_things_are_refused(wrong):
    with pytest.raises(TypeError, match="is not a denoiser"):
        as_denoiser(wrong)


def test_steps_of_a_pipeline_follow_each_other():
    """The Jacobian of a chain is the product of the Jacobians of its steps."""
    first, second = WienerDenoiser(noise_std=0.1), EmpiricalDenoiser(noise_std=0.3)
    pipeline = make_pipeline(GaussianNoise(0.1), first, second).fit(X, X)
    chain = as_denoiser(pipeline)
    assert isinstance(chain, DenoiserChain)
    between = first.transform(NOISY)
    np.testing.assert_array_equal(chain.transform(NOISY), second.transform(between))
    product = (
        jacobian_operator(second, between[0]).dense()
        @ jacobian_operator(first, NOISY[0]).dense()
    )
    J = jacobian_operator(pipeline, NOISY[0])
    assert product.norm() > 0.1
    torch.testing.assert_close(J.dense(), product, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        J @ np.ones(144, dtype=np.float32), product.sum(1), rtol=1e-3, atol=1e-5
    )
    assert sample(pipeline, 2, sampler=DDIM(5), random_state=0).shape == (2, 12, 12)


def test_transformers_of_others():
    denoiser = as_denoiser(ArrayBlur())
    assert isinstance(denoiser, TransformerDenoiser)
    expected = Blur().fit(X).transform(NOISY)
    np.testing.assert_array_equal(denoiser.transform(NOISY), expected)
    curves = [psnr_curve(d, X, [0.1], random_state=0) for d in (ArrayBlur(), blur)]
    np.testing.assert_allclose(curves[0].psnr, curves[1].psnr, rtol=1e-6)
    with pytest.raises(ValueError, match=r"ArrayBlur\(\)\) is not written in torch"):
        jacobian_operator(ArrayBlur(), NOISY[:1])


def test_other_transformers_get_the_layout_that_they_were_fitted_on():
    rows = X.reshape(len(X), -1)
    denoiser = WaveletThresholdDenoiser(noise_std=0.1, image_shape=(12, 12))
    alone = psnr_curve(denoiser.fit(rows), rows, [0.1], random_state=0).psnr
    pipeline = make_pipeline(FunctionTransformer(), denoiser).fit(rows)
    found = psnr_curve(pipeline, rows, [0.1], random_state=0).psnr
    np.testing.assert_allclose(found, alone)
    pipeline = make_pipeline(denoiser, StandardScaler()).fit(rows)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(rows)
    found = as_denoiser(pipeline).denoise_images(noisy)
    np.testing.assert_array_equal(found, pipeline.transform(noisy))


def test_integers_reach_the_first_step_as_they_are():
    photos = (255 * X).astype(np.uint8)
    divide = FunctionTransformer(lambda images: images / np.float32(255))
    pipeline = make_pipeline(divide, Blur()).fit(photos)
    expected = Blur().fit(X).transform(photos / np.float32(255))
    np.testing.assert_allclose(as_denoiser(pipeline).transform(photos), expected)


def test_a_chain_may_be_fitted_again():
    chain = as_denoiser(make_pipeline(Blur(), Blur()).fit(X))
    np.testing.assert_array_equal(chain.fit(X).transform(X), chain.transform(X))


def test_transformers_return_tensors_for_tensors():
    denoiser = TransformerDenoiser(FunctionTransformer(lambda images: images / 2))
    y = torch.from_numpy(X)
    torch.testing.assert_close(denoiser.transform(y), y / 2)
