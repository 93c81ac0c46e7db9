"""BOLD on surfaces: GIFTI files, one for each hemisphere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiMetaData

from drmbids.bids.files.entities import BIDSName
from drmbids.bids.files.problems import error
from drmbids.bids.reading.images import UNREADABLE, check_start, one_line
from drmbids.bids.reading.labels import Labels, label_names, mask_name, single_label, whole_numbers
from drmbids.bids.reading.measured import TR_LIMITS, Measured, Space, refuse_smoothing
from drmbids.bids.reading.regions import warn_of_overlap
from drmbids.data.runs.space import PlaceSpace
from drmbids.data.storage.files import write_bytes

Hemisphere = Literal["L", "R"]
#: Hemispheres in the order of their vertices.
HEMISPHERES: tuple[Hemisphere, ...] = ("L", "R")
#: Region of all vertices with a signal, where no atlas or mask is given.
CORTEX = "cortex"
_STRUCTURES = {"CortexLeft": "L", "CortexRight": "R"}
_MILLISECONDS = 1000.0


class Surfaces(Measured[PlaceSpace]):
    """Series at the vertices of one hemisphere or both.

    Parameters
    ----------
    paths : mapping of {"L", "R"} to Path
        ``.func.gii`` of each hemisphere.

    Raises
    ------
    DataError
        If a file is not whole, or hemispheres differ in volumes.
    """

    def __init__(self, paths: Mapping[str, Path]):
        self.paths = {h: paths[h] for h in HEMISPHERES if h in paths}
        images = {h: open_gifti(path) for h, path in self.paths.items()}
        data = {h: _series_of(image, self.paths[h]) for h, image in images.items()}
        lengths = {len(d) for d in data.values()}
        if len(lengths) > 1:
            found = " and ".join(f"{len(d)} volumes in {self.paths[h]}" for h, d in data.items())
            remedy = "hemispheres are measured together: make the files again"
            raise error("IM10", next(iter(self.paths.values())), found, remedy)
        self.n_vertices = {h: d.shape[1] for h, d in data.items()}
        self._time_step = _time_step({self.paths[h]: image for h, image in images.items()})
        # what was read to see whether it is whole is given out once, and read again after that
        self._data: Mapping[str, np.ndarray] | None = data
        super().__init__(next(iter(self.paths.values())), lengths.pop())

    @property
    def files(self) -> Sequence[Path]:
        """File of each hemisphere."""
        return list(self.paths.values())

    #: ``TimeStep`` of FreeSurfer and Connectome Workbench is that of the volumes.
    tr_is_sure = True

    def stated_tr(self, sidecar: float | None) -> float | None:
        """Return the ``TimeStep`` in seconds; files have it in seconds and in milliseconds."""
        step = self._time_step
        if step is None:
            return None
        in_milliseconds = step / _MILLISECONDS
        if sidecar is None:
            return in_milliseconds if step > TR_LIMITS[1] else step
        return min((step, in_milliseconds), key=lambda seconds: abs(seconds - sidecar))

    def check_like(self, first: Measured) -> None:
        """Raise DataError unless hemispheres and numbers of vertices are the same."""
        self.refuse_kind(first)
        assert isinstance(first, Surfaces)
        if first.n_vertices != self.n_vertices:
            found = f"vertices {self.n_vertices}, {first.path} has {first.n_vertices}"
            raise error("IM14", self.path, found, "choose one surface (--space, --den, --hemi)")

    def holds(self, space: Space) -> bool:
        """Return whether regions lie on surfaces of so many vertices."""
        return isinstance(space, PlaceSpace) and space.layout == self.n_vertices

    def regions(self, atlas_or_mask: Any, labels: Labels) -> PlaceSpace:
        """Return the regions of an atlas or of masks in GIFTI files."""
        if isinstance(atlas_or_mask, Mapping | list | tuple):
            return self._space(self._masks(atlas_or_mask))
        return self._space(self._atlas(Path(atlas_or_mask), labels))

    def all_regions(self, masks: Sequence[Path | None]) -> PlaceSpace:
        """Return all vertices with a signal as one region: there is none in the medial wall."""
        data = self._whole()
        self._data = None if self._data is None else data
        joined = np.concatenate([data[h] for h in self.n_vertices], axis=1)
        finite = np.isfinite(joined)
        low = np.where(finite, joined, np.inf).min(axis=0)
        varies = np.where(finite, joined, -np.inf).max(axis=0) > low
        return self._space({CORTEX: np.flatnonzero(varies)})

    def series(self, space: PlaceSpace, smoothing_fwhm: float | None = None) -> np.ndarray:
        """Return the series of the vertices of all regions."""
        refuse_smoothing(self.path, smoothing_fwhm)
        data, self._data = self._whole(), None
        joined = np.concatenate([data[h] for h in self.n_vertices], axis=1)
        return joined[:, np.concatenate(list(space.places.values()))].astype(float)

    def _whole(self) -> Mapping[str, np.ndarray]:
        if self._data is not None:
            return self._data
        return {h: _series_of(open_gifti(path), path) for h, path in self.paths.items()}

    def _starts(self) -> dict[str, int]:
        """Return the place of the first vertex of each hemisphere."""
        ends = np.cumsum([0, *self.n_vertices.values()])
        return dict(zip(self.n_vertices, map(int, ends[:-1]), strict=True))

    def _masks(self, given: Any) -> dict[str, np.ndarray]:
        """Return the vertices of masks, by name; two files of one name are its hemispheres."""
        if not isinstance(given, Mapping):
            named: dict[str, list[Any]] = {}
            for path in given:
                named.setdefault(mask_name(str(path)), []).append(path)
            given = named
        found = {}
        for name, paths in given.items():
            parts = []
            for path in paths if isinstance(paths, list | tuple) else [paths]:
                hemisphere, values, _ = self._labels(Path(path))
                inside = np.flatnonzero(single_label(values, str(path)))
                parts.append(self._starts()[hemisphere] + inside)
            found[str(name)] = np.unique(np.concatenate(parts))
        warn_of_overlap(found)
        return found

    def _atlas(self, path: Path, labels: Labels) -> dict[str, np.ndarray]:
        """Return the vertices of each label of an atlas, and of its other hemisphere's file."""
        found: dict[str, dict[str, np.ndarray]] = {}
        for file in self._both(path):
            hemisphere, values, own = self._labels(file)
            present = np.unique(values[values > 0])
            names = label_names(str(file), labels, present, own)
            start = self._starts()[hemisphere]
            for label, name in (names or {int(present[0]): mask_name(str(file))}).items():
                places = start + np.flatnonzero(values == label)
                found.setdefault(name, {})[hemisphere] = places
        # homologues have one name in most atlases, and are two regions
        return {
            name if len(sides) == 1 else f"{name}_{h}": places
            for name, sides in found.items()
            for h, places in sides.items()
        }

    def _both(self, path: Path) -> list[Path]:
        """Return the files of an atlas: the one given, and that of the other hemisphere."""
        hemisphere = self._labels(path)[0]
        files = {hemisphere: path}
        for other in (h for h in self.n_vertices if h != hemisphere):
            file = path.with_name(path.name.replace(f"hemi-{hemisphere}", f"hemi-{other}"))
            if file == path or not file.is_file():
                found = f"no file of the hemisphere {other} beside it"
                remedy = "name the two alike but for hemi-L and hemi-R, or choose one with --hemi"
                raise error("RG01", path, found, remedy)
            files[other] = file
        return [files[h] for h in self.n_vertices]

    def _labels(self, path: Path) -> tuple[str, np.ndarray, dict[int, str] | None]:
        """Return hemisphere, values and names of a file of labels, held against the data."""
        image = open_gifti(path)
        hemisphere = _hemisphere(path, image)
        if hemisphere not in self.n_vertices:
            found = f"is of the hemisphere {hemisphere}, the data are of {', '.join(self.paths)}"
            raise error("RG06", path, found, "give one of the same hemisphere")
        values = np.asarray(image.darrays[0].data)
        if values.shape != (self.n_vertices[hemisphere],):
            n_data = self.n_vertices[hemisphere]
            found = f"shape {values.shape}, {self.paths[hemisphere]} has {n_data} vertices"
            raise error("IM14", path, found, "give an atlas or mask of the same surface")
        table = {int(k): str(v) for k, v in image.labeltable.get_labels_as_dict().items()}
        named = {k: name for k, name in table.items() if k > 0}
        return hemisphere, whole_numbers(values, str(path), "vertex"), named or None

    def _space(self, regions: Mapping[str, np.ndarray]) -> PlaceSpace:
        empty = [name for name, places in regions.items() if not len(places)]
        if empty or not regions:
            found = f"no vertex in region {', '.join(empty) or 'at all'}"
            raise error("RG04", self.path, found, "check the file, or leave the region out")
        names = [f"{h}_{v}" for h, n in self.n_vertices.items() for v in range(n)]
        return PlaceSpace(names, dict(regions), dict(self.n_vertices))


def open_gifti(path: Path) -> GiftiImage:
    """Return a GIFTI file that could be read to its end.

    Parameters
    ----------
    path : Path
        ``.gii``.

    Raises
    ------
    DataError
        If the file is missing, damaged, no GIFTI file or without data.
    """
    check_start(path, b"GIFTI")
    try:
        image: Any = nib.load(path)
        arrays = [np.asarray(array.data) for array in image.darrays]
    except UNREADABLE as fault:
        found = f"no readable GIFTI file: {one_line(fault)}"
        raise error("IM04", path, found, "copy or download it again") from fault
    if not arrays or any(array.size == 0 for array in arrays):
        raise error("IM06", path, "the file holds no data", "copy or download the whole file")
    return image


def write_gifti(path: Path, values: np.ndarray, hemisphere: str, tr: float | None = None) -> None:
    """Write numbers at the vertices of one hemisphere; the same numbers give the same bytes.

    Parameters
    ----------
    path : Path
        Ends in ``.gii``.
    values : array of shape (n_vertices,) or (n_times, n_vertices)
    hemisphere : {"L", "R"}
    tr : float, optional
        Seconds between times.
    """
    structure = next(name for name, h in _STRUCTURES.items() if h == hemisphere)
    intent = "NIFTI_INTENT_NONE" if tr is None else "NIFTI_INTENT_TIME_SERIES"
    step = {} if tr is None else {"TimeStep": f"{tr:g}"}
    rows = np.atleast_2d(values).astype(np.float32)
    arrays = [
        GiftiDataArray(row, intent, "NIFTI_TYPE_FLOAT32", meta=GiftiMetaData(step)) for row in rows
    ]
    meta = GiftiMetaData({"AnatomicalStructurePrimary": structure, **step})
    write_bytes(path, GiftiImage(darrays=arrays, meta=meta).to_bytes())


def _series_of(image: GiftiImage, path: Path) -> np.ndarray:
    """Return the series of a hemisphere, (n_volumes, n_vertices)."""
    arrays = [np.asarray(array.data) for array in image.darrays]
    if len(arrays) == 1 and arrays[0].ndim == 2:
        return np.ascontiguousarray(arrays[0].T)  # one array of all volumes, as FreeSurfer writes
    if len({array.shape for array in arrays}) > 1 or arrays[0].ndim != 1:
        found = f"arrays of shapes {sorted({array.shape for array in arrays})}"
        raise error("IM08", path, found, "a series has one value for each vertex in each volume")
    return np.stack(arrays)


def _time_step(images: Mapping[Path, GiftiImage]) -> float | None:
    """Return the time between volumes in the unit of the files, None if they state none."""
    found: dict[Path, float] = {}
    for path, image in images.items():
        for meta in (image.meta, image.darrays[0].meta):
            try:
                value = float(meta.get("TimeStep", ""))
            except ValueError:
                continue
            if np.isfinite(value) and value > 0:
                found.setdefault(path, value)
    if len(set(found.values())) > 1:
        told = " and ".join(f"{value:g} in {path}" for path, value in found.items())
        raise error("IM12", next(iter(found)), f"TimeStep {told}", "make the files again")
    return next(iter(found.values()), None)


def _hemisphere(path: Path, image: GiftiImage) -> str:
    """Return the hemisphere of a file, by its name, else by its metadata."""
    name = BIDSName.parse(path)
    named = None if name is None else name.entities.get("hemi")
    places = (image.meta, image.darrays[0].meta)
    stated = [m.get("AnatomicalStructurePrimary", "") for m in places]
    found = named or next((_STRUCTURES[s] for s in stated if s in _STRUCTURES), None)
    if found not in HEMISPHERES:
        remedy = "put hemi-L or hemi-R into the name, or AnatomicalStructurePrimary into the file"
        raise error("RG01", path, "which hemisphere it is of is not stated", remedy)
    return found
