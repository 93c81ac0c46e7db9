"""Scores of each model in each region, fold by fold."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drmbids.compare.drawing.style import BLACK, PALE, WIDTH, model_colors, no_data, shorten, styled

#: Regions drawn; a figure of more could not be read.
MOST_REGIONS = 30


@styled
def fold_scores(
    folds: pd.DataFrame, baseline: str | None = None, score: str = "r", label: str = ""
) -> Figure:
    """Draw one dot for each fold, and a bar at their mean, for each model and region.

    Parameters
    ----------
    folds : DataFrame
        Columns ``model, region, fold`` and the score: one value, such as the median over targets,
        for each model, region and fold.
    baseline : str, optional
        Model drawn in grey.
    score : str
        Column to draw.
    label : str
        Label of the score's axis; the column's name when absent.

    Returns
    -------
    Figure

    Examples
    --------
    >>> rows = {"model": "drm", "region": "V1", "fold": ["run-1", "run-2"], "r": [0.1, 0.3]}
    >>> figure = fold_scores(pd.DataFrame(rows))
    >>> figure.axes[0].get_title(loc="left")
    '2 folds; bar: their mean'
    """
    finite = folds[np.isfinite(folds[score].to_numpy(float))]
    regions, models = list(dict.fromkeys(finite["region"])), list(dict.fromkeys(finite["model"]))
    shown = regions[:MOST_REGIONS]
    height = 0.9 + len(shown) * (0.12 + 0.15 * max(len(models), 1))
    figure = Figure(figsize=(WIDTH * 0.66, max(height, 1.6)), layout="constrained")
    axes = figure.subplots()
    if finite.empty:
        return no_data(figure, axes, "no finite score")
    colors = model_colors(models, baseline)
    step = 0.8 / len(models)
    groups = dict(list(finite.groupby(["region", "model"], sort=False)[score]))
    for i, region in enumerate(shown):
        for k, model in enumerate(models):
            if (region, model) not in groups:
                continue
            values = groups[region, model].to_numpy()
            y = i + (k - (len(models) - 1) / 2) * step
            axes.plot(
                values, np.full(len(values), y), "o", color=colors[model], markersize=3.2,
                alpha=0.7, markeredgewidth=0,
            )  # fmt: skip
            ends = (y - 0.42 * step, y + 0.42 * step)
            axes.vlines(values.mean(), *ends, color=colors[model], linewidth=2)
    axes.axvline(0, color=BLACK, linewidth=0.5)
    for edge in np.arange(len(shown) - 1) + 0.5:
        axes.axhline(edge, color=PALE, linewidth=0.7)
    axes.set_yticks(range(len(shown)), [shorten(str(region)) for region in shown])
    axes.set(xlabel=label or score, ylabel="Region", ylim=(len(shown) - 0.5, -0.5))
    n = finite["fold"].nunique()
    left_out = (
        f"; first {len(shown)} of {len(regions)} regions" if len(regions) > len(shown) else ""
    )
    axes.set_title(f"{n} fold{'' if n == 1 else 's'}; bar: their mean{left_out}", fontsize=7.5)
    handles = [
        Line2D([], [], color=colors[m], marker="o", linestyle="", markersize=4, label=m)
        for m in models
    ]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
