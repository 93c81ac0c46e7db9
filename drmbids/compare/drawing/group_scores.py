"""Scores over participants."""

import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import BLACK, model_colors, styled


@styled
def group_scores(
    scores: pd.DataFrame, baseline: str | None = None, score: str = "r_median", label: str = ""
) -> Figure:
    """Draw one dot for each participant and model, a participant's dots joined by a line.

    Parameters
    ----------
    scores : DataFrame
        Columns ``participant_id``, ``model`` and the score.
    baseline : str, optional
        Model drawn first, in grey.
    score : str
        Column to draw.
    label : str
        Label of the score's axis; the column's name when absent.

    Returns
    -------
    Figure

    Examples
    --------
    >>> rows = {"model": ["glm", "drm"], "r_median": [0.1, 0.2]}
    >>> axes = group_scores(pd.DataFrame(rows).assign(participant_id="sub-01"), "glm").axes[0]
    >>> [text.get_text() for text in axes.get_xticklabels()]
    ['glm', 'drm']
    """
    wide = scores.pivot_table(index="participant_id", columns="model", values=score, sort=False)
    models = sorted(wide.columns, key=lambda model: model != baseline)
    figure = Figure(figsize=(1.6 + 0.9 * len(models), 2.9), layout="constrained")
    axes = figure.subplots()
    for values in wide[models].to_numpy():
        axes.plot(range(len(models)), values, color="#cccccc", linewidth=0.8, zorder=1)
    colors = model_colors(models, baseline)
    for k, model in enumerate(models):
        values = wide[model].dropna()
        axes.scatter([k] * len(values), values, s=18, color=colors[model], linewidth=0, zorder=2)
        if len(values) > 1:
            axes.hlines(values.median(), k - 0.2, k + 0.2, color=BLACK, linewidth=1.6, zorder=3)
    axes.set_xticks(range(len(models)), models)
    axes.set(xlim=(-0.5, len(models) - 0.5), xlabel="Model", ylabel=label or score)
    return figure
