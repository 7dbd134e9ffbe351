"""Posterior of a clean image from a finite set of equally likely images.

Images are rows. Variances are variances of the noise.
"""

import torch

# Smallest variance of the noise. Squared distances that are not equal differ by more
# than this value.
SMALLEST_VARIANCE = 1e-30
# Smallest exponent of a weight, relative to the largest weight. exp(-80) = 2e-35.
SMALLEST_EXPONENT = -80.0
# Covariances below this fraction of the product of the means are rounding errors.
ROUNDING = 1e-12
# Number of keys that are compared at a time. Products of two large matrices are faster
# than those of a small and a larger one.
KEYS_AT_ONCE = 2**12
# Number of weights that are computed at a time. They fit into the cache of a core.
WEIGHTS_AT_ONCE = 2**19


def weighted_means(queries, blocks, variance, left_out=None):
    """Average values with weights exp(-|query - key|^2 / (2 variance)).

    Parameters
    ----------
    queries : Tensor of shape (n, d)
    blocks : iterable of (Tensor of shape (m, d), Tensor of shape (m, k))
        Keys and their values.
    variance : Tensor of shape (n, 1)
    left_out : Tensor of shape (n,), default=None
        Number of the key that each query leaves out, of at least two keys.

    Returns
    -------
    means : Tensor of shape (n, k)
    """
    return weighted_means_and_log_sums(queries, blocks, variance, left_out)[0]


def weighted_means_and_log_sums(queries, blocks, variance, left_out=None):
    """Compute `weighted_means`, and the logarithms of the sums of weights (n, 1).

    The largest exponent so far is subtracted, so that sums neither overflow nor depend
    on how the keys are divided into blocks, except for rounding. The exponents of the
    weights in these sums are those of `_with_precision`.
    """
    queries = _with_precision(queries, variance)
    parts = sums = None
    start = 0
    for keys, values in _split(blocks, KEYS_AT_ONCE):
        keys = _with_squares(keys)
        # Torch multiplies few rows faster than few columns.
        values = torch.cat([values, torch.ones_like(values[:, :1])], dim=1).T
        values = values.contiguous()
        if parts is None:
            parts = queries.split(max(1, WEIGHTS_AT_ONCE // keys.shape[1]))
            largest = [queries.new_full((len(q), 1), -torch.inf) for q in parts]
            sums = [queries.new_zeros(len(values), len(q)) for q in parts]
        for k, part in enumerate(parts):
            exponents = part @ keys
            if left_out is not None:
                rows, columns = _among(left_out.split(len(parts[0]))[k] - start, keys.T)
                exponents[rows, columns] = torch.finfo(exponents.dtype).min
            found = exponents.detach().amax(1, keepdim=True)
            shift = torch.maximum(largest[k], found)
            # Weights below the smallest normal number are slow.
            weights = exponents.sub_(shift).clamp_(min=SMALLEST_EXPONENT).exp_()
            # Updates in place keep the heap free of small tensors between large ones.
            sums[k].mul_((largest[k] - shift).exp().T).addmm_(values, weights.T)
            largest[k].copy_(shift)
        start += keys.shape[1]
    sums = torch.cat(sums, dim=1)
    log_sums = torch.cat(largest) + sums[-1:].T.log()
    return (sums[:-1] / sums[-1]).T, log_sums


def slopes(queries, blocks, places, variance):
    """Differentiate weighted means of some coordinates of the keys by the queries.

    The derivative is the weighted covariance of these coordinates and all coordinates,
    divided by the variance of the noise. Rounding errors of a covariance that is 0
    would be large after this division, so they are removed.

    Parameters
    ----------
    queries : Tensor of shape (n, d)
    blocks : iterable of Tensor of shape (m, d)
        Keys.
    places : Tensor of shape (k,)
        Numbers of the coordinates.
    variance : Tensor of shape (n, 1)

    Returns
    -------
    slopes : Tensor of shape (n, k, d)
    """

    def products(keys):
        return (keys[:, places, None] * keys[:, None]).flatten(1)

    values = ((keys, torch.cat([keys, products(keys)], dim=1)) for keys in blocks)
    means = weighted_means(queries, values, variance)
    mean, second = means[:, : queries.shape[1]], means[:, queries.shape[1] :]
    squares = products(mean)
    covariance = second - squares
    covariance[covariance.abs() < ROUNDING * squares.abs()] = 0
    covariance = covariance.unflatten(1, (len(places), -1))
    return covariance / variance.clamp(min=SMALLEST_VARIANCE)[..., None]


def heaviest_keys(queries, blocks, variance):
    """Find the key of the largest weight for each query.

    Parameters
    ----------
    queries : Tensor of shape (n, d)
    blocks : iterable of Tensor of shape (m, d)
        Keys.
    variance : Tensor of shape (n, 1)

    Returns
    -------
    numbers : Tensor of int of shape (n,)
    """
    queries = _with_precision(queries, variance)
    largest = queries.new_full((len(queries),), -torch.inf)
    numbers = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
    start = 0
    for block in blocks:
        for keys in block.split(max(1, WEIGHTS_AT_ONCE // len(queries))):
            found, which = (queries @ _with_squares(keys)).max(dim=1)
            numbers = torch.where(found > largest, which + start, numbers)
            largest = torch.maximum(found, largest)
            start += len(keys)
    return numbers


def leave_one_out_changes(
    queries, keys, values, variance, means, log_sums, heaviest, others
):
    """Compute how the weighted means change if a key is left out.

    Parameters
    ----------
    queries : Tensor of shape (n, d)
    keys : Tensor of shape (m, d)
    values : Tensor of shape (m, k)
    variance : Tensor of shape (n, 1)
    means, log_sums : Tensor of shape (n, k) and (n, 1)
        Results of `weighted_means_and_log_sums`.
    heaviest : Tensor of int of shape (n,)
        Results of `heaviest_keys`, relative to the number of the first of `keys`.
    others : Tensor of shape (n, k)
        Weighted means that leave out the heaviest key.

    Returns
    -------
    changes : Tensor of shape (m, n, k)
    """
    exponents = _with_precision(queries, variance) @ _with_squares(keys)
    # (1 - h) / h, where h is the weight of the key, divided by the sum of weights. Only
    # the heaviest key can have h > 1/2. Its ratio can be a rounding error.
    ratios = torch.expm1(log_sums - exponents).clamp(min=1)
    changes = (means - values[:, None]) / ratios.T[..., None]
    rows, columns = _among(heaviest, keys)
    changes[columns, rows] = (others - means)[rows]
    return changes


def _among(numbers, keys):
    """Return which of the numbers (n,) are those of keys, and these numbers."""
    (rows,) = torch.nonzero((numbers >= 0) & (numbers < len(keys)), as_tuple=True)
    return rows, numbers[rows]


def _split(blocks, n):
    """Split blocks of keys and values into blocks of at most n rows."""
    for keys, values in blocks:
        yield from zip(keys.split(n), values.split(n), strict=True)


def _with_precision(queries, variance):
    """Return rows whose products with the columns of `_with_squares` are exponents.

    exponent = (query . key - |key|^2 / 2) / variance, up to a constant of the query.
    """
    precision = 1 / variance.clamp(min=SMALLEST_VARIANCE)
    return torch.cat([queries * precision, precision], dim=1)


def _with_squares(keys):
    return torch.cat([keys, -keys.square().sum(1, keepdim=True) / 2], dim=1).T


def log_likelihood(y, x, variance):
    """Return -|y - x|^2 / (2 variance) for rows y (n, d) and x (m, d), as (n, m)."""
    x_sizes, y_sizes = x.square().sum(1), y.square().sum(1, keepdim=True)
    distances = (y_sizes + x_sizes - 2 * (y @ x.T)).clamp_(min=0)
    # Without noise, the closest point has all the weight.
    return distances / (-2 * variance.clamp(min=SMALLEST_VARIANCE))


def posterior_weights(y, blocks, variance):
    """Return the weights (n,) of the points in blocks (m, d), given a row y (1, d)."""
    logits = torch.cat([log_likelihood(y, x, variance)[0] for x in blocks])
    return logits.softmax(dim=0)


def posterior_covariance_product(v, blocks, weights, mean, variance):
    """Compute Cov[x | y] v / variance: the derivative of the posterior mean along v.

    Parameters
    ----------
    v : Tensor of shape (k, d)
    blocks : iterable of (indices, Tensor of shape (m, d))
        Points, and the indices of their weights.
    weights : Tensor of shape (n,)
    mean : Tensor of shape (1, d)
        Posterior mean.
    variance : Tensor of shape (1, 1)
    """
    product = torch.zeros_like(v)
    for indices, x in blocks:
        deviations = x - mean
        product = product + (weights[indices] * (v @ deviations.T)) @ deviations
    return product / variance.clamp(min=SMALLEST_VARIANCE)
