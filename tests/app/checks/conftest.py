"""A small dataset without any fault, and names for its files."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

SHAPE, N_VOLUMES, TR = (4, 3, 2), 40, 2.0
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
EVENTS = "onset\tduration\ttrial_type\n4\t2\tface\n20\t2\thouse\n40\t4\tface\n60\t4\thouse\n"


@dataclass(frozen=True)
class Tree:
    """Where the files of the dataset are: participant 01, task x, runs 1 to 3."""

    root: Path

    @property
    def func(self) -> Path:
        """Folder of the runs."""
        return self.root / "sub-01" / "func"

    @property
    def bold(self) -> Path:
        """Image of run 2."""
        return self.func / "sub-01_task-x_run-2_bold.nii.gz"

    @property
    def events(self) -> Path:
        """Events of run 2."""
        return self.func / "sub-01_task-x_run-2_events.tsv"

    @property
    def confounds(self) -> Path:
        """Confounds of run 2."""
        return self.func / "sub-01_task-x_run-2_desc-confounds_timeseries.tsv"

    @property
    def sidecar(self) -> Path:
        """Metadata of all runs."""
        return self.root / "task-x_bold.json"

    @property
    def mask(self) -> Path:
        """Brain mask of all runs."""
        name = "sub-01_task-x_desc-brain_mask.nii.gz"
        return self.root / "derivatives" / "masks" / "sub-01" / "func" / name

    def image(self, edit: Callable[[np.ndarray], np.ndarray | None], path: Path | None = None):
        """Write an image, that of run 2 if not said otherwise, with its values edited."""
        path = path or self.bold
        image = nib.load(path)
        data = image.get_fdata(dtype=np.float32).copy()
        edited = edit(data)
        new = data if edited is None else edited
        save(path, new, image.header.get_zooms()[3] if new.ndim > 3 and data.ndim > 3 else TR)


def save(path: Path, data: np.ndarray, tr: float = TR, affine: np.ndarray = AFFINE) -> Path:
    """Write an image with a header in millimetres and seconds."""
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm", "sec")
    if data.ndim > 3:
        zooms = image.header.get_zooms()
        image.header.set_zooms((*zooms[:3], tr, *zooms[4:]))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return a dataset of one participant with three runs, confounds and a brain mask."""
    found, rng = Tree(tmp_path / "ds"), np.random.default_rng(0)
    description = {"Name": "tiny", "BIDSVersion": "1.10.0", "DatasetType": "raw"}
    masks = found.root / "derivatives" / "masks"
    for folder, more in ((found.root, {}), (masks, {"DatasetType": "derivative"})):
        folder.mkdir(parents=True)
        (folder / "dataset_description.json").write_text(json.dumps(description | more))
    found.sidecar.write_text(json.dumps({"RepetitionTime": TR, "TaskName": "x"}))
    inside = np.zeros(SHAPE, np.uint8)
    inside[1:] = 1
    save(found.mask, inside)
    for run in (1, 2, 3):
        stem = found.func / f"sub-01_task-x_run-{run}"
        data = 100 + rng.standard_normal((*SHAPE, N_VOLUMES))
        save(Path(f"{stem}_bold.nii.gz"), data.astype(np.float32))
        Path(f"{stem}_events.tsv").write_text(EVENTS)
        table = rng.standard_normal((N_VOLUMES, 60))
        write_confounds(Path(f"{stem}_desc-confounds_timeseries.tsv"), table)
    return found


def write_confounds(path: Path, table: np.ndarray) -> None:
    """Write columns ``c0``, ``c1`` ..., the first value of ``c0`` missing as in derivatives."""
    rows = [[f"{value:.6f}" for value in row] for row in table]
    rows[0][0] = "n/a"
    names = [f"c{k}" for k in range(table.shape[1])]
    path.write_text("\n".join("\t".join(row) for row in [names, *rows]) + "\n")


@pytest.fixture
def write_image() -> Callable[..., Path]:
    """Return the function that writes an image: ``write_image(path, data, tr=, affine=)``."""
    return save
