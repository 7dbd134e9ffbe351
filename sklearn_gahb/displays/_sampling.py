"""Figures of sampling trajectories and of solutions to inverse problems."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import aslinearoperator

from ._grids import draw_grid, write_psnr


@dataclass(kw_only=True, eq=False, repr=False)
class TrajectoryDisplay:
    """Draw the images that lead from noise to samples.

    The figure has one row per sample and one column per step. It is recommended to use
    `from_trajectory` to create a `TrajectoryDisplay`.

    Parameters
    ----------
    images : ndarray of shape (n_kept, n, height, width[, channels])
        Images at the recorded steps of the sampler.
    noise_std : ndarray of shape (n_kept, n)
        Noise levels at the recorded steps.

    Attributes
    ----------
    axes_ : ndarray of shape (n_rows, n_columns) of matplotlib Axes
        Axes of the images.
    figure_ : matplotlib Figure or SubFigure
        Figure that contains the axes.

    See Also
    --------
    sklearn_gahb.sampling.sample : Returns trajectories.

    Examples
    --------
    >>> from sklearn_gahb import WienerDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.displays import TrajectoryDisplay
    >>> from sklearn_gahb.sampling import sample
    >>> denoiser = WienerDenoiser().fit(make_gaussian_textures(50, 16, random_state=0))
    >>> _, trajectory = sample(denoiser, 2, return_trajectory=True, random_state=0)
    >>> TrajectoryDisplay.from_trajectory(trajectory, n_columns=5).axes_.shape
    (2, 5)
    """

    images: np.ndarray
    noise_std: np.ndarray

    @classmethod
    def from_trajectory(cls, trajectory, *, n_columns=8, limits=(0, 1), figure=None):
        """Draw a trajectory.

        Parameters
        ----------
        trajectory : Trajectory
            Trajectory returned by :func:`~sklearn_gahb.sampling.sample`.
        n_columns : int, default=8
            Number of recorded steps to draw. They are evenly spaced from the first to
            the last one.
        limits : tuple of (float, float), default=(0, 1)
            Intensities drawn as black and as white.
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw in. If None, a new figure is created.

        Returns
        -------
        display : TrajectoryDisplay
            Display with the drawn figure.
        """
        display = cls(images=trajectory.images, noise_std=trajectory.noise_std)
        return display.plot(n_columns=n_columns, limits=limits, figure=figure)

    def plot(self, *, n_columns=8, limits=(0, 1), figure=None):
        """Draw the figure.

        Parameters
        ----------
        n_columns : int, default=8
            Number of recorded steps to draw. They are evenly spaced from the first to
            the last one.
        limits : tuple of (float, float), default=(0, 1)
            Intensities drawn as black and as white.
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw in. If None, a new figure is created.

        Returns
        -------
        display : TrajectoryDisplay
            The display itself, with `axes_` and `figure_`.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        n_columns = min(n_columns, len(self.images))
        kept = np.linspace(0, len(self.images) - 1, n_columns).round().astype(int)
        images = self.images[kept].swapaxes(0, 1)
        titles = [f"noise {self.noise_std[k].mean():.2g}" for k in kept]
        self.figure_, self.axes_ = draw_grid(images, titles, limits, figure)
        return self


@dataclass(kw_only=True, eq=False, repr=False)
class InverseProblemDisplay:
    """Draw measurements and solutions of inverse problems side by side.

    The figure has one row per image. The columns show four images: the clean image
    (if it is known), the measurements as an image, one draw, and the mean of the draws.
    If the clean image is known, the PSNR of the other three is written below them,
    relative to the limits of the intensities. It is recommended to
    use `from_solution` to create an `InverseProblemDisplay`.

    Parameters
    ----------
    measured : ndarray of shape (n, height, width) or (n, height, width, channels)
        Measurements as images: the multiple of :math:`M^T m` whose measurements are
        closest to m. If M has orthonormal rows, this is :math:`M^T m`.
    draw, mean : ndarray of the shape of `measured`
        One of the drawn reconstructions, and the mean of all of them.
    clean : ndarray of the shape of `measured`, default=None
        Images that were measured.

    Attributes
    ----------
    axes_ : ndarray of shape (n, n_columns) of matplotlib Axes
        Axes of the images.
    figure_ : matplotlib Figure or SubFigure
        Figure that contains the axes.

    See Also
    --------
    sklearn_gahb.sampling.solve_inverse : Solves inverse problems.

    Examples
    --------
    >>> from sklearn_gahb import WienerDenoiser
    >>> from sklearn_gahb.datasets import make_gaussian_textures
    >>> from sklearn_gahb.displays import InverseProblemDisplay
    >>> from sklearn_gahb.sampling import block_averages, solve_inverse
    >>> X = make_gaussian_textures(50, 16, random_state=0)
    >>> operator = block_averages((16, 16), 2)
    >>> measurements = (operator @ X[:2].reshape(2, -1).T).T
    >>> solution = solve_inverse(
    ...     WienerDenoiser().fit(X), measurements, operator
    ... )
    >>> display = InverseProblemDisplay.from_solution(
    ...     solution, measurements, operator, clean=X[:2]
    ... )
    >>> display.axes_.shape
    (2, 4)
    """

    measured: np.ndarray
    draw: np.ndarray
    mean: np.ndarray
    clean: np.ndarray | None = None

    @classmethod
    def from_solution(
        cls, solution, measurements, operator, *, clean=None, limits=None, figure=None
    ):
        """Draw a solution.

        Parameters
        ----------
        solution : :class:`~sklearn.utils.Bunch`
            Solution returned by :func:`~sklearn_gahb.sampling.solve_inverse`.
        measurements : array-like of shape (n_measurements,) or (n, n_measurements)
            Measurements from which the solution was computed.
        operator : LinearOperator
            Operator that maps images to measurements.
        clean : array-like, default=None
            Images that were measured.
        limits : tuple of (float, float), default=None
            Intensities drawn as black and as white. If None, black and white of the
            data range.
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw in. If None, a new figure is created.

        Returns
        -------
        display : InverseProblemDisplay
            Display with the drawn figure.
        """
        limits = solution.black_and_white if limits is None else limits
        measured = back_projection(aslinearoperator(operator), measurements)
        shape = (len(measured), *solution.mean.shape[np.ndim(measurements) - 1 :])
        display = cls(
            measured=measured.reshape(shape),
            draw=solution.draws[0].reshape(shape),
            mean=solution.mean.reshape(shape),
            clean=None if clean is None else np.reshape(clean, shape),
        )
        return display.plot(limits=limits, figure=figure)

    def plot(self, *, limits=(0, 1), figure=None):
        """Draw the figure.

        Parameters
        ----------
        limits : tuple of (float, float), default=(0, 1)
            Intensities drawn as black and as white.
        figure : matplotlib Figure or SubFigure, default=None
            Figure to draw in. If None, a new figure is created.

        Returns
        -------
        display : InverseProblemDisplay
            The display itself, with `axes_` and `figure_`.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        columns = {
            "image": self.clean,
            "measurements": self.measured,
            "one draw": self.draw,
            "mean of draws": self.mean,
        }
        columns = {name: x for name, x in columns.items() if x is not None}
        images = np.stack(list(columns.values()), axis=1)
        self.figure_, self.axes_ = draw_grid(images, list(columns), limits, figure)
        if self.clean is not None:
            for row, (clean, *others) in zip(self.axes_, images, strict=True):
                for ax, image in zip(row[1:], others, strict=True):
                    write_psnr(ax, clean, image, limits[1] - limits[0])
        return self


def back_projection(operator, measurements):
    """Compute multiples of M^T m whose measurements are closest to m (rows)."""
    m = np.atleast_2d(measurements).T
    images = operator.H @ m
    again = operator @ images
    scale = (m * again).sum(axis=0) / np.maximum(np.square(again).sum(axis=0), 1e-300)
    return (scale * images).T
