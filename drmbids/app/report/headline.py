"""The sentences on top of a report: which model is better than which, and by how much."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from drmbids.app.report.folder import Analysis
from drmbids.app.report.group_tables import participant_pairs
from drmbids.app.report.numbers import format_value
from drmbids.app.report.pair_text import pair_sentence
from drmbids.compare.statistics.pairs import ALL_REGIONS
from drmbids.compare.timing.text import timing_finding
from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import DataError


class Difference(NamedTuple):
    """How much better than a linear model, with a 95 % interval; NaN where there is none."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        mean = format_value(self.mean)
        if np.isnan(self.low):
            return f"{mean} (no interval)"
        return f"{mean} (95 % interval {format_value(self.low)} to {format_value(self.high)})"

    @property
    def verdict(self) -> str:
        """What the interval says."""
        if self.low > 0:
            return "better than"
        return "worse than" if self.high < 0 else "not shown to be better than"


def headline(
    model: str,
    differences: Mapping[str, Difference],
    free_hrf: str | None,
    in_sample: bool = False,
) -> str:
    """Return which linear models a model predicts better than.

    Parameters
    ----------
    model : str
    differences : mapping of str to Difference
        In r, by the name of the linear model.
    free_hrf : str or None
        Which of them has free hemodynamic responses.
    in_sample : bool
        Whether nothing was held out.

    Examples
    --------
    >>> found = {"glm": Difference(0.1, 0.08, 0.12), "freehrf": Difference(0.01, -0.02, 0.04)}
    >>> first, second = headline("drm", found, "freehrf").split("; ")
    >>> first.partition(", ")[0]
    'Held-out r of drm: not shown to be better than freehrf (free HRF)'
    >>> second.rpartition(". ")[2]
    'What glm lacks may be hemodynamics alone.'
    """
    ordered = sorted(differences, key=lambda name: name != free_hrf)
    parts = [
        f"{differences[name].verdict} {name} ({'free' if name == free_hrf else 'assumed'} HRF), "
        f"{differences[name]}"
        for name in ordered
    ]
    if in_sample:
        parts = [f"{name} {'+' if d.mean > 0 else ''}{d}" for name, d in differences.items()]
        return (
            f"In-sample r of {model}, difference with {'; '.join(parts)}. Nothing was held out, so "
            "that it says nothing of which model predicts better."
        )
    text = f"Held-out r of {model}: {'; '.join(parts)}."
    beaten = [name for name, d in differences.items() if d.low > 0]
    if beaten and free_hrf not in beaten:
        text += f" What {' and '.join(beaten)} lacks may be hemodynamics alone."
    return text


def participant_headlines(analysis: Analysis) -> list[str]:
    """Return what models given are to each other and to linear ones, and the audit of times.

    Parameters
    ----------
    analysis : Analysis

    Returns
    -------
    list of str
        First that on the given models among each other; empty where nothing was compared.
    """
    scores = analysis.table("desc-scores_timeseries")
    pairs = analysis.table("desc-pairs_scores")
    found, titles = [], analysis.titles
    if pairs is not None:
        n_folds = None if scores is None else int(scores["fold"].nunique())
        in_sample = analysis.held_out == "none"
        named = ["model", "baseline", "better", "simpler"]
        named = [column for column in named if column in pairs]
        pairs = pairs.assign(**{column: pairs[column].replace(titles) for column in named})
        sizes = {titles.get(name, name): n for name, n in analysis.n_parameters.items()}
        sentence = pair_sentence(pairs, sizes, in_sample, n_folds)
        found += [] if sentence is None else [sentence]
    if scores is not None and len(scores) and analysis.baselines:
        ratio = analysis.inputs.get("cross_validation", {}).get("test_train_ratio")
        pairs = [participant_pairs(scores, name, ratio) for name in analysis.baselines]
        table = pd.concat(pairs, ignore_index=True)
        table = table.assign(half=_half(table)) if len(table) else table
        for fitted in analysis.inputs.get("fitted", ()):
            differences = {
                str(row["baseline"]): Difference(
                    row["fold_mean"], row["fold_mean"] - row["half"], row["fold_mean"] + row["half"]
                )
                for row in _rows(table, str(fitted["name"]))
            }
            if differences:
                in_sample = analysis.held_out == "none"
                name = str(fitted["name"])
                title = titles.get(name, name)
                found.append(headline(title, differences, analysis.free_hrf, in_sample))
    timing = analysis.table("desc-timing_scores")
    finding = None if timing is None else timing_finding(timing)
    return found if finding is None else [*found, f"Timing: {finding}."]


def scores_line(analysis: Analysis) -> str | None:
    """Return the scores of every model in one line; None where there are none.

    Parameters
    ----------
    analysis : Analysis
    """
    medians = _median_scores(analysis)
    return None if medians is None else _scores_text(medians, analysis.where)


def scores_over_participants(of_each: Sequence[Sequence[Analysis]]) -> str | None:
    """Return the median over participants of the scores of every model; None for one of them.

    Parameters
    ----------
    of_each : sequence of sequence of Analysis
        The analyses of each participant; only those that are alone are put together.
    """
    alone = [analyses[0] for analyses in of_each if len(analyses) == 1]
    tables = {analysis: _median_scores(analysis) for analysis in alone}
    found = {analysis: table for analysis, table in tables.items() if table is not None}
    if len(found) < 2 or len({analysis.where for analysis in found}) > 1:
        return None
    where = next(iter(found)).where
    medians = pd.concat(list(found.values())).groupby(level="model", sort=False).median()
    return f"{len(found)} participants, median over them of the {_scores_text(medians, where)}"


def _median_scores(analysis: Analysis) -> pd.DataFrame | None:
    """Return the median over targets of r and R2 of each model."""
    scores = analysis.table("desc-scores_timeseries")
    if scores is None or scores.empty:
        return None
    medians = Results(scores).per_target().groupby("model", sort=False)[["r", "r2"]].median()
    return medians.rename(index=analysis.titles)


def _scores_text(medians: pd.DataFrame, where: str) -> str:
    return f"median r (R²) {where}: " + ", ".join(
        f"{model} {format_value(row['r'])} ({format_value(row['r2'])})"
        for model, row in medians.iterrows()
    )


def all_headlines(analyses: Sequence[Analysis]) -> list[str]:
    """Return the headlines of the analyses of a participant, named where there are several.

    A table that cannot be read gives none: the section that shows it says what is wrong.

    Parameters
    ----------
    analyses : sequence of Analysis
    """
    found = []
    for analysis in analyses:
        head = f"{analysis.stem}: " if len(analyses) > 1 else ""
        with suppress(DataError, ValueError, KeyError):
            found += [head + sentence for sentence in participant_headlines(analysis)]
    return found


def group_headlines(
    paired: pd.DataFrame,
    models: Sequence[str],
    free_hrf: str | None,
    several: bool,
    in_sample: bool = False,
) -> list[str]:
    """Return a sentence for each model and analysis, on the population.

    Parameters
    ----------
    paired : DataFrame
        From :func:`~drmbids.summarise_differences`; may be empty.
    models : sequence of str
        Those of model files.
    free_hrf : str or None
        Name of the linear model with free hemodynamic responses.
    several : bool
        Whether to name the analysis.
    in_sample : bool
        Whether nothing was held out in some participant.
    """
    found = []
    if paired.empty:
        return found
    for analysis, table in paired.groupby("analysis", sort=False):
        for model in models:
            differences = {
                # a bootstrap of a handful of participants is too sure of itself
                str(row["baseline"]): Difference(
                    row["mixed_mean"], row["mixed_ci_low"], row["mixed_ci_high"]
                )
                for row in _rows(table, model)
                if row["baseline"] not in models
            }
            if differences:
                head = f"{analysis}: " if several else ""
                found.append(head + headline(model, differences, free_hrf, in_sample))
    return found


def _rows(table: pd.DataFrame, model: str) -> list[dict[str, object]]:
    """Return the differences of a model in r over all regions, or in the only one."""
    if table.empty:
        return []
    whole = (table["region"] == ALL_REGIONS) | (table["region"].nunique() == 1)
    return table[whole & (table["model"] == model) & (table["score"] == "r")].to_dict("records")


def _half(table: pd.DataFrame) -> np.ndarray:
    """Return half of the 95 % interval of each mean over folds."""
    return table["fold_se"] * student_t.ppf(0.975, (table["n_folds"] - 1).clip(lower=1))
