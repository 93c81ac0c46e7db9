"""Figures over participants, from the results of each."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.drawing.group_scores import group_scores
from drmbids.compare.drawing.model_frequencies import model_frequencies
from drmbids.compare.drawing.participant_differences import participant_differences
from drmbids.compare.figures.words import check_models, score_label
from drmbids.compare.statistics.mixed import summarise_differences
from drmbids.compare.statistics.paired import paired_differences
from drmbids.compare.statistics.pairs import ALL_REGIONS, with_all_regions
from drmbids.compare.statistics.selection import select_models
from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import UsageError


def plot_group_scores(
    results: Mapping[str, Results],
    score: Literal["r", "r2"] = "r",
    baseline: str | None = None,
    region: str | None = None,
) -> Figure:
    """Draw the score of each model in each participant, whose dots are joined by a line.

    Parameters
    ----------
    results : mapping of str to Results
        By participant.
    score : {"r", "r2"}
        Median over targets of the mean over folds.
    baseline : str, optional
        Model drawn first, in grey.
    region : str, optional
        Default: all regions together.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If a participant lacks the score, the baseline or the region.

    Examples
    --------
    >>> from drmbids.plotting import plot_group_scores
    >>> def scored(r):
    ...     rows = [(m, "run-1", "V1", 0, r * k, 0.0) for k, m in enumerate(("glm", "drm"), 1)]
    ...     columns = ["model", "fold", "region", "target", "r", "r2"]
    ...     return Results(pd.DataFrame(rows, columns=columns))
    >>> figure = plot_group_scores({"sub-01": scored(0.1), "sub-02": scored(0.2)}, baseline="glm")
    >>> [text.get_text() for text in figure.axes[0].get_xticklabels()]
    ['glm', 'drm']
    """
    tables, label = [], ""
    for participant, found in _each(results):
        check_models(found, baseline)
        label = f"Median {score_label(found, score)}"
        rows = _of_region(found.per_target(), participant, region)
        medians = rows.groupby("model", sort=False)[score].median().reset_index()
        tables.append(medians.assign(participant_id=participant))
    return group_scores(pd.concat(tables, ignore_index=True), baseline, score, label)


def plot_participant_differences(
    results: Mapping[str, Results],
    baseline: str,
    score: Literal["r", "r2"] = "r",
    region: str | None = None,
) -> Figure:
    """Draw how models differ from a baseline in each participant, and what that says of people.

    Parameters
    ----------
    results : mapping of str to Results
        By participant, of two folds or more.
    baseline : str
        Model that the others are compared with.
    score : {"r", "r2"}
        Median over targets, mean over folds, with its standard error.
    region : str, optional
        Default: all regions together.

    Returns
    -------
    Figure
        Below the participants two means with 95 % intervals: by bootstrap over participants, and
        weighted by the precision of each (:func:`~drmbids.summarise_differences`).

    Raises
    ------
    UsageError
        If a participant lacks the score, the baseline or the region.

    Examples
    --------
    >>> from drmbids.plotting import plot_participant_differences
    >>> def scored(r):
    ...     rows = [(m, f, "V1", 0, r * k + 0.01 * k * f, 0.0)
    ...             for k, m in enumerate(("glm", "drm"), 1) for f in range(3)]
    ...     columns = ["model", "fold", "region", "target", "r", "r2"]
    ...     return Results(pd.DataFrame(rows, columns=columns))
    >>> figure = plot_participant_differences({"1": scored(0.1), "2": scored(0.2)}, "glm")
    >>> figure.axes[0].get_title(loc="left")
    'drm - glm'
    """
    tables, label = [], ""
    for participant, found in _each(results):
        check_models(found, baseline)
        label = score_label(found, score)
        table = with_all_regions(found.table)
        differences = paired_differences(replace(found, table=table, estimators={}), baseline)
        rows = _of_region(differences, participant, region)
        tables.append(rows[rows["score"] == score].assign(participant_id=participant))
    each = pd.concat(tables, ignore_index=True)
    return participant_differences(each, summarise_differences(each), label)


def plot_model_frequencies(selection: pd.DataFrame | Mapping[str, Results]) -> Figure:
    """Draw how frequent each model is among people, and how probably it is the most frequent.

    Parameters
    ----------
    selection : DataFrame, or mapping of str to Results
        Of :func:`~drmbids.select_models`; or results by participant with the score
        ``log_likelihood``, which is summed over targets and folds.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If a participant lacks the log-likelihood of a model.

    Examples
    --------
    >>> from drmbids import select_models
    >>> from drmbids.plotting import plot_model_frequencies
    >>> evidence = pd.DataFrame({"drm": [3.0, 4.0, 1.0], "glm": [0.0, 0.0, 2.0]})
    >>> figure = plot_model_frequencies(select_models(evidence))
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['Frequency', 'Protected exceedance']
    """
    if not isinstance(selection, pd.DataFrame):
        evidence = {}
        for participant, found in _each(selection):
            score_label(found, "log_likelihood")  # raises where it is not there
            sums = found.table.groupby("model", sort=False)["log_likelihood"]
            evidence[participant] = sums.sum(min_count=1)
        table = pd.DataFrame(evidence).T
        selection = select_models(table).assign(n_participants=len(table))
    if "prior_count" not in selection:
        selection = selection.assign(prior_count=1.0)
    return model_frequencies(selection)


def _each(results: Mapping[str, Results]) -> list[tuple[str, Results]]:
    if isinstance(results, Results) or not results:
        raise UsageError("give the results of each participant, {'sub-01': results, ...}")
    return [(str(participant), found) for participant, found in results.items()]


def _of_region(table: pd.DataFrame, participant: str, region: str | None) -> pd.DataFrame:
    """Return the rows of a region, or of all together."""
    there = list(dict.fromkeys(table["region"]))
    if region is not None and region not in there:
        raise UsageError(f"{participant}: no region {region!r}, there are {there}")
    if region is None and ALL_REGIONS in there and len(there) > 1:
        region = ALL_REGIONS
    return table if region is None else table[table["region"] == region]
