"""The first sentence of a report: which hypothesis predicts better, or that data do not tell."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from drmbids.app.report.numbers import format_value
from drmbids.compare.statistics.pairs import ALL_REGIONS, LEVEL


def pair_sentence(
    pairs: pd.DataFrame,
    n_parameters: Mapping[str, float],
    in_sample: bool = False,
    n_folds: int | None = None,
) -> str | None:
    """Return which of several models predicts better than which others, how much, how sure.

    The model that does best is compared with each of the others; where the data do not tell some
    of them from it, the simplest of these is named.

    Parameters
    ----------
    pairs : DataFrame
        From :func:`~drmbids.compare_pairs`, or with the same columns over participants.
    n_parameters : mapping of str to float
        Trained numbers of the models, as far as known.
    in_sample : bool
        Whether nothing was held out.
    n_folds : int, optional
        Folds that there are, to say so where some have no score.

    Returns
    -------
    str or None
        None without a pair.

    Examples
    --------
    >>> row = {"model": "loop", "baseline": "forward", "region": "V1", "fold_mean": 0.1,
    ...        "ci_low": 0.05, "ci_high": 0.15, "p": 0.01, "p_pairs": 0.01, "smallest": 0.001,
    ...        "better": "loop", "n_folds": 5}
    >>> pair_sentence(pd.DataFrame([row]), {})
    'Held-out r: loop predicts better than forward, by 0.1 (95 % interval 0.05 to 0.15, p = 0.01).'
    """
    whole = pairs[(pairs["region"] == ALL_REGIONS) | (pairs["region"].nunique() == 1)]
    if whole.empty:
        return None
    rows = whole.to_dict("records")
    leader = _leader(rows)
    own = sorted(
        (_seen_from(leader, row) for row in rows if leader in (row["model"], row["baseline"])),
        key=lambda row: row["fold_mean"],
    )
    if in_sample:
        parts = [f"{_number(row['fold_mean'])} more than {row['other']}" for row in own]
        return (
            f"In-sample r of {leader}: {', '.join(parts)}. Nothing was held out, so that it says "
            "nothing of which hypothesis predicts better."
        )
    told = [row for row in own if row["better"] == leader]
    lost = [row for row in own if row["better"] == row["other"]]
    alike = [row for row in own if not isinstance(row["better"], str)]
    listed = " and ".join(f"{r['other']}, by {_by(r, len(rows), n_folds)}" for r in told)
    parts = [f"{leader} predicts better than {listed}"] if told else []
    parts += [f"{r['other']} better than {leader}, by {_by(r, len(rows), n_folds)}" for r in lost]
    if alike:
        parts += [_undecided(leader, alike, len(rows), n_folds, pairs)]
        parts += _simplest([leader, *(row["other"] for row in alike)], n_parameters)
    return f"Held-out r: {'; '.join(parts)}."


def _leader(rows: list[dict[str, Any]]) -> str:
    """Return the model with the largest sum of differences with the others."""
    sums: dict[str, float] = {}
    for row in rows:
        for name, sign in ((row["baseline"], -1), (row["model"], 1)):
            sums[name] = sums.get(name, 0.0) + sign * float(np.nan_to_num(row["fold_mean"]))
    return max(sums, key=lambda name: sums[name])


def _seen_from(leader: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return a difference as leader minus other."""
    if row["model"] == leader:
        return row | {"other": row["baseline"]}
    turned = {"fold_mean": -row["fold_mean"], "ci_low": -row["ci_high"], "ci_high": -row["ci_low"]}
    return row | turned | {"other": row["model"]}


def _by(row: Mapping[str, Any], n_pairs: int, n_folds: int | None) -> str:
    """Return a difference, its interval, p, and what it is over where that is not everything."""
    said = ["no interval"]
    if np.isfinite(row["ci_low"]):
        said = [f"95 % interval {_number(row['ci_low'])} to {_number(row['ci_high'])}"]
    if np.isfinite(row["p_pairs"]):
        more = f" corrected for {n_pairs} pairs" if n_pairs > 1 else ""
        said.append(f"p = {_number(row['p_pairs'])}{more}")
    if "n_participants" in row:
        said.append(f"{row['n_participants']:.0f} participants")
    elif n_folds is not None and row["n_folds"] < n_folds:
        said.append(f"over {row['n_folds']:.0f} of {n_folds} folds, the others lack scores")
    return f"{_number(row['fold_mean'])} ({', '.join(said)})"


def _undecided(
    leader: str,
    alike: list[dict[str, Any]],
    n_pairs: int,
    n_folds: int | None,
    pairs: pd.DataFrame,
) -> str:
    """Return that data do not tell models apart, and why."""
    names = " and ".join([leader, *(str(row["other"]) for row in alike)])
    reasons = []
    for row in alike:
        which = f"{leader} - {row['other']} " if len(alike) > 1 else "difference "
        if np.isnan(row["fold_mean"]):
            reasons.append(f"{which}not known, no score in common")
        elif row["fold_mean"] == row["ci_low"] == row["ci_high"] == 0:
            reasons.append(f"{which}0, the same scores")
        else:
            small = f", less than the {_number(row['smallest'])} that is worth naming" * bool(
                row["p_pairs"] < LEVEL
            )
            reasons.append(f"{which}{_by(row, n_pairs, n_folds)}{small}")
    text = f"these data do not tell {names} apart: {', '.join(reasons)}"
    alone = _in_single_regions(leader, alike, pairs)
    return f"{text}; in single regions {alone}" if alone else text


def _in_single_regions(leader: str, alike: list[dict[str, Any]], pairs: pd.DataFrame) -> str:
    """Return where a model is better though it is not over all regions, corrected for these."""
    others = {row["other"] for row in alike}
    single = pairs[pairs["region"] != ALL_REGIONS]
    n = single["region"].nunique()
    if n < 2:
        return ""
    found = [
        f"{row['better']} is better in {row['region']}, by {_number(abs(row['fold_mean']))}"
        for row in single[single["p_pairs"] * n < LEVEL].to_dict("records")
        if leader in (row["model"], row["baseline"])
        and others & {row["model"], row["baseline"]}
        and isinstance(row["better"], str)
    ]
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _simplest(names: list[str], n_parameters: Mapping[str, float]) -> list[str]:
    """Return the model with the fewest trained numbers, where all are known and it is one."""
    sizes = sorted((n_parameters[name], name) for name in names if name in n_parameters)
    if len(sizes) < len(names) or sizes[0][0] == sizes[1][0]:
        return []
    (fewest, name), *rest = sizes
    against = ", ".join(f"{size:.0f}" for size, _ in rest)
    how = "simpler" if len(rest) == 1 else "simplest"
    return [f"{name} is the {how} ({fewest:.0f} parameters against {against})"]


def _number(value: float) -> str:
    """Return a difference with as many digits as say something."""
    return format_value(float(f"{value:.2g}"))
