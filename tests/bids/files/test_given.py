"""What cannot be read is refused in one line of our own, by every function that loads data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drmbids
from drmbids.data.tools.exceptions import UsageError

ARRAY = np.ones((3, 3, 2))

REFUSED = [
    ("tr", "2.0", r"tr must be a finite number above 0, got '2.0'"),
    ("tr", [2.0], r"tr must be a finite number above 0, got \[2.0\]"),
    ("tr", True, "tr must be a finite number"),
    (
        "atlas_or_mask",
        ARRAY,
        r"an image of nibabel.*Nifti1Image.*got an array of shape \(3, 3, 2\)",
    ),
    ("atlas_or_mask", {"V1": ARRAY}, "must be a path, an image of nibabel"),
    ("atlas_or_mask", 3, "got 3"),
    ("confounds", 3, "confounds must be the name of a column or a list of names, got 3"),
    ("confounds", [3], "list of names"),
    ("smoothing_fwhm", "5", "smoothing_fwhm must be a finite number above 0, got '5'"),
    ("labels", 3, "labels must be a dict"),
    ("physio", True, "physio must be a list of retroicor, hr, rv, got True"),
    ("stimuli", None, r"stimuli must be Stimuli\(...\).*got None"),
    ("derivatives", [3], "derivatives must be a path, a list of paths or a dict"),
    ("filters", 3, "filters must be a dict"),
]


@pytest.mark.parametrize(("name", "value", "told"), REFUSED)
def test_arguments_of_the_wrong_kind(tiny: Path, name: str, value: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        drmbids.load_runs(tiny, **{name: value})
    assert len(str(caught.value).splitlines()) == 1
    if name not in ("smoothing_fwhm", "labels", "physio"):
        with pytest.raises(UsageError, match=told):
            drmbids.check_dataset(tiny, **{name: value})
    as_run = {"atlas_or_mask": "mask", "confounds": "confound_columns"}.get(name, name)
    if name not in ("derivatives", "filters", "physio"):
        bold = tiny / "sub-01" / "func" / "sub-01_task-x_run-1_bold.nii.gz"
        with pytest.raises(UsageError, match=told.replace("confounds must", "must")):
            drmbids.load_run(bold, **{as_run: value})


def test_folders_that_are_none() -> None:
    for read in (drmbids.find_runs, drmbids.load_runs, drmbids.check_dataset):
        with pytest.raises(UsageError, match="bids_dir must be the path of a folder, got None"):
            read(None)
    with pytest.raises(UsageError, match="bold must be the path of an image"):
        drmbids.load_run(None)
    with pytest.raises(UsageError, match="a model file must be the path of a file, got 3"):
        drmbids.load_model(3)


def test_any_and_no_label_are_said_in_words(tiny: Path) -> None:
    for label in ("*", "Query.ANY"):
        with pytest.raises(drmbids.data.tools.exceptions.DataError) as caught:
            drmbids.find_runs(tiny, session=label, task="x", space="Query.NONE")
        assert "no BOLD run with any session, task=x, no space; choose among" in str(caught.value)
