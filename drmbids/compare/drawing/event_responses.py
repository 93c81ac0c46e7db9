"""Predicted responses to single events, and averages around the events that were shown."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import GREY, WIDTH, condition_colors, no_data, shorten, styled

# More regions than this are not drawn: the table has them.
MOST_REGIONS = 6
# Dashes of events by their duration, the shortest first.
_DASHES = ("-", "--", ":")


@styled
def event_responses(
    responses: pd.DataFrame,
    averages: pd.DataFrame | None = None,
    unit: str = "image units",
    conditions: Sequence[str] = (),
) -> Figure:
    """Draw what a model predicts for single events of each condition, a row for each region.

    Parameters
    ----------
    responses : DataFrame
        From :func:`drmbids.event_responses`: columns ``condition, duration_s, region, time_s,
        response``.
    averages : DataFrame, optional
        From :func:`drmbids.event_averages`, drawn beside: columns ``condition, region, time_s,
        measured, predicted, n_events``.
    unit : str
        Unit of the signal.
    conditions : sequence of str
        Those of all figures, in the order of their colours; those drawn here when empty.

    Returns
    -------
    Figure

    Examples
    --------
    >>> table = pd.DataFrame({"condition": "face", "duration_s": 1.0, "region": "V1",
    ...                       "time_s": [0.0, 5.0, 20.0], "response": [0.0, 1.0, 0.0]})
    >>> event_responses(table).axes[0].get_title("left")
    'V1: predicted for single events'
    """
    regions = list(dict.fromkeys(responses["region"]))[:MOST_REGIONS]
    n_columns = 1 if averages is None else 2
    figure = Figure(figsize=(WIDTH, 0.5 + 1.7 * max(1, len(regions))), layout="constrained")
    grid = figure.subplots(max(1, len(regions)), n_columns, squeeze=False)
    if not regions:
        return no_data(figure, grid[0, 0], "no event was predicted")
    drawn = list(dict.fromkeys(responses["condition"].astype(str)))
    colors = condition_colors([*conditions, *drawn])
    for axes, region in zip(grid, regions, strict=True):
        own = responses[responses["region"] == region]
        _draw_predicted(axes[0], own, drawn, colors)
        axes[0].set_title(f"{shorten(str(region))}: predicted for single events")
        axes[0].set_ylabel(f"Signal ({unit})")
        if averages is not None:
            _draw_averages(axes[1], averages[averages["region"] == region], drawn, colors)
            axes[1].set_title("around events: measured (dots), predicted", fontsize=7.5)
    for axes in grid[-1]:
        axes.set_xlabel("Time after onset (s)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    return figure


def _draw_predicted(
    axes: Axes, rows: pd.DataFrame, conditions: Sequence[str], colors: dict[str, str]
) -> None:
    """Draw a line for each condition and duration."""
    durations = sorted(rows["duration_s"].unique())
    for condition in conditions:
        for duration, dashes in zip(durations, _DASHES, strict=False):
            there = (rows["condition"] == condition) & (rows["duration_s"] == duration)
            label = f"{shorten(str(condition), 18)}, {duration:g} s"
            line = rows.loc[there]
            axes.plot(
                line["time_s"], line["response"], dashes, color=colors[condition], label=label
            )
    axes.axhline(0, color=GREY, linewidth=0.5)
    axes.margins(x=0)


def _draw_averages(
    axes: Axes, rows: pd.DataFrame, conditions: Sequence[str], colors: dict[str, str]
) -> None:
    """Draw measured averages as dots, and those of the predicted series as lines."""
    for condition in conditions:
        part = rows[rows["condition"] == condition]
        axes.plot(part["time_s"], part["measured"], "o", markersize=3, color=colors[condition])
        axes.plot(part["time_s"], part["predicted"], color=colors[condition])
    axes.axhline(0, color=GREY, linewidth=0.5)
    if not np.isfinite(rows["measured"]).any():
        axes.text(0.5, 0.5, "no event", ha="center", va="center", transform=axes.transAxes)
