"""``drmbids check``: options, output and exit codes; the same choice as the participant level."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from drmbids.app.analysis.config import Config, resolve_config
from drmbids.app.analysis.preflight import usable_runs
from drmbids.app.cli.main import main, parse
from drmbids.app.commands.check import exit_code, find_problems, run_check
from drmbids.app.commands.simulate import run_simulation
from drmbids.bids.files.problems import Problem
from drmbids.brain.modelfile.load import parse_model
from drmbids.data.tools.exceptions import ModelError

MODEL = """\
schema_version: 1
stimuli: {events: {conditions: [a, b]}}
populations: {V1: {kind: leaky}}
projections: [{from: events, to: V1}]
"""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a simulated dataset of two participants; it is not changed."""
    folder = tmp_path_factory.mktemp("check")
    (folder / "model.yaml").write_text(MODEL)
    run_simulation(folder / "model.yaml", folder / "ds", n_participants=2, n_runs=2, n_volumes=60)
    return folder


@pytest.fixture
def options(simulated: Path) -> dict:
    """Return what the check of the simulated dataset needs."""
    data = simulated / "ds"
    preprocessed = {"preprocessed": data / "derivatives" / "preprocessed"}
    return {"bids_dir": data, "model": [simulated / "model.yaml"], "derivatives": preprocessed}


def test_clean(options: dict, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(**options) == 0
    assert capsys.readouterr().out == "0 errors, 0 warnings\n"


def test_faults_of_model_and_data_together(
    options: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(MODEL.replace("from: events", "from: evnts"))
    assert run_check(**{**options, "model": [bad]}) == 2
    table = capsys.readouterr().out
    assert f"MD01  error    {bad}:4" in table and "remedy: " in table
    assert run_check(**{**options, "model": [bad]}, tr=1000.0, as_json=True) == 65
    problems = json.loads(capsys.readouterr().out)
    assert {p["code"] for p in problems} == {"MD01", "IM12"}
    assert len({p["file"] for p in problems if p["code"] == "IM12"}) == 4  # each run once


def test_options_in_a_file(options: dict, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("participant_label = ['07']\n")
    assert run_check(options["bids_dir"], config_file=tmp_path / "c.toml") == 65
    config = {**options, "out_dir": tmp_path, "level": "participant", "tr": 1000.0}
    assert len(find_problems(resolve_config(config))) == 4
    assert len(find_problems(resolve_config({**config, "participant_label": ["01"]}))) == 2


def test_nothing_is_written(options: dict, simulated: Path) -> None:
    before = sorted(simulated.rglob("*"))
    assert main(["check", str(options["bids_dir"])]) == 0
    assert sorted(simulated.rglob("*")) == before


@pytest.mark.parametrize("codes", [["EV6"], ["EV01"]])
def test_codes_that_cannot_be_ignored(
    options: dict, codes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(options["bids_dir"]), "--ignore", *codes]) == 2
    assert capsys.readouterr().err.startswith("drmbids: error: ")


def test_options_are_those_of_the_configuration() -> None:
    line = "check ds --participant-label 01 -t x --space T1w --tr 2 --cv run --ignore EV06 -m a b"
    command, found = parse([*line.split(), "--mask", "a=b.nii", "--json"])
    assert command == "check" and found.pop("as_json") is True
    assert set(found) <= {field.name for field in fields(Config)}


def test_exit_codes_are_those_of_errors() -> None:
    late, model, early = (
        Problem(code, "f", "found", "remedy") for code in ("EV06", "MD01", "EV05")
    )
    assert exit_code([]) == exit_code([late]) == 0
    assert exit_code([model, late]) == 2
    assert exit_code([model, early]) == 65


def test_a_model_that_does_not_fit_ends_as_a_faulty_model(options: dict, tmp_path: Path) -> None:
    config = resolve_config({**options, "out_dir": tmp_path, "level": "participant"})
    other = parse_model(MODEL.replace("[a, b]", "[a, nose]"))
    with pytest.raises(ModelError, match=r"nose.* \[MD02\]"):
        usable_runs(config, {"drm": other}, "01")
    usable = usable_runs(config, {}, "01")
    assert len(usable.files) == 2 and not usable.left_out
