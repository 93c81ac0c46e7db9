import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from drmbids.brain.modelfile.default import new_model_text
from drmbids.brain.modelfile.schema import model_schema
from drmbids.brain.modelfile.source import Source
from drmbids.brain.populations import POPULATIONS
from drmbids.brain.readouts import HRFS

TYPES = {
    "object": dict, "array": list, "string": str, "null": type(None), "integer": int,
    "number": (int, float), "boolean": bool,
}  # fmt: skip
# every keyword that this small validator understands; the schema may use no other
PLAIN = {"title", "description", "default", "discriminator", "$schema", "$defs"}
KEYWORDS = PLAIN | {
    "$ref", "type", "const", "enum", "anyOf", "oneOf", "properties", "required",
    "additionalProperties", "items", "prefixItems", "minItems", "maxItems", "minLength",
    "maxLength", "minProperties", "propertyNames", "minimum", "maximum", "exclusiveMinimum",
    "not",
}  # fmt: skip


def valid(value: Any, schema: Any, root: Mapping[str, Any]) -> bool:
    """Return whether a value follows a schema: draft 2020-12 as far as ours goes."""
    if isinstance(schema, bool):
        return schema
    assert set(schema) <= KEYWORDS, set(schema) - KEYWORDS
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return valid(value, target, root)
    kinds = TYPES.get(schema.get("type", ""), object)
    checks = [isinstance(value, kinds) and not (kinds in (int, (int, float)) and value is True)]
    checks.append("const" not in schema or value == schema["const"])
    checks.append("enum" not in schema or value in schema["enum"])
    if "anyOf" in schema:
        checks.append(any(valid(value, s, root) for s in schema["anyOf"]))
    if "oneOf" in schema:
        checks.append(sum(valid(value, s, root) for s in schema["oneOf"]) == 1)
    checks.append("not" not in schema or not valid(value, schema["not"], root))
    if isinstance(value, dict):
        checks += object_checks(value, schema, root)
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        checks += [valid(v, s, root) for v, s in zip(value, first, strict=False)]
        checks += [valid(v, schema.get("items", True), root) for v in value[len(first) :]]
        checks.append(schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 1e9))
    if isinstance(value, str):
        checks.append(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1e9))
    if isinstance(value, int | float):
        checks.append(schema.get("minimum", -1e99) <= value <= schema.get("maximum", 1e99))
        checks.append(value > schema.get("exclusiveMinimum", -1e99))
    return all(checks)


def object_checks(value: dict, schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[bool]:
    known = schema.get("properties", {})
    rest = schema.get("additionalProperties", True)
    checks = [valid(v, known.get(k, rest), root) for k, v in value.items()]
    checks += [valid(k, schema.get("propertyNames", True), root) for k in value]
    checks.append(set(schema.get("required", [])) <= set(value))
    checks.append(schema.get("minProperties", 0) <= len(value))
    return checks


def test_the_template_and_a_full_file_follow_the_schema(two_areas: str) -> None:
    schema = model_schema()
    for text in (new_model_text(), two_areas):
        assert valid(Source(text).data, schema, schema)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: two_areas", "nmae: two_areas"),
        ("schema_version: 1", "schema_version: 2"),
        ("tau_s", "tau"),
        ("nonlinearity: tanh", "nonlinearity: tnah"),
        ("kind: gru", "kind: gur"),
        ("units: 5", "units: 0"),
        ("{kind: gru, units: 5}", "{units: 5}"),
        ("delay_s: 1.5", "delay_s: -1.5"),
        ("from: V1, to: FFA", "to: FFA"),
        ("shape: glover", "shape: glovr"),
        ("high_pass_hz", "order"),
        ("[0, 1.5]", "[0]"),
        ("trainable: false", "trainable: 3"),
    ],
)
def test_the_schema_refuses(two_areas: str, old: str, new: str) -> None:
    assert old in two_areas
    schema = model_schema()
    assert not valid(Source(two_areas.replace(old, new)).data, schema, schema)


def test_several_readouts_and_their_losses(two_areas: str) -> None:
    schema, data = model_schema(), Source(two_areas).data
    readout = data.pop("readout")
    for loss in ("poisson", {"kind": "negative_binomial", "dispersion": 0.2}):
        several = {"bold": readout, "units": {**readout, "loss": loss, "weight": 0.5}}
        assert valid({**data, "readouts": several}, schema, schema)
        assert not valid({**data, "readouts": several, "readout": readout}, schema, schema)
    for wrong in ({"loss": "poison"}, {"loss": {"kind": "poisson", "bin": 1}}, {"weight": -1}):
        assert not valid({**data, "readouts": {"bold": readout | wrong}}, schema, schema)
    assert not valid({**data, "readouts": {}}, schema, schema)


def test_every_component_is_in_it() -> None:
    definitions = model_schema()["$defs"]
    for name, registry in (("PopulationSpec", POPULATIONS), ("HRFSpec", HRFS)):
        assert [b["title"] for b in definitions[name]["oneOf"]] == list(registry)
    leaky = definitions["PopulationSpec"]["oneOf"][list(POPULATIONS).index("leaky")]
    assert "seconds" in leaky["properties"]["tau_s"]["description"]
    assert leaky["properties"]["nonlinearity"]["enum"][:2] == ["linear", "relu"]
    assert leaky["properties"]["nonlinearity"]["default"] == "relu"


def test_it_is_json_of_a_named_draft_and_refers_to_what_is_there() -> None:
    schema = model_schema()
    text = json.dumps(schema)
    assert json.loads(text) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    wanted = set(re.findall(r'"#/\$defs/(\w+)"', text))
    assert wanted <= set(schema["$defs"])
