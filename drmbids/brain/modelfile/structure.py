"""Keys and types of a model file: pydantic's findings in our words."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from drmbids.brain.modelfile.connection_parts import ConnectomeSpec
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.parts import (
    CosineDrift,
    GateSpec,
    NoDrift,
    PolynomialDrift,
    ProjectionSpec,
    StimulusSpec,
    TrainingSpec,
)
from drmbids.brain.modelfile.problems import Path, Problem, path_in, shortened, suggestion

_DRIFTS = {"polynomial": PolynomialDrift, "cosine": CosineDrift, "none": NoDrift}

#: Messages of pydantic that name Python's types and not those of a file.
_IN_OUR_WORDS = {
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "too_short": "a list or mapping of {min_length} or more",
    "too_long": "a list or mapping of {max_length} or fewer",
    "string_too_short": "text of {min_length} or more characters",
    "string_too_long": "text of {max_length} or fewer characters",
}


def read_structure(data: Mapping[str, Any]) -> tuple[ModelSpec | None, list[Problem]]:
    """Return the model that the data of a file state, or None and what is wrong with them."""
    try:
        return ModelSpec.model_validate(data), []
    except ValidationError as error:
        return None, _problems(error, data)


def _problems(error: ValidationError, data: Mapping[str, Any]) -> list[Problem]:
    """Return one problem for each place; the branches of a union speak with one voice."""
    wanted: dict[Path, list[str]] = {}
    values: dict[Path, Any] = {}
    out: list[Problem] = []
    for entry in error.errors(include_url=False):
        path = path_in(data, entry["loc"], entry["type"])
        if entry["type"] == "missing" and isinstance(path[-1], int):
            out.append(Problem(path[:-1], f"element {path[-1]} is missing; add it"))
        elif entry["type"] == "missing":
            out.append(Problem(path[:-1], f"the key {path[-1]!r} is missing; add it"))
        elif entry["type"] == "extra_forbidden":
            known = _fields_at(path[:-1], data)
            hint = suggestion(str(path[-1]), known)
            out.append(Problem(path, f"unknown key {path[-1]!r}; {hint}"))
        elif entry["type"] == "union_tag_invalid":
            value = entry["input"].get("kind")
            out.append(
                Problem((*path, "kind"), f"unknown kind {value!r}; {suggestion(value, _DRIFTS)}")
            )
        elif entry["type"] == "union_tag_not_found":
            out.append(Problem(path, f"the key 'kind' is missing; {suggestion('', _DRIFTS)}"))
        else:
            message = _IN_OUR_WORDS.get(entry["type"], entry["msg"]).format(**entry.get("ctx", {}))
            message = message.removeprefix("Input should be ").removeprefix("must be ")
            wanted.setdefault(path, []).append(message)
            values[path] = entry["input"]
    for path, messages in wanted.items():
        either = " or ".join(dict.fromkeys(messages))
        shown = shortened(repr(values[path]), 60)
        out.append(Problem(path, f"must be {either}, got {shown}; correct it"))
    return out


def _fields_at(path: Path, data: Mapping[str, Any]) -> list[str]:
    """Return the keys that a section of a model file knows."""
    section: type[BaseModel] = ModelSpec
    match path:
        case ("stimuli", _):
            section = StimulusSpec
        case ("projections", int()):
            section = ProjectionSpec
        case ("projections", int(), "gated_by", int()):
            section = GateSpec
        case ("projections", int(), "connectome"):
            section = ConnectomeSpec
        case ("training",):
            section = TrainingSpec
        case ("readout", "drift"):
            section = _DRIFTS[data["readout"]["drift"]["kind"]]
        case ("readouts", name, "drift"):
            section = _DRIFTS[data["readouts"][name]["drift"]["kind"]]
    return [field.alias or name for name, field in section.model_fields.items()]
