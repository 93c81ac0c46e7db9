"""Scores of one model against those of the baseline, target by target."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import GREY, PALETTE, no_data, shorten, styled

# From this many targets on, points are drawn as an image inside the vector figure.
_RASTERISED_FROM = 2000


@styled
def score_scatter(
    scores: pd.DataFrame, baseline: str, model: str, score: str = "r", label: str = ""
) -> Figure:
    """Draw a model's score against the baseline's for each target, with the line of identity.

    Parameters
    ----------
    scores : DataFrame
        Columns ``model, region, target`` and the score; one row for each model and target.
    baseline, model : str
        Models on the horizontal and the vertical axis.
    score : str
        Column to draw.
    label : str
        Name of the score on the axes; the column's name when absent.

    Returns
    -------
    Figure

    Examples
    --------
    >>> rows = [("glm", "V1", 0, 0.1), ("drm", "V1", 0, 0.2)]
    >>> table = pd.DataFrame(rows, columns=["model", "region", "target", "r"])
    >>> score_scatter(table, "glm", "drm").axes[0].get_title(loc="left")
    'drm higher in 1 of 1 targets'
    """
    figure = Figure(figsize=(3.2, 3.2), layout="constrained")
    axes = figure.subplots()
    wide = scores.pivot_table(index=["region", "target"], columns="model", values=score)
    if baseline not in wide or model not in wide:
        return no_data(figure, axes, f"no targets scored by both {baseline} and {model}")
    pair = wide[[baseline, model]].dropna()
    if pair.empty:
        return no_data(figure, axes, f"no targets scored by both {baseline} and {model}")
    n = len(pair)
    axes.scatter(
        pair[baseline],
        pair[model],
        s=float(np.clip(2000 / n, 1.5, 14)),
        color=PALETTE[0],
        alpha=0.6 if n < 500 else 0.35,
        linewidth=0,
        rasterized=n >= _RASTERISED_FROM,
    )
    low, high = float(pair.to_numpy().min()), float(pair.to_numpy().max())
    margin = 0.05 * (high - low) or 0.05
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
    better = int((pair[model] > pair[baseline]).sum())
    axes.set_title(f"{shorten(model, 12)} higher in {better} of {n} targets", fontsize=7.5)
    name = label or score
    axes.set(xlabel=f"{name}, {baseline}", ylabel=f"{name}, {model}", xlim=limits, ylim=limits)
    axes.set_aspect("equal")
    return figure
