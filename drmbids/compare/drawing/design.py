"""The conditions of one run over time."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import WIDTH, condition_colors, no_data, shorten, styled

# An event shorter than this share of the run is drawn this wide, or it could not be seen.
_NARROWEST = 0.002


@styled
def design(
    events: pd.DataFrame,
    duration: float | None = None,
    title: str = "",
    conditions: Sequence[str] = (),
) -> Figure:
    """Draw each condition's events as bars over time; their height shows the amplitude.

    Parameters
    ----------
    events : DataFrame
        Columns ``onset`` and ``duration`` in seconds, ``condition`` and, optionally,
        ``amplitude``.
    duration : float, optional
        End of the time axis in seconds; the end of the last event when absent.
    title : str
        Shown above the axes.
    conditions : sequence of str
        Order of rows and colours, that of other figures of the same data; others follow in the
        order they first occur. Those without events are left out.

    Returns
    -------
    Figure

    Examples
    --------
    >>> table = pd.DataFrame({"onset": [0.0], "duration": [2.0], "condition": ["face"]})
    >>> design(table, duration=10.0).axes[0].get_xlabel()
    'Time (s)'
    """
    events = events.reset_index(drop=True)
    shown = list(dict.fromkeys(events["condition"].astype(str)))
    order = list(dict.fromkeys([*map(str, conditions), *shown]))
    colors = condition_colors(order)
    conditions = [name for name in order if name in shown]
    figure = Figure(figsize=(WIDTH, 0.75 + 0.24 * max(len(conditions), 2)), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    if not conditions:
        return no_data(figure, axes, "no events in this run")
    ends = events["onset"] + events["duration"]
    span = float(duration if duration is not None else ends.max()) or 1.0
    amplitude = events["amplitude"] if "amplitude" in events else pd.Series(1.0, events.index)
    size = amplitude.abs() / (amplitude.abs().max() or 1.0)
    for row, condition in enumerate(conditions):
        which = (events["condition"].astype(str) == condition).to_numpy()
        axes.bar(
            events["onset"][which],
            np.maximum(0.08, 0.8 * size[which]),
            width=np.maximum(events["duration"][which], _NARROWEST * span),
            bottom=row - 0.4 * np.maximum(0.1, size[which]),
            align="edge",
            color=colors[condition],
            linewidth=0,
        )
    axes.set_yticks(range(len(conditions)), [shorten(c, 32) for c in conditions])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(min(0.0, float(events["onset"].min())), span), xlabel="Time (s)")
    axes.set(ylim=(len(conditions) - 0.4, -0.6), ylabel="Condition")
    axes.grid(axis="y", color="#eeeeee", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    return figure
