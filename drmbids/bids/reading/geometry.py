"""Surfaces to draw maps on: meshes among the anatomical files of a participant."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import nibabel as nib
from nibabel.cifti2 import BrainModelAxis
from nilearn.datasets import fetch_surf_fsaverage

from drmbids.bids.files.entities import BIDSName
from drmbids.bids.reading.images import UNREADABLE
from drmbids.bids.reading.measured import Space
from drmbids.data.runs.space import PlaceSpace

# Shapes from the one that shows most of a map to the one that shows least.
_SHAPES = ("inflated", "veryinflated", "midthickness", "pial", "white", "smoothwm")
_SIDES = {"L": "left", "R": "right"}
_FSAVERAGE5 = {"L": 10242, "R": 10242}  # the one mesh that nilearn brings along


def find_geometry(
    roots: Iterable[Path], entities: Mapping[str, str], space: Space | None
) -> dict[str, str]:
    """Return a mesh for each hemisphere that maps of a space can be drawn on.

    Meshes (``*.surf.gii``) are looked for in the folders ``anat`` of the participant; for data on
    ``fsaverage5`` nilearn's own one is taken where there is none.

    Parameters
    ----------
    roots : iterable of Path
        Datasets.
    entities : mapping of str to str
        ``subject`` and ``space`` of the data.
    space : VoxelSpace, PlaceSpace or None

    Returns
    -------
    dict of {"L", "R"} to str
        Empty where a hemisphere has no mesh with as many vertices as the data.
    """
    sizes = vertices_of(space)
    if not sizes:
        return {}
    found = [p for root in roots for p in _meshes(root, entities.get("subject", ""))]
    for shape in _SHAPES:
        chosen = {h: _first(found, h, shape, n, entities.get("space")) for h, n in sizes.items()}
        if all(chosen.values()):
            return {h: str(path) for h, path in chosen.items()}
    if entities.get("space") == "fsaverage5" and sizes.items() <= _FSAVERAGE5.items():
        packaged = fetch_surf_fsaverage("fsaverage5")
        return {h: str(packaged[f"infl_{_SIDES[h]}"]) for h in sizes}
    return {}


def vertices_of(space: Space | None) -> dict[str, int]:
    """Return the number of vertices of each hemisphere that a space has, none without surfaces.

    Parameters
    ----------
    space : VoxelSpace, PlaceSpace or None
    """
    if not isinstance(space, PlaceSpace):
        return {}
    if isinstance(space.layout, Mapping):
        return dict(space.layout)
    if isinstance(space.layout, BrainModelAxis):
        counts = {str(name).lower(): n for name, n in space.layout.nvertices.items()}
        names = {h: f"cifti_structure_cortex_{side}" for h, side in _SIDES.items()}
        return {h: int(counts[name]) for h, name in names.items() if name in counts}
    return {}


def _meshes(root: Path, subject: str) -> Sequence[BIDSName]:
    """Return the meshes of a participant."""
    folder = root / f"sub-{subject}"
    paths = [*folder.glob("anat/*.surf.gii"), *folder.glob("ses-*/anat/*.surf.gii")]
    return [name for name in map(BIDSName.parse, sorted(paths)) if name is not None]


def _first(
    meshes: Sequence[BIDSName], hemisphere: str, shape: str, n_vertices: int, space: str | None
) -> Path | None:
    """Return the first mesh of a hemisphere and shape with so many vertices."""
    for name in meshes:
        if name.suffix != shape or name.entities.get("hemi") != hemisphere:
            continue
        if name.entities.get("space") not in (None, space):
            continue
        try:
            mesh = nib.load(name.path)
            if len(mesh.agg_data("NIFTI_INTENT_POINTSET")) == n_vertices:
                return name.path
        except UNREADABLE:
            continue  # it is for a figure only
    return None
