"""What the fit would refuse late is refused by the check: parts, intervals, memory, delays."""

import json

import pytest

from drmbids.app.analysis.config import resolve_config
from drmbids.app.cli.main import main
from drmbids.app.commands.check import find_problems
from drmbids.bids.files.problems import Problem

MODEL = """\
schema_version: 1
resolution_s: 0.5
stimuli: {events: {conditions: all}}
populations: {V1: {kind: leaky, units: 2}, V2: {kind: leaky, units: 2}}
projections: [{from: events, to: V1}, {from: V1, to: V2}]
readout: {kind: bold, regions: {brain: [V1, V2]}}
"""


def problems(tree, model: str = MODEL, **options) -> list[Problem]:
    """Return what the check finds, with a model file."""
    file = tree.root.parent / "model.yaml"
    file.write_text(model)
    given = {"bids_dir": tree.root, "out_dir": tree.root / "out", "level": "participant"}
    return find_problems(resolve_config({**given, "model": [file], **options}))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"a": ("face",), "b": ("hose",)}, "no condition 'hose'; there are ['face', 'house']"),
        ({"a": ("face",), "b": ("face",)}, "condition 'face' is in several spaces"),
        ({"a": ("face",)}, "needs two spaces or more"),
        ({"a": ("face",), "b": ("house",)}, ""),
        ({}, ""),
    ],
)
def test_parts_of_the_variance(tree, parts: dict, said: str) -> None:
    found = problems(tree, variance_parts=parts)
    assert [p.code for p in found] == ["DG09"] * bool(said)
    assert said in " ".join(map(str, found))


def test_intervals_need_runs_or_volumes(tree) -> None:
    (few,) = problems(tree, intervals="bootstrap")
    assert few.code == "DG10" and "over 3 runs" in few.found and "laplace" in few.remedy
    assert problems(tree, intervals="jackknife") == problems(tree, intervals="laplace") == []


def test_the_truth_of_a_simulation_is_read_first(tree) -> None:
    path = tree.root / "code" / "truth" / "sub-01_truth.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format_version": 99, "quantities": [], "hrf": []}))
    (problem,) = problems(tree)
    assert problem.code == "DS13" and "format version 99" in problem.found


def test_ticks_are_weighed_before_any_is_made(tree, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = problems(tree, MODEL.replace("0.5\n", "1.0e-06\n"))
    assert problem.code == "MD03"
    assert "80000000 ticks (1e-06 s each) and 4 units" in problem.found
    assert "this machine has" in problem.found and "larger resolution_s" in problem.remedy
    monkeypatch.setattr("drmbids.fit.training.size.memory_limit", lambda: None)
    assert problems(tree) == []


def test_a_window_takes_less_memory(tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drmbids.fit.training.size.memory_limit", lambda: 200_000)
    assert [p.code for p in problems(tree)] == ["MD03"]
    assert problems(tree, f"{MODEL}training: {{window_s: 10}}\n") == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("leaky, units: 2}}", "leaky, units: 1000000000000}}", "populations.V2.units: 10000000000"),
        ("{from: V1, to: V2}", "{from: V1, to: V1, delay_s: 1}, {from: V1, to: V2}", ""),
    ],
)
def test_weights_are_weighed_before_any_is_made(tree, old: str, new: str, line: str) -> None:
    model = MODEL.replace(old, new)
    if not line:
        model = model.replace("units: 2}, V2", "units: 10000000}, V2")
        line = "populations.V1.units: 10000000 units with 10000001 inputs need about 1600.0 TB"
    (problem,) = problems(tree, model)
    assert problem.code == "MD01" and line in problem.found and "this machine has" in problem.found
    assert problem.file.endswith("model.yaml:4")


def test_a_delay_longer_than_any_run(tree) -> None:
    model = MODEL.replace("{from: V1, to: V2}", "{from: V1, to: V2, delay_s: 80}")
    (problem,) = problems(tree, model)
    assert problem.code == "MD02"
    assert "V1 -> V2: a delay of 80 s, and the longest run lasts 80 s" in problem.found
    assert problems(tree, model.replace("80", "79")) == []


def test_names_of_files_have_an_end(tree) -> None:
    (problem,) = problems(tree, f"{MODEL}name: {'a' * 65}\n")
    assert problem.code == "MD01" and "65 letters and digits" in problem.found
    for path in [*tree.root.rglob("*task-x*")]:
        path.rename(path.with_name(path.name.replace("task-x", f"task-{'x' * 150}")))
    (problem,) = problems(tree, f"{MODEL}name: {'a' * 64}\n")
    assert problem.code == "MD02" and "names of its files would have" in problem.found
    assert problems(tree, f"{MODEL}name: short\n") == []


def test_a_filter_that_takes_responses_out(tree) -> None:
    drift = "readout: {drift: {kind: cosine, high_pass_hz: 0.05}, kind"
    (problem,) = problems(tree, MODEL.replace("readout: {kind", drift))
    assert problem.code == "DG11" and "cut-off of 20 s" in problem.found


def test_a_condition_for_each_event(tree) -> None:
    for k, path in enumerate(sorted(tree.func.glob("*_events.tsv"))):
        rows = [f"{1.5 * i}\t1\tword{k}x{i}" for i in range(45)]
        path.write_text("\n".join(["onset\tduration\ttrial_type", *rows]) + "\n")
    found = problems(tree)
    (problem,) = [p for p in found if p.code == "DG12"]
    assert "135 conditions, and 80 volumes" in problem.found


def test_the_command_takes_what_the_participant_level_takes(capsys, tree) -> None:
    options = ["--n-epochs", "3", "--intervals", "bootstrap", "--variance-parts", "face", "nose"]
    assert main(["check", str(tree.root), *options]) == 65
    told = capsys.readouterr().out
    assert "DG09" in told and "DG10" in told
