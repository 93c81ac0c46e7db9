"""A model to the text of a model file, and to its hash."""

import hashlib
import io
import json
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from drmbids.brain.modelfile.stated import StatedModel

_COMMENTS = {
    "resolution_s": "seconds per tick; auto: a whole fraction of the repetition time, at most 0.5",
    "stimuli": "what drives the model; conditions: all, or a list",
    "populations": "kind, number of units and options; each_region: one for every region",
    "projections": "who sends to whom; delay_s in seconds or delay_ticks, none without",
    "readout": "what is measured",
    "readouts": "what is measured, by name, each with its regions, loss and weight",
    "training": "what is not given is left to the estimator",
    "view": "where editors draw things",
}


# Text with other characters is quoted: what YAML allows without quotes, readers do not agree on.
_PLAIN = re.compile(r"[^\W\d][\w., +-]*\w|[^\W\d]")


def model_data(spec: StatedModel) -> dict[str, Any]:
    """Return a model as the plain data of a model file, without what is not set.

    Parameters
    ----------
    spec : StatedModel

    Returns
    -------
    dict
    """
    data = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: value for key, value in data.items() if value or key not in ("training", "view")}


def write_yaml(spec: StatedModel) -> str:
    """Return the text of a model file that reads back as an equal model.

    Parameters
    ----------
    spec : StatedModel

    Returns
    -------
    str
        YAML 1.2 with comments.
    """
    top = CommentedMap()
    for key, value in model_data(spec).items():
        top[key] = _styled(value)
        if key in _COMMENTS:
            top.yaml_set_comment_before_after_key(key, before=f"\n{_COMMENTS[key]}")
    if spec.readouts is not None:
        top["readouts"] = CommentedMap(
            (name, _styled(part)) for name, part in top["readouts"].items()
        )
    for section in [top["readout"]] if spec.readouts is None else top["readouts"].values():
        if "regions" in section:
            section["regions"] = _styled(section["regions"])
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(top, text)
    return text.getvalue()


def _styled(value: Any, level: int = 0) -> Any:
    """Return data that ruamel writes one entry a line, and each entry in braces."""
    if isinstance(value, dict):
        out = CommentedMap(
            (_styled(key), _styled(entry, level + 1)) for key, entry in value.items()
        )
    elif isinstance(value, list):
        out = CommentedSeq(_styled(entry, level + 1) for entry in value)
    elif isinstance(value, str) and not _PLAIN.fullmatch(value):
        return SingleQuotedScalarString(value)
    else:
        return value
    if level or not value:
        out.fa.set_flow_style()
    else:
        out.fa.set_block_style()
    return out


def model_hash(spec: StatedModel) -> str:
    """Return a hash of what a model says, whatever the order of its names and where it is drawn.

    Parameters
    ----------
    spec : StatedModel

    Returns
    -------
    str
        SHA-256 in hexadecimal.

    Examples
    --------
    >>> from drmbids import default_model
    >>> spec = default_model()
    >>> model_hash(spec) == model_hash(spec.model_copy(update={"view": {"V1": (0.0, 1.0)}}))
    True
    """
    data = _canonical({key: value for key, value in model_data(spec).items() if key != "view"})
    data["projections"].sort(key=lambda p: (p["from"], p["to"]))
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """Return data in which 1 and 1.0 are the same."""
    if isinstance(value, dict):
        return {key: _canonical(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_canonical(entry) for entry in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
