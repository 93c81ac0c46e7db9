from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel import gifti

from drmbids.bids.reading.geometry import find_geometry, vertices_of
from drmbids.bids.reading.load import load_runs
from drmbids.data.runs.space import PlaceSpace


def mesh(path: Path, n_vertices: int) -> Path:
    """Write a mesh of so many points."""
    path.parent.mkdir(parents=True, exist_ok=True)
    points = gifti.GiftiDataArray(np.zeros((n_vertices, 3), np.float32), "NIFTI_INTENT_POINTSET")
    faces = gifti.GiftiDataArray(np.zeros((1, 3), np.int32), "NIFTI_INTENT_TRIANGLE")
    nib.save(gifti.GiftiImage(darrays=[points, faces]), path)
    return path


def test_meshes_of_the_size_of_the_data(surfaces: Path) -> None:
    anat = surfaces / "sub-01" / "anat"
    for choice in ({"file_format": "gifti"}, {"file_format": "dtseries"}):
        run = load_runs(surfaces, **choice)[0]
        assert vertices_of(run.space) == {"L": 8, "R": 8}
        assert find_geometry([surfaces], run.entities, run.space) == {}
    for side in "LR":
        mesh(anat / f"sub-01_hemi-{side}_inflated.surf.gii", 100)
        mesh(anat / f"sub-01_hemi-{side}_pial.surf.gii", 8)
        mesh(anat / f"sub-01_hemi-{side}_space-other_midthickness.surf.gii", 8)
    found = find_geometry([surfaces], run.entities, run.space)
    assert {h: Path(p).name for h, p in found.items()} == {
        h: f"sub-01_hemi-{h}_pial.surf.gii" for h in "LR"
    }
    parcels = load_runs(surfaces, file_format="ptseries")[0]
    assert find_geometry([surfaces], parcels.entities, parcels.space) == {}


def test_fsaverage5_comes_with_nilearn() -> None:
    space = PlaceSpace([], {}, {"L": 10242, "R": 10242})
    found = find_geometry([], {"subject": "01", "space": "fsaverage5"}, space)
    assert len(nib.load(found["R"]).darrays[0].data) == 10242
    assert find_geometry([], {"subject": "01", "space": "fsnative"}, space) == {}
