"""The Boutiques descriptor of the command line, made from its parser.

Boutiques (Glatard et al. 2018, GigaScience 7:giy016, https://boutiques.github.io) describes a
command line so that platforms can offer it and run it in a container.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import drmbids
from drmbids.app.cli.arguments import NamedPaths, filters, megabytes, positive
from drmbids.app.cli.bids_app import EXIT_CODES, bids_app_parser
from drmbids.app.cli.foreign import Elsewhere, Nothing

#: Version of the schema that the descriptor follows.
SCHEMA = "0.5"
# Where the image is published is not settled: the name is that of an image built from Dockerfile.
_IMAGE = "drmbids:latest"


def descriptor(parser: argparse.ArgumentParser | None = None) -> dict[str, Any]:
    """Return the descriptor as an object for JSON.

    Parameters
    ----------
    parser : ArgumentParser, optional
        That of ``drmbids BIDS_DIR OUT_DIR {participant,group}`` when absent.

    Examples
    --------
    >>> found = descriptor()
    >>> found["command-line"].split()[:4]
    ['drmbids', '[BIDS_DIR]', '[OUT_DIR]', '[LEVEL]']
    """
    parser = parser or bids_app_parser()
    inputs = [_input(a) for a in parser._actions if not isinstance(a, _NO_INPUT)]
    return {
        "name": "drmbids",
        "description": " ".join((parser.description or "").split()),
        "tool-version": drmbids.__version__,
        "schema-version": SCHEMA,
        "command-line": " ".join(["drmbids", *(i["value-key"] for i in inputs)]),
        "container-image": {"type": "docker", "image": _IMAGE},
        "inputs": inputs,
        "output-files": [
            {
                "id": "derivative",
                "name": "BIDS derivative dataset",
                "path-template": "[OUT_DIR]",
                "optional": False,
            }
        ],
        "error-codes": [
            {"code": code, "description": meaning} for code, meaning in EXIT_CODES.items() if code
        ],
    }


def print_descriptor() -> None:
    """Print the descriptor as JSON."""
    print(json.dumps(descriptor(), indent=2))


_NO_INPUT = (argparse._HelpAction, argparse._VersionAction, Nothing, Elsewhere)


def _input(action: argparse.Action) -> dict[str, Any]:
    """Return one input from an argument of the parser."""
    flags = [flag for flag in action.option_strings if flag.startswith("--")]
    found: dict[str, Any] = {
        "id": action.dest,
        "name": action.dest.replace("_", " "),
        "description": action.help or "",
        "value-key": f"[{action.dest.upper()}]",
        "optional": bool(action.option_strings),
        **_kind(action),
    }
    if flags:
        found["command-line-flag"] = flags[0]
    if action.nargs == "+":
        found["list"] = True
    if action.choices is not None:
        found["value-choices"] = list(action.choices)
    return found


def _kind(action: argparse.Action) -> dict[str, Any]:
    """Return the type of an input, and the limits of a number."""
    if action.nargs == 0:
        return {"type": "Flag"}
    if isinstance(action.type, positive):
        number = {"type": "Number", "minimum": 0, "exclusive-minimum": not action.type.zero}
        return number | ({"integer": True} if action.type.kind is int else {})
    if action.type is megabytes:  # platforms give the number alone
        return {"type": "Number", "minimum": 0, "exclusive-minimum": True, "integer": True}
    # name=path is no path that a platform could move; a list of labels or columns is none either
    is_path = action.type in (Path, filters) and not isinstance(action, NamedPaths)
    return {"type": "File" if is_path or action.dest == "config_file" else "String"}
