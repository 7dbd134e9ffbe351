"""How much of a denoiser the theories that were fitted on the same images explain."""

import warnings

import numpy as np
from sklearn.base import clone

from ..denoisers import as_denoiser
from ..images import ONE_LINE
from ..metrics import psnr
from ..samplers import GradientEstimation
from ._outputs import denoise_at, noisy_at, to_fractions

# An image of a smaller squared norm, after its mean is subtracted, is flat. Its values
# differ by rounding errors only.
FLAT = 1e-12


def squared_correlation(first, second):
    """Square the correlation of the values of each pair of images.

    Parameters
    ----------
    first, second : ndarray of shape (n_images, ...)

    Returns
    -------
    r2 : ndarray of shape (n_images,)
        It is 0 if one of the images is flat.
    """
    first, second = (
        one - one.mean(axis=1, keepdims=True) for one in (_rows(first), _rows(second))
    )
    sizes = [np.square(one).sum(axis=1) for one in (first, second)]
    products, squares = (first * second).sum(axis=1) ** 2, sizes[0] * sizes[1]
    has_contrast = np.minimum(*sizes) > FLAT
    return np.divide(products, squares, out=np.zeros_like(squares), where=has_contrast)


def explained_change(output, theory, noisy):
    """Return the share of what a denoiser changes that a theory predicts.

    Parameters
    ----------
    output, theory, noisy : ndarray of shape (n_images, ...)
        Denoised images, their prediction, and the noisy images.

    Returns
    -------
    share : ndarray of shape (n_images,)
        1 minus the squared distance between `output` and `theory`, divided by that
        between `output` and `noisy`. It is negative if the noisy images are closer to
        the output than the prediction is.
    """
    missed = np.square(_rows(output) - _rows(theory)).sum(axis=1)
    changed = np.square(_rows(output) - _rows(noisy)).sum(axis=1)
    shares = np.full_like(changed, np.nan)
    return 1 - np.divide(missed, changed, out=shares, where=changed > 0)


def try_theories(analyzer, design):
    """Fit each theory on the smallest training set, and denoise one test image.

    An error of a theory is then raised before the estimators are fitted.
    """
    levels = design.noise_std.tolist()
    if analyzer.n_generated:
        levels.append(GradientEstimation().sigma_min)
    X_train = design.X[design.subsets[0, : design.train_sizes[0]]]
    for name, theory in (analyzer.theories or {}).items():
        try:
            # The theory repeats its warnings when it is measured.
            with warnings.catch_warnings(action="ignore"):
                denoiser = as_denoiser(clone(theory).fit(X_train))
                for level in levels:
                    denoise_at(denoiser, design.X_test[:1], level, design)
        except Exception as error:
            error.add_note(f"The error comes from theories[{name!r}].")
            raise


def _rows(images):
    return images.reshape(len(images), -1).astype(np.float64)


def compare_with_theories(found, results):
    """Fill in the measures that compare the estimator with the theories.

    Parameters
    ----------
    found : Measures
    results : list of list of SubsetResult
        By size and subset.
    """
    design = found.design
    clean = to_fractions(design.X_test, design)
    noisy = [
        to_fractions(noisy_at(design.X_test, level, design), design)
        for level in design.noise_std
    ]

    def gather(function):
        """Evaluate a function of a result and of each of its theories."""
        return {
            name: np.array(
                [[function(one, one.theories[name]) for one in row] for row in results]
            )
            for name in results[0][0].theories
        }

    def medians(measure, *images):
        return [np.median(measure(*one)) for one in zip(*images, strict=True)]

    found.explained = gather(
        lambda one, theory: medians(
            squared_correlation, one.test_outputs, theory.test_outputs
        )
    )
    found.explained_change = gather(
        lambda one, theory: medians(
            explained_change, one.test_outputs, theory.test_outputs, noisy
        )
    )
    found.theory_psnr = gather(
        lambda one, theory: [
            psnr(clean, output, image_shape=ONE_LINE) for output in theory.test_outputs
        ]
    )
    if results[0][0].generated is not None:
        found.generated_explained = gather(
            lambda one, theory: np.median(
                squared_correlation(one.generated, theory.generated)
            )
        )
