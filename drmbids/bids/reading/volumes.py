"""BOLD in volumes: 4-D NIfTI images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drmbids.bids.files.problems import error
from drmbids.bids.reading.images import (
    check_grid,
    header_start,
    header_tr,
    open_image,
    same_grid,
    voxel_series,
)
from drmbids.bids.reading.measured import Measured, Space, Start
from drmbids.bids.reading.regions import brain_mask, load_regions
from drmbids.data.runs.run import VoxelSpace


class Volumes(Measured[VoxelSpace]):
    """A 4-D image.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz``.

    Raises
    ------
    DataError
        If the file is not whole, or no series of enough volumes.
    """

    def __init__(self, path: Path):
        self.image = open_image(path)
        if len(self.image.shape) != 4:
            found = f"{len(self.image.shape)}-D image {tuple(self.image.shape)}"
            raise error("IM10", path, found, "BOLD is 4-D: convert the series again")
        super().__init__(path, self.image.shape[3], tuple(self.image.shape[:3]))

    def stated_tr(self, sidecar: float | None) -> float | None:
        """Return the repetition time of the header."""
        return header_tr(self.image)

    def unitless_tr(self) -> float | None:
        """Return the fourth zoom of a header without a unit of time, if a program cared for it."""
        value = float(self.image.header.get_zooms()[3])
        return None if self.stated_tr(None) is not None or value in (0.0, 1.0) else value

    def stated_start(self) -> Start | None:
        """Return the ``toffset`` of the header: AFNI writes it, most programs leave it alone."""
        seconds = header_start(self.image)
        return Start(seconds, "toffset", is_sure=False) if seconds else None

    def check_like(self, first: Measured) -> None:
        """Raise DataError unless shape and affine are the same."""
        self.refuse_kind(first)
        assert isinstance(first, Volumes)
        check_grid(self.image, first.image)

    def holds(self, space: Space) -> bool:
        """Return whether regions lie on the grid of the image."""
        return isinstance(space, VoxelSpace) and same_grid(space.shape, space.affine, self.image)

    def regions(
        self, atlas_or_mask: Any, labels: Mapping[int, str] | Sequence[str] | None
    ) -> VoxelSpace:
        """Return the regions of an atlas or of masks on the grid of the image."""
        return load_regions(atlas_or_mask, labels, like=self.image)

    def all_regions(self, masks: Sequence[Path | None]) -> VoxelSpace:
        """Return what lies in the brain masks of all runs."""
        there = [mask for mask in masks if mask is not None]
        if len(there) < len(masks):
            found = "not exactly one brain mask (*_desc-brain_mask.nii.gz) belongs to it"
            remedy = "give the regions as atlas_or_mask (command line: --mask or --atlas)"
            raise error("RG01", self.path, found, remedy)
        return brain_mask(there, like=self.image)

    def series(self, space: VoxelSpace, smoothing_fwhm: float | None = None) -> np.ndarray:
        """Return the series of the voxels of all regions, unpacking the image once."""
        voxels = np.concatenate(list(space.voxels.values()))
        return voxel_series(self.image, voxels, smoothing_fwhm)
