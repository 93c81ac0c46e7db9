"""Files of other analyses of a participant stay, those of the same one go."""

import json
from pathlib import Path

from drmbids.workflows.earlier import keep_other_analyses

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
