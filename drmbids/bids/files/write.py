"""Writing files of a BIDS derivative: their names, images, and tables with sidecars."""

import gzip
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from drmbids.bids.files.entities import keys
from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.storage.files import write_bytes, write_json, write_text
from drmbids.data.tools.exceptions import OutputError

# Entities in the order of the specification (appendix "Entities"); `stat` is not in it yet and goes
# where the drafts have it, before `desc`.
_ORDER = (
    *("subject", "session", "sample", "task", "tracksys", "acquisition", "ceagent"),
    *("reconstruction", "direction", "run", "echo", "part", "hemi", "space", "cohort", "recording"),
    *("chunk", "atlas", "segmentation", "scale", "res", "den", "label", "stat", "desc"),
)


def file_name(entities: Mapping[str, str], suffix: str, extension: str, **more: str) -> str:
    """Return a BIDS file name.

    Parameters
    ----------
    entities : mapping of str to str
        Values by long name (``"subject"``), as in :attr:`drmbids.data.runs.run.Run.entities`; what
        is no entity of the specification is left out.
    suffix : str
        ``"bold"``, ``"statmap"`` ...
    extension : str
        With its dot: ``".nii.gz"``.
    **more : str
        Further entities; they replace those of the same name.

    Returns
    -------
    str

    Raises
    ------
    OutputError
        If a value is not letters and digits.

    Examples
    --------
    >>> file_name({"task": "rest", "subject": "01"}, "model", ".yaml", desc="drm")
    'sub-01_task-rest_desc-drm_model.yaml'
    """
    values = {**entities, **more}
    present = [name for name in _ORDER if name in values]
    for name in present:
        if not re.fullmatch("[0-9A-Za-z+]+", values[name]):
            raise OutputError(
                f"{name} {values[name]!r} cannot stand in a BIDS file name: letters and digits only"
            )
    pairs = [f"{keys().get(name, name)}-{values[name]}" for name in present]
    return "_".join([*pairs, suffix]) + extension


def shared_entities(runs: Sequence[Run]) -> dict[str, str]:
    """Return the entities that have one value in all runs, without ``run`` and ``desc``.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> runs = [
    ...     Run({}, duration=1.0, entities={"subject": "01", "task": "rest", "run": k})
    ...     for k in "12"
    ... ]
    >>> shared_entities(runs)
    {'subject': '01', 'task': 'rest'}
    """
    first = runs[0].entities
    return {
        name: value
        for name, value in first.items()
        if name not in ("run", "desc") and all(r.entities.get(name) == value for r in runs)
    }


def func_folder(root: Path, entities: Mapping[str, str]) -> Path:
    """Return ``root/sub-..[/ses-..]/func``, where BIDS wants files with these entities."""
    folder = root / f"sub-{entities['subject']}"
    if "session" in entities:
        folder /= f"ses-{entities['session']}"
    return folder / "func"


def write_table(path: Path, table: pd.DataFrame, columns: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a tab-separated table, and a JSON file that describes its columns.

    Parameters
    ----------
    path : Path
        Ends in ``.tsv``.
    table : DataFrame
        Missing values are written ``n/a``.
    columns : mapping of str to mapping
        ``Description``, ``Units`` ... of each column of the table.

    Raises
    ------
    OutputError
        If a column has no description, or the file cannot be written.
    """
    sidecar = describe_columns(table.columns, columns)
    content = table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    write_text(path, content)
    write_json(path.with_suffix(".json"), sidecar)


def describe_columns(
    names: Iterable[str], columns: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the JSON sidecar of a table.

    Parameters
    ----------
    names : iterable of str
        Columns of the table.
    columns : mapping of str to mapping
        Descriptions to choose from.

    Raises
    ------
    OutputError
        If a column has no description.
    """
    names = list(names)
    lacking = [name for name in names if name not in columns]
    if lacking:
        raise OutputError(f"no description of the table columns {lacking}")
    return {name: dict(columns[name]) for name in names}


def write_image(
    path: Path,
    space: VoxelSpace,
    values: Mapping[str, np.ndarray],
    sidecar: Mapping[str, Any],
    fill: float = np.nan,
) -> None:
    """Write a map or a series of volumes as float32 NIfTI, with its sidecar.

    Parameters
    ----------
    path : Path
        Ends in ``.nii.gz``.
    space : VoxelSpace
        Where the values lie.
    values : mapping of str to array of shape (n_voxels,) or (n_times, n_voxels)
        Values by region.
    sidecar : mapping
        Content of the JSON file; times of volumes also go to the header of a series.
    fill : float
        Value of voxels in no region.
    """
    # the type of the fill is that of the volume: a long series in float64 fills a machine
    volume = space.volume(values, np.float32(fill))
    tr, start = series_step(sidecar) if volume.ndim == 4 else (None, 0.0)
    write_nifti(path, volume, space.affine, tr, start=start)
    write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), dict(sidecar))


def series_step(sidecar: Mapping[str, Any]) -> tuple[float | None, float]:
    """Return what headers state of the times of a series: seconds between volumes, and the first.

    Parameters
    ----------
    sidecar : mapping
        With ``RepetitionTime``, or with ``VolumeTiming``, whose mean step is returned; the step of
        anything else is None.

    Examples
    --------
    >>> series_step({"RepetitionTime": 2.0, "StartTime": 1.0})
    (2.0, 1.0)
    """
    start = float(sidecar.get("StartTime", 0.0))
    if "VolumeTiming" in sidecar:
        return float(np.diff(sidecar["VolumeTiming"]).mean()), start
    return (float(sidecar["RepetitionTime"]) if "RepetitionTime" in sidecar else None), start


def write_nifti(
    path: Path,
    volume: np.ndarray,
    affine: np.ndarray,
    tr: float | None = None,
    compression: int = 6,
    start: float = 0.0,
) -> None:
    """Write an image with its sizes in mm and s, in the type of its values.

    The same values give the same bytes: the compressed file holds no name and no time.

    Parameters
    ----------
    path : Path
        Ends in ``.nii.gz``.
    volume : array of shape (n_x, n_y, n_z) or (n_x, n_y, n_z, n_times)
    affine : array of shape (4, 4)
        From voxel indices to mm.
    tr : float, optional
        Seconds between volumes.
    compression : int
        Level of gzip; 9 takes ten times as long for files that are 2 % smaller.
    start : float
        Seconds that the first volume stands for.
    """
    image = nib.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm", "sec")
    if tr is not None:
        image.header.set_zooms((*image.header.get_zooms()[:3], tr))
        image.header["toffset"] = start
    content = gzip.compress(image.to_bytes(), compresslevel=compression, mtime=0)
    write_bytes(path, content)
