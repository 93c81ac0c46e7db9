"""``drmbids check``: all that is wrong with data and models, in one table."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from drmbids.app.analysis.compared import load_models
from drmbids.app.analysis.config import Config, resolve_config
from drmbids.app.analysis.preflight import find_participants, ignored_participants, request_of
from drmbids.app.checks.check import inspect_runs
from drmbids.app.checks.inspection import told_by
from drmbids.app.checks.table import problem_table
from drmbids.bids.files.problems import Problem, ProblemError
from drmbids.data.tools.exceptions import DataError, ModelError
from drmbids.data.tools.options_text import in_options

_REMEDY = "correct the model file"


def run_check(
    bids_dir: Path, config_file: Path | None = None, as_json: bool = False, **options: Any
) -> int:
    """Print all that is wrong with data and models.

    Parameters
    ----------
    bids_dir : Path
        Root of the dataset.
    config_file : Path, optional
        TOML file with options, as the level ``participant`` takes it.
    as_json : bool
        Print a JSON list in place of the table.
    **options
        Fields of :class:`Config`.

    Returns
    -------
    int
        0 where there is no error (there may be warnings); 65 for an error in the data; 2 where
        all errors are in model files.

    Raises
    ------
    UsageError
        If an option is wrong.
    """
    # nothing is written: output and level are what a configuration cannot go without
    usual = {"out_dir": bids_dir / "derivatives" / "drmbids", "level": "participant"}
    config = resolve_config({**usual, **options, "bids_dir": bids_dir}, config_file)
    problems = [
        replace(p, found=in_options(p.found), remedy=in_options(p.remedy))
        for p in find_problems(config)
    ]
    if as_json:
        print(json.dumps([p.as_dict() for p in problems], indent=2, ensure_ascii=False))
    else:
        print(problem_table(problems, bids_dir, together=config.verbosity <= 0))
    return exit_code(problems)


def find_problems(config: Config) -> list[Problem]:
    """Return all that is wrong with the models and the participants of a configuration.

    Parameters
    ----------
    config : Config

    Returns
    -------
    list of Problem
        Each once.

    Raises
    ------
    UsageError
        If an option is wrong.
    """
    found: list[Problem] = []
    models = {}
    try:
        models = load_models(config.model)
    except ModelError as error:
        # they begin with file and line
        found += [told_by("MD01", t.partition(": ")[0], t, _REMEDY) for t in error.problems]
    try:
        subjects = find_participants(config)
    except ProblemError as error:
        return [*found, *error.problems]
    found += ignored_participants(config)
    for subject in subjects:
        found += inspect_runs(request_of(config, models, subject)).problems
    return [p for p in dict.fromkeys(found) if p.code not in config.ignore]


def exit_code(problems: list[Problem]) -> int:
    """Return the exit code of a check.

    Parameters
    ----------
    problems : list of Problem

    Returns
    -------
    int
    """
    errors = [p.code for p in problems if p.severity == "error"]
    if not errors:
        return 0
    return ModelError.exit_code if all(c.startswith("MD") for c in errors) else DataError.exit_code
