"""Whether a model predicts anything: permutations that leave the autocorrelation as it is."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from drmbids.compare.crossvalidation.held_out import NO_PREDICTIONS, held_out_series
from drmbids.compare.statistics.moved import moved_predictions
from drmbids.compare.statistics.refitted import refitted_models
from drmbids.data.runs.results import Results, as_results
from drmbids.data.runs.run import Run
from drmbids.data.tools.arguments import seed_of, shortly, whole_number
from drmbids.data.tools.exceptions import UsageError


def permutation_test(
    results: Results,
    runs: Sequence[Run],
    n_permutations: int = 1000,
    scheme: Literal["shift", "runs"] = "shift",
    refit: Mapping[str, Any] | None = None,
    random_state: int = 0,
) -> pd.DataFrame:
    """Test for each target whether the held-out correlation is above chance.

    Single volumes cannot be shuffled: they are autocorrelated. ``"shift"`` moves a run against its
    stimuli by a random number of volumes, the end put at the start, and a held-out block within
    itself; ``"runs"`` pairs runs with the stimuli of other runs. All targets of a run move
    together, so that the largest score of a permutation over targets controls the family-wise
    error.

    Without ``refit`` predictions already made are moved. Folds of a cross-validation are not
    independent: the product of two runs enters twice, in the fit to one scored on the other and
    the other way round, while moved predictions count each direction on its own. The plain
    permutation then finds too much (9 to 13 % at a level of 5 % in simulations), so the deviations
    of the null from its mean are here spread as those of a cross-validation are
    (:mod:`drmbids.compare.statistics.reciprocal`). How far follows from the folds, and from the
    number of independent features that a prediction is a weighted sum of: with one, tails have
    twice the probability of normal ones; with many, scores are normal with twice the variance; for
    one split into training and test runs nothing changes. Linear models and DRMs tell their number;
    of others it shows where there are more targets than features, and is taken as many, which is
    cautious, where it does not show. ``refit`` moves the measured series before training, and needs
    no such step. The spread is a derivation and simulations of our own, not a published method.

    Parameters
    ----------
    results : Results
        As :func:`~drmbids.compare_models` returned it.
    runs : sequence of Run
        The runs it was given.
    n_permutations : int
        Random permutations; the smallest p is ``1 / (n_permutations + 1)``.
    scheme : {"shift", "runs"}
        What is moved. ``"runs"`` needs runs of one length with different stimuli, and many.
    refit : mapping of str to estimator, optional
        The unfitted models of ``results`` to be fitted again to each permutation, in the same
        folds: ``n_permutations`` times the work of the comparison. The measured series are moved
        without their nuisance (Freedman and Lane).
    random_state : int
        Seed of the permutations.

    Returns
    -------
    DataFrame
        One row for each model, region and target: ``model, region, target, r`` (mean over folds),
        ``p`` (one-sided, of the target alone), ``p_fwe`` (of the largest r over all targets of the
        model), ``p_fdr`` (adjusted after Benjamini and Hochberg). NaN where r is.

    Raises
    ------
    UsageError
        If stimuli were held out or nothing was, the scheme is unknown, there is no permutation, a
        model of ``refit`` is not among the results, or results and runs do not belong together.
    DataError
        If ``"runs"`` meets runs of different length.

    References
    ----------
    Freedman and Lane 1983, Journal of Business & Economic Statistics 1:292-298; Nichols and Holmes
    2002, Human Brain Mapping 15:1-25 (largest statistic); Phipson and Smyth 2010, Statistical
    Applications in Genetics and Molecular Biology 9:39 (p is never 0); Nadeau and Bengio 2003,
    Machine Learning 52:239-281 (folds that share training data).

    Examples
    --------
    >>> from drmbids import Events, GLMBaseline, Run, Stream, compare_models
    >>> rng = np.random.default_rng(0)
    >>> def run(k):
    ...     times, onsets = 2.0 * np.arange(90), np.sort(rng.uniform(0, 160, 6))
    ...     seen = [((times - t > 3) & (times - t < 13)).astype(float) for t in onsets]
    ...     bold = np.sum(seen, axis=0)[:, None] * [1.0, 0.0] + rng.normal(size=(90, 2))
    ...     events = Events(onsets, np.full(6, 10.0), ["face"] * 6)
    ...     return Run({"V1": Stream(bold, times)}, {"events": events}, tr=2.0,
    ...                entities={"run": str(k)})
    >>> runs = [run(k) for k in range(4)]
    >>> results = compare_models({"glm": GLMBaseline()}, runs)
    >>> (permutation_test(results, runs)["p_fwe"] < 0.05).tolist()
    [True, False]
    """
    results = as_results(results)
    if not results.predictions:
        raise UsageError(NO_PREDICTIONS)
    whole_number("n_permutations", n_permutations, least=1)
    random_state = seed_of("random_state", random_state)
    if scheme not in ("shift", "runs"):
        raise UsageError(f"scheme must be shift or runs, got {shortly(scheme)}")
    kinds = {fold.kind for fold in results.splits} & {"stimulus", "none"}
    if kinds:
        what = "folds over stimuli" if "stimulus" in kinds else "scores in sample"
        raise UsageError(f"{what} have no permutation test: hold out runs, or blocks of time")
    if refit is not None and any(fold.kind == "block" for fold in results.splits):
        raise UsageError("refit moves whole runs: hold these out, or test blocks without it")
    models = list(results.predictions if refit is None else refit)
    if not set(models) <= set(results.predictions) or not models:
        raise UsageError(f"refit has {models}, the results have {[*results.predictions]}")
    tables = []
    if refit is not None:
        series = {model: held_out_series(results, runs, model) for model in models}
        rng = np.random.default_rng(random_state)
        nulls = refitted_models(results, runs, refit, series, n_permutations, scheme, rng)
        tables = [_p_values(m, series[m][0].targets, *nulls[m]) for m in models]
    else:
        for model in models:  # one at a time: the series of a whole brain are large
            parts = held_out_series(results, runs, model)
            rng = np.random.default_rng(random_state)  # the same permutations for all models
            null = moved_predictions(results, {model: parts}, n_permutations, scheme, rng)
            tables.append(_p_values(model, parts[0].targets, *null[model]))
    return pd.concat(tables, ignore_index=True)


def _p_values(
    model: str, targets: pd.DataFrame, r: np.ndarray, above: np.ndarray, largest: np.ndarray
) -> pd.DataFrame:
    """Return the rows of one model: how often the null was as high, alone and at its largest."""
    n, scored = len(largest) + 1, np.isfinite(r)
    p, fwe, fdr = np.full((3, len(r)), np.nan)
    p[scored] = (1 + above[scored]) / n
    # permutations with a largest score as high as r: those right of r in their sorted row
    fwe[scored] = (n - np.searchsorted(np.sort(largest), r[scored])) / n
    if scored.any():
        fdr[scored] = false_discovery_control(p[scored])
    scores = {"r": r, "p": p, "p_fwe": fwe, "p_fdr": fdr}
    return pd.DataFrame({"model": model, **targets, **scores})
