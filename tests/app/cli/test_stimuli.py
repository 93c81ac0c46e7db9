"""Modulators and pictures from the command line."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import av
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from drmbids.app.analysis.compared import load_models
from drmbids.app.analysis.config import Config
from drmbids.app.analysis.preflight import usable_runs
from drmbids.app.cli.main import main

MODEL = """\
schema_version: 1
name: seen
resolution_s: 0.5
stimuli:
  events: {conditions: all, modulators: [rating]}
  stim_file: {}
populations: {V1: {kind: leaky, units: 2}}
projections: [{from: events, to: V1}, {from: stim_file, to: V1}]
readout: {regions: {brain: [V1]}}
training: {n_epochs: 1}
"""

pytestmark = pytest.mark.usefixtures("no_figures")


def test_a_model_file_brings_its_stimuli(tiny_bids: Path, tmp_path: Path) -> None:
    folder = tiny_bids / "stimuli"
    folder.mkdir()
    for name, grey in (("a.png", 40), ("b.png", 200)):
        Image.new("L", (8, 8), grey).save(folder / name)
    for path in (tiny_bids / "sub-01" / "func").glob("*_events.tsv"):
        rows = path.read_text().splitlines()
        rows = [rows[0] + "\tstim_file\trating"] + [
            f"{row}\t{'ab'[k % 2]}.png\t{k + 1}" for k, row in enumerate(rows[1:])
        ]
        path.write_text("\n".join(rows) + "\n")
    model, out = tmp_path / "model.yaml", tmp_path / "out"
    model.write_text(MODEL)
    timing = {"RepetitionTime": 2.0, "SliceTimingCorrected": True, "StartTime": 1.0}
    (tiny_bids / "task-look_bold.json").write_text(json.dumps(timing))
    options = ["--model", str(model), "--image-size", "2", "--colour", "gray"]
    options += ["--n-permutations", "0", "-q"]
    assert main([str(tiny_bids), str(out), "participant", *options]) == 0
    path = next((out / "sub-01" / "models").glob("*_desc-inputs_runs.json"))
    (fitted,) = json.loads(path.read_text())["fitted"]
    assert fitted["stimuli"] == {
        "events": ["face", "house", "rating"],
        "stim_file": ["0_0_0", "0_0_1", "0_1_0", "0_1_1"],
    }
    _told_when_volumes_were_measured(out, f"StartTime of {tiny_bids / 'task-look_bold.json'}")
    (folder / "b.png").unlink()
    assert main(["check", str(tiny_bids), "--model", str(model)]) == 65
    assert main(["check", str(tiny_bids)]) == 0  # not asked for: a warning


def _told_when_volumes_were_measured(out: Path, source: str) -> None:
    """Look for the time of the first volume in log, record, report, text and written series."""
    told = f"first volume at 1.00 s: {source}"
    assert f"sub-01: {told} (and 2 more runs)" in next(out.glob("logs/*/drmbids.log")).read_text()
    record = json.loads(next(out.glob("sub-01/models/*_desc-inputs_runs.json")).read_text())
    assert {(run["timing"], run["first_volume"]) for run in record["runs"]} == {(told, 1.0)}
    assert "the first volume measured at 1 s" in record["methods"]
    assert "first volume at 1.00 s: StartTime of task-look_bold.json" in (
        out / "sub-01.html"
    ).read_text(encoding="utf-8")
    written = next(out.glob("sub-01/func/*run-1_desc-seenpredicted_bold.nii.gz"))
    sidecar = json.loads(Path(str(written).replace(".nii.gz", ".json")).read_text())
    assert (sidecar["RepetitionTime"], sidecar["StartTime"]) == (2.0, 1.0)
    assert nib.load(written).header["toffset"] == 1.0


def test_a_video_file_that_is_cut_is_found_by_the_check(
    tiny_bids: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny_bids / "stimuli"
    folder.mkdir()
    with av.open(str(folder / "film.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=5)
        stream.height, stream.width, stream.pix_fmt = 4, 4, "bgr0"
        for grey in range(0, 250, 10):
            picture = np.full((4, 4, 3), grey, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    for path in (tiny_bids / "sub-01" / "func").glob("*_events.tsv"):
        rows = path.read_text().splitlines()
        path.write_text("\n".join([f"{rows[0]}\tstim_file", *(f"{r}\tfilm.mkv" for r in rows[1:])]))
    check = ["check", str(tiny_bids), "--stimuli", "stim_file"]
    assert main(check) == 0
    content = (folder / "film.mkv").read_bytes()
    (folder / "film.mkv").write_bytes(content[: len(content) // 2])
    capsys.readouterr()
    assert main(check) == 65
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"EV13 error stimuli/film.mkv found: \d+ frames until \S+ s of 5.00 s", said)


def test_a_model_file_brings_the_recordings_that_it_names(tiny_bids: Path, tmp_path: Path) -> None:
    for bold in (tiny_bids / "sub-01" / "func").glob("*_bold.nii.gz"):
        for label, column in (("audio", "loud"), ("video", "bright")):
            stem = str(bold).replace("_bold.nii.gz", f"_recording-{label}_stim")
            np.savetxt(f"{stem}.tsv.gz", np.arange(80.0))
            described = {"Columns": [column], "SamplingFrequency": 1.0, "StartTime": 0.0}
            Path(f"{stem}.json").write_text(json.dumps(described))
    model = tmp_path / "model.yaml"
    model.write_text(MODEL.replace(", modulators: [rating]", "").replace("stim_file", "audio"))
    config = Config(tiny_bids, tmp_path / "out", "participant", model=(model,))
    (run, *_) = usable_runs(config, load_models(config.model), "01").runs
    assert list(run.stimuli) == ["events", "audio"]
    model.write_text(model.read_text().replace("audio", "evnts"))
    assert main(["check", str(tiny_bids), "--model", str(model)]) == 2


def test_stimuli_are_held_out_in_all_runs(
    tmp_path: Path, write_bids: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = write_bids(tmp_path / "ds", n_runs=2), tmp_path / "out"
    for k, order in ((1, "ab"), (2, "ba")):
        rows = [f"{t}\t4\t{name}\t{t}" for t, name in zip((4, 50), order, strict=True)]
        path = bids / "sub-01" / "func" / f"sub-01_task-look_run-{k}_events.tsv"
        path.write_text("\n".join(["onset\tduration\ttrial_type\tsize", *rows]) + "\n")
    options = ["--cv", "stimulus", "--n-epochs", "1", "--modulators", "size"]
    assert main([str(bids), str(out), "participant", *options]) == 0
    func = out / "sub-01" / "func"
    table = pd.read_csv(func / "sub-01_task-look_desc-scores_timeseries.tsv", sep="\t")
    assert table["fold"].unique().tolist() == ["a", "b"]
    for kind in ("predicted", "residual"):
        path = func / f"sub-01_task-look_run-1_desc-glm{kind}_bold.nii.gz"
        series = nib.load(path).get_fdata()[1, 1, 0]
        # 32 s after each event: volumes 2 to 19, and 25 to the end
        assert np.flatnonzero(np.isnan(series)).tolist() == [0, 1, *range(20, 25)]
    methods = (out / "logs" / "CITATION.md").read_text()
    assert "until 32 s after their end" in methods and "chance" not in methods
    capsys.readouterr()
    check = ["check", str(bids), "--cv", "stimulus", "--json"]
    assert main([*check, "--modulators", "size"]) == 0
    assert "DG06" not in capsys.readouterr().out
    assert main(check) == 0
    assert "DG06" in capsys.readouterr().out
