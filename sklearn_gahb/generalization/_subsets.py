"""Disjoint subsets of images, nested over their sizes, and near-duplicates."""

import numpy as np
from sklearn.utils import gen_batches

from .._images import to_tensor


class DuplicateWarning(UserWarning):
    """Nearly the same image is in several subsets."""


def mean_free_unit_rows(images, indices):
    """Images as rows of mean 0 and norm 1, float32; of norm 0 where they are flat."""
    rows = []
    for batch in gen_batches(len(indices), 1024):
        stack = images.stacks[0][indices[batch]]
        x = to_tensor(stack).flatten(1).double()
        x = x - x.mean(1, keepdim=True)
        norm = x.norm(dim=1, keepdim=True)
        rows.append((x / norm.where(norm > 1e-6, float("inf"))).float().cpu().numpy())
    return np.concatenate(rows)


def closest_row(rows, others):
    """Largest cosine (n,) of rows (n, d) with the rows (m, d) of others, and which."""
    largest = np.full(len(rows), -np.inf, dtype=np.float32)
    which = np.zeros(len(rows), dtype=int)
    for batch in gen_batches(len(others), 4096):
        cosines = rows @ others[batch].T
        closest = cosines.argmax(axis=1)
        found = cosines[np.arange(len(rows)), closest]
        which = np.where(found > largest, batch.start + closest, which)
        largest = np.maximum(largest, found)
    return largest, which


def disjoint_subsets(images, n_subsets, size, *, groups, threshold, remove, rng):
    """Draw subsets that share no image, and no group.

    Parameters
    ----------
    images : Images
        Of one size.
    n_subsets, size : int
        Number of subsets, and of images in each.
    groups : ndarray of shape (n_images,) or None
        Images of one group, such as patches of one photograph, come into one subset.
    threshold : float
        Cosine of mean-free images from which they are near-duplicates.
    remove : bool
        Whether images with a near-duplicate in an earlier subset are left out.
    rng : RandomState

    Returns
    -------
    subsets : ndarray of int of shape (n_subsets, size)
        The first ones of a row are the smaller subsets.
    n_duplicates : ndarray of int of shape (n_subsets,)
        Numbers of near-duplicates of images in earlier subsets: left out, or kept.
    """
    pools = _pools(len(images), groups, n_subsets, rng)
    subsets, n_duplicates, earlier = [], [], None
    for number, pool in enumerate(pools):
        chosen = pool[:size]
        is_duplicate = np.zeros(len(chosen), dtype=bool)
        if earlier is not None:
            considered = pool if remove else chosen
            rows = mean_free_unit_rows(images, considered)
            is_duplicate = closest_row(rows, earlier)[0] > threshold
            if remove:
                chosen = pool[~is_duplicate][:size]
        if len(chosen) < size:
            missing = size - len(chosen)
            raise ValueError(
                f"train_sizes up to {size} for n_subsets={n_subsets} disjoint subsets "
                f"need at least {n_subsets * size} images"
                + (" of different groups" if groups is not None else "")
                + f"; X has {len(images)}, and subset {number} lacks {missing}"
                + (
                    f" ({is_duplicate.sum()} near-duplicates were left out)."
                    if is_duplicate.any()
                    else "."
                )
            )
        subsets.append(chosen)
        n_duplicates.append(int(is_duplicate.sum()))
        rows = mean_free_unit_rows(images, chosen)
        earlier = rows if earlier is None else np.concatenate([earlier, rows])
    return np.stack(subsets), np.array(n_duplicates)


def _pools(n_images, groups, n_subsets, rng):
    """Disjoint sets of indices in random order, of about the same size."""
    if groups is None:
        return np.array_split(rng.permutation(n_images), n_subsets)
    names, group_of = np.unique(groups, return_inverse=True)
    counts = np.bincount(group_of)
    totals = np.zeros(n_subsets, dtype=int)
    pool_of_group = np.empty(len(names), dtype=int)
    order = rng.permutation(len(names))
    for group in order[np.argsort(-counts[order], kind="stable")]:
        pool_of_group[group] = totals.argmin()
        totals[totals.argmin()] += counts[group]
    permutation = rng.permutation(n_images)
    pool_of = pool_of_group[group_of[permutation]]
    return [permutation[pool_of == number] for number in range(n_subsets)]
