"""Recordings of heart and breath: found by name, read to the sample."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from drmbids.bids.files.dataset import open_dataset
from drmbids.bids.reading.physio import read_recording, read_recordings
from drmbids.data.tools.exceptions import DataError

SHARED = Path(
    os.environ.get("DRMBIDS_SHARED_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")
)
STATED = {"Columns": ["cardiac", "respiratory"], "SamplingFrequency": 4.0, "StartTime": -0.5}
ROWS = "1\t10\n2\tn/a\n3\t30\n"


def packed(path: Path, text: str = ROWS) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_every_sample_is_at_its_time(tmp_path: Path) -> None:
    found = read_recording(packed(tmp_path / "a_physio.tsv.gz"), STATED)
    np.testing.assert_array_equal(found.values, [[1, 10], [2, np.nan], [3, 30]])
    np.testing.assert_allclose(found.times, [-0.5, -0.25, 0.0])
    assert found.columns == ("cardiac", "respiratory")


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (ROWS, {"Columns": None}, r"Columns None, SamplingFrequency 4\.0"),
        (ROWS, {"SamplingFrequency": "50 Hz"}, "SamplingFrequency '50 Hz'"),
        (ROWS, {"SamplingFrequency": 0}, "SamplingFrequency 0"),
        (ROWS, {"StartTime": None}, "StartTime None"),
        (ROWS, {"Columns": ["cardiac"]}, "2 columns, but its sidecar names 1"),
        ("cardiac\trespiratory\n" + ROWS, {}, "cannot be read"),
        ("1\t2\n3\n4\t5\t6\n", {}, "cannot be read"),
        ("", {}, "cannot be read"),
    ],
)
def test_faults(text: str, change: dict, message: str, tmp_path: Path) -> None:
    path = packed(tmp_path / "a_physio.tsv.gz", text)
    with pytest.raises(DataError, match=message):
        read_recording(path, {**STATED, **change})


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a_physio.tsv.gz", ROWS * 1000)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"a_physio\.tsv\.gz: cannot be read"):
        read_recording(path, STATED)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "task", "rate", "n"),
    [("physio_ds210", "cuedSGT", 50.0, 4), ("synthetic_bids", "nback", 10.0, 4)],
)
def test_real_recordings(folder: str, task: str, rate: float, n: int) -> None:
    root = SHARED / folder
    if not root.exists():
        pytest.skip(f"measured data sets not found in {SHARED}; set DRMBIDS_SHARED_DATA")
    dataset = open_dataset(root)
    names = [
        f for f in dataset.files(["01"]) if f.suffix == "physio" and f.entities["task"] == task
    ]
    names = [f for f in names if f.extension == ".tsv.gz"]
    assert len(names) == n
    assert len(read_recordings([name.path for name in names], root)) == n
    for name in names:
        metadata = dataset.metadata(name)
        found = read_recording(name.path, metadata)
        with gzip.open(name.path, "rt") as file:
            lines = [line.split("\t") for line in file]
        assert len(found.times) == len(lines)
        np.testing.assert_allclose(found.values[0], [float(x) for x in lines[0]])
        np.testing.assert_allclose(found.times[:2], metadata["StartTime"] + np.array([0, 1 / rate]))
