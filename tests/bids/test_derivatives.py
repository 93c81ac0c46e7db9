"""The description of a derivative dataset, and the links to its inputs."""

import json
from pathlib import Path

import pytest

import drmbids
from drmbids.bids.derivatives import DerivativeDataset
from drmbids.data.runs.run import Run

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


def test_uris_name_the_innermost_dataset(tmp_path: Path) -> None:
    prep = tmp_path / "derivatives" / "prep"
    dataset = DerivativeDataset(tmp_path / "derivatives" / "out", tmp_path, {"prep": prep})
    assert dataset.uri(tmp_path / "sub-01" / "x.nii") == "bids:raw:sub-01/x.nii"
    assert dataset.uri(prep / "sub-01" / "x.nii") == "bids:prep:sub-01/x.nii"
    assert dataset.uri("/elsewhere/x.nii") is None


def test_bold_sidecar(tmp_path: Path) -> None:
    run = Run(
        {},
        duration=10.0,
        tr=2.0,
        entities=RUN_ENTITIES,
        sources=[str(tmp_path / "sub-01" / "a.nii.gz"), "/elsewhere/b.tsv"],
    )
    sidecar = DerivativeDataset(tmp_path / "out", tmp_path).bold_sidecar(run, "A series")
    assert sidecar == {
        "Description": "A series",
        "TaskName": "look",
        "RepetitionTime": 2.0,
        "SkullStripped": True,
        "Sources": ["bids:raw:sub-01/a.nii.gz"],
        "Resolution": "that of the source image",
    }


@pytest.mark.parametrize("inside", [True, False])
def test_description_links_to_the_sources(tmp_path: Path, inside: bool) -> None:
    bids = tmp_path / "ds"
    bids.mkdir()
    described = {"Name": "Faces", "DatasetDOI": "doi:10.1/x"}
    (bids / "dataset_description.json").write_text(json.dumps(described))
    out = bids / "derivatives" / "drmbids" if inside else tmp_path / "out"
    DerivativeDataset(out, bids).write_description({"drm": "a model"})
    found = json.loads((out / "dataset_description.json").read_text())
    link = "../.." if inside else bids.resolve().as_uri()
    assert found["DatasetLinks"] == {"raw": link}
    assert found["SourceDatasets"] == [{"URL": link, "DOI": "doi:10.1/x"}]
    assert found["GeneratedBy"][0]["Version"] == drmbids.__version__
    assert found["DatasetType"] == "derivative" and found["Name"].endswith("Faces")
    assert (out / "descriptions.tsv").read_text() == "desc_id\tdescription\ndesc-drm\ta model\n"
    assert "figures" in (out / ".bidsignore").read_text().splitlines()
    assert "sub-<label>" in (out / "README.md").read_text()


def test_labels_and_links_of_earlier_calls_stay(tmp_path: Path) -> None:
    bids, out = tmp_path / "ds", tmp_path / "out"
    first = DerivativeDataset(out, bids, {"fmriprep": tmp_path / "prep"})
    assert first.configuration_hash() is None
    assert first.write_description({"drm": "a model"}, "1a2b") == []
    assert first.configuration_hash() == "1a2b"
    second = DerivativeDataset(out, bids, {"masks": tmp_path / "masks"})
    assert second.write_description({"ffw": "another", "drm": "a model"}) == []
    found = json.loads((out / "dataset_description.json").read_text())
    assert set(found["DatasetLinks"]) == {"raw", "fmriprep", "masks"}
    assert {s["URL"] for s in found["SourceDatasets"]} == set(found["DatasetLinks"].values())
    labels = (out / "descriptions.tsv").read_text().splitlines()[1:]
    assert labels == ["desc-drm\ta model", "desc-ffw\tanother"]


def test_a_link_that_leads_elsewhere_now_is_told(tmp_path: Path) -> None:
    bids, out = tmp_path / "ds", tmp_path / "out"
    DerivativeDataset(out, bids, {"prep": tmp_path / "a"}).write_description({})
    (told,) = DerivativeDataset(out, bids, {"prep": tmp_path / "b"}).write_description({})
    assert "'prep' was file:" in told and "/a, and is file:" in told
