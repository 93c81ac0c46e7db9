"""What the report says and shows of recordings of heart and breath."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drmbids.app.report.folder import find_analyses
from drmbids.app.report.methods import methods_text
from drmbids.app.report.participant import write_participant_report
from drmbids.app.report.physiology import physio_text


def record(root: Path) -> Path:
    """Write a recording of two minutes and the dataset around it."""
    times = np.arange(0, 120, 0.02)
    values = np.stack([np.exp(3 * (np.cos(7 * times) - 1)), -np.cos(1.7 * times)], 1)
    path = root / "sub-01" / "func" / "sub-01_task-a_run-1_physio.tsv.gz"
    path.parent.mkdir(parents=True)
    text = "\n".join(f"{a:.5f}\t{b:.5f}" for a, b in values)
    path.write_bytes(gzip.compress(text.encode()))
    sidecar = {"SamplingFrequency": 50, "StartTime": 0, "Columns": ["cardiac", "respiratory"]}
    (root / "task-a_physio.json").write_text(json.dumps(sidecar))
    (root / "dataset_description.json").write_text('{"Name": "a", "BIDSVersion": "1.10.1"}')
    return path


def inputs(tmp_path: Path, path: Path, **more: Any) -> dict[str, Any]:
    run = {"label": "sub-01_task-a_run-1", "n_volumes": 50, "tr": 2.0, "confounds": ["hr_crf"]}
    run |= {"recordings": [str(path)], "recorded_in": str(tmp_path / "ds"), **more}
    return {"runs": [run], "physio": ["retroicor", "hr", "rv"], "warnings": []}


def report(tmp_path: Path, content: dict[str, Any]) -> str:
    models = tmp_path / "out" / "sub-01" / "models"
    models.mkdir(parents=True)
    (models / "sub-01_task-a_desc-inputs_runs.json").write_text(json.dumps(content))
    assert find_analyses(tmp_path / "out" / "sub-01")
    return write_participant_report(tmp_path / "out", "01").read_text()


def test_the_recordings_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("neurokit2")
    page = report(tmp_path, inputs(tmp_path, record(tmp_path / "ds")))
    assert "Heart and breath" in page
    figures = tmp_path / "out" / "sub-01" / "figures"
    assert (figures / "sub-01_task-a_run-1_desc-recordings_physio.svg").exists()


def test_a_recording_that_is_gone_is_named(tmp_path: Path) -> None:
    path = record(tmp_path / "ds")
    path.unlink()
    assert "sub-01_task-a_run-1: not drawn" in report(tmp_path, inputs(tmp_path, path))


def test_no_section_where_nothing_was_asked_for(tmp_path: Path) -> None:
    content = inputs(tmp_path, record(tmp_path / "ds")) | {"physio": []}
    assert "Heart and breath" not in report(tmp_path, content)


def test_what_the_methods_text_says(tmp_path: Path) -> None:
    content = inputs(tmp_path, Path("a"))
    text = physio_text(content)
    assert "(RETROICOR; Glover et al., 2000), the heart rate" in text
    assert "Birn et al., 2008" in text
    by_slice = physio_text(inputs(tmp_path, Path("a"), slices_as_acquired=True))
    assert "taken out slice by slice; Glover et al., 2000" in by_slice
    assert physio_text({"runs": []}) == ""
    from drmbids.data.runs.nuisance import Nuisance

    whole = methods_text(content, nuisance=Nuisance(), training={})
    assert text in whole
    assert "RETROICOR. Magnetic Resonance in Medicine" in whole
