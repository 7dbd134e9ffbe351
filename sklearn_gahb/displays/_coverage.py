"""Figure of the coverage of posterior intervals against their nominal coverage."""

from dataclasses import dataclass

from ._grids import new_figure
from ._lines import line_style


@dataclass(kw_only=True, eq=False, repr=False)
class CoverageDisplay:
    """Draw the coverage of posterior intervals against their nominal coverage.

    The figure has one line with error bars per denoiser. Correct intervals give the
    gray diagonal. Below the diagonal, the denoiser is too certain. It is recommended to
    use `from_curves` to create a `CoverageDisplay`.

    Parameters
    ----------
    curves : dict of str to :class:`~sklearn.utils.Bunch`
        Results of :func:`~sklearn_gahb.evaluation.coverage_curve`, keyed by the name of
        the denoiser.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Figure that contains the axes.
    lines_ : dict of str to matplotlib Line2D
        Lines of the denoisers.

    See Also
    --------
    sklearn_gahb.evaluation.coverage_curve : Computes the curves.

    Examples
    --------
    >>> from sklearn_gahb import GaussianDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.displays import CoverageDisplay
    >>> from sklearn_gahb.evaluation import coverage_curve
    >>> X = make_gaussian_textures(500, 8, random_state=0)
    >>> curve = coverage_curve(GaussianDenoiser().fit(X), X[:5], 0.2, random_state=0)
    >>> list(CoverageDisplay.from_curves({"Gaussian": curve}).lines_)
    ['Gaussian']
    """

    curves: dict

    @classmethod
    def from_curves(cls, curves, *, ax=None):
        """Draw coverage curves.

        Parameters
        ----------
        curves : dict of str to :class:`~sklearn.utils.Bunch`
            Results of :func:`~sklearn_gahb.evaluation.coverage_curve`, keyed by the
            name of the denoiser.
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : CoverageDisplay
            Display with the drawn figure.
        """
        return cls(curves=curves).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the figure.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : CoverageDisplay
            The display itself, with `ax_`, `figure_` and `lines_`.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        ValueError
            If there are no curves.
        """
        curves = self.curves.values()
        if not curves or not all(hasattr(one, "coverage") for one in curves):
            raise ValueError(
                "curves must be a dict that maps at least one name to a result of "
                f"coverage_curve; got {self.curves!r}."
            )
        ax = ax or new_figure(4.8, 4.8).subplots()
        self.ax_, self.figure_ = ax, ax.figure
        ax.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, label="correct intervals")
        self.lines_ = {}
        for i, (name, curve) in enumerate(self.curves.items()):
            x, y = curve.nominal, curve.coverage
            (line,) = ax.plot(x, y, line_style(i), markersize=4, label=name)
            errors = curve.coverage_std_err
            ax.errorbar(x, y, errors, fmt="none", ecolor=line.get_color())
            self.lines_[name] = line
        ax.set(
            xlabel="nominal coverage",
            ylabel="fraction of true values in the interval",
            aspect="equal",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        ax.legend(fontsize="small", loc="upper left")
        return self
