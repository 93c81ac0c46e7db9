"""The parsers of the commands beside the BIDS-App: ``drmbids check``, ``drmbids demo`` ..."""

import argparse
from pathlib import Path

from drmbids.app.cli.arguments import positive
from drmbids.app.cli.bids_app import add_verbosity
from drmbids.app.cli.check import add_check
from drmbids.app.cli.cluster import add_cluster
from drmbids.app.cli.options import Options, Parser
from drmbids.brain.populations import POPULATIONS

#: First words that are commands, not a BIDS folder (`./demo` names a folder of that name).
TOOLS = ("check", "demo", "simulate", "model", "cluster", "descriptor")


def tools_parser() -> argparse.ArgumentParser:
    """Return the parser; ``command`` in its result is a name of the command registry."""
    parser = Parser(prog="drmbids", allow_abbrev=False)
    commands = parser.add_subparsers(required=True)
    add_check(commands.add_parser("check", help="list all that is wrong with a BIDS dataset"))
    _add_demo(commands.add_parser("demo", help="fit and compare models on packaged data"))
    _add_simulate(commands.add_parser("simulate", help="draw a BIDS dataset from a model file"))
    add_cluster(commands.add_parser("cluster", help="write a script for a cluster"))
    described = commands.add_parser("descriptor", help="print the Boutiques descriptor")
    described.set_defaults(command="descriptor")
    _add_common(described)
    model = commands.add_parser("model", help="write, check and read model files")
    _add_model(model.add_subparsers(required=True))
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.description = "Fit and compare two models on the data that come with the package."
    parser.add_argument(
        "out_dir",
        nargs="?",
        type=Path,
        help="folder to write, drmbids_demo when not given",
    )
    options = Options(parser, "how it runs")
    options.add("--n-epochs", type=positive(int), metavar="N", help="passes over the runs")
    add_verbosity(options)
    _add_common(parser)
    parser.set_defaults(command="demo")


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.description = "Draw a BIDS dataset from a model file."
    parser.add_argument("model", type=Path, help="model file")
    parser.add_argument("out_dir", type=Path, help="BIDS dataset to write")
    options = Options(parser, "what is drawn")
    options.add("--n-participants", type=positive(int), metavar="N")
    options.add("--n-runs", type=positive(int), metavar="N", help="runs of each participant")
    options.add("--n-volumes", type=positive(int), metavar="N", help="volumes of each run")
    options.add("--n-voxels", type=positive(int), metavar="N", help="voxels of each region")
    options.add("--tr", type=positive(float), metavar="S", help="repetition time")
    options.add(
        "--noise",
        type=positive(float, zero=True),
        metavar="SD",
        help="standard deviation of the noise of a voxel, whose mean is 1000",
    )
    options.add("--snr", type=positive(float), metavar="RATIO", help="signal over noise instead")
    options.add("--random-seed", type=positive(int, zero=True), metavar="N", help="of all draws")
    _add_common(parser)
    parser.set_defaults(command="simulate")


def _add_model(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    new = commands.add_parser("new", help="write a model file to start from")
    new.description = "Write a model file to start from: all regions driven, all connected."
    new.add_argument("path", type=Path, help="model file to write, .yaml or .json")
    options = Options(new, "what is in it")
    options.add("--region", nargs="+", dest="regions", metavar="NAME", help="one population each")
    options.add("--condition", nargs="+", dest="conditions", metavar="NAME", help="trial types")
    options.add("--population", choices=tuple(POPULATIONS), help="kind of population")
    options.add("--force", action="store_true", help="replace the file")
    new.set_defaults(command="model new")
    for name, text in (("validate", "list every fault"), ("show", "print populations and tables")):
        parser = commands.add_parser(name, help=f"read a model file and {text}")
        parser.add_argument("path", type=Path, help="model file")
        parser.set_defaults(command=f"model {name}")
        if name == "show":
            parser.add_argument(
                "--python", action="store_true", help="print a script that builds the model"
            )
    schema = commands.add_parser("schema", help="print the JSON Schema of model files")
    schema.set_defaults(command="model schema")
    for parser in commands.choices.values():
        _add_common(parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.allow_abbrev = False
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
