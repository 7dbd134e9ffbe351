"""Figures of memorization and generalization."""

from dataclasses import dataclass, fields

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._grids import draw_grid, new_figure
from ._lines import legend_above, line_style


@dataclass(kw_only=True, eq=False, repr=False)
class GeneralizationDisplay:
    """Draw the results of a `GeneralizationAnalyzer`.

    The analyzer fits denoisers on disjoint subsets of the images. Below, the outputs
    and samples of a subset are those of the denoiser that was fitted on it. There are
    six kinds of figure. The first four are similar to figures 1 and 2 of [1]_:

    - "agreement" shows three curves over the number of training images: the PSNR on
      training images, the PSNR on test images, and the PSNR between the outputs of
      different subsets. There is one panel per noise level. Error bars show the
      standard deviation over subsets, or over pairs of subsets for the agreement. With
      only two subsets, the agreement has no error bars. If the outputs are identical,
      their PSNR is infinite, and the panel says so.
    - "psnr" shows the output PSNR against the input PSNR, on training and test images.
      There is one color and marker per training size. The analyzer must have several
      noise levels. Error bars show the standard deviation over subsets.
    - "similarity" shows two filled histograms: the similarities between samples and
      their closest training images, and the similarities between samples of two
      subsets. An outline shows a third histogram, for comparison: the similarities
      between training images of the first subset and the closest images of the second
      subset. There is one panel per training size.
    - "samples" shows two samples that were generated from the same noise, one for each
      of the first two subsets. Each sample is next to its closest training image from
      the same subset. There is one column per training size. Each image is drawn from
      its least to its largest intensity, since the similarity ignores contrast.
    - "explained" shows how much of the denoisers each theory explains, over the number
      of training images: the squared correlation of the outputs. There is one panel per
      noise level. Error bars show the standard deviation over subsets.
    - "training" shows the PSNR on training and test images over the number of training
      steps. There is one panel per noise level, and one color and marker per training
      size. A vertical line of the same color shows the mean memorization time, if the
      denoisers of all subsets memorize.

    The similarity of two images is the cosine between them, after the mean of each
    image is subtracted. It is recommended to use `from_estimator` to create a
    `GeneralizationDisplay`.

    Parameters
    ----------
    train_sizes : ndarray of shape (n_sizes,)
        Numbers of training images.
    noise_std : ndarray of shape (n_levels,)
        Noise levels.
    train_psnr, test_psnr : ndarray of shape (n_sizes, n_subsets, n_levels)
        PSNR in dB on training images and on test images.
    agreement : ndarray of shape (n_sizes, n_levels)
        PSNR in dB between the outputs of different subsets.
    agreement_std : ndarray of shape (n_sizes, n_levels)
        Standard deviation of `agreement` over pairs of subsets, or nan.
    generated_similarity : ndarray of shape (n_sizes, n_samples), default=None
        Similarity between samples of two subsets.
    train_similarity : ndarray of shape (n_sizes, n_subsets, n_samples), default=None
        Similarity between each sample and its closest training image.
    subset_similarity : list of ndarray of shape (n_images,), default=None
        Similarity between each training image of the first subset and the closest image
        of the second subset. The list has one entry per training size.
    explained : dict of str to ndarray, default=None
        For each theory, the squared correlation with the outputs, of shape (n_sizes,
        n_subsets, n_levels).
    memorization_time : ndarray of shape (n_sizes, n_subsets, n_levels), default=None
        Number of training steps after which a network memorizes, or nan.
    grid : ndarray of shape (4, n_sizes, height, width[, channels]), default=None
        Images that the figure "samples" shows.
    history : dict of int to tuple of (ndarray, ndarray), default=None
        For each number of training steps, `train_psnr` and `test_psnr`.

    Attributes
    ----------
    figure_ : matplotlib Figure or SubFigure
        Figure that contains the axes.
    axes_ : ndarray of matplotlib Axes
        Axes of the panels.

    See Also
    --------
    sklearn_gahb.GeneralizationAnalyzer : Computes the results.

    References
    ----------
    .. [1] Z. Kadkhodaie, F. Guth, E. P. Simoncelli, S. Mallat, "Generalization in
       diffusion models arises from geometry-adaptive harmonic representations",
       ICLR 2024. :arxiv:`2310.02557`

    Examples
    --------
    >>> from sklearn_gahb import EmpiricalDenoiser, GeneralizationAnalyzer
    >>> from sklearn_gahb.datasets import make_disk_images
    >>> from sklearn_gahb.displays import GeneralizationDisplay
    >>> analyzer = GeneralizationAnalyzer(
    ...     EmpiricalDenoiser(),
    ...     (1, 10),
    ...     noise_std=[0.1, 0.3],
    ...     duplicates="ignore",
    ...     random_state=0,
    ... ).fit(make_disk_images(60, 16, random_state=0))
    >>> display = GeneralizationDisplay.from_estimator(analyzer)
    >>> len(display.axes_)
    2
    """

    train_sizes: np.ndarray
    noise_std: np.ndarray
    train_psnr: np.ndarray
    test_psnr: np.ndarray
    agreement: np.ndarray
    agreement_std: np.ndarray
    generated_similarity: np.ndarray | None = None
    train_similarity: np.ndarray | None = None
    subset_similarity: list | None = None
    explained: dict | None = None
    memorization_time: np.ndarray | None = None
    grid: np.ndarray | None = None
    history: dict | None = None

    @classmethod
    def from_estimator(cls, analyzer, *, kind="agreement", sample=0, figure=None):
        """Draw the results of a fitted analyzer.

        Parameters
        ----------
        analyzer : GeneralizationAnalyzer
            Fitted analyzer.
        kind : {"agreement", "psnr", "similarity", "samples", "explained", \
                "training"}, default="agreement"
            Kind of figure. "similarity" and "samples" need an analyzer with positive
            `n_generated`, "explained" needs `theories`, and "training" needs an
            estimator with `checkpoints`.
        sample : int, default=0
            Index of the sample in the figure "samples".
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw in. If None, a new figure is created.

        Returns
        -------
        display : GeneralizationDisplay
            Display with the drawn figure.

        Raises
        ------
        TypeError
            If `analyzer` is not a `GeneralizationAnalyzer`.
        ValueError
            If `kind` is unknown, or if the analyzer has not measured what it shows.
        """
        check_is_fitted(analyzer)
        if not hasattr(analyzer, "train_psnr_"):
            raise TypeError(
                f"analyzer is a {type(analyzer).__name__}; expected a fitted "
                "GeneralizationAnalyzer."
            )
        measured = {
            one.name: getattr(analyzer, f"{one.name}_", None) for one in fields(cls)
        }
        if measured["generated_similarity"] is not None:
            measured["grid"] = _samples_and_neighbors(analyzer, sample)
        if measured["memorization_time"] is not None:
            measured["history"] = {
                n_steps: (one.train_psnr_, one.test_psnr_)
                for n_steps, one in analyzer.snapshots_.items()
            }
        return cls(**measured).plot(kind=kind, figure=figure)

    def plot(self, *, kind="agreement", figure=None):
        """Draw the figure.

        Parameters
        ----------
        kind : {"agreement", "psnr", "similarity", "samples", "explained", \
                "training"}, default="agreement"
            Kind of figure.
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw in. If None, a new figure is created.

        Returns
        -------
        display : GeneralizationDisplay
            The display itself, with `axes_` and `figure_`.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        ValueError
            If `kind` is unknown, or if the display has no data for it.
        """
        draw = {
            "agreement": self._plot_agreement,
            "psnr": self._plot_psnr,
            "similarity": self._plot_similarity,
            "samples": self._plot_samples,
            "explained": self._plot_explained,
            "training": self._plot_training,
        }
        if kind not in draw:
            raise ValueError(f"kind={kind!r} must be one of {list(draw)}.")
        for data, kinds, cure in [
            (self.grid, ("similarity", "samples"), "n_generated of the analyzer"),
            (self.explained, ("explained",), "theories of the analyzer"),
            (self.history, ("training",), "checkpoints of the estimator"),
        ]:
            if kind in kinds and data is None:
                raise ValueError(
                    f"kind={kind!r} needs measures that the analyzer does not have; "
                    f"set {cure} and fit the analyzer again."
                )
        self.figure_, self.axes_ = draw[kind](figure)
        return self

    def _level_panels(self, figure, xlabel):
        """Create a panel for each noise level, with a logarithmic horizontal axis."""
        figure = figure or new_figure(1.2 + 2.6 * len(self.noise_std), 3.5)
        axes = figure.subplots(1, len(self.noise_std), sharey=True, squeeze=False)[0]
        for ax, noise_std in zip(axes, self.noise_std, strict=True):
            title = f"noise_std = {noise_std:g}"
            ax.set(title=title, xlabel=xlabel, xscale="log")
        return figure, axes

    def _plot_agreement(self, figure):
        figure, axes = self._level_panels(figure, "training images")
        series = {
            "training images": _mean_and_std(self.train_psnr),
            "test images": _mean_and_std(self.test_psnr),
            "agreement of the outputs": (
                _finite(self.agreement),
                np.nan_to_num(self.agreement_std),
            ),
        }
        for level, ax in enumerate(axes):
            for i, (label, (means, spread)) in enumerate(series.items()):
                points = self.train_sizes, means[:, level], spread[:, level]
                ax.errorbar(*points, fmt=line_style(i), label=label)
            if np.isposinf(self.agreement[:, level]).any():
                write_infinite_agreement(ax)
        axes[0].set_ylabel("PSNR (dB)")
        legend_above(figure, axes[0], n_columns=3)
        return figure, axes

    def _plot_psnr(self, figure):
        figure = figure or new_figure(6, 4)
        ax = figure.subplots()
        order = np.argsort(-self.noise_std)
        x = -20 * np.log10(self.noise_std[order])
        train, test = (
            [one[:, order] for one in _mean_and_std(psnr)]
            for psnr in (self.train_psnr, self.test_psnr)
        )
        for i, size in enumerate(self.train_sizes):
            color, marker = f"C{i % 10}", line_style(i)[0]
            for (mean, spread), line, style in [
                (train, "--", {"markerfacecolor": "white"}),
                (test, "-", {"label": f"N = {size}"}),
            ]:
                style |= {"color": color, "markersize": 5}
                ax.errorbar(x, mean[i], spread[i], fmt=marker + line, **style)
        ax.plot([], [], color="0.3", label="test images")
        ax.plot([], [], "--", color="0.3", label="training images")
        ax.set(xlabel="input PSNR (dB)", ylabel="output PSNR (dB)")
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
        return figure, np.array([ax])

    def _plot_similarity(self, figure):
        n_sizes = len(self.train_sizes)
        figure = figure or new_figure(2.2 * n_sizes, 3)
        (axes,) = figure.subplots(1, n_sizes, sharex=True, sharey=True, squeeze=False)
        edges = np.linspace(-0.25, 1, 26)
        for i, (ax, size) in enumerate(zip(axes, self.train_sizes, strict=True)):
            for label, values, style in [
                (
                    "sample, closest training image",
                    self.train_similarity[i].ravel(),
                    {"color": "C0", "alpha": 0.5},
                ),
                (
                    "sample 1, sample 2",
                    self.generated_similarity[i],
                    {"facecolor": "none", "edgecolor": "C1", "hatch": "////"},
                ),
                (
                    "image of set 1, closest image of set 2",
                    self.subset_similarity[i],
                    {"histtype": "step", "color": "0.2", "linestyle": "--"},
                ),
            ]:
                style |= {"weights": np.full(len(values), 1 / len(values))}
                ax.hist(values.clip(edges[0], 1), edges, label=label, **style)
            ax.set(title=f"N = {size}", xlabel="similarity")
        axes[0].set_ylabel("share of pairs")
        legend_above(figure, axes[0], n_columns=3 if n_sizes > 3 else 1)
        return figure, axes

    def _plot_samples(self, figure):
        titles = [f"N = {size}" for size in self.train_sizes]
        figure, axes = draw_grid(self.grid, titles, None, figure)
        names = ["closest\nin set 1", "sample 1", "sample 2", "closest\nin set 2"]
        for ax, name in zip(axes[:, 0], names, strict=True):
            ax.set_ylabel(name, fontsize="small")
        return figure, axes

    def _plot_explained(self, figure):
        figure, axes = self._level_panels(figure, "training images")
        for level, ax in enumerate(axes):
            for i, (name, values) in enumerate(self.explained.items()):
                means, spread = _mean_and_std(values[..., level])
                points = self.train_sizes, means, spread
                ax.errorbar(*points, fmt=line_style(i), label=name)
            ax.set(ylim=(-0.02, 1.02))
        axes[0].set_ylabel("squared correlation\nwith the network")
        legend_above(figure, axes[0], n_columns=3)
        return figure, axes

    def _plot_training(self, figure):
        figure, axes = self._level_panels(figure, "training steps")
        steps = list(self.history)
        train, test = (
            np.stack([_mean_and_std(pair[k])[0] for pair in self.history.values()])
            for k in (0, 1)
        )
        memorized = self.memorization_time.mean(axis=1)
        for level, ax in enumerate(axes):
            for i, size in enumerate(self.train_sizes):
                color, marker = f"C{i % 10}", line_style(i)[0]
                style = {"color": color, "markersize": 4}
                label = f"N = {size}"
                ax.plot(steps, test[:, i, level], marker + "-", label=label, **style)
                style["markerfacecolor"] = "white"
                ax.plot(steps, train[:, i, level], marker + "--", **style)
                if np.isfinite(memorized[i, level]):
                    ax.axvline(memorized[i, level], color=color, alpha=0.4)
            ax.plot([], [], color="0.3", label="test images")
            ax.plot([], [], "--", color="0.3", label="training images")
        axes[0].set_ylabel("PSNR (dB)")
        legend_above(figure, axes[0], n_columns=3)
        return figure, axes


def write_infinite_agreement(ax):
    """Say in a panel why no line of the agreement is drawn."""
    text = "agreement is infinite:\nthe outputs are identical"
    ax.text(0.5, 0.97, text, transform=ax.transAxes, ha="center", va="top")


def _finite(values):
    # The PSNR of equal images is infinite.
    return np.where(np.isfinite(values), values, np.nan)


def _mean_and_std(psnr):
    """Mean and standard deviation over the subsets, which are axis 1."""
    finite = _finite(psnr)
    return finite.mean(axis=1), np.nan_to_num(finite.std(axis=1, ddof=1))


def _samples_and_neighbors(analyzer, sample):
    n_samples = len(analyzer.generated_images_[0][0])
    if not 0 <= sample < n_samples:
        raise ValueError(
            f"sample={sample!r} must be an integer from 0 to {n_samples - 1}."
        )
    pairs = zip(analyzer.closest_train_images_, analyzer.generated_images_, strict=True)
    columns = [
        np.stack([near[0, sample], *drawn[:2, sample], near[1, sample]])
        for near, drawn in pairs
    ]
    return np.stack(columns, axis=1)
