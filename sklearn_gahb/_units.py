"""Images in [0, 1] beside those, and noise levels, of 0 to 255."""

from numbers import Real

from ._images import is_unsigned, to_tensor
from ._warnings import warn

# Means of images in [0, 1] are below, those of images in [0, 255] above.
LARGEST_MEAN = 2
# Of images in [0, 1] nothing is left far below it.
LARGEST_LEVEL = 4


def check_same_units(X, y):
    """Raise a ValueError if of two Images one is in [0, 1], one in [0, 255]."""
    for integers, others in ((X, y), (y, X)):
        dtype, other_dtype = (one.stacks[0].dtype for one in (integers, others))
        if not is_unsigned(dtype) or is_unsigned(other_dtype):
            continue
        # Noise, however much of it there is, does not move the mean.
        mean = float(to_tensor(others.stacks[0][:100]).double().mean())
        if mean > LARGEST_MEAN:
            raise ValueError(
                f"{integers.name} is {dtype} and so taken for [0, 1], but the mean of "
                f"{others.name}, which is {other_dtype}, is {mean:.3g}: divide it by "
                f"{2 ** (8 * dtype.itemsize) - 1}."
            )


def complaint_of_level(noise_std, dtype, name="noise_std"):
    """What is wrong with a noise level for images of a dtype; None if nothing is."""
    if not is_unsigned(dtype) or noise_std <= LARGEST_LEVEL:
        return None
    return (
        f"{name}={noise_std:g} is in the units of the images, which as {dtype} are "
        f"in [0, 1]: if {noise_std:g} of 255 is meant, that is {noise_std:g} / 255."
    )


def warn_of_level(noise_std, images, name="noise_std"):
    """Warn of a level such as 25 where Images are in [0, 1]."""
    if isinstance(noise_std, Real):
        complaint = complaint_of_level(noise_std, images.stacks[0].dtype, name)
        if complaint is not None:
            warn(complaint)
