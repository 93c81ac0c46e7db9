"""Estimates beside the values that the data were simulated with."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import GREY, PALETTE, WIDTH, no_data, shorten, styled

_MOST_PANELS = 9
# More values than this in a panel are not named: names would cover one another.
_MOST_NAMED = 6


@styled
def recovery(table: pd.DataFrame) -> Figure:
    """Draw estimate against truth with the line of identity, one panel for each quantity.

    Parameters
    ----------
    table : DataFrame
        Columns ``quantity, name, unit, truth, estimate``; of quantities with an estimate the first
        nine are drawn.

    Returns
    -------
    Figure

    Examples
    --------
    >>> row = {"quantity": "delay", "name": "V1->V5", "unit": "s", "truth": 0.1, "estimate": 0.2}
    >>> recovery(pd.DataFrame([row])).axes[0].get_xlabel()
    'truth (s)'
    """
    known = np.isfinite(table[["truth", "estimate"]].astype(float)).all(axis=1)
    groups = list(table[known].groupby("quantity", sort=False))[:_MOST_PANELS]
    n_columns = min(len(groups), 3) or 1
    n_rows = -(-len(groups) // n_columns) or 1
    figure = Figure(figsize=(WIDTH / 3 * n_columns, 2.5 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    if not groups:
        return no_data(figure, grid[0, 0], "no quantity was recovered")
    for axes in grid.flat[len(groups) :]:
        axes.set_axis_off()
    for axes, (quantity, rows) in zip(grid.flat, groups, strict=False):
        axes.set_title(shorten(str(quantity), 30))
        truth, estimate = rows[["truth", "estimate"]].to_numpy(float).T
        axes.scatter(truth, estimate, s=14, color=PALETTE[0], alpha=0.75, linewidth=0)
        if len(truth) <= _MOST_NAMED:
            for name, x, y in zip(rows["name"], truth, estimate, strict=True):
                at = {"xytext": (3, 3), "textcoords": "offset points"}
                axes.annotate(shorten(str(name), 20), (x, y), fontsize=5.5, color=GREY, **at)
        low, high = min(truth.min(), estimate.min()), max(truth.max(), estimate.max())
        # at least a fifth of the value is shown: a hair's breadth must not look like a miss
        span = max(1.16 * (high - low), 0.4 * max(abs(low), abs(high)), 1e-3)
        middle = (low + high) / 2
        limits = (middle - span / 2, middle + span / 2)
        axes.plot(limits, limits, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
        units = rows["unit"].astype(str).unique()
        unit = "" if set(units) <= {"1", "nan", ""} else f" ({', '.join(units)})"
        axes.set(xlabel=f"truth{unit}", ylabel=f"estimate{unit}", xlim=limits, ylim=limits)
        axes.set_aspect("equal")
        axes.locator_params(nbins=5)
    return figure
