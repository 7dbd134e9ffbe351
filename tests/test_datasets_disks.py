"""Disks: areas, derivatives and tangent spaces."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_gahb.datasets import (
    disk_coverage,
    disk_tangents,
    make_disk_images,
    render_disks,
)


def test_mean_intensity_is_that_of_the_area():
    X, parameters = make_disk_images(
        500, image_size=32, return_parameters=True, random_state=0
    )
    radius, foreground, background = parameters[:, 2:].T
    fraction = np.pi * radius**2 / 32**2
    expected = background + (foreground - background) * fraction
    # The tolerance is 0.2 pixels of area, because the pixels sample the integral.
    assert_allclose(X.mean(axis=(1, 2)), expected, atol=0.2 / 32**2)


def test_area_is_exact_on_a_fine_grid():
    # The average over many positions turns the sum over pixels into the integral.
    rng = np.random.RandomState(0)
    row, column = rng.uniform(15, 16, size=(2, 4000))
    for radius in (2.0, 5.0, 10.3):
        coverage = disk_coverage(row, column, np.full(4000, radius), 32)
        assert_allclose(coverage.sum(axis=(1, 2)).mean(), np.pi * radius**2, atol=5e-3)


def test_coverage_is_flat_inside_and_outside():
    coverage = disk_coverage([15.3], [14.8], [8.0], 32)[0]
    distance = np.hypot(*(np.mgrid[:32, :32] - [[[15.3]], [[14.8]]]))
    assert_array_equal(coverage[distance >= 9.0], 0)
    assert_allclose(coverage[distance <= 6.9], 1, atol=1e-14)
    on_the_edge = np.abs(distance - 8.0) < 0.5
    assert_allclose(
        coverage[on_the_edge], 0.5 + 15 / 16 * (8.0 - distance[on_the_edge]), atol=0.15
    )


@pytest.mark.parametrize("image_size", [8, 32, 80])
def test_disks_lie_inside_the_image(image_size):
    X, parameters = make_disk_images(
        300, image_size, return_parameters=True, random_state=0
    )
    row, column, radius, foreground, background = parameters.T
    low, high = max(2, image_size / 8), 3 * image_size / 8
    assert low <= radius.min() <= low + 0.05 * (high - low)
    assert high - 0.05 * (high - low) <= radius.max() <= high
    for center in (row, column):
        assert np.all(center - radius >= 0.5)
        assert np.all(center + radius <= image_size - 1.5)
    assert X.dtype == np.float32
    assert 0 <= X.min() < 0.01
    assert 0.99 < X.max() <= 1
    # Only the outer half of the edge reaches the border.
    contrast = np.abs(foreground - background)
    at_border = np.abs(X[:, 0] - background[:, None]).max(axis=1)
    assert np.all(at_border <= 0.2 * contrast + 1e-6)


def test_radius_range():
    _, parameters = make_disk_images(
        200, 32, radius_range=(5, 6), return_parameters=True, random_state=0
    )
    assert 5 <= parameters[:, 2].min() < parameters[:, 2].max() <= 6


def test_images_are_rendered_from_the_parameters():
    X, parameters = make_disk_images(40, return_parameters=True, random_state=0)
    assert_allclose(render_disks(parameters, 32), X, atol=1e-5)
    assert render_disks(parameters, 32).dtype == np.float64
    assert render_disks(parameters.astype(np.float32), 32).dtype == np.float32


def test_tangents_are_finite_differences():
    _, parameters = make_disk_images(100, return_parameters=True, random_state=0)
    tangents = disk_tangents(parameters, 32)
    for k, step in enumerate(1e-5 * np.eye(5)):
        difference = render_disks(parameters + step, 32) - render_disks(
            parameters - step, 32
        )
        assert_allclose(tangents[:, k], difference / 2e-5, atol=1e-8)


def test_rendering_is_twice_continuously_differentiable():
    # Circles sweep over the pixels. The largest change of a derivative per step halves
    # with the step size. At a discontinuity, it would not depend on the step size.
    jumps = []
    for n_steps in (500, 1000):
        s = np.linspace(0, 1, n_steps + 1)
        circles = np.column_stack([9.2 + s, 9.7 - 0.5 * s, 4 + 0.7 * s])
        parameters = np.hstack([circles, np.full((n_steps + 1, 2), [1.0, 0.0])])
        first = disk_tangents(parameters, 20)[:, :3]
        second = np.diff(first, axis=0) * n_steps
        jumps.append([np.abs(np.diff(x, axis=0)).max() for x in (first, second)])
    assert_allclose(np.divide(*jumps), 2, rtol=0.03)


def test_tangent_space_has_five_dimensions():
    parameters = make_disk_images(100, return_parameters=True, random_state=0)[1]
    parameters[:, 3:] = 0.9, 0.2
    tangents = disk_tangents(parameters, 32).reshape(100, 5, -1)
    singular = np.linalg.svd(tangents, compute_uv=False)
    assert np.all(singular[:, -1] > 0.03 * singular[:, 0])
    # Small neighborhoods are flat: five directions explain all their variance.
    rng = np.random.RandomState(0)
    cloud = parameters[0] + 1e-4 * rng.standard_normal((50, 5))
    images = render_disks(cloud, 32).reshape(50, -1)
    singular = np.linalg.svd(images - images.mean(axis=0), compute_uv=False)
    assert singular[5] < 1e-3 * singular[4]


def test_projection_onto_the_tangent_space_leaves_five_of_d():
    parameters = [[14.3, 16.1, 7.2, 0.9, 0.2]]
    basis = np.linalg.qr(disk_tangents(parameters, 32).reshape(5, -1).T)[0]
    noise = np.random.RandomState(0).standard_normal((2000, 32 * 32))
    assert_allclose(np.mean((noise @ basis @ basis.T) ** 2), 5 / 32**2, rtol=0.05)


def test_random_state():
    X = make_disk_images(2000, random_state=3)
    assert_array_equal(make_disk_images(700, random_state=3), X[:700])
    assert not np.array_equal(make_disk_images(5, random_state=4), X[:5])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, r"'n_samples'.*Got 0 instead"),
        ({"image_size": 7}, r"'image_size'.*Got 7 instead"),
        ({"image_size": 32.0}, r"'image_size'.*Got 32.0 instead"),
        ({"radius_range": (1, 5)}, r"radius_range.*2 <= a <= b <= 15\. Got \(1, 5\)"),
        ({"radius_range": (5, 16)}, r"radius_range.*Got \(5, 16\)"),
        ({"radius_range": (6, 5)}, r"radius_range.*Got \(6, 5\)"),
        ({"radius_range": (5, np.nan)}, r"radius_range.*Got \(5, nan\)"),
        ({"radius_range": ("a", "b")}, r"radius_range.*Got \('a', 'b'\)"),
        ({"radius_range": 5}, r"radius_range.*Got 5 instead"),
        ({"return_parameters": "yes"}, r"'return_parameters'.*Got 'yes' instead"),
        ({"random_state": -1}, r"Seed|random_state"),
    ],
)
def test_make_disk_images_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_disk_images(**arguments)


@pytest.mark.parametrize("function", [render_disks, disk_tangents])
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([[8, 8, 5, 1]], r"parameters must have shape \(n_samples, 5\).*\(1, 4\)"),
        ([8, 8, 5, 1, 0], "2D array"),
        ([[8, 8, np.nan, 1, 0]], "parameters contains NaN"),
        ([[8, 8, -2, 1, 0]], "radius of a disk must be positive. Got -2 instead"),
        (np.ones((0, 5)), "minimum of 1 is required"),
    ],
)
def test_bad_disk_parameters(function, parameters, message):
    with pytest.raises(ValueError, match=message):
        function(parameters, 16)


def test_disk_coverage_bad_arguments():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        disk_coverage([8.0, 8.0], [8.0], [5.0], 16)
    with pytest.raises(ValueError, match=r"must be positive\. Got 0 instead"):
        disk_coverage([8.0], [8.0], [0.0], 16)
    with pytest.raises(ValueError, match="row, column, radius contains infinity"):
        disk_coverage([np.inf], [8.0], [5.0], 16)
    with pytest.raises(ValueError, match=r"'image_size'.*Got 0 instead"):
        disk_coverage([8.0], [8.0], [5.0], 0)
