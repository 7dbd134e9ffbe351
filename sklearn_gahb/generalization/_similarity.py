"""Cosines between mean-free images, and nearest images."""

import numpy as np
from sklearn.utils import Bunch, gen_batches

from .._tensors import to_array
from ..evaluation import memorized_fraction
from ..images import ONE_LINE, check_images

# Maximum number of training images of the first subset used for the baseline.
N_BASELINE = 500


def mean_free_unit_rows(X):
    """Return images as float32 rows of mean 0 and norm 1 (norm 0 for flat images)."""
    rows = []
    for batch in check_images(X, ONE_LINE).tensors():
        x = batch.flatten(1).double()
        x = x - x.mean(1, keepdim=True)
        norm = x.norm(dim=1, keepdim=True)
        rows.append((x / norm.where(norm > 1e-6, float("inf"))).float().cpu().numpy())
    return np.concatenate(rows)


def closest_row(rows, others):
    """Find the closest of `others` to each row; return its cosine and its index.

    Rows have the shape (n, d), others (m, d), and both results (n,).
    """
    largest = np.full(len(rows), -np.inf, dtype=np.float32)
    which = np.zeros(len(rows), dtype=int)
    for batch in gen_batches(len(others), 4096):
        cosines = rows @ others[batch].T
        closest = cosines.argmax(axis=1)
        found = cosines[np.arange(len(rows)), closest]
        which = np.where(found > largest, batch.start + closest, which)
        largest = np.maximum(largest, found)
    return largest, which


def compare_generated(generated, train, test_rows, data_range=None):
    """Compare generated images with each other and with the training images.

    Parameters
    ----------
    generated : list of ndarray of shape (n_generated, ...)
        Images that the denoiser of each subset generated from the same noise.
    train : list of (ndarray or Tensor)
        Training images of each subset.
    test_rows : ndarray of shape (n_test_images, d)
        Test images, as rows of mean 0 and norm 1.
    data_range : tuple of (float, float), default=None
        Values of black and white in the training images.

    Returns
    -------
    comparison : Bunch
        closest : ndarray of shape (n_subsets, n_generated, ...)
            For each generated image, the closest image in the training subset of the
            same denoiser, as floats in [0, 1].
        between : ndarray of shape (n_generated,)
            Similarity between the generated images of the first two subsets.
        to_train, to_test : ndarray of shape (n_subsets, n_generated)
            Similarity between each generated image and the closest training or test
            image.
        memorized : list of float
            For each subset, the share of generated images that are copies of training
            images, or nan if there is only one training image.
        interval : list of tuple of (float, float)
            Confidence intervals of `memorized`.
        baseline : ndarray of shape (n_images,)
            Similarity between training images of the first subset and the closest
            training image of the second subset.
    """
    rows = [mean_free_unit_rows(one) for one in generated]
    train_rows = [mean_free_unit_rows(one) for one in train]
    pairs = zip(rows, train_rows, strict=True)
    to_train, which = zip(*(closest_row(*pair) for pair in pairs), strict=True)
    copies = [
        share_of_copies(images, to_array(train_images, data_range))
        for images, train_images in zip(generated, train, strict=True)
    ]
    return Bunch(
        closest=np.stack(
            [
                to_array(images[i], data_range)
                for images, i in zip(train, which, strict=True)
            ]
        ),
        memorized=[one.fraction for one in copies],
        interval=[one.interval for one in copies],
        between=(rows[0] * rows[1]).sum(axis=1),
        to_train=np.stack(to_train),
        to_test=np.stack([closest_row(one, test_rows)[0] for one in rows]),
        baseline=closest_row(train_rows[0][:N_BASELINE], train_rows[1])[0],
    )


def share_of_copies(generated, train):
    """Return the result of `memorized_fraction`; nan for a single training image."""
    if len(train) == 1:
        return Bunch(fraction=np.nan, interval=(np.nan, np.nan))
    rows = [one.reshape(len(one), -1) for one in (generated, train)]
    return memorized_fraction(*rows, image_shape=ONE_LINE)
