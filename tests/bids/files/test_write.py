"""Names, images and tables of a derivative dataset."""

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drmbids.bids.files.entities import BIDSName
from drmbids.bids.files.write import (
    describe_columns,
    file_name,
    func_folder,
    shared_entities,
    write_image,
    write_table,
)
from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.tools.exceptions import OutputError

RUN_ENTITIES = {
    "subject": "01",
    "session": "b",
    "task": "look",
    "acquisition": "hi",
    "run": "2",
    "space": "T1w",
    "res": "2",
    "desc": "preproc",
}
LABELS = st.text("abcXYZ019", min_size=1, max_size=6)


@pytest.fixture
def space() -> VoxelSpace:
    """Return two regions of two and one voxels."""
    voxels = {"V1": np.array([[0, 0, 0], [1, 1, 1]]), "FFA": np.array([[0, 1, 0]])}
    return VoxelSpace((2, 2, 2), np.diag([3.0, 3.0, 4.0, 1.0]), voxels)


def test_entities_stand_in_the_order_of_the_specification() -> None:
    name = file_name(dict(reversed(RUN_ENTITIES.items())), "bold", ".nii.gz", desc="drmpredicted")
    assert name == (
        "sub-01_ses-b_task-look_acq-hi_run-2_space-T1w_res-2_desc-drmpredicted_bold.nii.gz"
    )
    assert file_name({"subject": "01"}, "statmap", ".json", stat="r", desc="glm") == (
        "sub-01_stat-r_desc-glm_statmap.json"
    )


@given(st.dictionaries(st.sampled_from(["subject", "task", "run", "echo", "space"]), LABELS))
def test_a_name_is_read_back(entities: dict[str, str]) -> None:
    parsed = BIDSName.parse(Path(file_name(entities, "bold", ".nii.gz")))
    found = {} if parsed is None else dict(parsed.entities)
    assert found == entities


@pytest.mark.parametrize("label", ["a-b", "a_b", "../x", "", "ü"])
def test_labels_are_letters_and_digits(label: str) -> None:
    with pytest.raises(OutputError, match="letters and digits only"):
        file_name({"subject": label}, "bold", ".nii.gz")


def test_shared_entities_leave_out_what_differs() -> None:
    entities = [RUN_ENTITIES, RUN_ENTITIES | {"run": "3", "session": "c"}]
    runs = [Run({}, duration=1.0, entities=e) for e in entities]
    left_out = ("run", "desc", "session")
    assert shared_entities(runs) == {k: v for k, v in RUN_ENTITIES.items() if k not in left_out}


def test_sessions_have_folders() -> None:
    assert func_folder(Path("d"), RUN_ENTITIES) == Path("d/sub-01/ses-b/func")
    assert func_folder(Path("d"), {"subject": "01"}) == Path("d/sub-01/func")


def test_image_holds_values_at_their_voxels(space: VoxelSpace, tmp_path: Path) -> None:
    series = {"V1": np.arange(8.0).reshape(4, 2), "FFA": -np.arange(4.0)[:, None]}
    path = tmp_path / "func" / "x_bold.nii.gz"
    write_image(path, space, series, {"RepetitionTime": 1.5}, fill=0.0)
    image = nib.load(path)
    data = np.asarray(image.dataobj)
    np.testing.assert_array_equal(data[1, 1, 1], [1, 3, 5, 7])
    np.testing.assert_array_equal(data[0, 1, 0], [0, -1, -2, -3])
    assert not data[1, 0].any()
    assert image.get_data_dtype() == np.float32
    assert image.header.get_zooms() == (3.0, 3.0, 4.0, 1.5)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    np.testing.assert_array_equal(image.affine, space.affine)
    assert json.loads(path.with_name("x_bold.json").read_text()) == {"RepetitionTime": 1.5}


def test_the_same_values_give_the_same_bytes(space: VoxelSpace, tmp_path: Path) -> None:
    values = {"V1": np.array([1.0, 2.0]), "FFA": np.array([3.0])}
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.nii.gz", space, values, {})
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "b.nii.gz").read_bytes()
    assert content[3] == 0 and content[4:8] == bytes(4)  # gzip flags (no name) and time
    assert np.isnan(nib.Nifti1Image.from_bytes(gzip.decompress(content)).get_fdata()[1, 0, 0])


def test_table_has_a_sidecar_and_writes_missing_values(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None]})
    columns = {"b": {"Description": "B"}, "a": {"Description": "A", "Units": "s"}, "c": {}}
    write_table(tmp_path / "t.tsv", table, columns)
    assert (tmp_path / "t.tsv").read_text() == "a\tb\n1.0\tx\nn/a\tn/a\n"
    assert list(json.loads((tmp_path / "t.json").read_text())) == ["a", "b"]


def test_a_column_without_description_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\['a'\]"):
        write_table(tmp_path / "t.tsv", pd.DataFrame({"a": [1]}), {})
    assert list(tmp_path.iterdir()) == []
    assert describe_columns([], {}) == {}
