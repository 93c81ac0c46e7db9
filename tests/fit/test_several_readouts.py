"""DRMRegressor with several readouts: BOLD, spikes and choices of one population at once."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_validate

from drmbids.brain.modelfile.load import as_model
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, ModelError, UsageError
from drmbids.fit.estimators.classifier import DRMClassifier
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.ensemble import Ensemble
from drmbids.fit.training.drm import DRM
from drmbids.maths.metrics.scores import score_run

TAU, TICK, SECONDS = 0.5, 0.25, 60.0
MODEL: dict[str, Any] = {
    "schema_version": 1,
    "resolution_s": TICK,
    "stimuli": {"events": {}},
    "populations": {"V1": {"kind": "leaky", "units": 2, "tau_s": 2.0, "nonlinearity": "linear"}},
    "projections": [{"from": "events", "to": "V1"}],
    "readouts": {
        "bold": {"regions": {"voxels": ["V1"]}, "hrf": {"trainable": False}},
        "units": {"kind": "spikes", "bin_s": TICK, "regions": {"cells": "all"}, "loss": "poisson"},
        "answers": {"kind": "choice", "length_s": 0.5, "regions": {"choice": "all"}},
    },
    "training": {"n_epochs": 60, "learning_rate": 0.2},
}
TARGETS = {"bold": ("voxels", 4), "units": ("cells", 3), "answers": ("choice", 2)}


def template(k: int) -> Run:
    """Return a run of two conditions, nothing measured: BOLD each 2 s, counts at 4 Hz, choices."""
    rng = np.random.default_rng(k)
    onsets = np.arange(1.0, SECONDS - 3, 2.5)
    onsets = onsets + rng.uniform(0, 1, len(onsets))
    shown = rng.choice(["a", "b"], len(onsets))
    events = Events(onsets, np.ones(len(onsets)), shown, columns=("a", "b"))
    times = {"voxels": np.arange(0, SECONDS, 2), "cells": np.arange(TICK, SECONDS, TICK)}
    times["choice"] = onsets + 1
    blank = {r: Stream(np.full((len(times[r]), n), np.nan), times[r]) for r, n in TARGETS.values()}
    entities = {"run": str(k)}
    return Run(blank, {"events": events}, duration=SECONDS, tr=2.0, entities=entities)


def simulated(n_runs: int) -> list[Run]:
    templates = [template(k) for k in range(n_runs)]
    net = as_model(MODEL).build(templates)
    maps = {
        "bold": [[3.0, 0.0, 2.0, -1.0], [0.0, 3.0, 2.0, 1.0]],
        "units": [[2.5, 0.0, 1.0], [0.0, 2.5, -1.0]],
        "answers": [[3.0, -3.0], [-3.0, 3.0]],
    }
    with torch.no_grad():
        net.populations[0].set_value("tau", torch.full((2,), TAU))
        net.populations[0].weight.copy_(torch.eye(2))
        net.populations[0].bias.zero_()
        for name, weights in maps.items():
            net.readout[name].weights[0].copy_(torch.tensor(weights))
    data = DRMIterator.from_runs(
        templates, TICK, net.stimuli, net.readout.responses, net.readout.nuisance
    )
    rng, runs = np.random.default_rng(9), []
    for run, clean in zip(templates, DRM(net).forward(data)[0], strict=True):
        first = rng.random(len(clean["answers"])) < 1 / (
            1 + np.exp(clean["answers"][:, 1] - clean["answers"][:, 0])
        )
        measured = {
            "voxels": clean["bold"] + 0.3 * rng.standard_normal(clean["bold"].shape),
            "cells": rng.poisson(3 * np.exp(clean["units"])).astype(float),
            "choice": np.column_stack([first, ~first]).astype(float),
        }
        streams = {r: replace(s, values=measured[r]) for r, s in run.responses.items()}
        runs.append(replace(run, responses=streams))
    return runs


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return simulated(4)


@pytest.fixture(scope="module")
def fitted(runs: list[Run]) -> DRMRegressor:
    return DRMRegressor(MODEL).fit(runs[:3])


def quick(**changes: Any) -> DRMRegressor:
    """Return the model after one step, some of its readouts changed, or left out for None."""
    model = deepcopy(MODEL)
    for name, part in changes.items():
        if part is None:
            del model["readouts"][name]
        else:
            model["readouts"][name] |= part
    return DRMRegressor(model, n_epochs=1)


def only(run: Run, *regions: str) -> Run:
    return replace(run, responses={name: run.responses[name] for name in regions})


def test_what_was_put_in_is_found_and_nothing_in_noise(
    runs: list[Run], fitted: DRMRegressor
) -> None:
    assert fitted.score(runs[3:]) > 0.4
    tau = fitted.net_.populations[0].value("tau").detach().numpy()
    np.testing.assert_allclose(tau, TAU, atol=0.15)  # from 2 s
    shown = [replace(run, stimuli=runs[k + 1].stimuli) for k, run in enumerate(runs[:3])]
    null = clone(fitted).fit(shown)
    assert null.score(runs[3:]) < 0.05
    assert np.abs(null.net_.populations[0].value("tau").detach().numpy() - TAU).max() > 0.15


def test_what_is_predicted_is_what_is_expected_of_each_response(
    runs: list[Run], fitted: DRMRegressor
) -> None:
    predicted = fitted.predict(runs)
    assert list(predicted) == list(TARGETS) == list(fitted.readouts_)
    for name, (region, n) in TARGETS.items():
        shapes = [run.responses[region].values.shape for run in runs]
        assert [series.shape for series in predicted[name]] == shapes
        assert fitted.readouts_[name] == {region: n}
        assert predicted[name].dtype == object and predicted[name][0].dtype == np.float64
    assert fitted.regions_ == dict(TARGETS.values())
    counts = np.concatenate([run.responses["cells"].values for run in runs])
    found = np.concatenate(list(predicted["units"]))
    assert found.min() > 0
    np.testing.assert_allclose(found.mean(0), counts.mean(0), rtol=0.1)
    np.testing.assert_allclose(np.concatenate(list(predicted["answers"])).sum(1), 1.0)


def test_the_score_is_the_mean_over_readouts(runs: list[Run], fitted: DRMRegressor) -> None:
    found = []
    for name, series in fitted.predict(runs[2:]).items():
        nuisance = fitted.net_.readout.nuisance[name]
        tables = [
            score_run(run, values, fitted.readouts_[name], nuisance)
            for run, values in zip(runs[2:], series, strict=True)
        ]
        found.append(np.mean([table["r2"].mean() for table in tables]))
    assert fitted.score(runs[2:]) == pytest.approx(np.mean(found))
    assert min(found) > 0.2


def test_a_saved_model_predicts_the_same(
    runs: list[Run], fitted: DRMRegressor, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    loaded = DRMRegressor.load(tmp_path)
    assert loaded.regions_ == fitted.regions_ and loaded.readouts_ == fitted.readouts_
    before, after = fitted.predict(runs[3:]), loaded.predict(runs[3:])
    for name in TARGETS:
        np.testing.assert_array_equal(before[name][0], after[name][0])
    assert loaded.score(runs[3:]) == fitted.score(runs[3:])
    assert loaded.parameters_table().equals(fitted.parameters_table())


def test_tables_and_history_know_the_readouts(fitted: DRMRegressor) -> None:
    assert {"train_loss_bold", "train_loss_units", "train_loss_answers"} < set(fitted.history_[0])
    assert "bold.hrf.delay" in set(fitted.parameters_table()["parameter"])
    assert set(fitted.hrf_table()["region"]) == {"voxels"}
    counted = quick(units={"loss": {"kind": "negative_binomial", "dispersion": 0.1}})
    rows = counted.fit([template_with_zeros()]).parameters_table()
    found = rows.loc[rows["parameter"] == "units.objective.dispersion"]
    assert len(found) == 3 and (found["value"] != 0.1).all()  # trained, and told


def template_with_zeros() -> Run:
    rng, run = np.random.default_rng(0), template(0)
    return replace(
        run,
        responses={
            region: replace(s, values=rng.integers(0, 2, s.values.shape).astype(float))
            for region, s in run.responses.items()
            if region != "choice"
        }
        | {"choice": replace(run.responses["choice"], values=np.eye(2)[rng.integers(0, 2, 23)])},
    )


def test_runs_may_lack_a_readout(runs: list[Run], fitted: DRMRegressor) -> None:
    parts = [only(runs[0], "voxels"), only(runs[1], "cells", "choice"), runs[2]]
    found = quick().fit(parts)
    assert found.regions_ == fitted.regions_
    predicted = found.predict(parts)
    assert [len(p) for p in predicted["bold"]] == [30, 0, 30]
    assert [len(p) for p in predicted["units"]] == [0, 239, 239]
    whole = fitted.predict(runs[3:])["bold"][0]
    bold = score_run(runs[3], whole, {"voxels": 4}, fitted.net_.readout.nuisance["bold"])
    assert fitted.score([only(runs[3], "voxels")]) == pytest.approx(bold["r2"].mean())


def test_one_of_several_is_the_model_of_an_only_readout(runs: list[Run]) -> None:
    bold = [only(run, "voxels") for run in runs]
    several = quick(units=None, answers=None).fit(bold[:3])
    model = {**MODEL, "readout": MODEL["readouts"]["bold"]}
    del model["readouts"]
    single = DRMRegressor(model, n_epochs=1).fit(bold[:3])
    assert several.score(bold[3:]) == pytest.approx(single.score(bold[3:]), abs=1e-6)
    mine, theirs = several.predict(bold[3:])["bold"][0], single.predict(bold[3:])[0]
    np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_scikit_learn_and_ensembles_take_it(runs: list[Run]) -> None:
    found = cross_validate(quick(), runs, cv=2, error_score="raise")["test_score"]
    assert np.isfinite(found).all()
    ensemble = Ensemble(quick(), n_members=2).fit([only(runs[0], "voxels"), runs[1], runs[2]])
    one, other = (member.predict(runs[3:]) for member in ensemble.estimators_)
    mean = ensemble.predict(runs[3:])
    for name in TARGETS:
        np.testing.assert_allclose(mean[name][0], (one[name][0] + other[name][0]) / 2)
    assert np.isfinite(ensemble.score(runs[3:]))


def test_what_does_not_fit_is_said(runs: list[Run], fitted: DRMRegressor) -> None:
    with pytest.raises(
        ModelError, match=r"readouts\.units\.regions\.cell: the runs have no region"
    ):
        quick(units={"regions": {"cell": "all"}}).fit(runs)
    with pytest.raises(ModelError, match="no readout predicts choice of the runs"):
        quick(answers=None).fit(runs)
    with pytest.raises(UsageError, match="several readouts needs runs, not rows"):
        rows = quick(bold={"regions": {"y": "all"}}, units=None, answers=None)
        rows.set_params(model={**rows.model, "stimuli": {"X": {}}, "projections": [
            {"from": "X", "to": "V1"}]}).fit(np.ones((9, 2)), np.arange(9.0))  # fmt: skip
    with pytest.raises(UsageError, match="one readout of kind choice, not bold, spikes, choice"):
        DRMClassifier(quick().model).fit([only(run, "choice") for run in runs])
    narrow = replace(
        runs[3],
        responses={**runs[3].responses, "voxels": Stream(np.zeros((30, 2)), np.arange(0, 60.0, 2))},
    )
    with pytest.raises(DataError, match=r"'voxels': 2} differ from {'voxels': 4}"):
        quick().fit([*runs[:3], narrow])
    with pytest.raises(DataError, match="expected 4"):
        fitted.score([narrow])


def test_an_only_readout_of_counts_predicts_counts_too(runs: list[Run]) -> None:
    parts = deepcopy(MODEL)
    parts["readout"] = parts.pop("readouts")["units"]
    cells = [only(run, "cells") for run in runs]
    model = DRMRegressor(parts).fit(cells[:3])
    (counts,) = model.predict(cells[3:])
    measured = cells[3].responses["cells"].values
    assert counts.min() > 0
    np.testing.assert_allclose(counts.mean(0), measured.mean(0), rtol=0.25)
    assert model.score(cells[3:]) > 0.4
