import shutil
from pathlib import Path

import numpy as np
import pytest

import drmbids
from drmbids.data.tools.exceptions import DataError, UsageError


def test_files_that_are_no_dataset(tiny: Path, tmp_path: Path) -> None:
    func = tiny / "sub-01" / "func"
    mask = next((tiny / "derivatives").rglob("*brain_mask.nii.gz"))
    for source, name in (
        (func / "sub-01_task-x_run-1_bold.nii.gz", "scan.nii.gz"),
        (func / "sub-01_task-x_run-1_events.tsv", "onsets.tsv"),
        (mask, "roi.nii.gz"),
    ):
        shutil.copy(source, tmp_path / name)
    (tmp_path / "motion.tsv").write_text("x\ty\n" + "0.1\t0.2\n" * 40)
    run = drmbids.load_run(
        tmp_path / "scan.nii.gz",
        mask=tmp_path / "roi.nii.gz",
        events=tmp_path / "onsets.tsv",
        confounds=tmp_path / "motion.tsv",
        confound_columns=["x"],
        tr=2.0,
    )
    expected = drmbids.load_runs(tiny, run=1)[0]
    np.testing.assert_array_equal(run.responses["roi"].values, expected.responses["brain"].values)
    assert (run.label, run.tr, run.duration) == ("run-scan", 2.0, 80.0)
    assert run.confounds is not None and run.confounds.columns == ("x",)
    assert run.stimuli["events"].columns == ("face", "house")
    alone = drmbids.load_run(tmp_path / "scan.nii.gz", mask=tmp_path / "roi.nii.gz", tr=2.0)
    assert not alone.stimuli and alone.confounds is None


def test_hemispheres_by_their_files(surfaces: Path) -> None:
    func = surfaces / "sub-01" / "func"
    stem = "sub-01_task-look_run-1_hemi-{}_space-fsaverage5_bold.func.gii"
    run = drmbids.load_run({side: func / stem.format(side) for side in "LR"}, tr=2.0)
    expected = drmbids.load_runs(surfaces, space="fsaverage5")[0]
    np.testing.assert_array_equal(
        run.responses["cortex"].values, expected.responses["cortex"].values
    )
    assert "hemi" not in run.entities


def test_what_is_missing_is_said(tiny: Path) -> None:
    bold = tiny / "sub-01" / "func" / "sub-01_task-x_run-1_bold.nii.gz"
    with pytest.raises(UsageError, match="volumes need a mask or atlas"):
        drmbids.load_run(bold, tr=2.0)
    with pytest.raises(UsageError, match="needs the hemispheres L and R"):
        drmbids.load_run({"left": bold})
    mask = next((tiny / "derivatives").rglob("*brain_mask.nii.gz"))
    with pytest.raises(DataError, match="no RepetitionTime"):
        drmbids.load_run(bold, mask=mask)
    with pytest.raises(DataError, match="no such file"):
        drmbids.load_run(bold, mask=tiny / "no_mask.nii.gz", tr=2.0)
