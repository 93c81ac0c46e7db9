"""Recordings become confounds of a run, or clean its slices, where they are asked for."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from drmbids.bids.reading.heart_and_breath import acquired_slices
from drmbids.bids.reading.load import load_runs
from drmbids.data.physiology.regressors import physiological_confounds
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError

pytest.importorskip("neurokit2")
RATE = 25.0


def record(root: Path, run: int, start: float = -4.0, seconds: float = 90.0) -> Stream:
    """Write a recording of one run and return it."""
    times = start + np.arange(0, seconds, 1 / RATE)
    heart = np.exp(3 * (np.cos(2 * np.pi * (1.1 + 0.05 * run) * times) - 1))
    breath = -np.cos(2 * np.pi * 0.27 * times)
    values = np.round(np.stack([heart, breath], 1), 6)
    stem = root / "sub-01" / "func" / f"sub-01_task-x_run-{run}_physio"
    text = "\n".join("\t".join(map(str, row)) for row in values) + "\n"
    stem.with_suffix(".tsv.gz").write_bytes(gzip.compress(text.encode()))
    sidecar = {"SamplingFrequency": RATE, "StartTime": start, "Columns": ["cardiac", "respiratory"]}
    stem.with_suffix(".json").write_text(json.dumps(sidecar))
    return Stream(values, times, sidecar["Columns"])


def test_volumes_get_confounds_at_their_middle(tiny: Path) -> None:
    recorded = [record(tiny, run) for run in (1, 2)]
    runs = load_runs(tiny, physio=["retroicor", "rv"])
    for run, recording in zip(runs, recorded, strict=True):
        wanted = physiological_confounds(
            [recording], run.confounds.times + 1.0, ["retroicor", "rv"]
        )
        assert run.confounds.columns == tuple(wanted)
        np.testing.assert_allclose(run.confounds.values, wanted, atol=1e-9)
        assert any(path.endswith("_physio.tsv.gz") for path in run.sources)
    assert load_runs(tiny)[0].confounds is None


def test_slices_are_cleaned_where_they_are_as_acquired(tiny: Path) -> None:
    for run in (1, 2):
        record(tiny, run)
    plain = load_runs(tiny)
    sidecar = tiny / "task-x_bold.json"
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "SliceTiming": [0.0, 1.0]}))
    cleaned = load_runs(tiny, physio=["retroicor"])
    for before, after in zip(plain, cleaned, strict=True):
        assert after.confounds is None
        one, other = before.responses["brain"].values, after.responses["brain"].values
        assert (other.std(0) < one.std(0)).all()  # 18 of 40 degrees of freedom go
        np.testing.assert_allclose(other.mean(0), one.mean(0), rtol=1e-9)


@pytest.mark.parametrize(
    ("metadata", "after"),
    [
        ({"DelayTime": 1.2}, 0.4),  # the middle of an acquisition of 0.8 s
        ({"StartTime": 0.71, "SliceTimingCorrected": True}, 0.71),
        ({"StartTime": 0.71, "SliceTimingCorrected": True, "SliceTiming": [0.0, 1.0]}, 0.71),
    ],
)
def test_confounds_are_at_the_time_that_volumes_stand_for(tiny: Path, metadata, after) -> None:
    recording = record(tiny, 1)
    (tiny / "task-x_bold.json").write_text(json.dumps({"RepetitionTime": 2.0, **metadata}))
    (run,) = load_runs(tiny, run=1, physio=["retroicor"])
    times = 2.0 * np.arange(40) + after
    wanted = physiological_confounds([recording], times, ["retroicor"])
    assert run.confounds is not None and run.confounds.columns == tuple(wanted)
    np.testing.assert_allclose(run.confounds.values, wanted, atol=1e-9)


def test_slice_times_that_do_not_fit_the_slices_are_refused(tiny: Path) -> None:
    record(tiny, 1)
    stated = {"RepetitionTime": 2.0, "SliceTiming": [0.0, 0.5, 1.0]}
    (tiny / "task-x_bold.json").write_text(json.dumps(stated))
    with pytest.raises(DataError, match=r"task-x_bold.json: SliceTiming has 3 times, .* has 2 sl"):
        load_runs(tiny, run=1, physio=["retroicor"])


@pytest.mark.parametrize(
    ("entities", "metadata", "wanted"),
    [
        ({}, {"SliceTiming": [0, 1, 2]}, ([0, 1, 2], 2)),
        ({}, {"SliceTiming": [0, 1, 2], "SliceEncodingDirection": "k-"}, ([2, 1, 0], 2)),
        ({}, {"SliceTiming": [0, 1, 2, 3, 4], "SliceEncodingDirection": "i"}, ([0, 1, 2, 3, 4], 0)),
        ({}, {"SliceTiming": [0, 1]}, (None, 2)),
        ({}, {"SliceTiming": [0, 1, 2], "SliceTimingCorrected": True}, (None, 2)),
        ({}, {}, (None, 2)),
        ({"space": "MNI"}, {"SliceTiming": [0, 1, 2]}, (None, 2)),
        ({"desc": "preproc"}, {"SliceTiming": [0, 1, 2]}, (None, 2)),
    ],
)
def test_when_slices_are_as_acquired(entities: dict, metadata: dict, wanted: tuple) -> None:
    times, axis = acquired_slices(entities, metadata, (5, 4, 3, 40))
    assert (None if times is None else times.tolist(), axis) == wanted


def test_a_run_without_a_recording_is_refused(tiny: Path) -> None:
    record(tiny, 1)
    with pytest.raises(DataError, match=r"run-2_bold.*no recording .* or go without"):
        load_runs(tiny, physio=["hr"])


def test_a_recording_that_is_too_short_is_refused(tiny: Path) -> None:
    record(tiny, 1)
    record(tiny, 2, seconds=30.0)
    with pytest.raises(DataError, match=r"run-2_bold.*recorded from -4 to 25\.96 s, the volumes"):
        load_runs(tiny, physio=["hr"])
