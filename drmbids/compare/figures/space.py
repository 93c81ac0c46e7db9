"""Figures of scores in the brain: slices of a volume, and surfaces."""

from collections.abc import Mapping, Sequence

import nibabel as nib
import numpy as np
from matplotlib.figure import Figure

from drmbids.compare.drawing.score_map import score_map
from drmbids.compare.drawing.surface_map import surface_map
from drmbids.compare.figures.words import check_models, score_label
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.tools.exceptions import DataError

#: Hemispheres as names of targets have them, of GIFTI and of CIFTI files.
_SIDES = {"L": "L", "R": "R", "cortex_left": "L", "cortex_right": "R"}


def plot_score_map(
    results: Results,
    runs: Sequence[Run],
    model: str,
    baseline: str | None = None,
    score: str = "r",
) -> Figure:
    """Draw the scores of a model in slices of the image, or where it is better than another.

    Parameters
    ----------
    results : Results
    runs : sequence of Run
        Those that were compared, read from images: they say where the voxels are.
    model : str
    baseline : str, optional
        With one, its score is subtracted: red where the model is better, blue where the baseline.
    score : {"r", "r2"}
        Its mean over folds.

    Returns
    -------
    Figure
        The subject's left is on the left.

    Raises
    ------
    DataError
        If the runs were not read from volumes.
    UsageError
        If the results lack the score or a model.

    Examples
    --------
    >>> import pandas as pd
    >>> from drmbids import Stream
    >>> from drmbids.plotting import plot_score_map
    >>> space = VoxelSpace((4, 5, 2), np.eye(4), {"V1": np.array([[1, 2, 0], [2, 2, 1]])})
    >>> bold = Stream(np.zeros((5, 2)), np.arange(5.0), space.columns("V1"))
    >>> rows = [("drm", "run-1", "V1", t, 0.5, 0.2) for t in (0, 1)]
    >>> columns = ["model", "fold", "region", "target", "r", "r2"]
    >>> results = Results(pd.DataFrame(rows, columns=columns))
    >>> figure = plot_score_map(results, [Run({"V1": bold}, tr=1.0, space=space)], "drm")
    >>> figure.axes[-1].get_ylabel()
    'r of held-out series'
    """
    check_models(results, model, baseline)
    label, space = score_label(results, score), runs[0].space
    if not isinstance(space, VoxelSpace):
        raise DataError(f"{runs[0].label}: not read from a volume, so there are no slices to draw")
    values = _values(results, runs[0], model, score)
    if baseline is not None:
        label = f"{label.split()[0]} of {model} - {label.split()[0]} of {baseline}"
        other = _values(results, runs[0], baseline, score)
        values = {region: values[region] - other[region] for region in values if region in other}
    image = nib.as_closest_canonical(nib.Nifti1Image(space.volume(values), space.affine))
    size = tuple(float(z) for z in image.header.get_zooms()[:3])
    return score_map(np.asarray(image.dataobj), size, label, diverging=baseline is not None)


def plot_score_surface(
    results: Results,
    runs: Sequence[Run],
    model: str,
    meshes: Mapping[str, tuple[np.ndarray, np.ndarray]],
    score: str = "r",
) -> Figure:
    """Draw the scores of a model on the cortical surface.

    Parameters
    ----------
    results : Results
    runs : sequence of Run
        Those that were compared, read from GIFTI or dense CIFTI files: columns of the responses
        are named after the hemisphere and the vertex.
    model : str
    meshes : mapping of {"L", "R"} to (array (n_vertices, 3), array (n_faces, 3))
        Points and faces of each hemisphere, as ``nibabel.load(file).agg_data(("pointset",
        "triangle"))`` gives them.
    score : {"r", "r2"}
        Its mean over folds.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the runs were not read from surfaces, or a mesh has too few vertices.
    UsageError
        If the results lack the score or the model.

    Examples
    --------
    >>> import pandas as pd
    >>> from drmbids import Stream
    >>> from drmbids.plotting import plot_score_surface
    >>> points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    >>> faces = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
    >>> bold = Stream(np.zeros((5, 2)), np.arange(5.0), ["L_0", "L_3"])
    >>> rows = [("drm", "run-1", "V1", t, 0.5, 0.2) for t in (0, 1)]
    >>> columns = ["model", "fold", "region", "target", "r", "r2"]
    >>> results = Results(pd.DataFrame(rows, columns=columns))
    >>> runs = [Run({"V1": bold}, tr=1.0)]
    >>> len(plot_score_surface(results, runs, "drm", {"L": (points, faces)}).axes)
    3
    """
    check_models(results, model)
    label = score_label(results, score)
    shown = {h: np.full(len(points), np.nan) for h, (points, _) in meshes.items()}
    n_drawn = 0
    for region, values in _values(results, runs[0], model, score).items():
        for name, value in zip(runs[0].responses[region].columns, values, strict=True):
            structure, _, vertex = str(name).rpartition("_")
            side = _SIDES.get(structure)
            if side not in shown or not vertex.isdecimal():
                continue  # of the other hemisphere, or below the cortex
            if int(vertex) >= len(shown[side]):
                raise DataError(f"the mesh of {side} has {len(shown[side])} vertices, not {name!r}")
            shown[side][int(vertex)] = value
            n_drawn += 1
    if not n_drawn:
        raise DataError(f"{runs[0].label}: no target is a vertex of the meshes {list(meshes)}")
    return surface_map(meshes, shown, label)


def _values(results: Results, run: Run, model: str, score: str) -> dict[str, np.ndarray]:
    """Return the score of each target of a run by region, NaN where a model lacks it."""
    scores = results.per_target()
    found = {}
    for region, rows in scores[scores["model"] == model].groupby("region", sort=False):
        columns = run.responses[str(region)].columns
        names = results.targets.get(str(region), columns)
        by_name = {names[k]: v for k, v in zip(rows["target"], rows[score], strict=True)}
        found[str(region)] = np.array([by_name.get(name, np.nan) for name in columns])
    return found
