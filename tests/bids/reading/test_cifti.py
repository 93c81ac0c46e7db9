from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel import cifti2

from drmbids.bids.reading.formats import write_values
from drmbids.bids.reading.load import load_runs
from drmbids.data.runs.space import PlaceSpace
from drmbids.data.tools.exceptions import DataError

DENSE, PARCELS = {"file_format": "dtseries"}, {"file_format": "ptseries"}


def bold(derived: Path, run: int = 1, kind: str = "dtseries") -> Path:
    return next((derived / "sub-01" / "func").glob(f"*run-{run}_*.{kind}.nii"))


def label_file(path: Path, axis, values: list[int], names: dict[int, str]) -> Path:
    """Write labels of the places of an axis."""
    table = {k: (name, (1.0, 0.0, 0.0, 1.0)) for k, name in {0: "???", **names}.items()}
    maps = cifti2.LabelAxis(["areas"], [table])
    nib.save(cifti2.Cifti2Image(np.array([values], np.float32), (maps, axis)), path)
    return path


def test_brain_models_are_regions(surfaces: Path) -> None:
    run = load_runs(surfaces, **DENSE)[0]
    sizes = {name: stream.values.shape[1] for name, stream in run.responses.items()}
    assert sizes == {"cortex_left": 7, "cortex_right": 7, "thalamus_left": 2}
    data = nib.load(bold(surfaces)).get_fdata()
    np.testing.assert_array_equal(run.responses["cortex_right"].values, data[:, 7:14])
    assert run.responses["thalamus_left"].columns == ("thalamus_left_0_0_0", "thalamus_left_1_0_0")
    assert run.tr == 2.0


def test_parcels_are_targets(surfaces: Path) -> None:
    run = load_runs(surfaces, **PARCELS)[0]
    assert {k: v.columns for k, v in run.responses.items()} == {"Two": ("A", "B")}
    assert "stat" not in run.entities
    expected = nib.load(bold(surfaces, kind="ptseries")).get_fdata()
    np.testing.assert_array_equal(run.responses["Two"].values, expected)


def test_the_file_states_its_repetition_time(surfaces: Path) -> None:
    (surfaces / "task-look_bold.json").unlink()
    assert load_runs(surfaces, **DENSE)[0].tr == 2.0
    (surfaces / "task-look_bold.json").write_text('{"RepetitionTime": 3.0}')
    with pytest.raises(DataError, match="3 s in the sidecar, 2 s in the image header"):
        load_runs(surfaces, **DENSE)


def test_labels_of_some_of_the_places(surfaces: Path, tmp_path: Path) -> None:
    left = nib.load(bold(surfaces)).header.get_axis(1)[:7]  # a label file of the cortex only
    names = {1: "V1", 2: "MT", 3: "absent"}
    path = label_file(tmp_path / "a.dlabel.nii", left, [1, 1, 0, 2, 2, 2, 0], names)
    run = load_runs(surfaces, atlas_or_mask=path, **DENSE)[0]
    assert {name: s.values.shape[1] for name, s in run.responses.items()} == {"V1": 2, "MT": 3}
    assert run.responses["V1"].columns == ("cortex_left_0", "cortex_left_1")


def test_voxels_are_known_by_their_millimetres(surfaces: Path, tmp_path: Path) -> None:
    shifted = np.eye(4)
    shifted[0, 3] = -1.0  # voxel 1 here is voxel 0 there
    axis = cifti2.BrainModelAxis.from_mask(np.ones((2, 1, 1)), "thalamus_left", shifted)
    path = label_file(tmp_path / "a.dlabel.nii", axis, [1, 2], {1: "out", 2: "in"})
    with pytest.raises(DataError, match="no place in region out"):
        load_runs(surfaces, atlas_or_mask=path, **DENSE)
    path = label_file(tmp_path / "b.dlabel.nii", axis, [0, 2], {2: "in"})
    run = load_runs(surfaces, atlas_or_mask=path, **DENSE)[0]
    assert run.responses["in"].columns == ("thalamus_left_0_0_0",)


def test_parcels_are_grouped_by_labels(surfaces: Path, tmp_path: Path) -> None:
    axis = nib.load(bold(surfaces, kind="ptseries")).header.get_axis(1)
    path = label_file(tmp_path / "a.plabel.nii", axis, [1, 2], {1: "one", 2: "two"})
    run = load_runs(surfaces, atlas_or_mask=path, **PARCELS)[0]
    assert {name: s.columns for name, s in run.responses.items()} == {"one": ("A",), "two": ("B",)}
    with pytest.raises(DataError, match=r"give labels of the places of .*dlabel"):
        load_runs(surfaces, atlas_or_mask=path, **DENSE)


def test_a_file_of_several_maps_has_to_be_cut(surfaces: Path, tmp_path: Path) -> None:
    axis = nib.load(bold(surfaces)).header.get_axis(1)
    table = {0: ("???", (0, 0, 0, 0)), 1: ("V1", (1, 0, 0, 1))}
    maps = cifti2.LabelAxis(["areas", "networks"], [table, table])
    path = tmp_path / "a.dlabel.nii"
    nib.save(cifti2.Cifti2Image(np.ones((2, len(axis)), np.float32), (maps, axis)), path)
    with pytest.raises(DataError, match="2 maps: areas, networks"):
        load_runs(surfaces, atlas_or_mask=path, **DENSE)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c[:-40], "the file is cut"),
        (lambda c: b"", "is empty"),
        (lambda c: c[:600] + b"<" * 40 + c[640:], "no readable|no CIFTI-2"),
    ],
)
def test_damaged_files(surfaces: Path, edit, message: str) -> None:
    path = bold(surfaces, 2)
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(DataError, match=message):
        load_runs(surfaces, **DENSE)


def test_a_volume_under_a_cifti_name(surfaces: Path) -> None:
    nib.save(nib.Nifti2Image(np.ones((2, 2, 2, 40)), np.eye(4)), bold(surfaces, 2))
    with pytest.raises(DataError, match="no CIFTI-2 file"):
        load_runs(surfaces, **DENSE)


def test_runs_of_different_places(surfaces: Path) -> None:
    image = nib.load(bold(surfaces, 3))
    steps, axis = (image.header.get_axis(k) for k in (0, 1))
    data = image.get_fdata(dtype=np.float32)[:, :-1].copy()  # no map of the file that is written
    nib.save(cifti2.Cifti2Image(data, (steps, axis[:-1])), bold(surfaces, 3))
    with pytest.raises(DataError, match=r"other places \(15\) than .*\(16\)"):
        load_runs(surfaces, **DENSE)


@pytest.mark.parametrize(
    ("choice", "endings"),
    [
        (DENSE, (".dtseries.nii", ".dscalar.nii")),
        (PARCELS, (".ptseries.nii", ".pscalar.nii")),
    ],
)
def test_what_is_written_is_read_again(
    surfaces: Path, tmp_path: Path, choice: dict, endings: tuple[str, str]
) -> None:
    run = load_runs(surfaces, **choice)[0]
    assert isinstance(run.space, PlaceSpace)
    series = {name: s.values for name, s in run.responses.items()}
    tr = {"RepetitionTime": 2.0}
    (path,) = write_values(tmp_path, run.entities, "bold", run.space, series, tr, fill=0.0)
    (scores,) = write_values(
        tmp_path, run.entities, "statmap", run.space, {k: v[0] for k, v in series.items()}, {}
    )
    assert (path.name.endswith(endings[0]), scores.name.endswith(endings[1])) == (True, True)
    original = nib.load(bold(surfaces, kind=endings[0].split(".")[1]))
    image = nib.load(path)
    np.testing.assert_array_equal(image.get_fdata(), original.get_fdata())
    assert all(image.header.get_axis(k) == original.header.get_axis(k) for k in (0, 1))
    np.testing.assert_array_equal(nib.load(scores).get_fdata()[0], original.get_fdata()[0])
    assert "CIFTI" not in str(nib.load(scores).nifti_header.get_intent()[1])
    assert nib.load(scores).nifti_header.get_intent()[0].startswith("Conn")
