"""Photographs of 16x16 pixels for the scripts in this folder."""

import numpy as np

SIDE = 16


def crops(photos, n, rng, side=SIDE):
    """Cut crops with contrast from random photographs at half resolution.

    Returns
    -------
    images : ndarray of shape (n, side, side), dtype=float32
    groups : ndarray of int of shape (n,)
        Number of the photograph of each crop.
    """
    images, groups = [], []
    while len(images) < n:
        number = rng.randint(len(photos))
        photo = photos[number].astype(np.float32) / 255
        top, left = (rng.randint(extent - 2 * side + 1) for extent in photo.shape)
        crop = photo[top : top + 2 * side, left : left + 2 * side]
        crop = crop.reshape(side, 2, side, 2).mean(axis=(1, 3))
        if crop.std() > 0.05:
            images.append(crop)
            groups.append(number)
    return np.stack(images), np.array(groups)
