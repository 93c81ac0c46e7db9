"""Sections on the given models against each other."""

from collections.abc import Mapping

import pandas as pd

from drmbids.app.report.folder import Analysis
from drmbids.app.report.held_out_words import CAVEAT
from drmbids.app.report.numbers import format_value
from drmbids.app.report.page import Section
from drmbids.app.report.svg import FigureFolder
from drmbids.compare.drawing.pair_differences import pair_differences
from drmbids.compare.drawing.participant_differences import participant_differences
from drmbids.compare.statistics.pairs import ALL_REGIONS

_VERDICTS = ("smallest", "better", "simpler")

_VERDICT = (
    "p is for all pairs (Bonferroni). A model is better where it is below 0.05 and the difference "
    "above the smallest that is worth naming: 0.001, or a hundredth of what the better one "
    "reaches. Otherwise the data do not tell the two apart, and the one with fewer trained "
    "parameters is the simpler account."
)


def fill_pairs(section: Section, analysis: Analysis, figures: FigureFolder) -> None:
    """Each pair of given models in one participant."""
    if analysis.held_out == "none":
        section.messages([CAVEAT], "warning")
    pairs = analysis.table("desc-pairs_scores")
    if pairs is None or pairs.empty:
        section.missing = "No two models were given."
        return
    figure = pair_differences(pairs, f"r {analysis.where}")
    content, file = figures.save(figure, f"{analysis.stem}_desc-pairs_bold")
    section.figure(
        content,
        f"Difference in the median r over voxels {analysis.where}, mean over folds, with its 95 % "
        "interval (Nadeau and Bengio, 2003). Grey: too small to be named.",
        file,
    )
    shown = pairs[["model", "baseline", "region", "fold_mean"]].assign(
        interval=intervals(pairs),
        p=pairs["p_pairs"],
        **{name: pairs[name] for name in ("p_flip", *_VERDICTS)},
    )
    section.table(
        shown.rename(columns={"fold_mean": "mean_difference"}),
        f"Model minus baseline in r {analysis.where}; p corrected for shared training data, and "
        f"by sign flips over folds (six or more). {_VERDICT}",
        folded=len(shown) > 25,
    )


def fill_group_pairs(
    section: Section, tables: Mapping[str, pd.DataFrame], figures: FigureFolder, where: str
) -> None:
    """Each pair of given models over participants."""
    pairs = tables["pairs"]
    keys = ["analysis", "region", "model", "baseline", "score"]
    order = list(tables["differences"]["model"].unique())  # colours as in the other figures
    for (analysis, name), rows in pairs.groupby(["analysis", "baseline"], sort=False):
        wanted = _over_regions(rows)[keys]
        each, means = tables["differences"].merge(wanted), tables["paired"].merge(wanted)
        figure = participant_differences(each, means, label=f"r {where}", order=order)
        content, file = figures.save(figure, f"{analysis}_desc-{name}pairs_bold")
        section.figure(
            content,
            f"{analysis}: each participant's difference with {name} in the median r over voxels "
            f"{where}, mean over folds, with its standard error (Nadeau and Bengio, 2003); below, "
            "two means with 95 % intervals: by bootstrap over participants, and weighted by the "
            "precision of each (mixed).",
            file,
        )
    heads = ["analysis", "model", "baseline", "region", "n_participants", "fold_mean"]
    shown = pairs[heads].assign(
        interval=intervals(pairs),
        p=pairs["p_pairs"],
        **{name: pairs[name] for name in _VERDICTS},
    )
    if shown["analysis"].nunique() == 1:
        shown = shown.drop(columns="analysis")
    section.table(
        shown.rename(columns={"fold_mean": "mean_difference"}),
        f"Model minus baseline in r {where} over participants, each weighted by its precision "
        f"(mixed), with interval and p after Hartung and Knapp. {_VERDICT}",
        folded=len(shown) > 25,
    )


def intervals(pairs: pd.DataFrame) -> list[str]:
    """Return both ends of each interval as text.

    Parameters
    ----------
    pairs : DataFrame
        Columns ``ci_low, ci_high``.
    """
    ends = zip(pairs["ci_low"], pairs["ci_high"], strict=True)
    return [
        "n/a" if pd.isna(low) else f"{format_value(low)} to {format_value(high)}"
        for low, high in ends
    ]


def _over_regions(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows over all regions, or those of the only one."""
    return rows[(rows["region"] == ALL_REGIONS) | (rows["region"].nunique() == 1)]
