"""Local posterior denoisers at very low noise, and after a change of parameters."""

import numpy as np
import pytest
import torch

from sklearn_gahb import LocalPosteriorDenoiser
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.posteriors import finite

RNG = np.random.RandomState(0)
DISKS = make_disk_images(30, 16, random_state=0).astype(float)


@pytest.mark.parametrize("noise_std", [0.0, 1e-6, 1e-4])
@pytest.mark.parametrize("aggregate", ["center", "overlap"])
def test_jacobian_is_0_where_one_patch_has_all_the_weight(aggregate, noise_std):
    """Rounding errors of covariances are not divided by the small variance."""
    denoiser = LocalPosteriorDenoiser(5, aggregate=aggregate).fit(DISKS)
    y = torch.from_numpy(DISKS[:1, None] + 0.1 * RNG.randn(1, 1, 16, 16))
    directions = torch.from_numpy(RNG.randn(2, 1, 16, 16))
    linearization = denoiser.linearize(y, noise_std)
    assert linearization.multiply(directions).abs().max() < 1e-12
    assert linearization.multiply_transposed(directions).abs().max() < 1e-12


@pytest.mark.parametrize("variance", [0.1, 1e-3, 1e-12, 0.0])
def test_changes_if_a_key_is_left_out(monkeypatch, variance):
    """They are exact even if one key has all the weight."""
    monkeypatch.setattr(finite, "KEYS_AT_ONCE", 2)
    monkeypatch.setattr(finite, "WEIGHTS_AT_ONCE", 8)
    queries, keys = (torch.from_numpy(RNG.rand(n, 4)) for n in (3, 7))
    values = torch.from_numpy(RNG.rand(7, 2))
    variance = torch.full((3, 1), variance, dtype=torch.float64)

    def mean(rows):
        return finite.weighted_means(queries, [(keys[rows], values[rows])], variance)

    pairs = [(keys, values)]
    heaviest = finite.heaviest_keys(queries, [keys], variance)
    closest = torch.cdist(queries, keys).argmin(dim=1)
    assert heaviest.tolist() == closest.tolist()
    means = finite.weighted_means_and_log_sums(queries, pairs, variance)
    others = finite.weighted_means(queries, pairs, variance, heaviest)
    for start, stop in [(0, 3), (3, 7)]:
        found = finite.leave_one_out_changes(
            queries,
            keys[start:stop],
            values[start:stop],
            variance,
            *means,
            heaviest - start,
            others,
        )
        for k in range(start, stop):
            expected = mean([j for j in range(7) if j != k]) - mean(range(7))
            torch.testing.assert_close(found[k - start], expected, rtol=0, atol=1e-12)


def test_standard_error_without_noise_is_the_distance_of_the_two_closest_patches():
    clean = RNG.rand(20, 5, 5)
    options = {"boundary": "periodic", "n_patches": 100, "random_state": 0}
    denoiser = LocalPosteriorDenoiser(1, **options).fit(clean)
    found = denoiser.subsampling_std_err(clean[:1] + 0.01, noise_std=0.0)
    # The denoised pixels are the closest of the chosen pixels.
    used = np.unique(denoiser.denoise_images(RNG.rand(400, 5, 5), noise_std=0.0))
    assert len(used) == 100
    distances = np.abs(used - (clean[0] + 0.01)[..., None])
    first, second = np.moveaxis(used[distances.argsort(axis=-1)[..., :2]], -1, 0)
    factor = np.sqrt((1 - 100 / 500) * (1 - 1 / 100))
    np.testing.assert_allclose(found[0], factor * np.abs(first - second), atol=1e-12)


def test_patch_size_of_larger_images_than_those_of_fit():
    denoiser = LocalPosteriorDenoiser(5, noise_std=0.1).fit(DISKS)
    denoiser.set_params(patch_size=21)
    with pytest.raises(ValueError, match="odd number from 1 to 16, the shorter side"):
        denoiser.transform(RNG.rand(1, 32, 32))


def test_noise_levels_of_a_table_are_numbers():
    with pytest.raises(ValueError, match=r"has the noise level '0.1'; expected posit"):
        LocalPosteriorDenoiser({"0.1": 3}).fit(DISKS)


@pytest.mark.parametrize("aggregate", ["center", "overlap"])
@pytest.mark.parametrize("neighborhood", ["square", "wiener"])
def test_memory_layouts(neighborhood, aggregate):
    """Views of canvases are written, which are copies if memory is not contiguous."""
    options = {"neighborhood": neighborhood, "aggregate": aggregate}
    denoiser = LocalPosteriorDenoiser(3, noise_std=0.2, **options).fit(DISKS)
    y = torch.from_numpy(DISKS[:3] + 0.2 * RNG.randn(3, 16, 16))
    expected = denoiser.transform(y)
    permuted = y.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    torch.testing.assert_close(denoiser.transform(permuted), expected)
    directions = torch.from_numpy(RNG.randn(2, 1, 16, 16))
    in_columns = directions.mT.contiguous().mT
    for name in ("multiply", "multiply_transposed"):
        multiply = getattr(denoiser.linearize(y[:1, None], 0.2), name)
        torch.testing.assert_close(multiply(in_columns), multiply(directions))
