"""Display objects and their figures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_gahb import (
    BandletOracle,
    GaussianNoise,
    JacobianBasis,
    WaveletThresholdDenoiser,
    WienerDenoiser,
    psnr,
)
from sklearn_gahb.displays import (
    ComparisonDisplay,
    InverseProblemDisplay,
    JacobianBasisDisplay,
    PSNRCurveDisplay,
    TrajectoryDisplay,
)
from sklearn_gahb.evaluation import psnr_curve
from sklearn_gahb.samplers import DDIM
from sklearn_gahb.sampling import sample, solve_inverse

X = np.random.RandomState(0).rand(3, 16, 16)


@pytest.fixture(autouse=True)
def no_windows():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def test_what_is_drawn():
    denoiser = WaveletThresholdDenoiser(
        "haar", threshold=3.0, shrinkage="garrote", n_shifts=1, noise_std=0.05
    )
    basis = JacobianBasis(denoiser.fit(X)).fit(X[:1])
    # Garrote slopes exceed 1.
    assert basis.eigenvalues_.max() > 1
    display = JacobianBasisDisplay.from_estimator(basis, X[1], ks=[3, 1, 256])
    images = display.axes_["images"]
    assert [ax.get_title() for ax in images] == ["clean", "noisy", "denoised"]
    for ax, expected in zip(images, (X[1], X[0], basis.denoised_), strict=True):
        np.testing.assert_array_equal(ax.get_images()[0].get_array(), expected)
    assert images[1].get_xlabel() == f"{psnr(X[1:2], X[:1]):.1f} dB"
    line = display.axes_["eigenvalues"].get_lines()[0]
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 257))
    np.testing.assert_array_equal(line.get_ydata(), basis.eigenvalues_)
    assert display.axes_["eigenvalues"].get_ylim()[1] > basis.eigenvalues_.max()
    dots = display.axes_["coefficients"].collections[0].get_offsets()
    expected = np.abs(basis.transform(X[1:2])[0])
    np.testing.assert_allclose(dots[:, 1], expected)
    for ax, k in zip(display.axes_["components"], [3, 1, 256], strict=True):
        image = ax.get_images()[0]
        component = basis.components_[k - 1].reshape(16, 16)
        np.testing.assert_array_equal(image.get_array(), component)
        assert image.norm.vmin == -image.norm.vmax == -np.abs(component).max()
        assert ax.get_title() == f"k = {k}\nfactor {basis.eigenvalues_[k - 1]:.2f}"


def test_color_rows_and_figures_of_others():
    color = np.random.RandomState(0).rand(2, 8, 8, 3)
    denoiser = WaveletThresholdDenoiser("haar", noise_std=0.05).fit(color)
    basis = JacobianBasis(denoiser, 5, image_shape=(8, 8, 3))
    basis.fit(color[:1].reshape(1, -1))
    figure = plt.figure()
    display = JacobianBasisDisplay.from_estimator(basis, figure=figure)
    assert display.figure_ is figure
    assert len(display.axes_["images"]) == 2
    assert len(display.axes_["components"]) == 5
    figure.canvas.draw()


@pytest.mark.parametrize("shape", [(1, 16, 1), (8, 8, 2), (8, 8, 4)])
def test_all_layouts_are_drawn(shape):
    clean = np.random.RandomState(0).randint(0, 256, (1, *shape)).astype(np.uint8)
    denoiser = WaveletThresholdDenoiser("haar", noise_std=0.05).fit(clean)
    basis = JacobianBasis(denoiser, 5).fit(clean)
    display = JacobianBasisDisplay.from_estimator(basis, clean)
    display.figure_.canvas.draw()
    np.testing.assert_allclose(
        display.coefficients, basis.transform(clean)[0], rtol=1e-4
    )
    plt.close(display.figure_)


def test_unfitted_basis():
    with pytest.raises(NotFittedError):
        JacobianBasisDisplay.from_estimator(JacobianBasis(lambda y, _: y))
    with pytest.raises(TypeError, match="a WienerDenoiser; expected a fitted"):
        JacobianBasisDisplay.from_estimator(WienerDenoiser().fit(X))


def test_components_that_are_not_there():
    basis = JacobianBasis(WaveletThresholdDenoiser(noise_std=0.1).fit(X), 4).fit(X[:1])
    with pytest.raises(
        ValueError, match=r"ks=\[5\] must hold at least one index, each from 1 to 4"
    ):
        JacobianBasisDisplay.from_estimator(basis, ks=[5])


def panels(display):
    """Return (title, PSNR label, image) of the visible axes."""
    return [
        (ax.get_title(), ax.get_xlabel(), ax.get_images()[0].get_array())
        for ax in display.axes_.flat
        if ax.get_visible()
    ]


def test_comparison_adds_noise_and_tells_the_level():
    wavelets = WaveletThresholdDenoiser().fit(X)
    display = ComparisonDisplay.from_estimators(
        {"wavelets": wavelets, "identity": lambda y, noise_std: y},
        X,
        noise_std=0.2,
        random_state=0,
    )
    noisy = GaussianNoise(0.2, random_state=np.random.RandomState(0)).fit_transform(X)
    denoised = wavelets.denoise_images(noisy, 0.2)
    assert display.axes_.shape == (3, 4)
    drawn = panels(display)
    names = ["clean", "noisy", "wavelets", "identity"]
    assert [title for title, _, _ in drawn] == 3 * names
    for i, (x, y, x_hat) in enumerate(zip(X, noisy, denoised, strict=True)):
        row = drawn[4 * i : 4 * i + 4]
        assert row[0][1] == ""
        for (_, label, image), expected in zip(row, (x, y, x_hat, y), strict=True):
            np.testing.assert_allclose(image, expected, atol=1e-6)
            if expected is not x:
                assert label == f"{psnr(x[None], expected[None]):.1f} dB"
    display.figure_.canvas.draw()


def test_comparison_of_given_noisy_photographs():
    """Photographs can differ in size, and panels can be wrapped."""
    rng = np.random.RandomState(0)
    photos = [
        rng.randint(0, 256, size).astype(np.uint8) for size in ((12, 20), (16, 9))
    ]
    fitted = [WaveletThresholdDenoiser().fit(photos), WaveletThresholdDenoiser("haar")]
    fitted[1].fit(photos)
    figure = plt.figure()
    display = ComparisonDisplay.from_estimators(
        fitted, photos, n_columns=2, figure=figure
    )
    assert display.figure_ is figure
    assert display.axes_.shape == (4, 2)
    assert display.psnr is None
    drawn = panels(display)
    names = ["WaveletThresholdDenoiser 1", "WaveletThresholdDenoiser 2"]
    assert [title for title, _, _ in drawn] == 2 * ["noisy", *names]
    assert {label for _, label, _ in drawn} == {""}
    assert not display.axes_[1, 1].get_visible()
    np.testing.assert_allclose(drawn[0][2], photos[0] / 255, atol=1e-6)
    np.testing.assert_allclose(drawn[4][2], fitted[0].transform(photos)[1])
    figure.canvas.draw()


def test_comparison_of_color_rows_with_an_oracle():
    color = np.random.RandomState(0).rand(2, 16, 16, 3)
    noisy = GaussianNoise(0.1, random_state=0).fit_transform(color)
    rows = [one.reshape(2, -1) for one in (noisy, color)]
    oracle = BandletOracle(noise_std=0.05, data_range=2, image_shape=(16, 16, 3))
    oracle.fit(rows[1])
    display = ComparisonDisplay.from_estimators(
        [oracle], *rows, image_shape=(16, 16, 3)
    )
    expected = oracle.transform(rows[0], clean=rows[1])
    title, label, image = panels(display)[2]
    decibels = psnr(rows[1][:1], expected[:1], data_range=2, image_shape=(16, 16, 3))
    assert (title, label) == ("BandletOracle", f"{decibels:.1f} dB")
    shown = (expected[0].reshape(16, 16, 3) / 2).clip(0, 1)
    np.testing.assert_allclose(image, shown, atol=1e-6)


def test_comparison_refuses():
    wavelets = WaveletThresholdDenoiser().fit(X)
    with pytest.raises(ValueError, match="at least one denoiser"):
        ComparisonDisplay.from_estimators({}, X)
    with pytest.raises(ValueError, match=r"\['noisy'\].*none of them"):
        ComparisonDisplay.from_estimators({"noisy": wavelets}, X)
    with pytest.raises(ValueError, match="'denoisers' parameter of ComparisonDisplay"):
        ComparisonDisplay.from_estimators(wavelets, X)
    with pytest.raises(ValueError, match=r"clean has shape \(2, 16, 16\)"):
        ComparisonDisplay.from_estimators([wavelets], X, X[:2])
    with pytest.raises(NotFittedError):
        ComparisonDisplay.from_estimators([WaveletThresholdDenoiser()], X)
    with pytest.raises(TypeError, match="is not a denoiser"):
        ComparisonDisplay.from_estimators(["blur"], X)


def test_samples_and_solutions():
    denoiser = WienerDenoiser().fit(X)
    _, trajectory = sample(
        denoiser, 3, sampler=DDIM(20), return_trajectory=True, random_state=0
    )
    display = TrajectoryDisplay.from_trajectory(trajectory, n_columns=4)
    assert display.axes_.shape == (3, 4)
    shown = display.axes_[1, 3].images[0].get_array()
    np.testing.assert_array_equal(shown, trajectory.images[-1][1])
    assert display.axes_[0, 3].get_title() == "noise 0.01"
    display.figure_.canvas.draw()

    M = np.eye(256)[::2]
    measurements = X[0].ravel()[::2]
    solution = solve_inverse(
        denoiser, measurements, M, image_shape=(16, 16), n_draws=2, random_state=0
    )
    display = InverseProblemDisplay.from_solution(
        solution, measurements, M, clean=X[0], limits=(0, 1)
    )
    assert display.axes_.shape == (1, 4)
    value = psnr(X[:1], solution.mean[None])
    assert display.axes_[0, 3].get_xlabel() == f"{value:.1f} dB"
    np.testing.assert_array_equal(
        display.axes_[0, 1].images[0].get_array().ravel()[::2], measurements
    )
    np.testing.assert_array_equal(
        display.axes_[0, 3].images[0].get_array(), solution.mean
    )
    display.figure_.canvas.draw()
    scaled = InverseProblemDisplay.from_solution(
        solution, 3 * measurements, 3 * M, clean=X[0]
    )
    np.testing.assert_allclose(scaled.measured, display.measured, atol=1e-12)


def test_psnr_curves():
    denoiser = WaveletThresholdDenoiser().fit(X)
    curves = {
        "wavelets": psnr_curve(denoiser, X, [0.03, 0.3, 0.1], random_state=0),
        "one level": psnr_curve(denoiser, X[:1], 0.1, random_state=0),
    }
    ax = plt.figure().add_subplot()
    display = PSNRCurveDisplay.from_curves(curves, slopes={"theory": 0.5}, ax=ax)
    assert display.ax_ is ax
    order = [1, 2, 0]
    markers = [line.get_marker() for line in display.lines_.values()]
    assert len(set(markers)) == 2
    x, y = display.lines_["wavelets"].get_data()
    np.testing.assert_allclose(x, curves["wavelets"].input_psnr[order])
    np.testing.assert_allclose(y, curves["wavelets"].output_psnr[order])
    x, y = display.slope_lines_["theory"].get_data()
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(0.5)
    middle = np.interp(20, x, y)
    assert middle == pytest.approx(curves["wavelets"].output_psnr[2])
    display.figure_.canvas.draw()
    with pytest.raises(ValueError, match="curves must be a dict"):
        PSNRCurveDisplay.from_curves({})


def test_the_vectors_that_contribute_most_are_drawn():
    """In the order of |lambda <y, e>|, over the contours of the image."""
    basis = JacobianBasis(WienerDenoiser(noise_std=0.5).fit(X)).fit(X[:1])
    display = JacobianBasisDisplay.from_estimator(basis)
    contributions = np.abs(basis.eigenvalues_ * (basis.components_ @ X[0].ravel()))
    drawn = [int(ax.get_title().split()[2]) for ax in display.axes_["components"]]
    assert drawn == (np.argsort(-contributions, kind="stable")[:18] + 1).tolist()
    assert all(len(ax.collections) for ax in display.axes_["components"])
    flat = JacobianBasis(lambda y, _: y / 2, 3).fit(np.ones((1, 5, 5)))
    display = JacobianBasisDisplay.from_estimator(flat)
    assert not any(len(ax.collections) for ax in display.axes_["components"])
