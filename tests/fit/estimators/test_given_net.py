"""A net that was made by hand in Python is an estimator like one from a model file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import LeaveOneOut, cross_validate

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.modelfile.load import as_model
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.inference.intervals import parameter_intervals
from drmbids.compare.statistics.permutation import permutation_test
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.ensemble import Ensemble

SPEC = {
    "schema_version": 1,
    "resolution_s": 0.5,
    "stimuli": {"events": {"conditions": ["a", "b"]}},
    "populations": {
        "V1": {"kind": "leaky", "units": 2, "tau_s": 1.0},
        "V2": {"kind": "leaky", "units": 2, "tau_s": 1.0},
    },
    "projections": [
        {"from": "events", "to": "V1"},
        {"from": "V1", "to": "V2", "delay_s": 0.5},
    ],
}


def make_run(k: int) -> Run:
    rng, times = np.random.default_rng(k), 2.0 * np.arange(40)
    onsets = np.arange(4.0, 60.0, 14.0) + rng.uniform(0, 4)
    events = Events(onsets, np.full(len(onsets), 4.0), ["a", "b"] * 2, columns=("a", "b"))
    lag = times[:, None] - onsets
    seen = ((lag > 3) & (lag < 9)).sum(1)[:, None]
    responses = {
        name: Stream(seen + 0.3 * rng.standard_normal((40, 3)), times) for name in ("V1", "V2")
    }
    return Run(responses, {"events": events}, tr=2.0, entities={"run": str(k)})


RUNS = [make_run(k) for k in range(3)]


def by_hand(runs: Sequence[Run]) -> DRMNet:
    """Return the net of SPEC, written in Python."""
    areas = {"V1": Leaky(2, 2, tau=1.0), "V2": Leaky(2, 2, tau=1.0)}
    targets = [runs[0].responses[name].values.shape[1] for name in areas]
    net = DRMNet(
        areas,
        ws=[[DRMConnection()], [None]],
        Wp=[[None, None], [DRMConnection(0.5), None]],
        readout=BOLD([2, 2], targets, regions=list(areas)),
        resolution=0.5,
        stimuli={"events": ("a", "b")},
    )
    areas["V1"].initialise_inputs(2)
    areas["V2"].initialise_inputs(0)
    return net


@pytest.fixture
def net() -> DRMNet:
    """Return the net with the values that the model file starts from at seed 0."""
    spec = as_model(SPEC)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        values = spec.build(RUNS).state_dict()
    made = by_hand(RUNS)
    made.load_state_dict(values)
    return made


def test_a_net_gives_the_numbers_of_its_model_file(net: DRMNet, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in net.state_dict().items()}
    models = {
        "file": DRMRegressor(as_model(SPEC), n_epochs=3),
        "net": DRMRegressor(net, n_epochs=3),
        "function": DRMRegressor(by_hand, n_epochs=3),
        "glm": GLMBaseline(),
    }
    table = compare_models(models, RUNS).table
    scores = {name: part["r2"].to_numpy() for name, part in table.groupby("model")}
    np.testing.assert_array_equal(scores["net"], scores["file"])
    np.testing.assert_array_equal(scores["function"], scores["file"])
    validated = [
        cross_validate(models[name], RUNS, cv=LeaveOneOut(), error_score="raise")["test_score"]
        for name in ("file", "net", "function")
    ]
    np.testing.assert_array_equal(validated[1:], [validated[0]] * 2)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])  # fits train copies

    file, own = (clone(models[name]).fit(RUNS[:2]) for name in ("file", "net"))
    pd.testing.assert_frame_equal(
        parameter_intervals(file, RUNS[:2]), parameter_intervals(own, RUNS[:2])
    )
    own.save(tmp_path / "fit")
    for source in (net, by_hand):
        loaded = DRMRegressor.load(tmp_path / "fit", model=source)
        np.testing.assert_array_equal(loaded.predict(RUNS[2:])[0], file.predict(RUNS[2:])[0])
    assert not (tmp_path / "fit" / "model.yaml").exists()


def test_permutations_and_stored_fits_take_it(net: DRMNet, tmp_path: Path) -> None:
    from drmbids.compare.crossvalidation.units import Units

    models = {"net": DRMRegressor(net, n_epochs=2), "function": DRMRegressor(by_hand, n_epochs=2)}
    first = compare_models(models, RUNS, units=Units(tmp_path))
    n_fits = len(list(tmp_path.rglob("manifest.json")))
    again = compare_models(models, RUNS, units=Units(tmp_path))
    pd.testing.assert_frame_equal(first.table, again.table)
    assert n_fits and n_fits == len(list(tmp_path.rglob("manifest.json")))
    with torch.no_grad():  # another start is another fit
        net.population_list[0].weight.add_(0.5)
    other = compare_models({"net": DRMRegressor(net, n_epochs=2)}, RUNS, units=Units(tmp_path))
    ours = first.table[first.table["model"] == "net"]
    assert not np.array_equal(other.table["r2"], ours["r2"])
    p = permutation_test(first, RUNS, n_permutations=20)
    assert p["p"].between(0, 1).all()


class Mine(DRMPopulation):
    """A population of a user's own, which does what a leaky one does."""

    def __init__(self, n_units: int, n_inputs: int):
        super().__init__(n_units, n_inputs)
        self.inner = Leaky(n_units, n_inputs, tau=1.0)

    def set_resolution(self, resolution):
        super().set_resolution(resolution)
        self.inner.set_resolution(resolution)

    def initial_state(self, batch):
        return self.inner.initial_state(batch)

    def forward(self, inputs, state):
        return self.inner(inputs, state)

    def initialise_inputs(self, n_stimulus):
        self.inner.initialise_inputs(n_stimulus)


def of_my_own(runs: Sequence[Run]) -> DRMNet:
    """Return the net of SPEC, of populations of a user's own."""
    areas = {"V1": Mine(2, 2), "V2": Mine(2, 2)}
    net = DRMNet(
        areas,
        ws=[[DRMConnection()], [None]],
        Wp=[[None, None], [DRMConnection(0.5), None]],
        readout=BOLD([2, 2], [3, 3], regions=list(areas)),
        resolution=0.5,
        stimuli={"events": ("a", "b")},
    )
    areas["V1"].initialise_inputs(2)
    areas["V2"].initialise_inputs(0)
    return net


def test_a_population_of_ones_own_has_the_numbers_of_the_one_it_copies(tmp_path: Path) -> None:
    """Comparison, permutations, cross-validation, intervals, save and load, one after the other."""
    models = {
        "file": DRMRegressor(as_model(SPEC), n_epochs=2),
        "own": DRMRegressor(of_my_own, n_epochs=2),
    }
    results = compare_models(models, RUNS)
    tested = permutation_test(results, RUNS, n_permutations=20)
    for table, columns in ((results.table, ["r", "r2"]), (tested, ["r", "p", "p_fwe", "p_fdr"])):
        file, own = (table[table["model"] == name][columns].to_numpy() for name in models)
        np.testing.assert_array_equal(own, file)
    folds = [
        cross_validate(model, RUNS, cv=LeaveOneOut(), error_score="raise")["test_score"]
        for model in models.values()
    ]
    np.testing.assert_array_equal(*folds)
    file, own = (clone(model).fit(RUNS) for model in models.values())
    intervals = [parameter_intervals(model, RUNS) for model in (file, own)]
    assert set(intervals[1]["parameter"]) >= {"inner.tau"}
    names = ["value", "low", "high"]
    np.testing.assert_array_equal(*(table[names].to_numpy() for table in intervals))
    own.save(tmp_path)
    loaded = DRMRegressor.load(tmp_path, model=of_my_own)
    np.testing.assert_array_equal(loaded.predict(RUNS)[0], file.predict(RUNS)[0])


def test_ensembles_and_classifiers_of_nets_made_by_hand_come_back(tmp_path: Path) -> None:
    fitted = Ensemble(DRMRegressor(by_hand, n_epochs=1), n_members=2).fit(RUNS)
    fitted.save(tmp_path)
    loaded = Ensemble.load(tmp_path, model=by_hand)
    np.testing.assert_array_equal(loaded.predict(RUNS)[0], fitted.predict(RUNS)[0])
    with pytest.raises(UsageError, match="made by hand"):
        Ensemble.load(tmp_path)


class Squared(DRMPopulation):
    """A population of a user's own: the square of what arrives."""

    def forward(self, inputs, state):
        return sum(x.square() for x in inputs), state


def test_a_population_of_ones_own_is_trained_and_scored() -> None:
    net = DRMNet(
        [Squared(2, 2)],
        ws=[DRMConnection()],
        Wp=[[None]],
        readout=BOLD([2], [3], regions=["V1"]),
        resolution=0.5,
        stimuli={"events": ["a", "b"]},
    )
    scores = cross_validate(
        DRMRegressor(net, n_epochs=2), RUNS, cv=LeaveOneOut(), error_score="raise"
    )
    assert scores["test_score"].min() > 0.2


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"readout": BOLD([2], [3])}, DataError, "no region 'R0' of the net"),
        ({"readout": BOLD([2], [4], regions=["V1"])}, DataError, "3 targets in the runs, 4 in"),
        ({"stimuli": None}, DataError, "no stimulus 'stimulus' of the net"),
        ({"stimuli": {"events": 2}}, DataError, r"columns \['0', '1'\] in the net, \['a', 'b'\]"),
    ],
)
def test_runs_that_do_not_fit_are_named_before_training(change, error, message) -> None:
    options = {"readout": BOLD([2], [3], regions=["V1"]), "stimuli": {"events": ["a", "b"]}}
    net = DRMNet([Leaky(2, 2)], [DRMConnection()], [[None]], **(options | change), resolution=0.5)
    with pytest.raises(error, match=message):
        DRMRegressor(net).fit(RUNS)


def test_conditions_that_a_net_does_not_take_are_named_once() -> None:
    readout, stimuli = BOLD([2], [3], regions=["V1"]), {"events": ["a"]}
    net = DRMNet([Leaky(2, 1)], [DRMConnection()], [[None]], readout, 0.5, stimuli)
    with pytest.warns(DataWarning, match=r"columns \['b'\] of stimulus 'events' are not columns"):
        fitted = DRMRegressor(net, n_epochs=1).fit(RUNS)
    assert np.isfinite(fitted.score(RUNS))  # and no word of conditions without training


def test_what_is_no_net_is_refused(net: DRMNet, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="returned int, not a DRMNet"):
        DRMRegressor(len).fit(RUNS)
    with pytest.raises(UsageError, match="starts from its own values, got n_starts=2"):
        DRMRegressor(net, n_starts=2).fit(RUNS)
    own = DRMRegressor(by_hand, n_epochs=1, n_starts=2).fit(RUNS)
    assert "objective_start_1" in own.history_[-1]
    own.save(tmp_path)
    with pytest.raises(UsageError, match=r"made by hand \(by_hand\); give what made it"):
        DRMRegressor.load(tmp_path)
    readout, stimuli = BOLD([3], [3], regions=["V1"]), {"events": ["a", "b"]}
    other = DRMNet([Leaky(3, 2)], [DRMConnection()], [[None]], readout, 0.5, stimuli)
    with pytest.raises(DataError, match="does not fit DRMNet"):
        DRMRegressor.load(tmp_path, model=other)
