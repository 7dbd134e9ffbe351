"""Training times after which networks generalize, and after which they memorize."""

import numpy as np
from sklearn.base import clone

from ._measures import measure
from ._statistics import LARGEST_GAP, psnr_gaps

# Distance in dB to the highest test PSNR at which a network counts as trained.
REMAINING_GAIN = 0.5


def first_crossing(steps, values, threshold):
    """Find the number of steps at which values first reach a threshold.

    Parameters
    ----------
    steps : ndarray of shape (n_steps,)
        Numbers of training steps, in increasing order.
    values : ndarray of shape (n_steps, ...)
    threshold : float or ndarray of shape (...)

    Returns
    -------
    crossing : ndarray of shape (...)
        Interpolated linearly in the logarithm of the steps. It is the first number of
        steps if the threshold is already reached there, and nan if it is never reached.
    """
    above = values - threshold
    shape, above = above.shape[1:], above.reshape(len(steps), -1)
    crossings = np.full(above.shape[1], np.nan)
    for k, column in enumerate(above.T):
        reached = np.flatnonzero(column >= 0)
        if len(reached):
            i = reached[0]
            crossings[k] = steps[i]
            if i > 0 and np.isfinite(column[i - 1 : i + 1]).all():
                share = column[i - 1] / (column[i - 1] - column[i])
                ratio = steps[i] / steps[i - 1]
                crossings[k] = steps[i - 1] * ratio**share
    return crossings.reshape(shape)


def memorization_time(steps, psnr_gap):
    """Return the number of steps at which the PSNR gap reaches that of memorization."""
    return first_crossing(steps, psnr_gap, LARGEST_GAP)


def generalization_time(steps, test_psnr):
    """Return the number of steps at which the test PSNR nearly reaches its maximum."""
    return first_crossing(steps, test_psnr, test_psnr.max(axis=0) - REMAINING_GAIN)


def measure_over_time(analyzer, design, results, optimum):
    """Measure the checkpoints of the networks of a study.

    Parameters
    ----------
    analyzer : GeneralizationAnalyzer
    design : Design
    results : list of list of SubsetResult
        By size and subset.
    optimum : ndarray of shape (n_levels, n_test_images, ...) or None
        Outputs of the optimal denoiser.

    Returns
    -------
    attributes : dict
        Fitted attributes of the analyzer. Empty if there are no checkpoints.
    """
    steps = np.array(sorted(results[0][0].snapshots))
    if not len(steps):
        return {}
    by_step = {
        n: measure(
            design, [[one.snapshots[n] for one in row] for row in results], optimum
        )
        for n in steps.tolist()
    }
    train, test = (
        np.array([getattr(one, name) for one in by_step.values()])
        for name in ("train_psnr", "test_psnr")
    )
    times = {
        "memorization_time": memorization_time(steps, psnr_gaps(train, test)),
        "generalization_time": generalization_time(steps, test),
    }
    tables = [one.table() for one in by_step.values()]
    n_rows = len(tables[0]["subset"])
    table = {
        "n_steps": np.repeat(steps, n_rows),
        **{name: np.concatenate([one[name] for one in tables]) for name in tables[0]},
        **{name: np.tile(one.ravel(), len(steps)) for name, one in times.items()},
    }
    return {
        "snapshots_": {n: as_fitted(analyzer, one) for n, one in by_step.items()},
        "results_": table,
        **{f"{name}_": one for name, one in times.items()},
    }


def as_fitted(analyzer, measures):
    """Return a copy of an analyzer that is fitted with other measures."""
    copy = clone(analyzer)
    vars(copy).update(measures.attributes())
    return copy
