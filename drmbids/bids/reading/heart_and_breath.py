"""What heart and breath add to a run: confounds of its volumes, or slices cleaned of both."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.problems import error
from drmbids.bids.reading.physio import read_recordings
from drmbids.bids.reading.stated import sidecar_of
from drmbids.data.physiology import Physio
from drmbids.data.physiology.regressors import physiological_confounds
from drmbids.data.physiology.slices import without_retroicor
from drmbids.data.tools.exceptions import DataError

# Axis of the slices, by SliceEncodingDirection; a minus sign counts them from the other end.
_AXES = {"i": 0, "j": 1, "k": 2}


class HeartAndBreath:
    """The recordings of one run, and what is wanted of them.

    Where slices are as they were acquired (a raw image whose metadata hold ``SliceTiming``),
    RETROICOR is taken out of the series of the voxels slice by slice. Otherwise its columns are
    confounds, at the middle of each volume.

    Parameters
    ----------
    bold : Path
        The image, for messages.
    recordings : sequence of Path
    root : Path
        Dataset of the recordings.
    wanted : collection of {"retroicor", "hr", "rv"}
    slice_times : array of shape (n_slices,) or None
        Seconds from the start of a volume; see :func:`acquired_slices`.
    axis : int
        Axis of the slices.

    Raises
    ------
    DataError
        If there is no recording, or one cannot be used.
    """

    def __init__(
        self,
        bold: Path,
        recordings: Sequence[Path],
        root: Path,
        wanted: Collection[Physio],
        slice_times: np.ndarray | None,
        axis: int = 2,
    ):
        self.bold, self.wanted = bold, tuple(wanted)
        self.slice_times, self.axis = slice_times, axis
        if not recordings:
            found = f"no recording (*_physio.tsv.gz) of this run in {root}"
            raise error("PH01", bold, found, "add it, or go without physiological confounds")
        self.recordings = read_recordings(recordings, root)

    @property
    def by_slice(self) -> bool:
        """Whether RETROICOR is taken out of each slice at its own time."""
        return "retroicor" in self.wanted and self.slice_times is not None

    def with_confounds(self, table: pd.DataFrame | None, times: np.ndarray) -> pd.DataFrame | None:
        """Return a table with the confounds of heart and breath beside it, one row for each volume.

        Parameters
        ----------
        table : DataFrame or None
            Other confounds.
        times : array of shape (n_volumes,)
            Seconds that volumes stand for: the middle of their acquisition, or what their slices
            were corrected to.

        Raises
        ------
        DataError
            If a recording does not last as long as the run, or nothing is found in it.
        """
        wanted = [w for w in self.wanted if w != "retroicor" or not self.by_slice]
        if not wanted:
            return table
        with naming(self.bold):
            more = physiological_confounds(self.recordings, times, wanted)
        return more if table is None else pd.concat([table, more], axis=1)

    def clean(self, series: np.ndarray, voxels: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return series of voxels without what heart and breath do to their slices.

        Parameters
        ----------
        series : array of shape (n_volumes, n_voxels)
        voxels : array of shape (n_voxels, 3)
            Indices.
        times : array of shape (n_volumes,)
            Starts of the volumes in seconds.
        """
        if not self.by_slice or self.slice_times is None:
            return series
        with naming(self.bold):
            slices = voxels[:, self.axis]
            return without_retroicor(series, slices, self.slice_times, times, self.recordings)


@contextmanager
def naming(bold: Path) -> Iterator[None]:
    """Give an error about recordings the name of the image that they belong to."""
    try:
        yield
    except DataError as fault:
        found, _, advice = str(fault).partition("; ")
        remedy = advice or "repair the recording, or go without physiological confounds"
        raise error("PH01", bold, found, remedy) from fault


def heart_and_breath(
    files: RunFiles, shape: Sequence[int], wanted: Collection[Physio]
) -> HeartAndBreath:
    """Return what is wanted of the recordings of a run.

    Parameters
    ----------
    files : RunFiles
    shape : sequence of int
        Of the image.
    wanted : collection of {"retroicor", "hr", "rv"}

    Raises
    ------
    DataError
        If the run has no recording, or one cannot be used.
    """
    slice_times, axis = acquired_slices(files.entities, files.metadata, shape)
    stated, n_slices = files.metadata.get("SliceTiming"), (*shape, 0, 0, 0)[axis]
    raw = shape and _as_acquired(files.entities, files.metadata)
    if "retroicor" in wanted and raw and stated is not None and slice_times is None:
        found = f"SliceTiming has {len(stated)} times, {files.bold.name} has {n_slices} slices"
        remedy = "correct SliceTiming or SliceEncodingDirection, or remove them"
        raise error("TM01", sidecar_of(files, "SliceTiming"), found, remedy)
    root = files.searched[-1]
    return HeartAndBreath(files.bold, files.recordings, root, wanted, slice_times, axis)


def acquired_slices(
    entities: Mapping[str, str], metadata: Mapping[str, Any], shape: Sequence[int]
) -> tuple[np.ndarray | None, int]:
    """Return when each slice of a volume was acquired, None where slices are not as acquired.

    Parameters
    ----------
    entities : mapping of str to str
        Of the image: one with ``space``, ``desc`` or ``res`` was moved or resampled, and one whose
        slices were corrected in time (``SliceTimingCorrected``) has them at one time.
    metadata : mapping
        ``SliceTiming`` in seconds, ``SliceEncodingDirection`` (``k`` where absent).
    shape : sequence of int
        Of the image.

    Returns
    -------
    slice_times : array of shape (n_slices,) or None
    axis : int
        Axis of the slices.
    """
    direction = str(metadata.get("SliceEncodingDirection", "k"))
    axis, timing = _AXES.get(direction[:1], 2), metadata.get("SliceTiming")
    if not isinstance(timing, list) or len(timing) != (*shape, 0, 0, 0)[axis]:
        return None, axis
    if not _as_acquired(entities, metadata):
        return None, axis
    times = np.array(timing, dtype=float)
    return (times[::-1] if direction.endswith("-") else times), axis


def _as_acquired(entities: Mapping[str, str], metadata: Mapping[str, Any]) -> bool:
    """Return whether the slices of an image have times of their own."""
    moved = {"space", "desc", "res", "den"} & set(entities)
    return not moved and metadata.get("SliceTimingCorrected") is not True
