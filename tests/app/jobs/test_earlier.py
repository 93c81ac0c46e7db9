"""Files of other analyses of a participant and of the user stay, those of the same one go."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from drmbids.app.jobs.earlier import (
    WRITTEN,
    keep_foreign_files,
    keep_other_analyses,
    record_files,
    recorded_files,
)
from drmbids.data.tools.exceptions import OutputError

RUNS = "desc-inputs_runs.json"


def make(folder: Path, *names: str, content: str = "old") -> Path:
    """Write files."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def runs(folder: Path, name: str, *labels: str) -> None:
    """Record the runs of an analysis."""
    path = make(folder, f"models/{name}") / "models" / name
    path.write_text(json.dumps({"runs": [{"label": label} for label in labels]}))


def kept(folder: Path) -> list[str]:
    """Return files with the content of the earlier call."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.read_text() == "old")
    return sorted(p.name for p in files)


def test_other_task_stays(tmp_path: Path) -> None:
    names = ["models/sub-1_task-{}_" + RUNS, "func/sub-1_task-{}_run-1_desc-x_bold.nii.gz"]
    old = make(tmp_path / "old", *(n.format(t) for n in names for t in "ab"))
    new = make(tmp_path / "new", names[0].format("a"), content="new")
    keep_other_analyses(old, new)
    assert kept(new) == [f"sub-1_task-b_{RUNS}", "sub-1_task-b_run-1_desc-x_bold.nii.gz"]


def test_a_more_specific_analysis_is_told_apart(tmp_path: Path) -> None:
    names = [f"models/sub-1_task-a_{RUNS}", f"models/sub-1_task-a_space-T1w_{RUNS}"]
    files = ["func/sub-1_task-a_run-1_bold.nii", "func/sub-1_task-a_run-1_space-T1w_bold.nii"]
    old = make(tmp_path / "old", *names, *files)
    new = make(tmp_path / "new", names[0], content="new")
    keep_other_analyses(old, new)
    assert kept(new) == [Path(files[1]).name, Path(names[1]).name]


def test_same_analysis_leaves_no_old_run(tmp_path: Path) -> None:
    old = make(tmp_path / "old", f"models/s_task-a_{RUNS}", "func/s_task-a_run-9_bold.nii")
    new = make(tmp_path / "new", f"models/s_task-a_{RUNS}", content="new")
    keep_other_analyses(old, new)
    assert kept(new) == []


def test_without_an_earlier_result(tmp_path: Path) -> None:
    new = make(tmp_path / "new", f"models/sub-1_{RUNS}", content="new")
    keep_other_analyses(tmp_path / "old", new)
    assert kept(new) == []


def test_an_analysis_that_shares_runs_goes_whole(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for k in "12":
        runs(old, f"sub-1_ses-{k}_task-a_{RUNS}", f"ses-{k}")
        make(old, f"ses-{k}/sub-1_ses-{k}_task-a_bold.nii", f"func/sub-1_ses-{k}_task-a_scores.tsv")
    runs(new, f"sub-1_task-a_{RUNS}", "ses-1", "ses-3")
    keep_other_analyses(old, new)
    assert kept(new) == ["sub-1_ses-2_task-a_bold.nii", "sub-1_ses-2_task-a_scores.tsv"]


def put_in_place(out: Path, new: Path, after: Callable[[], None] = lambda: None) -> Path:
    """Do what a call does with the folder of a participant."""
    keep_other_analyses(out, new)
    after()
    record_files(new, keep_foreign_files(out, new))
    shutil.rmtree(out, ignore_errors=True)
    new.rename(out)
    return out


def test_files_of_the_user_stay_and_those_of_an_earlier_call_go(tmp_path: Path) -> None:
    out, func = tmp_path / "out", "func/sub-1_task-a_{}.tsv"
    make(out, "notes.txt", content="mine")  # before any call
    first = make(tmp_path / "new", f"models/sub-1_task-a_{RUNS}", func.format("scores"))
    put_in_place(out, make(first, "figures/sub-1_a.svg"))
    # named as a result, in a folder of results, and a link that leads nowhere
    make(out, func.format("desc-mine_scores"), "figures/mine.svg", "ses-1/a/b.csv", content="mine")
    (out / "func" / "link.tsv").symlink_to("nowhere")
    second = make(tmp_path / "new", f"models/sub-1_task-a_{RUNS}", content="new")
    put_in_place(out, second, lambda: make(second, "figures/sub-1_b.svg", content="new") and None)
    mine = {
        p.relative_to(out).as_posix() for p in out.rglob("*.*") if p.is_symlink() or p.is_file()
    }
    assert mine == {
        *("notes.txt", func.format("desc-mine_scores"), "figures/mine.svg", "ses-1/a/b.csv"),
        *("func/link.tsv", f"models/sub-1_task-a_{RUNS}", "figures/sub-1_b.svg", WRITTEN),
    }
    assert (out / "notes.txt").read_text() == "mine"


def test_a_result_with_the_name_of_a_file_of_the_user_is_refused(tmp_path: Path) -> None:
    out = make(tmp_path / "out", "func/mine.tsv", content="mine")
    new = make(tmp_path / "new", "func/mine.tsv", content="new")
    with pytest.raises(OutputError, match=r"out/func/mine.tsv was not written by drmbids.*move it"):
        put_in_place(out, new)
    assert (out / "func/mine.tsv").read_text() == "mine"


def test_reports_written_again_are_recorded(tmp_path: Path) -> None:
    out = put_in_place(tmp_path / "out", make(tmp_path / "new", f"models/sub-1_{RUNS}"))
    make(out, "mine.txt")
    with recorded_files(out):
        make(out, "figures/sub-1_later.svg")
    found = json.loads((out / WRITTEN).read_text())["files"]
    assert found == ["figures/sub-1_later.svg", f"models/sub-1_{RUNS}"]


def test_results_without_a_record_are_known_by_their_names(tmp_path: Path) -> None:
    old = make(tmp_path / "old", f"models/sub-1_task-a_{RUNS}", "func/sub-1_task-a_bold.nii")
    make(old, "figures/sub-1_task-a.svg", "mine.txt", "func/sub-1_task-b_bold.nii")
    new = make(tmp_path / "new", f"models/sub-1_task-a_{RUNS}", content="new")
    assert keep_foreign_files(old, new) == {"mine.txt", "func/sub-1_task-b_bold.nii"}
