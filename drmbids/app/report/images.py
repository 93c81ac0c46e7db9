"""Maps and series out of the saved images."""

import json
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from drmbids.app.report.folder import Analysis, entities_of
from drmbids.data.tools.exceptions import DataError


@dataclass(frozen=True)
class VoxelSeries:
    """Measured series of one voxel in one run and the predictions for it."""

    run: str
    times: np.ndarray
    measured: np.ndarray
    predicted: dict[str, np.ndarray]


def read_places(path: Path) -> np.ndarray:
    """Return what a file of scores holds: a volume (3 axes), or a number for each place (1 axis).

    Parameters
    ----------
    path : Path
        NIfTI, CIFTI-2, or the GIFTI file of a hemisphere; the other one beside it comes too.

    Raises
    ------
    DataError
        If the file has other axes.
    """
    if path.name.endswith(".gii"):
        return np.concatenate([nib.load(p).darrays[0].data for p in both_hemispheres(path)])
    image = nib.load(path)
    data = np.asarray(image.dataobj, dtype=float)
    if is_cifti(path):
        return data[0]
    return _three_axes(data, path)


def _three_axes(data: np.ndarray, path: Path) -> np.ndarray:
    """Return a volume, without a fourth axis of length 1."""
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise DataError(f"{path.name}: a map needs 3 axes, found shape {data.shape}")
    return data


def is_cifti(path: Path) -> bool:
    """Return whether a file is CIFTI-2, by its name."""
    return path.name.endswith(("scalar.nii", "tseries.nii"))


def both_hemispheres(path: Path) -> list[Path]:
    """Return the files of the hemispheres that a GIFTI file and its neighbour hold, left first."""
    names = [path.name.replace(f"_hemi-{h}_", f"_hemi-{to}_") for h in "LR" for to in "LR"]
    found = [path.with_name(name) for name in sorted(set(names))]
    return [p for p in found if p.is_file()]


def _series_at(path: Path, place: tuple[int, ...]) -> np.ndarray:
    """Return the series of one voxel or place."""
    if path.name.endswith(".gii"):
        files = [nib.load(p) for p in both_hemispheres(path)]
        return np.concatenate([np.stack([a.data for a in f.darrays]) for f in files], 1)[
            :, place[0]
        ].astype(float)
    data = nib.load(path).dataobj
    where = (slice(None), *place) if is_cifti(path) else (*place, slice(None))
    return np.asarray(data[where], dtype=float)


def load_map(path: Path) -> tuple[np.ndarray, tuple[float, ...]]:
    """Return a volume with its axes turned to RAS, and its voxel size in mm.

    Raises
    ------
    DataError
        If the image does not have three axes.
    """
    image = nib.as_closest_canonical(nib.load(path))
    data = _three_axes(np.asarray(image.dataobj, dtype=float), path)
    return _inside(data), tuple(float(z) for z in image.header.get_zooms()[:3])


def surface_values(path: Path) -> dict[str, np.ndarray]:
    """Return the scores at the vertices of each hemisphere, NaN where there is none.

    Parameters
    ----------
    path : Path
        GIFTI or CIFTI-2; empty for parcels and for structures without a surface.
    """
    if path.name.endswith(".gii"):
        return {
            entities_of(p.name)["hemi"]: np.asarray(nib.load(p).darrays[0].data, dtype=float)
            for p in both_hemispheres(path)
        }
    if not path.name.endswith(".dscalar.nii"):
        return {}
    image = nib.load(path)
    data, found = np.asarray(image.dataobj, dtype=float)[0], {}
    for name, where, part in image.header.get_axis(1).iter_structures():
        side = {"CORTEX_LEFT": "L", "CORTEX_RIGHT": "R"}.get(name.removeprefix("CIFTI_STRUCTURE_"))
        if side is not None:
            found[side] = np.full(part.nvertices[name], np.nan)
            found[side][part.vertex] = data[where]
    return found


def load_mesh(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return points and faces of a mesh in a GIFTI file."""
    points, faces = nib.load(path).agg_data(("pointset", "triangle"))
    return np.asarray(points), np.asarray(faces)


def _inside(data: np.ndarray) -> np.ndarray:
    """Return a map with NaN outside the regions, also if its file has 0 there in place of NaN."""
    return data if np.isnan(data).any() else np.where(data == 0, np.nan, data)


def best_and_median_voxel(path: Path) -> dict[str, tuple[tuple[int, ...], float]]:
    """Return index and score of the places with the best and the median score of a map."""
    data = _inside(read_places(path))
    places = np.argwhere(np.isfinite(data))
    if not len(places):
        raise DataError(f"{path.name}: no voxel has a score")
    scores = data[tuple(places.T)]
    order = np.argsort(scores, kind="stable")
    what = "voxel" if data.ndim > 1 else "target"
    picked = {f"Best {what}": order[-1], f"Median {what}": order[(len(order) - 1) // 2]}
    return {
        name: (tuple(int(i) for i in places[k][:3]), float(scores[k])) for name, k in picked.items()
    }


def _times(path: Path, n_volumes: int) -> np.ndarray:
    """Return the times of the volumes of an image in seconds: its sidecar's, else its header's."""
    sidecar = path.with_name(path.name.partition(".")[0] + ".json")
    stated = json.loads(sidecar.read_text("utf-8")) if sidecar.is_file() else {}
    if "VolumeTiming" in stated:
        starts = np.array(stated["VolumeTiming"], dtype=float)
    else:
        volumes = path.name.endswith(".nii.gz")
        own = float(nib.load(path).header.get_zooms()[3]) if volumes else 0.0
        tr = float(stated.get("RepetitionTime") or own)
        if tr <= 0:
            raise DataError(f"{path.name}: no repetition time in its sidecar or header")
        starts = np.arange(n_volumes) * tr
    return starts + float(stated.get("StartTime", 0.0))


def voxel_series(analysis: Analysis, run: str, voxel: tuple[int, ...]) -> VoxelSeries:
    """Return the series of one voxel in a run, read from the predicted and residual images.

    Parameters
    ----------
    analysis : Analysis
    run : str
        Stem of the run's files.
    voxel : tuple of int
        Indices of a voxel, or the number of a place.

    Raises
    ------
    DataError
        If neither sidecar nor header state times of volumes.
    """
    predicted, measured, times = {}, np.empty(0), np.empty(0)
    for model, (predicted_path, residual_path) in analysis.series_paths()[run].items():
        predicted[model] = _series_at(predicted_path, voxel)
        measured = predicted[model] + _series_at(residual_path, voxel)
        times = _times(predicted_path, len(measured))
    ordered = sorted(predicted, key=lambda model: model != analysis.baseline)
    return VoxelSeries(run, times, measured, {m: predicted[m] for m in ordered})
