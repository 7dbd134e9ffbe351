"""Figure of the adaptive basis of a denoiser at an image."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.utils.validation import check_is_fitted

from .._tensors import to_array
from ..units import check_data_range
from ._grids import draw_grid, gray_or_rgb, new_figure, write_psnr

# Vectors per row of the figure, and vectors drawn by default.
N_COLUMNS, N_SHOWN = 6, 18
# Gradients below this fraction of the largest gradient are not contours.
CONTOUR_THRESHOLD = 0.2


@dataclass(kw_only=True, eq=False, repr=False)
class JacobianBasisDisplay:
    r"""Draw the basis in which a denoiser shrinks an image.

    The figure has three parts, like figure 3 of [1]_. The first part shows the images,
    with their PSNR if the clean image is known.
    The second part shows the shrinkage factors and the coefficients of the image, as
    functions of the index k of the basis vectors. The third part shows the basis
    vectors that contribute most to the denoised image, in descending order of
    :math:`|\lambda_k \langle y, e_k \rangle|`. Their color map is centered at 0. Thin
    lines are the contours of the clean image, or of the denoised image if the clean
    image is unknown. The title of each vector gives k and its shrinkage factor. It is
    recommended to use `from_estimator` to create a `JacobianBasisDisplay`.

    Parameters
    ----------
    noisy : ndarray of shape (height, width) or (height, width, channels)
        The noisy image.
    denoised : ndarray of the shape of `noisy`
        The denoised image.
    eigenvalues : ndarray of shape (n_components,)
        Shrinkage factors, in descending order.
    coefficients : ndarray of shape (n_components,)
        Coefficients of the clean image in the basis. If the clean image is unknown,
        these are the coefficients of the noisy image.
    contributions : ndarray of shape (n_components,)
        Size of the contribution of each vector to the denoised image.
    components : ndarray of shape (n_components, height, width[, channels])
        Basis vectors.
    clean : ndarray of the shape of `noisy`, default=None
        The clean image.

    Attributes
    ----------
    figure_ : matplotlib Figure or SubFigure
        Figure that contains the axes.
    axes_ : dict of str to Axes or list of Axes
        Axes with the keys "images", "eigenvalues", "coefficients" and "components".

    See Also
    --------
    sklearn_gahb.JacobianBasis : Computes the basis.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> from sklearn_gahb import JacobianBasis, WienerDenoiser
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.displays import JacobianBasisDisplay
    >>> X = make_disk_images(20, 32, random_state=0)
    >>> basis = JacobianBasis(WienerDenoiser(noise_std=0.1).fit(X)).fit(X[:1])
    >>> display = JacobianBasisDisplay.from_estimator(basis)
    >>> len(display.axes_["components"])
    18
    """

    noisy: np.ndarray
    denoised: np.ndarray
    eigenvalues: np.ndarray
    coefficients: np.ndarray
    contributions: np.ndarray
    components: np.ndarray
    clean: np.ndarray | None = None

    @classmethod
    def from_estimator(cls, basis, clean=None, *, ks=None, figure=None):
        """Draw a fitted basis.

        Parameters
        ----------
        basis : JacobianBasis
            Fitted basis.
        clean : array-like of the shape of the image passed to `fit`, default=None
            The clean image, or a stack that contains only this image.
        ks : array-like of int, default=None
            Indices k of the vectors to draw, counted from 1. If None, the 18 vectors
            that contribute most to the denoised image are drawn.
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw in. If None, a new figure is created.

        Returns
        -------
        display : JacobianBasisDisplay
            Display with the drawn figure.

        Raises
        ------
        TypeError
            If `basis` is not a `JacobianBasis`.
        ValueError
            If the sizes of `clean` and of the image passed to `fit` differ, or if an
            entry of `ks` is not the index of a component.
        """
        check_is_fitted(basis)
        if not hasattr(basis, "noisy_"):
            raise TypeError(
                f"basis is a {type(basis).__name__}; expected a fitted JacobianBasis."
            )
        noisy = basis.noisy_
        if noisy.ndim == 1:
            noisy = noisy.reshape(basis.image_shape_)
        if clean is not None:
            clean = to_array(clean, check_data_range(basis.data_range_))
            if clean.size != noisy.size:
                raise ValueError(
                    f"clean has shape {clean.shape}; expected {noisy.shape}, the shape "
                    "of the image passed to fit."
                )
            clean = clean.reshape(noisy.shape)
        shown = noisy if clean is None else clean
        display = cls(
            noisy=noisy,
            denoised=basis.denoised_.reshape(noisy.shape),
            eigenvalues=basis.eigenvalues_,
            coefficients=basis.components_ @ shown.ravel(),
            contributions=basis.contributions_,
            components=basis.components_.reshape(-1, *noisy.shape),
            clean=clean,
        )
        return display.plot(ks=ks, figure=figure)

    def plot(self, *, ks=None, figure=None):
        """Draw the figure.

        Parameters
        ----------
        ks : array-like of int, default=None
            Indices k of the vectors to draw, counted from 1. If None, the 18 vectors
            that contribute most to the denoised image are drawn.
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw in. If None, a new figure is created.

        Returns
        -------
        display : JacobianBasisDisplay
            The display itself, with `figure_` and `axes_`.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        ValueError
            If an entry of `ks` is not the index of a component.
        """
        n_components = len(self.eigenvalues)
        if ks is None:
            ks = np.argsort(-self.contributions, kind="stable")[:N_SHOWN] + 1
        ks = np.ravel(ks).astype(int)
        if ks.size == 0 or ks.min() < 1 or ks.max() > n_components:
            raise ValueError(
                f"ks={ks.tolist()} must hold at least one index, each from 1 to "
                f"{n_components}."
            )
        heights = [2.8, 1.8 * math.ceil(len(ks) / N_COLUMNS)]
        figure = figure or new_figure(9, sum(heights))
        top, bottom = figure.subfigures(2, 1, height_ratios=heights)
        left, right = top.subfigures(1, 2, width_ratios=[3, 2])
        self.figure_ = figure
        self.axes_ = {
            "images": self._plot_images(left),
            **self._plot_factors(right.subplots()),
            "components": self._plot_components(bottom, ks),
        }
        return self

    def _plot_images(self, figure):
        images = {"clean": self.clean, "noisy": self.noisy, "denoised": self.denoised}
        images = {name: x for name, x in images.items() if x is not None}
        reference = self.denoised if self.clean is None else self.clean
        limits = reference.min(), reference.max()
        stack = np.stack(list(images.values()))[None]
        _, axes = draw_grid(stack, list(images), limits, figure)
        if self.clean is not None:
            write_psnr(axes[0, 1], self.clean, self.noisy)
            write_psnr(axes[0, 2], self.clean, self.denoised)
        return list(axes[0])

    def _plot_factors(self, ax):
        k = np.arange(1, len(self.eigenvalues) + 1)
        of_what = "noisy" if self.clean is None else "clean"
        other = ax.twinx()
        other.scatter(k, np.abs(self.coefficients), s=6, color="0.6")
        other.set(yscale="log", ylabel=f"dots: |coefficient|, {of_what} image")
        ax.plot(k, self.eigenvalues, color="C3")
        ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        ax.set(
            xlabel="k", ylabel="line: shrinkage factor", zorder=other.get_zorder() + 1
        )
        ax.yaxis.label.set_color("C3")
        ax.patch.set_visible(False)
        if len(k) > 20:
            ax.set_xscale("log")
        return {"eigenvalues": ax, "coefficients": other}

    def _plot_components(self, figure, ks):
        n_columns = min(len(ks), N_COLUMNS)
        n_rows = math.ceil(len(ks) / n_columns)
        axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
        for ax in axes[len(ks) :]:
            ax.remove()
        axes = list(axes[: len(ks)])
        for ax, k in zip(axes, ks, strict=True):
            component = gray_or_rgb(self.components[k - 1])
            # A few large values must not hide the others.
            limit = np.quantile(np.abs(component), 0.99) or np.abs(component).max()
            if component.ndim == 3:
                ax.imshow(0.5 + 0.5 * component / limit)
            else:
                ax.imshow(component, cmap="RdBu_r", vmin=-limit, vmax=limit)
            draw_contours(ax, self.denoised if self.clean is None else self.clean)
            ax.set(xticks=[], yticks=[])
            title = f"k = {k}\nfactor {self.eigenvalues[k - 1]:.2f}"
            ax.set_title(title, fontsize="small")
        return axes


def draw_contours(ax, image):
    """Draw one thin line along each contour of an image.

    The line follows the maxima of the gradient magnitude, where the second derivative
    in the direction of the gradient is zero. Small gradients are texture.
    """
    gray = image.mean(axis=-1) if image.ndim == 3 else image
    if min(gray.shape) < 3:
        return
    gray = gaussian_filter(gray.astype(float), min(gray.shape) / 32)
    by_row, by_column = np.gradient(gray)
    (by_row_twice, mixed), (_, by_column_twice) = map(np.gradient, (by_row, by_column))
    curvature = (
        by_row**2 * by_row_twice
        + 2 * by_row * by_column * mixed
        + by_column**2 * by_column_twice
    )
    sizes = np.hypot(by_row, by_column)
    if sizes.max() > 0:
        visible = np.ma.masked_where(sizes < CONTOUR_THRESHOLD * sizes.max(), curvature)
        ax.contour(visible, [0], colors="0.2", linewidths=0.6)
