"""Model files from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from drmbids.app.cli.main import main
from drmbids.brain.modelfile.load import load_model
from drmbids.brain.populations import POPULATIONS

WHOLE = """\
schema_version: 1
resolution_s: 0.5
stimuli: {events: {conditions: [face]}}
populations: {V1: {kind: leaky, units: 4}}
projections: [{from: events, to: V1}]
readout: {regions: {V1: [V1]}}
"""


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
def test_new_model_is_valid(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    assert main(["model", "new", str(path)]) == 0
    assert "each_region" in load_model(path).populations


@pytest.mark.parametrize("kind", list(POPULATIONS))
def test_new_model_with_regions_and_conditions(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "m.yaml"
    options = ["--region", "V1", "FFA", "--condition", "face", "house", "--population", kind]
    assert main(["model", "new", str(path), *options]) == 0
    spec = load_model(path)
    assert {name: p.kind for name, p in spec.populations.items()} == {"V1": kind, "FFA": kind}
    assert spec.stimuli["events"].conditions == ("face", "house")
    pairs = {(p.source, p.target) for p in spec.projections}
    assert pairs == {("events", "V1"), ("events", "FFA"), ("V1", "FFA"), ("FFA", "V1")}


def test_existing_file_is_replaced_only_by_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("mine")
    assert main(["model", "new", str(path)]) == 73
    assert path.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main(["model", "new", str(path), "--force"]) == 0
    assert load_model(path)


def test_wrong_ending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "new", str(tmp_path / "m.txt")]) == 2
    assert ".yaml, .yml, .json" in capsys.readouterr().err


def test_validate_lists_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.yaml"
    assert main(["model", "new", str(path)]) == 0
    assert main(["model", "validate", str(path)]) == 0
    assert "valid" in capsys.readouterr().out
    text = path.read_text().replace("kind: leaky", "kind: leeky").replace("from: events", "from: x")
    path.write_text(text)
    assert main(["model", "validate", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2 and all(line.startswith(f"drmbids: error: {path}") for line in lines)
    assert any("'leaky'" in line for line in lines)


def test_show_names_populations_and_projections(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.yaml"
    assert main(["model", "new", str(path), "--region", "V1", "FFA"]) == 0
    capsys.readouterr()
    assert main(["model", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("V1", "FFA", "leaky", "1 tick", "double_gamma"))


def test_show_gives_the_limits_of_a_learned_delay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(
        "schema_version: 1\nname: m\nstimuli: {events: {conditions: [a]}}\n"
        "populations: {V1: {kind: leaky, units: 2}}\n"
        "projections: [{from: events, to: V1, delay_s: 1.0, delay_min_s: 0.5, delay_max_s: 6.0}]\n"
        "readout: {kind: bold}\n"
    )
    assert main(["model", "show", str(path)]) == 0
    assert "1 s (within 0.5 to 6 s)" in capsys.readouterr().out


def test_show_python_builds_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(WHOLE)
    assert main(["model", "show", str(path), "--python"]) == 0
    script = capsys.readouterr().out
    compile(script, "model.py", "exec")
    assert "Leaky(" in script


@pytest.mark.parametrize("options", [[], ["--region", "V1", "FFA", "--condition", "face"]])
def test_show_python_names_what_it_puts_in_place_of_data(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.yaml"
    assert main(["model", "new", str(path), *options]) == 0
    capsys.readouterr()
    assert main(["model", "show", str(path), "--python"]) == 0
    script = capsys.readouterr().out
    assert "#   repetition time: 2 s" in script
    assert ("#   conditions of events: a, b, c" in script) == (not options)
    names: dict[str, Any] = {}
    exec(script, names)
    assert list(names["net"].population_names) == (options[1:3] or ["V1", "V2"])


def test_several_readouts_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(
        "schema_version: 1\nstimuli: {events: {}}\npopulations: {each_region: {kind: leaky}}\n"
        "projections: [{from: events, to: each_region}]\nreadouts:\n"
        "  bold: {regions: {each_region: [each_region]}}\n"
        "  units: {kind: spikes, regions: {cells: all}, weight: 0.5, loss: negative_binomial}\n"
    )
    assert main(["model", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    for words in ("readouts.bold: bold", "readouts.units: spikes", "negative_binomial", "0.5"):
        assert words in shown
    assert main(["model", "show", str(path), "--python"]) == 0
    script = capsys.readouterr().out
    assert "#   regions: V1, V2, cells" in script
    names: dict[str, Any] = {}
    exec(script, names)
    assert names["net"].readout.responses == {"bold": ("V1", "V2"), "units": ("cells",)}


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "schema"]) == 0
    assert "populations" in json.loads(capsys.readouterr().out)["properties"]


def test_model_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "validate", str(tmp_path / "nowhere.yaml")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_show_knows_modulators(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(
        "schema_version: 1\nresolution_s: 0.5\n"
        "stimuli: {events: {conditions: [face], modulators: [rating]}}\n"
        "populations: {V1: {kind: leaky, units: 2}}\nprojections: [{from: events, to: V1}]\n"
        "readout: {regions: {V1: [V1]}}\n"
    )
    assert main(["model", "validate", str(path)]) == 0
    assert main(["model", "show", str(path), "--python"]) == 0
    told = capsys.readouterr().out
    assert "'rating'" in told and "initialise_inputs(2)" in told
