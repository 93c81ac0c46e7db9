"""A registry maps the name of a component to where it lives, and imports it only when asked."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from drmbids.data.tools.exceptions import ModelError


class Registry(Mapping[str, Any]):
    """Names of components of one kind, imported on first use.

    Parameters
    ----------
    kind : str
        What the entries are, for messages: ``"population"``.
    entries : mapping of str to str
        Name to ``"package.module:Class"``.

    Examples
    --------
    >>> from drmbids.data.tools.registry import Registry
    >>> shapes = Registry("shape", {"fraction": "fractions:Fraction"})
    >>> shapes["fraction"](1, 2)
    Fraction(1, 2)
    """

    def __init__(self, kind: str, entries: Mapping[str, str]):
        self.kind = kind
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Any:
        if name not in self._entries:
            known = ", ".join(self._entries)
            raise ModelError(f"unknown {self.kind} {name!r}; choose one of: {known}")
        module, _, attribute = self._entries[name].partition(":")
        return getattr(import_module(module), attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def targets(self) -> dict[str, str]:
        """Return name -> import string, without importing anything."""
        return dict(self._entries)

    def name_of(self, component: type) -> str:
        """Return the registered name of a class.

        Raises
        ------
        ModelError
            If the class is not registered.
        """
        wanted = f"{component.__module__}:{component.__qualname__}"
        for name, target in self._entries.items():
            if target == wanted:
                return name
        raise ModelError(f"{component.__qualname__} is not a registered {self.kind}")
