"""Scores on the cortical surface."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from nilearn.plotting import plot_surf

from drmbids.compare.drawing.score_map import color_limits
from drmbids.compare.drawing.style import WIDTH, no_data, styled
from drmbids.data.tools.exceptions import DataError

_SIDES = {"L": "left", "R": "right"}
_VIEWS = ("lateral", "medial")


@styled
def surface_map(
    meshes: Mapping[str, tuple[np.ndarray, np.ndarray]],
    values: Mapping[str, np.ndarray],
    label: str = "",
    diverging: bool = False,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw scores on hemispheres, from the side and from the middle.

    Parameters
    ----------
    meshes : mapping of {"L", "R"} to (array (n_vertices, 3), array (n_faces, 3))
        Points in mm, and the three vertices of each face.
    values : mapping of {"L", "R"} to array of shape (n_vertices,)
        Scores; NaN outside the regions.
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
        If values and mesh of a hemisphere differ in vertices.

    Examples
    --------
    >>> points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    >>> faces = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
    >>> len(surface_map({"L": (points, faces)}, {"L": np.arange(4.0)}).axes)  # and a colour bar
    3
    """
    for hemisphere, numbers in values.items():
        if len(meshes[hemisphere][0]) != len(numbers):
            raise DataError(
                f"hemisphere {hemisphere}: {len(numbers)} values, but the mesh has "
                f"{len(meshes[hemisphere][0])} vertices; give a mesh of the data's surface"
            )
    joined = np.concatenate(list(values.values()))
    if not np.isfinite(joined).any():
        figure = Figure(figsize=(3.0, 1.0))
        return no_data(figure, figure.subplots(), "no vertex has a score")
    low, high = limits or color_limits(joined[np.isfinite(joined)], diverging)
    colors = mpl.colormaps["RdBu_r" if diverging else "viridis"]
    figure = Figure(figsize=(WIDTH, 1.9 * len(values)), layout="constrained")
    grid = figure.subplots(len(values), len(_VIEWS), squeeze=False, subplot_kw={"projection": "3d"})
    for row, (hemisphere, numbers) in zip(grid, values.items(), strict=True):
        for axes, view in zip(row, _VIEWS, strict=True):
            _draw(axes, meshes[hemisphere], numbers, hemisphere, view, colors, (low, high))
    bar = figure.colorbar(
        ScalarMappable(Normalize(low, high), colors), ax=grid, shrink=0.7, aspect=18, pad=0.02
    )
    bar.set_label(label)
    bar.outline.set_visible(False)
    return figure


def _draw(
    axes: mpl.axes.Axes,
    mesh: tuple[np.ndarray, np.ndarray],
    numbers: np.ndarray,
    hemisphere: str,
    view: str,
    colors: mpl.colors.Colormap,
    limits: tuple[float, float],
) -> None:
    """Draw one view; vertices without a score are grey."""
    plot_surf(
        mesh, numbers, hemi=_SIDES[hemisphere], view=view, axes=axes, figure=axes.figure,
        cmap=colors, vmin=limits[0], vmax=limits[1], colorbar=False, avg_method="mean",
        engine="matplotlib",
    )  # fmt: skip
    for faces in axes.collections:
        # tens of thousands of triangles would make a page of many megabytes
        faces.set_rasterized(True)
    axes.set_title(f"{_SIDES[hemisphere]}, {view}", fontsize=6.5, fontweight="normal", pad=0)
