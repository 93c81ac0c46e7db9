"""No number that is none in the files of participants and group, and fits that fail alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from drmbids.app.cli.main import main

pytestmark = pytest.mark.usefixtures("no_figures")

AWAY = """\
schema_version: 1
name: away
stimuli: {events: {}}
populations: {each_region: {kind: leaky, units: 2}}
projections: [{from: events, to: each_region}]
readout: {kind: bold}
training: {learning_rate: 1.0e+30, n_epochs: 2}
"""


def table(folder: Path, pattern: str) -> pd.DataFrame:
    (path,) = folder.rglob(pattern)
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["n/a"])


def test_a_model_that_diverges_and_a_mean_of_one_run(
    tmp_path: Path, write_bids: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs: the mean of the training run reproduces it, so that no error variance is known."""
    bids, out = write_bids(tmp_path / "ds", subjects=("01", "02"), n_runs=2), tmp_path / "out"
    model = tmp_path / "away.yaml"
    model.write_text(AWAY)
    options = ["--model", str(model), "--n-permutations", "9"]
    assert main([str(bids), str(out), "participant", *options]) == 1
    told = capsys.readouterr().err
    assert "sub-01: fits that failed: away (sub-01_task-look_run-1), away (sub-01" in told
    assert "training diverged with each learning rate tried (1e+30, 2.5e+29, 6.25e+28)" in told
    ended = table(out / "logs", "participants.tsv")
    assert ended["status"].tolist() == ["incomplete"] * 2
    assert ended["failed_fits"].str.contains(r"away \(all runs\)").all()
    scores = table(out / "sub-01", "*desc-scores_timeseries.tsv")
    by_model = scores.groupby("model")[["r", "r2", "log_likelihood"]].count()
    n = int((scores["model"] == "glm").sum())
    assert by_model.loc["glm"].tolist() == [n] * 3
    assert by_model.loc["mean"].tolist() == [n, n, 0]
    assert by_model.loc["away"].tolist() == [0] * 3
    summary = table(out / "sub-01", "*desc-summary_scores.tsv").set_index("model")
    assert summary["n_folds"].to_dict() == {"glm": 2, "freehrf": 2, "mean": 2, "away": 0}
    (inputs,) = (out / "sub-01").rglob("*desc-inputs_runs.json")
    failed = json.loads(inputs.read_text())["failed_fits"]
    assert [fit["fold"] for fit in failed][-1] == "all runs" and len(failed) == 3
    assert "training diverged with each learning rate" in (out / "sub-01.html").read_text("utf-8")
    assert not list(out.rglob("*desc-away_model.yaml"))

    assert main([str(bids), str(out), "group"]) == 0
    assert "sub-02_task-look: fits of away failed" in capsys.readouterr().err
    group = table(out / "group", "desc-scores_participants.tsv").set_index("model")
    assert group.loc["glm", "log_likelihood"].between(-1e6, 0).all()
    assert group.loc[["mean", "away"], "log_likelihood"].isna().all()
    assert group.loc["away", "failed_fits"].str.endswith("all runs").all()
    assert "fits of away failed" in (out / "group.html").read_text("utf-8")
    for written in out.rglob("*.tsv"):
        values = pd.read_csv(written, sep="\t", na_values=["n/a"]).select_dtypes("number")
        assert not (values.abs() > 1e12).any(axis=None), written


def test_runs_without_events_are_no_repeats_and_in_no_mean(
    tmp_path: Path, write_bids: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = write_bids(tmp_path / "ds", n_runs=4), tmp_path / "out"
    func = bids / "sub-01" / "func"
    for run in (3, 4):
        events = func / f"sub-01_task-look_run-{run}_events.tsv"
        events.write_text("onset\tduration\ttrial_type\n")
    moved = func / "sub-01_task-look_run-2_events.tsv"  # repeats nothing
    moved.write_text(moved.read_text().replace("24\t8", "25\t8"))
    options = ["--n-epochs", "1", "--n-permutations", "9"]
    assert main([str(bids), str(out), "participant", *options]) == 0
    assert "2 of 4 folds have no score" in capsys.readouterr().err
    summary = table(out / "sub-01", "*desc-summary_scores.tsv").set_index("model")
    assert summary.loc["glm", ["n_folds", "n_folds_left_out"]].tolist() == [2, 2]
    assert not list(out.rglob("*desc-ceiling_scores.tsv"))
    scores = table(out / "sub-01", "*desc-scores_timeseries.tsv")
    there = scores[["r", "r2", "log_likelihood"]].notna()
    assert (there.all(axis=1) | ~there.any(axis=1)).all()
    for score in ("r", "r2"):
        means = scores[scores["model"] == "glm"].groupby("target")[score].mean()
        assert summary.loc["glm", f"{score}_median"] == pytest.approx(means.median(), rel=1e-6)
