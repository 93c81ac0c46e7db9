"""Every choice of the configuration reaches the functions that check, read and fit."""

from pathlib import Path
from typing import Any

import pytest

from drmbids.app.analysis import analysis, preflight
from drmbids.app.analysis.config import Config, resolve_config
from drmbids.app.checks.inspection import Inspection, Request
from drmbids.bids.derivatives import DerivativeDataset
from drmbids.bids.files.find import RunFiles
from drmbids.bids.reading.atlases import AtlasName
from drmbids.brain.modelfile.default import default_model
from drmbids.data.tools.exceptions import DataError

BASE: dict[str, Any] = {"bids_dir": "ds", "out_dir": "out", "level": "participant"}


def calls(config: Config, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Return the arguments that :func:`inspect_runs` and :func:`read_runs` are called with."""
    seen: dict[str, dict[str, Any]] = {}

    def checked(request: Request) -> Inspection:
        seen["request"] = vars(request)
        return Inspection(request, files=[RunFiles(Path("b.nii"), {"subject": "01"})])

    def read(files: Any, **options: Any) -> list:
        seen["read_runs"] = {"files": files, **options}
        return []

    monkeypatch.setattr(preflight, "inspect_runs", checked)
    monkeypatch.setattr(analysis, "read_runs", read)
    with pytest.raises(DataError):  # no runs to make folds of
        analysis.analyse_participant(config, {}, "01", DerivativeDataset(Path("o"), Path("ds")))
    return seen


def test_choice_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    given = BASE | {
        "session_label": ["a", "b"],
        "task_id": ["look"],
        "run_id": ["1"],
        "acquisition": ["hi"],
        "reconstruction": ["r"],
        "direction": ["AP"],
        "echo": ["2"],
        "space": "T1w",
        "res": "2",
        "den": "91k",
        "hemi": "L",
        "desc": "preproc",
        "file_format": "gifti",
        "filters": {"part": "mag"},
        "derivatives": {"prep": "p"},
    }
    seen = calls(resolve_config(given), monkeypatch)
    assert seen["request"]["bids_dir"] == Path("ds")
    assert seen["request"]["query"] == {
        "subject": "01",
        "session": ["a", "b"],
        "task": ["look"],
        "run": ["1"],
        "acquisition": ["hi"],
        "reconstruction": ["r"],
        "direction": ["AP"],
        "echo": ["2"],
        "space": "T1w",
        "res": "2",
        "den": "91k",
        "hemi": "L",
        "desc": "preproc",
        "file_format": "gifti",
        "filters": {"bold": {"part": "mag"}},
        "derivatives": {"prep": Path("p")},
    }
    assert [f.bold for f in seen["read_runs"]["files"]] == [Path("b.nii")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"atlas_or_mask": None, "confounds": None, "tr": None, "smoothing_fwhm": None}),
        ({"mask": {"vt": "v.nii"}, "tr": 2}, {"atlas_or_mask": {"vt": Path("v.nii")}, "tr": 2.0}),
        (
            {"atlas": "a.nii", "smoothing_fwhm": 5},
            {"atlas_or_mask": AtlasName("a.nii", [Path("ds")])},
        ),
        ({"smoothing_fwhm": 0}, {"smoothing_fwhm": None}),
        ({"confounds": ["simple"]}, {"confounds": "simple"}),
        ({"confounds": ["trans_*", "rot_x"]}, {"confounds": ["trans_*", "rot_x"]}),
    ],
)
def test_how_runs_are_read(
    given: dict[str, Any], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = calls(resolve_config(BASE | given), monkeypatch)
    assert {name: seen["read_runs"][name] for name in expected} == expected
    # what is checked is what is read; smoothing is no matter of the check
    judged = {name: value for name, value in expected.items() if name != "smoothing_fwhm"}
    assert {name: seen["request"][name] for name in judged} == judged


@pytest.mark.parametrize(
    ("command_line", "in_file", "seed"), [(None, None, 0), (None, 7, 7), (0, 7, 0), (5, None, 5)]
)
def test_seed(command_line: int | None, in_file: int | None, seed: int) -> None:
    spec = default_model()
    training = spec.training.model_copy(update={"random_state": in_file})
    spec = spec.model_copy(update={"training": training})
    config = resolve_config(BASE | {"random_seed": command_line})
    assert analysis._seed(config, spec) == seed
