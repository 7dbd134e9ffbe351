"""A fit that fails leaves the estimator as it was."""

from contextlib import contextmanager


class FitInterrupted(KeyboardInterrupt):
    """Ctrl-C, after which the estimator is fitted with what it learned so far."""


@contextmanager
def unchanged_on_failure(estimator):
    """Put the fitted attributes of an estimator back if an exception is raised."""
    before = fitted_attributes(estimator)
    try:
        yield
    except FitInterrupted:
        raise
    except BaseException:
        forget_fit(estimator)
        vars(estimator).update(before)
        raise


def forget_fit(estimator):
    """Delete the fitted attributes of an estimator."""
    for name in fitted_attributes(estimator):
        delattr(estimator, name)


def fitted_attributes(estimator):
    """Fitted attributes of an estimator by name: those that end in an underscore."""
    return {
        name: value
        for name, value in vars(estimator).items()
        if name.endswith("_") and not name.startswith("_")
    }
