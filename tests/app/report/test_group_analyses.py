"""Who is compared with whom: sessions, runs, models and regions that differ are told."""

import json
from pathlib import Path

import pandas as pd
import pytest

from drmbids.app.report.folder import find_analyses
from drmbids.app.report.group_analyses import name_analyses, told_differences
from drmbids.app.report.group_tables import participant_scores
from drmbids.data.tools.exceptions import DataError


def write(out: Path, stem: str, *runs: str) -> None:
    """Write what says that an analysis was made of some runs."""
    folder = out / stem.split("_", maxsplit=1)[0] / "models"
    folder.mkdir(parents=True, exist_ok=True)
    content = {"runs": [{"label": run} for run in runs]}
    (folder / f"{stem}_desc-inputs_runs.json").write_text(json.dumps(content))


def named(out: Path) -> dict[str, str]:
    """Return the names of the analyses by their stems."""
    folders = sorted(path for path in out.iterdir() if path.is_dir())
    found = name_analyses([a for folder in folders for a in find_analyses(folder)])
    return {analysis.stem: name for analysis, name in found.items()}


def told(out: Path, regions: dict[str, list[str]] | None = None) -> list[str]:
    """Return what is told of the analyses; regions by participant."""
    folders = sorted(path for path in out.iterdir() if path.is_dir())
    names = name_analyses([a for folder in folders for a in find_analyses(folder)])
    rows = [
        (analysis.folder.name, name, "glm", region)
        for analysis, name in names.items()
        for region in (regions or {}).get(analysis.folder.name, ["V1"])
    ]
    columns = ["participant_id", "analysis", "model", "region"]
    return told_differences(names, pd.DataFrame(rows, columns=columns))


def test_participants_who_do_not_differ_keep_the_name_and_nothing_is_told(tmp_path: Path) -> None:
    for sub in ("01", "02"):
        write(tmp_path, f"sub-{sub}_ses-1_task-x_space-T1w", f"sub-{sub}_ses-1_task-x_run-1")
    assert set(named(tmp_path).values()) == {"ses-1_task-x_space-T1w"}
    assert told(tmp_path) == []


def test_one_session_each_whatever_it_is_called_is_one_analysis(tmp_path: Path) -> None:
    for sub, session in (("01", "pre"), ("02", "pre"), ("03", "post")):
        stem = f"sub-{sub}_ses-{session}_task-x"
        write(tmp_path, stem, f"{stem}_run-1", f"{stem}_run-2")
    assert set(named(tmp_path).values()) == {"task-x"}
    (text,) = told(tmp_path)
    assert text.endswith("each other: ses-pre (sub-01, sub-02); ses-post (sub-03)")


def test_who_dropped_out_after_a_session_stays_in(tmp_path: Path) -> None:
    both = [f"sub-01_ses-{k}_task-x" for k in "12"]
    write(tmp_path, "sub-01_task-x", *both)
    write(tmp_path, "sub-02_ses-1_task-x", "sub-02_ses-1_task-x")
    assert set(named(tmp_path).values()) == {"task-x"}
    sessions, runs = told(tmp_path)
    assert sessions.endswith("ses-1, ses-2 (sub-01); ses-1 (sub-02)")
    assert runs.endswith("differ in the number of runs, and are compared with each other: "
                         "2 (sub-01); 1 (sub-02)")  # fmt: skip


def test_sessions_that_were_analysed_one_by_one_stay_apart(tmp_path: Path) -> None:
    for sub, session in (("01", "1"), ("01", "2"), ("02", "1")):
        write(tmp_path, f"sub-{sub}_ses-{session}_task-x")
    assert sorted(named(tmp_path).values()) == ["ses-1_task-x", "ses-1_task-x", "ses-2_task-x"]
    assert told(tmp_path) == [
        "ses-2_task-x: compares sub-01; sub-02 has no such analysis and is not in it"
    ]


@pytest.mark.parametrize("other", ["task-y", "task-x_space-T1w", "task-x_den-91k"])
def test_tasks_and_spaces_are_never_put_together(tmp_path: Path, other: str) -> None:
    write(tmp_path, "sub-01_task-x")
    write(tmp_path, f"sub-02_{other}")
    assert set(named(tmp_path).values()) == {"task-x", other}
    assert len(told(tmp_path)) == 2


def test_regions_that_some_lack_are_told(tmp_path: Path) -> None:
    for sub in ("01", "02", "03"):
        write(tmp_path, f"sub-{sub}_task-x")
    regions = {"sub-01": ["V1", "V2"], "sub-02": ["V2", "V1"], "sub-03": ["V1", "v2"]}
    (text,) = told(tmp_path, regions)
    assert "lack a region: V2 (sub-03), v2 (sub-01, sub-02), and rows over all regions" in text


def test_a_region_called_all_of_earlier_results_is_refused() -> None:
    rows = [("glm", "1", region, 0, 0.1, 0.1) for region in ("all", "V2")]
    table = pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"])
    with pytest.raises(DataError, match="a region is called 'all'"):
        participant_scores(table)
