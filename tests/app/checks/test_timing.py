"""The check fits events at other times, and warns before any training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from nilearn.glm.first_level import compute_regressor

from drmbids import Events, Run, Stream
from drmbids.app.checks.inspection import Inspection, Request
from drmbids.app.checks.timing import check_timing
from drmbids.bids.files.find import RunFiles

TR = 3.0


def inspected(late: float) -> Inspection:
    """Return a check that has read three runs, whose events are stated so many seconds late."""
    rng, runs = np.random.default_rng(0), {}
    for k in "123":
        onsets = 4 + np.cumsum(rng.uniform(10, 14, 24))
        times = TR * np.arange(110)
        shown = np.array([onsets, np.full(24, 4.0), np.ones(24)])
        signal, _ = compute_regressor(shown, "glover", times, oversampling=20)
        bold = signal + rng.normal(0, 0.1, (110, 6)) * signal.std()
        events = Events(onsets + late, np.full(24, 4.0), ["face"] * 24)
        run = Run({"V1": Stream(bold, times)}, {"events": events}, tr=TR, entities={"run": k})
        runs[RunFiles(Path(f"run-{k}_bold.nii.gz"), {"run": k})] = run
    return Inspection(Request(Path("ds")), files=list(runs), runs=runs)


def test_a_shift_of_half_a_repetition_time_is_warned_of() -> None:
    inspection = inspected(late=TR / 2)
    check_timing(inspection)
    (problem,) = inspection.problems
    assert (problem.code, problem.severity, problem.file) == ("DG07", "warning", "3 runs")
    assert "1.5 s earlier than stated" in problem.found
    assert inspection.timing is not None
    assert inspection.usable == list(inspection.files)  # a warning leaves no run out


def test_right_events_pass() -> None:
    inspection = inspected(late=0.0)
    check_timing(inspection)
    assert inspection.problems == []


def test_a_check_without_runs_has_no_audit() -> None:
    inspection = replace(inspected(late=0.0), runs={})
    check_timing(inspection)
    assert inspection.timing is None
