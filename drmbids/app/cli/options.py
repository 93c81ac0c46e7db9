"""The parser of all commands, and groups of options in it."""

import argparse
import difflib
import re
import sys
from typing import Any, NoReturn

from drmbids.app.cli.arguments import label


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with what was probably meant, and not pages of usage."""

    def error(self, message: str) -> NoReturn:
        """Print a message and exit with 2."""
        print(
            f"{self.prog}: error: {message}{self._meant(message)} (see {self.prog} --help)",
            file=sys.stderr,
        )
        sys.exit(2)

    def _meant(self, message: str) -> str:
        """Return what was probably meant by an option or a choice that is not there."""
        unknown = message.partition("unrecognized arguments: ")[2].split()
        words = [word.split("=")[0] for word in unknown if word.startswith("-")]
        known = [flag for parser in self._with_commands() for flag in parser._option_string_actions]
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if choice:
            words, known = [choice[1]], re.findall(r"'([^']*)'", choice[2]) or choice[2].split(", ")
        for word in words:
            near = difflib.get_close_matches(word, known, n=1)
            if near:
                return f"; did you mean {near[0]}?"
        return ""

    def _with_commands(self) -> list[argparse.ArgumentParser]:
        """Return this parser and those of its commands."""
        found: list[argparse.ArgumentParser] = [self]
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    inner = isinstance(parser, Parser)
                    found += parser._with_commands() if inner else [parser]
        return found


class Options:
    """A group of options; one that is not given leaves no trace in the parsed arguments.

    Parameters
    ----------
    parser : ArgumentParser
    title : str
        Heading in the help.
    """

    def __init__(self, parser: argparse.ArgumentParser, title: str):
        self._group = parser.add_argument_group(title)

    def add(self, *flags: str, **settings: Any) -> None:
        """Add an option."""
        settings.setdefault("default", argparse.SUPPRESS)
        self._group.add_argument(*flags, **settings)

    def labels(self, prefix: str, *flags: str, **settings: Any) -> None:
        """Add an option that takes one or more labels, with or without their prefix."""
        self.add(*flags, nargs="+", type=label(prefix), metavar="LABEL", **settings)
