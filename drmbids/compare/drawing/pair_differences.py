"""Differences between given models, pair by pair, with their intervals."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import BLACK, GREY, PALE, WIDTH, no_data, shorten, styled

_MOST_ROWS = 60


@styled
def pair_differences(pairs: pd.DataFrame, label: str = "") -> Figure:
    """Draw the difference of each pair of models in each region, with its 95 % interval.

    Parameters
    ----------
    pairs : DataFrame
        Columns ``model, baseline, region, fold_mean, ci_low, ci_high, smallest``, as
        :func:`~drmbids.compare_pairs` gives them; ends of an interval may be NaN. The first 60 are
        drawn.
    label : str
        What differs, for the axis.

    Returns
    -------
    Figure
        Grey bands are differences too small to be named.

    Examples
    --------
    >>> row = {"model": "loop", "baseline": "forward", "region": "V1", "fold_mean": 0.1,
    ...        "ci_low": 0.05, "ci_high": 0.15, "smallest": 0.001}
    >>> axes = pair_differences(pd.DataFrame([row]), "R²").axes[0]
    >>> [text.get_text() for text in axes.get_yticklabels()], axes.get_xlabel()
    (['loop - forward, V1'], 'Difference in R²')
    """
    shown = pairs.dropna(subset="fold_mean").head(_MOST_ROWS)
    figure = Figure(figsize=(WIDTH, 0.9 + 0.24 * max(len(shown), 1)), layout="constrained")
    axes = figure.subplots()
    if shown.empty:
        return no_data(figure, axes, "no two models have scores in common")
    axes.axvline(0, color=GREY, linewidth=0.7)
    rows = np.arange(len(shown))
    axes.barh(rows, 2 * shown["smallest"], left=-shown["smallest"], height=0.8, color=PALE)
    axes.hlines(rows, shown["ci_low"], shown["ci_high"], color=BLACK, linewidth=1.6)
    axes.plot(shown["fold_mean"], rows, "o", color=BLACK, markersize=4.5)
    names = [
        f"{shorten(str(row.model), 16)} - {shorten(str(row.baseline), 16)}, "
        f"{shorten(str(row.region), 16)}"
        for row in shown.itertuples()
    ]
    axes.set_yticks(rows, names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel(f"Difference in {label}" if label else "Difference")
    return figure
