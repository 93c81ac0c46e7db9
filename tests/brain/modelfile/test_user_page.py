"""The user's page on model files says what the schema says, and its examples are models.

Run as a script, this brings the page up to date.
"""

import re
from pathlib import Path
from typing import Any

from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.load import parse_model
from drmbids.brain.modelfile.schema import model_schema
from drmbids.brain.modelfile.shape import DataShape
from drmbids.data.runs.align import ONLY

PAGE = Path(__file__).resolve().parents[3] / "docs" / "user" / "model_files.md"
SCHEMA = model_schema()
DEFINITIONS = SCHEMA["$defs"]
LIMITS = {"minimum": "{} or more", "exclusiveMinimum": "above {}", "maximum": "at most {}"}
START, END = "<!-- from the schema -->", "<!-- to here -->"
SECTIONS = {
    "StimulusSpec": "stimuli: each",
    "PopulationSpec": "populations: each",
    "ProjectionSpec": "projections: each",
    "PriorSpec": "priors: each",
    "WeightPriorSpec": "weight_prior",
    "GateSpec": "projections: gated_by",
    "WeightsSpec": "projections: weights",
    "PlasticitySpec": "projections: plasticity",
    "SynapseSpec": "projections: synapse",
    "ConnectomeSpec": "projections: connectome",
    "ReadoutSpec": "readout, and readouts: each",
    "HRFSpec": "readout: hrf",
    "LossSpec": "readout: loss",
    "PolynomialDrift": "readout: drift, polynomial",
    "CosineDrift": "readout: drift, cosine",
    "NoDrift": "readout: drift, none",
    "TrainingSpec": "training",
}
NAMES = {"string": "text", "number": "number", "integer": "whole number", "null": ""}


def definition(schema: dict[str, Any]) -> str:
    """Return the section that a schema refers to, directly or for its elements."""
    inner = [schema, schema.get("items", {}), schema.get("additionalProperties", {})]
    found = [s["$ref"].rpartition("/")[2] for s in inner if isinstance(s, dict) and "$ref" in s]
    return found[0] if found else ""


def values(schema: dict[str, Any]) -> str:
    """Return the allowed values of a key in words."""
    if "anyOf" in schema:
        return " or ".join(filter(None, (values(s) for s in schema["anyOf"])))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{v}`" for v in schema.get("enum", [schema.get("const")]))
    if definition(schema) or schema.get("type") == "object":
        return {"array": "list", "object": "by name"}.get(schema.get("type", ""), "section")
    kind = schema.get("type", "section")
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "array":
        inner = schema.get("items", {})
        kind = "matrix" if inner.get("type") == "array" else "list"
        inner = inner.get("items", {}) if kind == "matrix" else inner
        return f"{kind} of {values(inner)}s" if inner else kind
    limits = [text.format(schema[k]) for k, text in LIMITS.items() if k in schema]
    return NAMES.get(kind, kind) + (f", {', '.join(limits)}" if limits else "")


def words(text: str) -> str:
    """Return a description of a docstring as Markdown."""
    return re.sub(r":\w+:(?=`)", "", text).replace("``", "`").replace("'", "`")


def table(section: dict[str, Any]) -> str:
    """Return the table of a section: a row for each key."""
    lines = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for key, schema in section["properties"].items():
        default = schema.get("default", schema.get("const"))
        shown = "required" if key in section.get("required", ()) else ""
        if isinstance(default, bool | int | float | str) and not shown:
            shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        named = DEFINITIONS.get(definition(schema), {})
        meaning = schema.get("description") or named.get("description", "")
        if "const" in schema:
            meaning = section["description"]
        lines.append(f"| `{key}` | {values(schema)} | {shown} | {words(meaning)} |")
    return "\n".join(lines)


def reference() -> str:
    """Return the part of the page that follows from the schema: every section, every key."""
    parts = ["## The file", table(SCHEMA)]
    for name, title in SECTIONS.items():
        section = DEFINITIONS[name]
        parts += [f"## {title}", words(section["description"])]
        if "oneOf" not in section:
            parts.append(table(section))
        for part in section.get("oneOf", ()):
            parts += [f"### `kind: {part['title']}`", table(part)]
    return "\n\n".join(parts)


def brought_up_to_date(page: str) -> str:
    """Return the page with the reference that follows from the schema."""
    before, rest = page.split(START)
    return f"{before}{START}\n\n{reference()}\n\n{END}{rest.split(END)[1]}"


def examples() -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)


def test_the_page_has_every_key_as_the_schema_has_it() -> None:
    page = PAGE.read_text("utf-8")
    assert page == brought_up_to_date(page), "run: python tests/brain/modelfile/test_user_page.py"
    assert set(SECTIONS) == set(DEFINITIONS)


def test_examples_are_models() -> None:
    shape = DataShape({"V1": 5, "FFA": 4}, {"events": ("face", "house")}, ("trans_x",), (2.0,))
    models = [parse_model(text) for text in examples()]
    assert len(models) == 4
    assert examples()[3] == (PAGE.parents[2] / "data/models/four_regions.yaml").read_text("utf-8")
    for model in models[:2]:
        assert list(model.resolve(shape).readout_parts[ONLY].regions or ()) == ["V1", "FFA"]
    assert list(models[2].readouts or ()) == ["bold", "units", "answers"]
    assert models[0].resolve(shape).projections == default_model(shape).resolve(shape).projections


if __name__ == "__main__":
    PAGE.write_text(brought_up_to_date(PAGE.read_text("utf-8")), "utf-8", newline="\n")
