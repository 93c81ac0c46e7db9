"""A tiny BIDS dataset, and the means to damage it."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

SHAPE = (4, 3, 2)
N_VOLUMES = 40
TR = 2.0
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
EVENTS = "onset\tduration\ttrial_type\n4\t2\tface\n20\t2\thouse\n"


def write_bold(path: Path, data: np.ndarray, tr: float = TR, affine: np.ndarray = AFFINE) -> None:
    """Write an image with a header in millimetres and seconds."""
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm", "sec")
    if data.ndim == 4:
        image.header.set_zooms((*image.header.get_zooms()[:3], tr))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)


def noise(seed: int = 0, n_volumes: int = N_VOLUMES) -> np.ndarray:
    """Return float32 noise around 100."""
    values = np.random.default_rng(seed).standard_normal((*SHAPE, n_volumes)) + 100
    return values.astype(np.float32)


def describe(folder: Path, **more: object) -> None:
    """Write the description of a dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"Name": "tiny", "BIDSVersion": "1.10.0", "DatasetType": "raw", **more}
    (folder / "dataset_description.json").write_text(json.dumps(content))


@pytest.fixture
def add_run() -> Callable[..., Path]:
    """Return a function that writes one run into a dataset."""

    def add(root: Path, name: str, data: np.ndarray | None = None, events: str = EVENTS) -> Path:
        parts = name.split("_")
        folder = root.joinpath(*(p for p in parts if p.startswith(("sub-", "ses-"))), "func")
        bold = folder / f"{name}_bold.nii.gz"
        write_bold(bold, noise(len(name)) if data is None else data)
        if events:
            (folder / f"{name}_events.tsv").write_text(events)
        return bold

    return add


@pytest.fixture
def tiny(tmp_path: Path, add_run: Callable[..., Path]) -> Path:
    """Return a raw dataset of one participant with two runs and a brain mask of 12 voxels.

    The folders above it look like entities, which must not matter.
    """
    root = tmp_path / "space-bad_run-7" / "sub-study"
    describe(root)
    (root / "task-x_bold.json").write_text(json.dumps({"RepetitionTime": TR, "TaskName": "x"}))
    add_run(root, "sub-01_task-x_run-1", noise(1))
    add_run(root, "sub-01_task-x_run-2", noise(2), EVENTS.replace("house", "cat"))
    inside = np.zeros(SHAPE, np.uint8)
    inside[:2] = 1
    masks = root / "derivatives" / "masks"
    describe(masks, DatasetType="derivative", GeneratedBy=[{"Name": "tests"}])
    write_bold(masks / "sub-01" / "func" / "sub-01_task-x_desc-brain_mask.nii.gz", inside)
    return root


@pytest.fixture
def fmriprep(tiny: Path) -> Path:
    """Return an fMRIPrep-like derivative of the tiny dataset: two spaces, masks, confounds."""
    root = tiny / "derivatives" / "fmriprep"
    describe(root, DatasetType="derivative", GeneratedBy=[{"Name": "fMRIPrep"}])
    folder = root / "sub-01" / "func"
    rng = np.random.default_rng(5)
    columns = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z", "csf", "white_matter"]
    kinds = ("", "_derivative1", "_power2", "_derivative1_power2")
    names = [f"{c}{kind}" for c in columns for kind in kinds]
    names += ["cosine00", "framewise_displacement", "std_dvars"]
    for run in ("1", "2"):
        stem = f"sub-01_task-x_run-0{run}"
        for space in ("T1w", "MNI152NLin2009cAsym"):
            name = f"{stem}_space-{space}"
            write_bold(folder / f"{name}_desc-preproc_bold.nii.gz", noise(int(run)))
            sidecar = folder / f"{name}_desc-preproc_bold.json"
            sidecar.write_text(json.dumps({"RepetitionTime": TR}))
            mask = np.ones(SHAPE, np.uint8)
            mask[0, 0, : int(run) - 1] = 0
            write_bold(folder / f"{name}_desc-brain_mask.nii.gz", mask)
        values = rng.uniform(0, 0.1, (N_VOLUMES, len(names)))
        rows = [[str(v) for v in row] for row in values]
        rows[0] = ["n/a" if "_d" in n else v for n, v in zip(names, rows[0], strict=True)]
        rows[20][names.index("framewise_displacement")] = "3.0"
        text = "\n".join("\t".join(row) for row in [names, *rows]) + "\n"
        (folder / f"{stem}_desc-confounds_timeseries.tsv").write_text(text)
        (folder / f"{stem}_desc-confounds_timeseries.json").write_text("{}")
    return root
