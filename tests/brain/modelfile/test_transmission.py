"""Weights, synapses, Dale's law and connectomes in model files."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from drmbids.brain.connections.plasticity import TsodyksMarkram
from drmbids.brain.connections.synapse import AlphaSynapse
from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.connections.weights import LowRank
from drmbids.brain.modelfile.load import load_model, parse_model
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import ModelError

PLAIN = "{from: V1, to: FFA, delay_s: 1.5}"
FULL = (
    "{from: V1, to: FFA, delay_s: 1.5, weights: {kind: low_rank, rank: 2, units: 4}, "
    "plasticity: {kind: tsodyks_markram, tau_recovery_s: 0.6}, dale: excitatory, "
    "synapse: {kind: alpha, tau_s: 0.4, priors: {tau_s: {mean: 0.4, sd: 0.2}}}, "
    "gated_by: [{by: events, conditions: [face], per_unit: true}]}"
)
BRAIN = """\
schema_version: 1
name: brain
resolution_s: 0.5
stimuli:
  events: {conditions: [house, face]}
populations:
  brain: {kind: hopf, units: auto, coupled: true, noise: {sigma: 0.1, seed: 1}}
projections:
  - {from: events, to: brain}
  - {from: brain, to: brain, connectome: {
      file: weights.tsv, lengths_file: ..lengths.csv, velocity_m_per_s: 0.1,
      velocity_min_m_per_s: 0.05, velocity_max_m_per_s: 0.12, strength: 0.5, trainable: [velocity]},
     priors: {velocity: {mean: 0.1, sd: 0.05}}}
readout: {kind: bold, regions: {V1: [brain], FFA: [brain]}}
"""


@pytest.fixture
def full(two_areas: str) -> str:
    assert PLAIN in two_areas
    # gated units have no input weights that hold a sign
    return two_areas.replace(PLAIN, FULL).replace("kind: gru, units: 5", "kind: leaky, units: 5")


def test_the_connection_is_what_the_file_says(full: str, runs: list[Run]) -> None:
    net = parse_model(full).build(runs)
    connection = net.afferents[1][0].connection
    assert connection.delay == 1.5 and connection.dale == "excitatory"
    assert isinstance(connection.weights, LowRank)
    assert (connection.weights.n_from, connection.weights.n_to) == (6, 4)
    assert isinstance(connection.plasticity, TsodyksMarkram)
    assert isinstance(connection.synapse, AlphaSynapse)
    assert connection.synapse.value("tau").item() == pytest.approx(0.4)
    assert connection.synapse.parameter_specs["tau"].prior_sd == 0.2
    assert connection.gates[0].value("gain").shape == (1, 4)
    assert net.population_list[1].n_inputs == 4
    assert (net.population_list[1].input_weights() >= 0).all()


def test_it_survives_the_file_and_the_script(full: str, runs: list[Run]) -> None:
    spec = parse_model(full)
    assert parse_model(spec.to_yaml()) == spec
    names: dict[str, Any] = {}
    exec(compile(spec.to_python(runs), "script.py", "exec"), names)
    torch.manual_seed(0)
    built, scripted = spec.build(runs), names["net"]
    assert scripted.schedule() == built.schedule()
    scripted.load_state_dict(built.state_dict())
    x = [torch.randn(8, 1, 2)]
    with torch.no_grad():
        got, wanted = (n.run(x, n.initial_carry(1))[0] for n in (scripted, built))
    torch.testing.assert_close(got, wanted)
    assert scripted.parameter_rows() == built.parameter_rows()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "weights.tsv").write_text("0\t1\t0.5\n1\t0\t0\n0.2\t0.3\t0\n")
    (tmp_path / "..lengths.csv").write_text("0,80,120\n90,0,1\n200,70,0\n")
    (tmp_path / "model.yaml").write_text(BRAIN)
    return tmp_path


def test_a_connectome_is_read_from_files_and_kept(folder: Path, runs: list[Run]) -> None:
    spec = load_model(folder / "model.yaml")
    assert parse_model(spec.to_yaml()) == spec  # needs the files no more
    net = spec.build(runs)
    tracts = net.afferents[0][-1].connection
    assert isinstance(tracts, Tracts) and tracts.learns_delay
    assert net.population_list[0].n_units == 3
    assert (tracts.shortest_ticks, tracts.longest_ticks) == (1, 8)
    assert tracts.signed_weights().sum().item() == pytest.approx(3.0)
    assert tracts.parameter_specs["velocity"].prior_sd == 0.05
    activity, _, _ = net.run([torch.zeros(6, 1, 2)], net.initial_carry(1))
    assert torch.isfinite(activity[0]).all()
    names: dict[str, Any] = {}
    exec(compile(spec.to_python(runs), "script.py", "exec"), names)
    assert names["net"].schedule() == net.schedule()


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("..lengths.csv", "nowhere.csv", 10, "cannot read 'nowhere.csv' (No such file"),
        ("..lengths.csv", "model.yaml", 10, "cannot read 'model.yaml' ("),
        ("units: auto", "units: 4", 9, "the connectome is 3 x 3 [to][from], brain has 4 units"),
        ("strength: 0.5", "strenght: 0.5", 11, "unknown key 'strenght'; did you mean 'strength'?"),
        ("[velocity]", "[speed]", 11, "must be"),
        ("0.05, velocity_max", "0.3, velocity_max", 9, "got 0.1 m/s, limits 0.3 and 0.12"),
        ("to: brain, connectome", "to: brain, delay_s: 1.0, connectome", 9,
         "a connectome stands in place of delay_s; take one out"),
    ],
)  # fmt: skip
def test_faulty_connectomes(folder: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in BRAIN
    (folder / "model.yaml").write_text(BRAIN.replace(old, new))
    with pytest.raises(ModelError) as caught:
        load_model(folder / "model.yaml")
    lines = [p for p in caught.value.problems if message in p]
    assert lines, caught.value.problems
    found = re.search(r"model\.yaml:(\d+): projections\[1\]", lines[0])
    assert found is not None and abs(int(found[1]) - line) <= 1, lines


def test_a_connectome_of_other_lengths(folder: Path) -> None:
    (folder / "..lengths.csv").write_text("0,80\n90,0\n")
    with pytest.raises(ModelError, match="weights are 3 x 3, lengths 2 x 2"):
        load_model(folder / "model.yaml")
    (folder / "..lengths.csv").write_text("1e-3,1e-3,1e-3\n" * 3)
    with pytest.raises(ModelError, match="lower its velocity or its upper limit, or resolution_s"):
        load_model(folder / "model.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: low_rank", "kind: lowrank", "unknown weights 'lowrank'; did you mean 'low_rank'?"),
        ("rank: 2", "rank: 9", "rank must be from 1 to 4 for 6 -> 4 units, got 9"),
        ("kind: alpha", "kind: beta", "unknown synapse 'beta'"),
        ("tau_s: 0.4, p", "tau: 0.4, p", "unknown key 'tau' of alpha; did you mean 'tau_s'?"),
        ("{tau_s: {mean", "{tua_s: {mean", "unknown parameter 'tua_s'"),
        ("tau_recovery_s: 0.6", "tau_recovery_s: -1.0", "must lie between"),
        ("dale: excitatory", "dale: 1.5", "dale: must be"),
    ],
)
def test_faulty_parts(full: str, old: str, new: str, message: str) -> None:
    assert old in full
    with pytest.raises(ModelError) as caught:
        parse_model(full.replace(old, new))
    assert any(message in p and "model.yaml:12" in p for p in caught.value.problems), caught.value


def test_dale_needs_input_weights(full: str, runs: list[Run]) -> None:
    text = full.replace("kind: leaky, units: 5", "kind: gru, units: 5")
    with pytest.raises(ModelError, match="FFA: GRU has no input weights that could hold a sign"):
        parse_model(text).build(runs)
