"""Figure of images and of their denoised versions, side by side."""

from dataclasses import dataclass

import numpy as np

from .._sklearn_compat import COUNT, POSITIVE, validate_params
from ..denoisers import as_denoiser
from ..images import check_clean, check_images
from ..metrics import psnr
from ..noise.gaussian import noisy_copy
from ..units import check_data_range
from ._grids import draw_grid


@dataclass(kw_only=True, eq=False, repr=False)
class ComparisonDisplay:
    """Draw clean, noisy and denoised images side by side, with their PSNR.

    Each noisy image takes one row of the figure, or several rows if `n_columns` is
    given. The first panels show the clean image (if it is known) and the noisy image.
    Each of the other panels shows the output of one denoiser. If the clean image is
    known, the PSNR in dB is written below each panel. It is recommended to use
    `from_estimators` to create a `ComparisonDisplay`.

    Parameters
    ----------
    images : dict of str to list of ndarray
        Images of shape (height, width) or (height, width, channels), keyed by the name
        of the panel. Each list holds one version of every image.
    psnr : dict of str to ndarray of shape (n_images,), default=None
        PSNR of the images in dB, keyed by the name of the panel. If None, no PSNR is
        written.

    Attributes
    ----------
    axes_ : ndarray of shape (n_rows, n_columns) of matplotlib Axes
        Axes of the panels. Axes without a panel are not visible.
    figure_ : matplotlib Figure or SubFigure
        Figure that contains the axes.

    See Also
    --------
    sklearn_gahb.metrics.make_psnr_scorer : Compare denoisers on many images.
    PSNRCurveDisplay : Compare denoisers at many noise levels.

    Examples
    --------
    >>> from sklearn_gahb import WaveletThresholdDenoiser, WienerDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.displays import ComparisonDisplay
    >>> X = make_disk_images(20, 32, random_state=0)
    >>> denoisers = {
    ...     "Wiener": WienerDenoiser().fit(X),
    ...     "wavelets": WaveletThresholdDenoiser().fit(X),
    ... }
    >>> display = ComparisonDisplay.from_estimators(
    ...     denoisers, X[:3], noise_std=0.1, random_state=0
    ... )
    >>> display.axes_.shape
    (3, 4)
    >>> [ax.get_title() for ax in display.axes_[0]]
    ['clean', 'noisy', 'Wiener', 'wavelets']
    """

    images: dict
    psnr: dict | None = None

    @classmethod
    @validate_params(denoisers=[dict, list], noise_std=[POSITIVE, None])
    def from_estimators(
        cls,
        denoisers,
        X,
        clean=None,
        *,
        noise_std=None,
        image_shape=None,
        n_columns=None,
        limits=(0, 1),
        figure=None,
        random_state=None,
    ):
        """Denoise images with several denoisers, and draw the results.

        Parameters
        ----------
        denoisers : dict of str to denoiser, or list of denoisers
            Fitted estimators, or anything else that :func:`~sklearn_gahb.as_denoiser`
            accepts. The keys of a dict are the names of the panels. The denoisers of a
            list are named after their classes. All denoisers have the same data range.
        X : array-like or list of array-like
            Noisy images if `clean` is given or if `noise_std` is None. Otherwise, clean
            images, to which noise is added. Pass a few images, because each of them
            takes a row.
        clean : array-like or list of array-like, default=None
            Clean images of the same shape as `X`.
        noise_std : float, default=None
            Noise level that the denoisers receive. If `clean` is None, noise of this
            level is also added to `X`. If None, each denoiser uses its own `noise_std`.
        image_shape : tuple of int, default=None
            Shape of the image in each row of a 2-D array: (height, width) or
            (height, width, channels).
        n_columns : int, default=None
            Number of panels in a row of the figure. If None, all panels of an image are
            in one row.
        limits : tuple of (float, float), default=(0, 1)
            Fractions of the data range that are drawn as black and as white.
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw in. If None, a new figure is created.
        random_state : int, RandomState instance or None, default=None
            Seeds the noise that is added to `X`.

        Returns
        -------
        display : ComparisonDisplay
            Display with the drawn figure.

        Raises
        ------
        ValueError
            If there are no denoisers, if one of them is named "clean" or "noisy", if
            their data ranges differ, or if the shapes of `X` and `clean` differ.
        """
        named = _named(denoisers).items()
        denoisers = {name: as_denoiser(denoiser) for name, denoiser in named}
        data_range = _common_data_range(denoisers)
        if clean is None and noise_std is not None:
            clean, X = X, noisy_copy(X, noise_std, random_state, data_range)
        noisy = check_images(X, image_shape, data_range=data_range)
        clean = check_clean(clean, noisy, image_shape)
        known = {} if clean is None else {"clean": clean}
        panels = known | {"noisy": noisy}
        for name, denoiser in denoisers.items():
            denoised = denoiser.denoise_images(
                X, noise_std, clean=None if clean is None else clean.data
            )
            panels[name] = check_images(
                denoised, image_shape, data_range=data_range, name=name
            )
        decibels = None
        if clean is not None:
            measured = {"data_range": data_range, "image_shape": image_shape}
            decibels = {
                name: psnr(clean.data, one.data, average=False, **measured)
                for name, one in panels.items()
                if name != "clean"
            }
        images = {name: _as_arrays(one) for name, one in panels.items()}
        display = cls(images=images, psnr=decibels)
        return display.plot(n_columns=n_columns, limits=limits, figure=figure)

    @validate_params(n_columns=[COUNT, None])
    def plot(self, *, n_columns=None, limits=(0, 1), figure=None):
        """Draw the figure.

        Parameters
        ----------
        n_columns : int, default=None
            Number of panels in a row of the figure. If None, all panels of an image are
            in one row.
        limits : tuple of (float, float), default=(0, 1)
            Fractions of the data range that are drawn as black and as white.
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw in. If None, a new figure is created.

        Returns
        -------
        display : ComparisonDisplay
            The display itself, with `axes_` and `figure_`.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        n_panels, n_images = len(self.images), len(next(iter(self.images.values())))
        n_columns = min(n_columns or n_panels, n_panels)
        n_lines = -(-n_panels // n_columns)
        # Images can differ in size, so the grid is an array of arrays.
        grid = np.empty((n_images * n_lines, n_columns), dtype=object)
        for position in np.ndindex(grid.shape):
            grid[position] = np.zeros((1, 1))
        places = {
            (i, name): (i * n_lines + k // n_columns, k % n_columns)
            for i in range(n_images)
            for k, name in enumerate(self.images)
        }
        for (i, name), place in places.items():
            grid[place] = self.images[name][i]
        self.figure_, self.axes_ = draw_grid(grid, [""] * n_columns, limits, figure)
        for place in set(np.ndindex(grid.shape)) - set(places.values()):
            self.axes_[place].set_visible(False)
        for (i, name), place in places.items():
            self.axes_[place].set_title(name, fontsize="small")
            if self.psnr is not None and name in self.psnr:
                label = f"{self.psnr[name][i]:.1f} dB"
                self.axes_[place].set_xlabel(label, fontsize="small")
        return self


def _named(denoisers):
    """Return denoisers by name. In a list, their classes or functions name them."""
    if isinstance(denoisers, list):
        names = [getattr(one, "__name__", type(one).__name__) for one in denoisers]
        names = [
            f"{name} {names[: i + 1].count(name)}" if names.count(name) > 1 else name
            for i, name in enumerate(names)
        ]
        denoisers = dict(zip(names, denoisers, strict=True))
    if not denoisers or {"clean", "noisy"} & set(denoisers):
        raise ValueError(
            f"denoisers has the names {list(denoisers)}, but it must hold at least one "
            'denoiser, and none of them can have the name "clean" or "noisy".'
        )
    return denoisers


def _common_data_range(denoisers):
    """Return the data range of all denoisers, or raise a ValueError."""
    found = {name: check_data_range(one.data_range) for name, one in denoisers.items()}
    if len(set(found.values())) > 1:
        raise ValueError(
            f"The denoisers have several data ranges, {found}; expected one. Set the "
            "same data_range for all denoisers. For a function, pass "
            "FunctionDenoiser(function, data_range=...)."
        )
    return next(iter(found.values()))


def _as_arrays(images):
    """Return Images as arrays (h, w) or (h, w, channels), scaled to [0, 1]."""
    arrays = [x.permute(1, 2, 0).cpu().numpy() for y in images.tensors() for x in y]
    return [x[..., 0] if images.n_channels == 1 else x for x in arrays]
