"""Images as fields: cells, networks and the autoencoder."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from torch.nn import functional as F

from sklearn_gahb import DNNDenoiser, FieldAutoencoder
from sklearn_gahb.datasets import make_disk_images
from sklearn_gahb.fields import (
    Encoder,
    average_cells,
    make_networks,
    nearest_features,
    render,
)
from sklearn_gahb.fields._cells import overlaps
from sklearn_gahb.fields._training import draw_pair

# These networks are trained for only a few steps.
pytestmark = pytest.mark.filterwarnings("ignore:The autoencoder renders training")
QUICK = {"width": 4, "patch_size": 16, "max_steps": 5, "random_state": 0}
DISKS = [
    image
    for size in (16, 20, 32)
    for image in make_disk_images(10, size, random_state=size)
]


@pytest.fixture(scope="module")
def autoencoder():
    return FieldAutoencoder(**QUICK).fit(DISKS)


def tensor(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_cells_of_whole_pixels_are_average_pooling():
    image = tensor(3, 12, 18).double()
    found = average_cells(image, 2, 3, 3, 3)
    expected = F.avg_pool2d(image[:, 2:11, 3:12], 3)
    torch.testing.assert_close(found, expected)


def test_cells_of_parts_of_pixels():
    """The mean over all cells is the mean over the region that they cover."""
    image = tensor(1, 9, 9).double()
    found = average_cells(image, 0.5, 1.25, 7 / 5, 5)
    fine = image.repeat_interleave(20, dim=1).repeat_interleave(20, dim=2)
    expected = F.avg_pool2d(fine[:, 10:150, 25:165], 28)
    torch.testing.assert_close(found, expected)
    np.testing.assert_allclose(overlaps(0.3, 1.7, 5, 9).sum(dim=1), 1)


@pytest.mark.parametrize("margin", [0, 2])
def test_nearest_features(margin):
    features = tensor(2, 3, 4, 5)
    origins = torch.tensor([[0.03, 0.01], [1.3, 0.72]])
    cells = torch.tensor([[0.4, 0.5], [0.25, 0.8]])
    found = nearest_features(features, origins, cells, (6, 4), margin)
    assert found.shape == (2, 7, 6 + 2 * margin, 4 + 2 * margin)
    for n in range(2):
        for i in range(found.shape[2]):
            for j in range(found.shape[3]):
                center = cells[n] * (
                    origins[n] + torch.tensor([i, j]) - margin + torch.tensor(0.5)
                )
                middles = [torch.arange(side) + 0.5 for side in (4, 5)]
                row, column = (
                    int((one - middle).abs().argmin())
                    for one, middle in zip(center, middles, strict=True)
                )
                torch.testing.assert_close(
                    found[n, :, i, j],
                    torch.cat(
                        [
                            features[n, :, row, column],
                            center - torch.tensor([row + 0.5, column + 0.5]),
                            cells[n],
                        ]
                    ),
                )


def test_pairs_show_the_same_region():
    """On a ramp, the position of a cell determines its mean."""
    ramp = torch.arange(600.0)[:, None] + 1000 * torch.arange(500.0) + 500.5
    rng = np.random.RandomState(0)
    for _ in range(20):
        pair = draw_pair(ramp[None].double(), 16, rng)
        assert pair.cell <= 1
        # Differences of neighbors are the steps of the coarse grid.
        down, right = pair.encoded[0].diff(dim=0).mean(), pair.encoded[0].diff().mean()
        assert down >= 1 - 1e-3
        assert pair.cell * down >= 1 - 1e-3
        places = torch.arange(16) + 0.5
        rows, columns = (pair.cell * (one + places) - 0.5 for one in pair.origin)
        expected = pair.encoded[0, 0, 0] + down * rows[:, None] + right * columns
        np.testing.assert_allclose(pair.rendered[0], expected, atol=1000)
        rows_only = (pair.rendered[0] - expected).mean(dim=1) / 1000
        assert rows_only.abs().max() < 1


def test_strips_and_finer_grids():
    networks = make_networks(2, 3, reduction=2, width=4, kernel_size=3, seed=0).eval()
    latents = tensor(2, 3, 6, 5)
    # In images of 25 rows, some pixels are equally near to two of the 12 features.
    for size in [(33, 20), (25, 20), (36, 30)]:
        whole = render(networks, latents, size)
        torch.testing.assert_close(render(networks, latents, size, 7), whole)
    # Without convolutions and sizes of cells, only the position of a pixel counts.
    alone = make_networks(1, 3, reduction=2, width=4, kernel_size=1, seed=0)
    with torch.no_grad():
        alone["renderer"].layers[0].weight[:, -2:] = 0
    coarse, fine = (render(alone, latents, size) for size in [(12, 10), (36, 30)])
    torch.testing.assert_close(fine[:, :, 1::3, 1::3], coarse)


def test_latent_values_are_like_intensities():
    """Over the training images, they have mean 1/2 and standard deviation 1/6."""
    X = make_disk_images(200, 16, random_state=0)
    autoencoder = FieldAutoencoder(width=4, max_steps=60, random_state=0)
    Z = autoencoder.set_params(learning_rate=1e-3).fit_transform(X)
    assert Z.shape == (200, 4, 4, 4)
    np.testing.assert_allclose(Z.mean(axis=(0, 1, 2)), 0.5, atol=0.05)
    np.testing.assert_allclose(Z.std(axis=(0, 1, 2)), 1 / 6, rtol=0.3)


def test_learns_to_render_other_sizes():
    """Disks at twice the size are much closer to the truth than flat images are."""
    images = [
        image
        for size in (16, 24, 32)
        for image in make_disk_images(100, size, random_state=size)
    ]
    autoencoder = FieldAutoencoder(
        width=8, patch_size=16, max_steps=200, random_state=0
    ).fit(images)
    # Averages of 2x2 pixels are the same disks at half the size.
    truth = make_disk_images(50, 64, random_state=1)
    coarse = truth.reshape(50, 32, 2, 32, 2).mean(axis=(2, 4))
    found = autoencoder.inverse_transform(autoencoder.transform(coarse), size=64)
    flat = truth - truth.mean(axis=(1, 2), keepdims=True)
    assert np.mean((found - truth) ** 2) < np.mean(flat**2) / 3
    assert (
        autoencoder.loss_curve_[-20:].mean() < autoencoder.loss_curve_[:20].mean() / 2
    )


def test_the_warning_points_to_the_caller():
    """Decorators of torch are between the caller and the package."""
    with pytest.warns(UserWarning, match="The autoencoder renders") as records:
        FieldAutoencoder(**QUICK).fit(DISKS)
    assert {record.filename for record in records} == {__file__}


def test_random_state():
    state = torch.random.get_rng_state()
    first, second = (FieldAutoencoder(**QUICK).fit(DISKS) for _ in range(2))
    np.testing.assert_array_equal(first.loss_curve_, second.loss_curve_)
    np.testing.assert_array_equal(torch.random.get_rng_state(), state)
    other = clone(first).set_params(random_state=1).fit(DISKS)
    assert not np.array_equal(first.loss_curve_, other.loss_curve_)
    again = pickle.loads(pickle.dumps(first))
    Z = first.transform(DISKS[:2])
    np.testing.assert_array_equal(
        first.inverse_transform(Z, 20), again.inverse_transform(Z, 20)
    )


def test_units():
    """Latent images do not depend on the units; rendered images have those of X."""
    # Few bits, so that the change of units rounds nothing.
    images = [np.round(64 * image) / 64 for image in DISKS]
    fractions = FieldAutoencoder(**QUICK).fit(images)
    signed = FieldAutoencoder(**QUICK, data_range=(-1, 1))
    signed.fit([2 * image - 1 for image in images])
    X = np.array(images[:5])
    Z = fractions.transform(X)
    np.testing.assert_array_equal(signed.transform(2 * X - 1), Z)
    np.testing.assert_allclose(
        signed.inverse_transform(Z), 2 * fractions.inverse_transform(Z) - 1, atol=1e-5
    )


def test_layouts(autoencoder):
    """Arrays, lists and tensors give the same latent images."""
    X = np.array(DISKS[:3])
    Z = autoencoder.transform(X)
    assert Z.shape == (3, 4, 4, 4)
    assert Z.dtype == np.float32
    for one in (list(X), torch.from_numpy(X), X[..., None]):
        np.testing.assert_allclose(np.array(autoencoder.transform(one)), Z, atol=1e-5)
    rows = clone(autoencoder).set_params(image_shape=(16, 16))
    assert rows.fit(X.reshape(3, -1)).transform(X.reshape(3, -1)).shape == Z.shape
    assert autoencoder.inverse_transform(Z).shape == (3, 16, 16)
    rendered = autoencoder.inverse_transform(autoencoder.transform(DISKS), (7, 9))
    assert isinstance(rendered, list)
    assert {image.shape for image in rendered} == {(7, 9)}
    color = FieldAutoencoder(3, **QUICK).fit(
        [np.stack([x] * 3, axis=-1) for x in DISKS]
    )
    Z = color.transform(np.zeros((2, 8, 12, 3)))
    assert Z.shape == (2, 2, 3, 3)
    assert color.inverse_transform(Z).shape == (2, 8, 12, 3)


def test_samples_of_any_size(autoencoder):
    """A denoiser that is trained on latent images samples them."""
    pipeline = make_pipeline(clone(autoencoder), DNNDenoiser(**QUICK | {"depth": 1}))
    pipeline.set_params(dnndenoiser__patch_size=None).fit(np.array(DISKS[:10]))
    Z = pipeline[-1].sample(2, image_shape=(4, 4, 4), random_state=0)
    assert pipeline[0].inverse_transform(Z, size=40).shape == (2, 40, 40)


def test_errors(autoencoder):
    with pytest.raises(ValueError, match="kernel_size=2 must be an odd number"):
        FieldAutoencoder(kernel_size=2).fit(DISKS)
    with pytest.raises(
        ValueError, match="at least reduction=16; the shortest side has 9"
    ):
        FieldAutoencoder(reduction=16).fit(np.zeros((2, 9, 20)))
    with pytest.raises(ValueError, match=r"15x16 pixels.*multiples of reduction=4"):
        autoencoder.transform(np.zeros((1, 15, 16)))
    with pytest.raises(ValueError, match=r"X has 3 channels.*n_channels_in_=1"):
        autoencoder.transform(np.zeros((1, 16, 16, 3)))
    with pytest.raises(ValueError, match=r"Z has 2 channels.*n_components=4"):
        autoencoder.inverse_transform(np.zeros((1, 4, 4, 2)))
    for size in (0, -3, (4,), (4, 5, 6), 2.5, "large", (4, 0)):
        with pytest.raises(ValueError, match=r"size=.*must be a positive integer"):
            autoencoder.inverse_transform(np.zeros((1, 4, 4, 4)), size)
    for name, value in [("n_components", 5), ("reduction", 3), ("width", 0)]:
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            FieldAutoencoder(**QUICK).set_params(**{name: value}).fit(DISKS)
    with pytest.raises(ValueError, match="loss is not finite"):
        FieldAutoencoder(**QUICK | {"learning_rate": 1e14}).fit(DISKS)


def test_renderings_of_one_constant_are_told():
    """The best constant for a few spots on black is black."""
    rng = np.random.RandomState(0)
    spots = np.zeros((40, 16, 16))
    for image in spots:
        row, column = rng.randint(14, size=2)
        image[row : row + 2, column : column + 2] = 1
    options = QUICK | {"width": 8, "max_steps": 100}
    with pytest.warns(UserWarning, match="no better than one constant value"):
        FieldAutoencoder(**options).fit(spots)


def test_units_and_sizes_that_do_not_fit_are_told():
    with pytest.warns(UserWarning, match="Set data_range to the values of black"):
        FieldAutoencoder(**QUICK).fit(255 * np.array(DISKS[:10]))
    small = [*DISKS, DISKS[0][:5, :5]]
    with pytest.warns(UserWarning, match="shortest side of the images has 5 pixels"):
        FieldAutoencoder(**QUICK).fit(small)


def test_columns_of_data_frames_are_checked():
    rows = pd.DataFrame(np.array(DISKS[:10]).reshape(10, -1)).rename(columns=str)
    autoencoder = FieldAutoencoder(**QUICK, image_shape=(16, 16)).fit(rows)
    with pytest.raises(ValueError, match="feature names"):
        autoencoder.transform(rows[rows.columns[::-1]])


def test_encoder_reduces():
    for reduction in (1, 2, 8):
        encoder = Encoder(1, 2, reduction=reduction, width=4).eval()
        assert encoder(tensor(1, 1, 16, 24)).shape == (
            1,
            2,
            16 // reduction,
            24 // reduction,
        )
