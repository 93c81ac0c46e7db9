"""Maps and series out of the saved images."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from drmbids.core.exceptions import DataError
from drmbids.report.folder import Analysis


@dataclass(frozen=True)
class VoxelSeries:
    """Measured series of one voxel in one run and the predictions for it."""

    run: str
    times: np.ndarray
    measured: np.ndarray
    predicted: dict[str, np.ndarray]


def load_map(path: Path) -> tuple[np.ndarray, tuple[float, ...]]:
    """Return a volume with its axes turned to RAS, and its voxel size in mm.

    Raises
    ------
    DataError
        If the image does not have three axes.
    """
    image = nib.as_closest_canonical(nib.load(path))
    data = np.asarray(image.dataobj, dtype=float)
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise DataError(f"{path.name}: a map needs 3 axes, found shape {data.shape}")
    return _inside(data), tuple(float(z) for z in image.header.get_zooms()[:3])


def _inside(data: np.ndarray) -> np.ndarray:
    """Return a map with NaN outside the regions, also if its file has 0 there in place of NaN."""
    return data if np.isnan(data).any() else np.where(data == 0, np.nan, data)


def best_and_median_voxel(path: Path) -> dict[str, tuple[tuple[int, ...], float]]:
    """Return index and score of the voxels with the best and the median score of a map."""
    data = _inside(np.asarray(nib.load(path).dataobj, dtype=float))
    places = np.argwhere(np.isfinite(data))
    if not len(places):
        raise DataError(f"{path.name}: no voxel has a score")
    scores = data[tuple(places.T)]
    order = np.argsort(scores, kind="stable")
    picked = {"Best voxel": order[-1], "Median voxel": order[(len(order) - 1) // 2]}
    return {
        name: (tuple(int(i) for i in places[k][:3]), float(scores[k])) for name, k in picked.items()
    }


def voxel_series(
    analysis: Analysis, run: str, voxel: tuple[int, ...], tr: float | None
) -> VoxelSeries:
    """Return the series of one voxel in a run, read from the predicted and residual images.

    Parameters
    ----------
    analysis : Analysis
    run : str
        Stem of the run's files.
    voxel : tuple of 3 int
    tr : float or None
        Seconds between volumes; from the image's header when None.

    Raises
    ------
    DataError
        If the header states none either.
    """
    predicted, measured = {}, np.empty(0)
    for model, (predicted_path, residual_path) in analysis.series_paths()[run].items():
        image, residual = nib.load(predicted_path), nib.load(residual_path)
        predicted[model] = np.asarray(image.dataobj[(*voxel, slice(None))], dtype=float)
        left = np.asarray(residual.dataobj[(*voxel, slice(None))], dtype=float)
        measured = predicted[model] + left
        tr = tr or float(image.header.get_zooms()[3])
        if tr <= 0:
            raise DataError(f"{predicted_path.name}: no repetition time in its header")
    ordered = sorted(predicted, key=lambda model: model != analysis.baseline)
    times = np.arange(len(measured)) * (tr or np.nan)
    return VoxelSeries(run, times, measured, {m: predicted[m] for m in ordered})
