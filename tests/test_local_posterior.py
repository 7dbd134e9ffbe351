"""The optimal denoiser that sees patches, against brute force and known limits."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklearn_gahb import (
    EmpiricalDenoiser,
    GaussianNoise,
    JacobianBasis,
    LocalPosteriorDenoiser,
    as_denoiser,
    psnr,
)
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.denoisers import _training_patches, choose_patch_size
from sklearn_gahb.denoisers._supports import layout_at
from sklearn_gahb.jacobian import jacobian_operator
from sklearn_gahb.noise.gaussian import noisy_copy
from sklearn_gahb.posteriors import finite

RNG = np.random.RandomState(0)
X = RNG.rand(4, 6, 6)
NOISY = X[:2] + 0.3 * RNG.randn(2, 6, 6)
NOISE_STD = 0.3
OPTIONS = [
    {"equivariant": equivariant, "boundary": boundary, "aggregate": aggregate}
    for equivariant, boundary, aggregate in product(
        [True, False], ["cut", "reflect", "periodic"], ["center", "overlap"]
    )
]


def fitted(patch_size=3, X=X, **parameters):
    parameters = {"noise_std": NOISE_STD} | parameters
    return LocalPosteriorDenoiser(patch_size, **parameters).fit(X)


def brute_force(y, X, radius, equivariant, boundary, aggregate):
    """Compare each patch of one image with all patches, in the order of the formula."""
    side = len(y)
    offsets = list(product(range(-radius, radius + 1), repeat=2))

    def place(p, offset):
        """Return the pixel at an offset; None beyond a border that cuts patches."""
        q = [p[0] + offset[0], p[1] + offset[1]]
        if boundary == "cut":
            return tuple(q) if min(q) >= 0 and max(q) < side else None
        if boundary == "periodic":
            return q[0] % side, q[1] % side
        return tuple(side - 1 - abs(side - 1 - abs(one)) for one in q)

    total, count = np.zeros_like(y), np.zeros_like(y)
    positions = list(product(range(side), repeat=2))
    for p in positions:
        shape = [offset for offset in offsets if place(p, offset)]
        matching = [
            q
            for q in (positions if equivariant else [p])
            if [offset for offset in offsets if place(q, offset)] == shape
        ]
        patch = np.array([y[place(p, offset)] for offset in shape])
        keys = np.array(
            [[x[place(q, offset)] for offset in shape] for x in X for q in matching]
        )
        weights = np.exp(-np.square(patch - keys).sum(1) / (2 * NOISE_STD**2))
        estimate = weights @ keys / weights.sum()
        for offset, value in zip(shape, estimate, strict=True):
            if aggregate == "overlap" or offset == (0, 0):
                total[place(p, offset)] += value
                count[place(p, offset)] += 1
    return total / count


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("patch_size", [1, 3, 5])
def test_equals_brute_force(patch_size, options):
    found = fitted(patch_size, **options).transform(NOISY[:1])
    expected = brute_force(NOISY[0], X, patch_size // 2, **options)
    np.testing.assert_allclose(found[0], expected, atol=1e-10)


@pytest.mark.parametrize("aggregate", ["center", "overlap"])
def test_patches_of_whole_images_give_the_memorizer(aggregate):
    clean = RNG.rand(5, 7, 7, 3)
    noisy = clean + 0.3 * RNG.randn(*clean.shape)
    options = {"equivariant": False, "boundary": "periodic", "aggregate": aggregate}
    found = fitted(7, clean, **options).transform(noisy)
    expected = EmpiricalDenoiser(noise_std=NOISE_STD).fit(clean).transform(noisy)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_patches_of_one_pixel_give_the_posterior_of_pixels():
    found = fitted(1).transform(NOISY)
    pixels = X.ravel()
    weights = np.exp(-np.square(NOISY[..., None] - pixels) / (2 * NOISE_STD**2))
    expected = (weights * pixels).sum(-1) / weights.sum(-1)
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("options", OPTIONS)
def test_blocks_and_batches_change_nothing(monkeypatch, options):
    denoiser = fitted(**options)
    expected = denoiser.transform(NOISY)
    monkeypatch.setattr(_training_patches, "BLOCK", 100)
    monkeypatch.setattr(finite, "WEIGHTS_AT_ONCE", 70)
    np.testing.assert_allclose(denoiser.transform(NOISY), expected, atol=1e-12)
    alone = np.concatenate([denoiser.transform(one[None]) for one in NOISY])
    np.testing.assert_allclose(alone, expected, atol=1e-12)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("n_channels", [1, 3])
def test_jacobian(options, n_channels):
    clean = RNG.rand(3, 5, 5, n_channels)
    denoiser = fitted(3, clean, **options)
    y = torch.from_numpy(clean[:1] + 0.3 * RNG.randn(1, 5, 5, n_channels))
    y = y.permute(0, 3, 1, 2).contiguous()
    linearization = denoiser.linearize(y)
    directions = torch.from_numpy(RNG.randn(4, n_channels, 5, 5))
    h = 1e-5
    expected = (denoiser(y + h * directions) - denoiser(y - h * directions)) / (2 * h)
    found = linearization.multiply(directions)
    assert torch.allclose(found, expected, atol=1e-6)
    others = torch.from_numpy(RNG.randn(4, n_channels, 5, 5))
    transposed = linearization.multiply_transposed(others)
    assert torch.allclose(
        (found * others).sum((1, 2, 3)), (directions * transposed).sum((1, 2, 3))
    )
    if options["aggregate"] == "overlap" and options["boundary"] == "periodic":
        # The Jacobian is a mean of covariances.
        transposed = linearization.multiply_transposed(directions)
        assert torch.allclose(found, transposed, atol=1e-12)


def test_torch_differentiates_the_denoiser():
    y = torch.from_numpy(NOISY[:1, None]).requires_grad_()
    denoiser = fitted()
    (gradient,) = torch.autograd.grad(denoiser(y)[0, 0, 2, 2], y)
    u = torch.zeros_like(y)
    u[0, 0, 2, 2] = 1
    expected = denoiser.linearize(y).multiply_transposed(u)
    assert torch.allclose(gradient, expected, atol=1e-10)


def test_basis_and_samples():
    clean = make_disk_images(10, 16, random_state=0)
    denoiser = fitted(5, clean, aggregate="overlap", boundary="periodic")
    noisy = clean[:1] + 0.3 * np.random.RandomState(0).randn(1, 16, 16)
    basis = JacobianBasis(denoiser, 20, random_state=0).fit(noisy)
    dense = jacobian_operator(denoiser, noisy[0]) @ np.eye(256)
    expected = np.linalg.eigvalsh((dense + dense.T) / 2)[::-1][:20]
    np.testing.assert_allclose(basis.eigenvalues_, expected, atol=1e-4)
    samples = denoiser.sample(3, random_state=0)
    assert samples.shape == (3, 16, 16)
    assert np.isfinite(samples).all()


def test_float32_is_close_to_float64():
    noisy = (X + 0.05 * RNG.randn(*X.shape)).astype(np.float32)
    denoiser = fitted(noise_std=0.05)
    found = denoiser.transform(noisy)
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found, denoiser.transform(noisy.astype(np.float64)), atol=1e-4
    )
    exact = fitted(noise_std=0.0).transform(X)
    np.testing.assert_allclose(exact, X, atol=1e-12)


def test_images_of_other_sizes():
    """Equivariant denoisers take them; the interior knows nothing of the size."""
    noisy = RNG.rand(1, 9, 11)
    found = fitted().transform(noisy)
    patches = np.lib.stride_tricks.sliding_window_view(X, (3, 3), (1, 2))
    patches = patches.reshape(-1, 9)
    own = noisy[0, 3:6, 5:8].ravel()
    weights = np.exp(-np.square(own - patches).sum(1) / (2 * NOISE_STD**2))
    expected = weights @ patches[:, 4] / weights.sum()
    assert found[0, 4, 6] == pytest.approx(expected, abs=1e-10)
    with pytest.raises(ValueError, match="fitted on"):
        fitted(equivariant=False).transform(noisy)
    with pytest.raises(ValueError, match="odd number from 1 to 2"):
        fitted().transform(noisy[:, :2])


def test_subsets_of_patches():
    clean = make_disk_images(100, 16, random_state=0)
    noisy = clean[:5] + NOISE_STD * np.random.RandomState(0).randn(5, 16, 16)
    denoisers = [
        LocalPosteriorDenoiser(
            3, noise_std=NOISE_STD, n_patches=n_patches, random_state=0
        ).fit(clean)
        for n_patches in (None, 100 * 14**2, 3000, 30)
    ]
    full, same, many, few = (one.transform(noisy) for one in denoisers)
    np.testing.assert_array_equal(same, full)
    errors = [np.square(one - full).mean() for one in (many, few)]
    assert 0 < errors[0] < errors[1] / 5
    again = denoisers[3].transform(noisy[:2])
    np.testing.assert_allclose(again, few[:2], atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"n_patches": 200},
        {"n_patches": 200, "boundary": "reflect", "aggregate": "overlap"},
        {"n_patches": 50, "equivariant": False, "aggregate": "overlap"},
    ],
)
def test_standard_error_of_subsets(monkeypatch, options):
    """It is the spread over subsets, and does not depend on blocks."""
    rng = np.random.RandomState(0)
    clean = rng.rand(150, 4, 5)
    noisy = clean[:2] + 0.6 * rng.randn(2, 4, 5)
    outputs, errors = [], []
    # The spread of 60 outputs has a relative standard error of 9 percent.
    for seed in range(60):
        denoiser = fitted(3, clean, noise_std=0.6, random_state=seed, **options)
        outputs.append(denoiser.transform(noisy))
        if seed % 10 == 0:
            errors.append(denoiser.subsampling_std_err(noisy))
    spread = np.std(outputs, axis=0, ddof=1)
    error = np.sqrt(np.square(errors).mean(axis=0))
    # Windows in corners have 150 patches, all of which are used.
    np.testing.assert_array_equal(error > 0, spread > 1e-12)
    ratio = error[error > 0] / spread[error > 0]
    assert np.median(ratio) == pytest.approx(1, abs=0.1)
    assert (np.abs(ratio - 1) < 0.4).all()
    last = denoiser.subsampling_std_err(noisy)
    monkeypatch.setattr(_training_patches, "BLOCK", 100)
    found = denoiser.subsampling_std_err(noisy.astype(np.float32))
    np.testing.assert_allclose(found, last, atol=1e-6)


def test_standard_error_without_a_subset_and_in_other_units():
    denoiser = fitted(n_patches=30, random_state=0)
    expected = denoiser.subsampling_std_err(NOISY)
    assert (fitted().subsampling_std_err(NOISY) == 0).all()
    scaled = LocalPosteriorDenoiser(
        3, n_patches=30, data_range=(100, 300), random_state=0
    ).fit(100 + 200 * X)
    found = scaled.subsampling_std_err(100 + 200 * NOISY, noise_std=NOISE_STD)
    np.testing.assert_allclose(found, 200 * expected, atol=1e-9)
    with pytest.raises(ValueError, match="n_patches=1 must be at least 2"):
        fitted(n_patches=1).subsampling_std_err(NOISY)


@pytest.mark.parametrize(
    ("options", "n_found"),
    [
        ({}, 4 * 4**2),
        ({"boundary": "periodic"}, 4 * 6**2),
        ({"equivariant": False}, 4),
        ({"patch_size": {0.1: 5, 0.5: 3}}, 4 * 4**2),
        ({"neighborhood": "wiener"}, 4 * 6**2),
        ({"neighborhood": "wiener", "equivariant": False}, 4),
    ],
)
def test_more_patches_than_there_are(options, n_found):
    fitted(n_patches=n_found, **options)
    message = f"n_patches={n_found + 1} must be at most {n_found}, the number of"
    with pytest.raises(ValueError, match=message):
        fitted(n_patches=n_found + 1, **options)


def test_patch_size_by_noise_level():
    table = {0.1: 3, 0.5: 5}
    denoiser = LocalPosteriorDenoiser(table).fit(X)
    for noise_std, patch_size in [(0.1, 3), (0.2, 3), (0.25, 5), (0.5, 5)]:
        found = denoiser.denoise_images(NOISY, noise_std=noise_std)
        expected = fitted(patch_size).denoise_images(NOISY, noise_std=noise_std)
        np.testing.assert_allclose(found, expected, atol=1e-12)
    y = torch.from_numpy(NOISY[:, None])
    both = denoiser(y, torch.tensor([0.1, 0.5]))
    assert torch.allclose(both[:1], denoiser(y[:1], 0.1), atol=1e-12)
    assert torch.allclose(both[1:], denoiser(y[1:], 0.5), atol=1e-12)
    with pytest.raises(ValueError, match=r"levels from 0.1 to 0.5, .* level is 0.7"):
        denoiser.denoise_images(NOISY, noise_std=0.7)
    with pytest.raises(ValueError, match="from its sigma_min to its sigma_max"):
        denoiser.sample()


@pytest.mark.parametrize(
    ("patch_size", "message"),
    [
        (4, r"patch_size=4 must be an odd number from 1 to 6"),
        (7, r"patch_size=7 must be an odd number from 1 to 6"),
        ({0.1: 2}, r"patch_size=2 must be an odd number"),
        ({}, "empty dict"),
        ({-0.1: 3}, "positive numbers"),
        ({"0.1": 3}, "the noise level '0.1'; expected positive numbers"),
        (0, "'patch_size' parameter"),
    ],
)
def test_bad_patch_sizes(patch_size, message):
    with pytest.raises(ValueError, match=message):
        LocalPosteriorDenoiser(patch_size).fit(X)


def test_choice_of_the_patch_size():
    X = make_disk_images(40, 16, random_state=0)
    clean, levels = X[36:], [0.5, 0.1]
    denoiser = LocalPosteriorDenoiser(9).fit(X[:30])
    choice = choose_patch_size(denoiser, clean, levels, random_state=3)
    assert choice.patch_sizes.tolist() == [3, 5, 7, 9, 11]
    for level, scores in zip(levels, choice.psnr, strict=True):
        noisy = GaussianNoise(level, random_state=3).fit_transform(clean)
        expected = [
            LocalPosteriorDenoiser(side, noise_std=level)
            .fit(X[:30])
            .score(noisy, clean)
            for side in choice.patch_sizes
        ]
        np.testing.assert_allclose(scores, expected, atol=1e-4)
        assert choice.patch_size[level] == choice.patch_sizes[np.argmax(expected)]
    assert denoiser.patch_size == 9
    denoiser.set_params(patch_size=choice.patch_size).denoise_images(clean, 0.1)


def test_choice_of_the_patch_size_that_explains_another_denoiser():
    X = 255 * make_disk_images(40, 16, random_state=0)
    options = {"aggregate": "overlap", "data_range": 255}
    reference = LocalPosteriorDenoiser({0.1: 7, 0.5: 3}, **options).fit(X[:30])
    denoiser = LocalPosteriorDenoiser(data_range=255).fit(X[:30])
    choice = choose_patch_size(
        denoiser,
        X[36:],
        [0.1, 0.5],
        patch_sizes=[7, 3],
        reference=make_pipeline(GaussianNoise(0.1, data_range=255), reference),
        random_state=0,
    )
    assert choice.patch_size == {0.1: 7, 0.5: 3}
    noisy = noisy_copy(X[36:], 0.1, 0, 255)
    outputs = (
        one.denoise_images(noisy, 0.1)
        for one in (reference, denoiser.set_params(patch_size=3))
    )
    assert choice.psnr[0, 0] == pytest.approx(psnr(*outputs, data_range=255), abs=1e-4)


@pytest.mark.parametrize(
    ("levels", "patch_sizes", "message"),
    [
        ([], None, "distinct positive numbers"),
        (0.1, [], "patch_sizes is empty"),
        (0.1, [3, 4], "The side length 4 in patch_sizes must be an odd number"),
        (0.1, [7], "7 in patch_sizes must be an odd number from 1 to 6, the shorter"),
        (0.1, [3.5], "3.5 in patch_sizes must be an odd number"),
    ],
)
def test_bad_choices_of_the_patch_size(levels, patch_sizes, message):
    with pytest.raises(ValueError, match=message):
        choose_patch_size(fitted(), X, levels, patch_sizes=patch_sizes)


def test_choice_of_the_patch_size_warns_of_training_images():
    X = make_disk_images(40, 16, random_state=0)
    denoiser = LocalPosteriorDenoiser().fit((255 * X[:30]).astype(np.uint8))
    mixed = (255 * X[28:]).astype(np.uint8) / 255.0
    with pytest.warns(UserWarning, match="2 of 12 images in X are training images"):
        choose_patch_size(denoiser, mixed, 0.1, patch_sizes=[3])


def test_only_a_local_posterior_denoiser_has_a_patch_size_to_choose():
    with pytest.raises(ValueError, match="must be a fitted LocalPosteriorDenoiser"):
        choose_patch_size(EmpiricalDenoiser().fit(X), X, 0.1)
    with pytest.raises(NotFittedError):
        choose_patch_size(LocalPosteriorDenoiser(), X, 0.1)


def test_is_a_denoiser():
    assert as_denoiser(fitted()).needs_clean_images


def wiener_supports(X, equivariant, threshold):
    """Compute the supports from dense covariances: (n_pixels, n_pixels)."""
    n, d = len(X), X[0].size
    if equivariant:
        rows = X - X.mean()
        shifts = list(product(range(X.shape[1]), range(X.shape[2])))
        moved = [np.roll(rows, shift, (1, 2)).reshape(n, d) for shift in shifts]
        covariance = sum(one.T @ one for one in moved) / (n * d)
        # The mean intensity is estimated from the same images.
        covariance += np.ones((d, d)) * covariance.sum() / d**2 / (n - 1)
    else:
        covariance = ledoit_wolf(X.reshape(n, d))[0]
    W = np.linalg.solve(covariance + NOISE_STD**2 * np.eye(d), covariance)
    sizes = np.abs(W)
    return (sizes >= threshold * sizes.max(1, keepdims=True)) | np.eye(d, dtype=bool)


SMOOTH = gaussian_filter(RNG.rand(40, 6, 6), (0, 1, 1)) * 3
each_aggregate = pytest.mark.parametrize("aggregate", ["center", "overlap"])
each_equivariance = pytest.mark.parametrize("equivariant", [True, False])


@each_aggregate
@each_equivariance
@pytest.mark.parametrize("threshold", [0.01, 0.1, 1.0])
def test_supports_equal_brute_force(threshold, equivariant, aggregate):
    options = {"equivariant": equivariant, "aggregate": aggregate}
    y = SMOOTH[:1] + NOISE_STD * RNG.randn(1, 6, 6)
    supports = wiener_supports(SMOOTH, equivariant, threshold)
    assert (supports.sum() == 36) == (threshold == 1)
    total, count = np.zeros(36), np.zeros(36)
    for p, support in enumerate(supports):
        keys = SMOOTH.reshape(40, 36)
        if equivariant:
            shifts = product(range(6), repeat=2)
            keys = [np.roll(SMOOTH, shift, (1, 2)).reshape(40, 36) for shift in shifts]
            keys = np.concatenate(keys)
        distances = np.square(y.ravel() - keys)[:, support].sum(1)
        weights = softmax(-distances / (2 * NOISE_STD**2))
        which = support if aggregate == "overlap" else np.arange(36) == p
        total[which] += (weights @ keys)[which]
        count[which] += 1
    found = fitted(
        X=SMOOTH, neighborhood="wiener", support_threshold=threshold, **options
    ).transform(y)
    np.testing.assert_allclose(found.ravel(), total / count, atol=1e-10)


@each_aggregate
def test_supports_of_threshold_0_are_whole_images(aggregate):
    options = {"equivariant": False, "support_threshold": 0.0, "aggregate": aggregate}
    clean = RNG.rand(5, 6, 7, 3)
    noisy = clean + 0.3 * RNG.randn(*clean.shape)
    found = fitted(X=clean, neighborhood="wiener", **options).transform(noisy)
    expected = EmpiricalDenoiser(noise_std=NOISE_STD).fit(clean).transform(noisy)
    np.testing.assert_allclose(found, expected, atol=1e-10)


@each_aggregate
@each_equivariance
def test_jacobian_of_supports(equivariant, aggregate):
    clean = np.stack([SMOOTH[:20, :5], SMOOTH[20:, 1:]], axis=-1)
    denoiser = fitted(
        X=clean,
        neighborhood="wiener",
        support_threshold=0.3,
        equivariant=equivariant,
        aggregate=aggregate,
    )
    y = torch.from_numpy(clean[:1] + 0.3 * RNG.randn(1, 5, 6, 2))
    y = y.permute(0, 3, 1, 2).contiguous()
    linearization = denoiser.linearize(y)
    directions, others = torch.from_numpy(RNG.randn(2, 4, 2, 5, 6))
    h = 1e-5
    expected = (denoiser(y + h * directions) - denoiser(y - h * directions)) / (2 * h)
    found = linearization.multiply(directions)
    assert torch.allclose(found, expected, atol=1e-6)
    transposed = linearization.multiply_transposed(others)
    assert torch.allclose(
        (found * others).sum((1, 2, 3)), (directions * transposed).sum((1, 2, 3))
    )


def test_supports_follow_the_noise_level():
    denoiser = fitted(X=SMOOTH, neighborhood="wiener", support_threshold=0.05)
    y = torch.from_numpy(SMOOTH[:2, None] + 0.3 * RNG.randn(2, 1, 6, 6))
    both = denoiser(y, torch.tensor([0.1, 1.0]))
    assert torch.allclose(both[:1], denoiser(y[:1], 0.1), atol=1e-12)
    assert torch.allclose(both[1:], denoiser(y[1:], 1.0), atol=1e-12)
    layouts = [
        layout_at(denoiser.linear_denoiser_, (6, 6, 1), 0.05, level)
        for level in (0.1, 1.0)
    ]
    n_pixels = [layout.windows[0].n_pixels for layout in layouts]
    assert 1 < n_pixels[0] < n_pixels[1] < 36
    one = fitted(X=SMOOTH[:1], neighborhood="wiener", equivariant=False)
    found = one.transform(SMOOTH[1:3])
    np.testing.assert_allclose(found, [SMOOTH[0]] * 2, atol=1e-12)
    with pytest.raises(ValueError, match="fitted on"):
        denoiser.transform(RNG.rand(1, 7, 7))
    with pytest.raises(ValueError, match="which does not use patch_size"):
        choose_patch_size(denoiser, X, 0.1)
