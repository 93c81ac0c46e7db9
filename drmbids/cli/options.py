"""The parser of all commands, and groups of options in it."""

import argparse
import difflib
import sys
from typing import Any, NoReturn

from drmbids.cli.arguments import label


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with what was probably meant, and not pages of usage."""

    def error(self, message: str) -> NoReturn:
        """Print a message and exit with 2."""
        words = message.partition("unrecognized arguments: ")[2].split()
        known = [flag for action in self._actions for flag in action.option_strings]
        for word in words:
            near = difflib.get_close_matches(word.split("=")[0], known, n=1)
            if near and word.startswith("-"):
                message += f"; did you mean {near[0]}?"
                break
        print(f"{self.prog}: error: {message} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)


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
