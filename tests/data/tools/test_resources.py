"""The dataset that comes with the package is found in a checkout and in an installed package."""

from pathlib import Path

import pytest

from drmbids.data.tools import resources
from drmbids.data.tools.exceptions import DataError


def make_dataset(folder: Path) -> Path:
    """Write an empty dataset."""
    folder.mkdir(parents=True)
    (folder / "dataset_description.json").write_text("{}")
    return folder


def test_this_installation_has_the_dataset() -> None:
    assert (resources.demo_dataset() / "dataset_description.json").is_file()


def test_packaged_data_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged, checkout = tmp_path / "drmbids" / "_data", tmp_path / "data"
    monkeypatch.setattr(resources, "_DATA_FOLDERS", (packaged, checkout))
    beside = make_dataset(checkout / "demo")
    assert resources.demo_dataset() == beside
    inside = make_dataset(packaged / "demo")
    assert resources.demo_dataset() == inside


def test_missing_data_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_DATA_FOLDERS", (tmp_path / "nowhere",))
    with pytest.raises(DataError, match=r"no demonstration dataset in .*nowhere; install"):
        resources.demo_dataset()
