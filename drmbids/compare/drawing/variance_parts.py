"""What feature spaces explain alone and together."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import (
    BLACK,
    GREY,
    WIDTH,
    condition_colors,
    no_data,
    shorten,
    styled,
)


@styled
def variance_parts(parts: pd.DataFrame, unit: str = "targets") -> Figure:
    """Draw the unique and shared parts of held-out R2, each the mean over the targets of a region.

    Means are drawn since they add up, as the parts of each target do; shared parts are hatched.

    Parameters
    ----------
    parts : DataFrame
        Columns ``part, n_spaces, region, target, r2``.
    unit : str
        What the mean is over: ``"targets"``, or ``"participants"`` where each has a number in place
        of a target.

    Returns
    -------
    Figure

    Examples
    --------
    >>> rows = [("sound", 1, "A1", 0, 0.1), ("words", 1, "A1", 0, 0.2), ("sound & words", 2, "A1",
    ...         0, 0.1)]
    >>> columns = ["part", "n_spaces", "region", "target", "r2"]
    >>> axes = variance_parts(pd.DataFrame(rows, columns=columns)).axes[0]
    >>> [text.get_text() for text in axes.get_yticklabels()]
    ['sound', 'words', 'sound & words']
    """
    finite = parts[np.isfinite(parts["r2"].to_numpy(float))]
    names, regions = list(dict.fromkeys(finite["part"])), list(dict.fromkeys(finite["region"]))
    n_columns = min(max(len(regions), 1), 3)
    n_rows = max(-(-len(regions) // n_columns), 1)
    size = (max(WIDTH / 3 * n_columns, 3.2), n_rows * (0.75 + 0.28 * max(len(names), 2)))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    if finite.empty:
        return no_data(figure, grid[0, 0], "no finite part of the variance")
    n_spaces = dict(zip(finite["part"], finite["n_spaces"], strict=True))
    colors = condition_colors(name for name in names if n_spaces[name] == 1)
    for axes in grid.flat[len(regions) :]:
        axes.set_axis_off()
    for axes, region in zip(grid.flat, regions, strict=False):
        rows = finite[finite["region"] == region]
        means = rows.groupby("part")["r2"].mean()
        for k, name in enumerate(names):
            shared = n_spaces[name] > 1
            axes.barh(
                k, means.get(name, 0.0), height=0.7,
                color="white" if shared else colors[str(name)],
                edgecolor=GREY if shared else "none", hatch="////" if shared else None,
            )  # fmt: skip
        axes.axvline(0, color=BLACK, linewidth=0.6)
        axes.set_title(f"{shorten(str(region), 20)} ({rows['target'].nunique()} {unit})")
    grid[0, 0].set_yticks(range(len(names)), [shorten(str(name), 36) for name in names])
    grid[0, 0].set_ylim(len(names) - 0.4, -0.6)
    for axes in grid.flat[max(len(regions) - n_columns, 0) : len(regions)]:
        axes.tick_params(labelbottom=True)  # also where nothing stands below
        axes.set_xlabel(f"Held-out R², mean over {unit}")
    return figure
