"""``drmbids``: parse, run the command, and turn what went wrong into one line and an exit code."""

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from drmbids.app.cli.bids_app import bids_app_parser
from drmbids.app.cli.commands import COMMANDS, CONFIGURATION
from drmbids.app.cli.tools import TOOLS, tools_parser
from drmbids.data.tools.exceptions import DRMError, ModelError
from drmbids.data.tools.interruption import Interrupted, stop_on_signals
from drmbids.data.tools.options_text import in_options

#: 128 + 2, what shells report for a program that Ctrl-C ended.
INTERRUPTED = 130

_GOES_ON = "what is finished is kept, and the same command goes on from there"

#: 128 + 13, what shells report for a program whose reader has gone.
PIPE_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process when absent.

    Returns
    -------
    int
        0, or an exit code: 1 some participants failed, 2 wrong option or model file, 65 unusable
        data, 70 internal error, 73 the output cannot be written or is another's, 75 stopped by
        SIGTERM or SIGUSR1, 130 by Ctrl-C.
    """
    command, arguments = parse(sys.argv[1:] if argv is None else list(argv))
    debug = bool(arguments.pop("debug", False))
    try:
        with stop_on_signals():
            return int(_run(command, arguments, debug) or 0)
    except Interrupted as stop:
        print(f"drmbids: {stop}; {_GOES_ON}", file=sys.stderr)
        return stop.exit_code
    except KeyboardInterrupt:
        print(f"drmbids: interrupted; {_GOES_ON}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read the output has gone; keep the interpreter from writing to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except DRMError as error:
        if debug:
            traceback.print_exc()
        lines = error.problems if isinstance(error, ModelError) else [" ".join(str(error).split())]
        for line in lines:
            print(f"drmbids: error: {in_options(line)}", file=sys.stderr)
        return error.exit_code
    except Exception as error:
        if debug:
            traceback.print_exc()
        path = _save_traceback(arguments.get("out_dir"))
        text = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"drmbids: internal error: {text} (traceback in {path})", file=sys.stderr)
        return DRMError.exit_code


def parse(argv: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the name of the command and its arguments, only those that were given.

    Parameters
    ----------
    argv : sequence of str

    Returns
    -------
    tuple of str and dict
    """
    argv = [_hyphens(argument) for argument in argv]
    is_tool = bool(argv) and argv[0] in TOOLS
    near = [] if is_tool else get_close_matches(argv[0] if argv else "", TOOLS, n=1, cutoff=0.7)
    if near and argv[0].isalpha() and not Path(argv[0]).exists():
        bids_app_parser().error(f"no folder or command {argv[0]!r}; did you mean {near[0]}?")
    arguments = vars((tools_parser() if is_tool else bids_app_parser()).parse_args(argv))
    verbose, quiet = arguments.pop("verbose", 0), arguments.pop("quiet", False)
    if verbose or quiet:
        arguments["verbosity"] = -1 if quiet else verbose
    return arguments.pop("command") if is_tool else arguments["level"], arguments


def _hyphens(argument: str) -> str:
    """Return an option with hyphens: BIDS-Apps take ``--participant_label`` too."""
    if not argument.startswith("--"):
        return argument
    option, equals, value = argument.partition("=")
    return option.replace("_", "-") + equals + value


def _run(command: str, arguments: dict[str, Any], debug: bool) -> int | None:
    """Import the command and call it, the levels of the BIDS-App with their configuration."""
    if "level" not in arguments:
        return COMMANDS[command](**arguments)
    config_file = arguments.pop("config_file", None)
    given = arguments | ({"debug": True} if debug else {})
    return COMMANDS[command](CONFIGURATION["resolve"](given, config_file))


def _save_traceback(out_dir: Path | None) -> Path:
    """Write the current traceback into the output's logs, or else a temporary file."""
    text = traceback.format_exc()
    folder = Path(out_dir) / "logs" if out_dir is not None and Path(out_dir).is_dir() else None
    if folder is not None:
        with suppress(OSError):
            folder.mkdir(exist_ok=True)
            return _new_file(folder, text)
    return _new_file(None, text)


def _new_file(folder: Path | None, text: str) -> Path:
    with tempfile.NamedTemporaryFile(
        "w", prefix="drmbids-crash-", suffix=".log", dir=folder, delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    return Path(file.name)
