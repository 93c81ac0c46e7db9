"""The exact null: models fitted again to measured series that were moved against their stimuli."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.held_out import HeldOut
from drmbids.compare.statistics.null import Null, draw_permutations
from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.runs.targets import with_targets


def refitted_models(
    results: Results,
    runs: Sequence[Run],
    models: Mapping[str, Any],
    series: Mapping[str, Sequence[HeldOut]],
    n_permutations: int,
    scheme: str,
    rng: np.random.Generator,
) -> dict[str, Null]:
    """Move the measured series and fit the models again, in the same folds.

    Parameters
    ----------
    results : Results
    runs : sequence of Run
        All runs of the results.
    models : mapping of str to estimator
        Unfitted.
    series : mapping of str to sequence of HeldOut
        Of the same models.
    n_permutations : int
    scheme : {"shift", "runs"}
    rng : numpy.random.Generator

    Raises
    ------
    DataError
        If ``"runs"`` meets runs of different length.
    """
    assert results.folds is not None and results.nuisance is not None
    runs = [with_targets(run, results.targets) for run in runs]
    index = {run.label: k for k, run in enumerate(runs)}
    folds = [
        tuple(
            rows.loc[rows["part"] == part, "run"].map(index).tolist() for part in ("train", "test")
        )
        for _, rows in results.folds.groupby("fold", sort=False)
    ]
    keys = {m: pd.MultiIndex.from_frame(parts[0].targets) for m, parts in series.items()}
    observed = _by_model(results, keys)
    above = {model: np.zeros(len(r), dtype=int) for model, r in observed.items()}
    largest = {model: np.empty(n_permutations) for model in models}
    cleaned = [_cleaned(run, results.nuisance) for run in runs]
    lengths = [len(run.measured_times()) for run in runs]
    for k, choice in enumerate(draw_permutations(lengths, n_permutations, scheme, rng)):
        moved = [_moved_run(runs, cleaned, int(c), i, scheme) for i, c in enumerate(choice)]
        null = compare_models(models, moved, cv=folds, nuisance=results.nuisance)
        for model, r in _by_model(null, keys).items():
            above[model] += r >= observed[model]
            largest[model][k] = np.fmax.reduce(r)
    return {model: Null(observed[model], above[model], largest[model]) for model in models}


def _by_model(results: Results, keys: Mapping[str, pd.MultiIndex]) -> dict[str, np.ndarray]:
    """Return the mean r over folds of each model, its targets in the order of the keys."""
    r = results.per_target().set_index(["model", "region", "target"])["r"]
    return {model: r.loc[model].reindex(order).to_numpy() for model, order in keys.items()}


def _cleaned(run: Run, nuisance: Nuisance) -> dict[str, np.ndarray]:
    """Return the responses of a run without nuisance."""
    basis = nuisance.basis(run, run.measured_times())
    return {
        name: project_out(basis, stream.values, stream.weights)
        for name, stream in run.responses.items()
    }


def _moved_run(
    runs: Sequence[Run],
    cleaned: Sequence[Mapping[str, np.ndarray]],
    choice: int,
    i: int,
    scheme: str,
) -> Run:
    """Return a run with its responses, and their weights, shifted, or with those of another run."""
    run, source = runs[i], i if scheme == "shift" else choice
    shift = choice if scheme == "shift" else 0
    values = {name: np.roll(one, shift, axis=0) for name, one in cleaned[source].items()}
    weights = {
        name: None if stream.weights is None else np.roll(stream.weights, shift, axis=0)
        for name, stream in runs[source].responses.items()
    }
    responses = {
        name: replace(stream, values=values[name], weights=weights[name])
        for name, stream in run.responses.items()
    }
    return replace(run, responses=responses)
