"""Participants with one run each: blocks of time are held out, or nothing is, and that is said."""

import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from drmbids.app.cli.main import main

pytestmark = pytest.mark.usefixtures("no_figures_in_module")

TR, LENGTHS = 2.0, {"01": 120, "02": 100, "03": 80}


@pytest.fixture(scope="module")
def bids(write_bids, tmp_path_factory) -> Path:
    """Return a dataset of participants with one run, of different lengths, and two regions."""
    root = write_bids(tmp_path_factory.mktemp("one") / "ds", tuple(LENGTHS), n_runs=1)
    rng = np.random.default_rng(0)
    rois = root / "derivatives" / "rois"
    rois.mkdir()
    described = {"Name": "rois", "BIDSVersion": "1.10.1", "DatasetType": "derivative"}
    described["GeneratedBy"] = [{"Name": "hand"}]
    (rois / "dataset_description.json").write_text(json.dumps(described))
    (rois / "desc-rois_dseg.tsv").write_text("index\tname\n1\tone\n2\ttwo\n")
    labels = np.zeros((4, 4, 2), np.uint8)
    labels[1:3, 1:3] = [1, 2]
    for subject, n in LENGTHS.items():
        base = root / f"sub-{subject}" / "func" / f"sub-{subject}_task-look_run-1"
        onsets = np.arange(4, n * TR - 12, 14.0)
        names = rng.permutation(np.resize(["face", "house"], len(onsets)))
        rows = [f"{t}\t4\t{name}" for t, name in zip(onsets, names, strict=True)]
        Path(f"{base}_events.tsv").write_text("\n".join(["onset\tduration\ttrial_type", *rows, ""]))
        scans = TR * np.arange(n)
        response = sum((scans >= t + 4) & (scans < t + 10) for t in onsets)
        data = 100 + 3 * response + 0.02 * scans + rng.normal(size=(4, 4, 2, n))
        image = nib.Nifti1Image(data.astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))
        image.header.set_zooms((3.0, 3.0, 3.0, TR))
        nib.save(image, f"{base}_bold.nii.gz")
        atlas = rois / f"sub-{subject}" / "func" / f"sub-{subject}_task-look_desc-rois_dseg.nii.gz"
        atlas.parent.mkdir(parents=True)
        nib.save(nib.Nifti1Image(labels, np.diag([3.0, 3.0, 3.0, 1.0])), atlas)
    return root


def call(bids: Path, out: Path, level: str, *options: str) -> int:
    return main([str(bids), str(out), level, "-q", *options])


def record(out: Path, subject: str = "01") -> dict:
    path = out / f"sub-{subject}" / "models" / f"sub-{subject}_task-look_desc-inputs_runs.json"
    return json.loads(path.read_text())


def test_blocks_of_one_run_are_held_out_and_the_group_level_follows(bids, tmp_path):
    out = tmp_path / "out"
    assert (
        call(
            bids,
            out,
            "participant",
            "--atlas",
            "rois",
            "--n-blocks",
            "2",
            "--guard",
            "16",
            "--n-epochs",
            "1",
            "--n-permutations",
            "9",
        )
        == 0
    )
    found = record(out)
    assert found["models"] == ["glm", "freehrf", "drm"]  # there is no other run to take a mean of
    told = found["cross_validation"]
    assert (told["held_out"], told["n_folds"], told["guard_s"]) == ("blocks", 2, 16.0)
    # two blocks of 60 volumes, and seven of the other lie less than 16 s away
    assert told["test_train_ratio"] == pytest.approx(120 / (2 * 53))
    func = out / "sub-01" / "func"
    scores = pd.read_csv(func / "sub-01_task-look_desc-scores_timeseries.tsv", sep="\t")
    assert scores["fold"].unique().tolist() == ["block-1", "block-2"]
    assert set(scores["region"]) == {"one", "two"}
    glm = scores[scores["model"] == "glm"]
    assert glm["r"].median() > 0.5
    series = [
        np.asarray(nib.load(func / f"sub-01_task-look_run-1_desc-glm{kind}_bold.nii.gz").dataobj)
        for kind in ("predicted", "residual")
    ]
    predicted, measured = series[0][1:3, 1:3], (series[0] + series[1])[1:3, 1:3]
    assert np.isfinite(predicted).all()
    # what is written is what was scored: r of each block, from the images
    for k, rows in glm.groupby("fold")["r"]:
        block = slice(60 * int(k[-1]) - 60, 60 * int(k[-1]))
        pairs = zip(
            *(np.moveaxis(x, 2, 0).reshape(8, -1) for x in (measured, predicted)), strict=True
        )  # region by region
        r = [np.corrcoef(m[block], p[block])[0, 1] for m, p in pairs]
        np.testing.assert_allclose(rows, r, atol=1e-4)
    report = (out / "sub-01.html").read_text()
    assert "median r (R²) in held-out blocks of time: " in report and "held-out runs" not in report
    assert "2 contiguous blocks of time" in report
    assert call(bids, out, "group") == 0
    group = pd.read_csv(out / "group" / "desc-differences_participants.tsv", sep="\t")
    one = pd.read_csv(out / "sub-01/models/sub-01_task-look_desc-paired_scores.tsv", sep="\t")
    keys = ["model", "baseline", "region"]
    own = group[(group["participant_id"] == "sub-01") & (group["score"] == "r")]
    assert set(own["region"]) == {"one", "two", "all"}
    own = own[own["region"] != "all"].set_index(keys)
    one = one[one["score"] == "r"].set_index(keys)
    np.testing.assert_allclose(own["fold_se"], one.loc[own.index, "fold_se"])
    assert set(group["held_out"]) == {"blocks"} and group["participant_id"].nunique() == len(
        LENGTHS
    )
    assert "3 participants, scored in held-out blocks of time" in (out / "group.html").read_text()


def test_scores_in_sample_are_called_so_wherever_they_are(bids, tmp_path):
    out = tmp_path / "out"
    label = ("--participant-label", "01")
    assert call(bids, out, "participant", *label, "--cv", "none", "--n-epochs", "1") == 0
    assert record(out)["models"] == ["glm", "freehrf", "drm"]
    for path in (out / "sub-01").rglob("*scores*.json"):
        told = json.loads(path.read_text())
        if "timing" in path.name:
            continue  # the audit holds out stretches of its own
        assert all("in sample" in column["Description"] for column in told.values()), path
    assert not list((out / "sub-01" / "models").glob("*permutation*"))
    maps = [
        *(out / "sub-01" / "func").glob("*statmap.json"),
        *(out / "sub-01").rglob("*predicted_bold.json"),
    ]
    assert maps and all("in sample" in json.loads(p.read_text())["Description"] for p in maps)
    report = (out / "sub-01.html").read_text()
    assert "median r (R²) in sample: " in report and "Models were scored in sample" in report
    # the audit of times holds out stretches of its own
    assert "in held-out runs" not in report and "had not seen" not in report
    assert call(bids, out, "group", *label) == 0
    page = (out / "group.html").read_text()
    assert "scored in sample" in page and "In sample: models were scored on" in page
    assert not (out / "group" / "desc-selection_participants.tsv").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--cv", "run"), "add runs, or hold out blocks of time (--cv blocks)"),
        (("--cv", "session"), "hold out runs (--cv run) or blocks of time (--cv blocks)"),
        (("--n-blocks", "12"), "10 blocks fit (--n-blocks 10)"),
    ],
)
def test_what_cannot_be_held_out_is_said_by_check_and_fit_alike(
    bids, tmp_path, capsys, options, words
):
    label = ("--participant-label", "02")
    assert main(["check", str(bids), *label, *options]) == 65
    told = capsys.readouterr().out
    assert "DG02" in told and words in " ".join(told.split())
    assert not re.search("cv=|Query|guard=|n_blocks=", told)
    assert call(bids, tmp_path / "out", "participant", *label, *options) == 65
    assert words in capsys.readouterr().err
