"""The parser of ``drmbids BIDS_DIR OUT_DIR {participant,group}``."""

import argparse
from pathlib import Path
from typing import get_args

import drmbids
from drmbids.app.analysis.choices import Baseline, BaselineHRF, Intervals, Level, OutputLayout
from drmbids.app.cli.arguments import EACH, NamedSpaces, megabytes, positive
from drmbids.app.cli.foreign import add_foreign
from drmbids.app.cli.options import Options, Parser
from drmbids.app.cli.selection import add_folds, add_reading, add_selection

#: What each exit code says.
EXIT_CODES = {
    0: "all done",
    1: "some participants or runs failed, the others are complete",
    2: "wrong option or model file",
    65: "data that cannot be used",
    70: "internal error",
    73: "the output cannot be written, or another process works on it",
    75: "stopped by SIGTERM or SIGUSR1; the same command goes on from there",
    130: "stopped by Ctrl-C; the same command goes on from there",
}

_EPILOG = """\
other commands (each with its own --help):
  drmbids check BIDS_DIR             list all that is wrong with data and models, before any fit
  drmbids demo [OUT_DIR]             fit and compare two models on data that come with the package
  drmbids simulate MODEL OUT_DIR     draw a BIDS dataset from a model file
  drmbids model {new,validate,show,schema}
                                     write, check and read model files
  drmbids cluster BIDS_DIR OUT_DIR SCRIPT
                                     write a batch script with one job for each participant
  drmbids descriptor                 print the Boutiques descriptor of this command

Options may be spelled with underscores (--participant_label), labels with prefix (sub-01).

exit codes:
"""


def bids_app_parser() -> argparse.ArgumentParser:
    """Return the parser; names of the parsed arguments are those of the configuration."""
    parser = Parser(
        prog="drmbids",
        description="Dynamic representational models of a BIDS dataset: trained end to end on "
        "measured runs, compared by how well they predict runs they have not seen.",
        epilog=_EPILOG + "".join(f"  {code} {text}\n" for code, text in EXIT_CODES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("bids_dir", type=Path, help="root of the BIDS dataset")
    parser.add_argument(
        "out_dir", type=Path, help="derivative to write, usually BIDS_DIR/derivatives/drmbids"
    )
    parser.add_argument(
        "level",
        choices=get_args(Level),
        help="participant: fit and compare models; group: gather the participants' results",
    )
    add_all_options(parser)
    parser.add_argument("--version", action="version", version=f"drmbids {drmbids.__version__}")
    return parser


def add_all_options(parser: argparse.ArgumentParser) -> None:
    """Add everything but the folders and the level."""
    add_selection(Options(parser, "which data"))
    add_reading(Options(parser, "how they are read"))
    add_models(Options(parser, "models"))
    _add_running(Options(parser, "running"))
    _add_resources(Options(parser, "processors, memory and interrupted work"))
    add_foreign(Options(parser, "options of other BIDS-Apps"))


def add_models(options: Options) -> None:
    """Add the options that say which models are fitted, and what is asked of them."""
    options.add(
        "-m",
        "--model",
        nargs="+",
        action="extend",
        type=Path,
        metavar="FILE",
        help="model files (drmbids model new) to compare with each other and the linear model; "
        "when not given, one population for each region",
    )
    options.add("--n-epochs", type=positive(int), metavar="N", help="passes over the runs")
    add_folds(options)
    options.add(
        "--baselines",
        nargs="+",
        choices=get_args(Baseline),
        help="what is compared beside the models and the GLM, which is always there; freehrf and "
        "mean when not given, 'glm' alone for nothing more",
    )
    options.add(
        "--baseline-hrf",
        choices=get_args(BaselineHRF),
        help="HRF of the linear model that the DRM is compared with",
    )
    options.add(
        "--n-permutations",
        type=positive(int, zero=True),
        metavar="N",
        help="of the test of each voxel against chance; 1000 when not given, 0 for no test",
    )
    options.add(
        "--variance-parts",
        action=NamedSpaces,
        nargs="+",
        metavar="[NAME=]TRIAL_TYPE,...",
        help="divide explained variance between groups of trial types, or between all of them with "
        f"the word {EACH!r}, and between model files of which one holds all that others have",
    )
    options.add(
        "--intervals",
        choices=get_args(Intervals),
        help="of physical parameters; bootstrap fits each model 100 times, jackknife 10 or more",
    )


def _add_running(options: Options) -> None:
    options.add("--device", metavar="NAME", help="cpu, cuda, cuda:1; an absent one is an error")
    options.add(
        "--random-seed", type=positive(int, zero=True), metavar="N", help="of initial weights"
    )
    add_config_file(options)
    add_ignore(options)
    options.add("--reports-only", action="store_true", help="write the reports again, nothing else")
    options.add(
        "--boilerplate-only",
        action="store_true",
        help="write the methods text (logs/CITATION.md) again, nothing else",
    )
    options.add(
        "--output-layout",
        choices=get_args(OutputLayout),
        help="bids: OUT_DIR holds one configuration; multiverse: each has a derivative dataset of "
        "its own in OUT_DIR/hash-<hash>",
    )
    options.add(
        "--overwrite",
        action="store_true",
        help="replace results in OUT_DIR that were made with other settings or runs, else an error",
    )
    options.add(
        "--stop-on-first-crash", action="store_true", help="end when one participant failed"
    )
    options.add("--debug", action="store_true", help="show tracebacks")
    add_verbosity(options)


def _add_resources(options: Options) -> None:
    options.add(
        "--n-cpus",
        "--nprocs",
        "--nthreads",
        type=positive(int),
        metavar="N",
        help="processors: participants, or the folds of one, are shared among N / n-threads "
        "processes; 1 when not given",
    )
    options.add(
        "--n-threads",
        "--omp-nthreads",
        type=positive(int),
        metavar="N",
        help="threads of each process; 1 when not given, as small models are slower on more",
    )
    options.add(
        "--n-models-at-once",
        type=positive(int),
        metavar="N",
        help="fits trained side by side; more than 1 is faster for small models with feedback",
    )
    options.add(
        "--mem-mb",
        "--mem",
        type=megabytes,
        metavar="MB",
        help="memory of all processes together, in MB or as 16GB; fewer run at once where it is "
        "little",
    )
    options.add(
        "-w",
        "--work-dir",
        type=Path,
        metavar="DIR",
        help="where fits are kept, finished and on the way, so that the same command goes on where "
        "it was stopped; in OUT_DIR, until the participant is complete, when not given",
    )
    options.add(
        "--clean-workdir",
        action="store_true",
        help="remove a participant's fits from the work folder when it is complete",
    )
    options.add(
        "--checkpoint-minutes",
        type=positive(float, zero=True),
        metavar="MIN",
        help="what is lost at most of a fit that is killed without notice; 10 when not given",
    )


def add_config_file(options: Options) -> None:
    """Add ``--config-file``, or ``--config``."""
    options.add(
        "--config-file",
        "--config",
        metavar="FILE",
        help="TOML with any of these options, as in logs/*/config.toml; the command line overrides",
    )


def add_ignore(options: Options) -> None:
    """Add ``--ignore``."""
    options.add(
        "--ignore",
        nargs="+",
        metavar="CODE",
        help="codes of warnings about the data that are not wanted, such as EV06",
    )


def add_verbosity(options: Options) -> None:
    """Add ``-v`` and ``-q``."""
    options.add("-v", "--verbose", action="count", help="more messages")
    options.add("-q", "--quiet", action="store_true", help="errors and warnings only")
