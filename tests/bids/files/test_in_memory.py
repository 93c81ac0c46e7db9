"""Images and tables in memory are read as the files that they would be."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from drmbids import load_run
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import UsageError

SHAPE, TR = (3, 2, 2), 2.0
EVENTS = pd.DataFrame({"onset": [4, 20], "duration": [2.5, 2.5], "trial_type": ["face", "house"]})


@pytest.fixture
def bold(tmp_path: Path) -> Path:
    """Return the file of an image, with a mask, events and confounds beside it."""
    rng = np.random.default_rng(0)
    image = nib.Nifti1Image(100 + rng.normal(size=(*SHAPE, 20)), np.eye(4))
    image.header.set_zooms((1.0, 1.0, 1.0, TR))
    image.header.set_xyzt_units("mm", "sec")
    path = tmp_path / "sub-01_task-x_run-1_bold.nii.gz"
    nib.save(image, path)
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.uint8), np.eye(4)), tmp_path / "mask.nii")
    EVENTS.to_csv(tmp_path / "events.tsv", sep="\t", index=False)
    confounds(tmp_path).to_csv(tmp_path / "confounds.tsv", sep="\t", index=False, na_rep="n/a")
    path.with_name("sub-01_task-x_run-1_bold.json").write_text(json.dumps({"RepetitionTime": TR}))
    return path


def confounds(folder: Path) -> pd.DataFrame:
    table = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 2)), columns=["x", "y"])
    table.iloc[0] = np.nan
    return table.astype("Float64")


def same(one: Run, other: Run) -> bool:
    (a,), (b,) = one.responses.values(), other.responses.values()
    shown, again = one.stimuli["events"], other.stimuli["events"]
    assert one.confounds is not None and other.confounds is not None
    return (
        np.array_equal(a.values, b.values)
        and np.array_equal(shown.onsets, again.onsets)
        and shown.columns == again.columns
        and np.array_equal(one.confounds.values, other.confounds.values, equal_nan=True)
    )


def test_images_and_tables_in_memory_are_those_of_files(bold: Path) -> None:
    folder = bold.parent
    wanted = load_run(
        bold, mask=folder / "mask.nii", events=folder / "events.tsv",
        confounds=str(folder / "confounds.tsv"),
    )  # fmt: skip
    opened = nib.load(bold)
    touched = nib.load(bold)
    touched.get_fdata()
    made = nib.Nifti1Image(np.asarray(opened.dataobj), opened.affine)
    for image in (opened, touched, made, nib.Nifti2Image(made.dataobj, made.affine)):
        found = load_run(
            image, mask=nib.load(folder / "mask.nii"), events=EVENTS,
            confounds=confounds(folder), tr=TR,
        )  # fmt: skip
        assert same(found, wanted)
        assert all(Path(file).is_file() for file in found.sources)


def test_what_was_changed_in_memory_is_what_counts(bold: Path) -> None:
    image = nib.load(bold)
    image.get_fdata()[1, 1, 1, 3] = 777.0
    run = load_run(image, mask=bold.parent / "mask.nii", tr=TR)
    assert (next(iter(run.responses.values())).values == 777.0).sum() == 1


@pytest.mark.parametrize("wrong", [{"events": [1, 2]}, {"confounds": np.zeros((20, 2))}])
def test_something_else_is_refused(bold: Path, wrong: dict) -> None:
    (name,) = wrong
    with pytest.raises(UsageError, match=f"{name}: a .* cannot be read; give the path of a file"):
        load_run(bold, mask=bold.parent / "mask.nii", **wrong)
    with pytest.raises(UsageError, match="bold: a ndarray cannot be read"):
        load_run(np.zeros((3, 3, 3, 5)))


def test_a_fault_in_a_table_is_told_by_its_line(bold: Path) -> None:
    events = EVENTS.assign(duration=[2.5, -1.0])
    with pytest.raises(ValueError, match=r"events\.tsv: line 3: negative duration"):
        load_run(bold, mask=bold.parent / "mask.nii", events=events)
