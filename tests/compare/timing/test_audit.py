"""The timing audit against data drawn with nilearn's regressors."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import compute_regressor, glover_hrf
from scipy.stats import gamma

from drmbids import (
    Events,
    GLMBaseline,
    MeanBaseline,
    Run,
    Stream,
    compare_models,
    load_runs,
    timing_audit,
)
from drmbids.compare.timing.text import timing_finding
from drmbids.data.tools.exceptions import DataWarning, UsageError

CONDITIONS = ("face", "house")


def drawn(
    n_runs: int = 2,
    tr: float = 2.0,
    seconds: float = 300.0,
    late: float = 0.0,
    hrf: Any = "glover",
    noise: float = 0.5,
    seed: int = 0,
    spread: float = 1.0,
) -> list[Run]:
    """Return runs of 12 voxels, measured so many seconds later than they say."""
    rng = np.random.default_rng(seed)
    runs, weights = [], rng.normal(1 - spread, spread, (2, 12))
    for k in range(n_runs):
        onsets = 4 + np.cumsum(rng.uniform(10, 14, int(seconds / 13)))
        onsets = onsets[onsets < seconds - 8]
        shown = rng.choice(CONDITIONS, len(onsets)).tolist()
        times = tr * np.arange(round(seconds / tr))
        design = np.zeros((len(times), 2))
        for j, condition in enumerate(CONDITIONS):
            own = onsets[np.array(shown) == condition]
            events = np.array([own, np.full(len(own), 4.0), np.ones(len(own))])
            x, _ = compute_regressor(events, hrf, times + late, oversampling=20)
            design[:, j] = x[:, 0]
        bold = design / design.std() @ weights + rng.normal(0, noise, (len(times), 12))
        events = Events(onsets, np.full(len(onsets), 4.0), shown, columns=CONDITIONS)
        entities = {"run": str(k)}
        runs.append(Run({"V1": Stream(bold, times)}, {"events": events}, tr=tr, entities=entities))
    return runs


def with_events(runs: list[Run], **changes: Any) -> list[Run]:
    """Return runs with other events; a change is a function of the events."""
    found = []
    for run in runs:
        events = run.stimuli["events"]
        assert isinstance(events, Events)
        new = replace(events, **{name: change(events) for name, change in changes.items()})
        found.append(replace(run, stimuli={"events": new}))
    return found


def found(table: pd.DataFrame) -> list[Any]:
    """Return setting, value, finding and severity of what was found."""
    rows = table.loc[table["finding"] != "", ["setting", "value", "finding", "severity"]]
    return rows.to_numpy().tolist()


@pytest.mark.parametrize("n_runs", [1, 2])
@pytest.mark.parametrize("tr", [2.0, 3.0])
def test_right_events_are_left_alone(n_runs: int, tr: float) -> None:
    table = timing_audit(drawn(n_runs, tr, seconds=600.0 / n_runs))
    assert found(table) == []
    assert table["r2"].idxmax() == 0  # the stated events are the best
    assert timing_finding(table) is None


def test_volumes_in_the_middle_of_a_long_repetition_time() -> None:
    table = timing_audit(drawn(tr=3.0, late=1.5, noise=0.3))
    assert found(table) == [["onsets", -1.5, "onsets", "warning"]]
    told = timing_finding(table)
    assert told is not None
    assert "events seem to come 1.5 s earlier than stated" in told.found
    assert "StartTime" in told.remedy
    assert "not fair" in told.remedy


def test_one_run_is_audited_by_blocks() -> None:
    (run,) = drawn(1, tr=3.0, seconds=700.0, late=1.5, noise=0.3)
    assert found(timing_audit([run])) == [["onsets", -1.5, "onsets", "warning"]]


def test_durations_in_milliseconds_and_thousandths() -> None:
    for factor in (1e3, 1e-3):
        runs = with_events(drawn(), durations=lambda e, f=factor: f * e.durations)
        (row,) = found(timing_audit(runs))
        assert row[0] == "durations"
        assert row[1] == pytest.approx(1 / factor)
        assert row[3] == "warning" or factor < 1  # impulses are close to events of 4 s


def test_a_column_of_loudness_that_multiplies_events() -> None:
    rng = np.random.default_rng(3)
    runs = with_events(
        drawn(), amplitudes=lambda e: rng.choice([40.0, 60.0, 80.0, -20.0], len(e.onsets))
    )
    table = timing_audit(runs)
    assert found(table) == [["amplitudes", 1.0, "amplitudes", "warning"]]
    told = timing_finding(table)
    assert told is not None
    assert "amplitudes" in told.remedy


def test_modulators_are_no_fault() -> None:
    runs = drawn()
    changed = []
    for run in runs:
        events = run.stimuli["events"]
        assert isinstance(events, Events)
        n = len(events.onsets)
        loud = np.random.default_rng(1).normal(size=n)
        both = Events(
            np.tile(events.onsets, 2),
            np.tile(events.durations, 2),
            [*events.conditions, *["loudness"] * n],
            np.concatenate([np.ones(n), loud]),
            modulators=["loudness"],
        )
        changed.append(replace(run, stimuli={"events": both}))
    assert "amplitudes" not in timing_audit(changed)["setting"].tolist()


@pytest.mark.parametrize("peak", [4.0, 6.5])
def test_other_hemodynamics_are_no_fault_of_timing(peak: float) -> None:
    def stretched(t_r: float, oversampling: int = 20, *_: Any) -> np.ndarray:
        return glover_hrf(t_r * 5.0 / peak, oversampling)

    ((setting, value, finding, severity),) = found(timing_audit(drawn(hrf=stretched)))
    assert (setting, finding, severity) == ("onsets", "onsets or hemodynamics", "note")
    assert np.sign(value) == np.sign(peak - 5.0)


def test_a_response_of_another_shape_within_a_second_is_said_to_be_either() -> None:
    def early(t_r: float, oversampling: int = 20, *_: Any) -> np.ndarray:
        values = gamma.pdf(np.arange(0, 32, t_r / oversampling), 5.0)  # peaks at 4 s
        return values / values.sum()

    rows = found(timing_audit(drawn(hrf=early, noise=2.0)))
    assert all(row[2] == "onsets or hemodynamics" for row in rows)


def test_missing_samples_and_dead_targets_do_not_matter() -> None:
    runs = []
    for run in drawn(tr=3.0, late=1.5, noise=0.3):
        values = run.responses["V1"].values.copy()
        values[10:14] = np.nan
        values[:, 0] = 7.0
        values[20, 1] = np.nan
        runs.append(replace(run, responses={"V1": Stream(values, run.measured_times())}))
    ((setting, value, _, severity),) = found(timing_audit(runs))
    assert (setting, value, severity) == ("onsets", -1.5, "warning")


def test_many_conditions_do_not_hide_a_shift() -> None:
    runs = with_events(
        drawn(tr=3.0, late=1.5, noise=0.3, spread=0.3),
        conditions=lambda e: [f"{c}-{k}" for k, c in enumerate(e.conditions)],
        columns=lambda e: (),
    )
    assert found(timing_audit(runs))[0][:2] == ["onsets", -1.5]


def test_the_same_rows_whatever_the_order_of_voxels() -> None:
    runs = drawn()
    turned = [
        replace(r, responses={"V1": Stream(r.responses["V1"].values[:, ::-1], r.measured_times())})
        for r in runs
    ]
    numbers = ["value", "r2", "gain", "gain_se"]
    first, second = timing_audit(runs)[numbers], timing_audit(turned)[numbers]
    assert np.allclose(first, second)


def test_nothing_to_audit() -> None:
    runs = drawn()
    silent = [replace(run, stimuli={}) for run in runs]
    short = [
        replace(r, responses={"V1": Stream(r.responses["V1"].values[:8], 2.0 * np.arange(8))})
        for r in runs[:1]
    ]
    assert timing_audit(silent).empty
    assert timing_audit(short).empty
    with pytest.raises(UsageError, match="fir"):
        timing_audit(runs, "fir")
    with pytest.raises(UsageError, match="no run"):
        timing_audit([])


def test_a_comparison_warns_and_keeps_the_table() -> None:
    models = {"glm": GLMBaseline(), "mean": MeanBaseline()}
    with pytest.warns(DataWarning, match="2 runs: events seem to come 1.5 s earlier"):
        results = compare_models(models, drawn(tr=3.0, late=1.5, noise=0.3))
    assert results.timing is not None
    kept = compare_models(models, drawn(), timing=results.timing)
    assert kept.timing is results.timing
    assert compare_models({"mean": MeanBaseline()}, drawn()).timing is None


def test_measured_data_are_left_alone(shared_data: Path) -> None:
    folder = shared_data / "localizer_bids"
    rois = "derivatives/rois/sub-01/func/sub-01_task-localizer_desc-rois_dseg.nii.gz"
    localizer = load_runs(folder, task="localizer", atlas_or_mask=folder / rois)
    assert found(timing_audit(localizer)) == []
    # its README says that responses peak about one volume earlier than canonical
    haxby = load_runs(shared_data / "haxby_bids", task="objectviewing", acquisition="25mm")
    assert found(timing_audit(haxby))[0][2:] == ["onsets or hemodynamics", "note"]
