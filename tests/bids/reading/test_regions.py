from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from drmbids.bids.reading.regions import brain_mask, load_regions
from drmbids.data.tools.exceptions import DataError, DataWarning

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


def image(values: np.ndarray, affine: np.ndarray = AFFINE) -> nib.Nifti1Image:
    return nib.Nifti1Image(values, affine)


@pytest.fixture
def values() -> np.ndarray:
    """Return labels 1 (two voxels), 2 and 7 (one voxel each)."""
    out = np.zeros((3, 2, 2), np.int16)
    out[0, 0, :] = 1
    out[1, 1, 0] = 2
    out[2, 0, 1] = 7
    return out


def save(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nib.save(image(values, affine), path)
    return path


@pytest.mark.parametrize(
    ("file", "region"),
    [
        ("sub-01_desc-vt_mask.nii.gz", "vt"),
        ("sub-01_label-V1_desc-thr_mask.nii.gz", "V1"),
        ("my_mask.nii", "my_mask"),
        ("roi.nii.gz", "roi"),
    ],
)
def test_one_mask(tmp_path: Path, values: np.ndarray, file: str, region: str) -> None:
    space = load_regions(save(tmp_path / file, (values == 1).astype(np.uint8)))
    assert list(space.voxels) == [region]
    assert space.voxels[region].tolist() == [[0, 0, 0], [0, 0, 1]]
    assert space.shape == (3, 2, 2)
    np.testing.assert_array_equal(space.affine, AFFINE)


def test_mask_image_in_memory_and_fourth_axis_of_one(tmp_path: Path, values: np.ndarray) -> None:
    one = (values == 1).astype(float)
    assert list(load_regions(image(one)).voxels) == ["mask"]
    assert list(load_regions(save(tmp_path / "roi.nii", one[..., None])).voxels) == ["roi"]


def test_several_masks(tmp_path: Path, values: np.ndarray) -> None:
    paths = [save(tmp_path / f"r{k}.nii", (values == k).astype(np.uint8)) for k in (1, 2)]
    assert {k: len(v) for k, v in load_regions(paths).voxels.items()} == {"r1": 2, "r2": 1}
    named = load_regions({"b": paths[1], "a": image((values == 1).astype(np.uint8))})
    assert {k: len(v) for k, v in named.voxels.items()} == {"b": 1, "a": 2}
    with pytest.raises(DataError, match="two masks are named 'r1'"):
        load_regions([paths[0], paths[0]])
    with pytest.warns(DataWarning, match="the regions x, y share 2 of "):
        load_regions({"x": paths[0], "y": paths[0]})
    with pytest.raises(DataError, match="at least one"):
        load_regions([])


def test_atlas_names(tmp_path: Path, values: np.ndarray) -> None:
    assert list(load_regions(image(values)).voxels) == ["1", "2", "7"]
    assert list(load_regions(image(values), ["a", "b", "c"]).voxels) == ["a", "b", "c"]
    named = load_regions(image(values), {7: "c", 1: "a", 2: "b", 0: "background"})
    assert {k: len(v) for k, v in named.voxels.items()} == {"c": 1, "a": 2, "b": 1}
    path = save(tmp_path / "tpl-X_res-2_atlas-T_dseg.nii.gz", values)
    table = tmp_path / "tpl-X_atlas-T_dseg.tsv"
    table.write_text("index\tname\tcolor\n0\tunknown\t#0\n1\tV1\t#1\n2\tV2\t#2\n7\tMT\t#3\n")
    assert list(load_regions(path).voxels) == ["V1", "V2", "MT"]
    table.write_text("index\tname\n1\tV1\n2\tV2\n")
    with pytest.raises(DataError, match=r"dseg.nii.gz: labels \[7\] have no name"):
        load_regions(path)
    table.write_text("index\tname\n1\tV1\n2\tV2\n7\tMT\n8\tIT\n9\tFFA\n")
    with pytest.raises(DataError, match="no voxel for the regions IT, FFA"):
        load_regions(path)
    table.write_text("index\tname\n1\tV1\n2\tV1\n7\tMT\n")
    with pytest.raises(DataError, match="two labels have one name"):
        load_regions(path)
    table.write_text("label\tname\n1\tV1\n")
    with pytest.raises(DataError, match=r"dseg.tsv: no column 'index'"):
        load_regions(path)
    with pytest.raises(DataError, match="2 names for 3 labels"):
        load_regions(image(values), ["a", "b"])


def test_values_that_are_no_labels(values: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"voxel \(0, 0, 0\): value 0.5"):
        load_regions(image(values / 2.0))
    bad = (values == 1).astype(float)
    bad[2, 1, 1] = np.nan
    with pytest.raises(DataError, match=r"voxel \(2, 1, 1\): value nan"):
        load_regions(image(bad))
    with pytest.raises(DataError, match="no voxel in region mask"):
        load_regions(image(np.zeros((2, 2, 2))))
    with pytest.raises(DataError, match="this image has 3"):
        load_regions({"a": image(values)})
    with pytest.raises(DataError, match="4-D image"):
        load_regions(image(np.ones((2, 2, 2, 3))))
    with pytest.raises(DataError, match="a path or a nibabel image, got int"):
        load_regions(3)


def test_another_grid(tmp_path: Path, values: np.ndarray) -> None:
    mask = save(tmp_path / "roi.nii", (values == 1).astype(np.uint8))
    like = save(tmp_path / "data.nii", np.zeros((3, 2, 3)))
    with pytest.raises(
        DataError, match=r"roi.nii and .*data.nii.*\(3, 2, 2\) and \(3, 2, 3\).*res"
    ):
        load_regions(mask, like=nib.load(like))
    shifted = AFFINE.copy()
    shifted[0, 3] = 0.5
    like = save(tmp_path / "data.nii", np.zeros((3, 2, 2)), shifted)
    for regions in (mask, [mask], {"a": mask}):
        with pytest.raises(DataError, match=r"different affines.*0\.5.*resample_to_img"):
            load_regions(regions, like=nib.load(like))
    shifted[0, 3] = 1e-5
    like = save(tmp_path / "data.nii", np.zeros((3, 2, 2)), shifted)
    assert list(load_regions(mask, like=nib.load(like)).voxels) == ["roi"]


def test_brain_masks_of_runs_are_intersected(tmp_path: Path, values: np.ndarray) -> None:
    one = save(tmp_path / "sub-01_run-1_desc-brain_mask.nii", (values > 0).astype(np.uint8))
    two = save(tmp_path / "sub-01_run-2_desc-brain_mask.nii", (values > 1).astype(np.uint8))
    assert len(brain_mask([one, one]).voxels["brain"]) == 4
    with pytest.warns(DataWarning, match="2 of 4 voxels lie in all"):
        assert len(brain_mask([one, two]).voxels["brain"]) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1\tV1\n2\tV2\n2\tV3\n7\tMT\n", r"lines 3, 4: index 2 is there 2 times"),
        ("1\tV1\n2.5\tV2\n7\tMT\n", r"line 3: index '2\.5' is no whole number"),
        ("1\tV1\nn/a\tV2\n7\tMT\n", r"line 3: index 'n/a' is no whole number"),
        ("1\tV1\n2\tn/a\n7\tMT\n", r"labels \[2\] have no name"),
        ("1\tV1\n2\t \n7\tMT\n", r"labels \[2\] have no name"),
        ("1\tV1\n2\tV1 \n7\tMT\n", r"two labels have one name: 'V1' is 1 and 2"),
    ],
)
def test_tables_of_names_with_faults(tmp_path: Path, values: np.ndarray, rows, message) -> None:
    path = save(tmp_path / "atlas-T_dseg.nii.gz", values)
    (tmp_path / "atlas-T_dseg.tsv").write_text("index\tname\n" + rows)
    with pytest.raises(DataError, match=message):
        load_regions(path)


def test_blanks_around_names_do_not_count_and_capitals_are_warned_of(
    tmp_path: Path, values: np.ndarray
) -> None:
    path = save(tmp_path / "atlas-T_dseg.nii.gz", values)
    table = tmp_path / "atlas-T_dseg.tsv"
    table.write_text("index\tname\n1\t V1\n2\tV2 \n7\tMT\n9\tn/a\n")
    assert list(load_regions(path).voxels) == ["V1", "V2", "MT"]
    table.write_text("index\tname\n1\tV1\n2\tv1\n7\tMT\n")
    with pytest.warns(DataWarning, match="'V1' and 'v1' differ in capitals alone"):
        assert list(load_regions(path).voxels) == ["V1", "v1", "MT"]


def test_a_table_at_the_root_of_the_dataset_names_the_regions(
    tmp_path: Path, values: np.ndarray
) -> None:
    folder = tmp_path / "rois" / "sub-01" / "func"
    folder.mkdir(parents=True)
    path = save(folder / "sub-01_task-x_desc-rois_dseg.nii.gz", values)
    table = tmp_path / "rois" / "desc-rois_dseg.tsv"
    table.write_text("index\tname\n1\tone\n2\ttwo\n7\tseven\n")
    # without a description nothing says that the folder above is of the same dataset
    assert list(load_regions(path).voxels) == ["1", "2", "7"]
    (tmp_path / "rois" / "dataset_description.json").write_text("{}")
    assert list(load_regions(path).voxels) == ["one", "two", "seven"]
    table.with_name("desc-other_dseg.tsv").write_text("index\tname\n1\tx\n2\ty\n7\tz\n")
    assert list(load_regions(path).voxels) == ["one", "two", "seven"]
    (folder / "sub-01_desc-rois_dseg.tsv").write_text("index\tname\n1\ta\n2\tb\n7\tc\n")
    assert list(load_regions(path).voxels) == ["a", "b", "c"]
