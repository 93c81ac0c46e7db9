"""Conditions of projections: which input drives which region, as the C matrix of a DCM says."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from drmbids.brain.modelfile.load import parse_model
from drmbids.compare.recovery.truth import describe
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import ModelError

DCM = """\
schema_version: 1
name: dcm
resolution_s: 0.5
stimuli: {events: {}}
populations:
  V1: {kind: leaky, units: 1, tau_s: 1.0, nonlinearity: linear}
  FFA: {kind: leaky, units: 1, tau_s: 1.0, nonlinearity: linear}
projections:
  - {from: events, to: V1, conditions: [house, face]}
  - {from: events, to: FFA, conditions: [tool], delay_s: 0.5}
  - {from: V1, to: FFA, delay_s: 0.5}
readout: {regions: {V1: [V1], FFA: [FFA]}}
"""


@pytest.fixture
def three(make_run: Callable[..., Run]) -> list[Run]:
    return [make_run(conditions=("face", "house", "tool"))]


def test_only_the_named_conditions_drive_the_target(three: list[Run]) -> None:
    net = parse_model(DCM).build(three)
    v1, ffa = net.population_list
    assert (v1.n_inputs, ffa.n_inputs) == (2, 2)
    with torch.no_grad():
        v1.weight.copy_(torch.tensor([[2.0, 3.0]]))
        ffa.weight.copy_(torch.tensor([[5.0, 0.0]]))
    shown = torch.zeros(3, 40, 1, 3)
    for column in range(3):  # face, house, tool on their own
        shown[column, :, 0, column] = 1.0
    last = []
    for stimulus in shown:
        carry = net.initial_carry(1)
        _, activity, _ = net.window([stimulus], torch.tensor([0.0]), torch.zeros(1, 1, 0), carry)
        last.append([round(a[-1, 0, 0].item(), 3) for a in activity])
    # columns keep the order of the stimulus, whatever that of the projection
    assert last == [[2.0, 0.0], [3.0, 0.0], [0.0, 5.0]]


def test_tables_name_the_conditions(three: list[Run]) -> None:
    net = parse_model(DCM).build(three)
    rows = {(r["source"], r["target"]): r["conditions"] for r in net.connection_rows()}
    assert rows == {
        ("events", "V1"): "face, house",
        ("events", "FFA"): "tool",
        ("V1", "FFA"): "n/a",
    }
    table = describe(net)
    named = table.loc[table["quantity"] == "relative weight", "name"]
    assert list(named) == ["events:face -> V1", "events:house -> V1", "events:tool -> FFA"]


def test_conditions_survive_the_file_and_the_script(three: list[Run]) -> None:
    spec = parse_model(DCM)
    assert parse_model(spec.to_yaml()) == spec
    names: dict[str, Any] = {}
    exec(compile(spec.to_python(three), "script.py", "exec"), names)
    built, scripted = spec.build(three), names["net"]
    scripted.load_state_dict(built.state_dict())
    assert scripted.connection_rows() == built.connection_rows()


def test_learned_delays_and_weights_act_on_the_named_conditions(three: list[Run]) -> None:
    late = "conditions: [tool], delay_s: 0.5, delay_min_s: 0.1, delay_max_s: 2.0"
    heavy = "conditions: [face], weights: {kind: dense, units: 4}"
    text = DCM.replace("conditions: [tool], delay_s: 0.5", late)
    net = parse_model(text.replace("conditions: [house, face]", heavy)).build(three)
    assert net.population_list[0].n_inputs == 4 and net.population_list[1].n_inputs == 2
    assert net.afferents[0][0].connection.weights.n_from == 1


def test_units_follow_the_columns_that_arrive(make_run: Callable[..., Run]) -> None:
    many = tuple(f"c{k}" for k in range(9))
    text = DCM.replace("units: 1, tau_s: 1.0", "units: auto").replace("[house, face]", str([*many]))
    spec = parse_model(text.replace("[tool]", "[c0]")).resolve([make_run(conditions=many)])
    assert [p.units for p in spec.populations.values()] == [27, 8]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[tool]", "[tol]", "'events' has no condition 'tol'; did you mean 'tool'"),
        ("[tool]", "[tool, tool]", "events -> FFA: a condition is there twice"),
        ("to: FFA, delay_s: 0.5}", "to: FFA, delay_s: 0.5, conditions: all}", "is a population"),
    ],
)
def test_faults(old: str, new: str, message: str, three: list[Run]) -> None:
    with pytest.raises(ModelError, match=message):
        parse_model(DCM.replace(old, new)).build(three)
