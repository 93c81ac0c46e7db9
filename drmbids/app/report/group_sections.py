"""Sections on scores over participants."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from drmbids.app.report.numbers import format_value
from drmbids.app.report.page import Section
from drmbids.app.report.svg import FigureFolder
from drmbids.compare.drawing.group_scores import group_scores
from drmbids.compare.drawing.model_frequencies import model_frequencies
from drmbids.compare.drawing.participant_differences import participant_differences
from drmbids.compare.statistics.pairs import ALL_REGIONS


def fill_scores(
    section: Section,
    tables: Mapping[str, pd.DataFrame],
    baseline: str | None,
    figures: FigureFolder,
    where: str,
) -> None:
    """Scores of each participant."""
    scores = tables["scores"]
    for analysis, rows in scores.groupby("analysis", sort=False):
        whole = _over_regions(rows)
        figure = group_scores(whole, baseline, label=f"Median r {where}")
        content, file = figures.save(figure, f"{analysis}_desc-scores_bold")
        caption = f"{analysis}: each line is a participant, bars are medians over participants."
        section.figure(content, caption, file)
    shown = scores.drop(columns=["n_targets", "log_likelihood"], errors="ignore")
    section.table(_one(shown), f"Scores of each participant {where}.", folded=len(scores) > 25)


def fill_differences(
    section: Section, tables: Mapping[str, pd.DataFrame], figures: FigureFolder, where: str
) -> None:
    """Differences with the baseline, participant by participant and in the population."""
    linear = {name: _with_linear(tables[name], tables["pairs"]) for name in _DIFFERENCES}
    differences, paired = linear["differences"], linear["paired"]
    if paired.empty:
        section.note("The participants do not share a baseline, so no differences are given.")
        return
    if differences["participant_id"].nunique() == 1:
        section.note(
            "There is one participant, so nothing can be said about a population: differences are "
            "given without an interval."
        )
    in_one = differences[differences["score"] == "r"]
    for (analysis, name), rows in in_one.groupby(["analysis", "baseline"], sort=False):
        shown = _over_regions(rows)
        keys = ["analysis", "region", "score", "baseline"]
        same = paired.merge(shown[keys].drop_duplicates())
        order = list(differences["model"].unique())
        figure = participant_differences(shown, same, label=f"r {where}", order=order)
        content, file = figures.save(figure, f"{analysis}_desc-{name}differences_bold")
        caption = (
            f"{analysis}: each participant's difference with {name} in the median r over "
            f"voxels {where}, mean over folds, with its standard error (Nadeau and Bengio, 2003); "
            "below, two means with 95 % intervals: by bootstrap over participants, and weighted "
            "by the precision of each (mixed)."
        )
        section.figure(content, caption, file)
    in_r = paired[paired["score"] == "r"]
    columns = ["participant_id", "analysis", "region", "model", "baseline", "fold_mean", "fold_se"]
    section.table(
        _one(_means(in_r, "mean_difference", "ci_low", "ci_high", "p", "n_better")),
        f"Differences in r {where} with the linear models (baseline) over participants: mean with "
        "95 % bootstrap interval (BCa) and p of sign flips, which cannot be below 2 / 2ⁿ. The "
        "table in the group folder has the other scores.",
    )
    section.table(
        _one(_means(in_r, "mixed_mean", "mixed_ci_low", "mixed_ci_high", "mixed_p", "between_sd")),
        "The same, each participant weighted by its precision (mixed): mean with 95 % interval and "
        "p (Hartung and Knapp), and the standard deviation of the true differences between "
        "participants.",
    )
    each = _one(differences.loc[differences["score"] == "r", columns])
    section.table(each, f"Difference of each participant in r {where}.", folded=len(each) > 25)


# Tables of differences, of participants and over them.
_DIFFERENCES = ("differences", "paired")


def _with_linear(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are not between two given models, which have a section of their own."""
    if table.empty or pairs.empty:
        return table
    return table[~table["baseline"].isin(pairs["baseline"])]


def fill_selection(
    section: Section, tables: Mapping[str, pd.DataFrame], figures: FigureFolder, where: str
) -> None:
    """How frequent each model is."""
    selection = tables["selection"]
    if selection.empty:
        section.missing = (
            "Needs two participants or more with held-out log-likelihoods of all models."
        )
        return
    for analysis, rows in selection.groupby("analysis", sort=False):
        figure = model_frequencies(_over_regions(rows))
        content, file = figures.save(figure, f"{analysis}_desc-selection_bold")
        caption = (
            f"{analysis}: how frequent each model is among people, and the protected exceedance "
            "probability, with the flat prior of SPM (count 1) and with one participant shared "
            "among the models."
        )
        section.figure(content, caption, file)
    section.table(
        _one(selection),
        "Random-effects model selection on held-out log-likelihoods summed over voxels and folds "
        "(Stephan et al., 2009; Rigoux et al., 2014). Sums over voxels and volumes that are not "
        "independent make each participant look surer than the data are; the exceedance "
        "probability then counts participants, much as a vote does.",
        folded=len(selection) > 25,
    )


def _one(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table without the name of the analysis where there is but one."""
    return table.drop(columns="analysis") if table["analysis"].nunique() == 1 else table


def _means(paired: pd.DataFrame, mean: str, low: str, high: str, p: str, more: str) -> pd.DataFrame:
    """Return one of the means with both ends of its interval in one column."""
    shown = paired[["analysis", "region", "model", "baseline", "n_participants", mean]]
    return shown.assign(
        interval=_interval(paired[low], paired[high]), **{"p": paired[p], more: paired[more]}
    )


def _interval(low: pd.Series, high: pd.Series) -> list[str]:
    """Return both ends as text."""
    ends = zip(low, high, strict=True)
    return [f"{format_value(a)} to {format_value(b)}" if np.isfinite(a) else "n/a" for a, b in ends]


def _over_regions(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows over all regions, or those of the only region of an analysis."""
    return rows[(rows["region"] == ALL_REGIONS) | (rows["region"].nunique() == 1)]
