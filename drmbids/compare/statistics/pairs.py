"""Hypotheses against each other: every pair of models, and whether the data tell them apart."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import permutation_test
from scipy.stats import t as student_t

from drmbids.compare.statistics.paired import paired_differences, volume_ratio
from drmbids.data.runs.results import Results, as_results
from drmbids.data.tools.exceptions import DataError, UsageError

#: Label of the rows over all regions together.
ALL_REGIONS = "all"

#: Smallest difference in r or R2 that is worth naming: a thousandth of the variance. Trained models
#: that have a needless connection beside a true structure differ from it by .0003 to .001 of R2.
SMALLEST = 0.001

#: The same as a share of what the better model reaches, a convention: less than a hundredth of what
#: is explained changes no account of what drives a region, however many runs show it.
SHARE = 0.01

#: Level at which a difference is told from chance, over all pairs of a region.
LEVEL = 0.05

#: Fewest folds whose signs can be flipped in more than 2 / LEVEL ways.
_FEWEST_FLIPPED = 6


def compare_pairs(
    results: Results,
    models: Sequence[str] | None = None,
    n_parameters: Mapping[str, int] | None = None,
    score: Literal["r", "r2"] = "r",
    test_train_ratio: float | None = None,
    random_state: int = 0,
) -> pd.DataFrame:
    """Return how each pair of models differs, and which of the two the data say is better.

    A model is better where the difference lies beyond its interval and is large enough to be
    named, else the data do not tell the two apart, and the simpler one is to be preferred. In
    sample nothing is better: there are no folds to say how sure a difference is.

    Parameters
    ----------
    results : Results
        Scores of two models or more.
    models : sequence of str, optional
        Those to compare with each other; all when absent.
    n_parameters : mapping of str to int, optional
        Trained numbers of each model, by which one is simpler; of the fitted models, where
        ``results`` kept them, when absent.
    score : {"r", "r2"}
        What is compared.
    test_train_ratio : float, optional
        As in :func:`~drmbids.paired_differences`.
    random_state : int
        Seed of the sign flips.

    Returns
    -------
    DataFrame
        One row for each pair and region, and where there are several regions one over the targets
        of all of them (region ``"all"``): the columns of :func:`~drmbids.paired_differences`,
        positive where ``model`` beats ``baseline``, the one that was given first, and
        ``ci_low, ci_high`` (95 % interval of ``fold_mean``, Student's, with the corrected standard
        error), ``p_flip`` (signs of the folds flipped, two-sided; NaN with fewer than 6 folds; it
        takes folds as independent, which ``p`` does not), ``p_pairs`` (``p`` times the number of
        pairs, Bonferroni), ``smallest`` (difference worth naming: the larger of 0.001 and a
        hundredth of the better model's median score), ``better`` (the model told to be better:
        ``p_pairs`` below 0.05 and a difference above ``smallest``; else missing), ``simpler`` (that
        with fewer parameters; missing where they are as many or not known).

    Raises
    ------
    UsageError
        If there are fewer than two models, one is not in the results, or no pair shares a region.
    DataError
        If one of several regions is called ``"all"``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = [(m, f, "V1", k, 0.4 + s + rng.normal(0, 0.01), 0.3 + s + rng.normal(0, 0.01))
    ...         for m, s in (("feedback", 0.1), ("loop", 0.1), ("forward", 0))
    ...         for f in range(5) for k in range(9)]
    >>> table = pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"])
    >>> sizes = {"feedback": 12, "loop": 14, "forward": 10}
    >>> found = compare_pairs(Results(table), n_parameters=sizes)
    >>> found[["model", "baseline", "better", "simpler"]].fillna("neither").values.tolist()
    [['loop', 'feedback', 'neither', 'feedback'], ['forward', 'feedback', 'feedback', 'forward'], \
['forward', 'loop', 'loop', 'forward']]
    """
    results = as_results(results)
    there = [str(name) for name in results.table["model"].unique()]
    names = there if models is None else list(dict.fromkeys(models))
    if len(names) < 2 or not set(names) <= set(there):
        raise UsageError(f"need two models or more that have scores, got {names} of {there}")
    table = with_all_regions(results.comparable[results.comparable["model"].isin(names)])
    ratio = volume_ratio(results) if test_train_ratio is None else test_train_ratio
    regions = {name: set(part["region"]) - {ALL_REGIONS} for name, part in table.groupby("model")}
    tables = []
    for first, second in combinations(names, 2):
        if regions[first] & regions[second]:
            two = Results(table[table["model"].isin((first, second))])
            found = paired_differences(two, first, ratio)
            found = found[found["score"] == score]
            flips = _flipped(two.table, second, first, score, random_state)
            tables.append(found.assign(p_flip=found["region"].map(flips)))
    if not tables:
        raise UsageError(f"no two of the models {names} predict the same region")
    found = pd.concat(tables, ignore_index=True)
    half = found["fold_se"] * student_t.ppf(1 - LEVEL / 2, (found["n_folds"] - 1).clip(lower=1))
    half = half.where(found["p"].notna() | (found["fold_mean"] == 0))
    found["ci_low"], found["ci_high"] = found["fold_mean"] - half, found["fold_mean"] + half
    medians = Results(table).per_target().groupby(["model", "region"])[score].median()
    return with_verdicts(found, medians, parameters_of(results) | dict(n_parameters or {}))


def with_verdicts(
    pairs: pd.DataFrame, medians: pd.Series, n_parameters: Mapping[str, float]
) -> pd.DataFrame:
    """Return differences with what they say: ``p_pairs, smallest, better, simpler``.

    Parameters
    ----------
    pairs : DataFrame
        Columns ``model, baseline, region, fold_mean, p``.
    medians : Series
        Scores, by model and region.
    n_parameters : mapping of str to float
    """
    p_pairs = (pairs["p"] * pairs.groupby("region")["p"].transform("count")).clip(upper=1.0)
    rows = []
    for row, p in zip(pairs.to_dict("records"), p_pairs, strict=True):
        both = str(row["model"]), str(row["baseline"])
        reached = [float(medians.get((name, row["region"]), np.nan)) for name in both]
        smallest = max(SMALLEST, SHARE * float(np.nan_to_num(max(reached, key=np.nan_to_num))))
        told = bool(p < LEVEL) and abs(row["fold_mean"]) > smallest
        sizes = [n_parameters.get(name, np.nan) for name in both]
        differ = np.isfinite(sizes).all() and sizes[0] != sizes[1]
        rows.append(
            {
                "p_pairs": p,
                "smallest": smallest,
                "better": both[int(row["fold_mean"] < 0)] if told else np.nan,
                "simpler": both[int(sizes[1] < sizes[0])] if differ else np.nan,
            }
        )
    columns = ["p_pairs", "smallest", "better", "simpler"]
    verdicts = pd.DataFrame(rows, columns=columns, index=pairs.index)
    return pd.concat([pairs, verdicts.astype({"better": object, "simpler": object})], axis=1)


def parameters_of(results: Results) -> dict[str, int]:
    """Return the trained numbers of each model whose fits were kept and tell them.

    Parameters
    ----------
    results : Results
    """
    found = {}
    for model, by_fold in results.estimators.items():
        sizes = [getattr(fit, "n_parameters_", None) for fit in by_fold.values()]
        known = [int(size) for size in sizes if size is not None]
        if known:
            found[model] = max(known)
    return found


def with_all_regions(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores, and where there are several regions those of all targets as one more.

    Parameters
    ----------
    scores : DataFrame
        Columns ``model, fold, region, target`` and scores.
    """
    if scores["region"].nunique() < 2:
        return scores
    if (scores["region"] == ALL_REGIONS).any():
        raise DataError(
            f"a region is called {ALL_REGIONS!r}, which stands for all regions together; run the "
            "participant level again with another name"
        )
    names = scores["region"].astype(str) + " " + scores["target"].astype(str)
    every = scores.assign(region=ALL_REGIONS, target=pd.factorize(names)[0])
    return pd.concat([scores, every], ignore_index=True)


def _flipped(
    table: pd.DataFrame, model: str, baseline: str, score: str, random_state: int
) -> dict[Hashable, float]:
    """Return the two-sided p of the mean over folds in each region when signs of folds flip."""
    keys = ["region", "fold", "target"]
    scores = [table[table["model"] == name].set_index(keys)[score] for name in (model, baseline)]
    folds = (scores[0] - scores[1]).groupby(level=["region", "fold"]).median().dropna()
    found = {}
    for region, values in folds.groupby(level="region"):
        if len(values) >= _FEWEST_FLIPPED:
            found[region] = permutation_test(
                (values.to_numpy(),), np.mean, permutation_type="samples",
                random_state=np.random.default_rng(random_state),
            ).pvalue  # fmt: skip
    return found
