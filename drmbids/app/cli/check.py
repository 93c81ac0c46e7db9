"""The parser of ``drmbids check``."""

import argparse
from pathlib import Path

from drmbids.app.cli.bids_app import add_config_file, add_ignore, add_models, add_verbosity
from drmbids.app.cli.options import Options
from drmbids.app.cli.selection import add_reading, add_selection

_DESCRIPTION = """\
List all that is wrong with the runs of a BIDS dataset, and with models for them, as far as it can
be known without training. Every line of the table names a file, what is there, and what to do.
"""

_EPILOG = """\
exit codes:
  0 no error (there may be warnings); 2 wrong option, or errors in model files only;
  65 errors in the data
"""


def add_check(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command; those that choose are the ones of ``participant``."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("bids_dir", type=Path, help="root of the BIDS dataset")
    add_selection(Options(parser, "which data"))
    add_reading(Options(parser, "how they are read"))
    add_models(Options(parser, "models"))
    options = Options(parser, "what is shown")
    add_ignore(options)
    options.add("--json", dest="as_json", action="store_true", help="a JSON list, not a table")
    add_config_file(options)
    add_verbosity(options)
    options.add("--debug", action="store_true", help="show tracebacks")
    parser.allow_abbrev = False
    parser.set_defaults(command="check")
