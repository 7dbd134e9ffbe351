"""Restore an estimator whose fit fails."""

from contextlib import contextmanager


class FitInterrupted(KeyboardInterrupt):
    """Raised on Ctrl-C when the estimator keeps what it has learned so far."""


@contextmanager
def unchanged_on_failure(estimator):
    """Restore the fitted attributes of an estimator if an exception is raised."""
    before = fitted_attributes(estimator)
    try:
        yield
    except FitInterrupted:
        raise
    except BaseException:
        forget_fit(estimator)
        vars(estimator).update(before)
        raise


@contextmanager
def new_fit(estimator):
    """Forget the previous fit, unless it goes on; restore it if an exception is raised.

    Attributes that the new fit does not set would otherwise stay, and tell of other
    images.
    """
    with unchanged_on_failure(estimator):
        if not getattr(estimator, "warm_start", False):
            forget_fit(estimator)
        yield


def forget_fit(estimator):
    """Delete the fitted attributes of an estimator."""
    for name in fitted_attributes(estimator):
        delattr(estimator, name)


def fitted_attributes(estimator):
    """Return the attributes whose names end in an underscore, as a dict."""
    return {
        name: value
        for name, value in vars(estimator).items()
        if name.endswith("_") and not name.startswith("_")
    }
