"""Connections of a large brain model as a matrix."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import PALE, no_data, shorten, styled

_MOST_NAMES = 60  # rows or columns that can still be named


@styled
def connection_matrix(
    connections: pd.DataFrame, sources: Sequence[str], targets: Sequence[str]
) -> Figure:
    """Draw mean weights as a matrix, and delays as a second one if there are any.

    Parameters
    ----------
    connections : DataFrame
        Columns ``source, target, delay_s, weight_mean``.
    sources, targets : sequence of str
        Columns and rows of the matrix, in order.

    Returns
    -------
    Figure

    Examples
    --------
    >>> table = pd.DataFrame({"source": ["a"], "target": ["b"], "delay_s": [0.0],
    ...                       "weight_mean": [1.0]})
    >>> connection_matrix(table, ["a"], ["b"]).axes[0].get_title(loc="left")
    'Mean weight'
    """
    row = {name: k for k, name in enumerate(targets)}
    column = {name: k for k, name in enumerate(sources)}
    shape = (len(targets), len(sources))
    weights, delays, there = np.zeros(shape), np.full(shape, np.nan), np.zeros(shape, bool)
    for edge in connections.to_dict("records"):
        if edge["target"] in row and edge["source"] in column:
            place = row[edge["target"]], column[edge["source"]]
            weights[place], delays[place], there[place] = edge["weight_mean"], edge["delay_s"], True
    if not there.any():
        figure = Figure(figsize=(4, 1))
        return no_data(figure, figure.subplots(), "the model has no connections")
    weights = np.where(there, weights, np.nan)
    panels = [("Mean weight", weights, "RdBu_r")]
    if np.nanmax(delays) > 0:
        panels.append(("Delay (s)", delays, "viridis"))
    height = float(np.clip(0.9 + 2.8 * shape[0] / shape[1], 1.7, 3.7))
    figure = Figure(figsize=(0.4 + 3.7 * len(panels), height), layout="constrained")
    grid = np.atleast_1d(figure.subplots(1, len(panels)))
    for axes, (title, values, cmap) in zip(grid, panels, strict=True):
        finite = np.abs(values[np.isfinite(values)])
        limit = float(finite.max(initial=0.0)) or 1.0
        image = axes.imshow(
            values,
            cmap=mpl.colormaps[cmap].with_extremes(bad=PALE),
            vmin=-limit if cmap == "RdBu_r" else 0,
            vmax=limit,
        )
        axes.set(title=title, xlabel="from", ylabel="to")
        size = float(np.clip(160 / max(shape), 2.5, 6.5))
        for axis, names in ((axes.xaxis, sources), (axes.yaxis, targets)):
            if len(names) <= _MOST_NAMES:
                axis.set_ticks(range(len(names)), [shorten(n, 16) for n in names], fontsize=size)
        axes.tick_params(axis="x", rotation=90)
        axes.tick_params(length=0)
        figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02).outline.set_visible(False)
    return figure
