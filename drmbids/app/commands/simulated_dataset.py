"""Simulated runs as a BIDS dataset: raw data, and derivatives as after preprocessing."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

import drmbids
from drmbids.bids.derivatives import BIDS_VERSION
from drmbids.bids.files.write import file_name, func_folder, write_nifti
from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.runs.stream import Events
from drmbids.data.storage.files import write_json, write_text

#: Folder, below ``derivatives``, of preprocessed images, confounds and masks.
PREPROCESSED = "preprocessed"

#: Edge of a voxel in mm.
VOXEL_MM = 3.0

# Level of gzip: such datasets are small, and one comes with every installation.
_SMALLEST = 9

_EVENT_COLUMNS = {
    "onset": {"Description": "Start of the event after that of the first volume", "Units": "s"},
    "duration": {"Description": "Duration of the event", "Units": "s"},
    "trial_type": {"Description": "Condition"},
}


def simulated_space(regions: Mapping[str, int]) -> VoxelSpace:
    """Return an image with one slice for each region, its voxels around the middle of the slice.

    Parameters
    ----------
    regions : mapping of str to int
        Number of voxels of each region.
    """
    side = math.ceil(math.sqrt(max(regions.values()))) + 2
    i, j = np.divmod(np.arange(side * side), side)
    middle = (side - 1) / 2
    from_middle = np.argsort((i - middle) ** 2 + (j - middle) ** 2, kind="stable")
    voxels = {}
    for k, (name, n_voxels) in enumerate(regions.items()):
        flat = np.sort(from_middle[:n_voxels])
        voxels[name] = np.column_stack([i[flat], j[flat], np.full(n_voxels, k)])
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:2, 3] = -VOXEL_MM * middle
    return VoxelSpace((side, side, len(regions)), affine, voxels)


def write_dataset(
    root: Path, participants: Mapping[str, Sequence[Run]], name: str, readme: str
) -> None:
    """Write a raw BIDS dataset with its derivatives.

    The same runs give the same bytes.

    Parameters
    ----------
    root : Path
        Folder to write.
    participants : mapping of str to sequence of Run
        Runs with responses and events by subject label, all of one task and TR.
    name : str
        Name of the dataset.
    readme : str
        What the dataset is.
    """
    derived = root / "derivatives" / PREPROCESSED
    first = next(iter(participants.values()))[0]
    task, made_by = first.entities["task"], {"Name": "drmbids", "Version": drmbids.__version__}
    description: dict[str, Any] = {"Name": name, "BIDSVersion": BIDS_VERSION, "License": "CC0"}
    write_json(root / "dataset_description.json", description | {"DatasetType": "raw"})
    write_text(root / "README.md", readme)
    labels = "".join(f"sub-{subject}\n" for subject in participants)
    write_text(root / "participants.tsv", "participant_id\n" + labels)
    bold = {"TaskName": task, "RepetitionTime": first.tr}
    write_json(root / f"task-{task}_bold.json", bold)
    write_json(root / f"task-{task}_events.json", _EVENT_COLUMNS)
    write_json(
        derived / "dataset_description.json",
        description
        | {
            "Name": f"{name}: preprocessed",
            "DatasetType": "derivative",
            "GeneratedBy": [made_by],
            "SourceDatasets": [{"URL": "../.."}],
        },
    )
    write_text(derived / "README.md", "Images, confounds and masks of simulated participants.\n")
    # BIDS has no name for confounds yet
    write_text(derived / ".bidsignore", "*_timeseries.tsv\n")
    write_json(derived / f"task-{task}_desc-preproc_bold.json", bold | {"SkullStripped": True})
    for runs in participants.values():
        regions = {n: s.values.shape[1] for n, s in runs[0].responses.items()}
        space = simulated_space(regions)
        _write_masks(derived, runs[0], space)
        for run in runs:
            _write_run(root, derived, run, space)


def _write_masks(derived: Path, run: Run, space: VoxelSpace) -> None:
    """Write a mask for each region, and one for all, for a participant."""
    entities = {name: label for name, label in run.entities.items() if name != "run"}
    folder = func_folder(derived, entities)
    regions = {name: [name] for name in space.voxels} | {"brain": list(space.voxels)}
    for label, members in regions.items():
        inside = {name: np.ones(len(space.voxels[name])) for name in members}
        path = folder / file_name(entities, "mask", ".nii.gz", desc=label)
        volume = space.volume(inside, 0.0).astype(np.uint8)
        write_nifti(path, volume, space.affine, compression=_SMALLEST)
        write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), {"Type": "ROI"})


def _write_run(root: Path, derived: Path, run: Run, space: VoxelSpace) -> None:
    """Write image and events of a run, and its preprocessed image and confounds."""
    raw, clean = func_folder(root, run.entities), func_folder(derived, run.entities)
    values = {name: stream.values for name, stream in run.responses.items()}
    image = np.rint(space.volume(values, 0.0)).astype(np.int16)
    # simulated heads move in the confounds only: there is nothing to preprocess
    for path in (
        raw / file_name(run.entities, "bold", ".nii.gz"),
        clean / file_name(run.entities, "bold", ".nii.gz", desc="preproc"),
    ):
        write_nifti(path, image, space.affine, run.tr, compression=_SMALLEST)
    events = cast(Events, run.stimuli["events"])
    table = pd.DataFrame(
        {"onset": events.onsets, "duration": events.durations, "trial_type": events.conditions}
    )
    _write_table(raw / file_name(run.entities, "events", ".tsv"), table)
    if run.confounds is not None:
        motion = pd.DataFrame(run.confounds.values, columns=list(run.confounds.columns))
        path = clean / file_name(run.entities, "timeseries", ".tsv", desc="confounds")
        _write_table(path, motion)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    content = table.to_csv(sep="\t", index=False, float_format="%.6g", lineterminator="\n")
    write_text(path, content)
