"""The given models against each other over participants."""

from collections.abc import Mapping

import pandas as pd

from drmbids.app.report.folder import Analysis
from drmbids.app.report.pair_text import pair_sentence
from drmbids.compare.statistics.pairs import with_verdicts

#: Those of :func:`~drmbids.compare_pairs` that the means over participants stand for.
_MEANS = {
    "mixed_mean": "fold_mean",
    "mixed_ci_low": "ci_low",
    "mixed_ci_high": "ci_high",
    "mixed_p": "p",
}
_BOOTSTRAP = ("mean_difference", "ci_low", "ci_high")


def group_pairs(
    paired: pd.DataFrame, scores: pd.DataFrame, analyses: Mapping[Analysis, str]
) -> pd.DataFrame:
    """Return what differences between given models over participants say, in r.

    Parameters
    ----------
    paired : DataFrame
        From :func:`~drmbids.summarise_differences`; may be empty.
    scores : DataFrame
        From :func:`drmbids.app.report.group_tables.participant_scores`, of all participants.
    analyses : mapping of Analysis to str
        Names over participants.

    Returns
    -------
    DataFrame
        The rows between given models, ``fold_mean, ci_low, ci_high, p`` those of the mixed mean,
        and the verdicts of :func:`~drmbids.compare_pairs`; empty where there are none.
    """
    given = {name for analysis in analyses for name in analysis.hypotheses}
    if paired.empty:
        return pd.DataFrame()
    rows = paired[paired["baseline"].isin(given) & (paired["score"] == "r")]
    kept = rows.drop(columns=[*_BOOTSTRAP, "p"]).rename(columns=_MEANS)
    tables = []
    for name, part in kept.groupby("analysis", sort=False):
        own = scores[scores["analysis"] == name]
        medians = own.groupby(["model", "region"])["r_median"].mean()
        sizes = _sizes([a for a, other in analyses.items() if other == name])
        tables.append(with_verdicts(part, medians, sizes))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def pair_headlines(pairs: pd.DataFrame, analyses: Mapping[Analysis, str]) -> list[str]:
    """Return a sentence on the given models for each analysis over participants.

    Parameters
    ----------
    pairs : DataFrame
        From :func:`group_pairs`.
    analyses : mapping of Analysis to str
    """
    found = []
    several = len(set(analyses.values())) > 1
    for name, rows in pairs.groupby("analysis", sort=False) if len(pairs) else ():
        own = [a for a, other in analyses.items() if other == name]
        in_sample = any(a.held_out == "none" for a in own)
        sentence = pair_sentence(rows, _sizes(own), in_sample)
        if sentence is not None:
            found.append(f"{name}: {sentence}" if several else sentence)
    return found


def _sizes(analyses: list[Analysis]) -> dict[str, float]:
    """Return the trained numbers of each model that all participants know, in the mean."""
    table = pd.DataFrame([a.n_parameters for a in analyses])
    return {str(name): float(size) for name, size in table.dropna(axis=1).mean().items()}
