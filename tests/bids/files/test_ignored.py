"""What is listed in .bidsignore: git, whose rules they are, is the truth."""

import itertools
import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from drmbids.bids.files.find import find_runs
from drmbids.bids.files.ignored import Ignored
from drmbids.data.tools.exceptions import DataError

FILES = [
    *("sub-01/func/a_run-1_bold.nii.gz", "sub-01/func/a_run-99_bold.nii.gz", "sub-01/func/a.tsv"),
    *("sub-pilot/func/x_bold.nii.gz", "sub-pilot/y", "task.json", "#x", "a b.txt", "func/q.tsv"),
    *("sub-02/ses-1/func/z_run-99_bold.json", "sub-01/ses-2/func/a_run-1_bold.nii.gz"),
]
SIMPLE = [
    *("*_run-99_*", "sub-pilot/", "sub-pilot", "/sub-pilot", "sub-pilot/**", "sub-pilot/*"),
    *("**/func/*_bold.nii.gz", "sub-0?/func", "sub-[01]*/", "!sub-01/func/a_run-1_bold.nii.gz"),
]
PATTERNS = [
    *SIMPLE,
    *("\n".join(two) for two in itertools.combinations(SIMPLE[::3], 2)),
    *("*.json", "# c", "", "func/*.tsv", "sub-01/**/a_run-1_bold.nii.gz", "sub-[!0]*", "**"),
    *("**/a_run-99_bold.nii.gz", "*\n!sub-01/\n!sub-01/**", "\\#x", "a b.txt  ", "a_run-*"),
    *("sub-01/func/*\n!sub-01/func/a_run-1_bold.nii.gz", "sub-*/ses-1/", "*run-9[0-9]_*"),
    *("/sub-01/func/a_run-1_bold.nii.gz", "sub-01/func/", "[", "sub-[9-0]*"),
]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_patterns_are_those_of_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    ask = ["git", "-c", "core.quotePath=false", "-C", tmp_path, "check-ignore", "--no-index"]
    for text in PATTERNS:
        (tmp_path / ".gitignore").write_text(text + "\n")
        told = subprocess.run([*ask, *FILES], capture_output=True, text=True, check=False).stdout
        ignored = Ignored(tuple(text.split("\n")))
        assert [f for f in FILES if ignored.holds(f)] == told.splitlines(), text


def test_runs_and_participants_are_left_out(tiny: Path, add_run: Callable[..., Path]) -> None:
    add_run(tiny, "sub-pilot_task-x_run-1")
    (tiny / ".bidsignore").write_text("*_run-2_*\nsub-pilot/\n")
    with (
        pytest.warns(match=r"leaves out sub-pilot; .*\[DS12\]"),
        pytest.warns(match=r"leaves out sub-01_task-x_run-2; .*\[DS12\]"),
    ):
        assert [run.label for run in find_runs(tiny)] == ["sub-01_task-x_run-1"]
    for choice in ({"run": 2, "subject": "01"}, {"subject": "pilot"}):
        with pytest.raises(
            DataError, match=r"\.bidsignore: leaves out .*, and nothing else matches"
        ):
            find_runs(tiny, **choice)


def test_what_is_not_asked_for_is_not_warned_of(tiny: Path) -> None:
    (tiny / ".bidsignore").write_text("*_run-2_*\n*_events.tsv\n")
    (run,) = find_runs(tiny, run=1)
    assert run.events is not None  # only images are runs


def test_derived_images_are_left_out_with_the_raw_ones(fmriprep: Path, tiny: Path) -> None:
    (fmriprep / ".bidsignore").write_text("*_bold.nii.gz\n")  # what has no name in BIDS, not bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(find_runs(tiny, derivatives=fmriprep, space="T1w")) == 2
    (tiny / ".bidsignore").write_text("sub-01/func/sub-01_task-x_run-02_bold.nii.gz\n*.func.gii\n")
    for where in ({"bids_dir": tiny, "derivatives": fmriprep}, {"bids_dir": fmriprep}):
        with pytest.warns(match="leaves out sub-01_task-x_run-02"):
            (run,) = find_runs(**where, space="T1w")
        assert run.entities["run"] == "01"
