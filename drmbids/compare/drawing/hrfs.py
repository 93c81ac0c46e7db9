"""Hemodynamic response functions beside the canonical ones."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from nilearn.glm.first_level import glover_hrf, spm_hrf

from drmbids.compare.drawing.style import GREY, PALETTE, styled

# More regions than this are drawn as thin grey lines with their median.
_MOST_NAMED = len(PALETTE)
# More regions than this that share a response are counted in the legend, not listed.
_MOST_LISTED = 3


def _unit_peak(values: np.ndarray) -> np.ndarray:
    """Return the curve with its largest absolute value scaled to 1."""
    peak = np.abs(values).max(initial=0.0)
    return values / peak if peak > 0 else values


def _distinct(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the different responses, each with the regions that share it."""
    found: dict[bytes, tuple[list[str], pd.DataFrame]] = {}
    for region, rows in table.groupby("region", sort=False):
        names, _ = found.setdefault(rows["hrf"].to_numpy(float).tobytes(), ([], rows))
        names.append(str(region))
    return [
        (", ".join(names) if len(names) <= _MOST_LISTED else f"{len(names)} regions", rows)
        for names, rows in found.values()
    ]


@styled
def hrfs(hrf_table: pd.DataFrame, truth: pd.DataFrame | None = None) -> Figure:
    """Draw estimated hemodynamic response functions with SPM's and Glover's for reference.

    All curves are scaled to a peak of 1: the maps that follow them carry the amplitude.

    Parameters
    ----------
    hrf_table : DataFrame
        Columns ``region``, ``time_s``, ``hrf``.
    truth : DataFrame, optional
        The same columns for the functions that the data were simulated with, drawn dotted.

    Returns
    -------
    Figure

    Examples
    --------
    >>> table = pd.DataFrame({"region": "V1", "time_s": [0.0, 5.0, 20.0], "hrf": [0.0, 1.0, 0.0]})
    >>> hrfs(table).axes[0].get_xlabel()
    'Time after activity (s)'
    """
    figure = Figure(figsize=(5.2, 2.6), layout="constrained")
    axes = figure.subplots()
    last = float(hrf_table["time_s"].max())
    step = 0.1
    for name, function, dashes in (("SPM", spm_hrf, (4, 2)), ("Glover", glover_hrf, (1.5, 1.5))):
        curve = function(step, oversampling=1, time_length=max(last, 1.0))
        axes.plot(
            np.arange(len(curve)) * step, _unit_peak(curve), color=GREY, dashes=dashes, label=name
        )
    groups = _distinct(hrf_table)
    named = len(groups) <= _MOST_NAMED
    for k, (region, rows) in enumerate(groups):
        axes.plot(
            rows["time_s"],
            _unit_peak(rows["hrf"].to_numpy(float)),
            color=PALETTE[k] if named else "#bbbbbb",
            linewidth=1.6 if named else 0.5,
            label=str(region) if named else None,
        )
    if not named:
        scaled = [pd.Series(_unit_peak(r["hrf"].to_numpy(float)), r["time_s"]) for _, r in groups]
        median = pd.concat(scaled, axis=1).interpolate("index").median(axis=1)
        label = f"median of {len(groups)} regions"
        axes.plot(median.index, median, color=PALETTE[0], linewidth=1.8, label=label)
    if truth is not None:
        for k, (region, rows) in enumerate(_distinct(truth)):
            axes.plot(
                rows["time_s"],
                _unit_peak(rows["hrf"].to_numpy(float)),
                color=PALETTE[k % len(PALETTE)],
                linestyle=":",
                label=f"{region}, truth",
            )
    axes.axhline(0, color=GREY, linewidth=0.5)
    axes.set(xlabel="Time after activity (s)", ylabel="Response (peak = 1)", xlim=(0, last))
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
