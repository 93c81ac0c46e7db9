"""What is right is not called wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

import drmbids
from drmbids.app.checks import CHECKS
from drmbids.app.checks.check import check_dataset, inspect_runs
from drmbids.app.checks.inspection import Request
from drmbids.bids.files.problems import CODES, ProblemWarning
from drmbids.data.runs.freedom import freedom_of, nothing_left
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError, UsageError


def test_a_dataset_without_fault_has_none(tree) -> None:
    assert check_dataset(tree.root) == []
    assert check_dataset(tree.root, confounds=["c0", "c1"], models=[drmbids.default_model()]) == []


def test_runs_are_those_that_are_loaded(tree) -> None:
    inspection = inspect_runs(Request(tree.root, {"run": [1, 3]}))
    loaded = drmbids.load_runs(tree.root, run=[1, 3])
    assert [run.label for run in inspection.runs.values()] == [run.label for run in loaded]
    for mine, theirs in zip(inspection.runs.values(), loaded, strict=True):
        np.testing.assert_array_equal(
            mine.responses["brain"].values, theirs.responses["brain"].values
        )


def test_all_problems_come_at_once(tree) -> None:
    tree.bold.write_bytes(b"")
    tree.events.write_text("onset\tduration\ttrial_type\n4\t-2\tface\nx\t2\thouse\n")
    tree.confounds.unlink()
    other = Path(str(tree.events).replace("run-2", "run-3"))
    other.write_text(other.read_text() + "4\t2\tface\n")
    problems = check_dataset(tree.root, confounds="c1")
    # the last one says that one run is left, which no fold can hold out
    assert {p.code for p in problems} == {"IM02", "TB04", "EV03", "EV04", "DG02"}
    inspection = inspect_runs(Request(tree.root))
    assert [f.entities["run"] for f in inspection.left_out] == ["2", "3"]


def test_one_bad_run_leaves_the_others(tree) -> None:
    tree.bold.write_bytes(b"")
    inspection = inspect_runs(Request(tree.root))
    assert [f.entities["run"] for f in inspection.usable] == ["1", "3"]
    assert [p.code for p in inspection.problems] == ["IM02"]


def test_an_error_about_all_runs_leaves_none(tree) -> None:
    tree.mask.unlink()
    inspection = inspect_runs(Request(tree.root))
    assert [p.code for p in inspection.problems] == ["RG01"]
    assert inspection.usable == [] and not inspection.left_out


def test_warnings_can_be_silenced_and_errors_cannot(tree) -> None:
    tree.events.write_text(tree.events.read_text() + "200\t2\tface\n")
    assert [p.code for p in check_dataset(tree.root)] == ["EV06"]
    assert check_dataset(tree.root, ignore=["EV06", "EV07"]) == []
    with pytest.raises(UsageError, match="unknown code 'EV6' to ignore; there are DS01"):
        check_dataset(tree.root, ignore=["EV6"])
    with pytest.raises(UsageError, match=r"EV05 \(.*\) is an error; only warnings"):
        check_dataset(tree.root, ignore=["EV05"])
    with pytest.warns(ProblemWarning, match=r"\[EV06\]"):
        drmbids.load_runs(tree.root)


@pytest.mark.filterwarnings(r"ignore:.*\[EV06\]:drmbids.bids.files.problems.ProblemWarning")
def test_one_kind_is_silenced_by_pythons_filters(tree) -> None:
    tree.events.write_text(tree.events.read_text() + "200\t2\tface\n")
    drmbids.load_runs(tree.root)


def test_a_faulty_model_is_an_error_of_its_own(tree) -> None:
    with pytest.raises(ModelError):
        check_dataset(tree.root, models=[{"schema_version": 1}])


def test_a_recording_is_read_and_held_against_the_run(tree) -> None:
    path = tree.func / "sub-01_task-x_run-2_physio.tsv.gz"
    path.write_bytes(b"no gzip")
    sidecar = tree.func / "sub-01_task-x_run-2_physio.json"
    described = {"Columns": ["cardiac"], "SamplingFrequency": 10, "StartTime": -1.0}
    sidecar.write_text(json.dumps(described))
    (problem,) = check_dataset(tree.root)
    assert (problem.code, problem.file) == ("PH03", str(path))
    np.savetxt(path, np.ones(820))
    assert check_dataset(tree.root) == []
    np.savetxt(path, np.ones(300))
    (problem,) = check_dataset(tree.root)
    assert problem.code == "PH02" and "from -1 to 28.9 s, the run from 0 to 80 s" in problem.found


def test_a_condition_of_one_run_only(tree) -> None:
    tree.events.write_text(tree.events.read_text().replace("face", "fase", 1))
    (problem,) = check_dataset(tree.root)
    assert problem.code == "EV10" and "'fase'" in problem.found


def test_conditions_that_cannot_be_told_apart(tree) -> None:
    text = "onset\tduration\ttrial_type\n4\t2\tface\n4\t2\tlook\n20\t2\thouse\n"
    for path in tree.func.glob("*_events.tsv"):
        path.write_text(text)
    problems = check_dataset(tree.root)
    assert [p.code for p in problems] == ["DG03"] * 3
    assert "face, look follow from one another" in problems[0].found


def test_one_run_cannot_be_held_out(tree) -> None:
    assert [p.code for p in check_dataset(tree.root, run=2)] == ["DG02"]


def test_few_degrees_of_freedom(tree) -> None:
    problems = check_dataset(tree.root, confounds=[f"c{k}" for k in range(20)])
    assert [p.code for p in problems] == ["DG04"] * 3
    assert "23 drift and confound columns take most of 40 volumes" in problems[0].found


def test_a_single_degree_of_freedom_is_none(tree) -> None:
    """The check and the fit count alike: with one degree of freedom r is 1 or -1."""
    names = [f"c{k}" for k in range(36)]
    problems = check_dataset(tree.root, confounds=names)
    assert {p.code for p in problems} == {"DG01", "DG02"}  # of no run is anything left
    assert "39 drift and confound columns leave nothing of 40 volumes" in problems[0].found
    runs = drmbids.load_runs(tree.root, confounds=names)
    assert [freedom_of(run, Nuisance()) for run in runs] == [(39, 40, 1)] * 3
    assert nothing_left(runs[0], Nuisance()).endswith(problems[0].remedy)


def test_too_large_for_this_machine(tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drmbids.app.checks.design.memory_limit", lambda: 1000)
    (problem,) = check_dataset(tree.root)
    assert problem.code == "DG05"
    monkeypatch.setattr("drmbids.app.checks.design.memory_limit", lambda: None)
    assert check_dataset(tree.root) == []


def test_stages_are_there_in_their_files() -> None:
    for name, target in CHECKS.targets().items():
        assert target == f"drmbids.app.checks.{name}:check_{name}"
        assert callable(CHECKS[name])


def test_codes_are_a_stage_and_a_number() -> None:
    assert all(code[:2].isupper() and code[2:].isdecimal() and len(code) == 4 for code in CODES)


@pytest.mark.real_data
def test_haxby_is_clean(haxby: Path) -> None:
    assert check_dataset(haxby, acquisition="1slice") == []


@pytest.mark.real_data
def test_synthetic_images_hold_no_data(shared_data: Path) -> None:
    problems = check_dataset(shared_data / "synthetic_bids", task="rest", subject="01", session="*")
    assert [p.code for p in problems] == ["DS10", "IM06", "IM06"]
    assert all("holds no data" in p.found for p in problems[1:])
