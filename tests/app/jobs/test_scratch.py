"""Where the fits of a participant are kept."""

from pathlib import Path

import pytest

from drmbids.app.analysis.config import Config
from drmbids.app.jobs.locks import LockedError
from drmbids.app.jobs.scratch import participant_units


def config(root: Path, dataset: str) -> Config:
    return Config(
        root / dataset, root / f"out_{dataset}", "participant", work_dir=root / "work",
        clean_workdir=True,
    )  # fmt: skip


def test_datasets_that_share_a_work_folder_leave_each_other_alone(tmp_path: Path) -> None:
    with participant_units(config(tmp_path, "a"), "01") as other:
        assert other is not None
        other.folder.mkdir(parents=True)
        kept = other.folder / "unit"
        kept.touch()
        with participant_units(config(tmp_path, "b"), "01") as own:
            assert own is not None
            own.folder.mkdir(parents=True)
        assert kept.exists() and not own.folder.parent.exists()
        with (
            pytest.raises(LockedError, match="another process works on it"),
            participant_units(config(tmp_path, "a"), "01"),
        ):
            pass
    assert list((tmp_path / "work").iterdir()) == []
