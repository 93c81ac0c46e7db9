"""Results of another analysis stay, unless they are to be overwritten."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drmbids.app.analysis.config import Config
from drmbids.app.analysis.overwrite import (
    check_alike,
    check_folder,
    check_participant,
    left_otherwise,
)
from drmbids.app.analysis.record import image_digest
from drmbids.app.analysis.settings import settings_of
from drmbids.bids.files.find import RunFiles
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError, EarlierResultError


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path / "ds", tmp_path / "out", "participant")


def record(config: Config, label: str, stem: str, files: Sequence[RunFiles] = ()) -> None:
    """Write what a call records of an analysis."""
    path = config.out_dir / f"sub-{label}" / "models" / f"sub-{label}_{stem}_desc-inputs_runs.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"label": run(f).label, "bold": str(f.bold), "bold_digest": image_digest(f)} for f in files
    ]
    path.write_text(json.dumps({"settings": settings_of(config, {}), "runs": rows}))


def image(folder: Path, *labels: str) -> list[RunFiles]:
    """Write what stands for images, each with a content of its own."""
    found = []
    for label in labels:
        entities = dict(zip(("session", "run"), label.split("-"), strict=True))
        entities = {"subject": "1", "task": "look", **entities}
        path = folder / f"{label}.nii"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))
        found.append(RunFiles(bold=path, entities=entities))
    return found


def run(files: RunFiles) -> Run:
    series = Stream(np.zeros((3, 1)), np.arange(3.0))
    return Run({"V1": series}, tr=1.0, entities=files.entities)


def judged(config: Config, files: Sequence[RunFiles]) -> str | None:
    return check_participant(config, [*map(run, files)], files, settings_of(config, {}))


def test_other_settings_are_refused_and_named(config: Config) -> None:
    record(replace(config, n_epochs=60), "1", "task-look")
    now = settings_of(config, {})
    with pytest.raises(EarlierResultError, match=r"sub-1 .*n_epochs 60, now not .*--overwrite"):
        check_folder(config, now)
    check_folder(replace(config, n_epochs=60), settings_of(replace(config, n_epochs=60), {}))
    forced = replace(config, overwrite=True)
    check_folder(forced, now)
    assert left_otherwise(forced, now, ["1"]) is None
    assert "sub-1 with other settings" in str(left_otherwise(forced, now, ["2"]))


@pytest.mark.parametrize(
    ("stem", "choice"),
    [
        ("task-look", {"task_id": ("rest",)}),
        ("ses-1_task-look", {"session_label": ("2",)}),
        ("task-look_space-T1w", {"space": "MNI"}),
    ],
)
def test_analyses_with_other_names_may_differ(config: Config, stem: str, choice: dict) -> None:
    record(replace(config, n_epochs=60), "1", stem)
    other = replace(config, **choice)
    check_folder(other, settings_of(other, {}))


def test_the_same_analysis_goes_on_and_grows(config: Config, tmp_path: Path) -> None:
    files = image(tmp_path, "a-1", "a-2", "b-1")
    assert judged(config, files[:2]) is None
    record(config, "1", "ses-a_task-look", files[:2])
    assert judged(config, files[:2]) is None
    assert "sub-1_task-look_ses-b_run-1 added" in str(judged(config, files))
    assert judged(config, image(tmp_path, "c-1", "c-2")) is None  # lies beside it
    files[0].bold.write_text("corrected")
    assert "run-1 is changed since" in str(judged(config, files[:2]))


def test_fewer_runs_or_other_images_are_refused(config: Config, tmp_path: Path) -> None:
    files = image(tmp_path, "a-1", "a-2", "b-1")
    record(config, "1", "task-look", files)
    for fewer in (files[:2], files[1:]):
        with pytest.raises(EarlierResultError, match="left out; use another output folder"):
            judged(config, fewer)
    elsewhere = image(tmp_path / "other", "a-1", "a-2", "b-1")
    with pytest.raises(EarlierResultError, match=r"another image .*other/a-1.nii\)"):
        judged(config, elsewhere)
    assert "left out" in str(judged(replace(config, overwrite=True), files[:2]))
    for path in (tmp_path / "other").iterdir():  # the same images in another place
        path.write_text((tmp_path / path.name).read_text().replace("/other", ""))
    assert judged(config, elsewhere) is None


def test_the_group_level_mixes_nothing(config: Config) -> None:
    record(config, "1", "task-look")
    record(replace(config, intervals="laplace"), "2", "task-look")
    record(replace(config, n_epochs=5), "1", "task-rest")
    check_alike(config.out_dir)
    record(replace(config, n_epochs=60), "3", "task-look")
    with pytest.raises(DataError, match=r"sub-2 and sub-3 .*n_epochs not given and 60"):
        check_alike(config.out_dir)
