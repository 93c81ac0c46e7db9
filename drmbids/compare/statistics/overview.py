"""Everything that may be said of a comparison of models, made in one call."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from drmbids.compare.crossvalidation.held_out import NO_PREDICTIONS
from drmbids.compare.crossvalidation.likelihood import with_log_likelihood
from drmbids.compare.statistics.ceiling import noise_ceiling, normalised_scores, repeat_groups
from drmbids.compare.statistics.paired import paired_differences
from drmbids.compare.statistics.permutation import permutation_test
from drmbids.compare.statistics.summary import summarise_results
from drmbids.data.runs.results import Results, as_results
from drmbids.data.runs.run import Run
from drmbids.data.runs.targets import as_runs, with_targets
from drmbids.data.tools.arguments import whole_number
from drmbids.data.tools.exceptions import DataError, UsageError


@dataclass(frozen=True, eq=False)
class ComparisonStatistics:
    """What a comparison says, as tables.

    Parameters
    ----------
    results : Results
        The comparison, with held-out log-likelihoods where the fitted models were kept.
    summary : DataFrame
        One row for each model and region, see :func:`~drmbids.summarise_results`.
    paired : DataFrame or None
        Differences with the baseline, see :func:`~drmbids.paired_differences`; None without one.
    ceiling : DataFrame or None
        See :func:`~drmbids.noise_ceiling`; None where no stimulus is repeated.
    normalised : DataFrame or None
        See :func:`~drmbids.normalised_scores`; None where the repeats of a stimulus were not held
        out together.
    permutation : DataFrame or None
        See :func:`~drmbids.permutation_test`; None where none was asked for.
    """

    results: Results
    summary: pd.DataFrame
    paired: pd.DataFrame | None = None
    ceiling: pd.DataFrame | None = None
    normalised: pd.DataFrame | None = None
    permutation: pd.DataFrame | None = None


def comparison_statistics(
    results: Results,
    runs: Sequence[Run],
    baseline: str | None = None,
    *,
    further_baselines: Sequence[str] = (),
    repeats: str | Sequence[str] | None = None,
    n_permutations: int = 1000,
    random_state: int = 0,
) -> ComparisonStatistics:
    """Return all statistics of a comparison.

    Parameters
    ----------
    results : Results
        As :func:`~drmbids.compare_models` returned it; with ``log_likelihood=True``, or the fitted
        models kept, for log-likelihoods.
    runs : sequence of Run
        The runs it was given.
    baseline : str, optional
        Model that the others are compared with.
    further_baselines : sequence of str
        Models that the others, but for the baseline, are compared with too, in ``paired``.
    repeats : str or sequence of str, optional
        What tells repeats of a stimulus, as ``by`` in :func:`~drmbids.repeat_groups`.
    n_permutations : int
        Permutations of the test against chance, predictions moved (see
        :func:`~drmbids.permutation_test` for what that assumes); none when 0.
    random_state : int
        Seed of the permutations.

    Returns
    -------
    ComparisonStatistics

    Raises
    ------
    UsageError
        If the baseline is not among two models or more, or results and runs do not belong together.

    Warns
    -----
    UserWarning
        If a stimulus is repeated in runs that were not measured at the same times, so that there is
        no ceiling.

    Examples
    --------
    >>> from drmbids import Events, GLMBaseline, MeanBaseline, Stream, compare_models
    >>> rng = np.random.default_rng(0)
    >>> def run(k):
    ...     bold = Stream(rng.normal(size=(60, 2)), 2.0 * np.arange(60))
    ...     events = Events([10.0 + k, 60.0], [20.0, 20.0], ["face", "house"])
    ...     return Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": str(k)})
    >>> runs = [run(k) for k in range(3)]
    >>> models = {"mean": MeanBaseline(), "glm": GLMBaseline()}
    >>> found = comparison_statistics(compare_models(models, runs), runs, "mean", n_permutations=99)
    >>> found.summary[["model", "n_above_chance_fwe"]].values.tolist()
    [['mean', 0], ['glm', 0]]
    """
    results = as_results(results)
    whole_number("n_permutations", n_permutations)
    runs = [with_targets(run, results.targets) for run in as_runs(runs)]
    if results.estimators and "log_likelihood" not in results.scores:
        results = with_log_likelihood(results, runs)
    ceiling, normalised = _ceilings(results, runs, repeats)
    permutation = None
    if n_permutations:
        permutation = permutation_test(results, runs, n_permutations, random_state=random_state)
    return ComparisonStatistics(
        results,
        summarise_results(
            results, baseline, ceiling=ceiling, normalised=normalised, permutation=permutation
        ),
        _paired(results, baseline, further_baselines),
        ceiling,
        normalised,
        permutation,
    )


def _paired(results: Results, baseline: str | None, further: Sequence[str]) -> pd.DataFrame | None:
    """Return differences with each baseline; those between two baselines once."""
    tables, done = [], set()
    for name in [*([] if baseline is None else [baseline]), *further]:
        table = paired_differences(results, name)
        tables.append(table[~table["model"].isin(done)])
        done.add(name)
    return pd.concat(tables, ignore_index=True) if tables else None


def _ceilings(
    results: Results, runs: Sequence[Run], repeats: str | Sequence[str] | None
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Return noise ceilings and scores against them, as far as repeats allow."""
    if results.folds is None:
        raise UsageError(NO_PREDICTIONS)
    compared = set(results.folds["run"])
    kept = [k for k, run in enumerate(runs) if run.label in compared]
    if 0 < len(kept) < len(runs):  # drift and confounds leave nothing of the others
        runs = [runs[k] for k in kept]
        repeats = (
            repeats if repeats is None or isinstance(repeats, str) else [repeats[k] for k in kept]
        )
    groups = repeat_groups(runs, repeats)
    if np.bincount(groups).max() < 2:
        return None, None
    try:
        ceiling = noise_ceiling(runs, repeats, results.nuisance)
    except DataError as error:
        warnings.warn(f"no noise ceiling: {error}", stacklevel=3)
        return None, None
    together = (
        normalised_scores(results, runs, repeats) if _together(results, runs, groups) else None
    )
    return ceiling, together


def _together(results: Results, runs: Sequence[Run], groups: np.ndarray) -> bool:
    """Return whether all repeats of each stimulus were held out in one fold, whole or in blocks."""
    if any(fold.kind not in ("run", "block") for fold in results.splits):
        return False
    tested = [np.isin(np.arange(len(runs)), fold.test) for fold in results.splits]
    alone = any(
        0 < held[groups == group].sum() < (groups == group).sum()
        for held in tested
        for group in np.unique(groups)
    )
    return bool(np.any(tested, axis=0).all()) and not alone
