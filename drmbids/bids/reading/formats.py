"""The kinds of files that measured series come in, and how maps are written back to them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from drmbids.bids.files.entities import BIDSName
from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.problems import error
from drmbids.bids.files.write import file_name, series_step, write_image
from drmbids.bids.reading.cifti import Cifti, kind_of, write_cifti
from drmbids.bids.reading.measured import Measured, Space
from drmbids.bids.reading.surfaces import Surfaces, write_gifti
from drmbids.bids.reading.volumes import Volumes
from drmbids.data.runs.run import VoxelSpace
from drmbids.data.storage.files import write_json

_KINDS: Mapping[str, Callable[[Path], Measured]] = {
    ".dtseries.nii": Cifti,
    ".ptseries.nii": Cifti,
}


def open_bold(files: RunFiles) -> Measured:
    """Return the measured series of a run, its files checked to their end.

    Parameters
    ----------
    files : RunFiles

    Raises
    ------
    DataError
        If a file is missing, damaged, or no series of enough volumes.
    """
    if files.hemispheres:
        return Surfaces(files.hemispheres)
    name = files.bold.name
    if name.endswith(".gii"):
        parsed = BIDSName.parse(files.bold)
        side = "" if parsed is None else parsed.entities.get("hemi", "")
        if side not in ("L", "R"):
            found = "its name does not state the hemisphere"
            raise error("IM10", files.bold, found, "name it hemi-L or hemi-R")
        return Surfaces({side: files.bold})
    for ending, kind in _KINDS.items():
        if name.endswith(ending):
            return kind(files.bold)
    return Volumes(files.bold)


def write_values(
    folder: Path,
    entities: Mapping[str, str],
    suffix: Literal["bold", "statmap"],
    space: Space,
    values: Mapping[str, np.ndarray],
    sidecar: Mapping[str, Any],
    fill: float = np.nan,
    **more: str,
) -> list[Path]:
    """Write a map, or a series where the sidecar has times of volumes, as the data came.

    Parameters
    ----------
    folder : Path
    entities : mapping of str to str
        Of the file name.
    suffix : {"bold", "statmap"}
    space : VoxelSpace or PlaceSpace
        Volumes give NIfTI, surfaces a GIFTI file for each hemisphere, grayordinates and parcels
        CIFTI-2.
    values : mapping of str to array of shape (n_targets,) or (n_times, n_targets)
        Values by region.
    sidecar : mapping
        Content of the JSON file.
    fill : float
        Value of places in no region.
    **more : str
        Further entities.

    Returns
    -------
    list of Path
        The files of values, without sidecars.
    """
    tr, start = series_step(sidecar)
    if isinstance(space, VoxelSpace):
        path = folder / file_name(entities, suffix, ".nii.gz", **more)
        write_image(path, space, values, sidecar, fill)
        return [path]
    numbers = space.filled(values, fill)
    if isinstance(space.layout, Mapping):
        ends = np.cumsum(list(space.layout.values()))[:-1]
        parts = np.split(numbers, ends, axis=-1)
        paths = []
        for hemisphere, part in zip(space.layout, parts, strict=True):
            named = {**entities, **more, "hemi": hemisphere}
            paths.append(folder / file_name(named, suffix, ".func.gii"))
            write_gifti(paths[-1], part, hemisphere, tr)
            write_json(_sidecar(paths[-1]), dict(sidecar))
        return paths
    kind = f".{kind_of(space.layout)}{'scalar' if tr is None else 'tseries'}.nii"
    path = folder / file_name(entities, suffix, kind, **more)
    write_cifti(path, space.layout, numbers, tr, start)
    write_json(_sidecar(path), dict(sidecar))
    return [path]


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name.partition(".")[0] + ".json")
