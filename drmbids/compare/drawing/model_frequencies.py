"""Which model most people have: frequencies and protected exceedance probabilities."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import GREY, PALETTE, no_data, shorten, styled


@styled
def model_frequencies(selection: pd.DataFrame) -> Figure:
    """Draw the frequency of each model and the probability that it is the most frequent.

    Parameters
    ----------
    selection : DataFrame
        Columns ``model, prior_count, frequency, protected_exceedance``, maybe
        ``n_participants``; one row for each model and prior.

    Returns
    -------
    Figure

    Examples
    --------
    >>> rows = {"model": ["glm", "drm"], "prior_count": 1.0, "frequency": [0.3, 0.7],
    ...         "protected_exceedance": [0.1, 0.9]}
    >>> [axes.get_title(loc="left") for axes in model_frequencies(pd.DataFrame(rows)).axes]
    ['Frequency', 'Protected exceedance']
    """
    models = list(dict.fromkeys(selection["model"]))
    priors = list(dict.fromkeys(selection["prior_count"]))
    size = (5.4, 1.2 + 0.34 * max(len(models), 2))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(1, 2, sharey=True)
    if not models:
        return no_data(figure, grid[0], "no model was selected")
    titles = {
        "frequency": ("Frequency", "Share of participants"),
        "protected_exceedance": ("Protected exceedance", "Probability to be the most frequent"),
    }
    height = 0.8 / len(priors)
    for axes, (column, (title, label)) in zip(grid, titles.items(), strict=True):
        for k, prior in enumerate(priors):
            rows = selection[selection["prior_count"] == prior].set_index("model")
            y = np.arange(len(models)) + (k - (len(priors) - 1) / 2) * height
            values = rows[column].reindex(models)
            color = PALETTE[k % len(PALETTE)]
            axes.barh(y, values, 0.9 * height, color=color, label=f"prior count {prior:.3g}")
        axes.axvline(1 / len(models), color=GREY, linewidth=0.9, linestyle="--")
        axes.set(xlim=(0, 1), xticks=(0, 0.5, 1), xlabel=label)
        axes.set_title(title)
    grid[0].set_yticks(range(len(models)), [shorten(str(model)) for model in models])
    grid[0].set_ylim(len(models) - 0.4, -0.6)
    grid[0].set_ylabel("Model")
    figure.legend(
        *grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(priors)
    )
    if "n_participants" in selection:
        n = int(selection["n_participants"].iloc[0])
        figure.suptitle(f"n = {n} participants; dashed: all equally frequent", fontsize=7.5)
    return figure
