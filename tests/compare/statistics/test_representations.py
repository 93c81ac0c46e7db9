"""Populations beside regions: the population that made the responses is the one that is found."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.statistics.representations import (
    compare_representations,
    condition_patterns,
    with_activity,
)
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.drm import DRMRegressor

CONDITIONS = ("a", "b", "c", "d", "e")


def make_run(seed: int) -> Run:
    rng = np.random.default_rng(seed)
    names = [CONDITIONS[k] for _ in range(4) for k in rng.permutation(5)]
    events = Events(4.0 * np.arange(20), np.full(20, 2.0), names, columns=CONDITIONS)
    times = 0.5 * np.arange(160)
    bold = Stream(rng.normal(size=(160, 18)), times)
    return Run(
        {"IT": bold, "V1": bold}, {"events": events}, duration=80.0, entities={"run": str(seed)}
    )


@pytest.fixture(scope="module")
def net() -> DRMRegressor:
    """Two populations with other weights; never trained, as nothing is to be learnt here."""
    model = {
        "schema_version": 1,
        "resolution_s": 0.5,
        "stimuli": {"events": {}},
        "populations": {
            name: {"kind": "leaky", "units": 3, "nonlinearity": "tanh"} for name in ("one", "two")
        },
        "projections": [{"from": "events", "to": "one"}, {"from": "events", "to": "two"}],
        "readout": {"kind": "bold", "regions": {"IT": ["one"], "V1": ["two"]}},
    }
    fitted = DRMRegressor(model, n_epochs=1).fit([make_run(9)])
    with torch.no_grad():
        for k, population in enumerate(fitted.net_.populations):
            weights = np.random.default_rng(k).normal(size=(3, 5))
            population.weight.copy_(torch.as_tensor(weights))
    return fitted


@pytest.fixture(scope="module")
def runs(net: DRMRegressor) -> list[Run]:
    """IT is a noisy mixture of population "one", V1 of population "two", without hemodynamics."""
    rng, made = np.random.default_rng(8), []
    # each unit is measured six times: distances between patterns stay what they are
    turned = {name: np.linalg.qr(rng.normal(size=(3, 3)))[0] for name in ("one", "two")}
    maps = {name: np.tile(q, 6) for name, q in turned.items()}
    for run in (make_run(k) for k in range(4)):
        activity = net.activity(run)
        responses = {}
        for region, name in (("IT", "one"), ("V1", "two")):
            clean = activity[name] @ maps[name]
            noisy = clean + 0.5 * clean.std() * rng.normal(size=clean.shape)
            responses[region] = Stream(noisy, 0.5 * np.arange(len(clean)) + 0.25)
        made.append(replace(run, responses=responses))
    return made


def test_the_population_behind_a_region_is_the_most_alike(net, runs) -> None:
    table = compare_representations(net, runs, distance="euclidean")
    best = table.loc[table.groupby("region")["similarity"].idxmax()].set_index("region")
    assert best["population"].to_dict() == {"IT": "one", "V1": "two"}
    assert (best["similarity"] > best["ceiling_low"] - 0.1).all()
    assert table["similarity"].min() < 0.5 * best["similarity"].min()


def test_the_population_behind_a_region_predicts_it_best(net, runs) -> None:
    """A linear map from activity, cross-validated like any other model."""
    scores = {
        name: compare_models(
            {name: RidgeBaseline(delays=(0.0,), nuisance=Nuisance("none"))},
            with_activity(net, runs, [name]),
        ).table
        for name in ("one", "two")
    }
    r = {name: table.groupby("region")["r"].mean() for name, table in scores.items()}
    assert r["one"]["IT"] > 0.75 > r["two"]["IT"]
    assert r["two"]["V1"] > 0.75 > r["one"]["V1"]


def test_patterns_are_means_over_the_events_of_a_condition(runs) -> None:
    run = runs[0]
    names, patterns = condition_patterns([run], "IT", window=(1.0, 1.0))
    assert names == list(CONDITIONS)
    series, events = run.responses["IT"], run.stimuli["events"]
    rows = [
        k
        for k, t in enumerate(series.times)
        for onset, name in zip(events.onsets, events.conditions, strict=True)
        if name == "c" and onset + 1.0 <= t < onset + 3.0
    ]
    np.testing.assert_allclose(patterns[0, 2], series.values[rows].mean(0))


def test_missing_samples_are_left_out_and_drift_is_taken_out(runs) -> None:
    series = runs[0].responses["IT"]
    values = series.values.copy()
    values[::7, 0] = np.nan
    drifting = values + 100 + 5 * series.times[:, None]
    gap = replace(runs[0], responses={"IT": Stream(values, series.times)})
    drift = replace(runs[0], responses={"IT": Stream(drifting, series.times)})
    plain, slow = (
        condition_patterns([run], "IT", nuisance=Nuisance(order=1))[1] for run in (gap, drift)
    )
    np.testing.assert_allclose(plain, slow, atol=1e-8)


def test_what_is_not_there_is_named(net, runs) -> None:
    with pytest.raises(UsageError, match="no population 'V4'"):
        with_activity(net, runs, ["V4"])
    with pytest.raises(UsageError, match="no series 'FFA'"):
        condition_patterns(runs, "FFA")
    with pytest.raises(UsageError, match="no events 'words'"):
        condition_patterns(runs, "IT", "words")
    with pytest.raises(DataError, match="no sample in the events"):
        condition_patterns(runs, "IT", window=(500.0, 500.0))
    lonely = replace(runs[0], stimuli={"events": Events([0.0], [1.0], ["a"])})
    with pytest.raises(DataError, match="share 1 conditions"):
        condition_patterns([lonely], "IT")
