"""Model files: read, checked whole, every fault shown at once with its line."""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from drmbids.brain.modelfile.check import check_relations
from drmbids.brain.modelfile.components import check_components
from drmbids.brain.modelfile.draft import Draft
from drmbids.brain.modelfile.matrices import with_matrices
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.modelfile.problems import Path, Problem, raise_problems
from drmbids.brain.modelfile.source import MAX_BYTES, Source
from drmbids.brain.modelfile.structure import read_structure
from drmbids.brain.modelfile.upgrade import upgrade
from drmbids.data.tools.arguments import shortly
from drmbids.data.tools.exceptions import ModelError, UsageError

SUFFIXES = (".yaml", ".yml", ".json")


def load_model(path: FilePath | str) -> ModelSpec:
    """Read a model file.

    Parameters
    ----------
    path : path-like
        A file of YAML 1.2 (``.yaml``, ``.yml``) or JSON (``.json``).

    Returns
    -------
    ModelSpec

    Raises
    ------
    UsageError
        If the path is none.
    ModelError
        Listing every fault of the file, one line each: ``file:line: path.to.key: problem; remedy``.
    """
    if not isinstance(path, str | FilePath):
        raise UsageError(f"a model file must be the path of a file, got {shortly(path)}")
    path = FilePath(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(f"{path}: not a model file; its name must end in {', '.join(SUFFIXES)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if len(content) > MAX_BYTES:
        raise ModelError(f"{path}: larger than {MAX_BYTES / 1e6:g} MB; is it a model file?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ModelError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from error
    return parse_model(text, str(path), path.parent)


def parse_model(text: str, name: str = "model.yaml", folder: FilePath | None = None) -> ModelSpec:
    """Return the model that the text of a model file states.

    Parameters
    ----------
    text : str
        YAML, or JSON if the name ends in ``.json``.
    name : str
        Name of the file, for messages.
    folder : Path, optional
        Where the files that it names are; the working directory when absent.

    Returns
    -------
    ModelSpec

    Raises
    ------
    ModelError
        As for :func:`load_model`.
    """
    source = Source(text, name)
    return _checked(source.data, source.problems, name, source.lines, folder)


def as_model(model: "ModelSpec | Mapping[str, Any] | FilePath | str") -> ModelSpec:
    """Return a model given as itself, as the data of a model file, or as the path of one.

    Parameters
    ----------
    model : ModelSpec, mapping or path-like

    Returns
    -------
    ModelSpec

    Raises
    ------
    ModelError
        As for :func:`load_model`.

    Examples
    --------
    >>> spec = as_model(
    ...     {
    ...         "schema_version": 1,
    ...         "stimuli": {"events": {"conditions": ["face", "house"]}},
    ...         "populations": {"V1": {"kind": "leaky", "units": 4, "tau_s": 2.0}},
    ...         "projections": [{"from": "events", "to": "V1"}],
    ...     }
    ... )
    >>> spec.populations["V1"].options
    {'tau_s': 2.0}
    """
    if isinstance(model, ModelSpec):
        draft = Draft.of_spec(model)
        raise_problems([*check_relations(draft), *check_components(draft)])
        return model
    if isinstance(model, Mapping):
        return _checked(model, [], "", {})
    if isinstance(model, str | FilePath):
        return load_model(model)
    raise ModelError(
        f"a model is a ModelSpec, a mapping or the path of a model file, got {model!r}"
    )


def _checked(
    data: Mapping[str, Any],
    problems: list[Problem],
    name: str,
    lines: Mapping[Path, int],
    folder: FilePath | None = None,
) -> ModelSpec:
    try:
        data = upgrade(data)
    except ModelError as error:
        # a file of an unknown version cannot be judged further
        raise_problems([*problems, Problem(("schema_version",), str(error))], name, lines)
    data, unread = with_matrices(data, folder)
    spec, found = read_structure(data)
    found += unread
    draft = Draft.of_data(data)
    raise_problems(
        [*problems, *found, *check_relations(draft), *check_components(draft)], name, lines
    )
    if spec is None:
        raise AssertionError("a model without problems has a spec")
    return spec
