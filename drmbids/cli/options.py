"""A group of options in a parser."""

import argparse
from typing import Any

from drmbids.cli.arguments import label


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
