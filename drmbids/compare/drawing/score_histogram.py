"""How the scores of the models are distributed over targets."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from drmbids.compare.drawing.style import BLACK, model_colors, no_data, styled


@styled
def score_histogram(
    scores: pd.DataFrame,
    baseline: str | None = None,
    score: str = "r",
    label: str = "",
    ceiling: pd.Series | None = None,
) -> Figure:
    """Draw the distribution of a score over targets for each model, with the medians.

    Parameters
    ----------
    scores : DataFrame
        Columns ``model`` and the score; one row for each model and target.
    baseline : str, optional
        Model drawn as a filled grey histogram.
    score : str
        Column to draw.
    label : str
        Label of the score's axis; the column's name when absent.
    ceiling : Series, optional
        Noise ceiling of the score, one value for each target: a dotted black outline.

    Returns
    -------
    Figure

    Examples
    --------
    >>> figure = score_histogram(pd.DataFrame({"model": "drm", "r": [0.1, 0.2, 0.4]}))
    >>> figure.axes[0].get_ylabel()
    'Targets (n = 3)'
    """
    figure = Figure(figsize=(3.7, 2.6), layout="constrained")
    axes = figure.subplots()
    finite = scores[np.isfinite(scores[score].to_numpy(float))]
    if finite.empty:
        return no_data(figure, axes, "no finite score")
    n_bins = int(np.clip(np.sqrt(len(finite) / finite["model"].nunique()) * 2, 8, 40))
    limit = pd.Series(dtype=float) if ceiling is None else ceiling.dropna()
    edges = np.histogram_bin_edges(pd.concat([finite[score], limit]), bins=n_bins)
    models = list(dict.fromkeys(finite["model"]))
    n_targets = int(finite["model"].value_counts().max())
    colors = model_colors(models, baseline)
    # room above the bars, so that the legend covers none of them
    room = 1.06 + 0.11 * (len(models) + (len(limit) > 0))
    for model in models:
        values = finite.loc[finite["model"] == model, score]
        median = values.median()
        axes.hist(
            values,
            edges,
            histtype="stepfilled" if model == baseline else "step",
            color=colors[model],
            alpha=0.35 if model == baseline else 1.0,
            linewidth=1.4,
            label=f"{model} (median {median:.3g})",
        )
        axes.axvline(median, ymax=1 / room, color=colors[model], linewidth=1, linestyle="--")
    if len(limit):
        name = f"noise ceiling (median {limit.median():.3g})"
        axes.hist(limit, edges, histtype="step", color=BLACK, linestyle=":", label=name)
    axes.set(xlabel=label or score, ylabel=f"Targets (n = {n_targets})")
    axes.set_ylim(top=axes.get_ylim()[1] * room)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.legend(loc="upper right", borderaxespad=0)
    return figure
