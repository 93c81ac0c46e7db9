"""BOLD in CIFTI-2 files: grayordinates (``.dtseries.nii``) and parcels (``.ptseries.nii``)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.cifti2 import (
    BrainModelAxis,
    Cifti2HeaderError,
    Cifti2Image,
    LabelAxis,
    ParcelsAxis,
    ScalarAxis,
    SeriesAxis,
)

from drmbids.bids.files.entities import BIDSName
from drmbids.bids.files.problems import error
from drmbids.bids.reading.images import one_line, read_header
from drmbids.bids.reading.labels import Labels, label_names, mask_name, single_label, whole_numbers
from drmbids.bids.reading.measured import Measured, Space, Start, refuse_smoothing
from drmbids.bids.reading.regions import warn_of_overlap
from drmbids.data.runs.space import PlaceSpace
from drmbids.data.storage.files import write_bytes

#: Region of all parcels, where neither the name nor an atlas says more.
PARCELS = "parcels"
_PREFIX = "CIFTI_STRUCTURE_"
# NIfTI intents of a series and of a map, of grayordinates and of parcels.
_DENSE = ("ConnDenseSeries", "ConnDenseScalar")
_PARCELS = ("ConnParcelSries", "ConnParcelScalr")
_SECONDS = "SECOND"


class Cifti(Measured[PlaceSpace]):
    """Series of grayordinates or parcels.

    Parameters
    ----------
    path : Path
        ``.dtseries.nii`` or ``.ptseries.nii``.

    Raises
    ------
    DataError
        If the file is not whole, or no CIFTI-2 series.
    """

    tr_is_sure = True

    def __init__(self, path: Path):
        self._image, (series, self.axis) = open_cifti(path)
        kinds = BrainModelAxis, ParcelsAxis
        if not isinstance(series, SeriesAxis) or not isinstance(self.axis, kinds):
            found = f"axes of kind {type(series).__name__} and {type(self.axis).__name__}"
            remedy = "a series has times and grayordinates or parcels: give such a file"
            raise error("IM10", path, found, remedy)
        in_time = series.unit == _SECONDS
        self._tr = float(series.step) if in_time and series.step > 0 else None
        self._start = float(series.start) if in_time else 0.0
        super().__init__(path, len(series))

    def stated_tr(self, sidecar: float | None) -> float | None:
        """Return the step of the series axis."""
        return self._tr

    def stated_start(self) -> Start | None:
        """Return the start of the series axis."""
        return Start(self._start, "SeriesStart", is_sure=True) if self._start else None

    def check_like(self, first: Measured) -> None:
        """Raise DataError unless grayordinates or parcels are the same."""
        self.refuse_kind(first)
        assert isinstance(first, Cifti)
        if self.axis != first.axis:
            found = f"other places ({len(self.axis)}) than {first.path} ({len(first.axis)})"
            raise error("IM14", self.path, found, "choose one space and density (--space, --den)")

    def holds(self, space: Space) -> bool:
        """Return whether regions are made of these grayordinates or parcels."""
        return isinstance(space, PlaceSpace) and self.axis == space.layout

    def regions(self, atlas_or_mask: Any, labels: Labels) -> PlaceSpace:
        """Return the regions of a label file, or of masks."""
        if isinstance(atlas_or_mask, Mapping | list | tuple):
            given = atlas_or_mask
            if not isinstance(given, Mapping):
                given = {mask_name(str(path)): path for path in given}
            found = {
                str(name): np.flatnonzero(single_label(self._labels(Path(path))[0], str(path)))
                for name, path in given.items()
            }
            warn_of_overlap(found)
            return self._space(found)
        path = Path(atlas_or_mask)
        values, used, own = self._labels(path)
        names = label_names(str(path), labels, used, own)
        if names is None:
            return self._space({mask_name(str(path)): np.flatnonzero(values > 0)})
        return self._space({name: np.flatnonzero(values == k) for k, name in names.items()})

    def all_regions(self, masks: Sequence[Path | None]) -> PlaceSpace:
        """Return a region for each brain model, or one of all parcels."""
        if isinstance(self.axis, BrainModelAxis):
            found = {
                _plain(structure): np.arange(len(self.axis))[where]
                for structure, where, _ in self.axis.iter_structures()
            }
            return self._space(found)
        name = BIDSName.parse(self.path)
        entities = {} if name is None else name.entities
        region = entities.get("atlas") or entities.get("segmentation") or PARCELS
        return self._space({region: np.arange(len(self.axis))})

    def series(self, space: PlaceSpace, smoothing_fwhm: float | None = None) -> np.ndarray:
        """Return the series of the places of all regions."""
        refuse_smoothing(self.path, smoothing_fwhm)
        places = np.concatenate(list(space.places.values()))
        return np.asarray(self._image.dataobj, dtype=float)[:, places]

    def _labels(self, path: Path) -> tuple[np.ndarray, np.ndarray, dict[int, str] | None]:
        """Return the label of each place of the data, 0 where a file has none, its labels, names.

        A label that the file uses and the data have no place for is a region without any.
        """
        image, (maps, axis) = open_cifti(path)
        if type(axis) is not type(self.axis) or not isinstance(maps, LabelAxis | ScalarAxis):
            kinds = f"{type(maps).__name__} and {type(axis).__name__}"
            wanted = ".dlabel.nii" if isinstance(self.axis, BrainModelAxis) else ".plabel.nii"
            remedy = f"give labels of the places of {self.path.name} ({wanted})"
            raise error("RG02", path, f"axes of kind {kinds}", remedy)
        if len(maps) > 1:
            found = f"{len(maps)} maps: {', '.join(map(str, maps.name[:5]))}"
            raise error("RG02", path, found, "give a file of one (wb_command -cifti-merge)")
        own = None
        if isinstance(maps, LabelAxis):
            own = {int(k): str(name) for k, (name, _) in maps.label[0].items() if k > 0}
        values = whole_numbers(np.asarray(image.dataobj)[0], str(path), "place")
        label_of = dict(zip(_identities(axis, path), values.tolist(), strict=True))
        mine = _identities(self.axis, self.path)
        found = np.array([label_of.get(place, 0) for place in mine], dtype=np.int64)
        if not any(place in label_of for place in mine):
            raise error("IM14", path, f"shares no place with {self.path}", "give one of its space")
        return found, np.unique(values[values > 0]), own

    def _space(self, regions: Mapping[str, np.ndarray]) -> PlaceSpace:
        empty = [name for name, places in regions.items() if not len(places)]
        if empty or not regions:
            found = f"no place in region {', '.join(empty) or 'at all'}"
            raise error("RG04", self.path, found, "check the file, or leave the region out")
        return PlaceSpace(_names(self.axis), dict(regions), self.axis)


def open_cifti(path: Path) -> tuple[Any, tuple[Any, Any]]:
    """Return a whole CIFTI-2 file of two axes, and these.

    Parameters
    ----------
    path : Path
        ``.nii`` with an extension of CIFTI-2 before it.

    Raises
    ------
    DataError
        If the file is damaged, or no CIFTI-2 file of two axes.
    """
    image, _ = read_header(path)
    if not isinstance(image, Cifti2Image):
        raise error("IM08", path, "no CIFTI-2 file", "make it again, or rename it to .nii")
    try:
        axes = tuple(image.header.get_axis(k) for k in range(len(image.shape)))
        sizes = tuple(len(axis) for axis in axes)
    except (Cifti2HeaderError, KeyError, ValueError, IndexError) as fault:
        found = f"no readable CIFTI-2 header: {one_line(fault)}"
        raise error("IM08", path, found, "make or download it again") from fault
    if len(axes) != 2 or sizes != tuple(image.shape):
        found = f"axes of lengths {sizes}, an array of shape {tuple(image.shape)}"
        raise error("IM08", path, found, "make or download it again")
    return image, axes


def write_cifti(
    path: Path, axis: Any, values: np.ndarray, tr: float | None = None, start: float = 0.0
) -> None:
    """Write numbers at grayordinates or parcels; the same numbers give the same bytes.

    Parameters
    ----------
    path : Path
        Ends in ``.dtseries.nii``, ``.ptseries.nii``, ``.dscalar.nii`` or ``.pscalar.nii``.
    axis : BrainModelAxis or ParcelsAxis
    values : array of shape (n_places,) or (n_times, n_places)
    tr : float, optional
        Seconds between times; without it the values are one map.
    start : float
        Seconds at the first of them.
    """
    rows = np.atleast_2d(values).astype(np.float32)
    name = path.name.partition(".")[0]
    first = ScalarAxis([name]) if tr is None else SeriesAxis(start, tr, len(rows), _SECONDS)
    image = Cifti2Image(rows, (first, axis))
    intents = _DENSE if isinstance(axis, BrainModelAxis) else _PARCELS
    image.nifti_header.set_intent(intents[tr is None])
    write_bytes(path, image.to_bytes())


def kind_of(axis: Any) -> str:
    """Return how extensions name an axis: ``d`` for grayordinates, ``p`` for parcels."""
    return "d" if isinstance(axis, BrainModelAxis) else "p"


def _plain(structure: str) -> str:
    return str(structure).removeprefix(_PREFIX).lower()


def _identities(axis: Any, path: Path) -> list[Any]:
    """Return what makes a place the same in two files."""
    if isinstance(axis, ParcelsAxis):
        return [str(name) for name in axis.name]
    on_surface = axis.surface_mask
    if not on_surface.all() and axis.affine is None:
        raise error("IM08", path, "voxels without an affine", "make or download it again")
    points = np.zeros((len(axis), 3))
    if not on_surface.all():
        # voxels are the same where they lie at the same millimetres
        points[~on_surface] = np.round(nib.affines.apply_affine(axis.affine, axis.voxel), 2)[
            ~on_surface
        ]
    return [
        (str(name), int(vertex)) if surface else (str(name), *map(float, point))
        for name, vertex, surface, point in zip(
            axis.name, axis.vertex, on_surface, points, strict=True
        )
    ]


def _names(axis: Any) -> list[str]:
    """Return the name of each place, unique."""
    if isinstance(axis, ParcelsAxis):
        names = [str(name) for name in axis.name]
        return names if len(set(names)) == len(names) else [f"{k}_{n}" for k, n in enumerate(names)]
    return [
        f"{_plain(name)}_{vertex}" if surface else f"{_plain(name)}_{i}_{j}_{k}"
        for name, vertex, surface, (i, j, k) in zip(
            axis.name, axis.vertex, axis.surface_mask, axis.voxel, strict=True
        )
    ]
