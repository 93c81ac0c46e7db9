"""What every kind of BOLD file is to the rest: volumes, surfaces and CIFTI files alike."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from drmbids.bids.files.problems import error
from drmbids.data.runs.run import VoxelSpace
from drmbids.data.runs.space import PlaceSpace

Space = VoxelSpace | PlaceSpace
SpaceT = TypeVar("SpaceT", VoxelSpace, PlaceSpace)

#: Fewer volumes than this are a localiser or a broken export, not a run to fit a model to.
MIN_VOLUMES = 10

#: Repetition times outside these seconds are milliseconds, or wrong.
TR_LIMITS = (0.05, 30.0)


class Start(NamedTuple):
    """The time of the first volume that a file itself states."""

    seconds: float
    name: str  # of the field
    is_sure: bool  # whether programs use the field for nothing else


class Measured(ABC, Generic[SpaceT]):
    """The measured series of one run: its files are whole, its numbers are read when asked for.

    Parameters
    ----------
    path : Path
        The file, the first of two for two hemispheres.
    n_volumes : int
    shape : tuple of int
        Voxels along the three axes of a volume; empty for other kinds.

    Raises
    ------
    DataError
        If there are fewer than 10 volumes.
    """

    def __init__(self, path: Path, n_volumes: int, shape: tuple[int, ...] = ()):
        self.path, self.n_volumes, self.shape = path, n_volumes, shape
        if n_volumes < MIN_VOLUMES:
            remedy = f"a run needs at least {MIN_VOLUMES}: leave it out"
            raise error("IM10", path, f"{n_volumes} volumes", remedy)

    @property
    def files(self) -> Sequence[Path]:
        """All files of the run."""
        return [self.path]

    def stated_tr(self, sidecar: float | None) -> float | None:
        """Return the repetition time in seconds that the file states, None if it states none.

        Parameters
        ----------
        sidecar : float or None
            What the metadata state, where the file leaves the unit open.
        """
        return None

    def unitless_tr(self) -> float | None:
        """Return the step of a file that states one in no unit of time."""
        return None

    def stated_start(self) -> Start | None:
        """Return the time of the first volume where the file states one other than 0."""
        return None

    #: Whether the file's own repetition time serves where no sidecar has one.
    tr_is_sure = False

    @abstractmethod
    def check_like(self, first: "Measured") -> None:
        """Raise DataError unless the places of two runs are the same."""

    @abstractmethod
    def holds(self, space: Space) -> bool:
        """Return whether regions are places of this file."""

    @abstractmethod
    def regions(
        self, atlas_or_mask: Any, labels: Mapping[int, str] | Sequence[str] | None
    ) -> SpaceT:
        """Return the regions of an atlas or of masks."""

    @abstractmethod
    def all_regions(self, masks: Sequence[Path | None]) -> SpaceT:
        """Return the regions where none are given.

        Parameters
        ----------
        masks : sequence of Path or None
            Brain mask of each run.
        """

    @abstractmethod
    def series(self, space: SpaceT, smoothing_fwhm: float | None = None) -> np.ndarray:
        """Return the series of all targets, region after region, (n_volumes, n_targets)."""

    def refuse_kind(self, first: "Measured") -> None:
        """Raise DataError if another run is of another kind."""
        if type(first) is not type(self):
            found = f"is of another kind than {first.path}"
            raise error("IM14", self.path, found, "choose one kind with --file-format")


def refuse_smoothing(path: Path, smoothing_fwhm: float | None) -> None:
    """Raise DataError if a file without a grid is to be smoothed."""
    if smoothing_fwhm is not None:
        found = f"smoothing of {smoothing_fwhm:g} mm is asked for, but it has no grid of voxels"
        raise error("IM17", path, found, "smooth along the surface before, or leave it out")
