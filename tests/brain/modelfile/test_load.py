import json
from pathlib import Path

import pytest
import torch

from drmbids.brain.modelfile.load import as_model, load_model, parse_model
from drmbids.brain.modelfile.source import Source
from drmbids.data.tools.exceptions import ModelError

HEAD = """\
schema_version: 1
resolution_s: 0.5
stimuli: {events: {conditions: [face, house]}}
populations:
  V1: {kind: leaky, units: 4}
  V2: {kind: gru, units: 4}
"""
CHAIN = """\
projections:
  - {from: events, to: V1}
  - {from: V1, to: V2, delay_s: 0.5}
"""

# text of a file, then line, path and a piece of the message of every problem in it
FAULTS = {
    "no version": ("name: x\n", [(1, "schema_version: ", "missing; write schema_version: 1")]),
    "newer": (
        "# made elsewhere\nschema_version: 2\nnew_key: 1\n",
        [(2, "schema_version: ", "made by a newer drmbids")],
    ),
    "version as text": ("schema_version: '1'\n", [(1, "schema_version: ", "got '1'")]),
    "unknown keys": (
        HEAD + CHAIN + "nmae: x\nreadout: {hfr: {}}\ntraining: {epochs: 3}\n",
        [
            (10, "nmae: ", "unknown key 'nmae'; did you mean 'name'?"),
            (11, "readout.hfr: ", "unknown key 'hfr' of bold; did you mean 'hrf'?"),
            (12, "training.epochs: ", "unknown key 'epochs'; did you mean 'n_epochs'?"),
        ],
    ),
    "missing keys": (
        "schema_version: 1\nstimuli: {events: {}}\nprojections:\n  - {to: V1}\n",
        [
            (1, "", "the key 'populations' is missing"),
            (4, "projections[0]: ", "the key 'from' is missing"),
        ],
    ),
    "wrong types": (
        "schema_version: 1\nresolution_s: fine\nstimuli: {events: {conditions: face}}\n"
        "populations: {V1: {kind: gru, units: 2.5}, V2: gru}\nprojections: none\n"
        "view: {V1: [0]}\n",
        [
            (2, "resolution_s: ", "must be 'auto' or a number, got 'fine'"),
            (3, "stimuli.events.conditions: ", "got 'face'"),
            (4, "populations.V1.units: ", "must be 'auto' or a whole number, got 2.5"),
            (4, "populations.V2: ", "got 'gru'"),
            (4, "populations.V1: ", "no stimulus reaches it"),
            (4, "populations.V2: ", "no stimulus reaches it"),
            (5, "projections: ", "got 'none'"),
            (6, "view.V1: ", "element 1 is missing"),
        ],
    ),
    "duplicate key": (
        HEAD + CHAIN + "name: a\nname: b\n",
        [(10, "name: ", "'name' is there twice, in lines 10 and 11; keep one")],
    ),
    "names of projections": (
        HEAD + CHAIN + "  - {from: evnts, to: V1}\n  - {from: V1, to: events}\n"
        "  - {from: each_region, to: V2}\n",
        [
            (10, "projections[2].from: ", "unknown stimulus or population 'evnts'; did you mean"),
            (11, "projections[3].to: ", "'events' is a stimulus and receives nothing"),
            (12, "projections[4].from: ", "each_region is used here but not declared"),
        ],
    ),
    "projection twice": (
        HEAD + CHAIN + "  - {from: V1, to: V2, delay_s: 1.0}\n",
        [(10, "projections[2]: ", "V1 -> V2: there twice, see projections[1]")],
    ),
    "delays": (
        HEAD
        + CHAIN
        + "  - {from: V2, to: V1, delay_s: 0.7}\n  - {from: V1, to: V1, delay_s: .nan}\n"
        "  - {from: V2, to: V2, delay_s: -1}\n  - {from: events, to: V2, delay_s: 1, "
        "delay_ticks: 2}\n",
        [
            (10, "projections[2].delay_s: ", "V2 -> V1: 0.7 s is no multiple of the resolution"),
            (11, "projections[3].delay_s: ", "finite number, got nan"),
            (12, "projections[4].delay_s: ", "must be greater than or equal to 0, got -1"),
            (13, "projections[5]: ", "both delay_s and delay_ticks"),
        ],
    ),
    "limits of delays": (
        HEAD + CHAIN + "  - {from: V2, to: V1, delay_s: 0.7, delay_min_s: 0.8, delay_max_s: 1.0}\n"
        "  - {from: V1, to: V1, delay_s: 1.0, delay_max_s: 2.0}\n"
        "  - {from: V2, to: V2, delay_s: 1.0, delay_min_s: 0.2, delay_max_s: 2.0}\n"
        "  - {from: events, to: V2, delay_s: 1.0, trainable: true}\n",
        [
            (10, "projections[2]: ", "V2 -> V1: 0.7 s is not between its limits, 0.8 and 1 s"),
            (11, "projections[3].delay_max_s: ", "delay_max_s is given without delay_min_s"),
            (12, "projections[4]: ", "would form a loop within one tick; let delay_min_s be"),
            (13, "projections[5].trainable: ", "only a delay with delay_min_s and delay_max_s"),
        ],
    ),
    "limits without a delay": (
        HEAD + CHAIN + "  - {from: V2, to: V1, delay_min_s: 0.8, delay_max_s: 1.0}\n",
        [(10, "projections[2]: ", "V2 -> V1: a delay with limits starts from delay_s; add it")],
    ),
    "loop through a limit below a tick": (
        HEAD + "projections:\n  - {from: events, to: V1}\n  - {from: V1, to: V2}\n"
        "  - {from: V2, to: V1, delay_s: 1.0, delay_min_s: 0.1, delay_max_s: 2.0}\n",
        [(10, "projections[2]: ", "connections without delay form a loop: V")],
    ),
    "self-projection": (
        HEAD + CHAIN + "  - {from: V2, to: V2}\n",
        [(10, "projections[2]: ", "V2 -> V2: without delay it would form a loop")],
    ),
    "zero-delay loop": (
        HEAD + "projections:\n  - {from: events, to: V1}\n  - {from: V1, to: V2}\n"
        "  - {from: V2, to: V1, delay_ticks: 0}\n",
        [(10, "projections[2]: ", "connections without delay form a loop: V")],
    ),
    "template without delay": (
        "schema_version: 1\nstimuli: {events: {}}\npopulations: {each_region: {kind: gru}}\n"
        "projections:\n  - {from: events, to: each_region}\n"
        "  - {from: each_region, to: each_region}\n",
        [(6, "projections[1]: ", "without delay populations of two regions would form a loop")],
    ),
    "unreached": (
        HEAD + "projections:\n  - {from: events, to: V1}\n  - {from: V2, to: V1}\n",
        [(6, "populations.V2: ", "no stimulus reaches it")],
    ),
    "regions": (
        HEAD + CHAIN + "readout:\n  regions:\n    A: [V3]\n    B: []\n    C: [V1, V1, V2]\n",
        [
            (12, "readout.regions.A[0]: ", "unknown population 'V3'; choose one of: V1, V2"),
            (13, "readout.regions.B: ", "must be 'all' or a list or mapping of 1 or more, got ()"),
            (14, "readout.regions.C: ", "a population is there twice"),
        ],
    ),
    "feeds nothing": (
        HEAD + CHAIN + "readout: {regions: {A: [V1]}}\n",
        [(6, "populations.V2: ", "it feeds no region")],
    ),
    "kinds": (
        "schema_version: 1\nstimuli: {events: {}}\npopulations:\n  V1: {kind: leeky}\n"
        "projections: [{from: events, to: V1}]\n"
        "readout:\n  kind: bald\n  drift: {kind: cubic}\n",
        [
            (4, "populations.V1.kind: ", "unknown population 'leeky'; did you mean 'leaky'?"),
            (7, "readout.kind: ", "unknown readout 'bald'; did you mean 'bold'?"),
            (8, "readout.drift.kind: ", "unknown kind 'cubic'; choose one of: polynomial, cosine"),
        ],
    ),
    "options": (
        "schema_version: 1\nstimuli: {events: {}}\npopulations:\n"
        "  A: {kind: leaky, tau: 0.3}\n  B: {kind: leaky, tau_s: fast, nonlinearity: rellu}\n"
        "  C: {kind: leaky, tau_s: -1, units: 2}\n  D: {kind: gru, tau_s: 1}\n"
        "  E: {kind: leaky, tau_s: [1, 2, 3], units: 2}\n"
        "projections:\n  - {from: events, to: A}\n  - {from: events, to: B}\n"
        "  - {from: events, to: C}\n  - {from: events, to: D}\n  - {from: events, to: E}\n"
        "readout:\n  drift: {kind: cosine, order: 2}\n"
        "  hrf: {kind: double_gamma, shape: spn, length_s: 0}\n",
        [
            (4, "populations.A.tau: ", "unknown key 'tau' of leaky; did you mean 'tau_s'?"),
            (5, "populations.B.tau_s: ", "got 'fast'; write float or sequence of float"),
            (5, "populations.B.nonlinearity: ", "unknown nonlinearity 'rellu'; did you mean"),
            (6, "populations.C: ", "must lie between"),
            (7, "populations.D.tau_s: ", "unknown key 'tau_s' of gru; choose one of"),
            (8, "populations.E: ", "3 time constants for 2 units"),
            (16, "readout.drift.order: ", "unknown key 'order'; choose one of: kind, high_pass_hz"),
            (17, "readout.hrf.shape: ", "unknown shape 'spn'; did you mean 'spm'?"),
        ],
    ),
    "hrf": (
        HEAD + CHAIN + "readout: {hrf: {kind: smooth, n_basis: 2}}\n",
        [(10, "readout.hrf: ", "at least 3 basis functions")],
    ),
    "names": (
        "schema_version: 1\nstimuli: {each_region: {}, V1: {conditions: [a, a]}}\n"
        "populations: {V1: {kind: gru}, ' x': {kind: gru}}\n"
        "projections: [{from: V1, to: V1, delay_ticks: 1}, {from: V1, to: ' x'}]\n",
        [
            (2, "stimuli.each_region: ", "each_region is reserved"),
            (2, "stimuli.V1.conditions: ", "a condition is there twice"),
            (3, "populations.V1: ", "'V1' is also the name of a stimulus"),
            (3, "populations. x: ", "must be printable text with no blank"),
            (4, "projections[0].to: ", "'V1' is a stimulus and receives nothing"),
            (4, "projections[1].to: ", "must be printable text with no blank"),
        ],
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_every_fault_at_once_with_its_line(case: str, tmp_path: Path) -> None:
    text, expected = FAULTS[case]
    path = tmp_path / "model.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError) as error:
        load_model(path)
    problems = error.value.problems
    for line, where, message in expected:
        hits = [p for p in problems if p.startswith(f"{path}:{line}: {where}") and message in p]
        assert len(hits) == 1, f"{line}: {where}{message}\nnot once in\n" + "\n".join(problems)
    assert len(problems) == len(expected), "\n".join(problems)
    assert all("; " in p or p.endswith("?") for p in problems), "a problem without remedy"
    lines = [int(p.removeprefix(f"{path}:").partition(":")[0]) for p in problems]
    assert lines == sorted(lines)


def test_the_loop_is_named() -> None:
    text = FAULTS["zero-delay loop"][0]
    with pytest.raises(ModelError, match=r"V1 -> V2 -> V1|V2 -> V1 -> V2"):
        parse_model(text)


def test_each_loop_is_reported() -> None:
    text = (
        "schema_version: 1\nstimuli: {e: {}}\npopulations: "
        "{A: {kind: gru}, B: {kind: gru}, C: {kind: gru}, D: {kind: gru}}\nprojections:\n"
        "  - {from: e, to: A}\n  - {from: A, to: B}\n  - {from: B, to: A}\n"
        "  - {from: B, to: C, delay_s: 1}\n  - {from: C, to: D}\n  - {from: D, to: C}\n"
    )
    with pytest.raises(ModelError) as error:
        parse_model(text)
    assert [p.partition(": ")[0] for p in error.value.problems] == ["model.yaml:7", "model.yaml:10"]


def test_json_reads_like_yaml(two_areas: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(Source(two_areas).data, indent="\t"), encoding="utf-8")
    assert load_model(path) == parse_model(two_areas)


def test_json_problems_have_lines(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(
        '{"schema_version": 1,\n "stimuli": {"e": {}},\n "populations": {"A": {"kind": "gru"}},\n'
        ' "projections": [{"from": "e", "to": "A",\n  "delay_s": NaN}],\n "name": "a",\n'
        ' "name": "b"}',
        encoding="utf-8",
    )
    with pytest.raises(ModelError) as error:
        load_model(path)
    assert [p.removeprefix(f"{path}:").partition(";")[0] for p in error.value.problems] == [
        "5: projections[0].delay_s: must be a finite number, got nan",
        "6: name: 'name' is there twice, in lines 6 and 7",
    ]


def test_byte_order_mark_is_read(two_areas: str, tmp_path: Path) -> None:
    path = tmp_path / "model.yml"
    path.write_text(two_areas, encoding="utf-8-sig")
    assert load_model(path).name == "two_areas"


def test_files_that_are_no_models(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: 1\nname: Übung\n".encode("latin-1"))
    with pytest.raises(ModelError, match=r"latin\.yaml:2: not UTF-8"):
        load_model(latin)
    with pytest.raises(ModelError, match=r"cannot be read \(No such file"):
        load_model(tmp_path / "missing.yaml")
    with pytest.raises(ModelError, match="must end in"):
        load_model(tmp_path / "model.txt")
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(folder)


def test_too_large_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("# " + "x" * 100, encoding="utf-8")
    monkeypatch.setattr("drmbids.brain.modelfile.load.MAX_BYTES", 10)
    with pytest.raises(ModelError, match="larger than"):
        load_model(path)


def test_as_model(two_areas: str, tmp_path: Path) -> None:
    spec = parse_model(two_areas)
    path = tmp_path / "model.yaml"
    path.write_text(two_areas, encoding="utf-8")
    assert as_model(spec) is spec
    assert as_model(path) == as_model(str(path)) == as_model(Source(two_areas).data) == spec
    with pytest.raises(ModelError, match="a model is a ModelSpec, a mapping or the path"):
        as_model(3)  # type: ignore[arg-type]
    with pytest.raises(ModelError) as error:
        as_model({"schema_version": 1, "stimuli": {}, "populations": {}, "projections": []})
    assert error.value.problems[0].startswith("stimuli: must be")
    broken = spec.model_copy(update={"projections": spec.projections[1:]})
    with pytest.raises(ModelError, match=r"^populations\.V1: no stimulus reaches it"):
        as_model(broken)


def test_checking_leaves_random_numbers_alone(two_areas: str) -> None:
    before = torch.get_rng_state()
    parse_model(two_areas)
    assert torch.equal(before, torch.get_rng_state())
