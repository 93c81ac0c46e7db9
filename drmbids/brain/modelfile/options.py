"""Options of a component, read off its ``__init__``: the one place they are written.

The key of an option in a model file is the name of the argument, with the unit that the class
states: ``option_units = {"tau": "s"}`` makes ``tau`` the key ``tau_s``. Its type and choices
are those of the annotation (``Literal["spm", "glover"]``). The docstring only gives the words that
messages and the JSON Schema use, so nothing depends on it where Python strips docstrings.
"""

import inspect
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.modelfile.problems import suggestion
from drmbids.brain.nodes import DRMNode

#: Arguments that come from the sizes of the data and the net, never from a component's section.
POPULATION_SIZES = frozenset({"n_units", "n_inputs"})
HRF_SIZES = frozenset({"n_regions"})
WEIGHTS_SIZES = frozenset({"n_from", "n_to"})
SYNAPSE_SIZES: frozenset[str] = frozenset()
LOSS_SIZES = frozenset({"n_targets"})
READOUT_SIZES = frozenset(
    {
        "n_units",
        "n_targets",
        "sources",
        "regions",
        "n_confounds",
        "nuisance",
        "hrf",
    }
)

_CONFIG = ConfigDict(strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Option:
    """An option of a component.

    Parameters
    ----------
    key : str
        Name in the model file.
    argument : str
        Name in ``__init__``.
    type_text, description : str
        From the docstring, for people.
    choices : tuple of str
        Allowed values, none for any.
    default : object
        ``REQUIRED`` where there is none.
    adapter : TypeAdapter
        Checks the type of a value.
    """

    key: str
    argument: str
    type_text: str
    description: str
    choices: tuple[str, ...]
    default: Any
    adapter: TypeAdapter

    REQUIRED: ClassVar[Any] = inspect.Parameter.empty

    def problem(self, value: Any) -> str:
        """Return what is wrong with a value, or an empty text."""
        if self.choices and isinstance(value, str):
            if value in self.choices:
                return ""
            return f"unknown {self.argument} {value!r}; {suggestion(value, self.choices)}"
        try:
            self.adapter.validate_python(value)
        except ValidationError:
            return f"got {value!r}; write {self.type_text or 'another type of value'}"
        return ""


def documented(component: type) -> dict[str, tuple[str, str]]:
    """Return type and description of each parameter in the docstrings of a class and its bases."""
    found: dict[str, tuple[str, str]] = {}
    for kind in reversed(inspect.getmro(component)):
        found |= _documented_parameters(inspect.cleandoc(vars(kind).get("__doc__") or ""))
    return found


def _documented_parameters(doc: str) -> dict[str, tuple[str, str]]:
    """Return type and description of each parameter in a numpydoc docstring."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n---+$|\Z)", doc, re.M | re.S)
    found: dict[str, tuple[str, str]] = {}
    text = section[1].rstrip() + "\n" if section else ""
    for head, body in re.findall(r"^(\S.*)\n((?:[ \t].*\n|\n)*)", text, re.M):
        names, _, kind = head.partition(" : ")
        described = " ".join(body.split())
        found |= {name.strip(): (kind, described) for name in names.split(",")}
    return found


@cache
def options_of(component: type[DRMNode | DRMLoss], sizes: Collection[str]) -> dict[str, Option]:
    """Return the options of a component by key.

    Parameters
    ----------
    component : type
        Class of a population, readout, hemodynamic response, loss or part of a connection.
    sizes : frozenset of str
        Arguments that are no options.

    Returns
    -------
    dict of str to Option
        Arguments that a file cannot hold, such as modules, are left out.

    Examples
    --------
    >>> from drmbids import Leaky
    >>> list(options_of(Leaky, POPULATION_SIZES))
    ['tau_s', 'nonlinearity', 'start']
    """
    texts, units = documented(component), component.option_units
    options = {}
    parameters = inspect.signature(component).parameters
    for name, parameter in parameters.items():
        # a hemodynamic response says in its own section whether each region has one
        if name in sizes or (name == "per_region" and "hrf" in parameters):
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        try:
            adapter = TypeAdapter(parameter.annotation, config=_CONFIG)
        except PydanticSchemaGenerationError:
            continue
        type_text, description = texts.get(name, ("", ""))
        choices = get_args(parameter.annotation)
        key = f"{name}_{units[name].lower()}" if units.get(name, "1") != "1" else name
        options[key] = Option(
            key=key,
            argument=name,
            type_text=type_text.removesuffix(", optional"),
            description=description,
            choices=choices if get_origin(parameter.annotation) is Literal else (),
            default=parameter.default,
            adapter=adapter,
        )
    return options


def arguments(
    component: type[DRMNode | DRMLoss], sizes: Collection[str], options: dict[str, Any]
) -> dict[str, Any]:
    """Return options of a model file as arguments of the component."""
    known = options_of(component, sizes)
    return {known[key].argument: value for key, value in options.items()}
