"""Participant level: each participant on its own, so that a bad one does not stop the others."""

import shutil
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

from drmbids.app.analysis.analysis import Analysed, analyse_participant
from drmbids.app.analysis.compared import describe_models, load_models
from drmbids.app.analysis.config import DRM, Config
from drmbids.app.analysis.logs import logger, logging_to, new_call_folder
from drmbids.app.analysis.overwrite import check_folder, left_otherwise
from drmbids.app.analysis.preflight import find_participants, ignored_participants
from drmbids.app.analysis.settings import settings_hash, settings_of, with_layout
from drmbids.app.jobs.earlier import (
    check_results,
    keep_foreign_files,
    keep_other_analyses,
    record_files,
    recorded_files,
    saved_methods,
)
from drmbids.app.jobs.locks import held
from drmbids.app.jobs.outcomes import Outcome, exit_code, write_outcomes
from drmbids.app.jobs.output import check_output, locked_participant, staged_participant
from drmbids.app.jobs.scratch import participant_units
from drmbids.app.jobs.side_by_side import run_side_by_side
from drmbids.app.jobs.workers import config_of_worker
from drmbids.app.report.folder import find_analyses
from drmbids.app.report.headline import all_headlines, scores_line, scores_over_participants
from drmbids.app.report.participant import write_participant_report
from drmbids.bids.derivatives import DerivativeDataset
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.data.iterators.device import check_device
from drmbids.data.storage.files import write_text
from drmbids.data.tools.exceptions import (
    DataError,
    DRMError,
    EarlierResultError,
    ModelError,
    OutputError,
)
from drmbids.data.tools.interruption import Interrupted, ask_to_stop, stop_asked, watching
from drmbids.data.tools.options_text import in_options

# Seconds that a call waits for another one to write the description of the dataset.
LOCK_WAIT_S = 60.0


def run_participants(config: Config) -> int:
    """Analyse participants, each on its own, and write the derivative dataset.

    Every participant is checked first. A run that cannot be used is logged and left out. A
    participant that fails is logged and listed, and the next one is taken; what an earlier call
    wrote for it stays. Fits that an earlier call finished are taken up. Processes that torchrun
    started do it together.

    Parameters
    ----------
    config : Config

    Returns
    -------
    int
        0; 1 if some participants failed and others did not, runs were left out, or fits of a model
        failed while others did not; the exit code
        of the error if all failed for the same reason; 75 if a stop was asked for
        (:mod:`drmbids.data.tools.interruption`), so that the same call goes on from there.

    Raises
    ------
    UsageError, DataError, OutputError
        If nothing can be analysed at all.
    """
    with config_of_worker(config) as own:
        return _run_all(own)


def _run_all(config: Config) -> int:
    """Analyse all participants that this process is asked for."""
    config = with_layout(config)
    check_output(config.bids_dir, config.out_dir)
    call = new_call_folder(config.out_dir)
    config.save(call / "config.toml")
    stop = call / "stop"
    with logging_to(call / "drmbids.log", config.verbosity), watching(stop):
        models, subjects = _begin(config)
        outcomes, crashed = [], False
        try:
            work = partial(_run_participant, models=models, call=call)
            for outcome in run_side_by_side(work, config, subjects, call):
                outcomes.append(outcome)
                crashed = crashed or (config.stop_on_first_crash and outcome.status == "failed")
                if crashed:
                    ask_to_stop()
        finally:
            stop.unlink(missing_ok=True)
            write_outcomes(outcomes, subjects, call / "participants.tsv")
        _say_scores(config.out_dir, outcomes)
        return exit_code(outcomes, stopped=stop_asked() and not crashed)


def _begin(config: Config) -> tuple[dict[str, ModelSpec], list[str]]:
    """Return models and participants; the output is a dataset before anything can go wrong."""
    try:
        models = load_models(config.model)
    except ModelError:
        _describe(config, describe_models([]), None)
        raise
    settings = settings_of(config, models)
    written_again = config.reports_only or config.boilerplate_only
    if not written_again:
        check_folder(config, settings)  # before what describes the folder is written
    told = None if written_again else settings_hash(settings)
    _describe(config, describe_models([*config.baselines, *(models or [DRM])]), told)
    check_device(config.device)
    torch.set_num_threads(config.n_threads)
    subjects = find_participants(config)
    for problem in ignored_participants(config):
        logger.warning("%s", problem)
    text = None if written_again else left_otherwise(config, settings, subjects)
    if text is not None:
        logger.warning("%s", text)
    return models, subjects


def _describe(config: Config, labels: Mapping[str, str], told: str | None) -> None:
    """Write what makes the folder a dataset."""
    dataset = derivative_dataset(config)
    with held(config.out_dir / ".dataset.lock", "dataset_description.json", wait=LOCK_WAIT_S):
        for text in dataset.write_description(labels, told or dataset.configuration_hash()):
            logger.warning("%s", text)


def derivative_dataset(config: Config, root: Path | None = None) -> DerivativeDataset:
    """Return the derivative dataset of a configuration, or one like it in another folder."""
    return DerivativeDataset(root or config.out_dir, config.bids_dir, config.derivatives)


def _run_participant(
    config: Config, subject: str, models: Mapping[str, ModelSpec], call: Path
) -> Outcome:
    """Analyse one participant; an error is logged and returned, not raised."""
    label, started = f"sub-{subject}", time.monotonic()
    logger.info("%s: started", label)
    try:
        with locked_participant(config.out_dir, subject):
            try:
                analysed = _analyse(config, models, subject, call)
            except EarlierResultError:
                raise  # the earlier result and its report stay as they are
            except Exception as error:
                text = _log_error(error, label, call, config.debug)
                _report_failure(config.out_dir, subject, text)
                return Outcome(subject, time.monotonic() - started, text, _code(error))
    except Interrupted as stop:
        text = f"{stop}; the same call goes on from there"
        logger.warning("%s: %s", label, text)
        return Outcome(subject, time.monotonic() - started, text, Interrupted.exit_code)
    except (OutputError, EarlierResultError) as error:
        # the lock: the participant is another's, or the folder is gone; or results to be kept
        text = _log_error(error, label, call, config.debug)
        return Outcome(subject, time.monotonic() - started, text, _code(error))
    _say_results(config.out_dir / label)
    seconds = time.monotonic() - started
    logger.info("%s: done in %.0f s, see %s", label, seconds, config.out_dir / f"{label}.html")
    return Outcome(subject, seconds, left_out=analysed.left_out, failed_fits=analysed.failed_fits)


def _say_results(folder: Path) -> None:
    """Log the scores of every model, and what stands on top of the report."""
    analyses = find_analyses(folder)
    for analysis in analyses:
        with suppress(DataError):  # the report says what is wrong with a table
            line = scores_line(analysis)
            if line is not None:
                logger.info("%s: %s", analysis.stem if len(analyses) > 1 else folder.name, line)
    for sentence in all_headlines(analyses):
        logger.info("%s: %s", folder.name, sentence)


def _say_scores(out_dir: Path, outcomes: Sequence[Outcome]) -> None:
    """Log the scores over the participants of a call, where there are several."""
    done = [outcome.subject for outcome in outcomes if outcome.status == "done"]
    with suppress(DataError):  # the reports say what is wrong with a table
        line = scores_over_participants([find_analyses(out_dir / f"sub-{s}") for s in done])
        if line is not None:
            logger.info("%s", line)


def _analyse(config: Config, models: Mapping[str, ModelSpec], subject: str, call: Path) -> Analysed:
    """Do what is asked for one participant; return what is to be told of it."""
    out_dir, label = config.out_dir, f"sub-{subject}"
    if config.reports_only:
        check_results(out_dir, subject, "--reports-only")
        with recorded_files(out_dir / label):
            write_participant_report(out_dir, subject)
        return Analysed("")
    if config.boilerplate_only:
        check_results(out_dir, subject, "--boilerplate-only")
        write_text(out_dir / "logs" / "CITATION.md", saved_methods(out_dir, subject))
        return Analysed("")
    with (
        participant_units(config, subject) as units,
        staged_participant(out_dir, subject) as stage,
    ):
        dataset = derivative_dataset(config, stage)
        analysed = analyse_participant(config, models, subject, dataset, units)
        keep_other_analyses(out_dir / label, stage / label)
        _report(stage, subject, call)
        foreign = keep_foreign_files(out_dir / label, stage / label)
        record_files(stage / label, foreign)
    write_text(out_dir / "logs" / "CITATION.md", analysed.methods)
    return analysed


def _log_error(error: Exception, label: str, call: Path, debug: bool) -> str:
    """Log an error, its traceback in the file only, and return it as one line."""
    text = in_options(" ".join(str(error).split()))
    if not isinstance(error, DRMError):
        text = f"internal error: {type(error).__name__}: {text} (traceback in {call})"
    logger.error("%s: %s", label, text)
    logger.debug("%s: traceback", label, exc_info=error)
    if debug:
        traceback.print_exception(error)
    return text


def _code(error: Exception) -> int:
    return error.exit_code if isinstance(error, DRMError) else DRMError.exit_code


def _report(stage: Path, subject: str, call: Path) -> None:
    """Write the report beside the staged files, which lack the logs that it shows."""
    shutil.copytree(call, stage / "logs" / call.name)
    write_participant_report(stage, subject)


def _report_failure(out_dir: Path, subject: str, text: str) -> None:
    """Write a report that says what went wrong; a fault in it must not hide the first one."""
    try:
        with recorded_files(out_dir / f"sub-{subject}"):
            write_participant_report(out_dir, subject, failure=text)
    except Exception as error:
        logger.error("sub-%s: no report could be written: %s", subject, error)
