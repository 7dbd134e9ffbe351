"""Local posterior denoisers at very low noise, and after a change of parameters."""

import numpy as np
import pytest
import torch

from sklearn_gahb import LocalPosteriorDenoiser
from sklearn_gahb.datasets import make_disk_images

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
