"""Differences of each participant, and what they say of the population."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drmbids.compare.drawing.style import (
    BLACK,
    GREY,
    PALE,
    WIDTH,
    model_colors,
    no_data,
    shorten,
    styled,
)

_MOST_PARTICIPANTS = 60


@styled
def participant_differences(
    differences: pd.DataFrame,
    summary: pd.DataFrame,
    label: str = "",
    order: Sequence[str] | None = None,
) -> Figure:
    """Draw each participant's difference with the baseline, and two means with their intervals.

    Parameters
    ----------
    differences : DataFrame
        Columns ``participant_id, model, baseline, fold_mean, fold_se``, one row for each
        participant and model.
    summary : DataFrame
        Columns ``model, mean_difference, ci_low, ci_high, mixed_mean, mixed_ci_low,
        mixed_ci_high``, one row for each model; ends of an interval may be NaN.
    label : str
        What differs, for the axis.
    order : sequence of str, optional
        All models in the order of their colours; those drawn here when absent.

    Returns
    -------
    Figure

    Examples
    --------
    >>> people = pd.DataFrame({"participant_id": ["sub-1", "sub-2"], "model": "drm",
    ...                        "baseline": "glm", "fold_mean": [0.1, 0.2], "fold_se": 0.05})
    >>> means = pd.DataFrame([{"model": "drm", "mean_difference": 0.15, "ci_low": np.nan,
    ...     "ci_high": np.nan, "mixed_mean": 0.15, "mixed_ci_low": 0.0, "mixed_ci_high": 0.3}])
    >>> axes = participant_differences(people, means, "r").axes[0]
    >>> axes.get_title(loc="left"), axes.get_xlabel()
    ('drm - glm', 'Difference in r')
    """
    finite = differences.dropna(subset="fold_mean")
    people = list(dict.fromkeys(finite["participant_id"]))[:_MOST_PARTICIPANTS]
    models = list(dict.fromkeys(finite["model"]))
    n = max(len(models), 1)
    size = (min(WIDTH, 1.2 + 2.4 * n), 1.5 + 0.17 * (len(people) + 3))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(1, n, squeeze=False, sharex=True, sharey=True)[0]
    if finite.empty:
        return no_data(figure, grid[0], "no participant has both models")
    colors = model_colors(order or models)
    for axes, model in zip(grid, models, strict=True):
        rows = finite[finite["model"] == model].set_index("participant_id").reindex(people)
        errors = rows["fold_se"].fillna(0.0).to_numpy(float)
        axes.axvline(0, color=GREY, linewidth=0.7)
        axes.errorbar(
            rows["fold_mean"], range(len(people)), xerr=errors, fmt="o", markersize=3.5,
            color=colors[model], elinewidth=0.9,
        )  # fmt: skip
        (means,) = summary[summary["model"] == model].to_dict("records")
        _draw_mean(axes, means, len(people) + 0.7, "s", ("mean_difference", "ci_low", "ci_high"))
        mixed = ("mixed_mean", "mixed_ci_low", "mixed_ci_high")
        _draw_mean(axes, means, len(people) + 1.7, "D", mixed)
        axes.axhline(len(people) - 0.1, color=PALE, linewidth=0.7)
        baseline = rows["baseline"].dropna().iloc[0]
        axes.set_title(f"{shorten(str(model), 16)} - {shorten(str(baseline), 12)}")
        axes.set_xlabel(f"Difference in {label}" if label else "Difference")
    ticks = [*range(len(people)), len(people) + 0.7, len(people) + 1.7]
    grid[0].set_yticks(ticks, [*people, "mean, bootstrap", "mean, mixed"])
    grid[0].set(ylabel=f"Participant (n = {finite['participant_id'].nunique()})")
    grid[0].set_ylim(len(people) + 2.4, -0.7)
    return figure


def _draw_mean(
    axes: Axes, row: Mapping[str, Any], y: float, marker: str, names: tuple[str, str, str]
) -> None:
    """Draw a mean with its interval; a mean that is not known is left out."""
    mean, low, high = (float(row[name]) for name in names)
    if not np.isfinite(mean):
        axes.text(0.5, y, "n/a", color=GREY, va="center", transform=axes.get_yaxis_transform())
        return
    axes.plot(mean, y, marker, color=BLACK, markersize=4.5)
    if np.isfinite(low) and np.isfinite(high):
        axes.hlines(y, low, high, color=BLACK, linewidth=1.6)
