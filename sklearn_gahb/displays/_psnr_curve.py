"""Figure of output PSNR against input PSNR."""

from dataclasses import dataclass

import numpy as np

from ._grids import new_figure
from ._lines import line_style


@dataclass(kw_only=True, eq=False, repr=False)
class PSNRCurveDisplay:
    r"""Draw the PSNR of denoised images against the PSNR of noisy images.

    The figure has one line with error bars per denoiser. For comparison, a thin gray
    line shows the PSNR of the noisy images, and other lines have given slopes. For
    images whose contours and backgrounds have Hoelder regularity :math:`\alpha`, the
    optimal slope is :math:`\alpha / (\alpha + 1)` [1]_. It is recommended to use
    `from_curves` to create a `PSNRCurveDisplay`.

    Parameters
    ----------
    curves : dict of str to :class:`~sklearn.utils.Bunch`
        Results of :func:`~sklearn_gahb.evaluation.psnr_curve`, keyed by the name of the
        denoiser.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Figure that contains the axes.
    lines_ : dict of str to matplotlib Line2D
        Lines of the denoisers.
    slope_lines_ : dict of str to matplotlib Line2D
        Lines with the given slopes.

    See Also
    --------
    sklearn_gahb.evaluation.psnr_curve : Computes the curves.

    References
    ----------
    .. [1] A. P. Korostelev, A. B. Tsybakov, "Minimax Theory of Image Reconstruction",
       Lecture Notes in Statistics 82, Springer, 1993.
       :doi:`10.1007/978-1-4612-2712-0`

    Examples
    --------
    >>> from sklearn_gahb import WienerDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.displays import PSNRCurveDisplay
    >>> from sklearn_gahb.evaluation import psnr_curve
    >>> X = make_gaussian_textures(50, 32, exponent=2, random_state=0)
    >>> curve = psnr_curve(WienerDenoiser().fit(X), X, [0.3, 0.1, 0.03])
    >>> display = PSNRCurveDisplay.from_curves(
    ...     {"Wiener": curve}, slopes={"optimal rate": 1 / 2}
    ... )
    >>> list(display.lines_), list(display.slope_lines_)
    (['Wiener'], ['optimal rate'])
    """

    curves: dict

    @classmethod
    def from_curves(cls, curves, *, slopes=None, ax=None):
        """Draw PSNR curves.

        Parameters
        ----------
        curves : dict of str to :class:`~sklearn.utils.Bunch`
            Results of :func:`~sklearn_gahb.evaluation.psnr_curve`, keyed by the name of
            the denoiser.
        slopes : dict of str to float, default=None
            Slopes of the comparison lines, keyed by the name of the line, such as
            ``{"optimal rate": alpha / (alpha + 1)}``.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : PSNRCurveDisplay
            Display with the drawn figure.
        """
        return cls(curves=curves).plot(slopes=slopes, ax=ax)

    def plot(self, *, slopes=None, ax=None):
        """Draw the figure.

        Parameters
        ----------
        slopes : dict of str to float, default=None
            Slopes of the comparison lines, keyed by the name of the line. The
            comparison lines cross the curve with the highest output PSNR. The crossing
            point is in the middle of the range in which the slope of this curve is
            fitted.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : PSNRCurveDisplay
            The display itself, with `ax_`, `figure_`, `lines_` and `slope_lines_`.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        ValueError
            If there are no curves.
        """
        curves = self.curves.values()
        if not curves or not all(hasattr(one, "input_psnr") for one in curves):
            raise ValueError(
                "curves must be a dict that maps at least one name to a result of "
                "psnr_curve; "
                f"got {self.curves!r}."
            )
        ax = ax or new_figure(6.4, 4.8).subplots()
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_ = {
            name: self._plot_curve(name, line_style(i))
            for i, name in enumerate(self.curves)
        }
        slopes = slopes or {}
        self.slope_lines_ = {
            name: self._plot_slope(name, slopes[name]) for name in slopes
        }
        low, high = self._input_range()
        noisy = {"color": "0.8", "linewidth": 0.8, "zorder": 0, "label": "noisy images"}
        ax.plot([low, high], [low, high], **noisy)
        ax.set(xlabel="input PSNR (dB)", ylabel="output PSNR (dB)")
        # Below the label of the x-axis, so that it covers no curve.
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "borderaxespad": 5}
        ax.legend(fontsize="small", **below)
        return self

    def _plot_curve(self, name, style):
        curve = self.curves[name]
        order = np.argsort(curve.input_psnr)
        x, y, std_err = (
            one[order]
            for one in (curve.input_psnr, curve.output_psnr, curve.output_psnr_std_err)
        )
        has_slope = np.isfinite(curve.slope)
        label = f"{name}, slope {curve.slope:.2f}" if has_slope else name
        (line,) = self.ax_.plot(x, y, style, markersize=5, label=label)
        errors = np.nan_to_num(std_err)
        self.ax_.errorbar(x, y, errors, fmt="none", ecolor=line.get_color())
        return line

    def _plot_slope(self, name, slope):
        best = max(self.curves.values(), key=lambda curve: curve.output_psnr.max())
        order = np.argsort(best.input_psnr)
        low, high = self._input_range()
        middle = np.clip(np.mean(best.slope_range), low, high)
        height = np.interp(middle, best.input_psnr[order], best.output_psnr[order])
        x = np.array([low, high])
        label = f"{name}, slope {slope:.2f}"
        y = height + slope * (x - middle)
        return self.ax_.plot(x, y, linestyle="--", color="0.4", label=label)[0]

    def _input_range(self):
        inputs = np.concatenate([curve.input_psnr for curve in self.curves.values()])
        return inputs.min(), inputs.max()
