"""Gates in model files: what they build, where they are written, what is refused."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch

from drmbids.brain.connections.gate import Gate
from drmbids.brain.modelfile.load import parse_model
from drmbids.brain.net.net import DRMNet
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import ModelError

PLAIN = "{from: V1, to: FFA, delay_s: 1.5}"
GATED = (
    "{from: V1, to: FFA, delay_s: 1.5, gated_by: ["
    "{by: events, conditions: [face], delay_s: 0.5}, {by: FFA, per_unit: true, delay_s: 1.0}]}"
)


@pytest.fixture
def gated(two_areas: str) -> str:
    assert PLAIN in two_areas
    return two_areas.replace(PLAIN, GATED)


def gates_of(net: DRMNet) -> list[Gate]:
    """Return the gates of V1 -> FFA."""
    (line,) = [a for a in net.afferents[1] if not a.is_stimulus and a.source == 0]
    return [cast(Gate, gate.connection) for gate in line.gates]


def test_gates_are_built(gated: str, runs: list[Run]) -> None:
    by_events, by_ffa = gates_of(parse_model(gated).build(runs))
    assert (by_events.by, by_events.modulators, by_events.delay) == ("events", ("face",), 0.5)
    assert by_events.origin == (0, True, (1,))  # the file has house before face
    assert by_events.value("gain").shape == (1, 1)
    assert by_ffa.value("gain").shape == (5, 6)  # units of FFA, units of V1


def test_all_conditions_are_written_out(gated: str, runs: list[Run]) -> None:
    every = parse_model(gated.replace("conditions: [face], ", "")).resolve(runs)
    (projection,) = [p for p in every.projections if p.source == "V1"]
    assert [gate.conditions for gate in projection.gates] == [("house", "face"), "all"]


def test_gates_survive_the_file_and_the_script(gated: str, runs: list[Run]) -> None:
    spec = parse_model(gated)
    assert parse_model(spec.to_yaml()) == spec
    names: dict[str, Any] = {}
    exec(compile(spec.to_python(runs), "script.py", "exec"), names)
    built, scripted = spec.build(runs), names["net"]
    assert scripted.schedule() == built.schedule()
    assert scripted.state_dict().keys() == built.state_dict().keys()
    for one, other in zip(gates_of(scripted), gates_of(built), strict=True):
        assert (one.by, one.modulators, one.delay) == (other.by, other.modulators, other.delay)
        assert torch.equal(one.value("gain"), other.value("gain"))


def test_gates_of_each_region(make_run: Callable[..., Run]) -> None:
    spec = parse_model(
        "schema_version: 1\n"
        "stimuli: {events: {}}\n"
        "populations: {each_region: {kind: leaky}}\n"
        "projections:\n"
        "  - {from: events, to: each_region}\n"
        "  - {from: each_region, to: each_region, delay_ticks: 1, gated_by: [{by: events}]}\n"
    )
    net = spec.build([make_run({"A": 1, "B": 1, "C": 1})])
    gated = [a for line in net.afferents for a in line if a.gates]
    assert len(gated) == 6 and not any(a.is_stimulus for a in gated)
    assert len(net.groups) == 1  # modulated by a stimulus: still one recurrence


def test_a_population_may_do_nothing_but_modulate(two_areas: str) -> None:
    lines = two_areas.replace(PLAIN, f"{PLAIN[:-1]}, gated_by: [{{by: attention}}]}}")
    lines = lines.replace("  FFA:", "  attention: {kind: leaky, units: 1}\n  FFA:")
    lines = lines.replace("projections:\n", "projections:\n  - {from: events, to: attention}\n")
    assert "attention" in parse_model(lines).populations


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{by: evnts}", "projections[1].gated_by[0].by: unknown stimulus or population 'evnts'"),
        ("{by: events, conditions: [fase]}", "'events' has no condition 'fase'; did you mean"),
        ("{by: FFA, conditions: [face]}", "'FFA' is a population and has none; take them out"),
        ("{by: FFA}", "connections without delay form a loop: FFA -> FFA"),
        ("{by: FFA, delay_s: 0.7}", "gated_by[0].delay_s: gate by FFA: 0.7 s is no multiple"),
        ("{by: each_region}", "each_region cannot modulate; name one population"),
        ("{by: events, gain: 1.0}", "unknown key 'gain'"),
        ("{conditions: [face]}", "the key 'by' is missing"),
    ],
)
def test_faults_are_told_with_their_place(two_areas: str, written: str, message: str) -> None:
    text = two_areas.replace(PLAIN, f"{PLAIN[:-1]}, gated_by: [{written}]}}")
    with pytest.raises(ModelError) as error:
        parse_model(text)
    assert message in str(error.value)
