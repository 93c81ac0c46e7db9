"""The JSON Schema of model files: for editors, forms and documentation."""

import inspect
from collections.abc import Mapping
from typing import Any

from drmbids.brain.connections import PLASTICITY, SYNAPSES, WEIGHTS
from drmbids.brain.losses import LOSSES
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.options import (
    HRF_SIZES,
    LOSS_SIZES,
    POPULATION_SIZES,
    READOUT_SIZES,
    SYNAPSE_SIZES,
    WEIGHTS_SIZES,
    Option,
    options_of,
)
from drmbids.brain.modelfile.parts import EACH_REGION
from drmbids.brain.modelfile.upgrade import SCHEMA_VERSION
from drmbids.brain.populations import POPULATIONS
from drmbids.brain.readouts import HRFS, READOUTS
from drmbids.data.tools.registry import Registry

_OPEN_PARTS = {
    "PopulationSpec": (POPULATIONS, POPULATION_SIZES),
    "ReadoutSpec": (READOUTS, READOUT_SIZES),
    "HRFSpec": (HRFS, HRF_SIZES),
    "LossSpec": (LOSSES, LOSS_SIZES),
    "WeightsSpec": (WEIGHTS, WEIGHTS_SIZES),
    "SynapseSpec": (SYNAPSES, SYNAPSE_SIZES),
    "PlasticitySpec": (PLASTICITY, SYNAPSE_SIZES),
}


def model_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of model files.

    Every registered component is in it with its options, their units, choices and descriptions.
    What a schema cannot say, such as that a name must exist, only :func:`load_model` checks.

    Returns
    -------
    dict

    Examples
    --------
    >>> model_schema()["properties"]["schema_version"]["maximum"]
    1
    """
    schema = ModelSpec.model_json_schema(by_alias=True, mode="validation")
    definitions = schema["$defs"]
    # a loss without options may be its name alone
    definitions["ReadoutSpec"]["properties"]["loss"]["anyOf"].insert(0, {"enum": [*LOSSES]})
    for name, (registry, sizes) in _OPEN_PARTS.items():
        definitions[name] = _open_part(definitions[name], registry, sizes)
    schema["properties"]["populations"]["description"] = (
        f"Neural populations by name; {EACH_REGION!r} is one for each region of the data, and "
        "stands for all of these in projections."
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "not": {"required": ["readout", "readouts"]},
        "title": f"drmbids model file, version {SCHEMA_VERSION}",
        "description": "A model of interacting neural populations and how they are measured.",
    }


def _open_part(
    part: Mapping[str, Any], registry: Registry, sizes: frozenset[str]
) -> dict[str, Any]:
    """Return one branch for each kind, each with the options of its component."""
    branches = []
    for kind in registry:
        options = options_of(registry[kind], sizes)
        properties = dict(part["properties"])
        if "hrf" not in inspect.signature(registry[kind]).parameters:
            properties.pop("hrf", None)
        default = properties["kind"].get("default")
        properties["kind"] = {"const": kind, "description": f"{registry.kind}: {kind}"}
        properties |= {key: _option(option) for key, option in options.items()}
        needed = [key for key, o in options.items() if o.default is o.REQUIRED]
        branches.append(
            {
                "title": kind,
                "description": (registry[kind].__doc__ or "").partition("\n")[0],
                "type": "object",
                "properties": properties,
                "required": [*([] if kind == default else ["kind"]), *needed],
                "additionalProperties": False,
            }
        )
    return {"description": part.get("description", ""), "oneOf": branches}


def _option(option: Option) -> dict[str, Any]:
    schema = option.adapter.json_schema()
    if option.default is not option.REQUIRED and option.default is not None:
        default = option.default
        schema["default"] = list(default) if isinstance(default, tuple) else default
    return {**schema, "description": option.description}
