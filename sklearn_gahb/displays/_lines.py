"""Lines of figures: series differ in marker and line style as well as in color."""

STYLES = ("o-", "s--", "^:", "D-.", "v-", "P--", "X:", "*-.")


def line_style(i):
    """Marker and line style of the i-th series, as a format of Matplotlib."""
    return STYLES[i % len(STYLES)]


def legend_above(figure, ax, n_columns=1):
    """Draw the legend of one of the axes above all axes of the figure."""
    handles, labels = ax.get_legend_handles_labels()
    place = "outside upper center"
    return figure.legend(handles, labels, loc=place, ncols=n_columns, fontsize="small")
