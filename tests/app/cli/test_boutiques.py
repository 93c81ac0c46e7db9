"""The descriptor says of every argument what the parser says, and leads back to the same call."""

import json

import pytest

from drmbids.app.cli.bids_app import bids_app_parser
from drmbids.app.cli.boutiques import descriptor
from drmbids.app.cli.foreign import Elsewhere, Nothing
from drmbids.app.cli.main import main, parse

INPUTS = {i["id"]: i for i in descriptor()["inputs"]}
ACTIONS = {
    a.dest: a
    for a in bids_app_parser()._actions
    if a.dest not in ("help", "version") and not isinstance(a, Nothing | Elsewhere)
}


def test_every_argument_is_an_input_once() -> None:
    assert [i["id"] for i in descriptor()["inputs"]] == list(ACTIONS)
    keys = [i["value-key"] for i in descriptor()["inputs"]]
    assert len(set(keys)) == len(keys)
    assert descriptor()["command-line"].split() == ["drmbids", *keys]


@pytest.mark.parametrize("name", list(ACTIONS))
def test_flags_lists_choices_and_needs(name: str) -> None:
    action, told = ACTIONS[name], INPUTS[name]
    assert told["description"]
    assert told["optional"] != action.required
    assert told.get("command-line-flag", "") in ("", *action.option_strings)
    assert bool(action.option_strings) == ("command-line-flag" in told)
    assert (action.nargs == 0) == (told["type"] == "Flag")
    assert (action.nargs == "+") == told.get("list", False)
    assert (list(action.choices) if action.choices else None) == told.get("value-choices")


def example(told: dict) -> list[str]:
    """Return values that an input may have."""
    if "value-choices" in told:
        return [str(told["value-choices"][0])]
    if told["type"] == "Number":
        return ["2"]
    return ["a", "b"] if told.get("list") else ["x"]


def call(names: list[str]) -> list[str]:
    """Return the command line that a platform would make: keys replaced by flags and values."""
    line = []
    for key in descriptor()["command-line"].split()[1:]:
        told = next(i for i in INPUTS.values() if i["value-key"] == key)
        if not told["optional"] or told["id"] in names:
            line += [told["command-line-flag"]] if "command-line-flag" in told else []
            line += [] if told["type"] == "Flag" else example(told)
    return line


@pytest.mark.parametrize("name", [n for n in ACTIONS if n != "filters"])
def test_a_platforms_call_is_understood(name: str) -> None:
    _, found = parse(call([name]))
    assert {"bids_dir", "out_dir", "level"} <= set(found)
    told = INPUTS[name]
    wanted = {"verbose": "verbosity", "quiet": "verbosity"}.get(name, name)
    value = found[wanted]
    if told.get("list"):
        assert [str(v) for v in value] == example(told)
    elif told["type"] == "Number":
        assert value == 2
    elif told["type"] != "Flag":
        assert str(value) == example(told)[0]


def test_it_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["descriptor"]) == 0
    assert json.loads(capsys.readouterr().out) == descriptor()
