"""Text of a model file, YAML 1.2 or JSON, to plain data with the line of every key."""

import json
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    NodeEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from drmbids.brain.modelfile.problems import Path, Problem
from drmbids.data.tools.exceptions import ModelError

#: Limits far above any model that a person would write, far below what stops a machine.
MAX_BYTES, MAX_NODES, MAX_DEPTH = 16_000_000, 500_000, 16


class Source:
    r"""Data of a model file and where each key lies.

    Parameters
    ----------
    text : str
        Text of the file.
    name : str
        Name of the file, for messages; a name that ends in ``.json`` makes it JSON.

    Attributes
    ----------
    data : dict
        Plain data.
    lines : dict of path to int
        Line of every key and list element, counted from 1.
    problems : list of Problem
        Keys that are there twice, or are no text.

    Raises
    ------
    ModelError
        If the text cannot be read: syntax, tags, anchors, several documents, too much of it.

    Examples
    --------
    >>> source = Source("a: 1\nb: {c: [2, 3]}")
    >>> source.data, source.lines["b", "c", 1]
    ({'a': 1, 'b': {'c': [2, 3]}}, 2)
    """

    def __init__(self, text: str, name: str = "model"):
        self.name = name
        self.lines: dict[Path, int] = {(): 1}
        self.problems: list[Problem] = []
        self._constructor: SafeConstructor = YAML(typ="safe", pure=True).constructor
        plain = self._read_json(text) if name.lower().endswith(".json") else None
        # tabs are blanks in JSON, and no string of valid JSON holds one
        root = self._compose(text if plain is None else text.replace("\t", " "))
        if not isinstance(root, MappingNode):
            self._fail(1, "a model file is a mapping of keys to values", "see `drmbids model new`")
        data = self._plain(root, ())
        self.data: dict[str, Any] = data if plain is None else plain

    def _fail(self, line: int, problem: str, remedy: str) -> NoReturn:
        raise ModelError(f"{self.name}:{line}: {problem}; {remedy}")

    def _read_json(self, text: str) -> Any:
        try:
            # NaN and infinity, which Python reads, fall to the check for finite numbers
            return json.loads(text)
        except json.JSONDecodeError as error:
            self._fail(error.lineno, f"not valid JSON: {error.msg}", "correct the text there")
        except RecursionError:
            self._fail(1, f"nested deeper than {MAX_DEPTH} levels", "a model file is flat")

    def _compose(self, text: str) -> Node | None:
        try:
            self._check_events(text)
            return YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = 1 if mark is None else mark.line + 1
            self._fail(line, f"not valid YAML: {error.problem}", "correct the text there")
        except YAMLError as error:
            self._fail(1, f"not valid YAML: {' '.join(str(error).split())}", "write plain UTF-8")

    def _check_events(self, text: str) -> None:
        """Refuse what a model file has no use for before anything is built from it."""
        depth = documents = nodes = 0
        for event in YAML(typ="safe", pure=True).parse(text):
            line = event.start_mark.line + 1
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)
            nodes += isinstance(event, NodeEvent)
            if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
                self._fail(line, "anchors and aliases (& and *) are not allowed", "write it out")
            if isinstance(event, NodeEvent) and getattr(event, "tag", None):
                self._fail(line, "tags (!) are not allowed", "write plain values")
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if event.version or event.tags:
                    self._fail(line, "directives (%) are not allowed", "take the line out")
            if documents > 1:
                self._fail(line, "a second document starts here", "one file holds one model")
            if depth > MAX_DEPTH:
                self._fail(line, f"nested deeper than {MAX_DEPTH} levels", "a model file is flat")
            if nodes > MAX_NODES:
                self._fail(line, f"more than {MAX_NODES} values", "use each_region")

    def _plain(self, node: Node, path: Path) -> Any:
        """Return a node as plain data, noting lines, and keys that are no text or there twice."""
        if isinstance(node, ScalarNode):
            try:
                return self._constructor.construct_object(node)
            except (ValueError, YAMLError):
                self.problems.append(Problem(path, f"cannot read {node.value!r}; put it in quotes"))
                return None
        if not isinstance(node, MappingNode):
            for index, item in enumerate(node.value):
                self.lines[*path, index] = item.start_mark.line + 1
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value
            if key_node.tag != "tag:yaml.org,2002:str":
                shown = key if isinstance(key, str) else "a list or mapping"
                self.problems.append(
                    Problem(path, f"line {line}: the key {shown} is no text; put it in quotes")
                )
                continue
            if key in out:
                first = self.lines[*path, key]
                self.problems.append(
                    Problem((*path, key), f"{key!r} is there twice, in lines {first} and {line}; "
                            "keep one")
                )  # fmt: skip
                continue
            self.lines[*path, key] = line
            out[key] = self._plain(value_node, (*path, key))
        return out
