"""Models of several readouts beside models of one, on the same responses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.likelihood import with_log_likelihood
from drmbids.compare.crossvalidation.units import Units
from drmbids.compare.statistics.overview import comparison_statistics
from drmbids.compare.statistics.paired import paired_differences
from drmbids.compare.statistics.permutation import permutation_test
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataWarning, UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.responses import SelectResponses
from drmbids.maths.metrics.scores import score_run

MODEL: dict[str, Any] = {
    "schema_version": 1,
    "resolution_s": 0.5,
    "stimuli": {"events": {}},
    "populations": {"V1": {"kind": "leaky", "units": 2, "tau_s": 1.0}},
    "projections": [{"from": "events", "to": "V1"}],
    "readouts": {
        "units": {"kind": "spikes", "bin_s": 0.5, "regions": {"cells": "all"}},
        "bold": {"regions": {"V1": ["V1"], "V2": ["V1"]}, "hrf": {"trainable": False}},
    },
    "training": {"n_epochs": 1},
}


def make_run(k: int) -> Run:
    rng = np.random.default_rng(k)
    onsets = np.sort(rng.uniform(0, 50, 8))
    events = Events(onsets, np.full(8, 2.0), ["a", "b"] * 4)
    times, bins = 2.0 * np.arange(30), 0.5 * np.arange(1, 121)
    busy = ((bins[:, None] > onsets) & (bins[:, None] < onsets + 2.5)).sum(1)
    late = ((times[:, None] > onsets + 3) & (times[:, None] < onsets + 8)).sum(1)
    responses = {
        "V1": Stream(late[:, None] + 0.5 * rng.normal(size=(30, 3)), times),
        "V2": Stream(late[:, None] + 0.5 * rng.normal(size=(30, 2)), times),
        "cells": Stream(rng.poisson(1 + 3 * busy[:, None], (120, 2)).astype(float), bins),
    }
    entities = {"run": str(k)}
    return Run(responses, {"events": events}, duration=60.0, tr=2.0, entities=entities)


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k) for k in range(3)]


def models() -> dict[str, Any]:
    several = {k: v for k, v in MODEL.items() if k != "readouts"}
    counts = {**several, "readouts": {"units": MODEL["readouts"]["units"]}}
    return {
        "both": DRMRegressor(MODEL),
        "counts": make_pipeline(SelectResponses(["cells"]), DRMRegressor(counts)),
        "glm": make_pipeline(SelectResponses(["V2", "V1"]), GLMBaseline()),
    }


@pytest.fixture(scope="module")
def results(runs: list[Run]) -> Results:
    return compare_models(models(), runs, return_estimators=True, log_likelihood=True)


def test_each_response_is_scored_at_its_own_times(runs: list[Run], results: Results) -> None:
    table = results.table.set_index(["model", "fold", "readout", "region", "target"]).sort_index()
    assert not table.index.has_duplicates
    assert len(table) == 3 * (7 + 2 + 5)
    for k, run in enumerate(runs):
        model = DRMRegressor(MODEL).fit([r for r in runs if r is not run])
        for name, series in model.predict([run]).items():
            regions = model.readouts_[name]
            wanted = score_run(run, series[0], regions, Nuisance()).set_index(["region", "target"])
            found = table.loc["both", f"run-{k}", name][["r", "r2"]]
            np.testing.assert_allclose(found, wanted.loc[found.index], atol=1e-6)
            kept = results.predictions["both"][run.label][name]
            np.testing.assert_allclose(kept, series[0], atol=1e-6)
    assert np.isfinite(results.table["log_likelihood"]).all()
    assert results.folds is not None
    assert set(results.folds["n_measured"]) == {121}  # times of BOLD and of counts


def test_other_models_have_the_name_of_the_readout(results: Results) -> None:
    names = results.table.groupby(["model", "region"])["readout"].unique().map(list).to_dict()
    assert names == {
        ("both", "V1"): ["bold"], ("both", "V2"): ["bold"], ("both", "cells"): ["units"],
        ("counts", "cells"): ["units"], ("glm", "V1"): ["bold"], ("glm", "V2"): ["bold"],
    }  # fmt: skip
    assert results.readouts == ["units", "bold"]
    plain = Results(results.table.drop(columns="readout"))
    assert plain.readouts == [] and plain.by_readout() == [plain]


def test_models_are_compared_on_what_both_predict(results: Results) -> None:
    beside_glm = paired_differences(results, "glm")
    assert set(zip(beside_glm["model"], beside_glm["region"], strict=True)) == {
        ("both", "V1"), ("both", "V2"),
    }  # fmt: skip
    assert (beside_glm["n_targets"] > 0).all()
    beside_counts = paired_differences(results, "counts")
    assert set(beside_counts["region"]) == {"cells"}
    only = Results(results.table[results.table["model"] != "both"])
    with pytest.raises(UsageError, match="no other model predicts a region of the baseline 'glm'"):
        paired_differences(only, "glm")


def test_statistics_are_those_of_one_readout(runs: list[Run], results: Results) -> None:
    with pytest.raises(UsageError, match=r"take one of them, results\.of_readout\(name\)"):
        permutation_test(results, runs)
    bold = results.of_readout("bold")
    assert list(bold.predictions) == ["both", "glm"] and "readout" not in bold.table
    for run in runs:
        # the baseline was given its regions in another order
        assert bold.predictions["glm"][run.label].shape == (30, 5)
    found = comparison_statistics(bold, runs, "glm", n_permutations=20)
    assert set(found.summary["region"]) == {"V1", "V2"}
    counted = permutation_test(results.of_readout("units"), runs, n_permutations=20)
    assert set(counted["region"]) == {"cells"} and (counted["p"] < 0.2).all()
    with pytest.raises(UsageError, match="no readout 'spikes' in the results"):
        results.of_readout("spikes")


def test_likelihood_afterwards_is_that_at_once(runs: list[Run], results: Results) -> None:
    table = results.table.drop(columns="log_likelihood")
    again = with_log_likelihood(
        Results(table, results.predictions, results.estimators, results.folds, results.nuisance),
        runs,
    )
    both = (again.table["log_likelihood"], results.table["log_likelihood"])
    np.testing.assert_allclose(*both, rtol=1e-6)


def test_units_on_disk_and_processes_give_the_same(
    runs: list[Run], results: Results, tmp_path: Path
) -> None:
    for _ in range(2):  # computed, then read
        found = compare_models(models(), runs, log_likelihood=True, units=Units(tmp_path))
        assert found.table.equals(results.table)
        for label, series in results.predictions["both"].items():
            for name, values in series.items():
                np.testing.assert_array_equal(found.predictions["both"][label][name], values)


def test_what_a_run_lacks_has_no_score(runs: list[Run]) -> None:
    without = Run(
        {name: s for name, s in runs[0].responses.items() if name != "cells"},
        runs[0].stimuli,
        duration=60.0,
        tr=2.0,
        entities=runs[0].entities,
    )
    with pytest.warns(DataWarning, match="both, cells: 1 of 3 folds have no score"):
        found = compare_models(
            {"both": DRMRegressor(MODEL)}, [without, *runs[1:]], log_likelihood=True
        )
    missing = (found.table["fold"] == "run-0") & (found.table["region"] == "cells")
    scores = found.table[["r", "r2", "log_likelihood"]]
    assert missing.sum() == 2 and scores[missing].isna().all(axis=None)
    assert np.isfinite(scores[~missing]).all(axis=None)
