"""Runs that cannot be used are left out with a line; the others of the participant are analysed."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from drmbids.app.checks.check import inspect_runs
from drmbids.app.checks.inspection import Inspection, Request


def scrub_run_2(tree: Any, kept: int) -> None:
    """Write what fMRIPrep would, with motion in all but the first volumes of run 2."""
    parts = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z", "csf", "white_matter"]
    names = [f"{c}{k}" for c in parts for k in ("", "_derivative1", "_power2")]
    names += [f"{c}_derivative1_power2" for c in parts]
    rng = np.random.default_rng(0)
    for run in (1, 2, 3):
        table = pd.DataFrame({name: rng.uniform(size=40) for name in names})
        table["cosine00"] = np.linspace(-1, 1, 40)
        moved = np.arange(40) >= (kept if run == 2 else 40)
        table["framewise_displacement"] = np.where(moved, 3.0, 0.1)
        table["std_dvars"] = 1.0
        stem = tree.func / f"sub-01_task-x_run-{run}_"
        tree.bold.with_name(f"{stem.name}bold.nii.gz").rename(f"{stem}desc-preproc_bold.nii.gz")
        table.to_csv(f"{stem}desc-confounds_timeseries.tsv", sep="\t", index=False)
        tree.confounds.with_name(f"{stem.name}desc-confounds_timeseries.json").write_text("{}")


def errors(inspection: Inspection) -> list[tuple[str, str]]:
    """Return code and words of each error."""
    return [(p.code, p.found) for p in inspection.problems if p.severity == "error"]


@pytest.mark.parametrize(
    ("kept", "code", "words"),
    [
        (0, "CF07", "strategy 'scrubbing' scrubs all 40 volumes"),
        (20, "DG01", "columns leave nothing of the 20 volumes that are kept of 40"),
    ],
)
def test_a_run_with_too_few_volumes_after_scrubbing(
    tree: Any, kept: int, code: str, words: str
) -> None:
    scrub_run_2(tree, kept)
    inspection = inspect_runs(Request(tree.root, {"subject": "01"}, confounds="scrubbing"))
    ((found, text),) = errors(inspection)
    assert found == code and words in text
    assert [files.entities["run"] for files in inspection.usable] == ["1", "3"]


def test_a_wildcard_that_fits_nowhere_costs_the_analysis_and_one_that_fits_once_does_not(
    tree: Any,
) -> None:
    table = pd.read_csv(tree.confounds, sep="\t")
    table["motion_outlier00"] = (np.arange(len(table)) == 5).astype(int)
    table.to_csv(tree.confounds, sep="\t", index=False, na_rep="n/a")
    first = str(table.columns[0])
    request = Request(tree.root, {"subject": "01"}, confounds=[first, "motion_outlier*"])
    inspection = inspect_runs(request)
    assert errors(inspection) == [] and len(inspection.usable) == 3
    counts = [len(run.confounds.columns) for run in inspection.runs.values()]
    assert counts == [1, 2, 1]
    inspection = inspect_runs(Request(tree.root, {"subject": "01"}, confounds=["nothing*"]))
    assert errors(inspection)[0][0] == "CF02" and inspection.usable == []


def test_raw_images_beside_preprocessed_ones_are_warned_of(tree: Any) -> None:
    folder = tree.root / "derivatives" / "prep"
    (folder / "sub-01/func").mkdir(parents=True)
    (folder / "dataset_description.json").write_text('{"DatasetType": "derivative"}')
    (folder / "sub-01/func/sub-01_task-x_run-01_space-T1w_desc-preproc_bold.nii.gz").touch()
    inspection = inspect_runs(Request(tree.root, {"subject": "01"}))
    (problem,) = inspection.problems
    assert problem.code == "DS10" and f"take these with -d prep={folder}" in problem.remedy
