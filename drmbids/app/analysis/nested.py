"""Which model files are parts of one another, so that what the larger ones add can be told."""

from collections.abc import Mapping

from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.section import Part


def nested_models(specs: Mapping[str, ModelSpec]) -> dict[str, list[str]]:
    """Return the spaces of each model: what the same models have is one space, named after them.

    Parameters
    ----------
    specs : mapping of str to ModelSpec
        Resolved.

    Returns
    -------
    dict of str to list of str
        The largest set of models that are all found in one of them, small ones first. A model is
        found in another that has all its populations, projections, gates, conditions and regions,
        of the same kinds and with the same options; numbers of units and training do not count. Of
        models that do not differ, the first.

    Examples
    --------
    >>> def spec(kind, *projections):
    ...     return ModelSpec.model_validate({
    ...         "schema_version": 1, "name": "m", "stimuli": {"events": {"conditions": ["a"]}},
    ...         "populations": {"V1": {"kind": kind}, "V2": {"kind": "leaky"}},
    ...         "projections": [{"from": a, "to": b} for a, b in projections],
    ...     })
    >>> small = spec("leaky", ("events", "V1"), ("V1", "V2"))
    >>> large = spec("leaky", ("events", "V1"), ("V1", "V2"), ("V2", "V1"))
    >>> other = spec("gru", ("events", "V1"), ("V1", "V2"))
    >>> nested_models({"forward": small, "loop": large, "gated": other})
    {'forward': ['forward, loop'], 'loop': ['forward, loop', 'loop']}
    """
    elements: dict[str, list[str]] = {}
    for name, spec in specs.items():
        own = _elements(spec)
        if set(own) not in map(set, elements.values()):
            elements[name] = own
    inside = {
        name: [other for other in elements if set(elements[other]) <= set(own)]
        for name, own in elements.items()
    }
    found = max(inside.values(), key=len, default=[])
    group = sorted(found, key=lambda name: len(elements[name]))
    holds: dict[str, list[str]] = {}
    for name in group:
        for element in elements[name]:
            holds.setdefault(element, []).append(name)
    spaces = list(dict.fromkeys(", ".join(dict.fromkeys(names)) for names in holds.values()))
    return {name: [space for space in spaces if name in space.split(", ")] for name in group}


def _elements(spec: ModelSpec) -> list[str]:
    """Return what a model is made of, each with its kind and options, in words."""
    found = [f"{spec.resolution_s} s per tick"]
    for name, population in spec.populations.items():
        found.append(f"{name}: {_said(population, 'units')}")
    for name, stimulus in spec.stimuli.items():
        found += [f"{name} {column}" for column in _each(stimulus.conditions)]
    for projection in spec.projections:
        found.append(_said(projection, "gated_by", "conditions"))
        sent = projection.named_conditions or _columns(spec, projection.source)
        found += [f"{projection.label} {column}" for column in sent]
        for gate in projection.gates:
            gated = f"{projection.label} {_said(gate, 'conditions')}"
            found += [f"{gated} {column}" for column in _each(gate.conditions)]
    for name, readout in spec.readout_parts.items():
        found.append(f"{name}: {_said(readout, 'regions')}")
        for region, sources in (readout.regions or {}).items():
            found += [f"{source} in {region}" for source in _each(sources)]
    return found


def _each(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _columns(spec: ModelSpec, source: str) -> tuple[str, ...]:
    """Return the conditions of a stimulus; a population has none."""
    return _each(spec.stimuli[source].conditions) if source in spec.stimuli else ()


def _said(part: Part, *but: str) -> str:
    said = part.model_dump(mode="json", by_alias=True, exclude_none=True)
    return str({key: value for key, value in said.items() if key not in but})
