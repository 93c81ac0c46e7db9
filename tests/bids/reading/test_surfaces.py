import pickle
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel import gifti

from drmbids.bids.files.find import find_runs
from drmbids.bids.reading.formats import write_values
from drmbids.bids.reading.load import load_runs
from drmbids.bids.reading.surfaces import write_gifti
from drmbids.data.runs.space import PlaceSpace
from drmbids.data.tools.exceptions import DataError, UsageError

SPACE = "fsaverage5"


def bold(derived: Path, side: str = "L", run: int = 1) -> Path:
    name = f"sub-01_task-look_run-{run}_hemi-{side}_space-{SPACE}_bold.func.gii"
    return derived / "sub-01" / "func" / name


def labels(path: Path, values: list[int], names: dict[int, str] | None = None) -> Path:
    """Write a file of labels for one hemisphere."""
    array = gifti.GiftiDataArray(np.array(values, np.int32), "NIFTI_INTENT_LABEL")
    table = gifti.GiftiLabelTable()
    for key, name in (names or {}).items():
        label = gifti.GiftiLabel(key)
        label.label = name
        table.labels.append(label)
    nib.save(gifti.GiftiImage(darrays=[array], labeltable=table), path)
    return path


def test_hemispheres_are_one_run(surfaces: Path) -> None:
    files = find_runs(surfaces, space=SPACE)
    assert [f.label for f in files] == [
        f"sub-01_task-look_run-{k}_space-{SPACE}" for k in (1, 2, 3)
    ]
    assert files[0].hemispheres == {"L": bold(surfaces), "R": bold(surfaces, "R")}
    assert files[0].events is not None
    runs = load_runs(surfaces, space=SPACE)
    values = runs[0].responses["cortex"].values
    sides = [np.stack([a.data for a in nib.load(bold(surfaces, s)).darrays]) for s in "LR"]
    np.testing.assert_array_equal(values, np.hstack([s[:, :7] for s in sides]))
    assert runs[0].responses["cortex"].columns[-1] == "R_6"
    assert runs[0].tr == 2.0
    assert set(map(str, files[0].hemispheres.values())) < set(runs[0].sources)
    assert pickle.loads(pickle.dumps(runs[0])).label == runs[0].label


def test_one_hemisphere_can_be_chosen(surfaces: Path) -> None:
    runs = load_runs(surfaces, space=SPACE, hemi="R")
    assert runs[0].responses["cortex"].columns[0] == "R_0"
    assert "hemi" in runs[0].entities


def test_a_run_without_its_other_hemisphere(surfaces: Path) -> None:
    bold(surfaces, "R", 2).unlink()
    with pytest.raises(DataError, match=r"run-2_hemi-L.*hemi-R of this run is missing.*--hemi"):
        find_runs(surfaces, space=SPACE)
    assert len(find_runs(surfaces, space=SPACE, hemi="L")) == 3


def test_kinds_of_files_are_not_mixed(surfaces: Path) -> None:
    with pytest.raises(DataError, match=r"file_format: dtseries, gifti, ptseries.*--file-format"):
        find_runs(surfaces)
    assert len(find_runs(surfaces, file_format="gifti")) == 3
    with pytest.raises(UsageError, match="unknown file_format 'mgz'"):
        find_runs(surfaces, file_format="mgz")


def test_atlas_of_labels_with_names(surfaces: Path, tmp_path: Path) -> None:
    left = labels(tmp_path / "hemi-L_dseg.label.gii", [0, 1, 1, 2, 2, 2, 0, 0], {1: "V1", 2: "MT"})
    with pytest.raises(DataError, match="no file of the hemisphere R beside it"):
        load_runs(surfaces, space=SPACE, atlas_or_mask=left)
    labels(tmp_path / "hemi-R_dseg.label.gii", [3, 3, 1, 0, 0, 0, 0, 0], {1: "V1", 3: "FFA"})
    for path in (left, str(left).replace("hemi-L", "hemi-R")):
        run = load_runs(surfaces, space=SPACE, atlas_or_mask=path)[0]
        found = {name: stream.columns for name, stream in run.responses.items()}
        assert found == {
            "V1_L": ("L_1", "L_2"),
            "V1_R": ("R_2",),
            "MT": ("L_3", "L_4", "L_5"),
            "FFA": ("R_0", "R_1"),
        }


def test_masks_in_one_hemisphere_or_both(surfaces: Path, tmp_path: Path) -> None:
    left = labels(tmp_path / "hemi-L_label-V1_mask.label.gii", [1, 1, 0, 0, 0, 0, 0, 0])
    right = labels(tmp_path / "hemi-R_label-V1_mask.label.gii", [0, 0, 1, 0, 0, 0, 0, 0])
    both = load_runs(surfaces, space=SPACE, atlas_or_mask=[left, right])[0]
    assert both.responses["V1"].columns == ("L_0", "L_1", "R_2")
    one = load_runs(surfaces, space=SPACE, atlas_or_mask={"area": right})[0]
    assert one.responses["area"].columns == ("R_2",)


def test_labels_of_another_surface_or_of_no_hemisphere(surfaces: Path, tmp_path: Path) -> None:
    short = labels(tmp_path / "hemi-L_dseg.label.gii", [1, 2])
    with pytest.raises(DataError, match=r"shape \(2,\), .* has 8 vertices"):
        load_runs(surfaces, space=SPACE, hemi="L", atlas_or_mask=short)
    nameless = labels(tmp_path / "atlas.label.gii", [1] * 8)
    with pytest.raises(DataError, match="which hemisphere it is of is not stated"):
        load_runs(surfaces, space=SPACE, atlas_or_mask=nameless)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c[: len(c) // 2], "no readable GIFTI file"),
        (lambda c: b"", "is empty"),
        (lambda c: b"<!DOCTYPE html><html>", "a web page"),
        (lambda c: b"\x00" * 600, "no GIFTI in its first bytes"),
    ],
)
def test_damaged_files(surfaces: Path, edit, message: str) -> None:
    path = bold(surfaces, "R", 2)
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(DataError, match=message):
        load_runs(surfaces, space=SPACE)


def test_another_time_step_and_smoothing(surfaces: Path) -> None:
    with pytest.raises(DataError, match="has no grid of voxels"):
        load_runs(surfaces, space=SPACE, smoothing_fwhm=4.0)
    (surfaces / "task-look_bold.json").write_text('{"RepetitionTime": 2.5}')
    with pytest.raises(DataError, match=r"2\.5 s in the sidecar, 2 s in the image header"):
        load_runs(surfaces, space=SPACE)


def test_hemispheres_of_different_length(surfaces: Path) -> None:
    path = bold(surfaces, "R", 2)
    image = nib.load(path)
    image.darrays = image.darrays[:-1]
    nib.save(image, path)
    with pytest.raises(DataError, match=r"40 volumes in .*hemi-L.* and 39 volumes in .*hemi-R"):
        load_runs(surfaces, space=SPACE)


def test_one_array_of_all_volumes(surfaces: Path) -> None:
    expected = load_runs(surfaces, space=SPACE)[0].responses["cortex"].values
    for side in "LR":
        path = bold(surfaces, side)
        rows = np.stack([a.data for a in nib.load(path).darrays])
        array = gifti.GiftiDataArray(rows.T, "NIFTI_INTENT_TIME_SERIES")
        nib.save(gifti.GiftiImage(darrays=[array]), path)
    found = load_runs(surfaces, space=SPACE)[0].responses["cortex"].values
    np.testing.assert_array_equal(found, expected)


def test_surfaces_of_another_size(surfaces: Path) -> None:
    for side in "LR":
        path = bold(surfaces, side, 3)
        write_gifti(path, np.random.default_rng(0).normal(size=(40, 5)), side, 2.0)
    with pytest.raises(DataError, match=r"vertices \{'L': 5, 'R': 5\}, .* has \{'L': 8, 'R': 8\}"):
        load_runs(surfaces, space=SPACE)


def test_what_is_written_can_be_read_as_data(surfaces: Path, tmp_path: Path) -> None:
    run = load_runs(surfaces, space=SPACE)[0]
    assert isinstance(run.space, PlaceSpace)
    values = {"cortex": run.responses["cortex"].values}
    sidecar = {"RepetitionTime": 2.0}
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        paths = write_values(folder, run.entities, "bold", run.space, values, sidecar, fill=0.0)
    assert [p.read_bytes() for p in paths] == [
        (tmp_path / "a" / p.name).read_bytes() for p in paths
    ]
    for path in paths:
        shutil.copy(path, bold(surfaces, "L" if "hemi-L" in path.name else "R"))
    again = load_runs(surfaces, space=SPACE)[0]
    np.testing.assert_array_equal(again.responses["cortex"].values, values["cortex"])
    scores = {"cortex": np.arange(14.0)}
    (left, _) = write_values(tmp_path, run.entities, "statmap", run.space, scores, {}, stat="r")
    assert left.name.endswith("_hemi-L_space-fsaverage5_stat-r_statmap.func.gii")
    np.testing.assert_array_equal(nib.load(left).darrays[0].data, [*range(7), np.nan])
