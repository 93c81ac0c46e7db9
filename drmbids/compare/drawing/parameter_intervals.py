"""Physical parameters with their intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import BLACK, PALETTE, WIDTH, no_data, shorten, styled
from drmbids.data.tools.exceptions import DataError

# More rows than this in a panel cannot be read; the widest intervals are left out.
_MOST_ROWS = 30
# Share of a panel's width beyond the estimates that intervals may reach before they are cut.
_MARGIN = 3.0


@styled
def parameter_intervals(table: pd.DataFrame, truth: pd.DataFrame | None = None) -> Figure:
    """Draw parameters with their intervals, a panel for each unit.

    An interval that would leave the others no room is cut, with an arrow at the cut.

    Parameters
    ----------
    table : DataFrame
        From :func:`drmbids.parameter_intervals`: columns ``node, parameter, index, value, unit,
        low, high, method``. Tables of several methods may follow one another.
    truth : DataFrame, optional
        Columns ``node, parameter, index, value`` of the values that data were simulated with.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If a column is missing.

    Examples
    --------
    >>> row = {"node": "V1", "parameter": "tau", "index": 0, "value": 1.0, "unit": "s"}
    >>> table = pd.DataFrame([{**row, "low": 0.5, "high": 2.0, "method": "laplace"}])
    >>> parameter_intervals(table).axes[0].get_xlabel()
    'Value (s)'
    """
    missing = {"node", "parameter", "index", "value", "unit", "low", "high", "method"} - set(table)
    if missing:
        raise DataError(f"a table of intervals has no column {sorted(missing)[0]!r}")
    named = table.assign(label=_labels(table))
    panels = [(str(unit), rows) for unit, rows in named.groupby("unit", sort=False)]
    heights = [min(rows["label"].nunique(), _MOST_ROWS) for _, rows in panels] or [3]
    size = (0.75 * WIDTH, 0.24 * sum(heights) + 0.7 * len(heights) + 0.2)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    if not panels:
        return no_data(figure, grid[0], "the model has no trained parameter")
    true = {} if truth is None else dict(zip(_labels(truth), truth["value"], strict=True))
    methods = list(dict.fromkeys(table["method"]))
    for axes, (unit, rows) in zip(grid, panels, strict=True):
        _panel(axes, rows, methods, true)
        axes.set_xlabel("Value" if unit in ("1", "") else f"Value ({unit})")
    handles, labels = grid[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure


def _labels(table: pd.DataFrame) -> list[str]:
    """Return node and parameter, and the index where there are several elements."""
    several = table.groupby(["node", "parameter"])["index"].transform("nunique") > 1
    return [
        shorten(f"{node}  {parameter}" + (f" [{index}]" if many else ""), 40)
        for node, parameter, index, many in zip(
            table["node"], table["parameter"], table["index"], several, strict=True
        )
    ]


def _panel(axes: Axes, rows: pd.DataFrame, methods: list[str], true: dict[str, float]) -> None:
    width = (rows["high"] - rows["low"]).groupby(rows["label"]).max().sort_values()
    kept = [label for label in dict.fromkeys(rows["label"]) if label in width.index[:_MOST_ROWS]]
    rows = rows[rows["label"].isin(kept)]
    left, right = _shown(rows, [true[label] for label in kept if label in true])
    place = {label: k for k, label in enumerate(kept)}
    for m, method in enumerate(methods):
        own = rows[rows["method"] == method]
        y = own["label"].map(place).to_numpy(float) + 0.3 * (m - (len(methods) - 1) / 2)
        low, high = own["low"].clip(lower=left), own["high"].clip(upper=right)
        color = PALETTE[m % len(PALETTE)]
        axes.hlines(y, low, high, color=color, linewidth=1.4)
        axes.plot(own["value"], y, "o", color=color, markersize=4, label=str(method))
        for cut, edge, marker in (
            (own["low"] < left, left, "<"),
            (own["high"] > right, right, ">"),
        ):
            axes.plot(np.full(cut.sum(), edge), y[cut], marker, color=color, markersize=4)
    known = [label for label in kept if label in true]
    if known:
        axes.plot(
            [true[label] for label in known],
            [place[label] for label in known],
            "|",
            color=BLACK,
            markersize=12,
            label="truth",
        )
    axes.set_yticks(range(len(kept)), kept)
    axes.set_ylim(len(kept) - 0.4, -0.6)


def _shown(rows: pd.DataFrame, true: list[float]) -> tuple[float, float]:
    """Return the part of the axis that is shown: all but intervals far wider than the estimates."""
    values = np.concatenate([rows["value"], true])
    span = max(np.ptp(values), np.abs(values).max(), 1e-6)
    left = max(rows["low"].min(), values.min() - _MARGIN * span)
    right = min(rows["high"].max(), values.max() + _MARGIN * span)
    return float(left), float(right)
