"""Disjoint subsets of images, nested over their sizes, and near-duplicates."""

import numpy as np

from ._similarity import closest_row, mean_free_unit_rows


class DuplicateWarning(UserWarning):
    """Nearly the same image is in several subsets."""


def disjoint_subsets(X, pools, size, duplicates, threshold):
    """Take the first images of each pool, and look for near-duplicates.

    Parameters
    ----------
    X : ndarray of shape (n_images, ...)
    pools : list of ndarray of int
        Indices of images, none in two of them.
    size : int
        Number of images in each subset.
    duplicates : {"warn", "remove", "ignore"}
        Whether images with a near-duplicate in an earlier subset are counted, left out
        or not looked for.
    threshold : float
        Cosine of mean-free images above which they are near-duplicates.

    Returns
    -------
    subsets : ndarray of int of shape (n_subsets, size)
        The first ones of a row are the smaller subsets.
    n_duplicates : ndarray of int of shape (n_subsets,)
        Numbers of near-duplicates of images in earlier subsets: left out, or kept.
    """
    subsets, n_duplicates = [], []
    for number, pool in enumerate(pools):
        earlier = [X[subset] for subset in subsets]
        chosen, n_found = sift(X, pool, earlier, size, duplicates, threshold)
        if len(chosen) < size:
            n_removed = n_found if duplicates == "remove" else 0
            raise ValueError(
                f"train_sizes up to {size} need {len(pools)} disjoint subsets of that "
                f"many images, {len(pools) * size} together. X has {len(X)}, and "
                f"subset {number} lacks {size - len(chosen)} "
                f"({n_removed} near-duplicates were left out)."
            )
        subsets.append(chosen)
        n_duplicates.append(n_found)
    return np.stack(subsets), np.array(n_duplicates)


def sift(X, indices, stacks, n, duplicates, threshold):
    """The first n indices, and the number of near-duplicates of images in stacks.

    These are left out if `duplicates` is "remove".
    """
    removes = duplicates == "remove"
    considered = indices if removes else indices[:n]
    is_duplicate = np.zeros(len(considered), dtype=bool)
    if duplicates != "ignore" and len(considered):
        is_duplicate = near_duplicates(X[considered], stacks, threshold)
    chosen = considered[~is_duplicate][:n] if removes else considered
    return chosen, int(is_duplicate.sum())


def near_duplicates(X, stacks, threshold):
    """Which images of X are nearly in one of several stacks, bool of (n_images,)."""
    is_duplicate = np.zeros(len(X), dtype=bool)
    rows = mean_free_unit_rows(X)
    for stack in stacks:
        others = mean_free_unit_rows(stack)
        is_duplicate |= closest_row(rows, others)[0] > threshold
    return is_duplicate


def draw_pools(n_images, groups, n_subsets, rng):
    """Disjoint sets of indices in random order, of about the same size.

    Parameters
    ----------
    n_images : int
    groups : ndarray of shape (n_images,) or None
        Images of one group come into one pool.
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
            f"groups has {len(names)} different values; n_subsets={n_subsets} disjoint "
            "subsets need at least as many."
        )
    counts = np.bincount(group_of)
    totals = np.zeros(n_subsets, dtype=int)
    pool_of_group = np.empty(len(names), dtype=int)
    order = rng.permutation(len(names))
    # The largest first, each into the pool that has the fewest.
    for group in order[np.argsort(-counts[order], kind="stable")]:
        pool_of_group[group] = totals.argmin()
        totals[totals.argmin()] += counts[group]
    pool_of = pool_of_group[group_of[permutation]]
    return [permutation[pool_of == number] for number in range(n_subsets)]


def check_groups(groups, n_images):
    """Groups as an array, or None, or a ValueError."""
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != (n_images,):
        raise ValueError(
            f"groups has shape {groups.shape}; it must name one for each of the "
            f"{n_images} images in X."
        )
    missing = [i for i, one in enumerate(groups.tolist()) if one is None or one != one]
    if missing:
        raise ValueError(
            f"groups names none (None or NaN) for {len(missing)} images, the first at "
            f"index {missing[0]}; name one for each image in X."
        )
    return groups


def check_pools(subsets, n_images, groups, n_subsets):
    """Indices that the user chose, as arrays that share none; or a ValueError."""
    pools = [np.asarray(one) for one in subsets]
    if len(pools) != n_subsets:
        raise ValueError(
            f"subsets has {len(pools)} entries, and n_subsets={n_subsets}."
        )
    for number, pool in enumerate(pools):
        if pool.ndim != 1 or pool.dtype.kind not in "iu":
            raise ValueError(
                f"subsets[{number}] must be one-dimensional indices of images in X; "
                f"got an array of {pool.dtype} of shape {pool.shape}."
            )
        outside = pool[(pool < 0) | (pool >= n_images)]
        if len(outside):
            raise ValueError(
                f"subsets[{number}] has the index {outside[0]}, and X {n_images} "
                "images; indices are from 0 on."
            )
    shared = repeated(np.concatenate(pools))
    if len(shared):
        raise ValueError(
            f"subsets must be disjoint, and {len(shared)} images are in them more than "
            f"once, such as image {shared[0]}."
        )
    if groups is not None:
        shared = repeated(np.concatenate([np.unique(groups[pool]) for pool in pools]))
        if len(shared):
            raise ValueError(
                f"subsets must not share groups, and images of group {shared[0]} are "
                "in several of them."
            )
    return pools


def repeated(values):
    """Values that occur more than once."""
    values, counts = np.unique(values, return_counts=True)
    return values[counts > 1]


def left_for_test(order, subsets, groups):
    """Those of the indices in `order` that are in no subset, nor in a group of one."""
    is_left = ~np.isin(order, subsets)
    if groups is not None:
        is_left &= ~np.isin(groups[order], groups[subsets])
    if not is_left.any():
        what = "images" if groups is None else "groups of images"
        raise ValueError(
            f"All {what} in X are in the subsets, and none is left to test on: pass "
            "X_test."
        )
    return order[is_left]


def choose_test_images(X, subsets, n_images, duplicates, threshold):
    """Choose images to test on, and count near-duplicates of training images.

    Parameters
    ----------
    X : ndarray of shape (n_candidates, ...)
    subsets : list of ndarray of shape (n_train_images, ...)
        Training images.
    n_images : int
        How many candidates are taken, at most.
    duplicates, threshold
        As in `disjoint_subsets`.

    Returns
    -------
    chosen : ndarray of int of shape (n_test_images,)
        Which candidates.
    n_duplicates : int
        Near-duplicates that were left out, or kept.
    """
    rule = n_images, duplicates, threshold
    chosen, n_duplicates = sift(X, np.arange(len(X)), subsets, *rule)
    if not len(chosen):
        raise ValueError(
            f"All {len(X)} images to test on are near-duplicates of training images; "
            "pass others as X_test, or duplicates='warn'."
        )
    return chosen, n_duplicates
