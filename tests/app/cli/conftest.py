"""A small BIDS dataset with a known response, to run the command line on."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

TR, N_VOLUMES, SHAPE = 2.0, 40, (4, 4, 2)
EVENTS = "onset\tduration\ttrial_type\n6\t8\tface\n24\t8\thouse\n44\t8\tface\n62\t8\thouse\n"


def write_dataset(root: Path, subjects: tuple[str, ...] = ("01",), n_runs: int = 3) -> Path:
    """Write a dataset: runs of a task, events, and a brain mask in a derivative."""
    rng = np.random.default_rng(0)
    masks = root / "derivatives" / "masks"
    masks.mkdir(parents=True)
    described = {"Name": "tiny", "BIDSVersion": "1.10.1", "DatasetType": "raw"}
    (root / "dataset_description.json").write_text(json.dumps(described))
    made = {"DatasetType": "derivative", "GeneratedBy": [{"Name": "hand"}]}
    (masks / "dataset_description.json").write_text(json.dumps(described | made))
    (root / "README.md").write_text("A small dataset with a known response.\n")
    (root / "task-look_bold.json").write_text(
        json.dumps({"RepetitionTime": TR, "TaskName": "look"})
    )
    response = np.zeros(N_VOLUMES)
    for onset in (6, 24, 44, 62):
        start = int((onset + 6) / TR)  # about the delay of a hemodynamic response
        response[start : start + 4] = 1.0
    for subject in subjects:
        for folder in (root, masks):
            (folder / f"sub-{subject}" / "func").mkdir(parents=True)
        stem = f"sub-{subject}_task-look"
        mask = np.zeros(SHAPE, np.uint8)
        mask[1:3, 1:3] = 1
        save(masks / f"sub-{subject}" / "func" / f"{stem}_desc-brain_mask.nii.gz", mask)
        for run in range(1, n_runs + 1):
            base = root / f"sub-{subject}" / "func" / f"{stem}_run-{run}"
            data = 100 + 5 * response + rng.normal(size=(*SHAPE, N_VOLUMES))
            save(Path(f"{base}_bold.nii.gz"), data.astype(np.float32))
            Path(f"{base}_events.tsv").write_text(EVENTS)
    return root


def save(path: Path, data: np.ndarray) -> None:
    """Write an image with voxels of 3 mm."""
    image = nib.Nifti1Image(data, np.diag([3.0, 3.0, 3.0, 1.0]))
    if data.ndim == 4:
        image.header.set_zooms((3.0, 3.0, 3.0, TR))
        image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)


@pytest.fixture(scope="session")
def write_bids() -> Callable[..., Path]:
    """Return the function that writes a dataset: ``write_bids(root, subjects=, n_runs=)``."""
    return write_dataset


@pytest.fixture
def tiny_bids(tmp_path: Path) -> Path:
    """Return a dataset of one participant with three runs."""
    return write_dataset(tmp_path / "my dätaset")


@pytest.fixture
def two_participants(tmp_path: Path) -> Path:
    """Return a dataset of two participants with three runs each."""
    return write_dataset(tmp_path / "ds", subjects=("01", "02"))
