"""Scores in space: a mosaic of slices."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import PALE, WIDTH, no_data, styled
from drmbids.data.tools.exceptions import DataError

_MOST_SLICES = 18
_MARGIN = 2  # voxels kept around those with a score


def _window(finite: np.ndarray, axis: int) -> slice:
    """Return the part of an axis that holds scores, with a margin."""
    others = tuple(a for a in range(3) if a != axis)
    held = np.flatnonzero(finite.any(axis=others))
    return slice(max(0, held[0] - _MARGIN), min(finite.shape[axis], held[-1] + _MARGIN + 1))


def color_limits(values: np.ndarray, diverging: bool = False) -> tuple[float, float]:
    """Return colour limits that one extreme voxel does not decide.

    Parameters
    ----------
    values : array of shape (n_values,)
        Finite scores, one or more.
    diverging : bool
        Whether the limits are symmetric around 0.

    Returns
    -------
    tuple of 2 float
        1st (or 0) and 99th percentile.
    """
    if diverging:
        limit = float(np.percentile(np.abs(values), 99)) or 1e-6
        return -limit, limit
    high = float(np.percentile(values, 99))
    low = min(0.0, float(np.percentile(values, 1)))
    return low, high if high > low else low + 1e-6


def _panels(n: int, height_by_width: float) -> tuple[Figure, np.ndarray]:
    """Return a figure with a panel for each of n slices, wide ones in fewer columns."""
    n_columns = min(n, int(np.clip(round(6 * height_by_width**0.5), 3, 9)))
    n_rows = -(-n // n_columns)
    panel = min(3.2, (WIDTH - 1.0) / n_columns, 2.6 / height_by_width)
    figure = Figure(
        figsize=(n_columns * panel + 1.0, n_rows * (panel * height_by_width + 0.2) + 0.15),
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    return figure, figure.subplots(n_rows, n_columns, squeeze=False)


@styled
def score_map(
    volume: np.ndarray,
    voxel_size: Sequence[float] = (1.0, 1.0, 1.0),
    label: str = "",
    diverging: bool = False,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw slices of a volume of scores, cut along its third axis.

    Parameters
    ----------
    volume : array of shape (n_x, n_y, n_z)
        Scores; NaN outside the regions. With axes in the order and direction of the RAS
        convention, the subject's left is on the left.
    voxel_size : sequence of 3 float
        Size of a voxel in mm.
    label : str
        Label of the colour bar.
    diverging : bool
        Whether colours are symmetric around 0, as for a difference.
    limits : tuple of 2 float, optional
        Ends of the colour bar; 1st (or 0) and 99th percentile when absent.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the volume does not have three axes.

    Examples
    --------
    >>> len(score_map(np.ones((4, 5, 1)), label="r").axes)  # one slice and the colour bar
    2
    """
    volume = np.asarray(volume, dtype=float)
    if volume.ndim != 3:
        raise DataError(f"a map of scores needs 3 axes, got an array of shape {volume.shape}")
    finite = np.isfinite(volume)
    if not finite.any():
        figure = Figure(figsize=(3.0, 1.0))
        return no_data(figure, figure.subplots(), "no voxel has a score")
    low, high = limits or color_limits(volume[finite], diverging)
    x, y = _window(finite, 0), _window(finite, 1)
    filled = np.flatnonzero(finite.any(axis=(0, 1)))
    picked = filled[
        np.linspace(0, len(filled) - 1, min(len(filled), _MOST_SLICES)).round().astype(int)
    ]
    dx, dy = float(voxel_size[0]), float(voxel_size[1])
    shape = (x.stop - x.start) * dx, (y.stop - y.start) * dy
    figure, grid = _panels(len(picked), height_by_width=shape[1] / shape[0])
    colors = mpl.colormaps["RdBu_r" if diverging else "viridis"].with_extremes(bad=PALE)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, k in zip(grid.flat, picked, strict=False):
        image = axes.imshow(
            volume[x, y, k].T, origin="lower", cmap=colors, vmin=low, vmax=high, aspect=dy / dx
        )
        axes.set_title(f"slice {k}", fontsize=6.5, fontweight="normal", pad=2)
    bar = figure.colorbar(
        image, ax=grid, shrink=0.9 if len(grid) == 1 else 0.6, aspect=18, pad=0.02
    )
    bar.set_label(label)
    bar.outline.set_visible(False)
    return figure
