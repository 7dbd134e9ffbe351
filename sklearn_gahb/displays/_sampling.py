"""Samples on their way, and solutions of inverse problems."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import aslinearoperator

from ._grids import draw_grid


@dataclass(kw_only=True, eq=False, repr=False)
class TrajectoryDisplay:
    """Draw how samples come out of noise: a row a sample, a column a step.

    It is recommended to use `from_trajectory`.

    Parameters
    ----------
    images : ndarray of shape (n_kept, n, height, width[, channels])
        States of the samples.
    noise_std : ndarray of shape (n_kept, n)
        Noise levels of these.

    Attributes
    ----------
    axes_ : ndarray of shape (n_rows, n_columns) of matplotlib Axes
        Axes that were drawn into.
    figure_ : matplotlib Figure or SubFigure
        Their figure.

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
        """Draw what a sampler kept.

        Parameters
        ----------
        trajectory : Trajectory
            As :func:`~sklearn_gahb.sampling.sample` returns it.
        n_columns : int, default=8
            Number of states, evenly spaced, the first and the last among them.
        limits : tuple of (float, float), default=(0, 1)
            Intensities that are drawn black and white.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw. None makes a new one.

        Returns
        -------
        display : TrajectoryDisplay
            That was drawn.
        """
        display = cls(images=trajectory.images, noise_std=trajectory.noise_std)
        return display.plot(n_columns=n_columns, limits=limits, figure=figure)

    def plot(self, *, n_columns=8, limits=(0, 1), figure=None):
        """Draw the figure.

        Parameters
        ----------
        n_columns : int, default=8
            Number of states, evenly spaced, the first and the last among them.
        limits : tuple of (float, float), default=(0, 1)
            Intensities that are drawn black and white.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw. None makes a new one.

        Returns
        -------
        display : TrajectoryDisplay
            Itself, with `axes_` and `figure_`.

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
    """Draw measurements beside solutions: a row an image.

    The columns are the image if it is known, the measurements as an image (their
    least-norm solution), one draw, and the mean of the draws. It is recommended to use
    `from_solution`.

    Parameters
    ----------
    measured : ndarray of shape (n, height, width) or (n, height, width, channels)
        The measurements as images.
    draw, mean : ndarray of the shape of `measured`
        A draw, and the mean.
    clean : ndarray of the shape of `measured`, default=None
        The images that were measured.

    Attributes
    ----------
    axes_ : ndarray of shape (n, n_columns) of matplotlib Axes
        Axes that were drawn into.
    figure_ : matplotlib Figure or SubFigure
        Their figure.

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
        cls, solution, measurements, operator, *, clean=None, limits=(0, 1), figure=None
    ):
        """Draw a solution.

        Parameters
        ----------
        solution : :class:`~sklearn.utils.Bunch`
            As :func:`~sklearn_gahb.sampling.solve_inverse` returns it.
        measurements : array-like of shape (n_measurements,) or (n, n_measurements)
            What it was computed from.
        operator : LinearOperator
            The operator that measured.
        clean : array-like, default=None
            The images that were measured.
        limits : tuple of (float, float), default=(0, 1)
            Intensities that are drawn black and white.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw. None makes a new one.

        Returns
        -------
        display : InverseProblemDisplay
            That was drawn.
        """
        adjoint = aslinearoperator(operator).H
        measured = (adjoint @ np.atleast_2d(measurements).T).T
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
            Intensities that are drawn black and white.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw. None makes a new one.

        Returns
        -------
        display : InverseProblemDisplay
            Itself, with `axes_` and `figure_`.

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
        return self
