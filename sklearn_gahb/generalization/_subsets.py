"""Disjoint subsets of images, nested by size, and near-duplicates."""

import numpy as np

from ._similarity import closest_row, mean_free_unit_rows


class DuplicateWarning(UserWarning):
    """Warning for near-duplicates among training subsets and test images."""


def disjoint_subsets(X, pools, size, duplicates, threshold):
    """Take the first images of each pool, and count or remove near-duplicates.

    Parameters
    ----------
    X : ndarray of shape (n_images, ...)
    pools : list of ndarray of int
        Disjoint sets of image indices.
    size : int
        Number of images in each subset.
    duplicates : {"warn", "remove", "ignore"}
        Treatment of images that have a near-duplicate in an earlier subset. "warn"
        counts them, "remove" leaves them out, and "ignore" does not look for them.
    threshold : float
        Cosine above which two mean-free images are near-duplicates.

    Returns
    -------
    subsets : ndarray of int of shape (n_subsets, size)
        Indices of the images of each subset. The first n entries of a row are the
        training set of size n.
    n_duplicates : ndarray of int of shape (n_subsets,)
        For each subset, the number of images that have a near-duplicate in an earlier
        subset, whether these images were removed or kept.
    """
    subsets, n_duplicates = [], []
    for number, pool in enumerate(pools):
        earlier = [X[subset] for subset in subsets]
        chosen, n_found = sift(X, pool, earlier, size, duplicates, threshold)
        if len(chosen) < size:
            n_removed = n_found if duplicates == "remove" else 0
            raise ValueError(
                f"train_sizes up to {size} need {len(pools)} disjoint subsets of "
                f"{size} images, {len(pools) * size} in total. X has {len(X)} images, "
                f"and subset {number} lacks {size - len(chosen)} images "
                f"({n_removed} near-duplicates were left out). Pass more images or "
                "smaller train_sizes."
            )
        subsets.append(chosen)
        n_duplicates.append(n_found)
    return np.stack(subsets), np.array(n_duplicates)


def sift(X, indices, stacks, n, duplicates, threshold):
    """Choose the first n indices, and count near-duplicates of images in `stacks`.

    If `duplicates` is "remove", near-duplicates are left out.
    """
    removes = duplicates == "remove"
    considered = indices if removes else indices[:n]
    is_duplicate = np.zeros(len(considered), dtype=bool)
    if duplicates != "ignore" and len(considered):
        is_duplicate = near_duplicates(X[considered], stacks, threshold)
    chosen = considered[~is_duplicate][:n] if removes else considered
    return chosen, int(is_duplicate.sum())


def near_duplicates(X, stacks, threshold):
    """Return whether each image in X has a near-duplicate in one of the stacks."""
    is_duplicate = np.zeros(len(X), dtype=bool)
    rows = mean_free_unit_rows(X)
    for stack in stacks:
        others = mean_free_unit_rows(stack)
        is_duplicate |= closest_row(rows, others)[0] > threshold
    return is_duplicate


def draw_pools(n_images, groups, n_subsets, rng):
    """Draw disjoint sets of indices of about the same size, in random order.

    Parameters
    ----------
    n_images : int
    groups : ndarray of shape (n_images,) or None
        Group of each image. All images of a group are in the same pool.
    n_subsets : int
    rng : RandomState

    Returns
    -------
    pools : list of ndarray of int
    """
    permutation = rng.permutation(n_images)
    if groups is None:
        return np.array_split(permutation, n_subsets)
    names, group_of = np.unique(groups, return_inverse=True)
    if len(names) < n_subsets:
        raise ValueError(
            f"groups has {len(names)} different values; n_subsets={n_subsets} needs at "
            f"least {n_subsets}, because subsets must not share groups."
        )
    counts = np.bincount(group_of)
    totals = np.zeros(n_subsets, dtype=int)
    pool_of_group = np.empty(len(names), dtype=int)
    order = rng.permutation(len(names))
    # The largest groups come first, each into the smallest pool, to balance the pools.
    for group in order[np.argsort(-counts[order], kind="stable")]:
        pool_of_group[group] = totals.argmin()
        totals[totals.argmin()] += counts[group]
    pool_of = pool_of_group[group_of[permutation]]
    return [permutation[pool_of == number] for number in range(n_subsets)]


def check_groups(groups, n_images):
    """Return the groups as an array or None, or raise a ValueError."""
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != (n_images,):
        raise ValueError(
            f"groups has shape {groups.shape}; expected ({n_images},), one group for "
            "each image in X."
        )
    missing = [i for i, one in enumerate(groups.tolist()) if one is None or one != one]
    if missing:
        raise ValueError(
            f"groups is None or NaN for {len(missing)} images, the first at index "
            f"{missing[0]}; pass a group for each image in X."
        )
    return groups


def check_pools(subsets, n_images, groups, n_subsets):
    """Return the user's indices as disjoint arrays, or raise a ValueError."""
    pools = [np.asarray(one) for one in subsets]
    if len(pools) != n_subsets:
        raise ValueError(
            f"subsets has {len(pools)} entries, but n_subsets={n_subsets}; both must "
            "be equal."
        )
    for number, pool in enumerate(pools):
        if pool.ndim != 1 or pool.dtype.kind not in "iu":
            raise ValueError(
                f"subsets[{number}] has dtype {pool.dtype} and shape {pool.shape}; it "
                "must be a one-dimensional array of integer indices of images in X."
            )
        outside = pool[(pool < 0) | (pool >= n_images)]
        if len(outside):
            raise ValueError(
                f"subsets[{number}] has the index {outside[0]}, but X has {n_images} "
                f"images; indices must be from 0 to {n_images - 1}."
            )
    shared = repeated(np.concatenate(pools))
    if len(shared):
        raise ValueError(
            f"subsets must be disjoint, but {len(shared)} images are in them more than "
            f"once, for example image {shared[0]}."
        )
    if groups is not None:
        shared = repeated(np.concatenate([np.unique(groups[pool]) for pool in pools]))
        if len(shared):
            raise ValueError(
                f"subsets must not share groups, but images of group {shared[0]} are "
                "in several subsets."
            )
    return pools


def repeated(values):
    """Return the values that occur more than once."""
    values, counts = np.unique(values, return_counts=True)
    return values[counts > 1]


def left_for_test(order, subsets, groups):
    """Return the indices in `order` that are in no subset, nor in a subset's group."""
    is_left = ~np.isin(order, subsets)
    if groups is not None:
        is_left &= ~np.isin(groups[order], groups[subsets])
    if not is_left.any():
        what = "images" if groups is None else "groups of images"
        raise ValueError(
            f"All {what} in X are in the subsets, so none is left to test on; pass "
            "X_test."
        )
    return order[is_left]


def choose_test_images(X, subsets, n_images, duplicates, threshold):
    """Choose test images, and count near-duplicates of training images.

    Parameters
    ----------
    X : ndarray of shape (n_candidates, ...)
    subsets : list of ndarray of shape (n_train_images, ...)
        Training images.
    n_images : int
        Maximum number of test images.
    duplicates, threshold
        See `disjoint_subsets`.

    Returns
    -------
    chosen : ndarray of int of shape (n_test_images,)
        Indices of the chosen candidates.
    n_duplicates : int
        Number of near-duplicates, whether they were removed or kept.
    """
    rule = n_images, duplicates, threshold
    chosen, n_duplicates = sift(X, np.arange(len(X)), subsets, *rule)
    if not len(chosen):
        raise ValueError(
            f"All {len(X)} test images are near-duplicates of training images; pass "
            "other images as X_test, or set duplicates='warn'."
        )
    return chosen, n_duplicates
