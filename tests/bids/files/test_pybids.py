"""The same files and metadata as a full index of pybids, on every measured data set."""

import os
import warnings
from pathlib import Path

import pytest
from bids import BIDSLayout
from bids.layout import Config

from drmbids.bids.files.dataset import Dataset, open_dataset
from drmbids.bids.files.entities import keys

SHARED = Path(
    os.environ.get("DRMBIDS_SHARED_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")
)
SUFFIXES = ("bold", "events", "physio", "stim")
EXTENSIONS = (".nii", ".nii.gz", ".tsv", ".tsv.gz")


def ours(dataset: Dataset) -> dict[str, tuple[dict, dict]]:
    """Return entities and metadata of every file of a dataset by its path."""
    return {
        str(name.path.resolve()): (dict(name.entities), dataset.metadata(name))
        for name in dataset.files(dataset.subjects)
        if name.suffix in SUFFIXES and name.extension in EXTENSIONS and "subject" in name.entities
    }


def theirs(root: Path, derivative: bool) -> dict[str, tuple[dict, dict]]:
    """Return the same from pybids."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = ["bids", "derivatives"] if derivative else ["bids"]
        layout = BIDSLayout(
            root, validate=False, derivatives=False, config=config, is_derivative=derivative
        )
        found = layout.get(
            suffix=list(SUFFIXES), extension=list(EXTENSIONS), subject=layout.get_subjects()
        )
    index = {}
    for file in found:
        names = file.get_entities()
        entities = {
            k: str(v) for k, v in names.items() if k not in ("suffix", "extension", "datatype")
        }
        index[str(Path(file.path).resolve())] = (entities, file.get_metadata())
    return index


def test_entities_have_the_names_of_pybids() -> None:
    theirs = {*Config.load("bids").entities, *Config.load("derivatives").entities}
    assert theirs - set(keys()) == {"suffix", "scans", "fmap", "datatype", "extension"}
    # entities of the specification that pybids does not have
    assert set(keys()) - theirs == {"cohort", "scale"}
    assert (keys()["subject"], keys()["reconstruction"], keys()["desc"]) == ("sub", "rec", "desc")


@pytest.mark.real_data
@pytest.mark.parametrize(
    "folder",
    ["haxby_bids", "synthetic_bids", "physio_ds210", "synthetic_bids/derivatives/fmriprep"],
)
def test_same_files_entities_and_metadata(folder: str) -> None:
    root = SHARED / folder
    if not root.exists():
        pytest.skip(f"measured data sets not found in {SHARED}; set DRMBIDS_SHARED_DATA")
    mine, full = ours(open_dataset(root)), theirs(root, "derivatives" in folder)
    assert set(mine) == set(full)
    assert len(mine) > 4
    for path, (entities, metadata) in full.items():
        assert mine[path][1] == metadata, path
        for name, label in entities.items():
            # pybids reads the index 01 as the number 1, with its zeros where it prints it
            assert mine[path][0][name].lstrip("0") == label.lstrip("0"), (path, name)
