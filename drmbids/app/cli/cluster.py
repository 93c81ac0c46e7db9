"""The parser of ``drmbids cluster``."""

import argparse
from pathlib import Path

from drmbids.app.cli.arguments import positive
from drmbids.app.cli.bids_app import add_all_options
from drmbids.app.cli.options import Options


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: those of ``participant``, and what is asked for jobs."""
    parser.description = (
        "Write a batch script that runs each participant as one job of an array, and beside it "
        "the configuration that its jobs use."
    )
    parser.add_argument("bids_dir", type=Path, help="root of the BIDS dataset")
    parser.add_argument("out_dir", type=Path, help="derivative to write")
    parser.add_argument("script", type=Path, help="batch script to write")
    options = Options(parser, "jobs")
    options.add("--scheduler", choices=("slurm",), help="whose script it is, slurm by default")
    options.add("--time", metavar="TIME", help="limit of a job, such as 2:00:00")
    options.add("--partition", metavar="NAME", help="partition that jobs are sent to")
    options.add("--n-jobs-at-once", type=positive(int), metavar="N", help="jobs at the same time")
    add_all_options(parser)
    parser.allow_abbrev = False
    parser.set_defaults(command="cluster")
