"""Modulators and pictures from the command line."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from drmbids.cli.main import main
from drmbids.workflows.compared import load_models
from drmbids.workflows.config import Config
from drmbids.workflows.preflight import usable_runs

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
    options = ["--model", str(model), "--image-size", "2", "--colour", "gray"]
    options += ["--n-permutations", "0", "-q"]
    assert main([str(tiny_bids), str(out), "participant", *options]) == 0
    path = next((out / "sub-01" / "models").glob("*_desc-inputs_runs.json"))
    (fitted,) = json.loads(path.read_text())["fitted"]
    assert fitted["stimuli"] == {
        "events": ["face", "house", "rating"],
        "stim_file": ["0_0_0", "0_0_1", "0_1_0", "0_1_1"],
    }
    (folder / "b.png").unlink()
    assert main(["check", str(tiny_bids), "--model", str(model)]) == 65
    assert main(["check", str(tiny_bids)]) == 0  # not asked for: a warning


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
